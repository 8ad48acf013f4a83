/* schema.h: setting up and upgrading the database; part of the PostgreSQL store. */
#ifndef FF_BACKENDS_POSTGRES_SCHEMA_H
#define FF_BACKENDS_POSTGRES_SCHEMA_H

#include "backends/postgres/sql.h"
#include "core/store.h"

/* Raised with every change of the tables; how an older database gets there is in schema.c. */
#define PG_SCHEMA_VERSION 2

/* Everything that a database of this version has, as statements that may run again. */
void ff_pg_schema_text(struct pg_buf *buf);
/* The views for analysts, and their role. */
void ff_pg_views_text(struct pg_buf *buf);

/* On a connection of its own, which blocks: makes or upgrades the tables under an advisory lock,
 * and reads how they are. *applied: this call changed something.
 * FF_E_CORRUPTION {reason: schema_version}; FF_E_TRANSPORT. The message is in `words`. */
FF_MUST_USE ff_err ff_pg_migrate(PGconn *pg, struct pg_table tables[PG_TABLES_N], bool *applied,
                                 char words[256], struct ff_fault *fault);
/* The same of a database that must be as this program makes it. FF_E_CORRUPTION {reason: missing,
 * schema_version}. */
FF_MUST_USE ff_err ff_pg_look(PGconn *pg, struct pg_table tables[PG_TABLES_N], char words[256],
                              struct ff_fault *fault);
/* *out: a copy into it was begun, and has not ended. */
FF_MUST_USE ff_err ff_pg_unfinished(PGconn *pg, bool *out, char words[256], struct ff_fault *fault);
/* As ff_store_ops.prepare. */
FF_MUST_USE ff_err ff_pg_counts(PGconn *pg, struct ff_partition_counts *counts, bool *applied,
                                char words[256], struct ff_fault *fault);

#endif
