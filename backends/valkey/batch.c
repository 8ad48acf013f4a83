/* A commit's batch as arguments of the server-side function (function.c): its records, two
 * arguments each, then a few lists of words (lists.h). */
#include <stdio.h>
#include <stdlib.h>

#include "backends/valkey/lists.h"

/* ---- events ---- */

static void
put_events_key(struct valkey *valkey, enum ff_event_family family)
{
    struct ff_valkey_name name;

    ff_vk_events_name(family, &name);
    ff_vk_list_key(valkey, &name);
}

static void
put_entry(struct valkey *valkey, enum ff_event_family family, const struct ff_vk_entry *entry)
{
    struct waiting_commit *waiting = valkey->making;

    ff_vk_list_text(waiting, ff_cstr(ff_vk_family_name(family)));
    put_events_key(valkey, family);
    ff_vk_list_number(waiting, entry->n);
    for (uint32_t i = 0; i < entry->n; i++) {
        ff_vk_list_text(waiting, ff_cstr("row"));
        ff_vk_list_text(waiting, entry->bodies[i]);
    }
}

static void
put_events(struct valkey *valkey, const struct ff_commit *commit)
{
    struct waiting_commit *waiting = valkey->making;
    struct ff_vk_entry entry;
    bool open = false;

    for (int family = 0; family < FF_FAMILIES; family++) {
        uint32_t at = 0;

        while (ff_vk_events_pick(commit, (enum ff_event_family) family, &at, &entry) > 0) {
            if (!open) {
                ff_vk_list_begin(waiting, "EVENTS");
                ff_vk_list_plain_key(valkey, "{g}:feeds");
            }
            put_entry(valkey, (enum ff_event_family) family, &entry);
            open = ff_vk_list_goes_on(waiting);
        }
    }
    if (open) {
        ff_vk_list_finish(waiting);
    }
}

static void
put_trims(struct valkey *valkey, const struct ff_commit *commit)
{
    struct waiting_commit *waiting = valkey->making;

    if (commit->n_trims == 0) {
        return;
    }
    ff_vk_list_begin(waiting, "TRIM");
    ff_vk_list_plain_key(valkey, "{g}:feeds");
    for (uint32_t i = 0; i < commit->n_trims; i++) {
        ff_vk_list_text(waiting, ff_cstr(ff_vk_family_name(commit->trims[i].family)));
        put_events_key(valkey, commit->trims[i].family);
        ff_vk_list_number(waiting, commit->trims[i].up_to);
    }
    ff_vk_list_finish(waiting);
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
    ff_vk_list_begin(valkey->making, change->add ? "ZADD" : "ZREM");
    ff_vk_list_key(valkey, &key);
}

/* n > 0 changes of one kind in one scope. */
static void
put_members(struct valkey *valkey, const struct ff_index_change *const *changes, uint32_t n)
{
    struct waiting_commit *waiting = valkey->making;
    enum ff_index index = (enum ff_index) changes[0]->key.index;
    struct ff_valkey_name scope, member;

    ff_valkey_scope_name(index, &changes[0]->key.scope, &scope);
    begin_members(valkey, changes[0], &scope);
    for (uint32_t i = 0; i < n; i++) {
        const struct ff_entry entry = { .sort = changes[i]->key.sort, .id = changes[i]->key.id };

        if (ff_vk_list_is_full(waiting)) {
            ff_vk_list_finish(waiting);
            begin_members(valkey, changes[0], &scope);
        }
        if (changes[i]->add) {
            ff_vk_list_text(waiting, ff_cstr("0"));
        }
        ff_valkey_entry_name(index, &changes[i]->key.scope, &entry, &member);
        ff_vk_list_text(waiting, ff_str(member.b, member.n));
    }
    ff_vk_list_finish(waiting);
}

static void
begin_scopes(struct valkey *valkey, const struct ff_index_change *change)
{
    struct ff_valkey_name scopes;

    ff_vk_scopes_name((enum ff_index) change->key.index, &scopes);
    ff_vk_list_begin(valkey->making, change->add ? "ZADD" : "EMPTY");
    ff_vk_list_key(valkey, &scopes);
}

/* A scope is in the list of its index's scopes as long as anything stands in it.
 * n > 0 changes of one kind in one index, of which the first of each scope counts. */
static void
put_scopes(struct valkey *valkey, const struct ff_index_change *const *changes, uint32_t n)
{
    struct waiting_commit *waiting = valkey->making;
    enum ff_index index = (enum ff_index) changes[0]->key.index;
    struct ff_valkey_name scope, key;

    begin_scopes(valkey, changes[0]);
    for (uint32_t i = 0; i < n; i++) {
        if (i > 0 && change_cmp(&changes[i - 1], &changes[i]) == 0) {
            continue;
        }
        if (ff_vk_list_is_full(waiting)) {
            ff_vk_list_finish(waiting);
            begin_scopes(valkey, changes[0]);
        }
        ff_valkey_scope_name(index, &changes[i]->key.scope, &scope);
        if (changes[i]->add) {
            ff_vk_list_text(waiting, ff_cstr("0"));
        } else {
            ff_vk_index_name(index, &scope, &key);
            ff_vk_list_key(valkey, &key);
        }
        ff_vk_list_text(waiting, ff_str(scope.b, scope.n));
    }
    ff_vk_list_finish(waiting);
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
    struct waiting_commit *waiting = valkey->making;
    struct ff_str text = ff_vk_news(valkey, commit);

    for (uint32_t i = 0; i < valkey->n_peers && text.p != NULL; i++) {
        char channel[64];

        snprintf(channel, sizeof(channel), "{g}:wake:%s", valkey->peers[i]);
        ff_vk_list_begin(waiting, "PUBLISH");
        ff_vk_list_plain_key(valkey, channel);
        ff_vk_list_text(waiting, text);
        ff_vk_list_finish(waiting);
    }
}

/* ---- the batch ---- */

void
ff_vk_batch(struct valkey *valkey, const struct ff_commit *commit)
{
    struct waiting_commit *waiting = valkey->making;
    struct ff_vk_writes writes;
    uint32_t end = 0;

    waiting->args.n = waiting->lists.n = 0;
    waiting->n_checks = 0;
    ff_vk_writes_place(valkey, commit, &writes);
    end = ff_vk_writes_large(valkey, &writes);
    ff_vk_writes_checks(valkey, &writes);
    ff_vk_writes_rest(valkey, &writes, end);
    put_events(valkey, commit);
    put_trims(valkey, commit);
    put_changes(valkey, commit);
    put_news(valkey, commit);
    ff_resp_arg(&waiting->args, ff_str(waiting->lists.p, (uint32_t) waiting->lists.n));
    ff_arena_reset(&valkey->scratch);
}
