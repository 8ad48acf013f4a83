#include <endian.h>
#include <stdlib.h>

#include "backends/postgres/pg_int.h"

/* How long a batch that was not sent yet waits for a server that is away. */
#define COMMIT_WAIT_MS 15000
/* Deadlocks, and connections that went away before the batch was committed. */
#define RETRIES_MAX 10

static struct pg *
of(struct ff_store *store)
{
    return (struct pg *) store;
}

static void
complete(struct pg *pg, enum ff_commit_outcome outcome)
{
    struct ff_commit *commit = pg->commit;

    commit->outcome = outcome;
    commit->conflicts = pg->conflicts;
    commit->n_conflicts = outcome == FF_COMMIT_CONFLICT ? pg->n_conflicts : 0;
    if (outcome == FF_COMMIT_OK) {
        ff_pg_committed(pg, commit);
    }
    pg->commit = NULL;
    pg->commit_phase = PG_C_NONE;
    pg->completed = true;
    commit->done(commit);
}

static void
fail(struct pg *pg, const char *state)
{
    ff_pg_fail(&pg->commit->fault, state, pg->write.words);
    complete(pg, FF_COMMIT_FAILED);
}

/* Nothing of it was committed, and it may well be if it is made again. */
static void
again(struct pg *pg, const char *state)
{
    pg->commit_phase = PG_C_WAITING;
    if (++pg->retries > RETRIES_MAX) {
        fail(pg, state);
    } else {
        ff_pg_commit_go(pg);
    }
}

/* ---- a batch that was refused: which records have moved? ---- */

static void
look_result(struct pg *pg, uint64_t tag, const PGresult *result)
{
    for (int row = 0; row < PQntuples(result); row++) {
        const struct pg_write *write = &pg->writes[tag + ff_pg_get_u64(result, row, 0) - 1];

        if (write->how == PG_BY_DROP) {
            continue; /* goes whatever its version is */
        }
        pg->conflicts =
            ff_grow(pg->conflicts, &pg->conflicts_room, pg->n_conflicts, sizeof(*pg->conflicts));
        pg->conflicts[pg->n_conflicts++] = write->at;
    }
}

static void
look_done(struct pg *pg, bool ok)
{
    if (!ok) {
        fail(pg, pg->write.state);
    } else if (pg->n_conflicts > 0) {
        complete(pg, FF_COMMIT_CONFLICT);
    } else {
        again(pg, "");
    }
}

static void
look_lost(struct pg *pg)
{
    pg->commit_phase = PG_C_WAITING; /* it was rolled back: there is nothing to be unsure of */
}

static const struct pg_job look_job = { look_result, look_done, look_lost };

static void
look(struct pg *pg)
{
    pg->commit_phase = PG_C_LOOKING;
    pg->n_conflicts = 0;
    ff_pg_begin(&pg->write, &look_job);
    ff_pg_send_look(pg);
    ff_pg_end(&pg->write);
}

/* ---- a batch ---- */

static void
batch_result(struct pg *pg, uint64_t tag, const PGresult *result)
{
    (void) pg;
    (void) tag;
    (void) result;
}

static bool
state_is(const struct pg *pg, const char *state)
{
    return strcmp(pg->write.state, state) == 0;
}

static void
batch_done(struct pg *pg, bool ok)
{
    if (ok) {
        complete(pg, FF_COMMIT_OK);
    } else if (state_is(pg, PG_MOVED_STATE) || state_is(pg, "23505")) {
        look(pg);
    } else if (state_is(pg, "40P01") || state_is(pg, "40001")) {
        again(pg, pg->write.state);
    } else {
        fail(pg, pg->write.state);
    }
}

static void
batch_lost(struct pg *pg)
{
    pg->commit_phase = PG_C_UNSURE;
}

static const struct pg_job batch_job = { batch_result, batch_done, batch_lost };

static void
send_mark(struct pg *pg)
{
    uint64_t session = htobe64(pg->session), number = htobe64(pg->number);
    struct pg_params params = { 0 };

    ff_pg_param(&params, pg->broker.b, sizeof(pg->broker.b));
    ff_pg_param(&params, &session, sizeof(session));
    ff_pg_param(&params, &number, sizeof(number));
    ff_pg_send(&pg->write, PG_S_MARK, 0, &params);
}

/* Everything up to COMMIT goes out at once: one round trip. */
void
ff_pg_commit_go(struct pg *pg)
{
    if (pg->commit_phase != PG_C_WAITING || !ff_pg_conn_free(&pg->write)) {
        return;
    }
    pg->commit_phase = PG_C_SENT;
    ff_pg_begin(&pg->write, &batch_job);
    ff_pg_send(&pg->write, PG_S_BEGIN, 0, NULL);
    send_mark(pg);
    ff_pg_send_batch(pg);
    ff_pg_send(&pg->write, PG_S_COMMIT, 0, NULL);
    ff_pg_end(&pg->write);
}

void
ff_pg_commit(struct ff_store *store, struct ff_commit *commit)
{
    struct pg *pg = of(store);

    FF_ASSERT(pg->commit == NULL); /* one at a time */
    pg->commit = commit;
    pg->commit_phase = PG_C_WAITING;
    pg->commit_since_ms = ff_mono_ms();
    pg->number++;
    pg->retries = 0;
    commit->fault = (struct ff_fault){ 0 };
    ff_pg_order_writes(pg);
    pg->fresh = true;
    ff_pg_commit_go(pg);
    pg->fresh = false;
}

void
ff_pg_commit_fenced(struct pg *pg)
{
    if (pg->commit_phase == PG_C_UNSURE && pg->marked == pg->number) {
        complete(pg, FF_COMMIT_OK);
    } else if (pg->commit_phase == PG_C_UNSURE) {
        again(pg, "");
    } else {
        ff_pg_commit_go(pg);
    }
}

void
ff_pg_commit_tick(struct pg *pg, int64_t now_ms)
{
    if (pg->commit_phase == PG_C_WAITING && pg->write.phase != PG_READY &&
        now_ms - pg->commit_since_ms >= COMMIT_WAIT_MS) {
        fail(pg, "");
    }
}
