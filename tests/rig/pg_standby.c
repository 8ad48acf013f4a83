/* A second cluster that follows the first one by streaming replication. */
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/rig/pg_server_int.h"
#include "tests/rows.h"

static struct ff_pg_cluster standby;

static void
at_exit(void)
{
    ff_pg_end_in(&standby, SIGQUIT);
    ff_pg_remove(&standby);
}

/* Servers have no event for it. */
static void
await(struct ff_pg_cluster *cluster, const char *sql, const char *want)
{
    for (int i = 0; strcmp(ff_pg_text_in(cluster, sql), want) != 0; i++) {
        assert_true(i < FF_PG_TRIES_MAX);
        poll(NULL, 0, FF_PG_TRY_MS);
    }
}

void
ff_pg_standby_start(char url[FF_PG_URL_MAX])
{
    struct ff_pg_cluster *primary = ff_pg_cluster();
    char from[96];
    const char *const copy[] = {
        "pg_basebackup",     "-d", from, "-D", "d", "-R", "-X", "stream", "--no-sync",
        "--checkpoint=fast", NULL
    };

    snprintf(from, sizeof(from), "host=%s user=flowfabric", primary->dir);
    ff_pg_make_dir(&standby);
    atexit(at_exit);
    ff_pg_run_in(&standby, copy);
    ff_pg_start_in(&standby, NULL);
    await(primary, "SELECT state FROM pg_stat_replication", "streaming");
    ff_pg_text_in(primary, "ALTER SYSTEM SET synchronous_standby_names = '*'");
    ff_pg_text_in(primary, "SELECT pg_reload_conf()");
    await(primary, "SELECT sync_state FROM pg_stat_replication", "sync");
    snprintf(url, FF_PG_URL_MAX,
             "postgres://flowfabric@/flowfabric?host=%s,%s&target_session_attrs=read-write",
             primary->dir, standby.dir);
}

void
ff_pg_fail_over(void)
{
    ff_pg_end_in(ff_pg_cluster(), SIGKILL);
    assert_string_equal(ff_pg_text_in(&standby, "SELECT pg_promote()"), "t");
}

const char *
ff_pg_standby_text(const char *sql)
{
    return ff_pg_text_in(&standby, sql);
}

/* A server that was killed leaves shared memory, which its next start removes. */
void
ff_pg_standby_stop(void)
{
    at_exit();
    if (ff_pg_cluster()->pid == 0) {
        ff_pg_start();
    }
    ff_pg_text_in(ff_pg_cluster(), "ALTER SYSTEM RESET synchronous_standby_names");
    ff_pg_text_in(ff_pg_cluster(), "SELECT pg_reload_conf()");
}
