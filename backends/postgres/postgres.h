/* postgres.h: the store for several brokers on one PostgreSQL database (14 and later). */
#ifndef FF_BACKENDS_POSTGRES_POSTGRES_H
#define FF_BACKENDS_POSTGRES_POSTGRES_H

#include "core/store.h"

/* url: anything libpq takes as postgres://… or postgresql://…; TLS and authentication as stated
 * there. Blocks until the server has answered.
 *
 * FF_E_TRANSPORT {backend, transport_kind}  cannot be reached; refuses the user (auth); no such
 * database, read-only, too old, not in UTF-8 (other). The message says which, without password. */
FF_MUST_USE ff_err ff_postgres_open(struct ff_str url, const struct ff_store_host *host,
                                    struct ff_store **store_out, struct ff_fault *fault);

#endif
