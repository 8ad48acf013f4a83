/* events: the feeds (06 §2). */
#include <inttypes.h>
#include <sodium.h>
#include <stdio.h>

#include "cli/cli.h"
#include "cli/output.h"
#include "core/codec.h"
#include "core/id.h"
#include "workers/feed.h"

/* One look with --follow: libflowfabric goes on by itself. */
#define LOOK_MS 20000

struct events_options {
    bool has_family, follow, all;
    enum ff_event_family family;
    int64_t limit; /* 0: none */
    const char *namespace, *cursor;
    char *tag; /* KEY=VALUE */
};

static const struct argp_option own_options[] = {
    { "follow", 'f', NULL, 0, "Go on with the events that come; without --all only those", 0 },
    { "all", 'A', NULL, 0, "From the oldest one that is retained (without --follow the default)",
      0 },
    { "cursor", 'c', "CURSOR", 0, "From there: the cursor of an event, as --json shows it", 0 },
    { "namespace", 'n', "NAME", 0, "Only of this namespace", 0 },
    { "tag", 'T', "KEY=VALUE", 0, "Only of executions with this tag", 0 },
    { "limit", 'm', "NUMBER", 0, "At most so many", 0 },
    { 0 },
};

static error_t
parse_family(struct events_options *options, const char *arg, struct argp_state *state)
{
    for (uint32_t i = 0; i < ff_vocab_event_family.n; i++) {
        if (strcmp(arg, ff_vocab_event_family.words[i]) == 0) {
            options->family = (enum ff_event_family) i;
            options->has_family = true;
            return 0;
        }
    }
    argp_error(state,
               "there is no feed '%s'; there are lease_history, completion, "
               "signal_delivery, instance_tags, operator and worker_registry",
               arg);
    return 0;
}

static error_t
parse(int key, char *arg, struct argp_state *state)
{
    struct events_options *options = state->input;

    switch (key) {
    case 'f':
        options->follow = true;
        return 0;
    case 'A':
        options->all = true;
        return 0;
    case 'c':
        options->cursor = arg;
        return 0;
    case 'n':
        options->namespace = arg;
        return 0;
    case 'T':
        options->tag = arg;
        if (strchr(arg, '=') == NULL) {
            argp_error(state, "--tag: '%s' is not KEY=VALUE", arg);
        }
        return 0;
    case 'm':
        if (!ff_cli_parse_number(arg, 1, INT64_MAX, &options->limit)) {
            argp_error(state, "--limit: '%s' is no number from 1 on", arg);
        }
        return 0;
    case ARGP_KEY_ARG:
        return options->has_family ? ARGP_ERR_UNKNOWN : parse_family(options, arg, state);
    case ARGP_KEY_NO_ARGS:
        argp_error(state, "name the feed, for example completion");
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

static const struct ff_cli_command command = {
    own_options, parse, "FEED",
    "Show the events of a feed: lease_history, completion, signal_delivery, instance_tags, "
    "operator "
    "or worker_registry. With --json each event is a line." FF_CLI_EXIT_HELP
};

/* ---- one event ---- */

/* Its own members in the order of the protocol; what every event has is shown before them. */
static void
print_members(const struct ff_feed_event *event, struct ff_arena *arena)
{
    static const char *const shown[] = { "event", "cursor", "execution_id", "namespace", "at" };

    for (uint32_t i = 0; i < ff_desc_feed_event.n; i++) {
        const struct ff_field *member = &ff_desc_feed_event.fields[i];
        struct ff_str text = { .p = NULL };
        bool own = true;

        for (size_t j = 0; j < FF_COUNT(shown); j++) {
            own = own && strcmp(member->name, shown[j]) != 0;
        }
        text = own ? ff_field_text(member, event, arena) : text;
        if (text.p != NULL && text.n > 0) {
            printf(" %s=%s", member->name, ff_cli_safe(text, arena));
        }
    }
}

static void
print_event(const struct ff_cli *cli, const struct ff_feed_event *event)
{
    FF_SCOPED(ff_arena) arena = { 0 };
    char id[FF_EID_TEXT_MAX] = "-";
    struct ff_packer packer;

    if (cli->json) {
        ff_packer_init(&packer);
        ff_encode(&ff_desc_feed_event, event, &packer.pk);
        ff_cli_print_json(ff_packer_str(&packer));
        ff_packer_done(&packer);
        return;
    }
    if (event->execution_id.is) {
        ff_eid_text(&event->execution_id.v, id);
    }
    printf("%s %s %s", ff_cli_time(event->at, &arena), id, ff_cli_safe(event->event, &arena));
    print_members(event, &arena);
    putchar('\n');
}

/* ---- the command ---- */

static int
show(struct ff_cli *cli, const struct events_options *options, struct ff_feed *feed)
{
    uint64_t shown = 0, limit = (uint64_t) options->limit;

    while (limit == 0 || shown < limit) {
        FF_SCOPED(ff_answer) answer = { 0 };
        const struct ff_feed_event *event = NULL;
        ff_err err = ff_feed_next(feed, options->follow ? LOOK_MS : 0, &event, &answer);

        if (err == FF_E_STREAM_BACKPRESSURE) {
            fprintf(stderr, "ffctl: older events are gone already\n");
        } else if (err == FF_E_CORRUPTION) {
            fprintf(stderr, "ffctl: an event cannot be read and is left out\n");
        } else if (err != FF_E_OK) {
            return ff_cli_report(cli, "read_events", &answer);
        } else if (event == NULL && !options->follow) {
            return FF_CLI_OK;
        } else if (event != NULL) {
            print_event(cli, event);
            shown++;
            if (fflush(stdout) != 0) {
                return FF_CLI_NO_DAEMON;
            }
        }
    }
    return FF_CLI_OK;
}

/* NULL: it is no cursor. */
static bool
read_cursor(const char *text, unsigned char bytes[16], struct ff_str *out)
{
    size_t n = 0;

    if (sodium_base642bin(bytes, 16, text, strlen(text), NULL, &n, NULL,
                          sodium_base64_VARIANT_ORIGINAL) != 0) {
        return false;
    }
    *out = ff_str(bytes, n);
    return true;
}

int
ff_cli_events(struct ff_cli *cli, int argc, char **argv)
{
    struct events_options options = { .limit = 0 };
    struct ff_feed_options feeding = { .family = FF_FAMILY_COMPLETION };
    FF_SCOPED(ff_answer) answer = { 0 };
    struct ff_client *client = NULL;
    struct ff_feed *feed = NULL;
    unsigned char cursor[16];
    int status = FF_CLI_OK;

    ff_cli_parse(cli, &command, argc, argv, &options);
    feeding.family = options.family;
    feeding.namespace = options.namespace;
    feeding.from_start = options.all || !options.follow;
    if (options.tag != NULL) {
        feeding.tag_key = options.tag;
        feeding.tag_value = strchr(options.tag, '=') + 1;
        *strchr(options.tag, '=') = '\0';
    }
    if (options.cursor != NULL && !read_cursor(options.cursor, cursor, &feeding.cursor)) {
        fprintf(stderr, "ffctl: --cursor: '%s' is none\n", options.cursor);
        return FF_CLI_USAGE;
    }
    if (ff_cli_connect(cli, FF_CLI_BROKER, &client, &answer) != FF_E_OK ||
        ff_feed_open(client, &feeding, &feed, &answer) != FF_E_OK) {
        return ff_cli_report(cli, "read_events", &answer);
    }
    status = show(cli, &options, feed);
    ff_feed_close(feed);
    return status;
}
