/* store.h: opening a store by its URL (08 §3, FF_STORE). */
#ifndef FF_BACKENDS_STORE_H
#define FF_BACKENDS_STORE_H

#include "core/store.h"

/* memory:                                  records in memory, gone with the process
 * memory:contrary?seed=N                   the same, behaving as badly as a store may: defers
 * loads, delays and reorders completions, injects conflicts and failed commits; for tests
 * sqlite:PATH[?durability=commit|interval:MS|none]
 * valkey://[USER:PASSWORD@]HOST[:PORT][/DB][?prefix=ff&…], valkey:///SOCKET[?db=N&…], the same with
 * redis://: one server (backends/README.md has the options)
 * postgres://… or postgresql://…           any URL of libpq's; several brokers may share a database
 *
 * FF_E_INVALID_CONFIG {reason, known}  unknown scheme or option.
 * FF_E_CORRUPTION {reason}             not a database, damaged, or of a newer schema.
 * FF_E_TRANSPORT                       cannot be opened or read; another broker holds the file.
 * *store_out: untouched unless FF_E_OK; ff_store_close gives it back. */
FF_MUST_USE ff_err ff_store_open(struct ff_str url, const struct ff_store_host *host,
                                 struct ff_store **store_out, struct ff_fault *fault);

#endif
