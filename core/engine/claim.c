/* claim, claim_many: pick the best executions of a lane and lease them in one step (02 §5.8,
 * §5.10). */

#include <stdlib.h>

#include "core/caps.h"
#include "core/engine/pick.h"
#include "core/engine/rely.h"
#include "core/engine/signal.h"
#include "core/engine/take.h"
#include "core/engine/walk.h"

/* Of a claim in a reply beside its texts: member names, ids, the handle. */
#define CLAIM_BYTES 1024
/* Of the frame around the list. */
#define FRAME_BYTES 4096

/* Signals that come with a resumed claim (02 §5.10). */
#define RESUME_SIGNALS_MAX 1000
#define RESUME_SIGNAL_BYTES_MAX (1u << 20)

struct claiming {
    struct ff_picking want;
    struct ff_taker taker;
    uint32_t max;
    uint64_t block_ms;
};

/* ---- answering a repeated call ---- */

struct held {
    int64_t rank;
    struct ff_exec exec;
};

static int
held_cmp(const void *a, const void *b)
{
    const struct held *x = a, *y = b;
    struct ff_key x_key = ff_key_eid(&x->exec.execution_id);
    struct ff_key y_key = ff_key_eid(&y->exec.execution_id);

    if (x->rank != y->rank) {
        return x->rank < y->rank ? -1 : 1;
    }
    return ff_key_cmp(&x_key, &y_key);
}

static bool
is_of_request(const struct ff_txn *txn, const struct ff_exec *exec, const struct claiming *claiming)
{
    return exec->claim_request_id.is && exec->lease_expires_at.v > txn->now_ms &&
           exec->ownership_state == FF_OWNER_LEASED &&
           ff_uuid_eq(exec->claim_request_id.v, claiming->taker.request_id.v) &&
           ff_str_eq(exec->current_worker_instance_id, claiming->taker.worker_instance_id) &&
           ff_str_eq(exec->lane_id, claiming->want.lane_id);
}

/* The live leases that the same request got before; at most `max`. */
static ff_err
find_held(struct ff_txn *txn, const struct claiming *claiming, struct held **out, uint32_t *n)
{
    struct ff_scope scope = ff_scope_worker(claiming->taker.worker_instance_id);
    struct ff_entry entry = { 0 }, next = { 0 };
    const struct ff_place place = { FF_IX_BY_WORKER, &scope, &entry };
    struct ff_exec exec = { 0 };
    bool found = false, first = true, pending = false;

    *n = 0;
    *out = NULL;
    ff_txn_anew(txn, FF_IX_BY_WORKER, &scope);
    while (*n < claiming->max) {
        ff_err err = FF_E_OK;

        FF_TRY(ff_txn_next(txn, FF_IX_BY_WORKER, &scope, first ? NULL : &entry, 32, &next, &found));
        if (!found) {
            break;
        }
        first = false;
        entry = next;
        err = ff_txn_follow(txn, FF_R_EXEC, &place, &exec);
        FF_TRY(ff_gather(err, &pending));
        if (err == FF_E_OK && is_of_request(txn, &exec, claiming)) {
            if (*out == NULL) {
                *out = FF_ARENA_NEW(txn->arena, struct held, claiming->max);
            }
            (*out)[(*n)++] =
                (struct held){ .rank = ff_rank(exec.created_at, exec.priority), .exec = exec };
        }
    }
    return pending ? FF_E_PENDING : FF_E_OK;
}

/* ---- claiming ---- */

/* What goes with a claim so that it can be run. */
struct enclosed {
    struct ff_context context;
    struct ff_observed signals; /* of a resumed one */
};

static ff_err
enclose(struct ff_txn *txn, const struct ff_exec *exec, bool resumed, struct enclosed *out)
{
    const struct ff_observing want = { .execution_id = exec->execution_id,
                                       .attempt_index = exec->current_attempt_index.v,
                                       .limit = RESUME_SIGNALS_MAX,
                                       .bytes_max = RESUME_SIGNAL_BYTES_MAX };
    ff_err err = ff_context_read(txn, exec, &out->context);

    if (err != FF_E_OK && err != FF_E_PENDING) {
        return err;
    }
    if (resumed) {
        FF_TRY(ff_signals_observe(txn, &want, &out->signals));
    }
    return err;
}

static void
set_enclosed(struct ff_claim *claim, const struct ff_exec *exec, const struct enclosed *with)
{
    claim->execution_kind = exec->execution_kind;
    claim->input_payload = with->context.input_payload;
    claim->payload_encoding = with->context.payload_encoding;
    claim->tags = with->context.tags;
    claim->flow_id = exec->flow_id;
    claim->resume_signals = with->signals.signals;
    if (with->signals.more) {
        claim->resume_signals_more = FF_SOME(ff_opt_bool, true);
    }
}

static size_t
claim_bytes(const struct ff_exec *exec, const struct enclosed *with)
{
    const struct ff_context *context = &with->context;
    size_t bytes = CLAIM_BYTES + exec->execution_kind.n + context->input_payload.n;

    for (uint32_t i = 0; i < context->tags.n; i++) {
        bytes += context->tags.v[i].key.n + context->tags.v[i].value.n + 10;
    }
    return bytes + with->signals.bytes;
}

static ff_err
claims_again(struct ff_txn *txn, const struct claiming *claiming, struct ff_claim_list *out)
{
    struct held *held = NULL;
    uint32_t n = 0;

    FF_TRY(find_held(txn, claiming, &held, &n));
    if (n > 1) {
        qsort(held, n, sizeof(held[0]), held_cmp);
    }
    for (out->n = 0; out->n < n; out->n++) {
        struct ff_claim *claim = &out->v[out->n];
        const struct ff_exec *exec = &held[out->n].exec;
        struct enclosed with = { 0 };

        FF_TRY(ff_take_again(txn, exec, claim));
        if (claiming->want.with_context) {
            FF_TRY(enclose(txn, exec, ff_str_is(claim->handle.kind, "resumed"), &with));
            set_enclosed(claim, exec, &with);
        }
    }
    return FF_E_OK;
}

/* Takes up to max executions, in order; fewer where the reply would outgrow its frame. */
static ff_err
claim_some(struct ff_txn *txn, const struct claiming *claiming, struct ff_pick *pick,
           struct ff_claim_list *out)
{
    struct ff_quota_hold hold = { .slot_until = INT64_MAX };
    size_t bytes = FRAME_BYTES;

    while (out->n < claiming->max) {
        struct ff_exec exec = { 0 };
        struct enclosed with = { 0 };
        bool found = false;

        FF_TRY(ff_pick_next(txn, pick, &exec, &found));
        if (!found) {
            break;
        }
        if (claiming->want.with_context) {
            bool resumed = exec.lifecycle_phase == FF_PHASE_RUNNABLE &&
                           exec.attempt_state == FF_ATTEMPT_INTERRUPTED;
            ff_err err = enclose(txn, &exec, resumed, &with);

            FF_TRY(err == FF_E_PENDING ? ff_pick_prefetch(txn, pick) : err);
            bytes += claim_bytes(&exec, &with);
            if (out->n > 0 && bytes > txn->facts->frame_bytes_max) {
                break;
            }
        }
        exec.grant = NULL; /* a lapsed one: nobody has consumed it */
        hold.lease_epoch = exec.current_lease_epoch;
        FF_TRY(ff_pick_admit(txn, pick, &exec, &hold));
        FF_TRY(ff_take(txn, &exec, &claiming->taker, &out->v[out->n]));
        if (claiming->want.with_context) {
            set_enclosed(&out->v[out->n], &exec, &with);
        }
        out->n++;
    }
    return FF_E_OK;
}

/* The whole of both operations: an earlier answer, or new claims, or the wait for some. */
static ff_err
claim_or_wait(struct ff_txn *txn, const struct claiming *claiming, struct ff_claim_list *out)
{
    struct ff_pick pick;

    out->v = FF_ARENA_NEW(txn->arena, struct ff_claim, claiming->max);
    if (claiming->taker.request_id.is) {
        FF_TRY(claims_again(txn, claiming, out));
        if (out->n > 0) {
            return FF_E_OK;
        }
    }
    FF_TRY(ff_pick_begin(txn, &claiming->want, &pick));
    FF_TRY(claim_some(txn, claiming, &pick, out));
    if (out->n > 0) {
        return FF_E_OK;
    }
    FF_TRY(ff_pick_wait(txn, &pick, claiming->block_ms));
    return ff_txn_up_to_date(txn);
}

ff_err
ff_op_claim(struct ff_txn *txn, const struct ff_claim_args *args, struct ff_claim_result *result)
{
    struct claiming claiming = {
        .want = { .lane_id = args->lane_id,
                  .include_reclaimable = args->include_reclaimable,
                  .expect = 1 },
        .taker = { .worker_id = args->worker_id,
                   .worker_instance_id = args->worker_instance_id,
                   .lease_ttl_ms = args->lease_ttl_ms,
                   .request_id = args->request_id },
        .max = 1,
        .block_ms = args->block_ms,
    };
    struct ff_claim_list claims = { 0 };
    const struct ff_claim *claim = NULL;

    FF_TRY(ff_offered_caps(txn, args->worker_capabilities, &claiming.want.offered));
    FF_TRY(claim_or_wait(txn, &claiming, &claims));
    result->outcome = "none";
    if (claims.n == 0) {
        return FF_E_OK;
    }
    claim = &claims.v[0];
    result->outcome = claim->outcome;
    result->handle = &claims.v[0].handle;
    result->execution_id = FF_SOME(ff_opt_eid, claim->execution_id);
    result->attempt_index = FF_SOME(ff_opt_u32, claim->attempt_index);
    result->attempt_type = FF_SOME(ff_opt_u32, claim->attempt_type);
    result->attempt_id = FF_SOME(ff_opt_uuid, claim->attempt_id);
    result->lease_id = FF_SOME(ff_opt_uuid, claim->lease_id);
    result->lease_epoch = FF_SOME(ff_opt_u64, claim->lease_epoch);
    result->lease_expires_at = FF_SOME(ff_opt_i64, claim->lease_expires_at);
    return FF_E_OK;
}

ff_err
ff_op_claim_many(struct ff_txn *txn, const struct ff_claim_many_args *args,
                 struct ff_claim_many_result *result)
{
    struct claiming claiming = {
        .want = { .lane_id = args->lane_id,
                  .include_reclaimable = args->include_reclaimable,
                  .with_context = args->include_context,
                  .expect = args->max },
        .taker = { .worker_id = args->worker_id,
                   .worker_instance_id = args->worker_instance_id,
                   .lease_ttl_ms = args->lease_ttl_ms,
                   .request_id = args->request_id },
        .max = args->max,
        .block_ms = args->block_ms,
    };

    FF_TRY(ff_offered_caps(txn, args->worker_capabilities, &claiming.want.offered));
    return claim_or_wait(txn, &claiming, &result->claims);
}
