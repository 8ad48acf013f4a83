/* The operations declared are those of the index in spec/README, with its attributes. */
#include "tests/rows.h"

#include "core/ops.h"

#define M FF_OPF_MUTATING
#define B FF_OPF_BLOCKING

/* The index, in its order; `as_any` has no wire form. */
static const struct row {
    const char *name;
    const char *class;
    unsigned flags;
} rows[] = {
    /* methods of the seed trait */
    { "claim", "worker", M | B },
    { "renew", "worker", M },
    { "progress", "worker", M },
    { "append_frame", "worker", M },
    { "complete", "worker", M },
    { "fail", "worker", M },
    { "cancel", "worker", M },
    { "suspend", "worker", M },
    { "suspend_by_triple", "worker", M },
    { "create_waitpoint", "worker", M },
    { "observe_signals", "worker", 0 },
    { "claim_from_resume_grant", "worker", M },
    { "issue_reclaim_grant", "worker", M },
    { "reclaim_execution", "worker", M },
    { "delay", "worker", M },
    { "wait_children", "worker", M },
    { "describe_execution", "read", 0 },
    { "read_execution_context", "read", 0 },
    { "read_current_attempt_index", "read", 0 },
    { "read_total_attempt_count", "read", 0 },
    { "describe_flow", "read", 0 },
    { "list_edges", "read", 0 },
    { "describe_edge", "read", 0 },
    { "resolve_execution_flow_id", "read", 0 },
    { "list_flows", "read", 0 },
    { "list_lanes", "read", 0 },
    { "list_suspended", "read", 0 },
    { "list_executions", "read", 0 },
    { "deliver_signal", "client", M },
    { "claim_resumed_execution", "worker", M },
    { "scan_eligible_executions", "read", 0 },
    { "issue_claim_grant", "worker", M },
    { "block_route", "worker", M },
    { "claim_execution", "worker", M },
    { "cancel_flow", "client", M | B },
    { "set_edge_group_policy", "client", M },
    { "rotate_waitpoint_hmac_secret_all", "operator", M },
    { "seed_waitpoint_hmac_secret", "operator", M },
    { "report_usage", "worker", M },
    { "read_stream", "read", 0 },
    { "tail_stream", "read", B },
    { "read_summary", "read", 0 },
    { "create_execution", "client", M },
    { "create_flow", "client", M },
    { "add_execution_to_flow", "client", M },
    { "stage_dependency_edge", "client", M },
    { "apply_dependency_to_child", "client", M },
    { "cancel_execution", "client", M },
    { "change_priority", "client", M },
    { "replay_execution", "client", M },
    { "revoke_lease", "operator", M },
    { "create_budget", "client", M },
    { "reset_budget", "operator", M },
    { "create_quota_policy", "client", M },
    { "get_budget_status", "read", 0 },
    { "report_usage_admin", "client", M },
    { "get_execution_result", "read", 0 },
    { "list_pending_waitpoints", "read", 0 },
    { "ping", "read", 0 },
    { "claim_for_worker", "worker", M | B },
    { "backend_label", "read", 0 },
    { "capabilities", "read", 0 },
    { "prepare", "operator", M },
    { "shutdown_prepare", "operator", B },
    { "cancel_flow_header", "client", M },
    { "ack_cancel_member", "client", M },
    { "read_execution_info", "read", 0 },
    { "read_execution_state", "read", 0 },
    { "subscribe_lease_history", "read", B },
    { "subscribe_completion", "read", B },
    { "subscribe_signal_delivery", "read", B },
    { "subscribe_instance_tags", "read", B },
    /* beyond it */
    { "hello", "read", 0 },
    { "server_time_ms", "read", 0 },
    { "list_ops", "read", 0 },
    { "read_events", "read", B },
    { "claim_many", "worker", M | B },
    { "submit_flow", "client", M },
    { "renew_lease", "worker", M },
    { "complete_execution", "worker", M },
    { "fail_execution", "worker", M },
    { "delay_execution", "worker", M },
    { "move_to_waiting_children", "worker", M },
    { "issue_grant_and_claim", "operator", M },
    { "resume_execution", "operator", M },
    { "expire_worker_leases", "operator", M },
    { "mark_lease_expired_if_due", "scanner", M },
    { "enforce_reclaim_cap", "scanner", M },
    { "expire_execution", "scanner", M },
    { "promote_delayed", "scanner", M },
    { "read_exec_core_fields", "read", 0 },
    { "get_execution_namespace", "read", 0 },
    { "describe_attempt", "read", 0 },
    { "set_execution_tag", "client", M },
    { "set_execution_tags", "client", M },
    { "get_execution_tag", "read", 0 },
    { "set_flow_tag", "client", M },
    { "set_flow_tags", "client", M },
    { "get_flow_tag", "read", 0 },
    { "deliver_approval_signal", "operator", M },
    { "close_waitpoint", "worker", M },
    { "read_waitpoint_token", "operator", M },
    { "list_waitpoint_hmac_kids", "operator", 0 },
    { "expire_suspension", "scanner", M },
    { "evaluate_flow_eligibility", "read", 0 },
    { "resolve_dependency", "scanner", M },
    { "cascade_completion", "scanner", M },
    { "drain_sibling_cancel_group", "scanner", M },
    { "reconcile_sibling_cancel_group", "scanner", M },
    { "project_flow_summary", "scanner", M },
    { "trim_flows", "scanner", M },
    { "record_spend", "client", M },
    { "release_budget", "client", M },
    { "reset_budget_if_due", "scanner", M },
    { "read_budget_usage_and_limits", "read", 0 },
    { "reconcile_budget_counters", "scanner", M },
    { "read_quota_policy_limits", "read", 0 },
    { "check_admission", "client", M },
    { "release_admission", "client", M },
    { "reconcile_quota_counters", "scanner", M },
    { "block_execution_for_admission", "operator", M },
    { "unblock_execution", "operator", M },
    { "set_lane_state", "operator", M },
    { "register_worker", "worker", M },
    { "heartbeat_worker", "worker", M },
    { "mark_worker_dead", "worker", M },
    { "list_workers", "read", 0 },
    { "list_expired_leases", "read", 0 },
    { "scan_due", "scanner", B },
    { "reconcile_execution_index", "scanner", M },
    { "trim_retention", "scanner", M },
    { "trim_expired", "scanner", M },
    { "sweep_worker_registry", "scanner", M },
    { "mint_execution_id", "read", 0 },
    { "parse_execution_id", "read", 0 },
    { "partition_for", "read", 0 },
    { "parse_partition_key", "read", 0 },
    { "validate_lane_id", "read", 0 },
    { "validate_tag_key", "read", 0 },
    { "derive_public_state", "read", 0 },
    { "check_state_vector", "read", 0 },
    { "match_capabilities", "read", 0 },
    { "validate_capabilities", "read", 0 },
    { "compute_retry", "read", 0 },
    { "normalize_policy", "read", 0 },
    { "decode_handle", "read", 0 },
    { "classify_error", "read", 0 },
    { "tree", "operator", 0 },
    { "status", "operator", 0 },
    { "restart_child", "operator", M },
    { "stop_child", "operator", M },
    { "start_child", "operator", M },
    { "scale_host", "operator", M },
    { "pause_lane", "operator", M },
    { "resume_lane", "operator", M },
    { "drain_lane", "operator", M },
    { "drain", "operator", M | B },
    { "reload", "operator", M },
    { "set_log_level", "operator", M },
    { "run_scanner", "operator", M | B },
    { "scanner_stats", "operator", 0 }, /* ours, beside the index */
    { "shutdown", "operator", M },
};

static void
test_is_as_in_the_index(void **state)
{
    const struct row *row = *state;
    const struct ff_op_info *op = ff_op_find(ff_cstr(row->name));

    assert_non_null(op);
    assert_string_equal(ff_op_class_name(op->class), row->class);
    assert_int_equal(op->flags & (M | B), row->flags);
}

static bool
in_index(const char *name)
{
    for (size_t i = 0; i < FF_COUNT(rows); i++) {
        if (strcmp(rows[i].name, name) == 0) {
            return true;
        }
    }
    return false;
}

static void
test_nothing_beyond_the_index(void **state)
{
    (void) state;
    for (int i = 0; i < FF_OP_N; i++) {
        if (!in_index(ff_ops[i].name)) {
            fail_msg("%s is not in the index", ff_ops[i].name);
        }
    }
    assert_int_equal(FF_OP_N, FF_COUNT(rows));
}

static void
assert_distinct(const char *op, const struct ff_desc *desc)
{
    for (uint32_t i = 0; i < desc->n; i++) {
        for (uint32_t k = 0; k < i; k++) {
            if (strcmp(desc->fields[i].name, desc->fields[k].name) == 0) {
                fail_msg("%s has %s twice", op, desc->fields[i].name);
            }
        }
    }
}

static void
test_field_names_are_distinct(void **state)
{
    (void) state;
    for (int i = 0; i < FF_OP_N; i++) {
        assert_distinct(ff_ops[i].name, ff_ops[i].args);
        assert_distinct(ff_ops[i].name, ff_ops[i].result);
    }
}

static void
test_help_names_its_section(void **state)
{
    (void) state;
    for (int i = 0; i < FF_OP_N; i++) {
        if (strstr(ff_ops[i].help, "§") == NULL) {
            fail_msg("help of %s names no section of the spec", ff_ops[i].name);
        }
    }
}

static void
assert_helpful(const char *op, const struct ff_desc *desc)
{
    for (uint32_t i = 0; i < desc->n; i++) {
        if (desc->fields[i].help[0] == '\0') {
            fail_msg("%s says nothing about %s", op, desc->fields[i].name);
        }
    }
}

static void
test_every_field_has_help(void **state)
{
    (void) state;
    for (int i = 0; i < FF_OP_N; i++) {
        assert_helpful(ff_ops[i].name, ff_ops[i].args);
        assert_helpful(ff_ops[i].name, ff_ops[i].result);
    }
}

static void
test_pure_operations_only_read(void **state)
{
    (void) state;
    for (int i = 0; i < FF_OP_N; i++) {
        if ((ff_ops[i].flags & FF_OPF_PURE) != 0 && (ff_ops[i].flags & (M | B)) != 0) {
            fail_msg("%s is pure and yet writes or waits", ff_ops[i].name);
        }
    }
}

int
main(void)
{
    static const struct ff_rows tables[] = {
        FF_ROWS(rows, test_is_as_in_the_index),
    };
    static const struct CMUnitTest singles[] = {
        cmocka_unit_test(test_nothing_beyond_the_index),
        cmocka_unit_test(test_field_names_are_distinct),
        cmocka_unit_test(test_help_names_its_section),
        cmocka_unit_test(test_every_field_has_help),
        cmocka_unit_test(test_pure_operations_only_read),
    };

    return ff_run_rows("ops index", tables, FF_COUNT(tables), singles, FF_COUNT(singles));
}
