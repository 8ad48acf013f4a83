/* demo.h: shared by the files of the demonstration (`make demo`). */
#ifndef FF_EXAMPLES_DEMO_H
#define FF_EXAMPLES_DEMO_H

#include "workers/flowfabric.h"

/* What a worker computes of a file: its SHA-256, lines and words, as one line of text. */
#define FF_DEMO_RESULT_MAX 160
/* rounds: how often, at least 1; workers do it often, so that a kill meets work under way. False:
 * the file cannot be read. */
bool ff_demo_digest(const char *path, int rounds, char result_out[FF_DEMO_RESULT_MAX]);

/* worker.c: claims and digests until it is killed. */
int ff_demo_worker(const char *address, const char *name);

struct ff_client *ff_demo_connect(const char *address, const char *worker_instance_id);
void ff_demo_die(const char *fmt, ...) __attribute__((noreturn, format(printf, 1, 2)));

#endif
