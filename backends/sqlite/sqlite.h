/* sqlite.h: the embedded default store: one file, one host, one broker. */
#ifndef FF_BACKENDS_SQLITE_SQLITE_H
#define FF_BACKENDS_SQLITE_SQLITE_H

#include "core/store.h"

enum ff_durability {
    FF_DURABILITY_COMMIT,   /* every commit is on the disk before it is answered */
    FF_DURABILITY_INTERVAL, /* the disk is at most sync_ms behind; a power cut loses that much */
    FF_DURABILITY_NONE      /* the disk is as far behind as the system's cache allows */
};

struct ff_sqlite_options {
    struct ff_str path;
    enum ff_durability durability;
    uint32_t sync_ms; /* INTERVAL */
};

/* Opens or creates the file, takes the lock on it, and reads what is live into memory.
 * FF_E_CORRUPTION {reason: "not_a_database" | "schema_version" | "damaged" | "record"},
 * FF_E_TRANSPORT (cannot be opened; another process holds it).
 * *store_out: untouched unless FF_E_OK. */
FF_MUST_USE ff_err ff_sqlite_open(const struct ff_sqlite_options *options,
                                  const struct ff_store_host *host, struct ff_store **store_out,
                                  struct ff_fault *fault);

#endif
