/* check_links.c: what a record refers to is there, and the two agree. */
#include "backends/offline/check_int.h"
#include "core/codec.h"
#include "core/records_wait.h"
#include "core/sound.h"

#define LINKS_MAX 6

/* From one record to another. */
struct link {
    enum ff_record to;
    struct ff_key key;
    const char *missing; /* what is wrong where there is none; NULL: it need not be there */
    /* What is wrong with the pair; other NULL: there is none. NULL: nothing can be. */
    const char *(*agree)(const void *record, const void *other);
};
struct links {
    struct link v[LINKS_MAX];
    uint32_t n;
};

static struct link *
add(struct links *links, enum ff_record to, struct ff_key key, const char *missing)
{
    FF_ASSERT(links->n < LINKS_MAX);
    links->v[links->n] = (struct link){ .to = to, .key = key, .missing = missing };
    return &links->v[links->n++];
}

/* ---- executions and their attempts ---- */

static bool
runs(const struct ff_attempt *attempt)
{
    return attempt->attempt_lifecycle == FF_LIFE_STARTED;
}

/* One live lease at the most: only the current attempt of an active execution runs. */
static const char *
attempt_agrees(const void *record, const void *other)
{
    const struct ff_attempt *attempt = record;
    const struct ff_exec *exec = other;

    if (exec == NULL || exec->purging.is) {
        return NULL;
    }
    if (attempt->attempt_index >= exec->total_attempt_count) {
        return "is one more than its execution counts";
    }
    if (!runs(attempt)) {
        return NULL;
    }
    if (!exec->current_attempt_index.is ||
        exec->current_attempt_index.v != attempt->attempt_index) {
        return "runs beside the current attempt of its execution";
    }
    return exec->lifecycle_phase == FF_PHASE_ACTIVE ? NULL : "runs, and its execution does not";
}

static const char *
exec_agrees(const void *record, const void *other)
{
    const struct ff_exec *exec = record;
    const struct ff_attempt *attempt = other;

    if (exec->ownership_state != FF_OWNER_LEASED || attempt == NULL) {
        return NULL;
    }
    if (!runs(attempt)) {
        return "is leased, and its current attempt does not run";
    }
    return attempt->lease_id.is && ff_uuid_eq(attempt->lease_id.v, exec->current_lease_id.v)
               ? NULL
               : "has another lease than its current attempt";
}

static void
links_of_exec(struct links *links, const struct ff_exec *exec)
{
    const struct ff_key key = ff_key_eid(&exec->execution_id);

    if (exec->purging.is) { /* the rest of it is gone */
        return;
    }
    (void) add(links, FF_R_EXEC_INPUT, key, "has no input");
    if (exec->has_tags) {
        (void) add(links, FF_R_EXEC_TAGS, key, "says that it has tags, and has none");
    }
    if (exec->current_attempt_index.is) {
        add(links, FF_R_ATTEMPT, ff_key_attempt(&exec->execution_id, exec->current_attempt_index.v),
            "has no record of its current attempt")
            ->agree = exec_agrees;
    }
    (void) add(links, FF_R_LANE, ff_key_bytes(exec->lane_id), "is in a lane that there is not");
    if (exec->flow_id.is) {
        (void) add(links, FF_R_MEMBER, ff_key_member(&exec->flow_id.v, &exec->execution_id),
                   "is no member of its flow");
    }
    if (exec->lifecycle_phase == FF_PHASE_SUSPENDED) {
        (void) add(links, FF_R_SUSPENSION, key, "is suspended, and its suspension is missing");
    }
}

static void
to_exec(struct links *links, const struct ff_eid *id)
{
    (void) add(links, FF_R_EXEC, ff_key_eid(id), "belongs to no execution");
}

/* ---- suspensions and waitpoints ---- */

static const char *
suspension_agrees(const void *record, const void *other)
{
    const struct ff_suspension *suspension = record;
    const struct ff_exec *exec = other;

    if (exec == NULL || exec->purging.is) {
        return NULL;
    }
    if (!suspension->closed_at.is && exec->lifecycle_phase != FF_PHASE_SUSPENDED) {
        return "is open, and its execution is not suspended";
    }
    return exec->lifecycle_phase == FF_PHASE_SUSPENDED &&
                   (suspension->closed_at.is ||
                    !ff_uuid_eq(exec->current_suspension_id.v, suspension->suspension_id))
               ? "is not the one that its suspended execution names"
               : NULL;
}

static const char *
waitpoint_agrees(const void *record, const void *other)
{
    const struct ff_waitpoint *waitpoint = record;
    const struct ff_exec *exec = other;

    return exec != NULL && !exec->purging.is && waitpoint->state != FF_WAITPOINT_CLOSED &&
                   exec->open_waitpoints == 0
               ? "is open, and its execution counts none"
               : NULL;
}

static void
links_of_wait(struct links *links, enum ff_record kind, const void *record)
{
    const struct ff_signal *signal = record;

    if (kind == FF_R_SUSPENSION) {
        to_exec(links, &((const struct ff_suspension *) record)->execution_id);
        links->v[0].agree = suspension_agrees;
    } else if (kind == FF_R_WAITPOINT) {
        to_exec(links, &((const struct ff_waitpoint *) record)->execution_id);
        links->v[0].agree = waitpoint_agrees;
    } else if (kind == FF_R_SUSPEND_REPLY) {
        to_exec(links, &((const struct ff_suspend_reply *) record)->execution_id);
    } else if (kind == FF_R_SIGNAL) {
        (void) add(links, FF_R_WAITPOINT,
                   ff_key_waitpoint(signal->execution_id.partition, &signal->waitpoint_id),
                   "belongs to no waitpoint");
    }
}

/* ---- flows ---- */

static const char *
member_agrees(const void *record, const void *other)
{
    const struct ff_member *member = record;
    const struct ff_exec *exec = other;

    if (member->purged) {
        return exec == NULL ? NULL : "says that its execution is gone, and it is there";
    }
    if (exec == NULL) {
        return "is an execution that there is not";
    }
    return exec->flow_id.is && ff_uuid_eq(exec->flow_id.v, member->flow_id)
               ? NULL
               : "is an execution that knows nothing of its flow";
}

static const char *
edge_agrees(const void *record, const void *other)
{
    const struct ff_edge *edge = record;
    const struct ff_exec *upstream = other;

    return edge->edge_state == FF_EDGE_APPLIED && upstream != NULL && !upstream->cascade_owed &&
                   ff_end_counts(upstream, edge->ignore_terminal_count)
               ? "waits for an execution that has ended and owes it nothing"
               : NULL;
}

static void
links_of_edge(struct links *links, const struct ff_edge *edge)
{
    (void) add(links, FF_R_MEMBER, ff_key_member(&edge->flow_id, &edge->upstream),
               "comes from no member of its flow");
    (void) add(links, FF_R_MEMBER, ff_key_member(&edge->flow_id, &edge->downstream),
               "leads to no member of its flow");
    (void) add(links, FF_R_GROUP, ff_key_member(&edge->flow_id, &edge->downstream),
               "is in no group");
    add(links, FF_R_EXEC, ff_key_eid(&edge->upstream), NULL)->agree = edge_agrees;
}

static void
links_of_flow_part(struct links *links, enum ff_record kind, const void *record)
{
    const struct ff_member *member = record;
    const struct ff_group *group = record;

    if (kind == FF_R_MEMBER) {
        (void) add(links, FF_R_FLOW, ff_key_flow(&member->flow_id), "belongs to no flow");
        add(links, FF_R_EXEC, ff_key_eid(&member->execution_id), NULL)->agree = member_agrees;
    } else if (kind == FF_R_EDGE) {
        (void) add(links, FF_R_FLOW, ff_key_flow(&((const struct ff_edge *) record)->flow_id),
                   "belongs to no flow");
        links_of_edge(links, record);
    } else if (kind == FF_R_GROUP) { /* a policy may be set before there is a member */
        (void) add(links, FF_R_FLOW, ff_key_flow(&group->flow_id), "belongs to no flow");
    } else if (kind == FF_R_SUMMARY) {
        (void) add(links, FF_R_FLOW, ff_key_flow(&((const struct ff_summary *) record)->flow_id),
                   "belongs to no flow");
    }
}

/* ---- admission ---- */

static const char *
slot_agrees(const void *record, const void *other)
{
    return ff_slot_unsound(record, other);
}

static void
links_of_admission(struct links *links, enum ff_record kind, const void *record)
{
    const struct ff_slot *slot = record;
    const struct ff_window_entry *entry = record;

    if (kind == FF_R_LEDGER) {
        (void) add(links, FF_R_BUDGET, ff_key_uuid(&((const struct ff_ledger *) record)->budget_id),
                   "belongs to no budget");
    } else if (kind == FF_R_WINDOW_ENTRY) {
        (void) add(links, FF_R_WINDOW, ff_key_window(&entry->quota_policy_id, entry->dimension),
                   "is in no window");
    } else if (kind == FF_R_SLOT) {
        (void) add(links, FF_R_QUOTA, ff_key_uuid(&slot->quota_policy_id), "is of no policy");
        add(links, FF_R_EXEC, ff_key_eid(&slot->execution_id), NULL)->agree = slot_agrees;
    }
}

/* ---- all kinds ---- */

static void
links_of(struct links *links, enum ff_record kind, const void *record)
{
    const struct ff_attempt *attempt = record;
    const struct ff_stream *stream = record;
    const struct ff_summary_doc *doc = record;

    switch (kind) {
    case FF_R_EXEC:
        links_of_exec(links, record);
        break;
    case FF_R_EXEC_INPUT:
        to_exec(links, &((const struct ff_exec_input *) record)->execution_id);
        break;
    case FF_R_EXEC_TAGS:
        to_exec(links, &((const struct ff_exec_tags *) record)->execution_id);
        break;
    case FF_R_EXEC_RESULT:
        to_exec(links, &((const struct ff_exec_result *) record)->execution_id);
        break;
    case FF_R_OUT_FRAME:
        to_exec(links, &((const struct ff_out_frame *) record)->execution_id);
        break;
    case FF_R_ATTEMPT:
        to_exec(links, &attempt->execution_id);
        links->v[0].agree = attempt_agrees;
        break;
    case FF_R_STREAM:
        (void) add(links, FF_R_ATTEMPT,
                   ff_key_attempt(&stream->execution_id, stream->attempt_index),
                   "belongs to no attempt");
        break;
    case FF_R_SUMMARY_DOC:
        (void) add(links, FF_R_ATTEMPT, ff_key_attempt(&doc->execution_id, doc->attempt_index),
                   "belongs to no attempt");
        break;
    default: /* each knows its own kinds */
        links_of_wait(links, kind, record);
        links_of_flow_part(links, kind, record);
        links_of_admission(links, kind, record);
        break;
    }
}

/* ---- judging ---- */

/* Parts of a flow that is being removed go one by one. */
static ff_err
flow_is_going(struct ff_check *check, const struct ff_offline_record *record, bool *out)
{
    FF_SCOPED(ff_arena) arena = { 0 };
    struct ff_key key = { .n = 16 };
    const void *flow = NULL;

    *out = false;
    if (record->kind != FF_R_EDGE && record->kind != FF_R_GROUP) {
        return FF_E_OK;
    }
    memcpy(key.b, record->key.b, key.n);
    FF_TRY(ff_check_load(check, FF_R_FLOW, &key, &arena, &flow));
    *out = flow != NULL && ((const struct ff_flow *) flow)->purging;
    return FF_E_OK;
}

/* While a replay takes edges back in steps its last ones see to what has ended meanwhile. */
static ff_err
is_taken_back(struct ff_check *check, const struct ff_offline_record *record, bool *out)
{
    FF_SCOPED(ff_arena) arena = { 0 };
    const struct ff_edge *edge = record->record;
    const void *group = NULL;
    struct ff_key key;

    *out = false;
    if (record->kind != FF_R_EDGE) {
        return FF_E_OK;
    }
    key = ff_key_member(&edge->flow_id, &edge->downstream);
    FF_TRY(ff_check_load(check, FF_R_GROUP, &key, &arena, &group));
    *out = group != NULL && ((const struct ff_group *) group)->replay_due_at.is;
    return FF_E_OK;
}

static ff_err
judge(struct ff_check *check, const struct ff_offline_record *record, const struct link *link,
      const struct ff_want *want)
{
    FF_SCOPED(ff_arena) arena = { 0 };
    struct ff_fault unreadable = { 0 };
    void *other = NULL;
    const char *wrong = NULL;
    bool taken_back = false;

    if (!want->found && link->missing != NULL) {
        bool going = false;

        FF_TRY(flow_is_going(check, record, &going));
        if (!going) {
            ff_check_report(check, record, link->missing, FF_ADVICE_BACKUP);
        }
        return FF_E_OK;
    }
    if (link->agree == NULL) {
        return FF_E_OK;
    }
    if (want->found) {
        other = ff_arena_zalloc(&arena, ff_records[link->to]->size);
        if (ff_row_decode(link->to, want->body, &arena, other, &unreadable) != FF_E_OK) {
            return FF_E_OK; /* that is said where it is looked at itself */
        }
    }
    wrong = link->agree(record->record, other);
    if (wrong != NULL) {
        FF_TRY(is_taken_back(check, record, &taken_back));
    }
    if (wrong != NULL && !taken_back) {
        ff_check_report(check, record, wrong, FF_ADVICE_BACKUP);
    }
    return FF_E_OK;
}

ff_err
ff_check_links(struct ff_check *check, const struct ff_offline_record *records, uint32_t n,
               struct ff_arena *arena, struct ff_fault *fault)
{
    struct links *links = FF_ARENA_NEW(arena, struct links, n);
    struct ff_want *wants = FF_ARENA_NEW(arena, struct ff_want, n * LINKS_MAX);
    uint32_t n_wants = 0, at = 0;

    for (uint32_t i = 0; i < n; i++) {
        links_of(&links[i], records[i].kind, records[i].record);
        for (uint32_t j = 0; j < links[i].n; j++) {
            wants[n_wants++] = (struct ff_want){ .what = FF_WANT_RECORD,
                                                 .kind = links[i].v[j].to,
                                                 .key = links[i].v[j].key };
        }
    }
    if (n_wants > 0) {
        FF_TRY(ff_store_load_now(check->store, wants, n_wants, arena, fault));
    }
    for (uint32_t i = 0; i < n; i++) {
        for (uint32_t j = 0; j < links[i].n; j++) {
            FF_TRY(judge(check, &records[i], &links[i].v[j], &wants[at++]));
        }
    }
    return FF_E_OK;
}
