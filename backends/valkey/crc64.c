#include "backends/valkey/crc64.h"

#include <stdbool.h>
#include <string.h>
#if defined(__x86_64__)
#include <immintrin.h>
#endif

#define POLYNOMIAL 0x95ac9329ac4bc9b5u /* Jones, bits reversed */

/* ---- eight bytes at a time, by tables ---- */

static uint64_t tables[8][256];

static void
make_tables(void)
{
    for (uint32_t i = 0; i < 256; i++) {
        uint64_t crc = i;

        for (int bit = 0; bit < 8; bit++) {
            crc = (crc & 1) != 0 ? crc >> 1 ^ POLYNOMIAL : crc >> 1;
        }
        tables[0][i] = crc;
    }
    for (uint32_t i = 0; i < 256; i++) {
        for (int k = 1; k < 8; k++) {
            tables[k][i] = tables[0][tables[k - 1][i] & 0xff] ^ tables[k - 1][i] >> 8;
        }
    }
}

static uint64_t
by_tables(uint64_t crc, const char *bytes, size_t n)
{
    for (; n >= 8; bytes += 8, n -= 8) {
        uint64_t word = 0;

        for (int k = 7; k >= 0; k--) {
            word = word << 8 | (uint8_t) bytes[k];
        }
        crc ^= word;
        crc = tables[7][crc & 0xff] ^ tables[6][crc >> 8 & 0xff] ^ tables[5][crc >> 16 & 0xff] ^
              tables[4][crc >> 24 & 0xff] ^ tables[3][crc >> 32 & 0xff] ^
              tables[2][crc >> 40 & 0xff] ^ tables[1][crc >> 48 & 0xff] ^ tables[0][crc >> 56];
    }
    for (; n > 0; bytes++, n--) {
        crc = tables[0][(crc ^ (uint8_t) *bytes) & 0xff] ^ crc >> 8;
    }
    return crc;
}

/* ---- sixteen bytes at a time, where the processor multiplies without carrying ---- */

#if defined(__x86_64__)
/* Where 16 bytes stand for themselves and all before them, they are moved behind the next 16: with
 * x^191 and x^127, as a product of reversed words is itself one bit further. */
static uint64_t far, near;

static uint64_t
power(int n)
{
    uint64_t value = UINT64_C(1) << 63; /* x^0, bits reversed */

    for (; n > 0; n--) {
        value = (value & 1) != 0 ? value >> 1 ^ POLYNOMIAL : value >> 1;
    }
    return value;
}

/* n >= 16: all whole 16 bytes as the last of them, which have the same checksum. */
__attribute__((target("pclmul"))) static void
fold(const char *bytes, size_t n, char out[16])
{
    const __m128i by = _mm_set_epi64x((long long) near, (long long) far);
    __m128i sum = _mm_loadu_si128((const __m128i *) (const void *) bytes);

    for (bytes += 16, n -= 16; n >= 16; bytes += 16, n -= 16) {
        __m128i next = _mm_loadu_si128((const __m128i *) (const void *) bytes);
        __m128i moved =
            _mm_xor_si128(_mm_clmulepi64_si128(sum, by, 0x00), _mm_clmulepi64_si128(sum, by, 0x11));

        sum = _mm_xor_si128(moved, next);
    }
    _mm_storeu_si128((__m128i *) (void *) out, sum);
}

static bool
can_fold(void)
{
    if (far == 0) {
        far = power(191);
        near = power(127);
    }
    return __builtin_cpu_supports("pclmul");
}
#else
static bool
can_fold(void)
{
    return false;
}
static void
fold(const char *bytes, size_t n, char out[16])
{
    memcpy(out, bytes + n - 16, 16);
}
#endif

uint64_t
ff_valkey_crc64(const char *bytes, size_t n)
{
    char last[16];
    size_t whole = n & ~(size_t) 15;
    uint64_t crc = 0;

    if (tables[0][1] == 0) {
        make_tables();
    }
    if (n < 32 || !can_fold()) {
        return by_tables(0, bytes, n);
    }
    fold(bytes, n, last);
    crc = by_tables(0, last, sizeof(last));
    return by_tables(crc, bytes + whole, n - whole);
}
