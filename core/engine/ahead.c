/* What a call and the later ones of its frame will read, wanted together with what it waits for: on
 * a store that answers late a frame would else take a round trip for each of its calls. */
#include "core/engine/engine_int.h"
#include "core/engine/rely.h"
#include "core/handle.h"

/* Calls looked at: about as many as run in one go (SHIFT_CALLS). */
#define AHEAD_CALLS_MAX 128
/* Of a lane, whose candidates are read before the classes are known to be still there. */
#define AHEAD_CLASSES_MAX 16
/* Of all calls together: their records are about 200 bytes each. */
#define AHEAD_EDGES_MAX 1024
/* As large as the first one: they find candidates in its page. */
#define AHEAD_CLAIMS 3

static void
want(struct ff_engine *engine, enum ff_record kind, const struct ff_key *key, bool fresh)
{
    struct cell *cell = ff_cell_get(engine, kind, key);
    struct ff_fault fault = { 0 };

    if (fresh && ff_cell_is_old(cell)) {
        ff_cell_reread(engine, cell);
    }
    if (ff_cell_top(cell) == NULL && !cell->wanted && !cell->corrupt) {
        (void) (ff_want_cell(engine, cell, &fault) == FF_E_PENDING);
    }
}

static void
want_held(struct ff_engine *engine, const struct ff_handle *handle, bool fresh)
{
    struct ff_handle_payload payload;
    struct ff_fault fault = { 0 };
    struct ff_key key;

    if (ff_handle_open(handle, engine->facts.handle_tag, &payload, &fault) != FF_E_OK) {
        return; /* the call itself will say so */
    }
    key = ff_key_eid(&payload.execution_id);
    want(engine, FF_R_EXEC, &key, fresh);
    key = ff_key_attempt(&payload.execution_id, payload.attempt_index);
    want(engine, FF_R_ATTEMPT, &key, fresh);
}

/* Pages behind something are read on, never asked for ahead. */
static bool
is_fresh(const struct ff_task *task, const struct span *span)
{
    return span->page_valid && span->page_from_start && span->loaded_in >= task->fresh_from;
}

/* The call has met none of its pages yet, or only old ones; what it asks for itself stays so. */
static void
want_page(struct ff_engine *engine, const struct ff_task *task, struct ff_place place,
          uint32_t limit)
{
    struct span *span = ff_span_get(engine, place.index, place.scope);
    struct ff_fault fault = { 0 };

    if (!span->wanted && !is_fresh(task, span)) {
        span->page_valid = false;
        (void) (ff_want_page(engine, span, NULL, limit, &fault) == FF_E_PENDING);
    }
}

/* What several claims would take adds up, and more of them come before the page is there. */
static void
want_class(struct ff_engine *engine, const struct ff_task *task, struct span *span, uint32_t limit)
{
    uint32_t more = span->wanted ? 0 : AHEAD_CLAIMS * limit + span->removed;
    struct ff_fault fault = { 0 };

    if (!is_fresh(task, span)) {
        span->page_valid = false;
        (void) (ff_want_page(engine, span, NULL, limit + more, &fault) == FF_E_PENDING);
    }
}

/* Candidates of a lane: its classes, and the first of those that were known last. */
static void
want_candidates(struct ff_engine *engine, const struct ff_task *task, struct ff_place lane,
                uint32_t limit)
{
    struct span *span = ff_span_from(engine, (uint8_t) lane.index, lane.scope);
    struct scopes *scopes = ff_scopes_get(engine, lane.index, lane.scope);
    struct ff_fault fault = { 0 };
    uint32_t n = 0;

    while (span != NULL && ff_scope_begins(&span->scope, lane.scope) && n < AHEAD_CLASSES_MAX) {
        if (ff_span_is_known(engine, span)) {
            want_class(engine, task, span, limit);
            n++;
        }
        span = ff_span_behind(span);
    }
    if (!scopes->wanted && !(scopes->valid && scopes->loaded_in >= task->fresh_from)) {
        scopes->valid = false;
        (void) (ff_want_scopes(engine, scopes, &fault) == FF_E_PENDING);
    }
}

/* All that a claim reads before it knows a candidate (pick.c). */
static void
want_lane(struct ff_engine *engine, const struct ff_task *task, struct ff_str lane_id,
          uint32_t limit)
{
    const struct ff_scope lane = ff_scope_lane(lane_id);
    const struct ff_scope due = ff_scope_lease_due(lane_id, FF_OWNER_LEASED);
    const struct ff_key key = ff_key_bytes(lane_id);

    want(engine, FF_R_LANE, &key, true);
    want_page(engine, task, (struct ff_place){ FF_IX_LEASE_DUE, &due, NULL }, 2);
    want_page(engine, task, (struct ff_place){ FF_IX_GRANTED, &lane, NULL }, 2);
    want_candidates(engine, task, (struct ff_place){ FF_IX_READY, &lane, NULL }, limit);
    want_candidates(engine, task, (struct ff_place){ FF_IX_RECLAIMABLE, &lane, NULL }, limit);
}

static void
look_at_claim(struct ff_engine *engine, const struct ff_task *task, const struct ff_call *call)
{
    if (call->op == FF_OP_claim) {
        want_lane(engine, task, ((const struct ff_claim_args *) call->args)->lane_id, 2);
    } else if (call->op == FF_OP_claim_for_worker) {
        want_lane(engine, task, ((const struct ff_claim_for_worker_args *) call->args)->lane_id, 2);
    } else if (call->op == FF_OP_claim_many) {
        const struct ff_claim_many_args *args = call->args;

        want_lane(engine, task, args->lane_id, args->max + 1);
    }
}

/* Edges of a member, once their places are known. *left: records that may still be asked for. */
static void
look_at_edges(struct ff_engine *engine, const struct ff_task *task, const struct ff_call *call,
              uint32_t *left)
{
    const struct ff_list_edges_args *args = call->args;
    bool outgoing = args->direction.kind == FF_DIRECTION_OUTGOING;
    struct ff_opt_eid node = outgoing ? args->direction.from_node : args->direction.to_node;
    struct ff_scope scope = ff_scope_ends(&args->flow_id, &node.v);
    struct ff_place place = { outgoing ? FF_IX_EDGES_OUT : FF_IX_EDGES_IN, &scope, NULL };
    struct span *span = node.is ? ff_span_get(engine, place.index, &scope) : NULL;
    struct ff_key key = ff_key_flow(&args->flow_id);

    want(engine, FF_R_FLOW, &key, true);
    if (span != NULL && !is_fresh(task, span)) {
        want_page(engine, task, place, engine->facts.flow_step);
        return;
    }
    for (uint32_t i = 0; span != NULL && *left > 0 && i < span->page_n; i++, (*left)--) {
        want(engine, FF_R_EDGE, &span->page[i].entry.id, true);
    }
}

/* What its flow calls it (describe.c), once its flow is known. */
static void
look_at_member(struct ff_engine *engine, const struct ff_key *execution)
{
    const struct row *row = ff_cell_top(ff_cell_get(engine, FF_R_EXEC, execution));
    const struct ff_exec *exec = row == NULL || row->absent ? NULL : (const void *) row->data;
    struct ff_key key;

    if (exec != NULL && exec->flow_id.is) {
        key = ff_key_member(&exec->flow_id.v, &exec->execution_id);
        want(engine, FF_R_MEMBER, &key, true);
    }
}

static void
look_at(struct ff_engine *engine, const struct ff_call *call)
{
    const struct ff_desc *args = ff_ops[call->op].args;
    bool fresh = !ff_trust_call(call);

    if (ff_trust_guesses(engine, call)) {
        return;
    }
    for (uint32_t i = 0; i < args->n; i++) {
        const struct ff_field *field = &args->fields[i];
        const void *p = (const uint8_t *) call->args + field->offset;

        if ((field->flags & FF_FIELD_OPT) != 0) {
            continue;
        }
        if (field->type == FF_TYPE_OBJ && field->sub == &ff_desc_handle) {
            want_held(engine, p, fresh);
            return;
        }
        if (field->type == FF_TYPE_EID && strcmp(field->name, "execution_id") == 0) {
            struct ff_key key = ff_key_eid(p);

            want(engine, FF_R_EXEC, &key, fresh);
            if (call->op == FF_OP_get_execution_result) {
                want(engine, FF_R_EXEC_RESULT, &key, fresh);
            } else if (call->op == FF_OP_read_execution_context) {
                want(engine, FF_R_EXEC_INPUT, &key, fresh);
            } else if (call->op == FF_OP_read_execution_info ||
                       call->op == FF_OP_describe_execution) {
                look_at_member(engine, &key);
            }
            return;
        }
    }
}

void
ff_look_ahead(struct ff_engine *engine, const struct ff_task *task)
{
    const struct ff_frame *frame = task->frame;
    uint32_t edges = AHEAD_EDGES_MAX;

    for (uint32_t i = task->at; i < frame->n && i - task->at <= AHEAD_CALLS_MAX; i++) {
        const struct ff_call *call = &frame->calls[i];

        if (call->fault.code == FF_E_OK && call->run == NULL) {
            look_at(engine, call);
            look_at_claim(engine, task, call);
            if (call->op == FF_OP_list_edges) {
                look_at_edges(engine, task, call, &edges);
            }
        }
    }
    ff_cells_settle(engine); /* no call looks at what is to be loaded again */
}
