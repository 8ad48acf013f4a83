/* What a commit does to records: which must not have moved, and what becomes of their hashes.
 *
 * A hash is written whole, serialised (dump.h), wherever all that belongs into it is known: a
 * record that has its hash for itself, an execution together with its first attempt, and one that
 * has had none. Else only the fields that change are written: an execution whose first attempt
 * rests meanwhile. */
#include <stdlib.h>

#include "backends/valkey/dump.h"
#include "backends/valkey/lists.h"

/* Hashes that are arguments of their own. */
#define HASHES_MAX 100000

enum role {
    ROLE_WHOLE,  /* its hash, and its partner's record in it */
    ROLE_JOINED, /* in its partner's */
    ROLE_FIELDS
};

struct ff_vk_written {
    enum role role;
    const struct ff_write *partner; /* the other record of the same hash in this commit */
};

/* ---- which records share a hash ---- */

static bool
shares(const struct ff_write *write)
{
    return write->kind == FF_R_EXEC || ff_valkey_is_guest(write->kind, &write->key);
}

/* Those of one hash stand side by side then, the execution first. */
static int
hash_cmp(const void *a, const void *b)
{
    const struct ff_write *x = *(const struct ff_write *const *) a;
    const struct ff_write *y = *(const struct ff_write *const *) b;
    int order = memcmp(x->key.b, y->key.b, FF_VALKEY_HOST_KEY);

    return order != 0 ? order : (int) x->kind - (int) y->kind;
}

static bool
of_one_hash(const struct ff_write *a, const struct ff_write *b)
{
    return memcmp(a->key.b, b->key.b, FF_VALKEY_HOST_KEY) == 0;
}

/* The record as a struct; NULL: its stored form cannot be read. */
static const void *
record_of(struct valkey *valkey, const struct ff_write *write)
{
    void *record = NULL;
    struct ff_fault fault = { 0 };

    if (write->record != NULL) {
        return write->record;
    }
    record = ff_arena_zalloc(&valkey->scratch, ff_records[write->kind]->size);
    return ff_row_decode(write->kind, write->body, &valkey->scratch, record, &fault) == FF_E_OK
               ? record
               : NULL;
}

/* Whether an execution that is written without its first attempt has none. */
static bool
is_alone(struct valkey *valkey, const struct ff_write *write)
{
    const struct ff_exec *exec = write->deleted ? write->before : record_of(valkey, write);
    struct ff_key first = write->key;

    if (exec == NULL) {
        return false;
    }
    memset(first.b + FF_VALKEY_HOST_KEY, 0, 4);
    first.n = FF_VALKEY_HOST_KEY + 4;
    return ff_record_ruled_out(FF_R_ATTEMPT, &first, exec);
}

static void
place(struct valkey *valkey, struct ff_vk_writes *out, const struct ff_write *write,
      const struct ff_write *partner)
{
    struct ff_vk_written *of = &out->of[write - out->commit->writes];

    of->partner = partner;
    if (write->kind != FF_R_EXEC) {
        of->role = partner != NULL ? ROLE_JOINED : ROLE_FIELDS;
    } else {
        of->role = partner != NULL || is_alone(valkey, write) ? ROLE_WHOLE : ROLE_FIELDS;
    }
}

void
ff_vk_writes_place(struct valkey *valkey, const struct ff_commit *commit, struct ff_vk_writes *out)
{
    const struct ff_write **shared =
        FF_ARENA_NEW(&valkey->scratch, const struct ff_write *, commit->n_writes + 1u);
    uint32_t n = 0;

    out->commit = commit;
    out->of = ff_arena_zalloc(&valkey->scratch, (commit->n_writes + 1u) * sizeof(*out->of));
    for (uint32_t i = 0; i < commit->n_writes; i++) {
        if (shares(&commit->writes[i])) {
            shared[n++] = &commit->writes[i];
        }
    }
    qsort(shared, n, sizeof(*shared), hash_cmp);
    for (uint32_t i = 0; i < n; i++) {
        const struct ff_write *partner = NULL;

        if (i > 0 && of_one_hash(shared[i - 1], shared[i])) {
            partner = shared[i - 1];
        } else if (i + 1 < n && of_one_hash(shared[i], shared[i + 1])) {
            partner = shared[i + 1];
        }
        place(valkey, out, shared[i], partner);
    }
}

/* ---- what must not have moved ---- */

/* The lists of checks, in the order in which they are sent. */
enum check { CHECK_NONE, CHECK_AT, CHECK_BOTH, CHECK_FIRST, CHECKS, CHECK_NOTHING };
static const char *const verbs[CHECKS] = { "NONE", "AT", "BOTH", "FIRST" };

static bool
goes_with_both(const struct ff_write *exec, const struct ff_write *attempt)
{
    return attempt != NULL && !exec->unseen && exec->version_from > 0 && !attempt->unseen;
}

static enum check
check_of(const struct ff_write *write, const struct ff_vk_written *of)
{
    if (write->unseen) {
        return CHECK_NOTHING;
    }
    if (ff_valkey_is_guest(write->kind, &write->key)) {
        return of->partner != NULL && goes_with_both(of->partner, write) ? CHECK_NOTHING
                                                                         : CHECK_FIRST;
    }
    if (write->kind == FF_R_EXEC && goes_with_both(write, of->partner)) {
        return CHECK_BOTH;
    }
    return write->version_from == 0 ? CHECK_NONE : CHECK_AT;
}

static void
put_key(struct valkey *valkey, const struct ff_write *write)
{
    struct ff_valkey_name name;

    (void) ff_valkey_place(write->kind, &write->key, &valkey->counts, &name);
    ff_vk_list_key(valkey, &name);
}

/* What is not there has no version. */
static void
put_version(struct waiting_commit *waiting, const struct ff_write *write)
{
    if (write->version_from == 0) {
        ff_vk_list_text(waiting, ff_str("", 0));
    } else {
        ff_vk_list_number(waiting, write->version_from);
    }
}

static void
note(struct waiting_commit *waiting, const struct ff_vk_writes *writes,
     const struct ff_write *write)
{
    waiting->checks = ff_grow(waiting->checks, &waiting->checks_room, waiting->n_checks,
                              sizeof(*waiting->checks));
    waiting->checks[waiting->n_checks++] = (uint32_t) (write - writes->commit->writes);
}

static void
put_check(struct valkey *valkey, const struct ff_vk_writes *writes, uint32_t i, enum check check)
{
    struct waiting_commit *waiting = valkey->making;
    const struct ff_write *write = &writes->commit->writes[i];

    note(waiting, writes, write);
    put_key(valkey, write);
    if (check != CHECK_NONE) {
        put_version(waiting, write);
    }
    if (check == CHECK_BOTH) {
        note(waiting, writes, writes->of[i].partner);
        put_version(waiting, writes->of[i].partner);
    }
}

void
ff_vk_writes_checks(struct valkey *valkey, const struct ff_vk_writes *writes)
{
    struct waiting_commit *waiting = valkey->making;

    for (enum check check = CHECK_NONE; check < CHECKS; check++) {
        bool open = false;

        for (uint32_t i = 0; i < writes->commit->n_writes; i++) {
            if (check_of(&writes->commit->writes[i], &writes->of[i]) != check) {
                continue;
            }
            if (!open) {
                ff_vk_list_begin(waiting, verbs[check]);
            }
            put_check(valkey, writes, i, check);
            open = ff_vk_list_goes_on(waiting);
        }
        if (open) {
            ff_vk_list_finish(waiting);
        }
    }
}

/* ---- whole hashes ---- */

static bool
is_gone(const struct ff_write *write, const struct ff_vk_written *of)
{
    return write->deleted && (of->partner == NULL || of->partner->deleted);
}

static struct ff_str
dump_of(struct valkey *valkey, const struct ff_write *write, const struct ff_vk_written *of)
{
    struct ff_resp *dump = &valkey->making->dump;
    struct ff_valkey_part parts[2];
    uint32_t n = 0;

    if (!write->deleted) {
        parts[n++] = (struct ff_valkey_part){ "", write, record_of(valkey, write) };
    }
    if (of->partner != NULL && !of->partner->deleted) {
        parts[n++] =
            (struct ff_valkey_part){ FF_VALKEY_FIRST, of->partner, record_of(valkey, of->partner) };
    }
    dump->n = 0;
    ff_valkey_dump(parts, n, &valkey->scratch, dump);
    return ff_str(dump->p, dump->n);
}

static bool
is_whole(const struct ff_vk_writes *writes, uint32_t i, bool gone)
{
    return writes->of[i].role == ROLE_WHOLE &&
           is_gone(&writes->commit->writes[i], &writes->of[i]) == gone;
}

uint32_t
ff_vk_writes_large(struct valkey *valkey, const struct ff_vk_writes *writes)
{
    struct waiting_commit *waiting = valkey->making;
    struct ff_valkey_name name;
    uint32_t n = 0, end = 0;

    for (; end < writes->commit->n_writes && n < HASHES_MAX; end++) {
        n += is_whole(writes, end, false);
    }
    waiting->n_args = 1 + 2 * n + 1; /* and the lists */
    ff_resp_u64(&waiting->args, n);
    ff_vk_commit_begin(valkey);
    for (uint32_t i = 0; i < end; i++) {
        const struct ff_write *write = &writes->commit->writes[i];

        if (is_whole(writes, i, false)) {
            (void) ff_valkey_place(write->kind, &write->key, &valkey->counts, &name);
            ff_vk_key(valkey, &waiting->args, ff_str(name.b, name.n));
            ff_resp_arg(&waiting->args, dump_of(valkey, write, &writes->of[i]));
            ff_vk_commit_stream(valkey);
        }
    }
    return end;
}

static void
put_whole(struct valkey *valkey, const struct ff_vk_writes *writes, uint32_t from, bool gone)
{
    struct waiting_commit *waiting = valkey->making;
    bool open = false;

    for (uint32_t i = from; i < writes->commit->n_writes; i++) {
        const struct ff_write *write = &writes->commit->writes[i];

        if (!is_whole(writes, i, gone)) {
            continue;
        }
        if (!open) {
            ff_vk_list_begin(waiting, gone ? "DEL" : "RECORDS");
        }
        put_key(valkey, write);
        if (!gone) {
            ff_vk_list_text(waiting, dump_of(valkey, write, &writes->of[i]));
        }
        open = ff_vk_list_goes_on(waiting);
    }
    if (open) {
        ff_vk_list_finish(waiting);
    }
}

/* ---- fields of hashes ---- */

/* One record of a hash whose other one stays as it is. */
struct changing {
    const struct ff_write *write;
    const struct ff_desc *desc;
    const void *record; /* NULL: to be removed, or unreadable */
    const void *before; /* NULL: not known */
    struct ff_str prefix;
};

static bool
has(const struct changing *changing, const void *record, const struct ff_field *field)
{
    return record != NULL && ff_valkey_field_there(changing->desc, field, record);
}

static bool
stays(const struct changing *changing, const struct ff_field *field)
{
    return has(changing, changing->before, field) &&
           ff_field_alike(changing->desc, field, changing->before, changing->record);
}

static void
put_fields(struct valkey *valkey, const struct changing *changing)
{
    struct waiting_commit *waiting = valkey->making;

    ff_vk_list_begin(waiting, "HSET");
    put_key(valkey, changing->write);
    ff_vk_list_word(waiting, changing->prefix, ff_cstr(FF_VALKEY_VERSION));
    ff_vk_list_number(waiting, changing->write->version);
    if (changing->record == NULL) {
        ff_vk_list_word(waiting, changing->prefix, ff_cstr(FF_VALKEY_RAW));
        ff_vk_list_text(waiting, changing->write->body);
    }
    for (uint32_t i = 0; i < changing->desc->n; i++) {
        const struct ff_field *field = &changing->desc->fields[i];

        if (has(changing, changing->record, field) && !stays(changing, field)) {
            ff_vk_list_word(waiting, changing->prefix, ff_str(field->name, field->name_n));
            ff_vk_list_text(waiting,
                            ff_valkey_field_text(field, changing->record, &valkey->scratch));
        }
    }
    ff_vk_list_finish(waiting);
}

static void
remove_field(struct valkey *valkey, const struct changing *changing, bool *open, struct ff_str name)
{
    if (!*open) {
        ff_vk_list_begin(valkey->making, "HDEL");
        put_key(valkey, changing->write);
        *open = true;
    }
    ff_vk_list_word(valkey->making, changing->prefix, name);
}

static void
remove_fields(struct valkey *valkey, const struct changing *changing)
{
    bool open = false;

    for (uint32_t i = 0; i < changing->desc->n; i++) {
        const struct ff_field *field = &changing->desc->fields[i];

        if (!has(changing, changing->record, field) &&
            (changing->before == NULL || has(changing, changing->before, field))) {
            remove_field(valkey, changing, &open, ff_str(field->name, field->name_n));
        }
    }
    if (changing->write->deleted) {
        remove_field(valkey, changing, &open, ff_cstr(FF_VALKEY_VERSION));
    }
    if (changing->before == NULL && (changing->write->deleted || changing->record != NULL)) {
        remove_field(valkey, changing, &open, ff_cstr(FF_VALKEY_RAW));
    }
    if (open) {
        ff_vk_list_finish(valkey->making);
    }
}

static void
put_change(struct valkey *valkey, const struct ff_write *write)
{
    const struct changing changing = {
        .write = write,
        .desc = ff_records[write->kind],
        .record = write->deleted ? NULL : record_of(valkey, write),
        .before = write->version_from > 0 ? write->before : NULL,
        .prefix = ff_cstr(write->kind == FF_R_EXEC ? "" : FF_VALKEY_FIRST),
    };

    if (!write->deleted) {
        put_fields(valkey, &changing);
    }
    if (write->version_from > 0 || write->unseen) {
        remove_fields(valkey, &changing);
    }
}

void
ff_vk_writes_rest(struct valkey *valkey, const struct ff_vk_writes *writes, uint32_t from)
{
    put_whole(valkey, writes, from, false);
    put_whole(valkey, writes, 0, true);
    for (uint32_t i = 0; i < writes->commit->n_writes; i++) {
        if (writes->of[i].role == ROLE_FIELDS) {
            put_change(valkey, &writes->commit->writes[i]);
        }
    }
}
