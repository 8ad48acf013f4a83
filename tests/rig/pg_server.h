/* pg_server.h: a PostgreSQL server of the test program's own: a cluster in a temporary directory,
 * reached over a socket in it, run as an unprivileged user, gone with the program.
 */
#ifndef FF_TESTS_RIG_PG_SERVER_H
#define FF_TESTS_RIG_PG_SERVER_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/resource.h>

#define FF_PG_URL_MAX 256

/* Whether Debian's server is installed; says so once if not. Tests that need it skip then. */
bool ff_pg_there(void);
/* The URL of a database without a record in it, on a server that is started if need be. The same
 * database at every call. */
void ff_pg_fresh(char url[FF_PG_URL_MAX]);
/* The URL of the server's own first database, for what a test does by itself. */
void ff_pg_url(char url[FF_PG_URL_MAX]);
/* Ends the server: at once, as if the machine had lost power (`kill`), or in order. Starts it again
 * with what it had. */
void ff_pg_stop(bool kill);
void ff_pg_start(void);
/* Settings of the next start: "fsync=on", …, NULL; they outlive it. NULL: fsync=off. */
void ff_pg_settings(const char *const *settings);
/* Runs a program in the server's directory, as its user; it must succeed. */
void ff_pg_run(const char *const argv[]);
/* No file that the processes write may become larger: a full disk, to them. pids: as text, between
 * blanks. Returns how many there are. */
int ff_pg_limit_files(const char *pids, rlim_t bytes);
/* Runs SQL in the database of ff_pg_fresh; its first column as text, "" where there is no row. */
const char *ff_pg_sql_text(const char *sql);

/* ---- a standby (pg_standby.c) ---- */

/* Makes a standby of the server, whose commits wait for it from then on. The URL of whichever of
 * the two can be written. */
void ff_pg_standby_start(char url[FF_PG_URL_MAX]);
/* kill -9 of the server; the standby takes its place. */
void ff_pg_fail_over(void);
/* Its first column as text, of the server that was the standby. */
const char *ff_pg_standby_text(const char *sql);
/* The end of both. */
void ff_pg_standby_stop(void);

#endif
