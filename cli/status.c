#include <inttypes.h>
#include <stdio.h>
#include <time.h>

#include "cli/cli.h"
#include "cli/output.h"
#include "core/codec.h"
#include "core/id.h"

static const struct ff_cli_command command = { NULL, NULL, "",
                                               "Show what the daemon is, whether it and its store "
                                               "answer, and what this version of it lacks." //
                                               FF_CLI_EXIT_HELP };

/* What was asked, and what came. */
struct health {
    struct ff_arena arena;
    struct ff_hello_result hello;
    struct ff_status_result tree;
    struct ff_answer of_hello, of_ping, of_tree;
    bool has_tree; /* there is a supervisor */
    int64_t wall_ms;
    double ping_ms;
};

static void
health_done(struct health *health)
{
    ff_arena_done(&health->arena);
    ff_answer_done(&health->of_hello);
    ff_answer_done(&health->of_ping);
    ff_answer_done(&health->of_tree);
}

static double
clock_in_ms(clockid_t clock)
{
    struct timespec now;

    clock_gettime(clock, &now);
    return (double) now.tv_sec * 1e3 + (double) now.tv_nsec / 1e6;
}

/* A broker that was started by hand has no supervisor: that is no failure. */
static int
ask_supervisor(struct ff_cli *cli, struct health *health)
{
    FF_SCOPED(ff_answer) absent = { 0 };
    struct ff_client *client = NULL;
    struct ff_status_args none = { 0 };

    if (cli->socket != NULL || ff_cli_connect(cli, FF_CLI_CONTROL, &client, &absent) != FF_E_OK) {
        return FF_CLI_OK;
    }
    health->has_tree = true;
    return ff_cli_do(cli, FF_OP_status, &none, &health->tree, &health->of_tree);
}

static int
ask(struct ff_cli *cli, struct health *health)
{
    const struct ff_hello_args hello = { .client_name = ff_cstr("ffctl") };
    const struct ff_ping_args none = { 0 };
    struct ff_ping_result pong = { 0 };
    double begin_ms = 0;
    int status = ff_cli_do(cli, FF_OP_hello, &hello, &health->hello, &health->of_hello);

    health->wall_ms = (int64_t) clock_in_ms(CLOCK_REALTIME);
    if (status != FF_CLI_OK) {
        return status;
    }
    begin_ms = clock_in_ms(CLOCK_MONOTONIC);
    status = ff_cli_do(cli, FF_OP_ping, &none, &pong, &health->of_ping);
    health->ping_ms = clock_in_ms(CLOCK_MONOTONIC) - begin_ms;
    return status == FF_CLI_OK ? ask_supervisor(cli, health) : status;
}

/* ---- words ---- */

static uint64_t
limit(const struct health *health, const char *name)
{
    for (uint32_t i = 0; i < health->hello.limits.n; i++) {
        if (ff_str_is(health->hello.limits.v[i].key, name)) {
            return health->hello.limits.v[i].value;
        }
    }
    return 0;
}

/* Every flag of `supports` is a bool (01 §10.2), so the table can be walked. */
static bool
has(const struct health *health, const struct ff_field *field)
{
    const char *base = (const char *) &health->hello.capabilities.supports;
    bool value = true;

    FF_ASSERT(field->type == FF_TYPE_BOOL && field->flags == 0);
    memcpy(&value, base + field->offset, sizeof(value));
    return value;
}

#define LINE_COLUMNS 64

static void
print_missing(struct health *health)
{
    const struct ff_desc *desc = &ff_desc_supports;
    const char *label = "lacks";
    struct ff_str text = ff_cstr("");

    for (uint32_t i = 0; i < desc->n; i++) {
        const struct ff_field *field = &desc->fields[i];

        if (has(health, field)) {
            continue;
        }
        if (text.n + field->name_n > LINE_COLUMNS) {
            ff_cli_print_row(label, text.p);
            label = "";
            text = ff_cstr("");
        }
        text =
            ff_arena_printf(&health->arena, "%s%s%s", text.p, text.n == 0 ? "" : " ", field->name);
    }
    if (text.n > 0) {
        ff_cli_print_row(label, text.p);
    }
}

/* How many are active, and each that is not. */
static void
print_lanes(struct health *health)
{
    const struct ff_tags *lanes = &health->tree.lanes;
    struct ff_arena *arena = &health->arena;
    const char *others = "";
    uint32_t active = 0;

    for (uint32_t i = 0; i < lanes->n; i++) {
        if (ff_str_is(lanes->v[i].value, "active")) {
            active++;
        } else {
            others =
                ff_arena_printf(arena, "%s, %s %s", others, ff_cli_safe(lanes->v[i].key, arena),
                                ff_cli_safe(lanes->v[i].value, arena))
                    .p;
        }
    }
    if (lanes->n > 0) {
        ff_cli_print_row("lanes", ff_arena_printf(arena, "%" PRIu32 " active%s", active, others).p);
    }
}

static void
print_tree(struct health *health)
{
    struct ff_arena *arena = &health->arena;

    if (!health->has_tree) {
        ff_cli_print_row("supervisor", "none: the broker runs alone");
        return;
    }
    ff_cli_print_row("supervisor", ff_cli_safe(health->tree.state, arena));
    ff_cli_print_row("started", ff_cli_when(health->tree.started_at, health->hello.now_ms, arena));
    ff_cli_print_row("children",
                     ff_arena_printf(arena, "%" PRIu32 " of %" PRIu32 " ready",
                                     health->tree.children_ready, health->tree.children_total)
                         .p);
    print_lanes(health);
}

static void
print_health(struct health *health)
{
    const struct ff_hello_result *hello = &health->hello;
    struct ff_arena *arena = &health->arena;
    char instance[FF_UUID_TEXT_MAX];

    ff_uuid_text(&hello->instance_id, instance);
    ff_cli_print_row("server", ff_arena_printf(arena, "%s %s, protocol %" PRIu32, hello->server,
                                               hello->server_version, hello->protocol)
                                   .p);
    ff_cli_print_row("instance", instance);
    ff_cli_print_row("store",
                     health->has_tree ? ff_cli_safe(health->tree.store, arena) : hello->store);
    if (hello->capabilities.identity.durability.n > 0) {
        ff_cli_print_row("promises", ff_cli_safe(hello->capabilities.identity.durability, arena));
    }
    ff_cli_print_row("answers", ff_arena_printf(arena, "in %.1f ms", health->ping_ms).p);
    ff_cli_print_row("clock", ff_cli_when(hello->now_ms, health->wall_ms, arena));
    ff_cli_print_row(
        "partitions",
        ff_arena_printf(arena, "%" PRIu64 " flow, %" PRIu64 " budget, %" PRIu64 " quota",
                        limit(health, "flow_partitions"), limit(health, "budget_partitions"),
                        limit(health, "quota_partitions"))
            .p);
    print_tree(health);
    print_missing(health);
}

int
ff_cli_status(struct ff_cli *cli, int argc, char **argv)
{
    __attribute__((cleanup(health_done))) struct health health = { 0 };
    int status = FF_CLI_OK;

    ff_cli_parse(cli, &command, argc, argv, NULL);
    status = ask(cli, &health);
    if (status != FF_CLI_OK) {
        return status;
    }
    if (cli->json) {
        ff_cli_print_wrapped("hello", health.of_hello.map);
        ff_cli_print_wrapped("ping", health.of_ping.map);
        if (health.has_tree) {
            ff_cli_print_wrapped("status", health.of_tree.map);
        }
        return FF_CLI_OK;
    }
    print_health(&health);
    return FF_CLI_OK;
}
