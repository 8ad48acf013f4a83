/* statements.h: the prepared statements of the SQLite store, by number; their texts are in
 * schema.c.
 */
#ifndef FF_BACKENDS_SQLITE_STATEMENTS_H
#define FF_BACKENDS_SQLITE_STATEMENTS_H

#include "core/records.h"

/* Of the writer. */
enum statement {
    ST_BEGIN,
    ST_COMMIT,
    ST_ROLLBACK,
    ST_LIVE_INSERT,
    ST_LIVE_UPDATE,
    ST_LIVE_DELETE,
    ST_DONE_INSERT,
    ST_DONE_UPDATE,
    ST_DONE_DELETE,
    ST_DONE_ROW,
    ST_INPUT_PUT,
    ST_INPUT_DELETE,
    ST_TAGS_PUT,
    ST_TAGS_DELETE,
    ST_RESULT_PUT,
    ST_RESULT_DELETE,
    ST_ATTEMPT_PUT,
    ST_ATTEMPT_DELETE,
    ST_STREAM_PUT,
    ST_STREAM_DELETE,
    ST_SUMMARY_PUT,
    ST_SUMMARY_DELETE,
    ST_FRAME_PUT,
    ST_FRAME_DELETE,
    ST_INFO_PUT,
    ST_STAND_ADD,
    ST_STAND_DROP,
    ST_EVENT,                               /* one per family */
    ST_EVENT_TRIM = ST_EVENT + FF_FAMILIES, /* one per family */
    ST_PLAIN = ST_EVENT_TRIM + FF_FAMILIES, /* ff_sqlite_plain */
    ST_WRITER_N = ST_PLAIN + 3 * FF_R_N
};

/* Of the reader. */
enum query {
    Q_BEGIN,
    Q_COMMIT,
    Q_LIVE,
    Q_DONE,
    Q_DONE_ROW,
    Q_INPUT,
    Q_TAGS,
    Q_RESULT,
    Q_ATTEMPT,
    Q_STREAM,
    Q_SUMMARY,
    Q_FRAME,
    Q_FRAME_PAGE,
    Q_FRAME_SCOPES,
    Q_DONE_PAGE,
    Q_DONE_FIRST,
    Q_DONE_LAST,
    Q_STAND_PAGE,
    Q_STAND_SCOPE,
    Q_EVENTS,                               /* one per family */
    Q_EVENT_FIRST = Q_EVENTS + FF_FAMILIES, /* one per family */
    Q_PLAIN = Q_EVENT_FIRST + FF_FAMILIES,  /* ff_sqlite_plain */
    Q_READER_N = Q_PLAIN + 3 * FF_R_N
};

/* Records that stand under their own key in a table of their own; statements by kind. */
struct plain {
    const char *table; /* NULL: not such a kind */
    bool due;          /* only in the index `expiring`, which is read from the file */
    bool in_file;      /* its indexes stand in the file (standing.c): nothing to read at start */
};
extern const struct plain ff_sqlite_plains[FF_R_N];

enum plain_step { PLAIN_PUT, PLAIN_UPDATE /* its due stays */, PLAIN_DELETE };
enum plain_query { PLAIN_GET, PLAIN_DUE_PAGE, PLAIN_KEYS_PAGE };

static inline enum statement
ff_sqlite_plain_step(enum ff_record kind, enum plain_step step)
{
    return (enum statement)(ST_PLAIN + 3 * (int) kind + (int) step);
}
static inline enum query
ff_sqlite_plain_query(enum ff_record kind, enum plain_query query)
{
    return (enum query)(Q_PLAIN + 3 * (int) kind + (int) query);
}

#endif
