#include "ipc/broken_pipe.h"
#include "ipc/close.h"
#include "ipc/probe.h"
#include "ipc/server_int.h"

#include <errno.h>
#include <libgen.h>
#include <nng/protocol/reqrep0/rep.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

/* Requests that wait in nng until the loop fetches them, and replies until nng's own thread sorts
 * them by pipe; both are counts of messages, and nng allows no more than 8192. */
#define RECVBUF_FRAMES 128
#define SENDBUF_FRAMES 4096
/* Room for request id and hops beside a message of twice the frame limit. */
#define RECV_SLACK_BYTES 64

static ff_err
refuse(struct ff_fault *fault, const char *path, const char *reason, const char *message)
{
    ff_err err = ff_fail(fault, FF_E_INVALID_CONFIG, ff_d_text("context", "listen"),
                         ff_d_text("field", path), ff_d_text("reason", reason));

    fault->message = message;
    return err;
}

/* ---- the file ---- */

static ff_err
make_directory(const char *path, struct ff_fault *fault)
{
    char copy[sizeof(((struct sockaddr_un *) NULL)->sun_path)];

    (void) snprintf(copy, sizeof(copy), "%s", path);
    if (mkdir(dirname(copy), 0750) != 0 && errno != EEXIST) {
        return refuse(fault, path, errno == EACCES ? "permission" : "no_directory",
                      "the directory of the socket cannot be made");
    }
    return FF_E_OK;
}

/* Whether a process listens on the socket file. */
static bool
is_live(const char *path)
{
    int err = ff_socket_probe(path);

    return err != ECONNREFUSED && err != ENOENT; /* nothing is removed without knowing */
}

static ff_err
clear_path(const char *path, struct ff_fault *fault)
{
    struct stat st;

    if (lstat(path, &st) != 0) {
        return FF_E_OK; /* missing; or not to be seen, and then bind says so */
    }
    if (!S_ISSOCK(st.st_mode)) {
        return refuse(fault, path, "not_a_socket", "a file that is no socket is in the way");
    }
    if (is_live(path)) {
        return refuse(fault, path, "in_use", "another process listens on this socket");
    }
    if (unlink(path) != 0 && errno != ENOENT) {
        return refuse(fault, path, "permission", "a stale socket file cannot be removed");
    }
    return FF_E_OK;
}

/* ---- the socket ---- */

static int
configure(struct ff_listener *listener)
{
    size_t recv_max = 2 * (size_t) listener->server->options.frame_bytes_max + RECV_SLACK_BYTES;
    int rv = nng_socket_set_size(listener->socket, NNG_OPT_RECVMAXSZ, recv_max);

    rv = rv != 0 ? rv : nng_socket_set_int(listener->socket, NNG_OPT_RECVBUF, RECVBUF_FRAMES);
    rv = rv != 0 ? rv : nng_socket_set_int(listener->socket, NNG_OPT_SENDBUF, SENDBUF_FRAMES);
    rv = rv != 0
             ? rv
             : nng_pipe_notify(listener->socket, NNG_PIPE_EV_ADD_PRE, ff_channel_pipe_cb, listener);
    return rv != 0 ? rv
                   : nng_pipe_notify(listener->socket, NNG_PIPE_EV_REM_POST, ff_channel_pipe_cb,
                                     listener);
}

static int
start(struct ff_listener *listener)
{
    char url[sizeof("ipc://") + sizeof(((struct sockaddr_un *) NULL)->sun_path)];
    int rv = 0;

    (void) snprintf(url, sizeof(url), "ipc://%s", listener->listen.path);
    rv = nng_listener_create(&listener->handle, listener->socket, url);
    rv = rv != 0 ? rv
                 : nng_listener_set_int(listener->handle, NNG_OPT_IPC_PERMISSIONS,
                                        (int) listener->listen.mode);
    return rv != 0 ? rv : nng_listener_start(listener->handle, 0);
}

static ff_err
open_socket(struct ff_listener *listener, const char *path, struct ff_fault *fault)
{
    int rv = nng_rep0_open_raw(&listener->socket);

    if (rv != 0) {
        return refuse(fault, path, "failed", nng_strerror(rv));
    }
    rv = configure(listener);
    rv = rv != 0 ? rv : start(listener);
    if (rv != 0) {
        nng_close(listener->socket);
        return refuse(fault, path, rv == NNG_EPERM ? "permission" : "failed", nng_strerror(rv));
    }
    return FF_E_OK;
}

ff_err
ff_listener_open(struct ff_listener *listener, struct ff_fault *fault)
{
    const char *path = listener->listen.path;

    if (strlen(path) >= sizeof(((struct sockaddr_un *) NULL)->sun_path)) {
        return refuse(fault, path, "too_long",
                      "the path of the socket is longer than the system's 107 bytes");
    }
    FF_ASSERT(ff_broken_pipe_is_mended());
    FF_TRY(make_directory(path, fault));
    FF_TRY(clear_path(path, fault));
    FF_TRY(open_socket(listener, path, fault));
    listener->listen.path = strdup(path);
    listener->listen.name = strdup(listener->listen.name);
    FF_ASSERT(listener->listen.path != NULL && listener->listen.name != NULL);
    listener->open = true;
    return FF_E_OK;
}

bool
ff_listener_close(struct ff_listener *listener)
{
    bool closed = true;

    if (listener->open) {
        closed = ff_socket_close(listener->socket);
        free((void *) (uintptr_t) listener->listen.path);
        free((void *) (uintptr_t) listener->listen.name);
        listener->open = false;
    }
    return closed;
}
