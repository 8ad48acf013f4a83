/* crc64.h: the checksum behind a serialised hash: CRC-64 as Redis has it. */
#ifndef FF_BACKENDS_VALKEY_CRC64_H
#define FF_BACKENDS_VALKEY_CRC64_H

#include <stddef.h>
#include <stdint.h>

uint64_t ff_valkey_crc64(const char *bytes, size_t n);

#endif
