/* What is left of cancelled flows' backlogs once their grace is over: member by member (07 §3.8).
 */
#include "core/engine/backlog.h"
#include "core/engine/scan.h"

/* A member's place: source 0 marked, 1 its cancel has failed; when its flow fell due; its key. */
static struct ff_entry
entry_of(const struct ff_scan_place *place)
{
    struct ff_eid id = ff_key_member_eid(&place->entry.id);

    return (struct ff_entry){ .sort = place->source,
                              .id = place->source == 0 ? ff_key_eid(&id) : place->entry.id };
}

static struct ff_eid
member_of(const struct ff_entry *entry)
{
    return entry->sort == 0 ? ff_key_to_eid(&entry->id) : ff_key_member_eid(&entry->id);
}

static void
fill(struct ff_scan *scan, const struct ff_flow *flow, const struct ff_eid *id)
{
    struct ff_due_item *item = ff_scan_give(scan);

    item->flow_id = FF_SOME(ff_opt_uuid, flow->flow_id);
    item->execution_id = FF_SOME(ff_opt_eid, *id);
    item->reason = ff_arena_copy(scan->txn->arena, ff_backlog_reason(flow));
}

/* after: NULL, from its first member. */
static ff_err
list_flow(struct ff_scan *scan, const struct ff_entry *due, const struct ff_entry *after)
{
    struct ff_scan_place place = { .entry = { .sort = due->sort } };
    struct ff_entry at = { .sort = INT64_MIN }, next = { 0 };
    struct ff_scope scope = ff_scope_none();
    struct ff_flow flow = { 0 };
    bool found = false, go_on = true;
    ff_err err = ff_txn_find(scan->txn, FF_R_FLOW, &due->id, &flow, &found);

    if (err == FF_E_CORRUPTION) { /* it keeps the others from nothing */
        scan->txn->fault = (struct ff_fault){ 0 };
        return FF_E_OK;
    }
    FF_TRY(err);
    scope = ff_scope_flow(&flow.flow_id);
    at = after == NULL ? at : *after;
    found = found && flow.cancelled; /* else its flip is under way */
    while (found && go_on) {
        struct ff_eid id;
        bool wanted = false;

        FF_TRY(
            ff_txn_next(scan->txn, FF_IX_CANCEL_OWED, &scope, &at, scan->limit + 1, &next, &found));
        if (!found) {
            break;
        }
        at = next;
        id = member_of(&at);
        place.source = (uint8_t) at.sort;
        place.entry.id = ff_key_member(&flow.flow_id, &id);
        FF_TRY(ff_scan_look(scan, &place, &go_on, &wanted));
        if (wanted) {
            fill(scan, &flow, &id);
        }
    }
    return FF_E_OK;
}

/* Goes on with the flow, and behind the member, that the cursor names. */
static ff_err
list_rest(struct ff_scan *scan, struct ff_entry *due)
{
    struct ff_entry after;

    if (scan->after.source > 1 || scan->after.entry.id.n != 34) {
        return ff_fail_input(&scan->txn->fault, "cursor", "malformed");
    }
    after = entry_of(&scan->after);
    *due = (struct ff_entry){ .sort = scan->after.entry.sort,
                              .id = ff_key_bytes(ff_str(scan->after.entry.id.b, 16)) };
    return list_flow(scan, due, &after);
}

ff_err
ff_scan_cancel_reconciler(struct ff_scan *scan)
{
    struct ff_scope all = ff_scope_none();
    struct ff_entry due = { .sort = INT64_MIN }, next = { 0 };
    bool found = true;

    if (scan->has_after) {
        FF_TRY(list_rest(scan, &due));
    }
    while (!scan->more) {
        FF_TRY(ff_txn_next(scan->txn, FF_IX_CANCELLING, &all, &due, 64, &next, &found));
        if (found && next.sort > scan->txn->now_ms) {
            scan->next_due_at = next.sort;
        }
        if (!found || next.sort > scan->txn->now_ms) {
            break;
        }
        due = next;
        FF_TRY(list_flow(scan, &due, NULL));
    }
    return FF_E_OK;
}
