#include "ipc/hash.h" /* before anything that includes uthash */

#include "ipc/binding.h"

void
ff_bindings_init(struct ff_bindings *bindings, uint64_t grace_ms, uint32_t fading_max)
{
    *bindings = (struct ff_bindings){ .grace_ms = grace_ms, .fading_max = fading_max };
    TAILQ_INIT(&bindings->fading);
}

void
ff_bindings_done(struct ff_bindings *bindings)
{
    struct ff_binding *binding = NULL;
    struct ff_binding *next = NULL;

    HASH_ITER(hh, bindings->by_instance, binding, next)
    {
        HASH_DELETE(hh, bindings->by_instance, binding);
        free(binding);
    }
}

static struct ff_binding *
find(struct ff_bindings *bindings, struct ff_str instance)
{
    struct ff_binding *binding = NULL;

    HASH_FIND(hh, bindings->by_instance, instance.p, instance.n, binding);
    return binding;
}

static struct ff_binding *
add(struct ff_bindings *bindings, struct ff_str instance)
{
    struct ff_binding *binding = calloc(1, sizeof(*binding));

    FF_ASSERT(binding != NULL && instance.n <= FF_WID_BYTES_MAX);
    memcpy(binding->instance, instance.p, instance.n);
    binding->instance_n = instance.n;
    HASH_ADD_KEYPTR(hh, bindings->by_instance, binding->instance, binding->instance_n, binding);
    return binding;
}

struct ff_binding *
ff_bindings_bind(struct ff_bindings *bindings, struct ff_str instance, struct ff_str namespace)
{
    struct ff_binding *binding = find(bindings, instance);

    if (binding == NULL) {
        binding = add(bindings, instance);
    } else if (binding->channels == 0) {
        TAILQ_REMOVE(&bindings->fading, binding, by_loss);
        bindings->fading_n--;
    }
    binding->channels++;
    if (namespace.p != NULL) {
        FF_ASSERT(namespace.n <= FF_WID_BYTES_MAX);
        memcpy(binding->namespace, namespace.p, namespace.n);
        binding->namespace_n = namespace.n;
    }
    return binding;
}

struct ff_binding *
ff_bindings_fading(struct ff_bindings *bindings, struct ff_str instance)
{
    struct ff_binding *binding = bindings->fading_n == 0 ? NULL : find(bindings, instance);

    return binding != NULL && binding->channels == 0 ? binding : NULL;
}

void
ff_bindings_release(struct ff_bindings *bindings, struct ff_binding *binding, int64_t now_ms)
{
    FF_ASSERT(binding->channels > 0);
    if (--binding->channels > 0) {
        return;
    }
    binding->lost_ms = ff_time_add(now_ms, bindings->grace_ms);
    TAILQ_INSERT_TAIL(&bindings->fading, binding, by_loss);
    bindings->fading_n++;
}

struct ff_binding *
ff_bindings_take_lost(struct ff_bindings *bindings, int64_t now_ms, int64_t *wait_ms_out)
{
    struct ff_binding *binding = TAILQ_FIRST(&bindings->fading);

    *wait_ms_out = binding == NULL ? -1 : binding->lost_ms - now_ms;
    if (binding == NULL || (*wait_ms_out > 0 && bindings->fading_n <= bindings->fading_max)) {
        return NULL;
    }
    TAILQ_REMOVE(&bindings->fading, binding, by_loss);
    bindings->fading_n--;
    HASH_DELETE(hh, bindings->by_instance, binding);
    return binding;
}
