#include "supervisor/log.h"

#include <stdio.h>
#include <time.h>
#include <unistd.h>

/* A longer line is cut: it is for people. */
#define LINE_BYTES_MAX 4096

static struct {
    enum ff_log_level level;
    enum ff_log_format format;
    const char *role;
} log_state = { FF_LEVEL_INFO, FF_LOG_FORMAT_LOGFMT, "flowfabricd" };

struct line {
    char text[LINE_BYTES_MAX];
    size_t n;
};

void
ff_log_setup(enum ff_log_level level, enum ff_log_format format)
{
    log_state.level = level;
    log_state.format = format;
}

void
ff_log_set_level(enum ff_log_level level)
{
    log_state.level = level;
}

enum ff_log_level
ff_log_level_now(void)
{
    return log_state.level;
}

void
ff_log_role(const char *role)
{
    log_state.role = role;
}

static void
add_byte(struct line *line, char c)
{
    if (line->n < sizeof(line->text) - 2) { /* room for the end of the line */
        line->text[line->n++] = c;
    }
}

static void
add_text(struct line *line, const char *text)
{
    while (*text != '\0') {
        add_byte(line, *text++);
    }
}

/* Quoted as both forms understand it. */
static void
add_quoted(struct line *line, struct ff_str value)
{
    char escape[8];

    add_byte(line, '"');
    for (uint32_t i = 0; i < value.n; i++) {
        unsigned char c = (unsigned char) value.p[i];

        if (c == '"' || c == '\\') {
            add_byte(line, '\\');
            add_byte(line, (char) c);
        } else if (c < 0x20 || c == 0x7f) {
            snprintf(escape, sizeof(escape), "\\u%04x", c);
            add_text(line, escape);
        } else {
            add_byte(line, (char) c);
        }
    }
    add_byte(line, '"');
}

static bool
is_word(struct ff_str value)
{
    for (uint32_t i = 0; i < value.n; i++) {
        unsigned char c = (unsigned char) value.p[i];

        if (c <= ' ' || c >= 0x7f || c == '"' || c == '=' || c == '\\') {
            return false;
        }
    }
    return value.n > 0;
}

static void
add_pair(struct line *line, const char *key, struct ff_str value)
{
    bool json = log_state.format == FF_LOG_FORMAT_JSON;

    if (line->n > (json ? 1u : 0u)) {
        add_byte(line, json ? ',' : ' ');
    }
    if (json) {
        add_quoted(line, ff_cstr(key));
        add_byte(line, ':');
    } else {
        add_text(line, key);
        add_byte(line, '=');
    }
    if (json || !is_word(value)) {
        add_quoted(line, value);
    } else {
        for (uint32_t i = 0; i < value.n; i++) {
            add_byte(line, value.p[i]);
        }
    }
}

static void
begin(struct line *line, enum ff_log_level level, const char *event)
{
    struct timespec now;
    struct tm tm;
    char stamp[40], pid[16];
    size_t n = 0;

    line->n = 0;
    clock_gettime(CLOCK_REALTIME, &now);
    gmtime_r(&now.tv_sec, &tm);
    n = strftime(stamp, sizeof(stamp), "%Y-%m-%dT%H:%M:%S", &tm);
    snprintf(stamp + n, sizeof(stamp) - n, ".%03ldZ", now.tv_nsec / 1000000);
    snprintf(pid, sizeof(pid), "%d", (int) getpid());
    if (log_state.format == FF_LOG_FORMAT_JSON) {
        add_byte(line, '{');
    }
    add_pair(line, "ts", ff_cstr(stamp));
    add_pair(line, "level", ff_cstr(ff_word(&ff_vocab_log_level, level)));
    add_pair(line, "role", ff_cstr(log_state.role));
    add_pair(line, "pid", ff_cstr(pid));
    add_pair(line, "event", ff_cstr(event));
}

/* One write, so that lines of several processes do not mix. */
static void
end(struct line *line)
{
    ssize_t written = 0;

    if (log_state.format == FF_LOG_FORMAT_JSON) {
        line->text[line->n++] = '}';
    }
    line->text[line->n++] = '\n';
    written = write(STDERR_FILENO, line->text, line->n);
    (void) written; /* where nobody reads the log, nobody can be told */
}

void
ff_log_pairs(enum ff_log_level level, const char *event, const struct ff_log_pair *pairs,
             uint32_t n)
{
    struct line line;

    if (level > log_state.level) {
        return;
    }
    begin(&line, level, event);
    for (uint32_t i = 0; i < n; i++) {
        if (pairs[i].value.p != NULL) {
            add_pair(&line, pairs[i].key, pairs[i].value);
        }
    }
    end(&line);
}

void
ff_log(enum ff_log_level level, const char *event, const char *key, struct ff_str value)
{
    const struct ff_log_pair pair = { key, value };

    ff_log_pairs(level, event, &pair, key != NULL ? 1 : 0);
}

void
ff_log_fault(const char *event, const struct ff_fault *fault)
{
    const struct ff_error_info *info = ff_error_info(fault->code);
    struct line line;
    char number[24];

    begin(&line, FF_LEVEL_ERROR, event);
    add_pair(&line, "code", ff_cstr(info->code));
    add_pair(&line, "message", ff_cstr(fault->message != NULL ? fault->message : info->message));
    for (uint32_t i = 0; i < fault->n; i++) {
        const struct ff_datum *datum = &fault->detail[i];

        if (datum->type == FF_D_STR) {
            add_pair(&line, datum->key, datum->v.str);
        } else if (datum->type == FF_D_U64 || datum->type == FF_D_I64) {
            snprintf(number, sizeof(number), "%lld", (long long) datum->v.i64);
            add_pair(&line, datum->key, ff_cstr(number));
        }
    }
    end(&line);
}
