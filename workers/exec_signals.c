#include "workers/exec_signals.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "core/codec.h"

static bool
write_file(const char *dir, const char *name, struct ff_str bytes)
{
    char path[4096];
    size_t at = 0;
    int fd = -1;
    bool ok = false;

    if (snprintf(path, sizeof(path), "%s/%s", dir, name) >= (int) sizeof(path)) {
        errno = ENAMETOOLONG;
        return false;
    }
    fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd < 0) {
        return false;
    }
    while (at < bytes.n) {
        ssize_t n = write(fd, bytes.p + at, bytes.n - at);

        if (n <= 0 && errno != EINTR) {
            break;
        }
        at += n > 0 ? (size_t) n : 0;
    }
    ok = at == bytes.n;
    return close(fd) == 0 && ok;
}

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
        if (signals->v[i].payload.p != NULL && !write_file(dir, name, signals->v[i].payload)) {
            return false;
        }
    }
    return signals->n == 0 || write_file(dir, "signals.json", as_json(signals, &arena));
}

bool
ff_exec_was_released(const char *dir)
{
    char path[4096];

    return snprintf(path, sizeof(path), "%s/" FF_EXEC_RELEASED, dir) < (int) sizeof(path) &&
           access(path, F_OK) == 0;
}
