/* list_lanes, set_lane_state, and the registration of lanes (05 §6). */

#include "core/engine/lanes.h"

#include "core/engine/reads.h"
#include "core/id.h"

ff_err
ff_lane_get(struct ff_txn *txn, struct ff_str lane_id, struct ff_lane *out, bool *found)
{
    struct ff_key key = ff_key_bytes(lane_id);

    FF_TRY(ff_txn_find(txn, FF_R_LANE, &key, out, found));
    if (!*found) {
        *out = (struct ff_lane){ .lane_id = lane_id, .state = FF_LANE_ACTIVE };
    }
    return FF_E_OK;
}

/* A lane more than there may be is refused (01 §1.8). Lanes are made rarely: they are counted. */
static ff_err
check_room(struct ff_txn *txn)
{
    struct ff_scope scope = ff_scope_none();
    struct ff_entry at = { .sort = INT64_MIN }, next = { 0 };
    bool found = true;
    uint32_t n = 0;

    for (n = 0; n < FF_LANES_MAX; n++) {
        FF_TRY(ff_txn_next(txn, FF_IX_LANES, &scope, &at, FF_LANES_MAX - n, &next, &found));
        if (!found) {
            return FF_E_OK;
        }
        at = next;
    }
    return ff_fail(&txn->fault, FF_E_INVALID_INPUT, ff_d_text("field", "lane_id"),
                   ff_d_text("reason", "too_many"), ff_d_u64("count", FF_LANES_MAX + 1),
                   ff_d_u64("max", FF_LANES_MAX));
}

ff_err
ff_lane_register(struct ff_txn *txn, const struct ff_lane *lane)
{
    FF_TRY(check_room(txn));
    return ff_txn_put_lane(txn, lane);
}

ff_err
ff_op_set_lane_state(struct ff_txn *txn, const struct ff_set_lane_state_args *args,
                     struct ff_set_lane_state_result *result)
{
    struct ff_lane lane = { 0 };
    bool found = false;

    FF_TRY(ff_lane_get(txn, args->lane_id, &lane, &found));
    result->lane_id = args->lane_id;
    result->state = args->state;
    result->previous_state = lane.state;
    lane.state = args->state;
    if (!found) {
        return ff_lane_register(txn, &lane);
    }
    return ff_txn_put_lane(txn, &lane);
}

/* The lane of an entry of the index, and its state. */
static ff_err
show_lane(struct ff_txn *txn, const struct ff_key *key, struct ff_list_lanes_result *result)
{
    struct ff_lane lane = { 0 };
    struct ff_tag *state = &result->states.v[result->states.n];
    bool found = false;

    FF_TRY(ff_txn_find(txn, FF_R_LANE, key, &lane, &found));
    if (found) {
        result->lanes.v[result->lanes.n++] = lane.lane_id;
        state->key = lane.lane_id;
        state->value = ff_cstr(ff_word(&ff_vocab_lane_state, lane.state));
        result->states.n++;
    }
    return FF_E_OK;
}

ff_err
ff_op_list_lanes(struct ff_txn *txn, const struct ff_list_lanes_args *args,
                 struct ff_list_lanes_result *result)
{
    struct ff_scope scope = ff_scope_none();
    struct ff_entry at = { .sort = INT64_MIN }, next = { 0 };
    uint32_t limit = ff_page_limit(args->limit);
    bool found = true, pending = false;

    if (args->cursor.n > 0) {
        FF_TRY(ff_lane_check(args->cursor, "cursor", &txn->fault));
        at = (struct ff_entry){ .sort = 0, .id = ff_key_bytes(args->cursor) };
    }
    result->lanes.v = FF_ARENA_NEW(txn->arena, struct ff_str, limit);
    result->states.v = FF_ARENA_NEW(txn->arena, struct ff_tag, limit);
    for (uint32_t i = 0; i <= limit && limit > 0 && found; i++) {
        ff_err err = FF_E_OK;

        FF_TRY(ff_txn_next(txn, FF_IX_LANES, &scope, &at, limit + 1 - i, &next, &found));
        if (found && i < limit) {
            err = show_lane(txn, &next.id, result);
            pending = pending || err == FF_E_PENDING;
            if (err != FF_E_PENDING) {
                FF_TRY(err);
            }
            at = next;
        }
    }
    if (found && result->lanes.n > 0) {
        result->next_cursor = result->lanes.v[result->lanes.n - 1];
    }
    return pending ? FF_E_PENDING : FF_E_OK;
}
