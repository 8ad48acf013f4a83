/* exec_upstream.h: those before an execution in its flow, as files in its attempt's directory.
 *
 *   upstream/UUID     the result of the execution with this UUID, where it has one
 *   upstream/index    a line for each: execution id, outcome, file name, with a space between
 *
 * outcome: success, failure or pending. File name: that in upstream/; `-`: it has no result;
 * `omitted`: it has one, beyond the bounds of worker.h.
 */
#ifndef FF_WORKERS_EXEC_UPSTREAM_H
#define FF_WORKERS_EXEC_UPSTREAM_H

#include "workers/worker.h"

/* Nothing where there are none. False: see errno. */
FF_MUST_USE bool ff_exec_upstream_write(const char *dir, const struct ff_job *job);

#endif
