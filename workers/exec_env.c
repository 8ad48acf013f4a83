#include "workers/exec_env.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>

#include "core/id.h"

#define OWN_MAX 32 /* variables that are not tags */
#define TAGS_MAX 256
#define SIGNALS_MAX 64 /* that have variables */
#define KEY_BYTES_MAX 256

struct list {
    struct ff_arena *arena;
    char **v;
    size_t n, tags_from;
};

static bool
is_daemons(const char *entry)
{
    static const char *const names[] = {
        "FF_",           "NOTIFY_SOCKET=", "LISTEN_PID=", "LISTEN_FDS=", "LISTEN_FDNAMES=",
        "WATCHDOG_PID=", "WATCHDOG_USEC=", "TMPDIR="
    };

    for (size_t i = 0; i < FF_COUNT(names); i++) {
        if (strncmp(entry, names[i], strlen(names[i])) == 0) {
            return true;
        }
    }
    return false;
}

static void
add(struct list *list, const char *name, struct ff_str value)
{
    if (value.p != NULL) {
        list->v[list->n++] = (char *) (uintptr_t) ff_arena_printf(list->arena, "%s=%.*s", name,
                                                                  (int) value.n, value.p)
                                 .p;
    }
}

static void
add_number(struct list *list, const char *name, uint64_t value)
{
    add(list, name, ff_arena_printf(list->arena, "%llu", (unsigned long long) value));
}

static void
add_uuid(struct list *list, const char *name, const struct ff_uuid *uuid)
{
    char text[FF_UUID_TEXT_MAX];

    ff_uuid_text(uuid, text);
    add(list, name, ff_cstr(text));
}

static void
add_claim(struct list *list, const struct ff_claim *claim)
{
    char id[FF_EID_TEXT_MAX];

    ff_eid_text(&claim->execution_id, id);
    add(list, "FF_EXECUTION_ID", ff_cstr(id));
    add(list, "FF_EXECUTION_KIND", claim->execution_kind);
    add(list, "FF_PAYLOAD_ENCODING", claim->payload_encoding);
    add_number(list, "FF_ATTEMPT_INDEX", claim->attempt_index);
    add_uuid(list, "FF_ATTEMPT_ID", &claim->attempt_id);
    add(list, "FF_ATTEMPT_TYPE", ff_cstr(ff_word(&ff_vocab_attempt_type, claim->attempt_type)));
    add(list, "FF_CLAIM_KIND", claim->handle.kind);
    add_uuid(list, "FF_LEASE_ID", &claim->lease_id);
    add_number(list, "FF_LEASE_EPOCH", claim->lease_epoch);
}

static void
add_signal(struct list *list, const struct ff_observed_signal *signal, uint32_t i, const char *dir)
{
    char name[48];

    snprintf(name, sizeof(name), "FF_SIGNAL_%u_NAME", i);
    add(list, name, signal->signal_name);
    snprintf(name, sizeof(name), "FF_SIGNAL_%u_SOURCE", i);
    add(list, name, signal->source_identity);
    if (signal->payload.p != NULL) {
        snprintf(name, sizeof(name), "FF_SIGNAL_%u_FILE", i);
        add(list, name, ff_arena_printf(list->arena, "%s/signal.%u", dir, i));
    }
}

static void
add_signals(struct list *list, const struct ff_claim *claim, const char *dir)
{
    const struct ff_observed_signal_list *signals = &claim->resume_signals;

    if (signals->n == 0) {
        return;
    }
    add_number(list, "FF_SIGNAL_COUNT", signals->n);
    add(list, "FF_SIGNALS_FILE", ff_arena_printf(list->arena, "%s/signals.json", dir));
    if (claim->resume_signals_more.is && claim->resume_signals_more.v) {
        add_number(list, "FF_SIGNALS_MORE", 1);
    }
    for (uint32_t i = 0; i < signals->n && i < SIGNALS_MAX; i++) {
        add_signal(list, &signals->v[i], i, dir);
    }
}

/* Of two keys that give one name the first counts. */
static void
add_tag(struct list *list, const struct ff_tag *tag)
{
    char name[KEY_BYTES_MAX + 8] = "FF_TAG_";
    size_t n = strlen(name);

    for (uint32_t i = 0; i < tag->key.n && i < KEY_BYTES_MAX; i++) {
        unsigned char c = (unsigned char) tag->key.p[i];

        name[n++] = isalnum(c) ? (char) toupper(c) : '_';
    }
    name[n] = '\0';
    for (size_t i = list->tags_from; i < list->n; i++) {
        if (strncmp(list->v[i], name, n) == 0 && list->v[i][n] == '=') {
            return;
        }
    }
    add(list, name, tag->value);
}

char **
ff_exec_env_make(const struct ff_exec_env *env, struct ff_arena *arena)
{
    struct list list = { .arena = arena };
    size_t base_n = 0;

    while (env->base[base_n] != NULL) {
        base_n++;
    }
    list.v = FF_ARENA_NEW(arena, char *, base_n + OWN_MAX + TAGS_MAX + 3 * SIGNALS_MAX + 1);
    for (size_t i = 0; i < base_n; i++) {
        if (!is_daemons(env->base[i])) {
            list.v[list.n++] = env->base[i];
        }
    }
    add_claim(&list, env->claim);
    add(&list, "FF_LANE", env->lane);
    add(&list, "FF_WORKER_ID", ff_cstr(env->worker_id));
    add(&list, "FF_WORKER_INSTANCE_ID", ff_cstr(env->worker_instance_id));
    add(&list, "FF_WORKER_NAMESPACE", ff_cstr(env->namespace));
    add_number(&list, "FF_LEASE_TTL_MS", env->lease_ttl_ms);
    if (env->timeout_ms > 0) {
        add_number(&list, "FF_TIMEOUT_MS", env->timeout_ms);
        add_number(&list, "FF_DEADLINE", (uint64_t) ff_time_add(env->now_ms, env->timeout_ms));
    }
    add(&list, "FF_DIR", ff_cstr(env->dir));
    add(&list, "TMPDIR", ff_cstr(env->dir));
    add(&list, "FF_RUNTIME_DIR", ff_cstr(env->runtime_dir));
    if (env->upstreams > 0) {
        add_number(&list, "FF_UPSTREAM_COUNT", env->upstreams);
        add(&list, "FF_UPSTREAM_DIR", ff_arena_printf(arena, "%s/upstream", env->dir));
    }
    add_signals(&list, env->claim, env->dir);
    list.tags_from = list.n;
    for (uint32_t i = 0; i < env->claim->tags.n && i < TAGS_MAX; i++) {
        add_tag(&list, &env->claim->tags.v[i]);
    }
    return list.v;
}
