/* input.h: what ffctl reads: whole files, and standard input line by line. */
#ifndef FF_CLI_INPUT_H
#define FF_CLI_INPUT_H

#include "core/base.h"

/* A payload of 16 MiB is 22 MiB in base64; with the longest escapes a line is still below this. */
#define FF_CLI_LINE_BYTES_MAX (64u << 20)

/* Reads a file, or standard input for "-". The caller frees out->p. False: errno says why; EFBIG
 * for more than max bytes. */
bool ff_cli_read_file(const char *path, size_t max, struct ff_str *out);

/* A descriptor read line by line, each as soon as it is there. Zero it, but for fd. */
struct ff_cli_lines {
    int fd;
    char *buf;
    size_t room, begin, end; /* unread: begin…end */
    size_t seen;             /* of the unread bytes, these hold no newline */
    bool eof;
};
enum ff_cli_line { FF_CLI_LINE, FF_CLI_LINE_TOO_LONG, FF_CLI_LINE_END, FF_CLI_LINE_FAILED };
/* The next line without its newline; lives until the next call. One that is too long is skipped as
 * a whole. The last needs no newline. FF_CLI_LINE_FAILED: errno says why. */
enum ff_cli_line ff_cli_next_line(struct ff_cli_lines *lines, struct ff_str *line_out);
void ff_cli_lines_done(struct ff_cli_lines *lines);

#endif
