/* A commit's batch as arguments of the server-side function (function.c): its records, two
 * arguments each, then a few lists of words, each packed by msgpack into one argument. The first
 * word of a list says what is to be done with the others. The server's language hashes every byte
 * of every argument and word, so what is large had better be no part of a list; but the server
 * takes no more than a million arguments. */
#include <stdio.h>
#include <stdlib.h>

#include "backends/valkey/dump.h"
#include "backends/valkey/valkey_int.h"

/* Words of one list: the server's language hands over no more than 8000 at a time. */
#define WORDS_MAX 4000
/* Records that are arguments of their own. */
#define RECORDS_MAX 100000
/* Bytes after which a list ends. */
#define LIST_BYTES 65536

/* ---- lists ---- */

static void
put_word(struct waiting_commit *waiting, struct ff_str a, struct ff_str b)
{
    uint32_t n = a.n + b.n;
    char *p = ff_resp_room(&waiting->list, (size_t) n + 5);
    uint32_t at = 1;

    if (n < 32) {
        p[0] = (char) (0xa0 | n);
    } else {
        p[0] = (char) 0xdb;
        for (; at < 5; at++) {
            p[at] = (char) (n >> 8 * (4 - at));
        }
    }
    if (a.n > 0) {
        memcpy(p + at, a.p, a.n);
    }
    if (b.n > 0) {
        memcpy(p + at + a.n, b.p, b.n);
    }
    waiting->list.n += at + n;
    waiting->n_words++;
}

static void
put_text(struct waiting_commit *waiting, struct ff_str text)
{
    put_word(waiting, text, ff_str(NULL, 0));
}

static void
put_number(struct waiting_commit *waiting, uint64_t value)
{
    char digits[20];

    put_text(waiting, ff_str(digits, ff_resp_digits(digits, value)));
}

static void
put_key(struct valkey *valkey, const struct ff_valkey_name *name)
{
    put_word(&valkey->commit, valkey->options.prefix, ff_str(name->b, name->n));
}

static void
put_plain_key(struct valkey *valkey, const char *name)
{
    put_word(&valkey->commit, valkey->options.prefix, ff_cstr(name));
}

static void
put_record_key(struct valkey *valkey, const struct ff_write *write)
{
    struct ff_valkey_name name;

    ff_valkey_record_name(write->kind, &write->key, &valkey->counts, &name);
    put_key(valkey, &name);
}

static void
begin(struct waiting_commit *waiting, const char *verb)
{
    waiting->list.n = 5; /* the head: how many words follow */
    (void) ff_resp_room(&waiting->list, 0);
    waiting->n_words = 0;
    put_text(waiting, ff_cstr(verb));
}

static void
finish(struct waiting_commit *waiting)
{
    char *head = waiting->list.p;

    head[0] = (char) 0xdd;
    for (int i = 1; i < 5; i++) {
        head[i] = (char) (waiting->n_words >> 8 * (4 - i));
    }
    ff_resp_arg(&waiting->args, ff_str(waiting->list.p, waiting->list.n));
    waiting->n_args++;
}

/* Whether the list takes no more. */
static bool
is_full(const struct waiting_commit *waiting)
{
    return waiting->n_words >= WORDS_MAX || waiting->list.n >= LIST_BYTES;
}

/* After one more item: whether the list goes on; a full one is finished. */
static bool
goes_on(struct waiting_commit *waiting)
{
    bool full = is_full(waiting);

    if (full) {
        finish(waiting);
    }
    return !full;
}

/* ---- what must not have moved ---- */

/* Whether the record must be as it was, or not be there. */
static bool
is_checked(const struct ff_write *write, bool there)
{
    return !write->unseen && (write->version_from > 0) == there;
}

static void
put_checks(struct valkey *valkey, const struct ff_commit *commit, bool there)
{
    struct waiting_commit *waiting = &valkey->commit;
    bool open = false;

    for (uint32_t i = 0; i < commit->n_writes; i++) {
        if (!is_checked(&commit->writes[i], there)) {
            continue;
        }
        if (!open) {
            begin(waiting, there ? "AT" : "NONE");
        }
        waiting->checks = ff_grow(waiting->checks, &waiting->checks_room, waiting->n_checks,
                                  sizeof(*waiting->checks));
        waiting->checks[waiting->n_checks++] = i;
        put_record_key(valkey, &commit->writes[i]);
        if (there) {
            put_number(waiting, commit->writes[i].version_from);
        }
        open = goes_on(waiting);
    }
    if (open) {
        finish(waiting);
    }
}

/* ---- records ---- */

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

static struct ff_str
dump_of(struct valkey *valkey, const struct ff_write *write)
{
    struct ff_resp *dump = &valkey->commit.dump;

    dump->n = 0;
    ff_valkey_dump(write, record_of(valkey, write), &valkey->scratch, dump);
    return ff_str(dump->p, dump->n);
}

/* As many as may be arguments of their own; the position behind the last of them. */
static uint32_t
put_large(struct valkey *valkey, const struct ff_commit *commit)
{
    struct waiting_commit *waiting = &valkey->commit;
    struct ff_valkey_name name;
    uint32_t n = 0, end = 0;

    for (; end < commit->n_writes && n < RECORDS_MAX; end++) {
        n += !commit->writes[end].deleted;
    }
    ff_resp_u64(&waiting->args, n);
    for (uint32_t i = 0; i < end; i++) {
        const struct ff_write *write = &commit->writes[i];

        if (!write->deleted) {
            ff_valkey_record_name(write->kind, &write->key, &valkey->counts, &name);
            ff_vk_key(valkey, &waiting->args, ff_str(name.b, name.n));
            ff_resp_arg(&waiting->args, dump_of(valkey, write));
        }
    }
    waiting->n_args += 1 + 2 * n;
    return end;
}

static void
put_writes(struct valkey *valkey, const struct ff_commit *commit, uint32_t from, bool removed)
{
    struct waiting_commit *waiting = &valkey->commit;
    bool open = false;

    for (uint32_t i = from; i < commit->n_writes; i++) {
        if (commit->writes[i].deleted != removed) {
            continue;
        }
        if (!open) {
            begin(waiting, removed ? "DEL" : "RECORDS");
        }
        put_record_key(valkey, &commit->writes[i]);
        if (!removed) {
            put_text(waiting, dump_of(valkey, &commit->writes[i]));
        }
        open = goes_on(waiting);
    }
    if (open) {
        finish(waiting);
    }
}

/* ---- events ---- */

static void
put_events_key(struct valkey *valkey, enum ff_event_family family)
{
    struct ff_valkey_name name;

    ff_vk_events_name(family, &name);
    put_key(valkey, &name);
}

static void
put_entry(struct valkey *valkey, enum ff_event_family family, const struct ff_vk_entry *entry)
{
    struct waiting_commit *waiting = &valkey->commit;

    put_text(waiting, ff_cstr(ff_vk_family_name(family)));
    put_events_key(valkey, family);
    put_number(waiting, entry->n);
    for (uint32_t i = 0; i < entry->n; i++) {
        put_text(waiting, ff_cstr("row"));
        put_text(waiting, entry->bodies[i]);
    }
}

static void
put_events(struct valkey *valkey, const struct ff_commit *commit)
{
    struct waiting_commit *waiting = &valkey->commit;
    struct ff_vk_entry entry;
    bool open = false;

    for (int family = 0; family < FF_FAMILIES; family++) {
        uint32_t at = 0;

        while (ff_vk_events_pick(commit, (enum ff_event_family) family, &at, &entry) > 0) {
            if (!open) {
                begin(waiting, "EVENTS");
                put_plain_key(valkey, "{g}:feeds");
            }
            put_entry(valkey, (enum ff_event_family) family, &entry);
            open = goes_on(waiting);
        }
    }
    if (open) {
        finish(waiting);
    }
}

static void
put_trims(struct valkey *valkey, const struct ff_commit *commit)
{
    struct waiting_commit *waiting = &valkey->commit;

    if (commit->n_trims == 0) {
        return;
    }
    begin(waiting, "TRIM");
    put_plain_key(valkey, "{g}:feeds");
    for (uint32_t i = 0; i < commit->n_trims; i++) {
        put_text(waiting, ff_cstr(ff_vk_family_name(commit->trims[i].family)));
        put_events_key(valkey, commit->trims[i].family);
        put_number(waiting, commit->trims[i].up_to);
    }
    finish(waiting);
}

/* ---- index changes, those of one scope together ---- */

static int
change_cmp(const void *a, const void *b)
{
    const struct ff_index_change *x = *(const struct ff_index_change *const *) a;
    const struct ff_index_change *y = *(const struct ff_index_change *const *) b;
    int order = x->key.index - y->key.index;

    order = order != 0 ? order : x->add - y->add;
    return order != 0 ? order : ff_scope_cmp(&x->key.scope, &y->key.scope);
}

static void
begin_members(struct valkey *valkey, const struct ff_index_change *change,
              const struct ff_valkey_name *scope)
{
    struct ff_valkey_name key;

    ff_vk_index_name((enum ff_index) change->key.index, scope, &key);
    begin(&valkey->commit, change->add ? "ZADD" : "ZREM");
    put_key(valkey, &key);
}

/* n > 0 changes of one kind in one scope. */
static void
put_members(struct valkey *valkey, const struct ff_index_change *const *changes, uint32_t n)
{
    struct waiting_commit *waiting = &valkey->commit;
    enum ff_index index = (enum ff_index) changes[0]->key.index;
    struct ff_valkey_name scope, member;

    ff_valkey_scope_name(index, &changes[0]->key.scope, &scope);
    begin_members(valkey, changes[0], &scope);
    for (uint32_t i = 0; i < n; i++) {
        const struct ff_entry entry = { .sort = changes[i]->key.sort, .id = changes[i]->key.id };

        if (is_full(waiting)) {
            finish(waiting);
            begin_members(valkey, changes[0], &scope);
        }
        if (changes[i]->add) {
            put_text(waiting, ff_cstr("0"));
        }
        ff_valkey_entry_name(index, &changes[i]->key.scope, &entry, &member);
        put_text(waiting, ff_str(member.b, member.n));
    }
    finish(waiting);
}

static void
begin_scopes(struct valkey *valkey, const struct ff_index_change *change)
{
    struct ff_valkey_name scopes;

    ff_vk_scopes_name((enum ff_index) change->key.index, &scopes);
    begin(&valkey->commit, change->add ? "ZADD" : "EMPTY");
    put_key(valkey, &scopes);
}

/* A scope is in the list of its index's scopes as long as anything stands in it.
 * n > 0 changes of one kind in one index, of which the first of each scope counts. */
static void
put_scopes(struct valkey *valkey, const struct ff_index_change *const *changes, uint32_t n)
{
    struct waiting_commit *waiting = &valkey->commit;
    enum ff_index index = (enum ff_index) changes[0]->key.index;
    struct ff_valkey_name scope, key;

    begin_scopes(valkey, changes[0]);
    for (uint32_t i = 0; i < n; i++) {
        if (i > 0 && change_cmp(&changes[i - 1], &changes[i]) == 0) {
            continue;
        }
        if (is_full(waiting)) {
            finish(waiting);
            begin_scopes(valkey, changes[0]);
        }
        ff_valkey_scope_name(index, &changes[i]->key.scope, &scope);
        if (changes[i]->add) {
            put_text(waiting, ff_cstr("0"));
        } else {
            ff_vk_index_name(index, &scope, &key);
            put_key(valkey, &key);
        }
        put_text(waiting, ff_str(scope.b, scope.n));
    }
    finish(waiting);
}

/* How many from here on are of the same index and kind, and of the same scope too. */
static uint32_t
run_of(const struct ff_index_change *const *changes, uint32_t n, bool scope)
{
    uint32_t same = 1;

    while (same < n && changes[same]->key.index == changes[0]->key.index &&
           changes[same]->add == changes[0]->add &&
           (!scope || change_cmp(&changes[0], &changes[same]) == 0)) {
        same++;
    }
    return same;
}

/* What goes is taken out before anything is put in: where a place is left and taken again, it is
 * taken in the end. */
static void
put_changes(struct valkey *valkey, const struct ff_commit *commit)
{
    const struct ff_index_change **sorted =
        FF_ARENA_NEW(&valkey->scratch, const struct ff_index_change *, commit->n_changes + 1u);

    for (uint32_t i = 0; i < commit->n_changes; i++) {
        sorted[i] = &commit->changes[i];
    }
    qsort(sorted, commit->n_changes, sizeof(*sorted), change_cmp);
    for (uint32_t at = 0, kind = 0; at < commit->n_changes; at += kind) {
        kind = run_of(sorted + at, commit->n_changes - at, false);
        for (uint32_t i = 0, scope = 0; i < kind; i += scope) {
            scope = run_of(sorted + at + i, kind - i, true);
            put_members(valkey, sorted + at + i, scope);
        }
        put_scopes(valkey, sorted + at, kind);
    }
}

static void
put_news(struct valkey *valkey, const struct ff_commit *commit)
{
    struct waiting_commit *waiting = &valkey->commit;
    struct ff_str text = ff_vk_news(valkey, commit);

    for (uint32_t i = 0; i < valkey->n_peers && text.p != NULL; i++) {
        char channel[64];

        snprintf(channel, sizeof(channel), "{g}:wake:%s", valkey->peers[i]);
        begin(waiting, "PUBLISH");
        put_plain_key(valkey, channel);
        put_text(waiting, text);
        finish(waiting);
    }
}

/* ---- the batch ---- */

void
ff_vk_batch(struct valkey *valkey, const struct ff_commit *commit)
{
    struct waiting_commit *waiting = &valkey->commit;
    uint32_t end = 0;

    waiting->args.n = 0;
    waiting->n_args = 0;
    waiting->n_checks = 0;
    end = put_large(valkey, commit);
    put_checks(valkey, commit, false);
    put_checks(valkey, commit, true);
    put_writes(valkey, commit, end, false);
    put_writes(valkey, commit, 0, true);
    put_events(valkey, commit);
    put_trims(valkey, commit);
    put_changes(valkey, commit);
    put_news(valkey, commit);
    ff_arena_reset(&valkey->scratch);
}
