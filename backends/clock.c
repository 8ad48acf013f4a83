#include "backends/clock.h"

/* How far clocks may run apart while nothing is measured: 200 ppm, twice what kernels allow. */
#define DRIFT_PER_US 5000

/* The server may have looked at its clock at any instant between the two; milliseconds are cut
 * off. */
void
ff_server_clock_measured(struct ff_server_clock *clock, int64_t sent_us, int64_t got_us,
                         int64_t server_ms)
{
    int64_t error_us = (got_us - sent_us) / 2 + 500;
    int64_t ahead_us = server_ms * 1000 + 500 - (sent_us + (got_us - sent_us) / 2);
    int64_t known_us = clock->error_us + (got_us - clock->at_us) / DRIFT_PER_US;
    int64_t apart_us =
        ahead_us > clock->ahead_us ? ahead_us - clock->ahead_us : clock->ahead_us - ahead_us;

    /* beyond both errors: the server's clock was set */
    if (!clock->known || error_us <= known_us || apart_us > error_us + known_us) {
        *clock = (struct ff_server_clock){
            .known = true, .ahead_us = ahead_us, .error_us = error_us, .at_us = got_us
        };
    }
}

int64_t
ff_server_clock_ms(const struct ff_server_clock *clock, int64_t mono_us)
{
    return (mono_us + clock->ahead_us) / 1000;
}
