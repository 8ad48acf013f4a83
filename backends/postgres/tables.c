#include "backends/postgres/tables.h"

#include <stdio.h>
#include <string.h>

/* An index over one kind; one that is the order of the kind's keys, by their first bytes. */
#define OF(name_, kind_)                                                                           \
    {                                                                                              \
        .name = name_, .n_kinds = 1, .kinds = { FF_R_##kind_ }                                     \
    }
#define KEYS(name_, kind_, n_)                                                                     \
    {                                                                                              \
        .name = name_, .n_kinds = 1, .kinds = { FF_R_##kind_ }, .by_key = true, .scope_n = (n_)    \
    }

const struct pg_index ff_pg_indexes[FF_IX_N] = {
    [FF_IX_READY] = OF("ready", EXEC),
    [FF_IX_GRANTED] = OF("granted", EXEC),
    [FF_IX_RECLAIMABLE] = OF("reclaimable", EXEC),
    [FF_IX_CAPPED] = OF("capped", EXEC),
    [FF_IX_LEASE_DUE] = OF("lease_due", EXEC),
    [FF_IX_BY_WORKER] = OF("by_worker", EXEC),
    [FF_IX_DELAYED] = OF("delayed", EXEC),
    [FF_IX_ATTEMPT_DUE] = OF("attempt_due", EXEC),
    [FF_IX_DEADLINE_DUE] = OF("deadline_due", EXEC),
    [FF_IX_EXECUTIONS] = KEYS("executions", EXEC, 2),
    [FF_IX_RETAINED] = OF("retained", EXEC),
    [FF_IX_HELD] = OF("held", EXEC),
    [FF_IX_ADMITTED] = OF("admitted", EXEC),
    [FF_IX_OF_POLICY] = OF("of_policy", EXEC),
    [FF_IX_SUSPENDED] = OF("suspended", EXEC),
    [FF_IX_LANES] = KEYS("lanes", LANE, 0),
    [FF_IX_EXPIRING] = { .name = "expiring",
                         .n_kinds = 4,
                         .kinds = { FF_R_CREATE_KEY, FF_R_BUDGET_KEY, FF_R_SIGNAL_KEY,
                                    FF_R_SUSPEND_REPLY } },
    [FF_IX_BUDGETS] = OF("budgets", BUDGET),
    [FF_IX_BUDGET_DUE] = OF("budget_due", BUDGET),
    [FF_IX_LEDGERS] = OF("ledgers", LEDGER),
    [FF_IX_SPENDERS] = OF("spenders", LEDGER),
    [FF_IX_QUOTAS] = OF("quotas", QUOTA),
    [FF_IX_WINDOW] = OF("window", WINDOW_ENTRY),
    [FF_IX_ADMISSIONS] = OF("admissions", ADMISSION),
    [FF_IX_GUARDS] = OF("guards", ADMISSION),
    [FF_IX_UNCONSUMED] = OF("unconsumed", ADMISSION),
    [FF_IX_SLOTS] = OF("slots", SLOT),
    [FF_IX_SLOTS_OF] = OF("slots_of", SLOT),
    [FF_IX_WORKERS] = OF("workers", WORKER),
    [FF_IX_WORKER_DUE] = OF("worker_due", WORKER),
    [FF_IX_SUSPENSION_DUE] = OF("suspension_due", SUSPENSION),
    [FF_IX_WAITPOINT_DUE] = OF("waitpoint_due", WAITPOINT),
    [FF_IX_WAITPOINTS] = OF("waitpoints", WAITPOINT),
    [FF_IX_SIGNALS] = OF("signals", SIGNAL),
    [FF_IX_SATISFIERS] = OF("satisfiers", SIGNAL),
    [FF_IX_FRAMES] = { .name = "frames",
                       .n_kinds = 1,
                       .kinds = { FF_R_OUT_FRAME },
                       .by_key = true,
                       .scope_n = 23,
                       .sort_in_key = true },
    [FF_IX_STREAM_DUE] = OF("stream_due", STREAM),
    [FF_IX_GATED] = OF("gated", EXEC),
    [FF_IX_CANCEL_OWED] = { .name = "cancel_owed",
                            .n_kinds = 2,
                            .kinds = { FF_R_EXEC, FF_R_MEMBER } },
    [FF_IX_CASCADE] = OF("cascade", EXEC),
    [FF_IX_MEMBER_STATE] = OF("member_state", EXEC),
    [FF_IX_FLOWS] = OF("flows", FLOW),
    [FF_IX_CANCELLING] = OF("cancelling", FLOW),
    [FF_IX_MEMBERS] = KEYS("members", MEMBER, 16),
    [FF_IX_MEMBER_GONE] = OF("member_gone", MEMBER),
    [FF_IX_GROUPS] = KEYS("groups", GROUP, 16),
    [FF_IX_GROUPS_OWED] = OF("groups_owed", GROUP),
    [FF_IX_EDGES] = KEYS("edges", EDGE, 16),
    [FF_IX_EDGES_IN] = OF("edges_in", EDGE),
    [FF_IX_EDGES_OUT] = OF("edges_out", EDGE),
    [FF_IX_FLOW_ENDED] = OF("flow_ended", FLOW),
    [FF_IX_REPLIES] = OF("replies", SUSPEND_REPLY),
    [FF_IX_SUBMITTING] = OF("submitting", FLOW),
    [FF_IX_RELEASING] = OF("releasing", FLOW),
    [FF_IX_REPLAYING] = OF("replaying", GROUP),
    [FF_IX_PURGING] = { .name = "purging", .n_kinds = 2, .kinds = { FF_R_EXEC, FF_R_FLOW } },
};

bool
ff_pg_stands(enum ff_record kind, enum ff_index index)
{
    const struct pg_index *of = &ff_pg_indexes[index];

    for (uint32_t i = 0; i < of->n_kinds && !of->by_key; i++) {
        if (of->kinds[i] == (uint8_t) kind) {
            return true;
        }
    }
    return false;
}

void
ff_pg_column_name(const struct pg_column *column, char out[64])
{
    static const char *const names[] = {
        [PG_KEY] = "_key", [PG_VERSION] = "_version", [PG_FAMILY] = "_family", [PG_RAW] = "_raw"
    };

    switch (column->source) {
    case PG_SCOPE:
        snprintf(out, 64, "_%s_scope", ff_pg_indexes[column->index].name);
        break;
    case PG_SORT:
        snprintf(out, 64, "_%s_sort", ff_pg_indexes[column->index].name);
        break;
    case PG_FIELD:
        snprintf(out, 64, "%s", column->field->name);
        break;
    default:
        snprintf(out, 64, "%s", names[column->source]);
        break;
    }
}

/* ---- types: numbers above 2^63 - 1 wrap around in a bigint (the views put that right) ---- */

struct type {
    const char *name;
    uint32_t oid; /* pg_type.dat: these never change */
};
static const struct type type_bytea = { "bytea", 17 }, type_int8 = { "bigint", 20 },
                         type_int4 = { "integer", 23 }, type_text = { "text", 25 },
                         type_bool = { "boolean", 16 }, type_real = { "double precision", 701 },
                         type_uuid = { "uuid", 2950 }, type_json = { "json", 114 };

static const struct type *
type_of_field(const struct ff_field *field)
{
    switch ((enum ff_type) field->type) {
    case FF_TYPE_STR:
    case FF_TYPE_LANE:
    case FF_TYPE_LANE_HINT:
    case FF_TYPE_WID:
    case FF_TYPE_WORD:
    case FF_TYPE_ENUM:
    case FF_TYPE_EID:
        return &type_text;
    case FF_TYPE_BYTES:
    case FF_TYPE_ANY:
        return &type_bytea;
    case FF_TYPE_BOOL:
        return &type_bool;
    case FF_TYPE_U8:
    case FF_TYPE_U16:
    case FF_TYPE_I32:
        return &type_int4;
    case FF_TYPE_F64:
        return &type_real;
    case FF_TYPE_UUID:
        return &type_uuid;
    case FF_TYPE_STRS:
    case FF_TYPE_UUIDS:
    case FF_TYPE_TAGS:
    case FF_TYPE_COUNTS:
    case FF_TYPE_OBJ:
    case FF_TYPE_OBJS:
    case FF_TYPE_U64S:
        return &type_json;
    default:
        return &type_int8;
    }
}

/* Texts are text, shapes and lists json, words of a vocabulary text. */
const char *
ff_pg_column_type(const struct pg_column *column, uint32_t *oid)
{
    const struct type *type = &type_bytea;

    switch (column->source) {
    case PG_VERSION:
    case PG_SORT:
        type = &type_int8;
        break;
    case PG_FAMILY:
        type = &type_int4;
        break;
    case PG_FIELD:
        type = type_of_field(column->field);
        break;
    default:
        break;
    }
    *oid = type->oid;
    return type->name;
}

/* ---- the columns of a kind: first what the store needs, then the record's own fields ---- */

static void
add(struct pg_column *out, uint32_t *n, struct pg_column column)
{
    FF_ASSERT(*n < PG_COLUMNS_MAX);
    (void) ff_pg_column_type(&column, &column.oid);
    out[(*n)++] = column;
}

uint32_t
ff_pg_columns(enum ff_record kind, struct pg_column out[PG_COLUMNS_MAX])
{
    const struct ff_desc *desc = ff_records[kind];
    uint32_t n = 0;

    add(out, &n, (struct pg_column){ .source = kind == FF_R_EVENT ? PG_FAMILY : PG_KEY });
    add(out, &n, (struct pg_column){ .source = PG_VERSION });
    add(out, &n, (struct pg_column){ .source = PG_RAW });
    for (uint8_t index = 0; index < FF_IX_N; index++) {
        if (ff_pg_stands(kind, (enum ff_index) index)) {
            add(out, &n, (struct pg_column){ .source = PG_SCOPE, .index = index });
            add(out, &n, (struct pg_column){ .source = PG_SORT, .index = index });
        }
    }
    for (uint32_t i = 0; i < desc->n; i++) {
        add(out, &n, (struct pg_column){ .source = PG_FIELD, .field = &desc->fields[i] });
    }
    return n;
}

/* ---- shapes: what creating an execution fills, and what claims, completions, failures, delays and
 * suspensions change ---- */

const struct pg_shape ff_pg_shapes[PG_SHAPES] = {
    [PG_SHAPE_EXEC_MADE] = { "exec_made", FF_R_EXEC,
                             " _ready_scope _ready_sort _delayed_scope _delayed_sort "
                             "_deadline_due_scope"
                             " _deadline_due_sort _held_scope _held_sort _member_state_scope "
                             "_member_state_sort"
                             " execution_id namespace lane_id execution_kind creator_identity "
                             "priority lifecycle_phase"
                             " eligibility_state blocking_reason attempt_state public_state "
                             "required_capabilities"
                             " class_digest created_at last_transition_at last_mutation_at "
                             "delay_until"
                             " execution_deadline_at flow_id max_replay_count has_tags "
                             "has_retry_policy " },
    [PG_SHAPE_EXEC_MOVED] = { "exec_moved", FF_R_EXEC,
                              " _ready_scope _ready_sort _lease_due_scope _lease_due_sort "
                              "_by_worker_scope"
                              " _by_worker_sort _delayed_scope _delayed_sort _retained_scope "
                              "_retained_sort"
                              " _suspended_scope _suspended_sort _cascade_scope _cascade_sort "
                              "_member_state_scope"
                              " _member_state_sort lifecycle_phase ownership_state "
                              "eligibility_state blocking_reason"
                              " terminal_outcome attempt_state public_state last_transition_at "
                              "last_mutation_at"
                              " started_at completed_at delay_until total_attempt_count "
                              "current_attempt_index"
                              " current_attempt_id current_lease_id current_lease_epoch "
                              "current_worker_id"
                              " current_worker_instance_id current_lane lease_acquired_at "
                              "lease_expires_at"
                              " lease_last_renewed_at lease_renewal_deadline current_lease_ttl_ms "
                              "retry_count"
                              " failure_reason failure_category last_release claim_request_id "
                              "current_attempt_type"
                              " terminal_count current_suspension_id current_waitpoint_id "
                              "cascade_owed " },
};

static uint32_t
count_words(const char *words)
{
    uint32_t n = 0;

    for (; words[1] != '\0'; words++) {
        n += words[0] == ' ';
    }
    return n;
}

uint32_t
ff_pg_shape_columns(const struct pg_shape *shape, struct pg_column out[PG_COLUMNS_MAX])
{
    struct pg_column all[PG_COLUMNS_MAX];
    uint32_t n_all = ff_pg_columns(shape->kind, all), n = 0;
    char name[64], word[68];

    for (uint32_t i = 0; i < n_all; i++) {
        ff_pg_column_name(&all[i], name);
        snprintf(word, sizeof(word), " %s ", name);
        if (all[i].source == PG_KEY || all[i].source == PG_VERSION ||
            strstr(shape->columns, word) != NULL) {
            out[n++] = all[i];
        }
    }
    FF_ASSERT(n == count_words(shape->columns) + 2); /* every word is a column */
    return n;
}
