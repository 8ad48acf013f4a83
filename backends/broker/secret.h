/* secret.h: boot step 5 (08 §4): the key that signs waitpoint tokens is in the store before anybody
 * is served. */
#ifndef FF_BACKENDS_BROKER_SECRET_H
#define FF_BACKENDS_BROKER_SECRET_H

#include "backends/broker/broker.h"

/* Seeds kid k1 where the store has no key yet: with the configured secret, else with what
 * options->make_secret gives.
 *
 * FF_E_INVALID_CONFIG {context, field}  the configured secret is none of those stored.
 * Errors of make_secret, of the store. */
FF_MUST_USE ff_err ff_broker_install_secret(const struct ff_broker_options *options,
                                            struct ff_store *store, struct ff_engine *engine,
                                            struct ff_fault *fault);

#endif
