#include "tests/rig/server.h"

#include <errno.h>
#include <fcntl.h>
#include <hiredis/hiredis.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "tests/rows.h"

#define SETTINGS_MAX 32
/* What a server may take to come up on a busy machine. */
#define START_MAX_S 30

static void
run(const struct ff_test_server *server, const char **argv)
{
    int log = 0;

    if (prctl(PR_SET_PDEATHSIG, SIGKILL) != 0 || chdir(server->dir) != 0) {
        _exit(127);
    }
    log = open("log", O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    if (log >= 0) {
        dup2(log, STDOUT_FILENO);
        dup2(log, STDERR_FILENO);
    }
    execvp(argv[0], (char *const *) argv);
    _exit(127);
}

static const char *
program(void)
{
    const char *name = getenv("FF_VALKEY_SERVER");

    return name == NULL || name[0] == '\0' ? "redis-server" : name;
}

/* Waits until it answers; a server that has ended never will. */
static bool
await(struct ff_test_server *server)
{
    time_t until = time(NULL) + START_MAX_S;

    while (time(NULL) < until && waitpid(server->pid, NULL, WNOHANG) == 0) {
        const char *reply = ff_test_server_say(server, "PING", NULL);

        if (strcmp(reply, "PONG") == 0 || strncmp(reply, "NOAUTH", 6) == 0) {
            return true;
        }
        nanosleep(&(struct timespec){ .tv_nsec = 5000000 }, NULL); /* it tells nobody */
    }
    return false;
}

void
ff_test_server_restart(struct ff_test_server *server)
{
    const char *argv[SETTINGS_MAX] = { program(),      "--port", "0", "--unixsocket",
                                       server->socket, "--save", "" };
    size_t n = 7;

    for (size_t i = 0; server->settings != NULL && server->settings[i] != NULL; i++) {
        assert_true(n + 1 < SETTINGS_MAX);
        argv[n++] = server->settings[i];
    }
    server->pid = fork();
    assert_true(server->pid >= 0);
    if (server->pid == 0) {
        run(server, argv);
    }
    if (!await(server)) {
        fail_msg("%s does not come up; %s/log", program(), server->dir);
    }
}

void
ff_test_server_start(struct ff_test_server *server, const char *const *settings)
{
    *server = (struct ff_test_server){ .settings = settings };
    strcpy(server->dir, "/tmp/ff-redis-XXXXXX");
    assert_non_null(mkdtemp(server->dir));
    snprintf(server->socket, sizeof(server->socket), "%s/socket", server->dir);
    ff_test_server_restart(server);
}

void
ff_test_server_kill(struct ff_test_server *server, int signal)
{
    if (server->pid > 0) {
        kill(server->pid, signal);
        while (waitpid(server->pid, NULL, 0) < 0 && errno == EINTR) {
        }
        server->pid = 0;
    }
}

void
ff_test_server_stop(struct ff_test_server *server)
{
    char command[128];

    ff_test_server_kill(server, SIGKILL);
    if (server->dir[0] != '\0') {
        snprintf(command, sizeof(command), "rm -rf %s", server->dir);
        assert_int_equal(system(command), 0);
        server->dir[0] = '\0';
    }
}

const char *
ff_test_server_say(const struct ff_test_server *server, ...)
{
    static char text[65536];
    const char *words[64];
    redisContext *context = redisConnectUnix(server->socket);
    redisReply *reply = NULL;
    int n = 0;
    va_list list;

    va_start(list, server);
    while ((words[n] = va_arg(list, const char *)) != NULL) {
        n++;
    }
    va_end(list);
    text[0] = '\0';
    if (context != NULL && context->err == 0) {
        reply = redisCommandArgv(context, n, words, NULL);
    }
    if (reply != NULL && reply->type == REDIS_REPLY_INTEGER) {
        snprintf(text, sizeof(text), "%lld", reply->integer);
    } else if (reply != NULL && reply->str != NULL) {
        snprintf(text, sizeof(text), "%s", reply->str);
    }
    if (reply != NULL) {
        freeReplyObject(reply);
    }
    if (context != NULL) {
        redisFree(context);
    }
    return text;
}

/* ---- the shared one ---- */

static struct ff_test_server shared;

static void
stop_shared(void)
{
    ff_test_server_stop(&shared);
}

const char *
ff_test_valkey_url(void)
{
    static char url[160];
    static unsigned stores;

    if (shared.dir[0] == '\0') {
        ff_test_server_start(&shared, NULL);
        atexit(stop_shared);
    }
    snprintf(url, sizeof(url), "valkey://%s?prefix=t%u", shared.socket, ++stores);
    return url;
}
