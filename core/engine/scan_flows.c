/* What scanners have to repair for flows, should the engine itself not have seen to it: siblings
 * that are owed a cancel (07 §3.9), and, in slow rotation, members that stay blocked although an
 * upstream has ended (07 §3.7).
 */
#include "core/engine/scan_flows.h"
#include "core/engine/group.h"
#include "core/engine/scan.h"

/* Members and edges that one call looks at in the rotation; the process asks once a second
 * (04 §4.5). */
#define ROTATION_LOOKS 1000

static uint16_t
partition_of(const struct ff_scope *scope)
{
    return (uint16_t) (scope->b[0] << 8 | scope->b[1]);
}

/* What is to be loaded, or cannot be read, keeps nobody waiting. True: it is there. */
static ff_err
passed_over(struct ff_scan *scan, ff_err err, bool *there)
{
    *there = err == FF_E_OK;
    scan->pending = scan->pending || err == FF_E_PENDING;
    if (err == FF_E_CORRUPTION) {
        scan->txn->fault = (struct ff_fault){ 0 };
    }
    return err == FF_E_PENDING || err == FF_E_CORRUPTION ? FF_E_OK : err;
}

static struct ff_key
key_with(const struct ff_key *head, const struct ff_uuid *edge_id)
{
    struct ff_key key = *head;

    memcpy(key.b + key.n, edge_id->b, sizeof(edge_id->b));
    key.n = (uint8_t) (key.n + sizeof(edge_id->b));
    return key;
}

/* A list that goes through partitions, in each through heads (groups, members), and in each of
 * those through its edges. A cursor names a head, and perhaps an edge of it. */
struct heads {
    enum ff_index index; /* partition | time */
    uint8_t key_n;       /* bytes of a head's key; an edge's id behind it */
    uint8_t partition_at;
    ff_err (*list)(struct ff_scan *scan, const struct ff_entry *head, const struct ff_uuid *after);
    int64_t until; /* heads that stand later are not due */
};

static ff_err
list_partition(struct ff_scan *scan, const struct heads *heads, const struct ff_scope *scope,
               struct ff_entry at)
{
    struct ff_entry next = { 0 };
    bool found = true;

    while (!scan->more) {
        FF_TRY(ff_txn_next(scan->txn, heads->index, scope, &at, scan->limit + 1, &next, &found));
        if (!found || next.sort > heads->until) {
            break;
        }
        at = next;
        FF_TRY(heads->list(scan, &at, NULL));
    }
    if (found && next.sort > heads->until && !scan->more) {
        int64_t due_at = ff_time_add(next.sort, (uint64_t) (scan->txn->now_ms - heads->until));

        scan->next_due_at = due_at < scan->next_due_at ? due_at : scan->next_due_at;
    }
    return FF_E_OK;
}

/* The head that the cursor stands at: its edges behind the one named, if one is. */
static ff_err
list_rest(struct ff_scan *scan, const struct heads *heads, struct ff_entry *head)
{
    const struct ff_key *id = &scan->after.entry.id;
    struct ff_uuid edge_id;

    *head = scan->after.entry;
    if (id->n == heads->key_n) {
        return FF_E_OK;
    }
    if (id->n != heads->key_n + sizeof(edge_id.b)) {
        return ff_fail_input(&scan->txn->fault, "cursor", "malformed");
    }
    head->id.n = heads->key_n;
    memcpy(edge_id.b, id->b + heads->key_n, sizeof(edge_id.b));
    return heads->list(scan, head, &edge_id);
}

static ff_err
list_heads(struct ff_scan *scan, const struct heads *heads, bool resumes)
{
    const struct ff_scope any = ff_scope_none();
    struct ff_scope_list scopes = { 0 };
    struct ff_entry from = { .sort = INT64_MIN };
    int32_t first = -1;

    if (resumes) {
        FF_TRY(list_rest(scan, heads, &from));
        first = from.id.b[heads->partition_at] << 8 | from.id.b[heads->partition_at + 1];
    }
    FF_TRY(ff_txn_scopes(scan->txn, heads->index, &any, &scopes));
    for (uint32_t i = 0; i < scopes.n && !scan->more; i++) {
        uint16_t partition = partition_of(&scopes.v[i]);
        const struct ff_entry start = { .sort = INT64_MIN };

        if (partition < first || (scan->partition.is && scan->partition.v != partition)) {
            continue;
        }
        FF_TRY(list_partition(scan, heads, &scopes.v[i], partition == first ? from : start));
    }
    return FF_E_OK;
}

/* Behind this one the next page begins. */
static void
passed(struct ff_scan *scan, const struct ff_scan_place *place)
{
    scan->has_last = true;
    scan->last = *place;
}

/* ---- the slow rotation ---- */

static bool
rotation_stops(struct ff_scan *scan)
{
    scan->more = scan->more || scan->rotated >= ROTATION_LOOKS;
    scan->rotated++;
    return scan->more;
}

/* Whether an applied edge could be resolved, and how. An upstream whose cascade is still owed is
 * left to that. */
static ff_err
is_resolvable(struct ff_txn *txn, const struct ff_edge *edge, enum ff_terminal_outcome *outcome,
              bool *out)
{
    struct ff_exec upstream = { 0 };
    bool found = false;

    *out = false;
    FF_TRY(ff_txn_find_exec(txn, &edge->upstream, &upstream, &found));
    return upstream.cascade_owed ? FF_E_OK : ff_edge_outcome(txn, edge, outcome, out);
}

/* False in *go_on: the page is full. */
static ff_err
offer_edge(struct ff_scan *scan, const struct ff_scan_place *place, const struct ff_place *at,
           bool *go_on)
{
    enum ff_terminal_outcome outcome = FF_OUTCOME_NONE;
    struct ff_due_item *item = NULL;
    struct ff_edge edge = { 0 };
    bool there = false, ended = false;
    ff_err err = ff_edge_at(scan->txn, at, &edge);

    *go_on = true;
    if (err == FF_E_OK && edge.edge_state == FF_EDGE_APPLIED) {
        err = is_resolvable(scan->txn, &edge, &outcome, &ended);
    }
    FF_TRY(passed_over(scan, err, &there));
    if (!there || !ended) {
        passed(scan, place);
        return FF_E_OK;
    }
    *go_on = ff_scan_room(scan, place);
    if (*go_on) {
        item = ff_scan_give(scan);
        item->flow_id = FF_SOME(ff_opt_uuid, edge.flow_id);
        item->edge_id = FF_SOME(ff_opt_uuid, edge.edge_id);
        item->upstream_execution_id = FF_SOME(ff_opt_eid, edge.upstream);
        item->downstream_execution_id = FF_SOME(ff_opt_eid, edge.downstream);
        item->upstream_outcome = FF_SOME(ff_opt_u32, outcome);
    }
    return FF_E_OK;
}

static ff_err
rotate_edges(struct ff_scan *scan, const struct ff_entry *head, const struct ff_exec *exec,
             const struct ff_uuid *after)
{
    struct ff_scope scope = ff_scope_ends(&exec->flow_id.v, &exec->execution_id);
    struct ff_scan_place place = { .source = FF_SCAN_ROTATION, .entry = { .sort = head->sort } };
    struct ff_entry at = { .sort = INT64_MIN }, next = { 0 };
    const struct ff_place edge_place = { FF_IX_EDGES_IN, &scope, &at };
    bool found = true, go_on = true, there = false;

    if (after != NULL) {
        at = (struct ff_entry){ .id = ff_key_edge(&exec->flow_id.v, after) };
    }
    while (go_on) {
        struct ff_uuid edge_id;
        ff_err err = ff_txn_next(scan->txn, FF_IX_EDGES_IN, &scope, &at, 256, &next, &found);

        FF_TRY(passed_over(scan, err, &there));
        if (!there || !found || rotation_stops(scan)) {
            return FF_E_OK;
        }
        at = next;
        memcpy(edge_id.b, at.id.b + 16, sizeof(edge_id.b));
        place.entry.id = key_with(&head->id, &edge_id);
        FF_TRY(offer_edge(scan, &place, &edge_place, &go_on));
    }
    return FF_E_OK;
}

/* A blocked member; where none of its applied edges waits it is for others to release. */
static ff_err
rotate_member(struct ff_scan *scan, const struct ff_entry *head, const struct ff_uuid *after)
{
    const struct ff_scan_place place = { .source = FF_SCAN_ROTATION, .entry = *head };
    struct ff_exec exec = { 0 };
    struct ff_group group = { 0 };
    bool there = false, found = false, admits = false;
    ff_err err = FF_E_OK;

    if (after == NULL) {
        if (rotation_stops(scan)) {
            return FF_E_OK;
        }
        passed(scan, &place);
    }
    err = ff_scan_admits(scan, &head->id, &admits);
    if (err == FF_E_OK && admits) {
        err = ff_txn_find(scan->txn, FF_R_EXEC, &head->id, &exec, &found);
    }
    if (err == FF_E_OK && found && exec.flow_id.is) {
        err = ff_group_find(scan->txn, &exec.flow_id.v, &exec.execution_id, &group, &found);
    }
    FF_TRY(passed_over(scan, err, &there));
    return there && admits && found && group.waiting > 0 ? rotate_edges(scan, head, &exec, after)
                                                         : FF_E_OK;
}

ff_err
ff_scan_rotation(struct ff_scan *scan)
{
    static const struct heads gated = {
        .index = FF_IX_GATED, .key_n = 18, .list = rotate_member, .until = INT64_MAX
    };

    return list_heads(scan, &gated, scan->has_after && scan->after.source == FF_SCAN_ROTATION);
}

/* ---- edge_cancel_dispatcher ---- */

/* A group's place: its key (flow, downstream) and perhaps an edge; source: whether one of its
 * siblings up to there had not ended. */
struct siblings {
    struct ff_group group;
    struct ff_scan_place place;
};

/* One sibling: an item, if it has not ended. What cannot be read counts as running, so that the
 * group waits. False in *go_on: the page is full. */
static ff_err
offer_sibling(struct ff_scan *scan, struct siblings *siblings, const struct ff_entry *entry,
              bool *go_on)
{
    struct ff_sibling sibling = { .running = false };
    const struct ff_eid *id = &sibling.id;
    bool there = false, admits = false;

    FF_TRY(passed_over(scan, ff_sibling_at(scan->txn, &siblings->group, entry, &sibling), &there));
    if (there && !sibling.running) {
        passed(scan, &siblings->place);
        return FF_E_OK;
    }
    siblings->place.source = 1;
    if (there) {
        struct ff_key member = ff_key_member(&siblings->group.flow_id, id);

        FF_TRY(passed_over(scan, ff_scan_admits(scan, &member, &admits), &there));
    }
    if (!there || !admits) {
        passed(scan, &siblings->place);
        return FF_E_OK;
    }
    *go_on = ff_scan_room(scan, &siblings->place);
    if (*go_on) {
        struct ff_due_item *item = ff_scan_give(scan);

        item->execution_id = FF_SOME(ff_opt_eid, *id);
        item->reason = ff_arena_copy(scan->txn->arena, siblings->group.cancel_siblings_reason);
    }
    return FF_E_OK;
}

/* Siblings of one group; where none of them is left, the group itself, to be drained. */
static ff_err
list_siblings(struct ff_scan *scan, struct siblings *siblings, const struct ff_entry *head,
              struct ff_entry at)
{
    struct ff_scope scope = ff_scope_ends(&siblings->group.flow_id, &siblings->group.downstream);
    struct ff_entry next = { 0 };
    bool found = true, go_on = true, there = false;

    while (go_on) {
        struct ff_uuid edge_id;
        ff_err err =
            ff_txn_next(scan->txn, FF_IX_EDGES_IN, &scope, &at, scan->limit + 1, &next, &found);

        FF_TRY(passed_over(scan, err, &there));
        if (!there || !found) {
            break;
        }
        if (scan->looks++ >= FF_SCAN_LOOKS_MAX) {
            scan->more = true;
            return FF_E_OK;
        }
        at = next;
        memcpy(edge_id.b, at.id.b + 16, sizeof(edge_id.b));
        siblings->place.entry.id = key_with(&head->id, &edge_id);
        FF_TRY(offer_sibling(scan, siblings, &at, &go_on));
    }
    if (there && go_on && siblings->place.source == 0) {
        siblings->place.entry.id = head->id;
        if (ff_scan_room(scan, &siblings->place)) {
            struct ff_due_item *item = ff_scan_give(scan);

            item->flow_id = FF_SOME(ff_opt_uuid, siblings->group.flow_id);
            item->downstream_execution_id = FF_SOME(ff_opt_eid, siblings->group.downstream);
        }
    }
    return FF_E_OK;
}

static ff_err
dispatch_group(struct ff_scan *scan, const struct ff_entry *head, const struct ff_uuid *after)
{
    struct siblings siblings = { .place = { .entry = *head } };
    struct ff_entry at = { .sort = INT64_MIN };
    bool there = false, found = false;
    ff_err err = ff_txn_find(scan->txn, FF_R_GROUP, &head->id, &siblings.group, &found);

    FF_TRY(passed_over(scan, err, &there));
    if (!there || !found || !siblings.group.cancel_siblings_pending) {
        return FF_E_OK;
    }
    if (after != NULL) {
        siblings.place.source = scan->after.source;
        at = (struct ff_entry){ .id = ff_key_edge(&siblings.group.flow_id, after) };
    }
    return list_siblings(scan, &siblings, head, at);
}

ff_err
ff_scan_edge_cancel_dispatcher(struct ff_scan *scan)
{
    const struct heads flagged = {
        .index = FF_IX_GROUPS_OWED,
        .key_n = 34,
        .partition_at = 16,
        .list = dispatch_group,
        .until = scan->txn->now_ms - (scan->txn->facts->consumes ? FF_SCAN_OWN_WORK_MS : 0),
    };

    return list_heads(scan, &flagged, scan->has_after);
}
