/* rig.h: an engine on a store under a virtual clock, for tests.
 *
 * Calls go the whole way: encoded, decoded, run, answered, decoded again. A test program runs its
 * tests once on each store (ff_rig_main): memory, memory in its contrary mode, sqlite; on a server
 * where FF_RIG_STORE names it. What the contrary store refuses with a transport error is tried
 * again by the rig.
 */
#ifndef FF_TESTS_RIG_RIG_H
#define FF_TESTS_RIG_RIG_H

#include "tests/rows.h"

#include "core/codec.h"
#include "core/engine/engine.h"

/* Where the clock starts in the examples of 02. */
#define FF_RIG_START_MS 1000000

struct ff_rig {
    struct ff_store *store;
    struct ff_engine *engine;
    int64_t now_ms;        /* the engine's clock; tests set it */
    struct ff_fault fault; /* of the last call; its message and details as sent */
    struct ff_arena arena; /* answers; lives as long as the rig */
    msgpack_zone zone;
    bool contrary;
    bool server;  /* its store is a server's, of all rigs one */
    bool cheap;   /* memory: a call costs next to nothing */
    char dir[64]; /* of the sqlite file; "" = none */
    uint32_t n_running;
    uint8_t next_id;
    char namespace[8];
};

/* On the store that the program runs on at present. */
struct ff_rig *ff_rig_new(void);
void ff_rig_free(struct ff_rig *rig);
/* How the rig's engine is made; what ff_rig_restart makes a new one of, on the same store. */
void ff_rig_engine_config(struct ff_rig *rig, struct ff_engine_config *out);
void ff_rig_restart(struct ff_rig *rig, const struct ff_engine_config *config);
/* The same as cmocka fixtures; *state is the rig. */
int ff_rig_setup(void **state);
int ff_rig_teardown(void **state);

/* FF_E_OK and *result, or the error; rig->fault has the rest. A call that waits fails the test. */
ff_err ff_rig_call(struct ff_rig *rig, enum ff_op op, const void *args, void *result);
/* The same with raw msgpack arguments: for what the typed structs cannot say. */
ff_err ff_rig_call_raw(struct ff_rig *rig, enum ff_op op, struct ff_str args, void *result);
/* The same from JSON text. */
ff_err ff_rig_call_json(struct ff_rig *rig, enum ff_op op, const char *json, void *result);

/* ---- calls that wait ---- */

struct ff_waiting;
/* Hands the call in and does all that can be done at once. */
struct ff_waiting *ff_rig_start(struct ff_rig *rig, enum ff_op op, const void *args);
/* The same, doing nothing yet: several calls that are under way together. */
struct ff_waiting *ff_rig_submit(struct ff_rig *rig, enum ff_op op, const void *args);
bool ff_rig_is_done(const struct ff_waiting *waiting);
/* Takes its answer; it must be done. */
ff_err ff_rig_finish(struct ff_rig *rig, struct ff_waiting *waiting, void *result);
/* Lets the engine do what it can. */
void ff_rig_pump(struct ff_rig *rig);

/* ---- looking ---- */

struct ff_events {
    struct ff_event *v;
    uint32_t n;
};
/* All events of a feed so far. */
struct ff_events ff_rig_events(struct ff_rig *rig, enum ff_event_family family);
/* How many of them have this name and belong to this execution (NULL: any). */
uint32_t ff_rig_count(struct ff_rig *rig, enum ff_event_family family, const char *event,
                      const struct ff_eid *id);
/* The last event of the feed; fails the test if there is none. */
struct ff_event ff_rig_last_event(struct ff_rig *rig, enum ff_event_family family);
/* A record as it is stored; fails the test if there is none. */
void ff_rig_record(struct ff_rig *rig, enum ff_record kind, const struct ff_key *key, void *out);
/* How many entries a scope of an index has in the store. */
uint32_t ff_rig_entries(struct ff_rig *rig, enum ff_index index, const struct ff_scope *scope);
/* One core field of 02 §1.9 as text; "" where unset. */
const char *ff_rig_field(struct ff_rig *rig, const struct ff_eid *id, const char *field);
/* A detail of the last error as text; "" where there is none. */
const char *ff_rig_detail(const struct ff_rig *rig, const char *key);

/* Puts `body` in place of a stored record's, behind the engine's back, and restarts the engine;
 * returns what was there. Index entries stay as they are. */
struct ff_str ff_rig_spoil(struct ff_rig *rig, enum ff_record kind, const struct ff_key *key,
                           struct ff_str body);

/* Adds an index entry behind the engine's back, or takes one away, and restarts the engine. */
void ff_rig_misplace(struct ff_rig *rig, const struct ff_index_key *key, bool add);

/* ---- making ---- */

/* {fp:6}:00000000-0000-4000-8000-0000000000NN, ascending. */
struct ff_eid ff_rig_id(uint8_t number);
/* JSON to one msgpack value, for arguments of type any. */
struct ff_str ff_rig_any(struct ff_rig *rig, const char *json);
/* Arguments for execution NN in lane L, namespace N. */
struct ff_create_execution_args ff_rig_new_exec(uint8_t number);

/* ---- programs ---- */

/* Runs tables and tests once on each store; FF_RIG_STORE=memory|contrary|sqlite|postgres|valkey
 * picks one, FF_RIG_SEED the moods of the contrary one. */
int ff_rig_main(const char *group, const struct ff_rows *tables, size_t n_tables,
                const struct CMUnitTest *singles, size_t n_singles);

/* ff_rig_renew(rig, &args, &result) for every operation. */
#define FF_OP(op, class, flags, help)                                                              \
    static inline ff_err ff_rig_##op(struct ff_rig *rig, const struct ff_##op##_args *args,        \
                                     struct ff_##op##_result *result)                              \
    {                                                                                              \
        memset(result, 0, sizeof(*result));                                                        \
        return ff_rig_call(rig, FF_OP_##op, args, result);                                         \
    }
#define FF_OP_HOST(op, class, flags, help)
#define FF_OP_LATER(op, class, flags, help)
#define FF_REQ(op, type, name, max, help)
#define FF_OPT(op, type, name, max, help)
#define FF_DEF(op, type, name, max, def, help)
#define FF_REP(op, type, name, help)
#define FF_REPO(op, type, name, help)
#define FF_END(op)
#include "core/ops.def"

#endif
