/* reconcile_execution_index: index entries that disagree with the records they are derived from
 * (07 §3.12). A walk over all indexes that executions stand in: of each execution it asks whether
 * it stands where its record says, of each entry whether its record says so.
 */
#include "core/engine/rely.h"
#include "core/engine/scan.h"
#include "core/engine/walk.h"
#include "core/state.h"

/* Entries that a step looks at (spec/records.md §6). */
#define STEP_MAX 256

/* EXECUTIONS first: from it what is missing elsewhere is found. */
static const struct derived {
    enum ff_index index;
    enum ff_record kind;
    bool by_partition; /* its scopes begin with one */
} indexes[] = {
    { FF_IX_EXECUTIONS, FF_R_EXEC, true },   { FF_IX_READY, FF_R_EXEC, false },
    { FF_IX_GRANTED, FF_R_EXEC, false },     { FF_IX_RECLAIMABLE, FF_R_EXEC, false },
    { FF_IX_CAPPED, FF_R_EXEC, false },      { FF_IX_LEASE_DUE, FF_R_EXEC, false },
    { FF_IX_BY_WORKER, FF_R_EXEC, false },   { FF_IX_DELAYED, FF_R_EXEC, false },
    { FF_IX_ATTEMPT_DUE, FF_R_EXEC, false }, { FF_IX_DEADLINE_DUE, FF_R_EXEC, false },
    { FF_IX_RETAINED, FF_R_EXEC, true },     { FF_IX_HELD, FF_R_EXEC, false },
    { FF_IX_ADMITTED, FF_R_EXEC, false },    { FF_IX_OF_POLICY, FF_R_EXEC, false },
    { FF_IX_SUSPENDED, FF_R_EXEC, true },    { FF_IX_SUSPENSION_DUE, FF_R_SUSPENSION, false },
    { FF_IX_GATED, FF_R_EXEC, true },        { FF_IX_CANCEL_OWED, FF_R_EXEC, false },
    { FF_IX_CASCADE, FF_R_EXEC, true },      { FF_IX_MEMBER_STATE, FF_R_EXEC, false },
};

/* One entry to add or to take away. */
struct mend {
    struct mend *next;
    enum ff_record kind;
    struct ff_index_key key;
    bool add;
};

/* One that could not be read is not looked at again in the same step: it would be loaded anew. */
struct unread {
    struct unread *next;
    struct ff_key id;
};

struct step {
    struct ff_txn *txn;
    const struct ff_reconcile_execution_index_args *args;
    struct ff_opt_u32 partition;
    uint32_t looks;
    struct mend *mends;
    struct unread *unread;
    bool pending;
};

/* ---- what disagrees ---- */

static bool
same_key(const struct ff_index_key *a, const struct ff_index_key *b)
{
    return a->index == b->index && a->sort == b->sort && ff_key_cmp(&a->id, &b->id) == 0 &&
           ff_scope_cmp(&a->scope, &b->scope) == 0;
}

/* Several entries may tell of the same mistake. On a store that brokers share it is looked at
 * again before it counts as one. */
static ff_err
note(struct step *step, enum ff_record kind, const struct ff_index_key *key, bool add)
{
    struct mend *mend = NULL;

    FF_TRY(ff_txn_doubt(step->txn, (enum ff_index) key->index, &key->scope));
    for (mend = step->mends; mend != NULL; mend = mend->next) {
        if (same_key(&mend->key, key)) {
            return FF_E_OK;
        }
    }
    mend = FF_ARENA_NEW(step->txn->arena, struct mend, 1);
    *mend = (struct mend){ .next = step->mends, .kind = kind, .key = *key, .add = add };
    step->mends = mend;
    return FF_E_OK;
}

static ff_err
check_stands(struct step *step, enum ff_record kind, const struct ff_index_key *key)
{
    bool stands = false;

    FF_TRY(ff_txn_stands(step->txn, key, &stands));
    return stands ? FF_E_OK : note(step, kind, key, true);
}

/* Whether the record stands everywhere it should. */
static ff_err
check_record(struct step *step, enum ff_record kind, const void *record)
{
    struct ff_index_key keys[FF_INDEX_KEYS_MAX];
    uint32_t n = ff_index_keys(kind, record, keys);

    for (uint32_t i = 0; i < n; i++) {
        FF_TRY(ff_gather(check_stands(step, kind, &keys[i]), &step->pending));
    }
    return FF_E_OK;
}

/* Whether it should stand here, NULL: there is none; and that it is known as an execution. */
static ff_err
check_entry(struct step *step, enum ff_record kind, const void *record,
            const struct ff_index_key *here)
{
    struct ff_index_key keys[FF_INDEX_KEYS_MAX];
    uint32_t n = ff_index_keys(kind, record, keys);
    bool rightly = false;

    for (uint32_t i = 0; i < n; i++) {
        rightly = rightly || same_key(&keys[i], here);
        if (keys[i].index == FF_IX_EXECUTIONS) {
            FF_TRY(ff_gather(check_stands(step, kind, &keys[i]), &step->pending));
        }
    }
    return rightly ? FF_E_OK : note(step, kind, here, false);
}

/* ---- one entry ---- */

/* An execution that is not there is nobody's: a filter admits none of it. */
static ff_err
is_wanted(struct step *step, const struct ff_exec *exec, bool *wanted)
{
    const struct ff_strs *lanes = &step->args->lanes;

    *wanted = lanes->n == 0;
    if (exec == NULL) {
        *wanted = *wanted && step->args->filter == NULL;
        return FF_E_OK;
    }
    for (uint32_t i = 0; i < lanes->n; i++) {
        *wanted = *wanted || ff_str_eq(lanes->v[i], exec->lane_id);
    }
    *wanted = *wanted && ff_exec_state_legal(exec);
    return *wanted ? ff_filter_admits(step->txn, step->args->filter, exec, wanted) : FF_E_OK;
}

static ff_err
look_at_suspension(struct step *step, const struct ff_index_key *here)
{
    struct ff_suspension suspension = { 0 };
    bool found = false;

    FF_TRY(ff_txn_find(step->txn, FF_R_SUSPENSION, &here->id, &suspension, &found));
    if (here->index == FF_IX_SUSPENSION_DUE) {
        return check_entry(step, FF_R_SUSPENSION, found ? &suspension : NULL, here);
    }
    return found ? check_record(step, FF_R_SUSPENSION, &suspension) : FF_E_OK;
}

static ff_err
look_at(struct step *step, const struct derived *derived, const struct ff_index_key *here)
{
    struct ff_exec exec = { 0 };
    bool found = false, wanted = false, purging = false;

    FF_TRY(ff_txn_find_hidden(step->txn, FF_R_EXEC, &here->id, &exec, &purging));
    if (purging) {
        return FF_E_OK; /* it is none any more, and goes from where it stands */
    }
    FF_TRY(ff_txn_find(step->txn, FF_R_EXEC, &here->id, &exec, &found));
    FF_TRY(is_wanted(step, found ? &exec : NULL, &wanted));
    if (!wanted) {
        return FF_E_OK;
    }
    if (derived->kind == FF_R_SUSPENSION) {
        return look_at_suspension(step, here);
    }
    if (derived->index != FF_IX_EXECUTIONS || !found) {
        return check_entry(step, FF_R_EXEC, found ? &exec : NULL, here);
    }
    FF_TRY(check_record(step, FF_R_EXEC, &exec));
    return exec.lifecycle_phase == FF_PHASE_SUSPENDED ? look_at_suspension(step, here) : FF_E_OK;
}

static bool
is_unread(const struct step *step, const struct ff_key *id)
{
    for (const struct unread *unread = step->unread; unread != NULL; unread = unread->next) {
        if (ff_key_cmp(&unread->id, id) == 0) {
            return true;
        }
    }
    return false;
}

static void
note_unread(struct step *step, const struct ff_key *id)
{
    struct unread *unread = FF_ARENA_NEW(step->txn->arena, struct unread, 1);

    *unread = (struct unread){ .next = step->unread, .id = *id };
    step->unread = unread;
    step->txn->fault = (struct ff_fault){ 0 };
}

/* What cannot be read is counted, once, and does not stop the others. */
static ff_err
look(struct step *step, const struct derived *derived, const struct ff_entry *entry)
{
    struct ff_walk *walk = ff_txn_walk(step->txn);
    struct ff_index_key here = { .index = (uint8_t) derived->index,
                                 .scope = walk->scope,
                                 .sort = entry->sort };
    ff_err err = FF_E_OK;

    here.id = entry->id;
    if (here.id.n != 18 || is_unread(step, &here.id) ||
        (step->partition.is && ff_key_to_eid(&here.id).partition != step->partition.v)) {
        return FF_E_OK; /* or a flow's member stands there, or one of another partition */
    }
    err = look_at(step, derived, &here);
    if (err == FF_E_CORRUPTION) {
        note_unread(step, &here.id);
        walk->counts[1] += derived->index == FF_IX_EXECUTIONS;
        return FF_E_OK;
    }
    return ff_gather(err, &step->pending);
}

/* ---- the walk ---- */

/* The scope that the walk is in, or the next one; false: the index is done with. */
static ff_err
take_scope(struct step *step, const struct derived *derived, bool *found)
{
    struct ff_walk *walk = ff_txn_walk(step->txn);
    struct ff_scope prefix = ff_scope_none();
    struct ff_scope_list scopes = { 0 };

    *found = walk->place == FF_WALK_IN;
    if (*found) {
        return FF_E_OK;
    }
    if (step->partition.is && derived->by_partition) {
        prefix = ff_scope_partition((uint16_t) step->partition.v);
    }
    FF_TRY(ff_txn_scopes(step->txn, derived->index, &prefix, &scopes));
    for (uint32_t i = 0; i < scopes.n && !*found; i++) {
        if (walk->place == FF_WALK_BEFORE || ff_scope_cmp(&scopes.v[i], &walk->scope) > 0) {
            walk->scope = scopes.v[i];
            walk->at = (struct ff_entry){ .sort = INT64_MIN };
            walk->place = FF_WALK_IN;
            *found = true;
        }
    }
    return FF_E_OK;
}

static ff_err
walk_scope(struct step *step, const struct derived *derived)
{
    struct ff_walk *walk = ff_txn_walk(step->txn);
    bool found = true;

    while (step->looks < STEP_MAX) {
        struct ff_entry entry = { 0 };

        FF_TRY(ff_txn_next(step->txn, derived->index, &walk->scope, &walk->at,
                           STEP_MAX - step->looks, &entry, &found));
        if (!found) {
            walk->place = FF_WALK_BEHIND;
            break;
        }
        FF_TRY(look(step, derived, &entry));
        walk->at = entry;
        step->looks++;
    }
    return FF_E_OK;
}

static ff_err
walk_some(struct step *step)
{
    struct ff_walk *walk = ff_txn_walk(step->txn);

    while (walk->stage < FF_COUNT(indexes) && step->looks < STEP_MAX) {
        const struct derived *derived = &indexes[walk->stage];
        bool found = false;

        FF_TRY(take_scope(step, derived, &found));
        if (found) {
            FF_TRY(walk_scope(step, derived));
        } else {
            walk->stage++;
            walk->place = FF_WALK_BEFORE;
        }
    }
    return FF_E_OK;
}

/* Only once all is known: what a call that is run again has mended could not be taken back. */
static ff_err
mend_all(struct step *step)
{
    struct ff_walk *walk = ff_txn_walk(step->txn);

    for (const struct mend *mend = step->mends; mend != NULL; mend = mend->next) {
        FF_TRY(ff_txn_restand(step->txn, mend->kind, &mend->key, mend->add));
        walk->counts[0]++;
    }
    return FF_E_OK;
}

ff_err
ff_op_reconcile_execution_index(struct ff_txn *txn,
                                const struct ff_reconcile_execution_index_args *args,
                                struct ff_reconcile_execution_index_result *result)
{
    struct step step = { .txn = txn, .args = args };
    struct ff_walk *walk = ff_txn_walk(txn);

    if (args->partition.p != NULL) {
        struct ff_partition partition = { 0 };

        FF_TRY(ff_partition_key_parse(args->partition, "partition", &partition, &txn->fault));
        if (partition.family != FF_PARTITION_FLOW) {
            return FF_E_OK; /* no execution lives there */
        }
        step.partition = FF_SOME(ff_opt_u32, partition.index);
    }
    FF_TRY(walk_some(&step));
    if (step.pending) {
        return FF_E_PENDING;
    }
    FF_TRY(mend_all(&step));
    if (walk->stage < FF_COUNT(indexes)) {
        return ff_txn_step(txn);
    }
    result->processed = walk->counts[0];
    result->errors = walk->counts[1];
    return FF_E_OK;
}
