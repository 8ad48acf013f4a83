/* scan_due: what a scanner has to do now, and when next (07 §1.4). */
#include "core/engine/scan.h"

#include "core/engine/reads.h"
#include "core/partition.h"

/* ---- the scanners ---- */

static const struct scanner {
    ff_err (*list)(struct ff_scan *scan); /* NULL: its records do not exist yet */
    uint32_t batch;
    uint8_t flags;
} scanners[] = {
#define FF_SCANNER(upper, name, process, interval, unit_ms, batch, flags)                          \
    [FF_SCANNER_##upper] = { ff_scan_##name, batch, flags },
#define FF_SCAN_WAKE(upper, index, when)
#define FF_SCAN_CALL(upper, op, changed, changed_too)
#include "core/scanners.def"
};

static const struct scanner *
scanner_of(enum ff_scanner name)
{
    return name < FF_COUNT(scanners) && scanners[name].list != NULL ? &scanners[name] : NULL;
}

/* ---- cursors: source, sort, id ---- */

#define CURSOR_HEAD 9

static struct ff_str
cursor_text(struct ff_txn *txn, const struct ff_scan_place *place)
{
    uint8_t bytes[CURSOR_HEAD + FF_KEY_MAX];
    uint64_t sort = (uint64_t) place->entry.sort;

    bytes[0] = place->source;
    for (int i = 0; i < 8; i++) {
        bytes[1 + i] = (uint8_t) (sort >> (56 - 8 * i));
    }
    memcpy(bytes + CURSOR_HEAD, place->entry.id.b, place->entry.id.n);
    return ff_arena_copy(txn->arena, ff_str(bytes, (size_t) CURSOR_HEAD + place->entry.id.n));
}

static ff_err
cursor_read(struct ff_txn *txn, struct ff_str cursor, struct ff_scan_place *out)
{
    const uint8_t *bytes = (const uint8_t *) cursor.p;
    uint64_t sort = 0;

    if (cursor.n < CURSOR_HEAD || cursor.n > CURSOR_HEAD + FF_KEY_MAX) {
        return ff_fail_input(&txn->fault, "cursor", "malformed");
    }
    for (int i = 0; i < 8; i++) {
        sort = sort << 8 | bytes[1 + i];
    }
    out->source = bytes[0];
    out->entry.sort = (int64_t) sort;
    out->entry.id = ff_key_bytes(ff_str(cursor.p + CURSOR_HEAD, cursor.n - CURSOR_HEAD));
    return FF_E_OK;
}

/* ---- what is wanted ---- */

ff_err
ff_filter_admits(struct ff_txn *txn, const struct ff_scan_filter *filter,
                 const struct ff_exec *exec, bool *admits)
{
    struct ff_tags tags = { 0 };

    *admits = filter == NULL || filter->namespace.p == NULL ||
              ff_str_eq(filter->namespace, exec->namespace);
    if (!*admits || filter == NULL || filter->instance_tag == NULL) {
        return FF_E_OK;
    }
    FF_TRY(ff_tags_of(txn, exec, &tags));
    *admits = false;
    for (uint32_t i = 0; i < tags.n; i++) {
        *admits = *admits || (ff_str_eq(tags.v[i].key, filter->instance_tag->key) &&
                              ff_str_eq(tags.v[i].value, filter->instance_tag->value));
    }
    return FF_E_OK;
}

/* Whether its candidates have the key of a member: flow, execution. */
static bool
is_of_members(enum ff_scanner scanner)
{
    return scanner == FF_SCANNER_EDGE_CANCEL_RECONCILER ||
           scanner == FF_SCANNER_EDGE_CANCEL_DISPATCHER || scanner == FF_SCANNER_CANCEL_RECONCILER;
}

/* Of an execution, of an edge group, or of a budget. */
static uint16_t
partition_of(const struct ff_scan *scan, const struct ff_key *id)
{
    struct ff_uuid budget_id;

    if (is_of_members(scan->args->scanner)) {
        return ff_key_member_eid(id).partition;
    }
    if (scan->args->scanner != FF_SCANNER_BUDGET_RESET) {
        return ff_key_to_eid(id).partition;
    }
    FF_ASSERT(id->n == sizeof(budget_id.b));
    memcpy(budget_id.b, id->b, sizeof(budget_id.b));
    return ff_partition_of_budget(&budget_id, scan->txn->facts->counts.budget);
}

static ff_err
filter_admits(struct ff_scan *scan, const struct ff_key *id, bool *admits)
{
    struct ff_exec exec = { 0 };
    struct ff_key owner = *id;
    bool found = false;

    *admits = false;
    if (scan->args->scanner == FF_SCANNER_PENDING_WP_EXPIRY) { /* through its execution */
        struct ff_waitpoint waitpoint = { 0 };

        FF_TRY(ff_txn_find(scan->txn, FF_R_WAITPOINT, id, &waitpoint, &found));
        owner = ff_key_eid(&waitpoint.execution_id);
    }
    if (is_of_members(scan->args->scanner)) {
        struct ff_eid member = ff_key_member_eid(id);

        owner = ff_key_eid(&member);
    }
    FF_TRY(ff_txn_find(scan->txn, FF_R_EXEC, &owner, &exec, &found));
    return found ? ff_filter_admits(scan->txn, scan->args->filter, &exec, admits) : FF_E_OK;
}

ff_err
ff_scan_admits(struct ff_scan *scan, const struct ff_key *id, bool *admits)
{
    const struct ff_scan_filter *filter = scan->args->filter;
    ff_err err = FF_E_OK;

    *admits = !scan->partition.is || scan->partition.v == partition_of(scan, id);
    if (!*admits || filter == NULL ||
        (scanners[scan->args->scanner].flags & FF_SCANF_FILTERED) == 0) {
        return FF_E_OK;
    }
    err = filter_admits(scan, id, admits);
    if (err == FF_E_CORRUPTION) {
        scan->txn->fault = (struct ff_fault){ 0 };
        *admits = false;
        return FF_E_OK;
    }
    return err;
}

ff_err
ff_scan_look(struct ff_scan *scan, const struct ff_scan_place *place, bool *go_on, bool *wanted)
{
    ff_err err = FF_E_OK;

    *wanted = false;
    *go_on = scan->looks < FF_SCAN_LOOKS_MAX;
    if (*go_on) {
        err = ff_scan_admits(scan, &place->entry.id, wanted);
    }
    if (err == FF_E_PENDING) {
        scan->pending = true;
        scan->looks += FF_SCAN_LOOKS_MAX / (scan->limit + 1u); /* a page of them is loaded */
        return FF_E_OK;
    }
    FF_TRY(err);
    if (*go_on && *wanted && scan->items->n == scan->limit) {
        *go_on = *wanted = false;
    }
    if (!*go_on) {
        scan->more = true;
        return FF_E_OK;
    }
    scan->looks++;
    scan->has_last = true;
    scan->last = *place;
    return FF_E_OK;
}

bool
ff_scan_room(struct ff_scan *scan, const struct ff_scan_place *place)
{
    if (scan->items->n == scan->limit) {
        scan->more = true;
        return false;
    }
    scan->has_last = true;
    scan->last = *place;
    return true;
}

bool
ff_scan_give_partition(struct ff_scan *scan, uint8_t source, const struct ff_partition *partition)
{
    struct ff_scan_place place = { .source = source, .entry = { .sort = partition->index } };
    char text[FF_PARTITION_KEY_MAX];
    size_t n = ff_partition_key_text(*partition, text);

    if (scan->has_after && scan->after.source == source &&
        scan->after.entry.sort >= partition->index) {
        return true; /* on an earlier page */
    }
    if (!ff_scan_room(scan, &place)) {
        return false;
    }
    ff_scan_give(scan)->partition = ff_arena_copy(scan->txn->arena, ff_str(text, n));
    return true;
}

struct ff_due_item *
ff_scan_give(struct ff_scan *scan)
{
    return &scan->items->v[scan->items->n++];
}

/* ---- the operation ---- */

/* Lane ids hold no zero byte and are not empty. */
struct ff_scope
ff_scope_scanner(enum ff_scanner scanner)
{
    struct ff_scope scope = ff_scope_none();

    scope.n = 2;
    scope.b[0] = 0;
    scope.b[1] = (uint8_t) scanner;
    return scope;
}

static ff_err
open_scan(struct ff_scan *scan, const struct scanner *scanner)
{
    const struct ff_scan_due_args *args = scan->args;
    struct ff_txn *txn = scan->txn;

    scan->limit = args->limit.is ? args->limit.v : scanner->batch;
    scan->next_due_at = INT64_MAX;
    if (args->partition.p != NULL) {
        struct ff_partition partition = { 0 };

        FF_TRY(ff_partition_key_parse(args->partition, "partition", &partition, &txn->fault));
        scan->partition = FF_SOME(ff_opt_u32, partition.index);
        scan->family = partition.family;
    }
    if (args->cursor.p != NULL) {
        scan->has_after = true;
        FF_TRY(cursor_read(txn, args->cursor, &scan->after));
    }
    scan->items->v = FF_ARENA_NEW(txn->arena, struct ff_due_item, scan->limit);
    return FF_E_OK;
}

ff_err
ff_op_scan_due(struct ff_txn *txn, const struct ff_scan_due_args *args,
               struct ff_scan_due_result *result)
{
    const struct scanner *scanner = scanner_of(args->scanner);
    struct ff_scan scan = { .txn = txn, .args = args, .items = &result->items };

    if (scanner == NULL) {
        return ff_fail(&txn->fault, FF_E_UNAVAILABLE, ff_d_text("reason", "not_implemented"),
                       ff_d_text("scanner", ff_word(&ff_vocab_scanner, args->scanner)));
    }
    FF_TRY(open_scan(&scan, scanner));
    if (!txn->facts->gate_closed) { /* else no pass begins or goes on (01 §10.6) */
        FF_TRY(scanner->list(&scan));
    }
    if (scan.pending) {
        return FF_E_PENDING;
    }
    ff_txn_pass(txn, args->scanner, result->items.n > 0);
    if (scan.more && scan.has_last) {
        result->next_cursor = cursor_text(txn, &scan.last);
    }
    if (scan.next_due_at != INT64_MAX) {
        result->next_due_at = FF_SOME(ff_opt_i64, scan.next_due_at);
    }
    if (result->items.n == 0 && !scan.more) {
        struct ff_scope topic = ff_scope_scanner(args->scanner);

        return ff_txn_park(txn, &topic, args->block_ms, scan.next_due_at);
    }
    return FF_E_OK;
}
