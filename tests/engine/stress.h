/* stress.h: what the parts of the stress test share: the world, what may be asked, what must hold.
 */
#ifndef FF_TESTS_ENGINE_STRESS_H
#define FF_TESTS_ENGINE_STRESS_H

#include <inttypes.h>

#include "tests/rig/rig.h"

#define N_IDS 60
#define WINDOW 7 /* ids in use at a time; the window moves on as the steps go */
#define N_CLIENTS 12
#define CALLS_MAX 3
#define EPOCHS_MAX 200
#define POLLS_MAX 100000

/* One lease that was ever granted, by execution and epoch. */
struct lease {
    bool granted;  /* the claim was answered */
    bool released; /* a call that gives it up was answered, or may have been carried out */
    bool ended;    /* the feed says so */
    bool in_feed;
    struct ff_uuid lease_id;
    int64_t expires_at_ms; /* as last answered */
    struct ff_handle handle;
};

/* What is known of one execution. */
struct model {
    bool was_created;         /* one creation was answered with `created` */
    uint64_t created_at;      /* frames submitted when a creation was answered; 0: none was */
    uint64_t completed_at;    /* the same of a completion */
    uint64_t completed_epoch; /* of its lease */
    struct ff_opt_u64 epoch;  /* feed: of the newest lease */
    struct lease leases[EPOCHS_MAX];
};

/* One call, and what was certain when it was submitted. */
struct asked {
    uint8_t id;
    uint64_t epoch;
    uint64_t frame; /* its number in order of submission */
    bool with_request;
};

struct world;
struct client {
    struct world *world;
    struct ff_frame frame;
    struct ff_call calls[CALLS_MAX];
    struct asked asked[CALLS_MAX];
    bool busy;
};

struct grant {
    uint8_t id;
    uint64_t epoch;
};

struct world {
    struct ff_rig *rig;
    uint64_t seed, random;
    struct client clients[N_CLIENTS];
    struct model models[N_IDS + 1];
    struct grant recent[8];
    uint32_t n_granted;
    struct ff_str policy, no_capabilities;
    uint64_t frames; /* submitted */
    uint32_t step, n_steps;
    bool closing; /* the engine is */
};

/* Of the run under way, for what is said of a failure. */
extern const char *ff_stress_where;
extern uint64_t ff_stress_seed;

#define CHECK(condition, ...)                                                                      \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            print_error("FF_SEED=%" PRIu64 " on %s: ", ff_stress_seed, ff_stress_where);           \
            print_error(__VA_ARGS__);                                                              \
            fail_msg("%s", #condition);                                                            \
        }                                                                                          \
    } while (0)

static inline uint64_t
draw(struct world *world)
{
    uint64_t z = world->random += UINT64_C(0x9e3779b97f4a7c15);

    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

static inline uint32_t
below(struct world *world, uint32_t n)
{
    return (uint32_t) (draw(world) % n);
}

static inline bool
one_in(struct world *world, uint32_t n)
{
    return below(world, n) == 0;
}

/* What the driver may do: how to ask, and how to judge the answer. */
struct act {
    enum ff_op op;
    uint32_t weight;
    bool releases; /* the lease may be given up even if the answer is not known */
    void *(*ask)(struct world *world, struct ff_arena *arena, struct asked *asked);
    void (*judge)(struct world *world, struct asked *asked, const void *result);
};
extern const struct act ff_stress_acts[];
extern const size_t ff_stress_n_acts;

/* The result with which execution `id` is completed under this lease. */
struct ff_str ff_stress_result(struct ff_arena *arena, uint8_t id, uint64_t epoch);

/* With nothing under way: the event feeds tell one story, and what was acknowledged is so. */
void ff_stress_check_feeds(struct world *world);
/* Every index has exactly the positions derived from the records. */
void ff_stress_check_indexes(struct world *world);

#endif
