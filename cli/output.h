/* output.h: what ffctl prints: JSON for programs, tables and times for people.
 *
 * Texts that come from the daemon are shown without control characters: what somebody stored must
 * not steer a terminal.
 */
#ifndef FF_CLI_OUTPUT_H
#define FF_CLI_OUTPUT_H

#include <stdio.h>

#include "core/arena.h"
#include "core/codec.h"

/* ---- JSON ---- */

/* A msgpack value as JSON, in the arena. */
struct ff_str ff_cli_json_of(struct ff_str msgpack, struct ff_arena *arena);
/* Prints a msgpack value: on a terminal over several lines, else on one. */
void ff_cli_print_json(struct ff_str msgpack);
/* Prints {"key": value} on one line, and flushes. */
void ff_cli_print_wrapped(const char *key, struct ff_str msgpack);

/* ---- people ---- */

/* Without control characters, each as \xNN; ends with a zero byte. */
const char *ff_cli_safe(struct ff_str text, struct ff_arena *arena);
/* The texts, safe, with something between them; "" for none. */
const char *ff_cli_joined(const struct ff_strs *texts, const char *between, struct ff_arena *arena);
/* Local time in ISO form: "2026-11-24T02:00:09+01:00". */
const char *ff_cli_time(int64_t time_ms, struct ff_arena *arena);
/* Local time in ISO form, and how long ago or ahead: "2026-11-24T02:00:09+0100 (3 min ago)". */
const char *ff_cli_when(int64_t time_ms, int64_t now_ms, struct ff_arena *arena);
/* "3 min ago", "in 2 h", "now". */
const char *ff_cli_ago(int64_t time_ms, int64_t now_ms, struct ff_arena *arena);
/* "label   value" on a line of its own. */
void ff_cli_print_row(const char *label, const char *value);

/* A table whose columns are as wide as they must be. Cells live as long as they are not printed:
 * static texts, or of the table's own arena. */
#define FF_CLI_COLUMNS_MAX 8
struct ff_cli_table {
    struct ff_arena arena;     /* emptied when it is printed */
    const char *const *titles; /* NULL: no line of titles */
    uint32_t columns, rows, room;
    const char **cells; /* row by row */
    uint32_t widths[FF_CLI_COLUMNS_MAX];
    uint32_t width_max; /* of a line; 0: none. What is wider loses its last column, then its end */
    bool has_titles;    /* they are printed */
};
/* cells: as many as there are columns. */
void ff_cli_table_add(struct ff_cli_table *table, const char *const *cells);
/* Prints the rows and empties the table; before the first row the titles. Columns never grow
 * narrower. */
void ff_cli_table_print(struct ff_cli_table *table);
/* A line of at most so many columns of a terminal (0: as it is). */
void ff_cli_print_line(const char *text, uint32_t width_max);
void ff_cli_table_done(struct ff_cli_table *table);
/* A cell for a text that comes from the daemon. */
const char *ff_cli_cell(struct ff_cli_table *table, struct ff_str text);

#endif
