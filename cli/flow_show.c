/* ffctl flow show, watch, graph: the members of a flow, and what each waits for (04 §7). */
#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#include "cli/flow.h"
#include "cli/flow_look.h"
#include "cli/output.h"
#include "cli/wait.h"
#include "core/clock.h"
#include "core/id.h"

#define PAUSE_MS 300
/* A chain of thousands is not drawn off the screen. */
#define INDENTS_MAX 12

/* ---- of one member ---- */

static bool
is_gone(const struct ff_cli_look *look, uint32_t at)
{
    return look->infos[at].execution_kind.p == NULL;
}

static bool
is_over(const struct ff_cli_look *look, uint32_t at)
{
    return is_gone(look, at) || ff_cli_has_ended(look->infos[at].public_state);
}

static const char *
state_of(const struct ff_cli_look *look, uint32_t at)
{
    return is_gone(look, at) ? "gone"
                             : ff_word(&ff_vocab_public_state, look->infos[at].public_state);
}

/* The upstreams that are not there yet: two by name, the others by number. */
static const char *
upstreams_of(struct ff_cli_look *look, uint32_t at)
{
    const char *text = "";
    uint32_t n = 0;

    for (uint32_t i = look->into[at]; i < look->into[at + 1]; i++) {
        const struct ff_cli_link *link = &look->links[i];

        if (link->state == FF_EDGE_SATISFIED || link->state == FF_EDGE_IMPOSSIBLE) {
            continue;
        }
        if (n++ < 2) {
            text = ff_arena_printf(&look->arena, "%s%s%s", text, n == 1 ? "" : ", ",
                                   ff_cli_look_name(look, link->from))
                       .p;
        }
    }
    return n <= 2 ? text : ff_arena_printf(&look->arena, "%s, +%u", text, n - 2).p;
}

static const char *
waits_for(struct ff_cli_look *look, uint32_t at)
{
    const struct ff_execution_info *info = &look->infos[at];

    if (is_over(look, at)) {
        return "";
    }
    switch (info->public_state) {
    case FF_PUBLIC_ACTIVE:
        return "";
    case FF_PUBLIC_WAITING_CHILDREN:
        return upstreams_of(look, at);
    case FF_PUBLIC_SUSPENDED:
        return "a signal";
    case FF_PUBLIC_DELAYED:
        return "its time";
    default:
        return info->blocking_detail.n > 0 ? info->blocking_detail.p : "a worker";
    }
}

static const char *
took(struct ff_cli_look *look, uint32_t at)
{
    const struct ff_execution_info *info = &look->infos[at];
    int64_t end = info->completed_at.is ? info->completed_at.v : ff_wall_ms();

    if (is_gone(look, at) || !info->started_at.is) {
        return "";
    }
    return ff_arena_printf(&look->arena, "%.1f s", (double) (end - info->started_at.v) / 1000).p;
}

/* ---- showing ---- */

static void
add_row(struct ff_cli_table *table, struct ff_cli_look *look, uint32_t at)
{
    uint32_t indents = look->depth[at] < INDENTS_MAX ? look->depth[at] : INDENTS_MAX;
    char *id = ff_arena_alloc(&look->arena, FF_EID_TEXT_MAX);
    const char *cells[] = {
        ff_arena_printf(&look->arena, "%*s%s", 2 * (int) indents, "", ff_cli_look_name(look, at)).p,
        is_gone(look, at) ? "?" : look->infos[at].execution_kind.p,
        state_of(look, at),
        took(look, at),
        waits_for(look, at),
        id,
    };

    ff_eid_text(&look->ids[at], id);
    ff_cli_table_add(table, cells);
}

/* What fits: UINT32_MAX rows, and 0 columns, where there is no screen. */
struct room {
    uint32_t rows, columns;
};

static void
print_head(struct ff_cli_look *look, const struct room *room)
{
    uint32_t left = look->flow.pending_cancel_count;

    ff_cli_print_line(
        ff_arena_printf(&look->arena, "%s  %s, %s: %u members, %u edges; %u ended",
                        ff_cli_uuid_text(&look->flow.flow_id, &look->arena), look->flow.flow_kind.p,
                        ff_word(&ff_vocab_flow_state, look->flow.public_flow_state),
                        (unsigned) look->flow.node_count, (unsigned) look->flow.edge_count,
                        (unsigned) ff_cli_look_ended(look))
            .p,
        room->columns);
    if (left > 0) {
        printf("%u member%s still to be cancelled\n", (unsigned) left, left == 1 ? " is" : "s are");
    }
}

/* The tree, as many rows of it as there is room for: then those that wait for others, and those
 * that have gone well, are left out. */
static void
show(struct ff_cli_look *look, const struct room *room)
{
    static const char *const titles[] = { "MEMBER", "KIND", "STATE", "TOOK", "WAITS FOR", "ID" };
    FF_SCOPED(ff_cli_table)
    table = { .titles = titles, .columns = FF_COUNT(titles), .width_max = room->columns };
    bool all = look->n <= room->rows;
    uint32_t rows = 0;

    print_head(look, room);
    for (uint32_t i = 0; i < look->n; i++) {
        uint32_t at = look->order[i];
        enum ff_public_state state = look->infos[at].public_state;

        if (all || (rows + 1 < room->rows && !is_gone(look, at) &&
                    state != FF_PUBLIC_WAITING_CHILDREN && state != FF_PUBLIC_COMPLETED)) {
            add_row(&table, look, at);
            rows++;
        }
    }
    ff_cli_table_print(&table);
    if (!all) {
        printf("and %u others\n", (unsigned) (look->n - rows));
    }
    fflush(stdout);
}

static const struct room no_screen = { .rows = UINT32_MAX };

/* Why is told of each by a command of its own. */
static void
tell_failures(const struct ff_cli_look *look)
{
    for (uint32_t i = 0; i < look->n; i++) {
        if (look->infos[look->order[i]].public_state == FF_PUBLIC_FAILED) {
            printf("`ffctl why ID' says why a member has failed.\n");
            return;
        }
    }
}

static json_t *
text_or_null(const char *text)
{
    return text == NULL || text[0] == '\0' ? json_null() : json_string(text);
}

static json_t *
time_or_null(struct ff_opt_i64 at)
{
    return at.is ? json_integer(at.v) : json_null();
}

static json_t *
member_json(struct ff_cli_look *look, uint32_t at)
{
    const struct ff_execution_info *info = &look->infos[at];
    json_t *upstreams = json_array();
    char id[FF_EID_TEXT_MAX];

    ff_eid_text(&look->ids[at], id);
    for (uint32_t i = look->into[at]; i < look->into[at + 1]; i++) {
        char from[FF_EID_TEXT_MAX];

        ff_eid_text(&look->ids[look->links[i].from], from);
        json_array_append_new(upstreams,
                              json_pack("{s:s, s:s}", "execution_id", from, "edge_state",
                                        ff_word(&ff_vocab_edge_state, look->links[i].state)));
    }
    return json_pack("{s:s, s:o, s:o, s:s, s:o, s:o, s:s, s:o}", "execution_id", id, "key",
                     text_or_null(info->member_key.p), "execution_kind",
                     text_or_null(info->execution_kind.p), "public_state", state_of(look, at),
                     "started_at", time_or_null(info->started_at), "completed_at",
                     time_or_null(info->completed_at), "waits_for", waits_for(look, at), "upstream",
                     upstreams);
}

/* A line: the flow, and its members in the order of the tree. */
static void
print_json(struct ff_cli_look *look)
{
    json_t *members = json_array(), *json = NULL;

    for (uint32_t i = 0; i < look->n; i++) {
        json_array_append_new(members, member_json(look, look->order[i]));
    }
    json = json_pack(
        "{s:s, s:s, s:s, s:I, s:I, s:I, s:I, s:o}", "flow_id",
        ff_cli_uuid_text(&look->flow.flow_id, &look->arena), "flow_kind", look->flow.flow_kind.p,
        "public_flow_state", ff_word(&ff_vocab_flow_state, look->flow.public_flow_state),
        "node_count", (json_int_t) look->flow.node_count, "edge_count",
        (json_int_t) look->flow.edge_count, "ended", (json_int_t) ff_cli_look_ended(look),
        "pending_cancel_count", (json_int_t) look->flow.pending_cancel_count, "members", members);
    json_dumpf(json, stdout, JSON_COMPACT);
    putchar('\n');
    fflush(stdout);
    json_decref(json);
}

static struct ff_uuid
id_of(const void *options)
{
    return ff_cli_uuid(((const struct ff_cli_flow *) options)->words.v[0], "a flow's id");
}

int
ff_cli_flow_show_verb(struct ff_cli *cli, void *options)
{
    struct ff_uuid id = id_of(options);
    FF_SCOPED(ff_cli_look) look = { .n = 0 };
    int status = ff_cli_look(cli, &id, NULL, &look);

    if (status == FF_CLI_OK && cli->json) {
        print_json(&look);
    } else if (status == FF_CLI_OK) {
        show(&look, &no_screen);
        tell_failures(&look);
    }
    return status;
}

/* ---- watch ---- */

static bool
has_ended(const struct ff_flow_snapshot *flow)
{
    return flow->public_flow_state == FF_FLOW_COMPLETED ||
           flow->public_flow_state == FF_FLOW_FAILED ||
           (flow->public_flow_state == FF_FLOW_CANCELLED && flow->pending_cancel_count == 0);
}

/* As many rows as a terminal has, less those around the table. */
static struct room
room_on_screen(void)
{
    struct winsize size = { .ws_row = 0 };
    bool known = ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_row > 0;
    uint32_t rows = known ? size.ws_row : 25;

    return (struct room){ .rows = rows > 6 ? rows - 5 : 1, .columns = known ? size.ws_col : 80 };
}

/* A line for each member whose state is another one than before, and for the flow's. */
static void
tell_changes(struct ff_cli_look *before, struct ff_cli_look *look)
{
    if (before->infos == NULL) {
        print_head(look, &no_screen);
    }
    for (uint32_t i = 0; i < look->n && before->infos != NULL; i++) {
        uint32_t at = look->order[i];
        const struct ff_eid *was =
            bsearch(&look->ids[at], before->ids, before->n, sizeof(*look->ids), ff_cli_eid_cmp);

        if (was == NULL || state_of(before, (uint32_t) (was - before->ids)) != state_of(look, at)) {
            const char *time = took(look, at);

            printf("%s  %s%s%s\n", ff_cli_look_name(look, at), state_of(look, at),
                   time[0] == '\0' ? "" : "  ", time);
        }
    }
    if (before->infos == NULL || before->flow.public_flow_state != look->flow.public_flow_state) {
        printf("the flow is %s\n", ff_word(&ff_vocab_flow_state, look->flow.public_flow_state));
    }
    fflush(stdout);
}

/* On a terminal the picture stays in its place. */
static void
show_again(const struct ff_cli *cli, struct ff_cli_look *before, struct ff_cli_look *look)
{
    if (cli->json) {
        print_json(look);
    } else if (isatty(STDOUT_FILENO)) {
        const struct room room = room_on_screen();

        printf("\033[H\033[J");
        show(look, &room);
    } else {
        tell_changes(before, look);
    }
}

static int
outcome_of(const struct ff_flow_snapshot *flow)
{
    return flow->public_flow_state == FF_FLOW_COMPLETED ? FF_CLI_OK : FF_CLI_FAILED;
}

int
ff_cli_flow_watch(struct ff_cli *cli, const struct ff_uuid *flow_id)
{
    const struct timespec pause = { .tv_nsec = PAUSE_MS * 1000000 };
    int64_t until_ms = cli->timeout_ms > 0 ? ff_time_add(ff_mono_ms(), cli->timeout_ms) : INT64_MAX;
    FF_SCOPED(ff_cli_look) before = { .n = 0 };

    for (;;) {
        struct ff_cli_look look = { .n = 0 };
        int status = ff_cli_look(cli, flow_id, before.infos == NULL ? NULL : &before, &look);

        if (status == FF_CLI_OK) {
            show_again(cli, &before, &look);
        }
        ff_cli_look_done(&before);
        before = look;
        if (ferror(stdout)) {
            return FF_CLI_NO_DAEMON; /* nobody sees the rest; main says so */
        }
        if (status == FF_CLI_OK && has_ended(&look.flow)) {
            return outcome_of(&look.flow);
        }
        if (status == FF_CLI_NO_DAEMON && ff_mono_ms() >= until_ms) {
            return FF_CLI_LATE; /* in the middle of a call, which has said so */
        }
        if (status != FF_CLI_OK) {
            return status;
        }
        if (ff_mono_ms() >= until_ms) {
            fprintf(stderr, "ffctl: the time is over, and the flow has not ended\n");
            return FF_CLI_LATE;
        }
        nanosleep(&pause, NULL);
    }
}

int
ff_cli_flow_watch_verb(struct ff_cli *cli, void *options)
{
    struct ff_uuid id = id_of(options);

    return ff_cli_flow_watch(cli, &id);
}

/* ---- graph ---- */

static const char *
colour(const struct ff_execution_info *info)
{
    switch (info->public_state) {
    case FF_PUBLIC_COMPLETED:
        return "palegreen";
    case FF_PUBLIC_FAILED:
    case FF_PUBLIC_EXPIRED:
        return "salmon";
    case FF_PUBLIC_ACTIVE:
        return "lightskyblue";
    case FF_PUBLIC_CANCELLED:
    case FF_PUBLIC_SKIPPED:
        return "lightgrey";
    default:
        return "white";
    }
}

/* Quotes would end a label. */
static const char *
label(struct ff_cli_look *look, const char *text)
{
    char *out = ff_arena_zalloc(&look->arena, strlen(text) + 1);

    for (size_t i = 0; text[i] != '\0'; i++) {
        out[i] = (char) (text[i] == '"' || text[i] == '\\' ? '\'' : text[i]);
    }
    return out;
}

int
ff_cli_flow_graph_verb(struct ff_cli *cli, void *options)
{
    struct ff_uuid id = id_of(options);
    FF_SCOPED(ff_cli_look) look = { .n = 0 };
    int status = ff_cli_look(cli, &id, NULL, &look);

    if (status != FF_CLI_OK) {
        return status;
    }
    printf("digraph flow {\n  node [shape=box, style=filled];\n");
    for (uint32_t i = 0; i < look.n; i++) {
        uint32_t at = look.order[i];

        printf("  n%u [label=\"%s\\n%s\", fillcolor=%s];\n", (unsigned) at,
               label(&look, ff_cli_look_name(&look, at)), state_of(&look, at),
               colour(&look.infos[at]));
    }
    for (uint32_t i = 0; i < look.n_links; i++) {
        printf("  n%u -> n%u%s;\n", (unsigned) look.links[i].from, (unsigned) look.links[i].to,
               look.links[i].state == FF_EDGE_IMPOSSIBLE ? " [style=dashed]" : "");
    }
    printf("}\n");
    return FF_CLI_OK;
}
