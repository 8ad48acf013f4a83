/* clock.h: the clock of the server that several brokers use, as one of them knows it: its own
 * monotonic time and the distance to the server's clock, measured again and again
 * (spec/records.md §5).
 */
#ifndef FF_BACKENDS_CLOCK_H
#define FF_BACKENDS_CLOCK_H

#include <stdbool.h>
#include <stdint.h>

#include "core/clock.h"

struct ff_server_clock {
    bool known;
    int64_t ahead_us; /* of the monotonic clock here */
    int64_t error_us; /* at the most, when it was measured */
    int64_t at_us;    /* then; monotonic */
};

/* The server was asked at `sent_us` for its time, and the answer was here at `got_us`. A
 * measurement that says less than what is known already is left out: the way there and back was
 * long. */
void ff_server_clock_measured(struct ff_server_clock *clock, int64_t sent_us, int64_t got_us,
                              int64_t server_ms);
/* Unix milliseconds by the server, at this monotonic instant; known only. */
int64_t ff_server_clock_ms(const struct ff_server_clock *clock, int64_t mono_us);

#endif
