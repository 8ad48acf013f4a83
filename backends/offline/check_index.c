/* check_index.c: indexes hold what the records derive, and nothing else.
 *
 * Counts and sums are compared first; only an index that differs is gone through entry by entry,
 * from both sides. */
#include "backends/offline/check_int.h"
#include "backends/valkey/names.h"
#include "core/codec.h"

#define ENTRIES_A_PAGE 1000

void
ff_check_add_entry(struct ff_offline_sum *sum, const struct ff_index_key *key)
{
    const struct ff_str parts[] = { ff_str(&key->index, 1), ff_str(key->scope.b, key->scope.n),
                                    ff_str(&key->sort, sizeof(key->sort)),
                                    ff_str(key->id.b, key->id.n) };

    ff_offline_add(sum, parts, FF_COUNT(parts));
}

/* ---- all entries ---- */

typedef ff_err see_entry(struct ff_check *check, const struct ff_index_key *key);

static ff_err
each_of_scope(struct ff_check *check, enum ff_index index, const struct ff_scope *scope,
              see_entry *see)
{
    struct ff_want page = {
        .what = FF_WANT_PAGE, .index = index, .scope = *scope, .limit = ENTRIES_A_PAGE
    };

    while (!page.complete) {
        FF_SCOPED(ff_arena) arena = { 0 };

        FF_TRY(ff_store_load_now(check->store, &page, 1, &arena, check->fault));
        for (uint32_t i = 0; i < page.n; i++) {
            struct ff_index_key key = { .index = (uint8_t) index,
                                        .scope = *scope,
                                        .sort = page.entries[i].sort,
                                        .id = page.entries[i].id };

            FF_TRY(see(check, &key));
            page.after = page.entries[i];
            page.has_after = true;
        }
    }
    return FF_E_OK;
}

static ff_err
each_entry(struct ff_check *check, enum ff_index index, see_entry *see)
{
    struct ff_want scopes = { .what = FF_WANT_SCOPES, .index = index };
    FF_SCOPED(ff_arena) arena = { 0 };

    FF_TRY(ff_store_load_now(check->store, &scopes, 1, &arena, check->fault));
    for (uint32_t i = 0; i < scopes.scopes.n; i++) {
        FF_TRY(each_of_scope(check, index, &scopes.scopes.v[i], see));
    }
    return FF_E_OK;
}

static ff_err
sum_entry(struct ff_check *check, const struct ff_index_key *key)
{
    ff_check_add_entry(&check->stored[key->index], key);
    return FF_E_OK;
}

/* ---- entries that are missing ---- */

static void
report_index(struct ff_check *check, const struct ff_index_key *key, enum ff_record kind,
             const char *name, const char *what)
{
    const struct ff_offline_finding finding = {
        .kind = "index",
        .name = ff_arena_printf(&check->names, "%s, of %s %s",
                                ff_valkey_index_name((enum ff_index) key->index),
                                kind == FF_R_N ? "an unknown record" : ff_records[kind]->name, name)
                    .p,
        .what = what,
        .advice = FF_ADVICE_SCANNER,
    };

    ff_check_report_other(check, &finding);
}

/* The place right before an entry: an exclusive start of a page that must begin with it. */
static struct ff_entry
before(const struct ff_index_key *key)
{
    struct ff_entry entry = { .sort = key->sort, .id = key->id };
    uint8_t last = key->id.b[key->id.n - 1];

    if (last == 0) {
        entry.id.n--;
        return entry;
    }
    memset(entry.id.b + entry.id.n, 0xff, (size_t) (FF_KEY_MAX - entry.id.n));
    entry.id.b[entry.id.n - 1] = (uint8_t) (last - 1);
    entry.id.n = FF_KEY_MAX;
    return entry;
}

static ff_err
look_for(struct ff_check *check, const struct ff_offline_record *record,
         const struct ff_index_key *key, struct ff_fault *fault)
{
    struct ff_want page = { .what = FF_WANT_PAGE,
                            .index = (enum ff_index) key->index,
                            .scope = key->scope,
                            .limit = 1,
                            .has_after = true,
                            .after = before(key) };
    FF_SCOPED(ff_arena) arena = { 0 };

    FF_TRY(ff_store_load_now(check->store, &page, 1, &arena, fault));
    if (page.n == 0 || page.entries[0].sort != key->sort ||
        ff_key_cmp(&page.entries[0].id, &key->id) != 0) {
        report_index(check, key, record->kind, ff_offline_name(record, &check->names),
                     "lacks an entry");
    }
    return FF_E_OK;
}

static ff_err
look_for_all(void *ctx, const struct ff_offline_record *records, uint32_t n, struct ff_arena *arena,
             struct ff_fault *fault)
{
    struct ff_check *check = ctx;

    (void) arena;
    for (uint32_t i = 0; i < n; i++) {
        struct ff_index_key keys[FF_INDEX_KEYS_MAX];
        uint32_t n_keys = ff_index_keys(records[i].kind, records[i].record, keys);

        for (uint32_t j = 0; j < n_keys; j++) {
            if (check->differs[keys[j].index]) {
                FF_TRY(look_for(check, &records[i], &keys[j], fault));
            }
        }
    }
    return FF_E_OK;
}

/* ---- entries that nothing stands for ---- */

static bool
stands(enum ff_record kind, const void *record, const struct ff_index_key *key)
{
    struct ff_index_key keys[FF_INDEX_KEYS_MAX];
    uint32_t n = ff_index_keys(kind, record, keys);

    for (uint32_t i = 0; i < n; i++) {
        if (keys[i].index == key->index && keys[i].sort == key->sort &&
            ff_scope_cmp(&keys[i].scope, &key->scope) == 0) {
            return true;
        }
    }
    return false;
}

/* Which kinds stand in the index is known from those that do. */
static ff_err
trace_entry(struct ff_check *check, const struct ff_index_key *key)
{
    struct ff_offline_record of = { .kind = FF_R_N, .key = key->id };

    for (int kind = 0; kind < FF_R_N; kind++) {
        FF_SCOPED(ff_arena) arena = { 0 };
        const void *record = NULL;

        if ((check->kinds[key->index] >> kind & 1) == 0 || (kind == FF_R_EXEC && key->id.n != 18)) {
            continue;
        }
        of.kind = (enum ff_record) kind;
        FF_TRY(ff_check_load(check, of.kind, &key->id, &arena, &record));
        if (record != NULL && stands(of.kind, record, key)) {
            return FF_E_OK;
        }
    }
    report_index(check, key, of.kind, of.kind == FF_R_N ? "" : ff_offline_name(&of, &check->names),
                 "has an entry where the record does not stand");
    return FF_E_OK;
}

/* ---- both ---- */

static bool
differ(const struct ff_offline_sum *a, const struct ff_offline_sum *b)
{
    return a->n != b->n || a->low != b->low || a->high != b->high;
}

ff_err
ff_check_indexes(struct ff_check *check, struct ff_fault *fault)
{
    const struct ff_offline_visitor visitor = { .kinds = FF_WALK_ALL,
                                                .visit = look_for_all,
                                                .ctx = check };
    bool any = false;

    for (int index = 0; index < FF_IX_N; index++) {
        FF_TRY(each_entry(check, (enum ff_index) index, sum_entry));
        check->differs[index] = differ(&check->derived[index], &check->stored[index]);
        any = any || check->differs[index];
    }
    if (!any) {
        return FF_E_OK;
    }
    FF_TRY(ff_offline_each(check->store, &visitor, fault));
    for (int index = 0; index < FF_IX_N; index++) {
        if (check->differs[index]) {
            FF_TRY(each_entry(check, (enum ff_index) index, trace_entry));
        }
    }
    return FF_E_OK;
}
