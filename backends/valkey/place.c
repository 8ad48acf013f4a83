#include "backends/valkey/place.h"

bool
ff_valkey_is_guest(enum ff_record kind, const struct ff_key *key)
{
    static const uint8_t first[4];

    return kind == FF_R_ATTEMPT && key->n == FF_VALKEY_HOST_KEY + sizeof(first) &&
           memcmp(key->b + FF_VALKEY_HOST_KEY, first, sizeof(first)) == 0;
}

const char *
ff_valkey_place(enum ff_record kind, const struct ff_key *key,
                const struct ff_partition_counts *counts, struct ff_valkey_name *out)
{
    struct ff_key host;

    if (!ff_valkey_is_guest(kind, key)) {
        ff_valkey_record_name(kind, key, counts, out);
        return "";
    }
    host.n = FF_VALKEY_HOST_KEY;
    memcpy(host.b, key->b, FF_VALKEY_HOST_KEY);
    ff_valkey_record_name(FF_R_EXEC, &host, counts, out);
    return FF_VALKEY_FIRST;
}
