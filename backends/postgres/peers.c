/* The other brokers on the database: whether there are any, what they are told, what they tell. */
#include <endian.h>
#include <stdio.h>
#include <stdlib.h>

#include "backends/postgres/pg_int.h"

#define BEAT_MS 900 /* the timer comes every second */
/* Every notifying commit of the server queues at one lock: news are gathered that long. */
#define NOTIFY_MS 2

enum { TAG_BEAT, TAG_NOTIFY };

static void
peers_result(struct pg *pg, uint64_t tag, const PGresult *result)
{
    if (tag == TAG_BEAT) {
        pg->others = ff_pg_get_u64(result, 0, 0) > 0;
        ff_server_clock_measured(&pg->clock, pg->beat_sent_us, ff_mono_us(),
                                 (int64_t) ff_pg_get_u64(result, 0, 1));
    }
}

/* Who serves needs the server's time from the first call on. */
ff_err
ff_pg_look_at_clock(struct pg *pg, PGconn *conn, char words[PG_WORDS_MAX], struct ff_fault *fault)
{
    int64_t sent_us = ff_mono_us();
    PGresult *result =
        PQexec(conn, "SELECT (extract(epoch FROM clock_timestamp()) * 1000)::bigint");
    bool ok = PQresultStatus(result) == PGRES_TUPLES_OK;

    if (ok) {
        ff_server_clock_measured(&pg->clock, sent_us, ff_mono_us(),
                                 strtoll(PQgetvalue(result, 0, 0), NULL, 10));
    } else {
        snprintf(words, PG_WORDS_MAX, "postgres: %.200s", PQerrorMessage(conn));
    }
    PQclear(result);
    return ok ? FF_E_OK : ff_fail_transport(fault, "postgres", "other", words);
}

/* What could not be told is found by looking. */
static void
peers_done(struct pg *pg, bool ok)
{
    (void) ok;
    ff_pg_loads_go(pg);
}

static void
peers_lost(struct pg *pg)
{
    (void) pg;
}

static const struct pg_job peers_job = { peers_result, peers_done, peers_lost };

void
ff_pg_beat(struct pg *pg)
{
    int64_t now_ms = ff_mono_ms();
    struct pg_params params = { 0 };

    if (now_ms - pg->beat_ms < BEAT_MS || !ff_pg_conn_free(&pg->read)) {
        return; /* the load under way is followed by it */
    }
    pg->beat_ms = now_ms;
    pg->beat_sent_us = ff_mono_us();
    ff_pg_begin(&pg->read, &peers_job);
    ff_pg_param(&params, pg->broker.b, sizeof(pg->broker.b));
    ff_pg_send(&pg->read, PG_S_BEAT, TAG_BEAT, &params);
    ff_pg_end(&pg->read);
}

static bool
news_are_due(const struct pg *pg)
{
    return ff_news_any(&pg->news) && ff_mono_ms() - pg->told_ms >= NOTIFY_MS;
}

void
ff_pg_send_news(struct pg *pg, uint64_t tag)
{
    struct pg_params params = { 0 };
    char text[FF_NEWS_TEXT_MAX];
    size_t n = 0;

    if (news_are_due(pg)) {
        n = ff_news_text(&pg->news, &pg->broker, text);
        pg->news = (struct ff_news_list){ 0 };
        pg->told_ms = ff_mono_ms();
        ff_pg_param(&params, text, n);
        ff_pg_send(&pg->read, PG_S_NOTIFY, tag, &params);
    }
}

void
ff_pg_tell_others(struct pg *pg)
{
    if (news_are_due(pg) && ff_pg_conn_free(&pg->read)) {
        ff_pg_begin(&pg->read, &peers_job);
        ff_pg_send_news(pg, TAG_NOTIFY);
        ff_pg_end(&pg->read);
    } /* else the next load, commit or tick comes by here */
}

void
ff_pg_committed(struct pg *pg, const struct ff_commit *commit)
{
    if (pg->others) {
        ff_news_add(&pg->news, commit);
    }
}

void
ff_pg_hear(struct pg *pg)
{
    struct ff_news_list list;
    PGnotify *note = NULL;

    while (pg->read.conn != NULL && (note = PQnotifies(pg->read.conn)) != NULL) {
        if (ff_news_read(ff_cstr(note->extra), &pg->broker, &list)) {
            pg->others = true; /* before the next beat would say so */
            ff_news_tell(&list, &pg->host);
        }
        PQfreemem(note);
    }
}
