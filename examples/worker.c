/* worker.c: a whole worker in C: executions of kind `shout` come back in capitals.
 *
 * It finds the daemon as every client does: $FF_RUNTIME_DIR/worker.sock, or the system's own. */
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>

#include "workers/worker.h"

static void
shout(void *ctx, struct ff_job *job)
{
    struct ff_str input = ff_job_claim(job)->input_payload;
    char *text = malloc(input.n + 1u);

    (void) ctx;
    if (text == NULL) {
        ff_job_fail(job, FF_FAILURE_TRANSIENT, NULL, "out of memory");
        return;
    }
    for (uint32_t i = 0; i < input.n; i++) {
        text[i] = (char) toupper((unsigned char) input.p[i]);
    }
    ff_job_complete(job, ff_str(text, input.n));
    free(text);
}

int
main(void)
{
    const struct ff_runtime_options options = { .worker_id = "shouters", .slots = 4 };
    const struct ff_handler handler = { .kind = "shout", .work = shout };
    struct ff_runtime *worker = NULL;
    struct ff_fault fault = { 0 };
    ff_err err = ff_runtime_open(&options, &worker, &fault);

    if (err == FF_E_OK) {
        ff_runtime_handle(worker, &handler);
        ff_runtime_stop_on_signals(worker); /* SIGTERM: finishes what it has, then ends */
        err = ff_runtime_run(worker, &fault);
        ff_runtime_close(worker);
    }
    if (err != FF_E_OK) {
        fprintf(stderr, "worker: %s\n", ff_error_info(err)->message);
    }
    return err == FF_E_OK ? 0 : 1;
}
