/* register_worker, heartbeat_worker, mark_worker_dead, list_workers, sweep_worker_registry (05 §7,
 * 07 §5). */

#include "core/engine/workers.h"

#include <stdlib.h>

#include "core/caps.h"
#include "core/engine/topics.h"
#include "core/engine/walk.h"
#include "core/id.h"

#define LANES_MAX 256
#define REASON_BYTES_MAX 256
#define PAGE_MAX 10000
/* A page ends before its result would be larger (01 §1.7). */
#define PAGE_BYTES_MAX (8u << 20)
/* Swept by one call; the rest is the next one's. */
#define SWEPT_MAX 10000

/* ---- one worker ---- */

/* *live: it is there, and has not lapsed: a lapsed record counts as absent. */
static ff_err
worker_get(struct ff_txn *txn, struct ff_str namespace, struct ff_str instance,
           struct ff_worker *out, bool *live)
{
    const struct ff_key key = ff_key_worker(namespace, instance);

    FF_TRY(ff_txn_find(txn, FF_R_WORKER, &key, out, live));
    *live = *live && txn->now_ms < ff_worker_lapses_at(out);
    return FF_E_OK;
}

static void
tell(struct ff_txn *txn, const struct ff_worker *worker, const char *name, struct ff_str reason)
{
    const struct ff_event event = {
        .family = FF_FAMILY_WORKER_REGISTRY,
        .event = ff_cstr(name),
        .namespace = worker->namespace,
        .at = txn->now_ms,
        .worker_id = worker->worker_id,
        .worker_instance_id = worker->worker_instance_id,
        .reason = reason,
    };

    ff_txn_event(txn, &event);
}

static int
str_cmp(const void *a, const void *b)
{
    return ff_str_cmp(*(const struct ff_str *) a, *(const struct ff_str *) b);
}

/* The lanes as a set. */
static ff_err
take_lanes(struct ff_txn *txn, struct ff_strs given, struct ff_strs *out)
{
    out->v = FF_ARENA_NEW(txn->arena, struct ff_str, given.n);
    for (uint32_t i = 0; i < given.n; i++) {
        FF_TRY(ff_lane_check(given.v[i], "lanes", &txn->fault));
        out->v[i] = given.v[i];
    }
    out->n = ff_sort_once(out->v, given.n, sizeof(*out->v), str_cmp);
    return FF_E_OK;
}

static ff_err
reassigned(struct ff_txn *txn)
{
    ff_fail_input(&txn->fault, "worker_instance_id", "instance_id_reassigned");
    txn->fault.message = "instance_id reassigned: it is registered for another worker_id";
    return FF_E_INVALID_INPUT;
}

ff_err
ff_op_register_worker(struct ff_txn *txn, const struct ff_register_worker_args *args,
                      struct ff_register_worker_result *result)
{
    static const struct ff_caps_from from = { FF_SIDE_WORKER, "capabilities" };
    const struct ff_scope unblock = ff_topic_unblock();
    struct ff_worker before = { 0 }, worker = {
        .namespace = args->namespace,
        .worker_instance_id = args->worker_instance_id,
        .worker_id = args->worker_id,
        .last_heartbeat_ms = txn->now_ms,
        .liveness_ttl_ms = args->liveness_ttl_ms,
        .registered_at_ms = txn->now_ms,
    };
    bool live = false;

    FF_TRY(take_lanes(txn, args->lanes, &worker.lanes));
    FF_TRY(ff_caps_parse(args->capabilities, from, txn->arena, &worker.capabilities, &txn->fault));
    FF_TRY(worker_get(txn, args->namespace, args->worker_instance_id, &before, &live));
    if (live && !ff_str_eq(before.worker_id, args->worker_id)) {
        return reassigned(txn);
    }
    if (live) {
        worker.registered_at_ms = before.registered_at_ms;
    }
    result->outcome = live ? "refreshed" : "registered";
    tell(txn, &worker, "registered", FF_NONE(ff_str));
    ff_txn_wake(txn, &unblock, UINT32_MAX); /* U-4 */
    return ff_txn_put_worker(txn, &worker);
}

ff_err
ff_op_heartbeat_worker(struct ff_txn *txn, const struct ff_heartbeat_worker_args *args,
                       struct ff_heartbeat_worker_result *result)
{
    struct ff_worker worker = { 0 };
    bool live = false;

    FF_TRY(worker_get(txn, args->namespace, args->worker_instance_id, &worker, &live));
    result->outcome = live ? "refreshed" : "not_registered";
    if (!live) {
        return FF_E_OK;
    }
    worker.last_heartbeat_ms = txn->now_ms;
    result->next_expiry_ms = FF_SOME(ff_opt_i64, ff_worker_lapses_at(&worker));
    tell(txn, &worker, "heartbeat", FF_NONE(ff_str));
    return ff_txn_put_worker(txn, &worker);
}

/* Its message begins with the argument's name (05 §7.3). */
static ff_err
check_reason(struct ff_txn *txn, struct ff_str reason)
{
    struct ff_str rest = reason;
    uint32_t code = 0;

    if (reason.n > REASON_BYTES_MAX) {
        ff_fail(&txn->fault, FF_E_INVALID_INPUT, ff_d_text("field", "reason"),
                ff_d_text("reason", "too_long"), ff_d_u64("len", reason.n),
                ff_d_u64("max", REASON_BYTES_MAX));
        txn->fault.message = "reason: at most 256 bytes";
        return FF_E_INVALID_INPUT;
    }
    while (rest.n > 0 && ff_utf8_next(&rest, &code)) {
        if (code < 0x20 || (code >= 0x7f && code <= 0x9f)) {
            ff_fail_input(&txn->fault, "reason", "control_character");
            txn->fault.message = "reason: no control characters";
            return FF_E_INVALID_INPUT;
        }
    }
    return FF_E_OK;
}

ff_err
ff_op_mark_worker_dead(struct ff_txn *txn, const struct ff_mark_worker_dead_args *args,
                       struct ff_mark_worker_dead_result *result)
{
    const struct ff_key key = ff_key_worker(args->namespace, args->worker_instance_id);
    struct ff_worker worker = { 0 };
    bool live = false;

    FF_TRY(check_reason(txn, args->reason));
    FF_TRY(worker_get(txn, args->namespace, args->worker_instance_id, &worker, &live));
    result->outcome = live ? "marked" : "not_registered";
    if (!live) {
        return FF_E_OK;
    }
    tell(txn, &worker, "marked_dead", args->reason);
    return ff_txn_remove(txn, FF_R_WORKER, &key);
}

ff_err
ff_op_sweep_worker_registry(struct ff_txn *txn, const struct ff_sweep_worker_registry_args *args,
                            struct ff_sweep_worker_registry_result *result)
{
    const struct ff_scope scope = ff_scope_none();
    struct ff_entry at = { .sort = INT64_MIN }, next = { 0 };
    bool found = true, pending = false;

    (void) args;
    while (result->removed < SWEPT_MAX) {
        struct ff_worker worker = { 0 };

        FF_TRY(ff_txn_next(txn, FF_IX_WORKER_DUE, &scope, &at, 64, &next, &found));
        if (!found || next.sort >= txn->now_ms) {
            break;
        }
        at = next;
        FF_TRY(ff_gather(ff_txn_find(txn, FF_R_WORKER, &at.id, &worker, &found), &pending));
        if (!pending) {
            tell(txn, &worker, "ttl_swept", FF_NONE(ff_str));
            FF_TRY(ff_txn_remove(txn, FF_R_WORKER, &at.id));
        }
        result->removed++;
    }
    return pending ? FF_E_PENDING : FF_E_OK;
}

/* ---- who could run it ---- */

static bool
serves(const struct ff_worker *worker, struct ff_str lane_id)
{
    for (uint32_t i = 0; i < worker->lanes.n; i++) {
        if (ff_str_eq(worker->lanes.v[i], lane_id)) {
            return true;
        }
    }
    return false;
}

static void
crew_add(struct ff_txn *txn, struct ff_crew *crew, struct ff_strs capabilities)
{
    if (crew->n == crew->room) {
        uint32_t room = crew->room * 2 + 8;
        struct ff_strs *wider = FF_ARENA_NEW(txn->arena, struct ff_strs, room);

        if (crew->n > 0) {
            memcpy(wider, crew->capabilities, crew->n * sizeof(*wider));
        }
        crew->capabilities = wider;
        crew->room = room;
    }
    crew->capabilities[crew->n++] = capabilities;
}

static ff_err
crew_read(struct ff_txn *txn, struct ff_crew *crew)
{
    const struct ff_scope scope = ff_scope_workers(crew->namespace);
    struct ff_entry at = { .sort = INT64_MIN }, next = { 0 };
    bool found = true, pending = false;

    for (;;) {
        struct ff_worker worker = { 0 };

        FF_TRY(ff_txn_next(txn, FF_IX_WORKERS, &scope, &at, 64, &next, &found));
        if (!found) {
            return pending ? FF_E_PENDING : FF_E_OK;
        }
        at = next;
        FF_TRY(ff_gather(ff_txn_find(txn, FF_R_WORKER, &at.id, &worker, &found), &pending));
        if (!pending && found && txn->now_ms < ff_worker_lapses_at(&worker) &&
            serves(&worker, crew->lane_id)) {
            crew_add(txn, crew, worker.capabilities);
        }
    }
}

ff_err
ff_crew_is_capable(struct ff_txn *txn, struct ff_crew **crews,
                   const struct ff_crew_question *question, bool *capable)
{
    struct ff_crew *crew = *crews;

    while (crew != NULL && !(ff_str_eq(crew->namespace, question->namespace) &&
                             ff_str_eq(crew->lane_id, question->lane_id))) {
        crew = crew->next;
    }
    if (crew == NULL) {
        crew = FF_ARENA_NEW(txn->arena, struct ff_crew, 1);
        crew->namespace = question->namespace;
        crew->lane_id = question->lane_id;
        FF_TRY(crew_read(txn, crew));
        crew->next = *crews;
        *crews = crew;
    }
    *capable = false;
    for (uint32_t i = 0; i < crew->n && !*capable; i++) {
        *capable = ff_caps_match(question->required, crew->capabilities[i]);
    }
    return FF_E_OK;
}

/* ---- list_workers ---- */

/* Workers in the order of (namespace, instance id): indexes know that order but for long names, so
 * that those alike as far as an index goes are put in order here. */
struct listing {
    const struct ff_list_workers_args *args;
    struct ff_str after_namespace, after_instance; /* p NULL: from the start */
    struct ff_worker *v;
    uint32_t n, room, limit;
    size_t bytes;
    bool more;
};

static int
worker_cmp(const void *a, const void *b)
{
    const struct ff_worker *x = a, *y = b;
    int order = ff_str_cmp(x->namespace, y->namespace);

    return order != 0 ? order : ff_str_cmp(x->worker_instance_id, y->worker_instance_id);
}

/* A cursor of all namespaces is "namespace instance"; neither has white space in it. */
static ff_err
read_cursor(struct ff_txn *txn, struct listing *listing)
{
    struct ff_str cursor = listing->args->cursor;
    const char *space = cursor.n == 0 ? NULL : memchr(cursor.p, ' ', cursor.n);

    if (cursor.n == 0) {
        return FF_E_OK;
    }
    if (listing->args->namespace.p != NULL) {
        FF_TRY(ff_wid_check(cursor, "cursor", &txn->fault));
        listing->after_namespace = listing->args->namespace;
        listing->after_instance = cursor;
        return FF_E_OK;
    }
    if (space == NULL) {
        return ff_fail_input(&txn->fault, "cursor", "malformed");
    }
    listing->after_namespace = ff_str(cursor.p, (size_t) (space - cursor.p));
    listing->after_instance = ff_str(space + 1, cursor.n - listing->after_namespace.n - 1);
    FF_TRY(ff_wid_check(listing->after_namespace, "cursor", &txn->fault));
    return ff_wid_check(listing->after_instance, "cursor", &txn->fault);
}

static size_t
bytes_of(const struct ff_worker *worker)
{
    size_t bytes = 256 + worker->namespace.n + worker->worker_id.n + worker->worker_instance_id.n;

    for (uint32_t i = 0; i < worker->lanes.n; i++) {
        bytes += worker->lanes.v[i].n + 3;
    }
    for (uint32_t i = 0; i < worker->capabilities.n; i++) {
        bytes += worker->capabilities.v[i].n + 3;
    }
    return bytes;
}

static void
listing_add(struct ff_txn *txn, struct listing *listing, const struct ff_worker *worker)
{
    const struct ff_worker after = { .namespace = listing->after_namespace,
                                     .worker_instance_id = listing->after_instance };

    if (txn->now_ms >= ff_worker_lapses_at(worker) ||
        (after.namespace.p != NULL && worker_cmp(worker, &after) <= 0)) {
        return;
    }
    if (listing->n == listing->room) {
        uint32_t room = listing->room * 2 + 64;
        struct ff_worker *wider = FF_ARENA_NEW(txn->arena, struct ff_worker, room);

        if (listing->n > 0) {
            memcpy(wider, listing->v, listing->n * sizeof(*wider));
        }
        listing->v = wider;
        listing->room = room;
    }
    listing->v[listing->n++] = *worker;
    listing->bytes += bytes_of(worker);
}

/* Enough for the page, and one more; then only those alike follow, which may belong before it. */
static bool
is_enough(const struct listing *listing)
{
    return listing->n > listing->limit || listing->bytes > PAGE_BYTES_MAX;
}

/* Keys that are alike in all but their digests, at their end. */
static bool
alike(const uint8_t *a, const uint8_t *b, uint8_t n)
{
    return n > 16 && memcmp(a, b, n - 16u) == 0;
}

static ff_err
list_scope(struct ff_txn *txn, struct listing *listing, const struct ff_scope *scope)
{
    struct ff_entry at = { .sort = INT64_MIN }, next = { 0 };
    bool found = true, pending = false, whole = scope->n < FF_SCOPE_MAX - 1;

    if (whole && listing->after_instance.p != NULL) {
        struct ff_scope after = ff_scope_workers(listing->after_namespace);

        if (ff_scope_cmp(&after, scope) == 0) { /* from the first that is alike on */
            at.sort = 0;
            at.id = ff_key_worker(listing->after_namespace, listing->after_instance);
            at.id.n = (uint8_t) (at.id.n - 17u);
        }
    }
    for (;;) {
        struct ff_worker worker = { 0 };

        FF_TRY(ff_txn_next(txn, FF_IX_WORKERS, scope, &at, listing->limit + 1, &next, &found));
        if (!found || (whole && is_enough(listing) &&
                       !(at.id.n == next.id.n && alike(at.id.b, next.id.b, at.id.n)))) {
            return pending ? FF_E_PENDING : FF_E_OK;
        }
        at = next;
        FF_TRY(ff_gather(ff_txn_find(txn, FF_R_WORKER, &at.id, &worker, &found), &pending));
        if (!pending && found) {
            listing_add(txn, listing, &worker);
        }
    }
}

/* Scopes of namespaces before the cursor's are left out; those alike with it are not. */
static ff_err
list_all(struct ff_txn *txn, struct listing *listing)
{
    struct ff_scope prefix = ff_scope_none(), after = ff_scope_none();
    struct ff_scope_list scopes = { 0 };

    if (listing->args->namespace.p != NULL) {
        prefix = ff_scope_workers(listing->args->namespace);
        return list_scope(txn, listing, &prefix);
    }
    if (listing->after_namespace.p != NULL) {
        after = ff_scope_workers(listing->after_namespace);
        after.n = (uint8_t) (after.n < FF_SCOPE_MAX - 1 ? after.n : after.n - 16u);
    }
    FF_TRY(ff_txn_scopes(txn, FF_IX_WORKERS, &prefix, &scopes));
    for (uint32_t i = 0; i < scopes.n; i++) {
        const struct ff_scope *scope = &scopes.v[i];
        bool tied = i > 0 && scope->n == FF_SCOPE_MAX - 1 && scope[-1].n == scope->n &&
                    alike(scope->b, scope[-1].b, scope->n);

        if (is_enough(listing) && !tied) {
            break;
        }
        if (ff_scope_cmp(scope, &after) >= 0) {
            FF_TRY(list_scope(txn, listing, scope));
        }
    }
    return FF_E_OK;
}

static void
show(const struct ff_worker *worker, struct ff_worker_entry *out)
{
    *out = (struct ff_worker_entry){
        .worker_id = worker->worker_id,
        .worker_instance_id = worker->worker_instance_id,
        .namespace = worker->namespace,
        .lanes = worker->lanes,
        .capabilities = worker->capabilities,
        .last_heartbeat_ms = worker->last_heartbeat_ms,
        .liveness_ttl_ms = worker->liveness_ttl_ms,
        .registered_at_ms = worker->registered_at_ms,
    };
}

ff_err
ff_op_list_workers(struct ff_txn *txn, const struct ff_list_workers_args *args,
                   struct ff_list_workers_result *result)
{
    struct listing listing = { .args = args,
                               .limit = args->limit < PAGE_MAX ? args->limit : PAGE_MAX };
    size_t bytes = 0;

    FF_TRY(read_cursor(txn, &listing));
    if (args->limit == 0) {
        return FF_E_OK;
    }
    FF_TRY(list_all(txn, &listing));
    if (listing.n > 1) {
        qsort(listing.v, listing.n, sizeof(*listing.v), worker_cmp);
    }
    result->entries.v = FF_ARENA_NEW(txn->arena, struct ff_worker_entry, listing.n);
    for (uint32_t i = 0; i < listing.n; i++) {
        const struct ff_worker *last = i == 0 ? NULL : &listing.v[i - 1];

        bytes += bytes_of(&listing.v[i]);
        if (i == listing.limit || (i > 0 && bytes > PAGE_BYTES_MAX)) {
            result->next_cursor =
                args->namespace.p != NULL
                    ? last->worker_instance_id
                    : ff_arena_printf(txn->arena, "%.*s %.*s", (int) last->namespace.n,
                                      last->namespace.p, (int) last->worker_instance_id.n,
                                      last->worker_instance_id.p);
            break;
        }
        show(&listing.v[i], &result->entries.v[result->entries.n++]);
    }
    return FF_E_OK;
}
