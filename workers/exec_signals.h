/* exec_signals.h: the signals that resumed an execution, as files in its attempt's directory.
 *
 *   signal.N        the payload of signal N, from 0 on; only where it has one
 *   signals.json    all of them, as observe_signals gives them (payloads in base64)
 *
 * A command that gives its lease up by itself (`ffctl suspend`) leaves the file `released` there.
 */
#ifndef FF_WORKERS_EXEC_SIGNALS_H
#define FF_WORKERS_EXEC_SIGNALS_H

#include "core/arena.h"
#include "core/types.h"

#define FF_EXEC_RELEASED "released"

/* Nothing where the claim brings no signals. False: see errno. */
FF_MUST_USE bool ff_exec_signals_write(const char *dir, const struct ff_claim *claim);
/* The command has left the file. */
bool ff_exec_was_released(const char *dir);

#endif
