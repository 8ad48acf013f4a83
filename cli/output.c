#include "cli/output.h"

#include <inttypes.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "core/id.h"

/* ---- JSON ---- */

static struct ff_str
json_of(struct ff_str msgpack, int indent, struct ff_arena *arena)
{
    struct ff_fault fault = { 0 };
    struct ff_str json = ff_cstr("null");
    msgpack_object value;
    msgpack_zone zone;

    msgpack_zone_init(&zone, 4096);
    if (ff_msgpack_parse(msgpack, &zone, &value, &fault) == FF_E_OK) {
        json = ff_msgpack_to_json(&value, indent, arena);
    }
    msgpack_zone_destroy(&zone);
    return json;
}

struct ff_str
ff_cli_json_of(struct ff_str msgpack, struct ff_arena *arena)
{
    return json_of(msgpack, 0, arena);
}

void
ff_cli_print_json(struct ff_str msgpack)
{
    FF_SCOPED(ff_arena) arena = { 0 };
    struct ff_str json = json_of(msgpack, isatty(STDOUT_FILENO) ? 2 : 0, &arena);

    fwrite(json.p, 1, json.n, stdout);
    putchar('\n');
}

void
ff_cli_print_wrapped(const char *key, struct ff_str msgpack)
{
    FF_SCOPED(ff_arena) arena = { 0 };
    struct ff_str json = json_of(msgpack, 0, &arena);

    printf("{\"%s\":", key);
    fwrite(json.p, 1, json.n, stdout);
    printf("}\n");
    fflush(stdout);
}

/* ---- texts ---- */

/* C0, DEL and C1: what a terminal may take for a command. */
static bool
is_control(uint32_t code)
{
    return code < 0x20 || (code >= 0x7f && code < 0xa0);
}

const char *
ff_cli_safe(struct ff_str text, struct ff_arena *arena)
{
    char *out = ff_arena_alloc(arena, (size_t) text.n * 4 + 1), *to = out;
    uint32_t code = 0;

    while (text.n > 0) {
        struct ff_str before = text;
        bool ok = ff_utf8_next(&text, &code);

        if (!ok) { /* one byte that is no UTF-8 */
            text = ff_str(before.p + 1, before.n - 1);
        }
        if (!ok || is_control(code)) {
            to += sprintf(to, "\\x%02x", ok ? code : (uint8_t) before.p[0]);
        } else {
            memcpy(to, before.p, before.n - text.n);
            to += before.n - text.n;
        }
    }
    *to = '\0';
    return out;
}

const char *
ff_cli_joined(const struct ff_strs *texts, const char *between, struct ff_arena *arena)
{
    const char *out = "";

    for (uint32_t i = 0; i < texts->n; i++) {
        out = ff_arena_printf(arena, "%s%s%s", out, i == 0 ? "" : between,
                              ff_cli_safe(texts->v[i], arena))
                  .p;
    }
    return out;
}

const char *
ff_cli_ago(int64_t time_ms, int64_t now_ms, struct ff_arena *arena)
{
    static const struct {
        uint64_t upto_s, unit_s;
        const char *name;
    } units[] = {
        { 120, 1, "s" }, { 7200, 60, "min" }, { 172800, 3600, "h" }, { UINT64_MAX, 86400, "d" }
    };
    bool past = time_ms <= now_ms;
    uint64_t s =
        (past ? (uint64_t) now_ms - (uint64_t) time_ms : (uint64_t) time_ms - (uint64_t) now_ms) /
        1000;
    size_t i = 0;

    if (s == 0) {
        return "now";
    }
    while (s >= units[i].upto_s) {
        i++;
    }
    return ff_arena_printf(arena, "%s%" PRIu64 " %s%s", past ? "" : "in ", s / units[i].unit_s,
                           units[i].name, past ? " ago" : "")
        .p;
}

const char *
ff_cli_time(int64_t time_ms, struct ff_arena *arena)
{
    time_t seconds = (time_t) (time_ms / 1000);
    char date[32], zone[8];
    struct tm tm;

    if (localtime_r(&seconds, &tm) == NULL ||
        strftime(date, sizeof(date), "%Y-%m-%dT%H:%M:%S", &tm) == 0 ||
        strftime(zone, sizeof(zone), "%z", &tm) != 5) { /* a year of more than nine digits */
        return ff_arena_printf(arena, "%" PRId64 " ms", time_ms).p;
    }
    return ff_arena_printf(arena, "%s%.3s:%s", date, zone, zone + 3).p;
}

const char *
ff_cli_when(int64_t time_ms, int64_t now_ms, struct ff_arena *arena)
{
    return ff_arena_printf(arena, "%s (%s)", ff_cli_time(time_ms, arena),
                           ff_cli_ago(time_ms, now_ms, arena))
        .p;
}

void
ff_cli_print_row(const char *label, const char *value)
{
    printf("%-14s %s\n", label, value);
}

/* ---- tables ---- */

const char *
ff_cli_cell(struct ff_cli_table *table, struct ff_str text)
{
    return ff_cli_safe(text, &table->arena);
}

void
ff_cli_table_add(struct ff_cli_table *table, const char *const *cells)
{
    FF_ASSERT(table->columns <= FF_CLI_COLUMNS_MAX);
    for (uint32_t i = 0; i < table->columns; i++) {
        table->cells = ff_grow(table->cells, &table->room, table->rows * table->columns + i,
                               sizeof(*table->cells));
        table->cells[table->rows * table->columns + i] = cells[i];
    }
    table->rows++;
}

/* Columns of a terminal that a text takes, as far as every character takes one. */
static uint32_t
width_of(const char *text)
{
    uint32_t n = 0;

    for (; *text != '\0'; text++) {
        n += ((uint8_t) *text & 0xc0) != 0x80;
    }
    return n;
}

void
ff_cli_print_line(const char *text, uint32_t width_max)
{
    uint32_t n = 0;
    size_t end = 0;

    for (; text[end] != '\0'; end++) {
        n += ((uint8_t) text[end] & 0xc0) != 0x80;
        if (width_max > 0 && n > width_max) {
            break;
        }
    }
    printf("%.*s\n", (int) end, text);
}

/* Without blanks at its end. */
static void
print_row(struct ff_cli_table *table, const char *const *cells)
{
    uint32_t columns = table->columns, width = 0;
    const char *line = "";

    for (uint32_t i = 0; i < columns; i++) {
        width += table->widths[i] + (i + 1 < columns ? 2 : 0);
    }
    columns -= table->width_max > 0 && width > table->width_max && columns > 1;
    for (uint32_t i = 0; i + 1 < columns; i++) {
        line = ff_arena_printf(&table->arena, "%s%s%*s", line, cells[i],
                               (int) (table->widths[i] - width_of(cells[i])) + 2, "")
                   .p;
    }
    ff_cli_print_line(ff_arena_printf(&table->arena, "%s%s", line, cells[columns - 1]).p,
                      table->width_max);
}

static void
widen(struct ff_cli_table *table, const char *const *cells)
{
    for (uint32_t i = 0; i < table->columns; i++) {
        uint32_t width = width_of(cells[i]);

        table->widths[i] = width > table->widths[i] ? width : table->widths[i];
    }
}

void
ff_cli_table_print(struct ff_cli_table *table)
{
    bool with_titles = table->titles != NULL && !table->has_titles && table->rows > 0;

    if (with_titles) {
        widen(table, table->titles);
    }
    for (uint32_t row = 0; row < table->rows; row++) {
        widen(table, &table->cells[row * table->columns]);
    }
    if (with_titles) {
        print_row(table, table->titles);
        table->has_titles = true;
    }
    for (uint32_t row = 0; row < table->rows; row++) {
        print_row(table, &table->cells[row * table->columns]);
    }
    table->rows = 0;
    ff_arena_reset(&table->arena);
}

void
ff_cli_table_done(struct ff_cli_table *table)
{
    ff_arena_done(&table->arena);
    free(table->cells);
    *table = (struct ff_cli_table){ 0 };
}
