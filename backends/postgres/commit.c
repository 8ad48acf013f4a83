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

static struct pg_commit *
nth(struct pg *pg, uint32_t n)
{
    return &pg->commits[(pg->first_commit + n) % FF_COMMITS_MAX];
}

/* The first one is; what follows one that was not made never is. */
static void
complete(struct pg *pg, enum ff_commit_outcome outcome)
{
    struct pg_commit *first = nth(pg, 0), *next = NULL;
    struct ff_commit *commit = first->commit;

    commit->outcome = outcome;
    commit->conflicts = first->conflicts;
    commit->n_conflicts = outcome == FF_COMMIT_CONFLICT ? first->n_conflicts : 0;
    if (outcome == FF_COMMIT_OK) {
        ff_pg_committed(pg, commit);
    }
    first->phase = PG_C_NONE;
    pg->first_commit = (pg->first_commit + 1) % FF_COMMITS_MAX;
    pg->n_commits--;
    pg->completed = true;
    if (pg->n_commits > 0) {
        next = nth(pg, 0);
        next->follows = next->doomed = outcome != FF_COMMIT_OK;
    }
    commit->done(commit);
    if (next != NULL && next->doomed && next->phase != PG_C_SENT) {
        complete(pg, FF_COMMIT_ORPHANED);
    }
}

static void
fail(struct pg *pg, const char *state)
{
    ff_pg_fail(&nth(pg, 0)->commit->fault, state, pg->write.words);
    complete(pg, FF_COMMIT_FAILED);
}

/* Nothing of the first one was committed, and it may well be if it is made again. */
static void
again(struct pg *pg, const char *state)
{
    struct pg_commit *first = nth(pg, 0);

    first->phase = PG_C_WAITING;
    if (++first->retries > RETRIES_MAX) {
        fail(pg, state);
    } else {
        ff_pg_commit_go(pg);
    }
}

/* ---- a batch that was refused: which records have moved? ---- */

static void
look_result(struct pg *pg, uint64_t tag, const PGresult *result)
{
    struct pg_commit *first = nth(pg, 0);

    for (int row = 0; row < PQntuples(result); row++) {
        const struct pg_write *write = &first->writes[tag + ff_pg_get_u64(result, row, 0) - 1];

        if (write->how == PG_BY_DROP) {
            continue; /* goes whatever its version is */
        }
        first->conflicts = ff_grow(first->conflicts, &first->conflicts_room, first->n_conflicts,
                                   sizeof(*first->conflicts));
        first->conflicts[first->n_conflicts++] = write->at;
    }
}

static void
look_done(struct pg *pg, bool ok)
{
    if (!ok) {
        fail(pg, pg->write.state);
    } else if (nth(pg, 0)->n_conflicts > 0) {
        complete(pg, FF_COMMIT_CONFLICT);
    } else {
        again(pg, "");
    }
}

static void
look_lost(struct pg *pg)
{
    nth(pg, 0)->phase = PG_C_WAITING; /* it was rolled back: there is nothing to be unsure of */
}

static const struct pg_job look_job = { look_result, look_done, look_lost };

static void
look(struct pg *pg)
{
    pg->making = nth(pg, 0);
    pg->making->phase = PG_C_LOOKING;
    pg->making->n_conflicts = 0;
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

/* Of those sent, answers come of the oldest one. */
static uint32_t
answered(struct pg *pg)
{
    uint32_t n = 0;

    while (nth(pg, n)->phase != PG_C_SENT) {
        n++;
        FF_ASSERT(n < pg->n_commits);
    }
    return n;
}

static void
batch_done(struct pg *pg, bool ok)
{
    uint32_t n = answered(pg);

    if (n > 0) { /* the one before it is to be made again, or looked at: without that it is not */
        FF_ASSERT(!ok);
        nth(pg, n)->phase = PG_C_WAITING;
    } else if (ok) {
        complete(pg, FF_COMMIT_OK);
    } else if (nth(pg, 0)->doomed) {
        complete(pg, FF_COMMIT_ORPHANED);
    } else if (state_is(pg, PG_MOVED_STATE) || state_is(pg, "23505")) {
        look(pg);
    } else if (state_is(pg, "40P01") || state_is(pg, "40001")) {
        again(pg, pg->write.state);
    } else {
        fail(pg, pg->write.state);
    }
    ff_pg_commit_go(pg);
}

static void
batch_lost(struct pg *pg)
{
    for (uint32_t i = 0; i < pg->n_commits; i++) {
        if (nth(pg, i)->phase == PG_C_SENT) {
            nth(pg, i)->phase = PG_C_UNSURE;
        }
    }
}

static const struct pg_job batch_job = { batch_result, batch_done, batch_lost };

static void
send_mark(struct pg *pg)
{
    const struct pg_commit *making = pg->making;
    uint64_t session = htobe64(pg->session), number = htobe64(making->number);
    uint64_t before = htobe64(making->follows ? making->number - 1 : UINT64_MAX);
    struct pg_params params = { 0 };

    ff_pg_param(&params, pg->broker.b, sizeof(pg->broker.b));
    ff_pg_param(&params, &session, sizeof(session));
    ff_pg_param(&params, &number, sizeof(number));
    ff_pg_param(&params, &before, sizeof(before));
    ff_pg_send(&pg->write, PG_S_MARK, 0, &params);
}

/* Everything up to COMMIT goes out at once: one round trip. */
static void
send_commit(struct pg *pg, struct pg_commit *commit)
{
    pg->making = commit;
    commit->phase = PG_C_SENT;
    ff_pg_begin(&pg->write, &batch_job);
    ff_pg_send(&pg->write, PG_S_BEGIN, 0, NULL);
    send_mark(pg);
    ff_pg_send_batch(pg);
    ff_pg_send(&pg->write, PG_S_COMMIT, 0, NULL);
    ff_pg_end(&pg->write);
}

/* In their order: none while one behind it is on its way, as answers are told apart by that. */
void
ff_pg_commit_go(struct pg *pg)
{
    for (uint32_t i = 0; i < pg->n_commits; i++) {
        struct pg_commit *commit = nth(pg, i);
        bool before_sent = i + 1 < pg->n_commits && nth(pg, i + 1)->phase == PG_C_SENT;

        if (commit->phase == PG_C_SENT) {
            continue;
        }
        if (commit->phase != PG_C_WAITING || before_sent || !ff_pg_conn_takes(&pg->write)) {
            return;
        }
        send_commit(pg, commit);
    }
}

void
ff_pg_commit(struct ff_store *store, struct ff_commit *commit)
{
    struct pg *pg = of(store);
    struct pg_commit *waiting = nth(pg, pg->n_commits);

    FF_ASSERT(pg->n_commits < FF_COMMITS_MAX && commit->follows == (pg->n_commits > 0));
    pg->n_commits++;
    waiting->commit = commit;
    waiting->phase = PG_C_WAITING;
    waiting->follows = commit->follows;
    waiting->doomed = false;
    waiting->since_ms = ff_mono_ms();
    waiting->number = ++pg->number;
    waiting->retries = 0;
    commit->fault = (struct ff_fault){ 0 };
    pg->making = waiting;
    ff_pg_order_writes(pg);
    waiting->fresh = true;
    ff_pg_commit_go(pg);
    waiting->fresh = false;
}

void
ff_pg_commit_fenced(struct pg *pg)
{
    while (pg->n_commits > 0 && nth(pg, 0)->phase == PG_C_UNSURE &&
           pg->marked >= nth(pg, 0)->number) {
        complete(pg, FF_COMMIT_OK); /* only its answer was lost */
    }
    for (uint32_t i = 0; i < pg->n_commits; i++) {
        if (nth(pg, i)->phase == PG_C_UNSURE) {
            nth(pg, i)->phase = PG_C_WAITING;
            nth(pg, i)->retries++;
        }
    }
    if (pg->n_commits > 0 && nth(pg, 0)->retries > RETRIES_MAX) {
        fail(pg, "");
    }
    ff_pg_commit_go(pg);
}

void
ff_pg_commit_tick(struct pg *pg, int64_t now_ms)
{
    const struct pg_commit *first = nth(pg, 0);

    if (pg->n_commits > 0 && first->phase == PG_C_WAITING && pg->write.phase != PG_READY &&
        now_ms - first->since_ms >= COMMIT_WAIT_MS) {
        fail(pg, "");
    }
}
