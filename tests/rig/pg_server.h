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
/* Settings of the next start, as -c arguments: "fsync=on". NULL: none. */
void ff_pg_setting(const char *setting);
/* No file that the processes write may become larger: a full disk, to them. pids: as text, between
 * blanks. Returns how many there are. */
int ff_pg_limit_files(const char *pids, rlim_t bytes);
/* Runs SQL in the database of ff_pg_fresh; its first column as text, "" where there is no row. */
const char *ff_pg_sql_text(const char *sql);

#endif
