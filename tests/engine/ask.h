/* ask.h: calls in JSON whose answer is a text: the result as JSON, or "!code" or "!code reason" of
 * an error. For what is easier to read so than in structs.
 */
#ifndef FF_TESTS_ENGINE_ASK_H
#define FF_TESTS_ENGINE_ASK_H

#include <stdarg.h>
#include <stdio.h>

#include "tests/engine/life.h"

static inline const char *
ask_text(struct ff_rig *rig, enum ff_op op, const char *json)
{
    void *result = ff_arena_zalloc(&rig->arena, ff_ops[op].result->size);
    ff_err err = ff_rig_call_json(rig, op, json, result);
    struct ff_packer packer;
    struct ff_str packed;
    msgpack_object object;

    if (err != FF_E_OK) {
        const char *reason = ff_rig_detail(rig, "reason");

        return ff_arena_printf(&rig->arena, "!%s%s%s", ff_error_info(err)->code,
                               reason[0] == '\0' ? "" : " ", reason)
            .p;
    }
    ff_packer_init(&packer);
    ff_encode(ff_ops[op].result, result, &packer.pk);
    packed = ff_arena_copy(&rig->arena, ff_packer_str(&packer));
    ff_packer_done(&packer);
    assert_int_equal(ff_msgpack_parse(packed, &rig->zone, &object, &rig->fault), FF_E_OK);
    return ff_arena_printf(&rig->arena, "%s", ff_msgpack_to_json(&object, 0, &rig->arena).p).p;
}

/* The arguments as a format of JSON in which ' stands for ". */
static inline const char *ask(struct ff_rig *rig, enum ff_op op, const char *format, ...)
    FF_PRINTF(3, 4);
static inline const char *
ask(struct ff_rig *rig, enum ff_op op, const char *format, ...)
{
    char json[4096];
    va_list args;

    va_start(args, format);
    assert_true(vsnprintf(json, sizeof(json), format, args) < (int) sizeof(json));
    va_end(args);
    for (char *p = json; *p != '\0'; p++) {
        *p = *p == '\'' ? '"' : *p;
    }
    return ask_text(rig, op, json);
}

/* Compares an answer; ' stands for " in what is wanted. */
static inline void
assert_answer_(const char *got, const char *want, const char *file, int line)
{
    char text[4096];
    size_t i = 0;

    for (i = 0; want[i] != '\0' && i + 1 < sizeof(text); i++) {
        text[i] = want[i] == '\'' ? '"' : want[i];
    }
    text[i] = '\0';
    _assert_string_equal(got, text, file, line);
}
#define assert_answer(got, want) assert_answer_((got), (want), __FILE__, __LINE__)

/* One member of an answer as text: "" where there is none; texts without their quotes. */
static inline const char *
member(struct ff_rig *rig, const char *answer, const char *name)
{
    char key[80];
    const char *at = NULL, *end = NULL;
    int depth = 0;

    snprintf(key, sizeof(key), "\"%s\":", name);
    at = strstr(answer, key);
    if (at == NULL) {
        return "";
    }
    at += strlen(key);
    for (end = at; *end != '\0' && (depth > 0 || (*end != ',' && *end != '}' && *end != ']'));
         end++) {
        depth += *end == '{' || *end == '[';
        depth -= *end == '}' || *end == ']';
    }
    if (*at == '"') {
        at++;
        end--;
    }
    return ff_arena_printf(&rig->arena, "%.*s", (int) (end - at), at).p;
}
#define assert_member(rig, answer, name, want)                                                     \
    assert_string_equal(member((rig), (answer), (name)), (want))

#endif
