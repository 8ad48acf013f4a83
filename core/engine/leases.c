/* list_expired_leases: the leases whose end has passed, over all lanes (05 §7.5). */

#include "core/engine/walk.h"

#define PAGE_MAX 10000

/* Each lane's leased and expired executions stand in the order of their lease's end; the heads of
 * those that have any to give are merged. */
struct heads {
    const struct ff_list_expired_leases_args *args;
    struct ff_scope *scopes;
    struct ff_entry *entries;
    uint32_t n, page;
};

static ff_err
open_heads(struct ff_txn *txn, struct heads *heads, const struct ff_entry *after)
{
    const struct ff_scope any = ff_scope_none();
    struct ff_scope_list scopes = { 0 };
    bool found = false, pending = false;

    FF_TRY(ff_txn_scopes(txn, FF_IX_LEASE_DUE, &any, &scopes));
    heads->scopes = FF_ARENA_NEW(txn->arena, struct ff_scope, scopes.n);
    heads->entries = FF_ARENA_NEW(txn->arena, struct ff_entry, scopes.n);
    for (uint32_t i = 0; i < scopes.n; i++) {
        struct ff_entry *entry = &heads->entries[heads->n];
        ff_err err =
            ff_txn_next(txn, FF_IX_LEASE_DUE, &scopes.v[i], after, heads->page + 1, entry, &found);

        FF_TRY(ff_gather(err, &pending));
        if (err == FF_E_OK && found && entry->sort <= heads->args->as_of) {
            heads->scopes[heads->n++] = scopes.v[i];
        }
    }
    return pending ? FF_E_PENDING : FF_E_OK;
}

/* Takes the first of all heads. *found: false when there is none. */
static ff_err
next_head(struct ff_txn *txn, struct heads *heads, struct ff_entry *out, bool *found)
{
    uint32_t best = 0;
    bool more = false;

    *found = heads->n > 0;
    if (!*found) {
        return FF_E_OK;
    }
    for (uint32_t i = 1; i < heads->n; i++) {
        if (ff_entry_cmp(&heads->entries[i], &heads->entries[best]) < 0) {
            best = i;
        }
    }
    *out = heads->entries[best];
    FF_TRY(ff_txn_next(txn, FF_IX_LEASE_DUE, &heads->scopes[best], out, heads->page + 1,
                       &heads->entries[best], &more));
    if (!more || heads->entries[best].sort > heads->args->as_of) {
        heads->n--;
        heads->entries[best] = heads->entries[heads->n];
        heads->scopes[best] = heads->scopes[heads->n];
    }
    return FF_E_OK;
}

static void
show(const struct ff_exec *exec, struct ff_expired_lease *out)
{
    *out = (struct ff_expired_lease){
        .execution_id = exec->execution_id,
        .lease_id = exec->current_lease_id.v,
        .lease_epoch = exec->current_lease_epoch,
        .worker_instance_id = exec->current_worker_instance_id,
        .expires_at_ms = exec->lease_expires_at.v,
        .attempt_index = exec->current_attempt_index.v,
    };
}

ff_err
ff_op_list_expired_leases(struct ff_txn *txn, const struct ff_list_expired_leases_args *args,
                          struct ff_list_expired_leases_result *result)
{
    struct heads heads = { .args = args, .page = args->limit < PAGE_MAX ? args->limit : PAGE_MAX };
    struct ff_entry entry = { .sort = INT64_MIN };
    bool found = false, pending = false;
    uint32_t wanted = 0;

    if (args->limit == 0) {
        return FF_E_OK;
    }
    if (args->cursor != NULL) {
        entry.sort = args->cursor->expires_at_ms;
        entry.id = ff_key_eid(&args->cursor->execution_id);
    }
    result->entries.v = FF_ARENA_NEW(txn->arena, struct ff_expired_lease, heads.page);
    FF_TRY(open_heads(txn, &heads, args->cursor == NULL ? NULL : &entry));
    for (;;) {
        struct ff_exec exec = { 0 };

        FF_TRY(next_head(txn, &heads, &entry, &found));
        if (!found || (pending && wanted++ > heads.page)) {
            return pending ? FF_E_PENDING : FF_E_OK;
        }
        FF_TRY(ff_gather(ff_txn_find(txn, FF_R_EXEC, &entry.id, &exec, &found), &pending));
        if (pending || (args->namespace.p != NULL && !ff_str_eq(args->namespace, exec.namespace))) {
            continue;
        }
        if (result->entries.n == heads.page) {
            const struct ff_expired_lease *last = &result->entries.v[heads.page - 1];

            result->next_cursor = FF_ARENA_NEW(txn->arena, struct ff_lease_cursor, 1);
            result->next_cursor->expires_at_ms = last->expires_at_ms;
            result->next_cursor->execution_id = last->execution_id;
            return FF_E_OK;
        }
        show(&exec, &result->entries.v[result->entries.n++]);
    }
}
