#include "supervisor/waitpoint_key.h"

#include <errno.h>
#include <fcntl.h>
#include <sodium.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/token.h"

#define PATH_BYTES_MAX 4096

static ff_err
fail(struct ff_fault *fault, const char *what)
{
    static char message[PATH_BYTES_MAX + 128];

    snprintf(message, sizeof(message), "waitpoint.key in the state directory: %s%s%s", what,
             errno == 0 ? "" : ": ", errno == 0 ? "" : strerror(errno));
    (void) ff_fail(fault, FF_E_INVALID_CONFIG, ff_d_text("context", "state directory"),
                   ff_d_text("field", "waitpoint.key"));
    fault->message = message;
    return FF_E_INVALID_CONFIG;
}

/* The digits, and perhaps the end of a line. */
static ff_err
read_key(int dir, char hex_out[FF_WAITPOINT_KEY_HEX + 1], struct ff_fault *fault)
{
    char text[FF_WAITPOINT_KEY_HEX + 2];
    uint8_t secret[FF_TOKEN_SECRET_BYTES];
    int fd = openat(dir, "waitpoint.key", O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    ssize_t n = fd < 0 ? -1 : read(fd, text, sizeof(text));
    bool ok = false;

    if (n < 0) {
        ff_err err = fail(fault, "cannot be read");

        if (fd >= 0) {
            close(fd);
        }
        return err;
    }
    close(fd);
    n -= n > 0 && text[n - 1] == '\n';
    ok = ff_secret_parse(ff_str(text, (size_t) n), "waitpoint.key", secret, fault) == FF_E_OK;
    if (ok) {
        memcpy(hex_out, text, FF_WAITPOINT_KEY_HEX);
        hex_out[FF_WAITPOINT_KEY_HEX] = '\0';
    }
    sodium_memzero(text, sizeof(text));
    sodium_memzero(secret, sizeof(secret));
    errno = 0;
    return ok ? FF_E_OK : fail(fault, "must hold 64 hexadecimal digits");
}

static bool
write_all(int fd, const char *hex)
{
    char line[FF_WAITPOINT_KEY_HEX + 1];
    bool ok = false;

    memcpy(line, hex, FF_WAITPOINT_KEY_HEX);
    line[FF_WAITPOINT_KEY_HEX] = '\n';
    ok = write(fd, line, sizeof(line)) == (ssize_t) sizeof(line) && fsync(fd) == 0;
    sodium_memzero(line, sizeof(line));
    return ok;
}

/* Written beside its place and linked there, so that what stands there is whole, and the first one
 * of several that make it wins. */
static ff_err
make_key(int dir, bool *made, struct ff_fault *fault)
{
    uint8_t secret[FF_TOKEN_SECRET_BYTES];
    char hex[FF_WAITPOINT_KEY_HEX + 1], name[64];
    bool ok = false;
    int fd = -1;

    snprintf(name, sizeof(name), "waitpoint.key.%d", (int) getpid());
    (void) unlinkat(dir, name, 0); /* of a process that died here */
    fd = openat(dir, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0) {
        return fail(fault, "cannot be made");
    }
    randombytes_buf(secret, sizeof(secret));
    sodium_bin2hex(hex, sizeof(hex), secret, sizeof(secret));
    ok = write_all(fd, hex);
    sodium_memzero(secret, sizeof(secret));
    sodium_memzero(hex, sizeof(hex));
    close(fd);
    *made = ok && linkat(dir, name, dir, "waitpoint.key", 0) == 0;
    ok = *made || (ok && errno == EEXIST);
    if (!ok) {
        ff_err err = fail(fault, "cannot be made");

        (void) unlinkat(dir, name, 0);
        return err;
    }
    (void) unlinkat(dir, name, 0);
    return fsync(dir) == 0 ? FF_E_OK : fail(fault, "cannot be made durable");
}

ff_err
ff_waitpoint_key_get(struct ff_str state_dir, char hex_out[FF_WAITPOINT_KEY_HEX + 1], bool *made,
                     struct ff_fault *fault)
{
    char path[PATH_BYTES_MAX];
    ff_err err = FF_E_OK;
    int dir = -1;

    *made = false;
    errno = 0;
    if (state_dir.n >= sizeof(path)) {
        return fail(fault, "its path is too long");
    }
    snprintf(path, sizeof(path), "%.*s", (int) state_dir.n, state_dir.p);
    dir = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (dir < 0) {
        return fail(fault, "there is no such directory");
    }
    if (faccessat(dir, "waitpoint.key", F_OK, 0) != 0 && errno == ENOENT) {
        err = make_key(dir, made, fault);
    }
    errno = 0;
    if (err == FF_E_OK) {
        err = read_key(dir, hex_out, fault);
    }
    close(dir);
    return err;
}
