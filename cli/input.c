#include "cli/input.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#define CHUNK_BYTES (64u << 10)

/* read(2) that goes on after a signal. */
static ssize_t
read_some(int fd, char *to, size_t n)
{
    ssize_t got = 0;

    do {
        got = read(fd, to, n);
    } while (got < 0 && errno == EINTR);
    return got;
}

static char *
grown(char *buf, size_t room)
{
    buf = realloc(buf, room);
    FF_ASSERT(buf != NULL);
    return buf;
}

/* ---- files ---- */

static bool
read_all(int fd, size_t max, struct ff_str *out)
{
    char *buf = NULL;
    size_t n = 0, room = 0;
    ssize_t got = 1;

    while (got > 0) {
        if (n == room) {
            room = room == 0 ? CHUNK_BYTES : room * 2;
            buf = grown(buf, room);
        }
        got = read_some(fd, buf + n, room - n);
        n += got > 0 ? (size_t) got : 0;
        if (n > max) {
            errno = EFBIG;
            got = -1;
        }
    }
    if (got < 0) {
        free(buf);
        return false;
    }
    *out = ff_str(buf, n);
    return true;
}

bool
ff_cli_read_file(const char *path, size_t max, struct ff_str *out)
{
    bool is_stdin = strcmp(path, "-") == 0;
    int fd = is_stdin ? STDIN_FILENO : open(path, O_RDONLY | O_CLOEXEC);
    bool ok = false;
    int err = 0;

    if (fd < 0) {
        return false;
    }
    ok = read_all(fd, max, out);
    err = errno;
    if (!is_stdin) {
        close(fd);
    }
    errno = err;
    return ok;
}

/* ---- lines ---- */

/* Makes room and reads once; false: the end, or an error. */
static bool
fill(struct ff_cli_lines *lines)
{
    ssize_t got = 0;

    if (lines->begin > 0 && lines->begin == lines->end) {
        lines->begin = lines->end = 0;
    }
    if (lines->room - lines->end < CHUNK_BYTES && lines->begin > 0) {
        memmove(lines->buf, lines->buf + lines->begin, lines->end - lines->begin);
        lines->end -= lines->begin;
        lines->begin = 0;
    }
    if (lines->room - lines->end < CHUNK_BYTES) {
        lines->room = lines->room == 0 ? 2 * CHUNK_BYTES : 2 * lines->room;
        lines->buf = grown(lines->buf, lines->room);
    }
    got = read_some(lines->fd, lines->buf + lines->end, lines->room - lines->end);
    lines->end += got > 0 ? (size_t) got : 0;
    lines->eof = got <= 0;
    return got > 0;
}

static enum ff_cli_line
take(struct ff_cli_lines *lines, size_t n, size_t newline, struct ff_str *line_out)
{
    *line_out = ff_str(lines->buf + lines->begin, n);
    lines->begin += n + newline;
    lines->seen = 0;
    return FF_CLI_LINE;
}

/* Forgets what there is, up to the next newline. */
static enum ff_cli_line
skip(struct ff_cli_lines *lines)
{
    char *newline = NULL;

    lines->seen = 0;
    for (;;) {
        lines->begin = lines->end;
        if (!fill(lines)) {
            return FF_CLI_LINE_TOO_LONG;
        }
        newline = memchr(lines->buf + lines->begin, '\n', lines->end - lines->begin);
        if (newline != NULL) {
            lines->begin = (size_t) (newline - lines->buf) + 1;
            return FF_CLI_LINE_TOO_LONG;
        }
    }
}

enum ff_cli_line
ff_cli_next_line(struct ff_cli_lines *lines, struct ff_str *line_out)
{
    for (;;) {
        size_t n = lines->end - lines->begin;
        size_t fresh = lines->begin + lines->seen; /* where no newline was looked for yet */
        char *newline =
            fresh == lines->end ? NULL : memchr(lines->buf + fresh, '\n', lines->end - fresh);

        if (newline != NULL) {
            return take(lines, (size_t) (newline - lines->buf) - lines->begin, 1, line_out);
        }
        if (n > FF_CLI_LINE_BYTES_MAX) {
            return skip(lines);
        }
        lines->seen = n;
        errno = 0;
        if (lines->eof || !fill(lines)) {
            if (errno != 0) {
                return FF_CLI_LINE_FAILED;
            }
            return n > 0 ? take(lines, n, 0, line_out) : FF_CLI_LINE_END;
        }
    }
}

void
ff_cli_lines_done(struct ff_cli_lines *lines)
{
    free(lines->buf);
    *lines = (struct ff_cli_lines){ 0 };
}
