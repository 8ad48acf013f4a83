#include "tests/rig/pg_server.h"

#include <errno.h>
#include <glob.h>
#include <grp.h>
#include <libpq-fe.h>
#include <poll.h>
#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/rows.h"

/* 30 s: a busy machine. */
#define TRIES_MAX 3000
#define TRY_MS 10

static struct {
    char bin[128]; /* "" = not looked for yet */
    char dir[64];  /* "" = no cluster yet */
    const char *setting;
    pid_t owner;   /* who has made it */
    pid_t pid;     /* of the server; 0 = none */
    PGconn *admin; /* to the database of ff_pg_fresh; NULL: none */
} server;

/* ---- programs, as the unprivileged user ---- */

static const struct passwd *
user(void)
{
    const struct passwd *entry = getpwnam("postgres");

    return entry != NULL ? entry : getpwnam("nobody");
}

static void
become_user(void)
{
    const struct passwd *entry = user();

    if (geteuid() == 0 && (entry == NULL || setgroups(0, NULL) != 0 || setgid(entry->pw_gid) != 0 ||
                           setuid(entry->pw_uid) != 0)) {
        _exit(126);
    }
}

static pid_t
start(char *const argv[], const char *log)
{
    pid_t pid = fork();

    if (pid == 0) {
        become_user();
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        if (freopen(log, "a", stdout) == NULL || dup2(1, 2) < 0 || chdir("/") != 0) {
            _exit(125);
        }
        execv(argv[0], argv);
        _exit(127);
    }
    assert_true(pid > 0);
    return pid;
}

static int
await(pid_t pid)
{
    int status = 0;

    while (waitpid(pid, &status, 0) < 0) {
        assert_int_equal(errno, EINTR);
    }
    return status;
}

static void
remove_tree(void)
{
    char *const argv[] = { "/bin/rm", "-rf", server.dir, NULL };
    pid_t pid = fork();

    if (pid == 0) {
        execv(argv[0], argv);
        _exit(127);
    }
    await(pid);
}

static void
at_exit(void)
{
    if (server.owner == getpid()) {
        ff_pg_stop(true);
        remove_tree();
    }
}

/* ---- the cluster ---- */

bool
ff_pg_there(void)
{
    static bool said;
    glob_t found = { 0 };

    if (server.bin[0] == '\0' && glob("/usr/lib/postgresql/*/bin/initdb", 0, NULL, &found) == 0) {
        const char *last = found.gl_pathv[found.gl_pathc - 1];

        snprintf(server.bin, sizeof(server.bin), "%.*s", (int) (strlen(last) - strlen("/initdb")),
                 last);
    }
    globfree(&found);
    if (server.bin[0] == '\0' && !said) {
        said = true;
        print_message("no PostgreSQL server is installed: its tests are skipped\n");
    }
    return server.bin[0] != '\0';
}

static void
make_cluster(void)
{
    char program[160], data[96], log[96];
    char *const argv[] = { program, "-D", data,   "-U",        "flowfabric", "-A",
                           "trust", "-E", "UTF8", "--no-sync", "--locale=C", NULL };

    strcpy(server.dir, "/tmp/ff-pg-XXXXXX");
    assert_non_null(mkdtemp(server.dir));
    if (geteuid() == 0) {
        assert_int_equal(chown(server.dir, user()->pw_uid, user()->pw_gid), 0);
    }
    server.owner = getpid();
    atexit(at_exit);
    snprintf(program, sizeof(program), "%s/initdb", server.bin);
    snprintf(data, sizeof(data), "%s/d", server.dir);
    snprintf(log, sizeof(log), "%s/log", server.dir);
    assert_int_equal(await(start(argv, log)), 0);
}

static void
url_of(const char *database, char url[FF_PG_URL_MAX])
{
    snprintf(url, FF_PG_URL_MAX, "postgres://flowfabric@/%s?host=%s", database, server.dir);
}

void
ff_pg_setting(const char *setting)
{
    server.setting = setting;
}

/* libpq has no event for "is up now". */
static void
await_up(void)
{
    char url[FF_PG_URL_MAX];

    url_of("postgres", url);
    for (int i = 0; PQping(url) != PQPING_OK; i++) {
        assert_true(i < TRIES_MAX);
        assert_int_equal(waitpid(server.pid, NULL, WNOHANG), 0);
        poll(NULL, 0, TRY_MS);
    }
}

void
ff_pg_start(void)
{
    char program[160], data[96], log[96], directory[96];
    char *argv[] = { program,
                     "-D",
                     data,
                     "-c",
                     directory,
                     "-c",
                     "listen_addresses=",
                     "-c",
                     "max_connections=60",
                     "-c",
                     "shared_buffers=64MB",
                     "-c",
                     server.setting == NULL ? "fsync=off" : (char *) (uintptr_t) server.setting,
                     NULL };

    assert_true(ff_pg_there());
    if (server.dir[0] == '\0') {
        make_cluster();
    }
    snprintf(program, sizeof(program), "%s/postgres", server.bin);
    snprintf(data, sizeof(data), "%s/d", server.dir);
    snprintf(log, sizeof(log), "%s/log", server.dir);
    snprintf(directory, sizeof(directory), "unix_socket_directories=%s", server.dir);
    server.pid = start(argv, log);
    await_up();
}

void
ff_pg_stop(bool at_once)
{
    PQfinish(server.admin);
    server.admin = NULL;
    if (server.pid > 0) {
        kill(server.pid, at_once ? SIGQUIT : SIGINT);
        await(server.pid);
        server.pid = 0;
    }
}

/* Only their own user may. */
int
ff_pg_limit_files(const char *pids, rlim_t bytes)
{
    struct rlimit limit = { bytes, RLIM_INFINITY };
    char *rest = (char *) (uintptr_t) pids;
    pid_t child = fork();
    int n = 0;

    if (child == 0) {
        become_user();
        for (long pid = strtol(rest, &rest, 10); pid > 0; pid = strtol(rest, &rest, 10)) {
            if (prlimit((pid_t) pid, RLIMIT_FSIZE, &limit, NULL) != 0 && errno != ESRCH) {
                _exit(1);
            }
        }
        _exit(0);
    }
    assert_int_equal(await(child), 0);
    for (long pid = strtol(rest, &rest, 10); pid > 0; pid = strtol(rest, &rest, 10)) {
        n++;
    }
    return n;
}

/* ---- databases ---- */

static PGconn *
connect_to(const char *database)
{
    char url[FF_PG_URL_MAX];
    PGconn *conn = NULL;

    url_of(database, url);
    conn = PQconnectdb(url);
    if (PQstatus(conn) != CONNECTION_OK) {
        fail_msg("%s", PQerrorMessage(conn));
    }
    return conn;
}

static void
run(PGconn *conn, const char *sql)
{
    PGresult *result = PQexec(conn, sql);

    if (PQresultStatus(result) != PGRES_COMMAND_OK && PQresultStatus(result) != PGRES_TUPLES_OK) {
        fail_msg("%s", PQerrorMessage(conn));
    }
    PQclear(result);
}

static const char empty_tables[] =
    "DO $$ DECLARE t record; BEGIN"
    " FOR t IN SELECT relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace"
    "  WHERE nspname = 'flowfabric' AND relkind = 'r' AND relname NOT IN"
    " ('feed', 'info', 'batch_mark', 'broker') LOOP"
    "  EXECUTE format('DELETE FROM flowfabric.%I', t.relname);"
    " END LOOP;"
    " IF to_regclass('flowfabric.feed') IS NOT NULL THEN"
    "  UPDATE flowfabric.feed SET newest = 0, oldest = 1;"
    "  DELETE FROM flowfabric.info WHERE name = 'counts';"
    " END IF; END $$";

void
ff_pg_fresh(char url[FF_PG_URL_MAX])
{
    static bool made;
    PGconn *conn = NULL;

    if (server.pid == 0) {
        ff_pg_start();
    }
    if (!made) {
        conn = connect_to("postgres");
        run(conn, "CREATE DATABASE flowfabric");
        PQfinish(conn);
        made = true;
    }
    if (server.admin == NULL) {
        server.admin = connect_to("flowfabric");
    }
    run(server.admin, empty_tables);
    url_of("flowfabric", url);
}

void
ff_pg_url(char url[FF_PG_URL_MAX])
{
    if (server.pid == 0) {
        ff_pg_start();
    }
    url_of("postgres", url);
}

const char *
ff_pg_sql_text(const char *sql)
{
    static char text[1024];
    PGconn *conn = connect_to("flowfabric");
    PGresult *result = PQexec(conn, sql);

    text[0] = '\0';
    if (PQresultStatus(result) == PGRES_TUPLES_OK && PQntuples(result) > 0) {
        snprintf(text, sizeof(text), "%s", PQgetvalue(result, 0, 0));
    } else if (PQresultStatus(result) != PGRES_COMMAND_OK &&
               PQresultStatus(result) != PGRES_TUPLES_OK) {
        fail_msg("%s", PQerrorMessage(conn));
    }
    PQclear(result);
    PQfinish(conn);
    return text;
}
