#include <ctype.h>
#include <stdlib.h>
#include <strings.h>

#include "core/caps.h"
#include "core/id.h"
#include "supervisor/config_int.h"

/* What each type of setting accepts, and how it is shown again (08 §3). */

static const char *
words(const struct ff_parse *parse, const char *fmt, const char *text)
{
    return ff_arena_printf(parse->arena, fmt, text).p;
}

/* ---- numbers, flags, words out of a list ---- */

static bool
read_decimal(struct ff_str text, uint64_t max, uint64_t *out)
{
    uint64_t value = 0;

    if (text.n == 0) {
        return false;
    }
    for (uint32_t i = 0; i < text.n; i++) {
        if (text.p[i] < '0' || text.p[i] > '9' || __builtin_mul_overflow(value, 10, &value) ||
            __builtin_add_overflow(value, (uint64_t) (text.p[i] - '0'), &value)) {
            return false;
        }
    }
    *out = value;
    return value <= max;
}

static const char *
parse_number(const struct ff_parse *parse, struct ff_str text, void *field)
{
    const struct ff_setting *setting = parse->setting;
    uint64_t value = 0;

    if (!read_decimal(text, setting->max, &value) || value < setting->min) {
        return ff_arena_printf(parse->arena, "must be a decimal number from %llu to %llu",
                               (unsigned long long) setting->min, (unsigned long long) setting->max)
            .p;
    }
    *(uint64_t *) field = value;
    return NULL;
}

static struct ff_str
show_number(struct ff_arena *arena, const void *field)
{
    return ff_arena_printf(arena, "%llu", (unsigned long long) *(const uint64_t *) field);
}

/* Anything else than true is false, and no error. */
static const char *
parse_flag(const struct ff_parse *parse, struct ff_str text, void *field)
{
    (void) parse;
    *(bool *) field = ff_str_is(text, "1") || strcasecmp(text.p, "true") == 0;
    return NULL;
}

static struct ff_str
show_flag(struct ff_arena *arena, const void *field)
{
    (void) arena;
    return ff_cstr(*(const bool *) field ? "true" : "false");
}

static bool
find_word(const struct ff_vocab *vocab, struct ff_str text, uint32_t *out)
{
    for (*out = 0; *out < vocab->n; (*out)++) {
        if (ff_str_is(text, vocab->words[*out])) {
            return true;
        }
    }
    return false;
}

static const char *
parse_log_level(const struct ff_parse *parse, struct ff_str text, void *field)
{
    uint32_t value = 0;

    if (!find_word(&ff_vocab_log_level, text, &value)) {
        return words(parse, "must be %s", parse->setting->rule);
    }
    *(enum ff_log_level *) field = (enum ff_log_level) value;
    return NULL;
}

static struct ff_str
show_log_level(struct ff_arena *arena, const void *field)
{
    (void) arena;
    return ff_cstr(ff_word(&ff_vocab_log_level, *(const enum ff_log_level *) field));
}

static const char *const format_words[] = { "logfmt", "json" };
static const struct ff_vocab formats = { "log_format", format_words, FF_COUNT(format_words) };

static const char *
parse_log_format(const struct ff_parse *parse, struct ff_str text, void *field)
{
    uint32_t value = 0;

    if (!find_word(&formats, text, &value)) {
        return words(parse, "must be %s", parse->setting->rule);
    }
    *(enum ff_log_format *) field = (enum ff_log_format) value;
    return NULL;
}

static struct ff_str
show_log_format(struct ff_arena *arena, const void *field)
{
    (void) arena;
    return ff_cstr(ff_word(&formats, *(const enum ff_log_format *) field));
}

/* ---- texts ---- */

static struct ff_str
show_text(struct ff_arena *arena, const void *field)
{
    (void) arena;
    return *(const struct ff_str *) field;
}

static const char *
parse_dir(const struct ff_parse *parse, struct ff_str text, void *field)
{
    (void) parse;
    if (text.n == 0 || text.p[0] != '/') {
        return "must be an absolute path";
    }
    *(struct ff_str *) field = text;
    return NULL;
}

static const char *
parse_store(const struct ff_parse *parse, struct ff_str text, void *field)
{
    static const char *const known[] = { "memory:",  "sqlite:",     "valkey://",    "valkeys://",
                                         "redis://", "postgres://", "postgresql://" };

    for (size_t i = 0; i < FF_COUNT(known); i++) {
        if (strncmp(text.p, known[i], strlen(known[i])) == 0) {
            *(struct ff_str *) field = text;
            return strcmp(text.p, "sqlite:") == 0 || strncmp(text.p, "sqlite:?", 8) == 0
                       ? "must have a path behind sqlite:"
                       : NULL;
        }
    }
    return words(parse, "must be one of %s", parse->setting->rule);
}

/* The text is never part of the words: it would be in the log. */
static const char *
parse_hex_secret(const struct ff_parse *parse, struct ff_str text, void *field)
{
    if (text.n == 0) {
        return "must not be empty; leave it out to have one made";
    }
    if (text.n % 2 != 0) {
        return "must have an even number of hexadecimal digits";
    }
    for (uint32_t i = 0; i < text.n; i++) {
        if (!isxdigit((unsigned char) text.p[i])) {
            return "must be hexadecimal digits only";
        }
    }
    if (text.n != 64 && parse->input->warn != NULL) {
        parse->input->warn(parse->input->ctx, "waitpoint_hmac_secret: 64 digits are recommended");
    }
    *(struct ff_str *) field = text;
    return NULL;
}

static const char *
parse_token(const struct ff_parse *parse, struct ff_str text, void *field)
{
    (void) parse;
    *(struct ff_str *) field = text.n == 0 ? ff_cstr(NULL) : text;
    return NULL;
}

static const char *
parse_name(const struct ff_parse *parse, struct ff_str text, void *field)
{
    struct ff_fault fault = { 0 };

    (void) parse;
    if (ff_wid_check(text, "", &fault) != FF_E_OK) {
        return "must be 1 to 256 bytes without white space and control characters";
    }
    *(struct ff_str *) field = text;
    return NULL;
}

static const char *
parse_tag(const struct ff_parse *parse, struct ff_str text, void *field)
{
    const char *equals = memchr(text.p, '=', text.n);
    struct ff_tag tag = { 0 };

    (void) parse;
    if (equals == NULL) {
        return "must be key=value";
    }
    tag.key = ff_str(text.p, (size_t) (equals - text.p));
    tag.value = ff_str(equals + 1, text.n - tag.key.n - 1);
    if (tag.key.n == 0 || tag.key.n > 256 || tag.value.n > 256) {
        return "must be key=value, a key of 1 to 256 bytes and a value of at most 256";
    }
    *(struct ff_tag *) field = tag;
    return NULL;
}

static struct ff_str
show_tag(struct ff_arena *arena, const void *field)
{
    const struct ff_tag *tag = field;

    if (tag->key.p == NULL) {
        return ff_cstr(NULL);
    }
    return ff_arena_printf(arena, "%.*s=%.*s", (int) tag->key.n, tag->key.p, (int) tag->value.n,
                           tag->value.p);
}

/* ---- addresses ---- */

/* Splits at the last colon; brackets go. */
static bool
split_address(struct ff_parse const *parse, struct ff_str text, struct ff_str *host,
              struct ff_str *port)
{
    const char *colon = memrchr(text.p, ':', text.n);

    if (colon == NULL) {
        return false;
    }
    *host = ff_str(text.p, (size_t) (colon - text.p));
    *port = ff_str(colon + 1, text.n - host->n - 1);
    if (host->n >= 2 && host->p[0] == '[' && host->p[host->n - 1] == ']') {
        *host = ff_str(host->p + 1, host->n - 2);
    } else if (memchr(host->p, ':', host->n) != NULL) {
        return false; /* an IPv6 address needs its brackets */
    }
    *host = ff_arena_printf(parse->arena, "%.*s", (int) host->n, host->p);
    return host->n > 0;
}

static const char *
parse_address(const struct ff_parse *parse, struct ff_str text, void *field)
{
    struct ff_address address = { 0 };
    struct ff_str port = { 0 };
    uint64_t number = 0;

    if (!ff_str_is(text, "none")) {
        if (!split_address(parse, text, &address.host, &port) ||
            !read_decimal(port, UINT16_MAX, &number)) {
            return "must be host:port, or none";
        }
        address.port = (uint16_t) number;
    }
    *(struct ff_address *) field = address;
    return NULL;
}

static struct ff_str
show_address(struct ff_arena *arena, const void *field)
{
    const struct ff_address *address = field;

    if (address->host.p == NULL) {
        return ff_cstr("none");
    }
    return ff_arena_printf(arena, strchr(address->host.p, ':') == NULL ? "%s:%u" : "[%s]:%u",
                           address->host.p, address->port);
}

/* ---- comma lists ---- */

/* Items trimmed, empty ones dropped; texts are copies. */
static struct ff_strs
split_list(struct ff_arena *arena, struct ff_str text)
{
    struct ff_strs list = { 0 };
    uint32_t commas = 0;
    const char *p = text.p;

    for (uint32_t i = 0; i < text.n; i++) {
        commas += text.p[i] == ',';
    }
    list.v = FF_ARENA_NEW(arena, struct ff_str, commas + 1);
    for (uint32_t i = 0; i <= commas; i++) {
        const char *end = p + strcspn(p, ",");
        const char *next = end + 1;

        for (; p < end && (*p == ' ' || *p == '\t'); p++) {
        }
        for (; p < end && (end[-1] == ' ' || end[-1] == '\t'); end--) {
        }
        if (p < end) {
            list.v[list.n++] = ff_arena_printf(arena, "%.*s", (int) (end - p), p);
        }
        p = next;
    }
    return list;
}

static struct ff_str
show_list(struct ff_arena *arena, const void *field)
{
    const struct ff_strs *list = field;
    size_t size = 1;
    char *text = NULL;
    char *end = NULL;

    if (list->n == 0) {
        return ff_cstr(NULL);
    }
    for (uint32_t i = 0; i < list->n; i++) {
        size += list->v[i].n + 1;
    }
    text = end = ff_arena_alloc(arena, size);
    for (uint32_t i = 0; i < list->n; i++) {
        end = mempcpy(end, list->v[i].p, list->v[i].n);
        *end++ = ',';
    }
    *--end = '\0';
    return ff_str(text, (size_t) (end - text));
}

static int
compare_texts(const void *a, const void *b)
{
    return ff_str_cmp(*(const struct ff_str *) a, *(const struct ff_str *) b);
}

static const char *
find_twice(const struct ff_parse *parse, struct ff_strs list)
{
    struct ff_str *sorted = FF_ARENA_NEW(parse->arena, struct ff_str, list.n);

    memcpy(sorted, list.v, sizeof(*sorted) * list.n);
    qsort(sorted, list.n, sizeof(*sorted), compare_texts);
    for (uint32_t i = 1; i < list.n; i++) {
        if (ff_str_eq(sorted[i - 1], sorted[i])) {
            return sorted[i].p;
        }
    }
    return NULL;
}

static const char *
parse_lanes(const struct ff_parse *parse, struct ff_str text, void *field)
{
    struct ff_strs list = split_list(parse->arena, text);
    const char *twice = NULL;

    if (list.n == 0 || list.n > parse->setting->max) {
        return ff_arena_printf(parse->arena, "must name 1 to %u lanes",
                               (unsigned) parse->setting->max)
            .p;
    }
    for (uint32_t i = 0; i < list.n; i++) {
        struct ff_fault fault = { 0 };

        if (ff_lane_check(list.v[i], "", &fault) != FF_E_OK) {
            return words(parse, "lane \"%s\" is not 1 to 64 printable ASCII characters",
                         list.v[i].p);
        }
    }
    twice = find_twice(parse, list);
    if (twice != NULL) {
        return words(parse, "names lane \"%s\" twice", twice);
    }
    *(struct ff_strs *) field = list;
    return NULL;
}

/* What may stand in an HTTP header. */
static bool
is_header_value(struct ff_str text)
{
    for (uint32_t i = 0; i < text.n; i++) {
        if (text.p[i] < 0x20 || text.p[i] > 0x7e) {
            return false;
        }
    }
    return true;
}

static const char *
parse_origins(const struct ff_parse *parse, struct ff_str text, void *field)
{
    struct ff_strs list = split_list(parse->arena, text);
    uint32_t n = 0;

    for (uint32_t i = 0; i < list.n; i++) {
        if (is_header_value(list.v[i])) {
            list.v[n++] = list.v[i];
        } else if (parse->input->warn != NULL) {
            parse->input->warn(parse->input->ctx,
                               words(parse,
                                     "cors_origins: \"%s\" cannot stand in a header; dropped",
                                     list.v[i].p));
        }
    }
    if (n == 0) {
        return "must name at least one origin that can stand in a header";
    }
    list.n = n;
    *(struct ff_strs *) field = list;
    return NULL;
}

static const char *
parse_capabilities(const struct ff_parse *parse, struct ff_str text, void *field)
{
    static const struct ff_caps_from from = { FF_SIDE_WORKER, "capabilities" };
    struct ff_strs list = split_list(parse->arena, text);
    msgpack_object *tokens = FF_ARENA_NEW(parse->arena, msgpack_object, list.n + 1);
    msgpack_object array = { .type = MSGPACK_OBJECT_ARRAY };
    struct ff_fault fault = { 0 };

    for (uint32_t i = 0; i < list.n; i++) {
        tokens[i].type = MSGPACK_OBJECT_STR;
        tokens[i].via.str.ptr = list.v[i].p;
        tokens[i].via.str.size = list.v[i].n;
    }
    array.via.array.ptr = tokens;
    array.via.array.size = list.n;
    if (ff_caps_of_object(&array, from, parse->arena, field, &fault) != FF_E_OK) {
        return "must be at most 256 tokens without white space and control characters, 4096 bytes "
               "in all";
    }
    return NULL;
}

/* The texts stand one behind the other, a zero byte between them. */
static const char *
parse_command(const struct ff_parse *parse, struct ff_str text, void *field)
{
    struct ff_strs command = { 0 };
    const char *end = text.p + text.n;

    if (text.p[0] != '/') {
        return "must begin with the absolute path of a program";
    }
    command.v = FF_ARENA_NEW(parse->arena, struct ff_str, parse->setting->max);
    for (const char *at = text.p; at <= end; at += strlen(at) + 1) {
        if (command.n == parse->setting->max) {
            return "must be at most 64 texts, the program and its arguments";
        }
        command.v[command.n++] = ff_cstr(at);
    }
    *(struct ff_strs *) field = command;
    return NULL;
}

/* As it stands in a file, quotes and all: {"/bin/x", "arg"}. */
static struct ff_str
show_command(struct ff_arena *arena, const void *field)
{
    const struct ff_strs *command = field;
    char *text = NULL;
    size_t size = 0;
    struct ff_str copy = { 0 };
    FILE *out = NULL;

    if (command->n == 0) {
        return ff_cstr(NULL);
    }
    out = open_memstream(&text, &size);
    FF_ASSERT(out != NULL);
    for (uint32_t i = 0; i < command->n; i++) {
        fputs(i == 0 ? "{" : ", ", out);
        ff_config_print_quoted(command->v[i], out);
    }
    fputc('}', out);
    fclose(out);
    copy = ff_arena_printf(arena, "%s", text);
    free(text);
    return copy;
}

#define TYPE(type, show_, privacy_)                                                                \
    const struct ff_setting_type ff_setting_type_##type = { .parse = parse_##type,                 \
                                                            .show = (show_),                       \
                                                            .privacy = (privacy_) };

TYPE(number, show_number, FF_SHOWN)
TYPE(flag, show_flag, FF_SHOWN)
TYPE(log_level, show_log_level, FF_SHOWN)
TYPE(log_format, show_log_format, FF_SHOWN)
TYPE(dir, show_text, FF_SHOWN)
TYPE(store, show_text, FF_URL)
TYPE(hex_secret, show_text, FF_SECRET)
TYPE(token, show_text, FF_SECRET)
TYPE(name, show_text, FF_SHOWN)
TYPE(lanes, show_list, FF_SHOWN)
TYPE(origins, show_list, FF_SHOWN)
TYPE(address, show_address, FF_SHOWN)
TYPE(tag, show_tag, FF_SHOWN)
TYPE(capabilities, show_list, FF_SHOWN)
TYPE(command, show_command, FF_SHOWN)
