/* pg_server_int.h: what the server of the tests and its standby share. */
#ifndef FF_TESTS_RIG_PG_SERVER_INT_H
#define FF_TESTS_RIG_PG_SERVER_INT_H

#include <sys/types.h>

#include "tests/rig/pg_server.h"

/* 30 s: a busy machine. */
#define FF_PG_TRIES_MAX 3000
#define FF_PG_TRY_MS 10

struct ff_pg_cluster {
    char dir[64]; /* "" = none yet; its data are in d, what it says in log */
    pid_t pid;    /* of the server; 0 = none */
};

/* The one of pg_server.h. */
struct ff_pg_cluster *ff_pg_cluster(void);
void ff_pg_make_dir(struct ff_pg_cluster *cluster);
void ff_pg_remove(struct ff_pg_cluster *cluster);
/* Runs one of PostgreSQL's programs, or of the system's, in its directory, as its user. */
pid_t ff_pg_spawn(const struct ff_pg_cluster *cluster, const char *const argv[]);
void ff_pg_run_in(const struct ff_pg_cluster *cluster, const char *const argv[]);
/* Until it answers, and until it has ended. */
void ff_pg_start_in(struct ff_pg_cluster *cluster, const char *const *settings);
void ff_pg_end_in(struct ff_pg_cluster *cluster, int signal);
void ff_pg_url_in(const struct ff_pg_cluster *cluster, const char *database,
                  char url[FF_PG_URL_MAX]);
/* As ff_pg_sql_text. */
const char *ff_pg_text_in(const struct ff_pg_cluster *cluster, const char *sql);

#endif
