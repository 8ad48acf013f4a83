/* store_main.c: `flowfabricd store', work on stores at rest, by hand or from `ffctl store'. */
#include <argp.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "backends/clock.h"
#include "backends/offline/offline.h"
#include "core/codec.h"
#include "supervisor/role.h"

/* As ffctl has them. */
enum { DONE = 0, FAILED = 1, USAGE = 2, UNREACHABLE = 3 };

#define TELL_EVERY_MS 200

struct tool {
    const char *words[3]; /* the verb, and what follows it */
    uint32_t n;
    bool json;
    struct ff_arena arena;
    bool terminal; /* standard error is one: it shows how far it has come */
    bool told;
    int64_t told_ms;
    enum ff_offline_phase phase; /* that was told last, since when, and what was done by then */
    int64_t phase_ms;
    uint64_t phase_from;
};

static const struct argp_option options[] = {
    { "json", 'j', NULL, 0, "One JSON value a line on standard output", 0 },
    { 0 },
};

static error_t
parse_option(int key, char *arg, struct argp_state *state)
{
    struct tool *tool = state->input;

    if (key == 'j') {
        tool->json = true;
        return 0;
    }
    if (key == ARGP_KEY_ARG && tool->n < FF_COUNT(tool->words)) {
        tool->words[tool->n++] = arg;
        return 0;
    }
    return ARGP_ERR_UNKNOWN;
}

static const struct argp argp = {
    .options = options,
    .parser = parse_option,
    .args_doc = "copy FROM TO\ncheck STORE",
    .doc = "Copies a whole deployment from one store into another, or checks one.\n\n"
           "A store is named by its URL: sqlite:PATH, postgres://…, valkey://…; no daemon may run "
           "on it. TO must be empty; until the copy is verified it is an unfinished one, which "
           "no daemon uses and the same command begins anew. `check' changes nothing.\v"
           "Exit status: 0 copied and verified, or sound; 1 refused, findings, or the copy is not "
           "the same; 2 wrong usage; 3 a store cannot be reached.",
};

/* ---- telling ---- */

static void
on_progress(void *ctx, const struct ff_offline_step *step)
{
    static const char *const words[] = { "clearing", "copying", "reading" };
    struct tool *tool = ctx;
    int64_t now_ms = ff_mono_ms();

    if (!tool->terminal || now_ms - tool->told_ms < TELL_EVERY_MS) {
        return;
    }
    if (step->phase != tool->phase || !tool->told) {
        tool->phase = step->phase;
        tool->phase_ms = now_ms;
        tool->phase_from = step->done;
    }
    tool->told_ms = now_ms;
    tool->told = true;
    fprintf(stderr, "\r\033[K%s: %" PRIu64 " records and events", words[step->phase], step->done);
    if (step->of >= step->done && step->done > tool->phase_from) {
        double rate = (double) (step->done - tool->phase_from) / (double) (now_ms - tool->phase_ms);

        fprintf(stderr, " of %" PRIu64 ", %.0f %%, %.0f s left", step->of,
                100.0 * (double) step->done / (double) step->of,
                (double) (step->of - step->done) / rate / 1000.0);
    }
}

static void
clear_line(struct tool *tool)
{
    if (tool->told) {
        fprintf(stderr, "\r\033[K");
        tool->told = false;
    }
}

static int
fail(struct tool *tool, const char *url, const struct ff_fault *fault)
{
    struct ff_str shown = ff_store_url_shown(ff_cstr(url), &tool->arena);
    const char *message =
        fault->message == NULL ? ff_error_info(fault->code)->message : fault->message;

    clear_line(tool);
    fprintf(stderr, "flowfabricd store: %.*s: %s\n", (int) shown.n, shown.p, message);
    for (uint32_t i = 0; i < fault->n; i++) {
        const struct ff_datum *datum = &fault->detail[i];

        if (datum->type == FF_D_STR) {
            fprintf(stderr, "  %s: %.*s\n", datum->key, (int) datum->v.str.n,
                    datum->v.str.n == 0 ? "" : datum->v.str.p);
        } else if (datum->type == FF_D_U64) {
            fprintf(stderr, "  %s: %" PRIu64 "\n", datum->key, datum->v.u64);
        }
    }
    return fault->code == FF_E_TRANSPORT        ? UNREACHABLE
           : fault->code == FF_E_INVALID_CONFIG ? USAGE
                                                : FAILED;
}

/* ---- counts and checksums ---- */

static const char *
sum_text(const struct ff_offline_sum *sum, char out[33])
{
    snprintf(out, 33, "%016" PRIx64 "%016" PRIx64, sum->high, sum->low);
    return out;
}

static void
print_sum(const char *what, const char *name, const struct ff_offline_sum *sum)
{
    char text[33];

    if (sum->n > 0) {
        printf("%-8s %-16s %12" PRIu64 "  %s\n", what, name, sum->n, sum_text(sum, text));
    }
}

static void
pack_sum(msgpack_packer *pk, const char *name, const struct ff_offline_sum *sum)
{
    char text[33];

    ff_pack_cstr(pk, name);
    msgpack_pack_map(pk, 2);
    ff_pack_cstr(pk, "count");
    msgpack_pack_uint64(pk, sum->n);
    ff_pack_cstr(pk, "checksum");
    ff_pack_cstr(pk, sum_text(sum, text));
}

/* One line of JSON: {"key": value}, the value being what `packer' holds. */
static void
print_json(struct tool *tool, const char *key, const struct ff_packer *packer)
{
    msgpack_zone zone;
    msgpack_object value;
    struct ff_fault fault = { 0 };

    msgpack_zone_init(&zone, 4096);
    if (ff_msgpack_parse(ff_packer_str(packer), &zone, &value, &fault) == FF_E_OK) {
        struct ff_str json = ff_msgpack_to_json(&value, 0, &tool->arena);

        printf("{\"%s\": %.*s}\n", key, (int) json.n, json.p);
    }
    msgpack_zone_destroy(&zone);
}

static void
print_digest(struct tool *tool, const struct ff_offline_digest *digest)
{
    struct ff_packer packer;

    if (!tool->json) {
        for (int kind = 0; kind < FF_R_N; kind++) {
            print_sum("record", ff_records[kind]->name, &digest->records[kind]);
        }
        for (int family = 0; family < FF_FAMILIES; family++) {
            print_sum("events", ff_word(&ff_vocab_event_family, (uint32_t) family),
                      &digest->feeds[family]);
        }
        return;
    }
    ff_packer_init(&packer);
    msgpack_pack_map(&packer.pk, 2);
    ff_pack_cstr(&packer.pk, "records");
    msgpack_pack_map(&packer.pk, FF_R_N);
    for (int kind = 0; kind < FF_R_N; kind++) {
        pack_sum(&packer.pk, ff_records[kind]->name, &digest->records[kind]);
    }
    ff_pack_cstr(&packer.pk, "events");
    msgpack_pack_map(&packer.pk, FF_FAMILIES);
    for (int family = 0; family < FF_FAMILIES; family++) {
        pack_sum(&packer.pk, ff_word(&ff_vocab_event_family, (uint32_t) family),
                 &digest->feeds[family]);
    }
    print_json(tool, "holds", &packer);
    ff_packer_done(&packer);
}

static uint64_t
all(const struct ff_offline_sum *sums, size_t n)
{
    uint64_t total = 0;

    for (size_t i = 0; i < n; i++) {
        total += sums[i].n;
    }
    return total;
}

/* ---- copy ---- */

static void
print_difference(const char *name, const struct ff_offline_sum *from,
                 const struct ff_offline_sum *to)
{
    if (memcmp(from, to, sizeof(*from)) != 0) {
        fprintf(stderr, "  %s: %" PRIu64 " in FROM, %" PRIu64 " in TO%s\n", name, from->n, to->n,
                from->n == to->n ? ", of another checksum" : "");
    }
}

static int
tell_copied(struct tool *tool, const struct ff_offline_copied *copied)
{
    clear_line(tool);
    if (copied->differ) {
        fprintf(stderr, "flowfabricd store: the copy is not what FROM holds; was FROM in use "
                        "meanwhile? TO stays an unfinished copy: begin again\n");
        for (int kind = 0; kind < FF_R_N; kind++) {
            print_difference(ff_records[kind]->name, &copied->from.records[kind],
                             &copied->to.records[kind]);
        }
        for (int family = 0; family < FF_FAMILIES; family++) {
            print_difference(ff_word(&ff_vocab_event_family, (uint32_t) family),
                             &copied->from.feeds[family], &copied->to.feeds[family]);
        }
        return FAILED;
    }
    print_digest(tool, &copied->to);
    if (!tool->json) {
        printf("copied %" PRIu64 " records and %" PRIu64 " events; read back, counts and checksums "
               "are the same\n",
               all(copied->to.records, FF_R_N), all(copied->to.feeds, FF_FAMILIES));
    }
    return DONE;
}

static int
copy_into(struct tool *tool, struct ff_store *from, struct ff_store *to)
{
    const struct ff_offline_progress progress = { tool->terminal ? on_progress : NULL, tool };
    struct ff_offline_copied copied = { .differ = true };
    struct ff_fault fault = { 0 };

    return ff_offline_copy(from, to, &progress, &copied, &fault) == FF_E_OK
               ? tell_copied(tool, &copied)
               : fail(tool, tool->words[2], &fault);
}

static bool
is_memory(const char *url)
{
    return strncmp(url, "memory:", 7) == 0;
}

static int
copy(struct tool *tool)
{
    struct ff_partition_counts counts = { 0 };
    struct ff_store *from = NULL, *to = NULL;
    struct ff_fault fault = { 0 };
    int status = FAILED;

    if (is_memory(tool->words[1]) || is_memory(tool->words[2])) {
        fprintf(stderr, "flowfabricd store: a memory: store is gone with its process; there is "
                        "nothing to copy\n");
        return USAGE;
    }
    if (ff_offline_open(ff_cstr(tool->words[1]), FF_STORE_LOOK, &counts, &from, &fault) !=
        FF_E_OK) {
        return fail(tool, tool->words[1], &fault);
    }
    if (ff_offline_open(ff_cstr(tool->words[2]), FF_STORE_FILL, &counts, &to, &fault) == FF_E_OK) {
        status = copy_into(tool, from, to);
    } else {
        status = fail(tool, tool->words[2], &fault);
    }
    ff_store_close(to);
    ff_store_close(from);
    return status;
}

/* ---- check ---- */

static void
on_finding(void *ctx, const struct ff_offline_finding *finding)
{
    const char *const words[] = { finding->kind, finding->name, finding->what, finding->advice };
    static const char *const names[] = { "kind", "name", "what", "advice" };
    struct tool *tool = ctx;
    struct ff_packer packer;

    clear_line(tool);
    if (!tool->json) {
        printf("%s %s: %s\n    %s\n", finding->kind, finding->name, finding->what, finding->advice);
        return;
    }
    ff_packer_init(&packer);
    msgpack_pack_map(&packer.pk, FF_COUNT(words));
    for (size_t i = 0; i < FF_COUNT(words); i++) {
        ff_pack_cstr(&packer.pk, names[i]);
        ff_pack_cstr(&packer.pk, words[i]);
    }
    print_json(tool, "finding", &packer);
    ff_packer_done(&packer);
    ff_arena_reset(&tool->arena);
}

static int
check(struct tool *tool)
{
    const struct ff_offline_checker checker = { .found = on_finding,
                                                .progress = { on_progress, tool },
                                                .ctx = tool };
    struct ff_partition_counts counts = { 0 };
    struct ff_offline_digest digest;
    struct ff_store *store = NULL;
    struct ff_fault fault = { 0 };
    uint64_t n = 0;
    ff_err err = ff_offline_open(ff_cstr(tool->words[1]), FF_STORE_LOOK, &counts, &store, &fault);

    if (err == FF_E_OK) {
        err = ff_offline_check(store, &checker, &digest, &n, &fault);
    }
    if (err == FF_E_OK) {
        err = ff_offline_alone(store, &fault); /* else it was no store at rest */
    }
    if (err != FF_E_OK) {
        ff_store_close(store);
        return fail(tool, tool->words[1], &fault);
    }
    clear_line(tool);
    print_digest(tool, &digest);
    if (!tool->json) {
        printf("%" PRIu64 " records and %" PRIu64 " events: ", all(digest.records, FF_R_N),
               all(digest.feeds, FF_FAMILIES));
        printf(n == 0 ? "sound\n" : "%" PRIu64 " findings\n", n);
    }
    ff_store_close(store);
    return n == 0 ? DONE : FAILED;
}

int
ff_store_main(int argc, char **argv)
{
    struct tool tool = { .terminal = isatty(STDERR_FILENO) };
    int status = USAGE;

    ff_keep_memory_private();
    signal(SIGXFSZ, SIG_IGN); /* a file that may not grow is an error of the write */
    argp_err_exit_status = USAGE;
    argv[0] = (char *) (uintptr_t) "flowfabricd store";
    argp_parse(&argp, argc, argv, 0, NULL, &tool);
    if (tool.n == 3 && strcmp(tool.words[0], "copy") == 0) {
        status = copy(&tool);
    } else if (tool.n == 2 && strcmp(tool.words[0], "check") == 0) {
        status = check(&tool);
    } else {
        fprintf(stderr, "flowfabricd store: `copy FROM TO' or `check STORE'; --help tells more\n");
    }
    ff_arena_done(&tool.arena);
    if (fflush(stdout) != 0 || ferror(stdout)) { /* a full disk must not look like success */
        return status == DONE ? UNREACHABLE : status;
    }
    return status;
}
