/* clock.h: the two clocks of this machine. Nothing in core/ looks at them by itself: an engine is
 * given its clock (ff_engine_config); whoever lives outside reads them here.
 */
#ifndef FF_CORE_CLOCK_H
#define FF_CORE_CLOCK_H

#include <stdint.h>

/* Unix milliseconds. They may jump when the clock is set. */
int64_t ff_wall_ms(void);

/* Monotonic time since some instant: for durations and deadlines. */
int64_t ff_mono_ms(void);
int64_t ff_mono_us(void);

#endif
