/* check_counts.c: counters are what a count gives (spec/records.md §1.5). */
#include "backends/offline/check_int.h"
#include "core/codec.h"
#include "core/records_stream.h"
#include "core/records_wait.h"
#include "core/sound.h"

#define ENTRIES_A_PAGE 1000

struct counting {
    struct ff_check *check;
    const struct ff_offline_record *record;
    struct ff_arena arena; /* of a page */
    struct ff_fault *fault;
};

static void
counting_done(struct counting *counting)
{
    ff_arena_done(&counting->arena);
}

static void
report(struct counting *counting, const char *what, const char *advice)
{
    ff_check_report(counting->check, counting->record, what, advice);
}

/* ---- counting ---- */

/* A scope of an index, of it what stands behind `after` and sorts at most `to`. */
struct range {
    enum ff_index index;
    struct ff_scope scope;
    const struct ff_entry *after; /* NULL: from its start */
    int64_t to;
    /* Sees each page; NULL: they are only counted. */
    ff_err (*page)(struct counting *counting, const struct ff_want *page, void *ctx);
    void *ctx;
};

static ff_err
count(struct counting *counting, const struct range *range, uint64_t *n_out)
{
    struct ff_want page = {
        .what = FF_WANT_PAGE, .index = range->index, .scope = range->scope, .limit = ENTRIES_A_PAGE
    };

    *n_out = 0;
    if (range->after != NULL) {
        page.has_after = true;
        page.after = *range->after;
    }
    do {
        uint32_t n = 0;

        ff_arena_reset(&counting->arena);
        FF_TRY(
            ff_store_load_now(counting->check->store, &page, 1, &counting->arena, counting->fault));
        while (n < page.n && page.entries[n].sort <= range->to) {
            n++;
        }
        *n_out += n;
        if (page.n > 0) {
            page.has_after = true;
            page.after = page.entries[page.n - 1];
        }
        page.complete = page.complete || n < page.n;
        page.n = n;
        if (range->page != NULL) {
            FF_TRY(range->page(counting, &page, range->ctx));
        }
    } while (!page.complete);
    return FF_E_OK;
}

static ff_err
count_scope(struct counting *counting, enum ff_index index, struct ff_scope scope, uint64_t *n_out)
{
    const struct range all = { .index = index, .scope = scope, .to = INT64_MAX };

    return count(counting, &all, n_out);
}

/* Says what is wrong unless as many stand in the scope. */
static ff_err
expect(struct counting *counting, const struct range *range, uint64_t want, const char *what,
       const char *advice)
{
    uint64_t n = 0;

    FF_TRY(count(counting, range, &n));
    if (n != want) {
        report(counting, what, advice);
    }
    return FF_E_OK;
}

/* ---- executions ---- */

static ff_err
count_exec(struct counting *counting, const struct ff_exec *exec)
{
    const struct range open = { .index = FF_IX_WAITPOINTS,
                                .scope = ff_scope_waitpoints(&exec->execution_id, true),
                                .to = INT64_MAX };

    if (exec->open_waitpoints == 0 || exec->purging.is) {
        return FF_E_OK; /* an open one has been compared with it */
    }
    return expect(counting, &open, exec->open_waitpoints,
                  "counts other open waitpoints than there are", FF_ADVICE_BACKUP);
}

static ff_err
count_stream(struct counting *counting, const struct ff_stream *stream)
{
    const struct {
        enum ff_frame_keep mode;
        uint64_t kept;
    } modes[] = {
        { FF_FRAME_DURABLE, stream->durable_kept },
        { FF_FRAME_SUMMARY, stream->summary_kept },
        { FF_FRAME_BEST_EFFORT, stream->live_stored },
    };
    uint64_t n = 0;

    for (size_t i = 0; i < FF_COUNT(modes); i++) {
        FF_TRY(count_scope(
            counting, FF_IX_FRAMES,
            ff_scope_frames(&stream->execution_id, stream->attempt_index, modes[i].mode), &n));
        if (n != modes[i].kept) {
            report(counting, "counts other frames than there are", FF_ADVICE_BACKUP);
            return FF_E_OK;
        }
    }
    return FF_E_OK;
}

/* ---- flows ---- */

static ff_err
count_gone(struct counting *counting, const struct ff_flow *flow)
{
    struct ff_want scopes = { .what = FF_WANT_SCOPES,
                              .index = FF_IX_MEMBER_GONE,
                              .scope = ff_scope_flow(&flow->flow_id) };
    FF_SCOPED(ff_arena) arena = { 0 };
    uint64_t all = 0, n = 0;

    FF_TRY(ff_store_load_now(counting->check->store, &scopes, 1, &arena, counting->fault));
    for (uint32_t i = 0; i < scopes.scopes.n; i++) {
        FF_TRY(count_scope(counting, FF_IX_MEMBER_GONE, scopes.scopes.v[i], &n));
        all += n;
    }
    if (all != flow->purged_count) {
        report(counting, "counts other purged members than there are", FF_ADVICE_BACKUP);
    }
    return FF_E_OK;
}

static ff_err
count_flow(struct counting *counting, const struct ff_flow *flow)
{
    struct range range = { .index = FF_IX_MEMBERS,
                           .scope = ff_scope_flow(&flow->flow_id),
                           .to = INT64_MAX };

    if (flow->purging) {
        return FF_E_OK;
    }
    FF_TRY(expect(counting, &range, flow->node_count, "counts other members than it has",
                  FF_ADVICE_BACKUP));
    range.index = FF_IX_EDGES;
    FF_TRY(expect(counting, &range, flow->edge_count, "counts other edges than it has",
                  FF_ADVICE_BACKUP));
    range.index = FF_IX_CANCEL_OWED;
    range.to = 0; /* behind them: members whose cancel failed */
    if (!ff_flow_is_prepared(flow)) {
        FF_TRY(expect(counting, &range, flow->cancel_left, "counts other cancels than it owes",
                      FF_ADVICE_BACKUP));
    }
    return count_gone(counting, flow);
}

static ff_err
add_edges(struct counting *counting, const struct ff_want *page, void *ctx)
{
    FF_SCOPED(ff_arena) arena = { 0 };
    struct ff_want *wants = FF_ARENA_NEW(&arena, struct ff_want, page->n + 1);

    for (uint32_t i = 0; i < page->n; i++) {
        wants[i] = (struct ff_want){ .what = FF_WANT_RECORD,
                                     .kind = FF_R_EDGE,
                                     .key = page->entries[i].id };
    }
    FF_TRY(ff_store_load_now(counting->check->store, wants, page->n, &arena, counting->fault));
    for (uint32_t i = 0; i < page->n; i++) {
        struct ff_edge edge = { 0 };
        struct ff_fault unreadable = { 0 };

        if (wants[i].found &&
            ff_row_decode(FF_R_EDGE, wants[i].body, &arena, &edge, &unreadable) == FF_E_OK) {
            ff_group_count_add(ctx, edge.edge_state);
        }
    }
    return FF_E_OK;
}

static ff_err
count_group(struct counting *counting, const struct ff_group *group)
{
    struct ff_group_count there = { 0 };
    const struct range edges = { .index = FF_IX_EDGES_IN,
                                 .scope = ff_scope_ends(&group->flow_id, &group->downstream),
                                 .to = INT64_MAX,
                                 .page = add_edges,
                                 .ctx = &there };
    const struct ff_key flow_key = ff_key_flow(&group->flow_id);
    const void *flow = NULL;
    uint64_t n = 0;

    FF_TRY(count(counting, &edges, &n));
    if (ff_group_unsound(group, &there) == NULL) {
        return FF_E_OK;
    }
    ff_arena_reset(&counting->arena);
    FF_TRY(ff_check_load(counting->check, FF_R_FLOW, &flow_key, &counting->arena, &flow));
    if (flow != NULL && !((const struct ff_flow *) flow)->purging &&
        !((const struct ff_flow *) flow)->submitting) { /* its edges come after its members */
        report(counting, ff_group_unsound(group, &there), FF_ADVICE_SCANNER);
    }
    return FF_E_OK;
}

/* It may lag behind the members, but not contradict itself. */
static void
count_summary(struct counting *counting, const struct ff_summary *summary)
{
    const struct ff_flow_summary *counts = summary->counts;
    uint32_t sum = 0;

    if (counts == NULL) {
        return;
    }
    sum = counts->members_completed + counts->members_failed + counts->members_cancelled +
          counts->members_expired + counts->members_skipped + counts->members_active +
          counts->members_suspended + counts->members_waiting + counts->members_delayed +
          counts->members_rate_limited + counts->members_waiting_children + counts->members_unknown;
    if (sum != counts->total_members ||
        counts->members_sibling_cancelled > counts->members_cancelled) {
        report(counting, "does not add up", FF_ADVICE_SCANNER);
    }
}

/* ---- budgets and quotas ---- */

/* Behind all entries of this sort. */
static struct ff_entry
behind(int64_t sort)
{
    struct ff_entry entry = { .sort = sort, .id = { .n = FF_KEY_MAX } };

    memset(entry.id.b, 0xff, sizeof(entry.id.b));
    return entry;
}

struct spent {
    const struct ff_budget *budget;
    struct ff_arena arena;
    struct ff_counts sum; /* by the dimensions of the budget's usage */
    bool beyond;          /* in a dimension that the budget has not used */
};

static void
add_spend(struct spent *spent, const struct ff_ledger *ledger)
{
    for (uint32_t i = 0; i < ledger->spend.n; i++) {
        const struct ff_tally *spend = &ledger->spend.v[i];
        uint32_t at = 0;

        while (at < spent->sum.n && !ff_str_eq(spent->sum.v[at].key, spend->key)) {
            at++;
        }
        if (at < spent->sum.n) {
            spent->sum.v[at].value += spend->value;
        } else {
            spent->beyond = spent->beyond || spend->value > 0;
        }
    }
}

static ff_err
add_ledgers(struct counting *counting, const struct ff_want *page, void *ctx)
{
    struct spent *spent = ctx;

    for (uint32_t i = 0; i < page->n; i++) {
        FF_SCOPED(ff_arena) arena = { 0 };
        const void *ledger = NULL;

        FF_TRY(ff_check_load(counting->check, FF_R_LEDGER, &page->entries[i].id, &arena, &ledger));
        if (ledger != NULL) {
            add_spend(spent, ledger);
        }
    }
    return FF_E_OK;
}

/* Reports without an execution are in no ledger: usage may be more than the ledgers' sum. */
static ff_err
count_budget(struct counting *counting, const struct ff_budget *budget)
{
    struct spent spent = { .budget = budget };
    const struct ff_entry after = behind((int64_t) budget->reset_count - 1);
    const struct range ledgers = { .index = FF_IX_LEDGERS,
                                   .scope = ff_scope_uuid(&budget->budget_id),
                                   .after = &after,
                                   .to = (int64_t) budget->reset_count,
                                   .page = add_ledgers,
                                   .ctx = &spent };
    uint64_t n = 0;
    ff_err err = FF_E_OK;

    spent.sum.n = budget->usage.n;
    spent.sum.v = FF_ARENA_NEW(&spent.arena, struct ff_tally, budget->usage.n + 1);
    for (uint32_t i = 0; i < budget->usage.n; i++) {
        spent.sum.v[i].key = budget->usage.v[i].key;
    }
    err = count(counting, &ledgers, &n);
    for (uint32_t i = 0; err == FF_E_OK && i < budget->usage.n; i++) {
        spent.beyond = spent.beyond || spent.sum.v[i].value > budget->usage.v[i].value;
    }
    if (err == FF_E_OK && spent.beyond) {
        report(counting, "has used less than executions have spent of it",
               "report the difference with `ffctl budget use', or reset it");
    }
    ff_arena_done(&spent.arena);
    return err;
}

static ff_err
count_quota(struct counting *counting, const struct ff_quota *quota)
{
    const struct range slots = { .index = FF_IX_SLOTS,
                                 .scope = ff_scope_uuid(&quota->quota_policy_id),
                                 .to = INT64_MAX };

    return expect(counting, &slots, quota->slots, "counts other slots than there are",
                  FF_ADVICE_SCANNER);
}

static ff_err
count_window(struct counting *counting, const struct ff_window *window)
{
    const struct ff_entry after = behind(window->horizon);
    const struct range entries = { .index = FF_IX_WINDOW,
                                   .scope =
                                       ff_scope_window(&window->quota_policy_id, window->dimension),
                                   .after = &after,
                                   .to = INT64_MAX };

    return expect(counting, &entries, window->counted, "counts other entries than there are",
                  FF_ADVICE_SCANNER);
}

ff_err
ff_check_counts(struct ff_check *check, const struct ff_offline_record *record,
                struct ff_fault *fault)
{
    __attribute__((cleanup(counting_done))) struct counting counting = { .check = check,
                                                                         .record = record,
                                                                         .fault = fault };

    switch (record->kind) {
    case FF_R_EXEC:
        return count_exec(&counting, record->record);
    case FF_R_STREAM:
        return count_stream(&counting, record->record);
    case FF_R_FLOW:
        return count_flow(&counting, record->record);
    case FF_R_GROUP:
        return count_group(&counting, record->record);
    case FF_R_SUMMARY:
        count_summary(&counting, record->record);
        return FF_E_OK;
    case FF_R_BUDGET:
        return count_budget(&counting, record->record);
    case FF_R_QUOTA:
        return count_quota(&counting, record->record);
    case FF_R_WINDOW:
        return count_window(&counting, record->record);
    default:
        return FF_E_OK;
    }
}
