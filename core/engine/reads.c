/* The smaller reads of an execution, and lists of executions (02 §8.4 to §8.6, 05 §5.3). */

#include "core/engine/reads.h"

#include <stdlib.h>

#include "core/codec.h"
#include "core/engine/exec.h"
#include "core/engine/take.h"
#include "core/id.h"
#include "core/partition.h"

ff_err
ff_exec_peek(struct ff_txn *txn, const struct ff_eid *id, struct ff_exec *out, bool *found)
{
    ff_err err = ff_txn_get_exec(txn, id, out);

    *found = err == FF_E_OK;
    if (err == FF_E_EXECUTION_NOT_FOUND) {
        txn->fault = (struct ff_fault){ 0 }; /* here it is an answer */
        return FF_E_OK;
    }
    return err;
}

ff_err
ff_exec_check_stated(struct ff_txn *txn, const struct ff_eid *id)
{
    struct ff_exec exec = { 0 };
    bool found = false;

    if (!txn->common->partition.is && txn->common->lane_id.n == 0) {
        return FF_E_OK;
    }
    return ff_exec_peek(txn, id, &exec, &found);
}

ff_err
ff_op_get_execution_result(struct ff_txn *txn, const struct ff_get_execution_result_args *args,
                           struct ff_get_execution_result_result *result)
{
    struct ff_key key = ff_key_eid(&args->execution_id);
    struct ff_exec_result stored = { 0 };
    bool found = false;

    FF_TRY(ff_exec_check_stated(txn, &args->execution_id));
    FF_TRY(ff_txn_find(txn, FF_R_EXEC_RESULT, &key, &stored, &found));
    if (found) {
        result->result = stored.result;
        result->result_encoding = stored.result_encoding;
    }
    return FF_E_OK;
}

/* Callers of the next three come after a claim: an unknown id is their mistake (02 §8.5). */
static ff_err
get_claimed(struct ff_txn *txn, const struct ff_eid *id, struct ff_exec *out)
{
    bool found = false;

    FF_TRY(ff_exec_peek(txn, id, out, &found));
    return found ? FF_E_OK : ff_fail_input(&txn->fault, "execution_id", "execution_not_found");
}

ff_err
ff_op_read_execution_context(struct ff_txn *txn, const struct ff_read_execution_context_args *args,
                             struct ff_read_execution_context_result *result)
{
    struct ff_exec exec = { 0 };
    struct ff_context context = { 0 };

    FF_TRY(get_claimed(txn, &args->execution_id, &exec));
    FF_TRY(ff_context_read(txn, &exec, &context));
    result->input_payload = context.input_payload;
    result->execution_kind = exec.execution_kind;
    result->tags = context.tags;
    return FF_E_OK;
}

ff_err
ff_op_read_current_attempt_index(struct ff_txn *txn,
                                 const struct ff_read_current_attempt_index_args *args,
                                 struct ff_read_current_attempt_index_result *result)
{
    struct ff_exec exec = { 0 };

    FF_TRY(get_claimed(txn, &args->execution_id, &exec));
    result->attempt_index = exec.current_attempt_index.v; /* 0 if none */
    return FF_E_OK;
}

ff_err
ff_op_read_total_attempt_count(struct ff_txn *txn,
                               const struct ff_read_total_attempt_count_args *args,
                               struct ff_read_total_attempt_count_result *result)
{
    struct ff_exec exec = { 0 };

    FF_TRY(get_claimed(txn, &args->execution_id, &exec));
    result->total_attempt_count = exec.total_attempt_count;
    return FF_E_OK;
}

ff_err
ff_op_get_execution_namespace(struct ff_txn *txn,
                              const struct ff_get_execution_namespace_args *args,
                              struct ff_get_execution_namespace_result *result)
{
    struct ff_exec exec = { 0 };
    bool found = false;

    FF_TRY(ff_exec_peek(txn, &args->execution_id, &exec, &found));
    if (found) {
        result->namespace = exec.namespace;
    }
    return FF_E_OK;
}

ff_err
ff_op_read_exec_core_fields(struct ff_txn *txn, const struct ff_read_exec_core_fields_args *args,
                            struct ff_read_exec_core_fields_result *result)
{
    struct ff_exec exec = { 0 };
    struct ff_tags *fields = &result->fields;
    bool found = false;

    FF_TRY(ff_exec_peek(txn, &args->execution_id, &exec, &found));
    fields->v = FF_ARENA_NEW(txn->arena, struct ff_tag, args->fields.n);
    for (uint32_t i = 0; i < args->fields.n; i++) {
        const struct ff_field *field = ff_field_find(ff_records[FF_R_EXEC], args->fields.v[i]);
        struct ff_tag *out = &fields->v[fields->n++];

        out->key = args->fields.v[i];
        if (found && field != NULL) {
            out->value = ff_field_text(field, &exec, txn->arena);
        } else if (found && ff_str_is(out->key, "partition_id")) { /* not stored: in the id */
            out->value = ff_arena_printf(txn->arena, "%u", exec.execution_id.partition);
        }
    }
    return FF_E_OK;
}

/* ---- list_executions ---- */

static struct ff_str
id_text(struct ff_txn *txn, const struct ff_key *key)
{
    char *text = ff_arena_alloc(txn->arena, FF_EID_TEXT_MAX);
    struct ff_eid id = ff_key_to_eid(key);

    return ff_str(text, ff_eid_text(&id, text));
}

/* The position behind which a page begins: a cursor need not exist (01 §1.7). */
static ff_err
read_cursor(struct ff_txn *txn, struct ff_str cursor, uint16_t partition, struct ff_entry *out)
{
    struct ff_eid id = { 0 };

    FF_TRY(ff_eid_parse(cursor, "cursor", &id, &txn->fault));
    if (id.partition != partition) {
        return ff_fail_input(&txn->fault, "cursor", "partition_mismatch");
    }
    out->sort = 0;
    out->id = ff_key_eid(&id);
    return FF_E_OK;
}

/* One of which a part is removed already: it is none any more, but may stand in this index. */
static ff_err
is_going(struct ff_txn *txn, const struct ff_key *id, bool *out)
{
    const struct ff_scope scope = ff_scope_kind(FF_R_EXEC);
    struct ff_entry at = { .sort = INT64_MIN }, next = { 0 };
    bool found = true;

    *out = false;
    while (!*out) {
        FF_TRY(ff_txn_next(txn, FF_IX_PURGING, &scope, &at, 16, &next, &found));
        if (!found) {
            break;
        }
        at = next;
        *out = ff_key_cmp(&at.id, id) == 0;
    }
    return FF_E_OK;
}

ff_err
ff_op_list_executions(struct ff_txn *txn, const struct ff_list_executions_args *args,
                      struct ff_list_executions_result *result)
{
    struct ff_strs *page = &result->executions;
    struct ff_entry entry = { .sort = INT64_MIN };
    struct ff_partition partition = { 0 };
    struct ff_scope scope;
    uint32_t limit = ff_page_limit(args->limit);
    bool found = true;

    FF_TRY(ff_partition_key_parse(args->partition, "partition", &partition, &txn->fault));
    if (partition.family != FF_PARTITION_FLOW) {
        return ff_fail_input(&txn->fault, "partition", "unknown_family_prefix");
    }
    if (args->cursor.n > 0) {
        FF_TRY(read_cursor(txn, args->cursor, partition.index, &entry));
    }
    scope = ff_scope_partition(partition.index);
    page->v = FF_ARENA_NEW(txn->arena, struct ff_str, limit);
    while (limit > 0) {
        struct ff_entry next = { 0 };
        bool going = false;

        FF_TRY(
            ff_txn_next(txn, FF_IX_EXECUTIONS, &scope, &entry, limit + 1 - page->n, &next, &found));
        if (found) {
            FF_TRY(is_going(txn, &next.id, &going));
        }
        if (!found || (page->n == limit && !going)) {
            break;
        }
        entry = next;
        if (!going) {
            page->v[page->n++] = id_text(txn, &next.id);
        }
    }
    if (found && page->n > 0) {
        result->next_cursor = page->v[page->n - 1];
    }
    return FF_E_OK;
}

/* ---- scan_eligible_executions ---- */

struct scan {
    struct ff_txn *txn;
    const struct ff_scan_eligible_executions_args *args;
    struct ff_opt_u32 partition;
    struct ff_entry *granted; /* under a grant, live or not; by rank */
    uint32_t n_granted, at_granted;
    struct ff_scope_list scopes; /* of the ready ones */
    struct ff_entry *heads;
    bool *has;
};

static int
entry_cmp(const void *a, const void *b)
{
    return ff_entry_cmp(a, b);
}

/* A grant does not take an execution off the eligible list, only off the ready index. */
static ff_err
collect_granted(struct scan *scan)
{
    struct ff_scope lane = ff_scope_lane(scan->args->lane_id);
    struct ff_entry at = { .sort = INT64_MIN }, next = { 0 };
    struct ff_exec exec = { 0 };
    uint32_t room = 0;
    bool found = true, pending = false;

    for (;;) {
        ff_err err = FF_E_OK;

        FF_TRY(ff_txn_next(scan->txn, FF_IX_GRANTED, &lane, &at, 256, &next, &found));
        if (!found) {
            break;
        }
        at = next;
        err = ff_txn_find(scan->txn, FF_R_EXEC, &at.id, &exec, &found);
        pending = pending || err == FF_E_PENDING;
        if (err != FF_E_PENDING) {
            FF_TRY(err);
        }
        if (err != FF_E_OK || exec.lifecycle_phase != FF_PHASE_RUNNABLE ||
            !ff_exec_is_eligible(&exec)) {
            continue;
        }
        if (scan->n_granted == room) {
            struct ff_entry *wider = FF_ARENA_NEW(scan->txn->arena, struct ff_entry, room * 2 + 8);

            if (room > 0) {
                memcpy(wider, scan->granted, room * sizeof(*wider));
            }
            scan->granted = wider;
            room = room * 2 + 8;
        }
        scan->granted[scan->n_granted++] =
            (struct ff_entry){ ff_rank(exec.created_at, exec.priority), at.id };
    }
    if (scan->n_granted > 1) {
        qsort(scan->granted, scan->n_granted, sizeof(*scan->granted), entry_cmp);
    }
    return pending ? FF_E_PENDING : FF_E_OK;
}

static ff_err
open_ready(struct scan *scan, uint32_t limit)
{
    struct ff_scope lane = ff_scope_lane(scan->args->lane_id);
    bool pending = false;

    FF_TRY(ff_txn_scopes(scan->txn, FF_IX_READY, &lane, &scan->scopes));
    scan->heads = FF_ARENA_NEW(scan->txn->arena, struct ff_entry, scan->scopes.n);
    scan->has = FF_ARENA_NEW(scan->txn->arena, bool, scan->scopes.n);
    for (uint32_t i = 0; i < scan->scopes.n; i++) {
        const struct ff_scope *scope = &scan->scopes.v[i];
        ff_err err = FF_E_OK;

        if (ff_scope_eligibility(scope) != FF_ELIGIBLE_NOW) {
            continue;
        }
        err =
            ff_txn_next(scan->txn, FF_IX_READY, scope, NULL, limit, &scan->heads[i], &scan->has[i]);
        pending = pending || err == FF_E_PENDING;
        if (err != FF_E_PENDING) {
            FF_TRY(err);
        }
    }
    return pending ? FF_E_PENDING : FF_E_OK;
}

/* Takes the first of all heads. *found: false when there is none. */
static ff_err
scan_next(struct scan *scan, uint32_t expect, struct ff_entry *out, bool *found)
{
    bool granted = scan->at_granted < scan->n_granted;
    int64_t best = -1;

    *found = granted;
    if (granted) {
        *out = scan->granted[scan->at_granted];
    }
    for (uint32_t i = 0; i < scan->scopes.n; i++) {
        if (scan->has[i] && (!*found || ff_entry_cmp(&scan->heads[i], out) < 0)) {
            *out = scan->heads[i];
            *found = true;
            best = i;
        }
    }
    if (best < 0) {
        scan->at_granted += granted;
        return FF_E_OK;
    }
    return ff_txn_next(scan->txn, FF_IX_READY, &scan->scopes.v[best], out, expect,
                       &scan->heads[best], &scan->has[best]);
}

ff_err
ff_op_scan_eligible_executions(struct ff_txn *txn,
                               const struct ff_scan_eligible_executions_args *args,
                               struct ff_scan_eligible_executions_result *result)
{
    struct scan scan = { .txn = txn, .args = args };
    struct ff_strs *ids = &result->execution_ids;
    uint32_t limit = ff_page_limit(args->limit);
    bool found = true;

    if (args->partition.n > 0) {
        struct ff_partition partition = { 0 };

        FF_TRY(ff_partition_key_parse(args->partition, "partition", &partition, &txn->fault));
        scan.partition = FF_SOME(ff_opt_u32, partition.index);
    }
    ids->v = FF_ARENA_NEW(txn->arena, struct ff_str, limit);
    if (limit == 0) {
        return FF_E_OK;
    }
    FF_TRY(collect_granted(&scan));
    FF_TRY(open_ready(&scan, limit));
    while (ids->n < limit) {
        struct ff_entry entry = { 0 };

        FF_TRY(scan_next(&scan, limit - ids->n, &entry, &found));
        if (!found) {
            break;
        }
        if (!scan.partition.is || scan.partition.v == ff_key_to_eid(&entry.id).partition) {
            ids->v[ids->n++] = id_text(txn, &entry.id);
        }
    }
    return FF_E_OK;
}
