#include "workers/exec_signals.h"

#include <stdio.h>
#include <unistd.h>

#include "core/codec.h"
#include "workers/work_dir.h"

static struct ff_str
as_json(const struct ff_observed_signal_list *signals, struct ff_arena *arena)
{
    FF_SCOPED(ff_packer) packer = { 0 };
    struct ff_fault ignored = { 0 };
    struct ff_str json = ff_str("[]", 2);
    msgpack_object list;
    msgpack_zone zone;

    ff_packer_init(&packer);
    msgpack_pack_array(&packer.pk, signals->n);
    for (uint32_t i = 0; i < signals->n; i++) {
        ff_encode(&ff_desc_observed_signal, &signals->v[i], &packer.pk);
    }
    msgpack_zone_init(&zone, 4096);
    if (ff_msgpack_parse(ff_packer_str(&packer), &zone, &list, &ignored) == FF_E_OK) {
        json = ff_msgpack_to_json(&list, 0, arena);
    }
    msgpack_zone_destroy(&zone);
    return json;
}

bool
ff_exec_signals_write(const char *dir, const struct ff_claim *claim)
{
    const struct ff_observed_signal_list *signals = &claim->resume_signals;
    FF_SCOPED(ff_arena) arena = { 0 };

    for (uint32_t i = 0; i < signals->n; i++) {
        char name[32];

        snprintf(name, sizeof(name), "signal.%u", i);
        if (signals->v[i].payload.p != NULL && !ff_write_file(dir, name, signals->v[i].payload)) {
            return false;
        }
    }
    return signals->n == 0 || ff_write_file(dir, "signals.json", as_json(signals, &arena));
}

bool
ff_exec_was_released(const char *dir)
{
    char path[4096];

    return snprintf(path, sizeof(path), "%s/" FF_EXEC_RELEASED, dir) < (int) sizeof(path) &&
           access(path, F_OK) == 0;
}
