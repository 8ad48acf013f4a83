/* What a call and the later ones of its frame will read, wanted together with what it waits for: on
 * a store that answers late a frame would else take a round trip for each of its calls. */
#include "core/engine/engine_int.h"
#include "core/handle.h"

/* Calls looked at: about as many as run in one go (SHIFT_CALLS). */
#define AHEAD_CALLS_MAX 128

static void
want(struct ff_engine *engine, enum ff_record kind, const struct ff_key *key)
{
    struct cell *cell = ff_cell_get(engine, kind, key);
    struct ff_fault fault = { 0 };

    if (ff_cell_top(cell) == NULL && !cell->wanted && !cell->corrupt) {
        (void) (ff_want_cell(engine, cell, &fault) == FF_E_PENDING);
    }
}

static void
want_held(struct ff_engine *engine, const struct ff_handle *handle)
{
    struct ff_handle_payload payload;
    struct ff_fault fault = { 0 };
    struct ff_key key;

    if (ff_handle_open(handle, engine->facts.handle_tag, &payload, &fault) != FF_E_OK) {
        return; /* the call itself will say so */
    }
    key = ff_key_eid(&payload.execution_id);
    want(engine, FF_R_EXEC, &key);
    key = ff_key_attempt(&payload.execution_id, payload.attempt_index);
    want(engine, FF_R_ATTEMPT, &key);
}

static void
look_at(struct ff_engine *engine, const struct ff_call *call)
{
    const struct ff_desc *args = ff_ops[call->op].args;

    for (uint32_t i = 0; i < args->n; i++) {
        const struct ff_field *field = &args->fields[i];
        const void *p = (const uint8_t *) call->args + field->offset;

        if ((field->flags & FF_FIELD_OPT) != 0) {
            continue;
        }
        if (field->type == FF_TYPE_OBJ && field->sub == &ff_desc_handle) {
            want_held(engine, p);
            return;
        }
        if (field->type == FF_TYPE_EID && strcmp(field->name, "execution_id") == 0) {
            struct ff_key key = ff_key_eid(p);

            want(engine, FF_R_EXEC, &key);
            return;
        }
    }
}

void
ff_look_ahead(struct ff_engine *engine, const struct ff_task *task)
{
    const struct ff_frame *frame = task->frame;

    for (uint32_t i = task->at; i < frame->n && i - task->at <= AHEAD_CALLS_MAX; i++) {
        const struct ff_call *call = &frame->calls[i];

        if (call->fault.code == FF_E_OK && call->run == NULL) {
            look_at(engine, call);
        }
    }
}
