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

#include "tests/rig/pg_server_int.h"
#include "tests/rows.h"

#define ARGS_MAX 32

static struct {
    char bin[128]; /* "" = not looked for yet */
    struct ff_pg_cluster cluster;
    const char *const *settings;
    pid_t owner;   /* who has made it */
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

pid_t
ff_pg_spawn(const struct ff_pg_cluster *cluster, const char *const argv[])
{
    char program[192];
    pid_t pid = fork();

    if (pid == 0) {
        become_user();
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        if (chdir(cluster->dir) != 0 || freopen("log", "a", stdout) == NULL || dup2(1, 2) < 0) {
            _exit(125);
        }
        snprintf(program, sizeof(program), "%s/%s", server.bin, argv[0]);
        execvp(access(program, X_OK) == 0 ? program : argv[0], (char *const *) (uintptr_t) argv);
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

void
ff_pg_run_in(const struct ff_pg_cluster *cluster, const char *const argv[])
{
    if (await(ff_pg_spawn(cluster, argv)) != 0) {
        fail_msg("%s fails; %s/log", argv[0], cluster->dir);
    }
}

void
ff_pg_run(const char *const argv[])
{
    ff_pg_run_in(&server.cluster, argv);
}

void
ff_pg_remove(struct ff_pg_cluster *cluster)
{
    char command[96];

    if (cluster->dir[0] != '\0') {
        snprintf(command, sizeof(command), "rm -rf %s", cluster->dir);
        (void) !system(command);
        cluster->dir[0] = '\0';
    }
}

static void
at_exit(void)
{
    if (server.owner == getpid()) {
        ff_pg_stop(true);
        ff_pg_remove(&server.cluster);
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

void
ff_pg_make_dir(struct ff_pg_cluster *cluster)
{
    strcpy(cluster->dir, "/tmp/ff-pg-XXXXXX");
    assert_non_null(mkdtemp(cluster->dir));
    if (geteuid() == 0) {
        assert_int_equal(chown(cluster->dir, user()->pw_uid, user()->pw_gid), 0);
    }
}

static void
make_cluster(void)
{
    static const char *const argv[] = { "initdb", "-D", "d",    "-U",        "flowfabric", "-A",
                                        "trust",  "-E", "UTF8", "--no-sync", "--locale=C", NULL };

    ff_pg_make_dir(&server.cluster);
    server.owner = getpid();
    atexit(at_exit);
    ff_pg_run(argv);
}

void
ff_pg_url_in(const struct ff_pg_cluster *cluster, const char *database, char url[FF_PG_URL_MAX])
{
    snprintf(url, FF_PG_URL_MAX, "postgres://flowfabric@/%s?host=%s", database, cluster->dir);
}

void
ff_pg_settings(const char *const *settings)
{
    server.settings = settings;
}

/* libpq has no event for "is up now". */
static void
await_up(const struct ff_pg_cluster *cluster)
{
    char url[FF_PG_URL_MAX];

    ff_pg_url_in(cluster, "postgres", url);
    for (int i = 0; PQping(url) != PQPING_OK; i++) {
        assert_true(i < FF_PG_TRIES_MAX);
        assert_int_equal(waitpid(cluster->pid, NULL, WNOHANG), 0);
        poll(NULL, 0, FF_PG_TRY_MS);
    }
}

void
ff_pg_start_in(struct ff_pg_cluster *cluster, const char *const *settings)
{
    static const char *const weak[] = { "fsync=off", NULL };
    char directory[96];
    const char *argv[ARGS_MAX] = { "postgres",
                                   "-D",
                                   "d",
                                   "-c",
                                   directory,
                                   "-c",
                                   "listen_addresses=",
                                   "-c",
                                   "max_connections=60",
                                   "-c",
                                   "shared_buffers=64MB" };
    size_t n = 11;

    for (settings = settings == NULL ? weak : settings; *settings != NULL; settings++) {
        assert_true(n + 2 < ARGS_MAX);
        argv[n++] = "-c";
        argv[n++] = *settings;
    }
    snprintf(directory, sizeof(directory), "unix_socket_directories=%s", cluster->dir);
    cluster->pid = ff_pg_spawn(cluster, argv);
    await_up(cluster);
}

void
ff_pg_start(void)
{
    assert_true(ff_pg_there());
    if (server.cluster.dir[0] == '\0') {
        make_cluster();
    }
    ff_pg_start_in(&server.cluster, server.settings);
}

void
ff_pg_end_in(struct ff_pg_cluster *cluster, int signal)
{
    if (cluster->pid > 0) {
        kill(cluster->pid, signal);
        await(cluster->pid);
        cluster->pid = 0;
    }
}

void
ff_pg_stop(bool at_once)
{
    PQfinish(server.admin);
    server.admin = NULL;
    ff_pg_end_in(&server.cluster, at_once ? SIGQUIT : SIGINT);
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
connect_by(const char *url)
{
    PGconn *conn = PQconnectdb(url);

    if (PQstatus(conn) != CONNECTION_OK) {
        fail_msg("%s", PQerrorMessage(conn));
    }
    return conn;
}

static PGconn *
connect_to(const char *database)
{
    char url[FF_PG_URL_MAX];

    ff_pg_url_in(&server.cluster, database, url);
    return connect_by(url);
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

    if (server.cluster.pid == 0) {
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
    ff_pg_url_in(&server.cluster, "flowfabric", url);
}

void
ff_pg_url(char url[FF_PG_URL_MAX])
{
    if (server.cluster.pid == 0) {
        ff_pg_start();
    }
    ff_pg_url_in(&server.cluster, "postgres", url);
}

const char *
ff_pg_text_in(const struct ff_pg_cluster *cluster, const char *sql)
{
    static char text[1024];
    char url[FF_PG_URL_MAX];
    PGconn *conn = NULL;
    PGresult *result = NULL;

    ff_pg_url_in(cluster, "flowfabric", url);
    conn = connect_by(url);
    result = PQexec(conn, sql);
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

const char *
ff_pg_sql_text(const char *sql)
{
    return ff_pg_text_in(&server.cluster, sql);
}

struct ff_pg_cluster *
ff_pg_cluster(void)
{
    return &server.cluster;
}
