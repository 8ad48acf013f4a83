#include "cli/where.h"

#include <stdlib.h>

/* A place in the text. */
struct at {
    const char *p, *end;
};

/* An absent text has an end, too. */
static struct at
begin_at(struct ff_str text)
{
    return (struct at){ text.p, text.n == 0 ? text.p : text.p + text.n };
}

static void
skip_space(struct at *at)
{
    while (at->p < at->end && (*at->p == ' ' || *at->p == '\t' || *at->p == '\n' ||
                               *at->p == '\r' || *at->p == ',' || *at->p == ':')) {
        at->p++;
    }
}

/* From its first quote to behind its last. */
static struct ff_str
take_string(struct at *at)
{
    const char *begin = ++at->p;
    struct ff_str text = { 0 };

    while (at->p < at->end && *at->p != '"') {
        at->p += *at->p == '\\' ? 2 : 1;
    }
    text = ff_str(begin, (size_t) (at->p - begin));
    at->p++;
    return text;
}

/* To behind the value. */
static void
skip_value(struct at *at)
{
    uint32_t depth = 0;

    do {
        skip_space(at);
        if (at->p >= at->end) {
            return;
        }
        if (*at->p == '"') {
            take_string(at);
            continue;
        }
        depth += *at->p == '{' || *at->p == '[';
        depth -= *at->p == '}' || *at->p == ']';
        at->p++;
        while (at->p < at->end && strchr(" \t\r\n,:{}[]\"", *at->p) == NULL) {
            at->p++; /* the rest of a number or word */
        }
    } while (depth > 0);
}

/* From a map to the value under that name. */
static bool
enter_name(struct at *at, struct ff_str name)
{
    struct at look = *at;

    if (at->p >= at->end || *at->p != '{') {
        return false;
    }
    look.p++;
    for (skip_space(&look); look.p < look.end && *look.p == '"'; skip_space(&look)) {
        bool found = ff_str_eq(take_string(&look), name);

        skip_space(&look);
        if (found) {
            *at = look;
            return true;
        }
        skip_value(&look);
    }
    return false;
}

/* From a list to its element. */
static bool
enter_index(struct at *at, unsigned long index)
{
    struct at look = *at;

    if (at->p >= at->end || *at->p != '[') {
        return false;
    }
    look.p++;
    skip_space(&look);
    for (; index > 0 && look.p < look.end && *look.p != ']'; index--) {
        skip_value(&look);
        skip_space(&look);
    }
    if (index > 0 || look.p >= look.end || *look.p == ']') {
        return false;
    }
    *at = look;
    return true;
}

bool
ff_cli_json_find(struct ff_str text, const char *path, uint32_t *line)
{
    struct at at = begin_at(text);
    bool there = true;

    skip_space(&at);
    while (there && *path != '\0') {
        if (*path == '[') {
            char *end = NULL;

            there = enter_index(&at, strtoul(path + 1, &end, 10));
            path = *end == ']' ? end + 1 : "";
        } else {
            size_t n = 0;

            path += *path == '.';
            n = strcspn(path, ".[");
            there = enter_name(&at, ff_str(path, n));
            path += n;
        }
    }
    *line = 1;
    for (const char *p = text.p; p < at.p; p++) {
        *line += *p == '\n';
    }
    return there;
}

/* ---- values ---- */

static struct ff_str
take_value(struct at *at)
{
    const char *begin = at->p;

    skip_value(at);
    return ff_str(begin, (size_t) (at->p - begin));
}

struct ff_str
ff_cli_json_value(struct ff_str map, const char *name)
{
    struct at at = begin_at(map);

    skip_space(&at);
    return enter_name(&at, ff_cstr(name)) ? take_value(&at) : FF_NONE(ff_str);
}

struct ff_cli_json_list
ff_cli_json_list(struct ff_str map, const char *name)
{
    struct at at = begin_at(map);

    skip_space(&at);
    if (!enter_name(&at, ff_cstr(name)) || at.p >= at.end || *at.p != '[') {
        at.p = at.end;
    }
    return (struct ff_cli_json_list){ at.p + (at.p < at.end), at.end };
}

struct ff_str
ff_cli_json_next(struct ff_cli_json_list *list)
{
    struct at at = { list->p, list->end };
    struct ff_str element = FF_NONE(ff_str);

    skip_space(&at);
    if (at.p < at.end && *at.p != ']') {
        element = take_value(&at);
    }
    list->p = at.p;
    return element;
}
