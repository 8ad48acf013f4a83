/* fuzz.h: what a fuzz target defines; libFuzzer, or replay.c beside this, calls it. */
#ifndef FF_TESTS_FUZZ_FUZZ_H
#define FF_TESTS_FUZZ_FUZZ_H

#include <stddef.h>
#include <stdint.h>

/* Takes any bytes and returns 0; a finding ends the process (FF_ASSERT, a sanitizer). */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#endif
