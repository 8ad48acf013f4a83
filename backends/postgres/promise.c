/* What a reply promises: the store asks for nothing, so it is what the server's settings say, as
 * the broker's user has them in its database. Read once, when the store is opened. */
#include <string.h>

#include "backends/postgres/pg_int.h"

static const struct promise {
    const char *setting, *value, *text;
} weak[] = { /* the worst first */
             { "fsync", "off", "fsync off: a power cut may damage the whole database" },
             { "full_page_writes", "off",
               "full_page_writes off: a power cut may damage what was being written" },
             { "synchronous_commit", "off",
               "synchronous_commit off: a server that crashes may lose the last second" },
             { "synchronous_commit", "local",
               "synchronous_commit local: " FF_PROMISE_ALL
               " on this server, a standby that takes over may lack the last second" }
};

static bool
is_set(PGconn *conn, const struct promise *promise)
{
    const char *const values[] = { promise->setting };
    PGresult *result =
        PQexecParams(conn, "SELECT current_setting($1)", 1, NULL, values, NULL, NULL, 0);
    bool is = PQresultStatus(result) == PGRES_TUPLES_OK &&
              strcmp(PQgetvalue(result, 0, 0), promise->value) == 0;

    PQclear(result);
    return is;
}

const char *
ff_pg_promise(PGconn *conn)
{
    for (size_t i = 0; i < FF_COUNT(weak); i++) {
        if (is_set(conn, &weak[i])) {
            return weak[i].text;
        }
    }
    return "fsync on: " FF_PROMISE_ALL;
}
