#include <confuse.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "supervisor/config_int.h"

/* Every setting is a libconfuse option of type pointer, whose parser keeps the text and the line it
 * stands in: values are checked where those of the environment are, and errors can still say where.
 * Sections (worker hosts) are further rows of the schema. */

/* What a libconfuse option holds. */
struct located {
    int line;
    char text[];
};

/* libconfuse's error function has no argument of ours, and configuration is read by one thread. */
static struct {
    char words[256];
    int line;
} first_error;

static void
note_error(cfg_t *cfg, const char *fmt, va_list ap)
{
    if (first_error.words[0] == '\0') {
        vsnprintf(first_error.words, sizeof(first_error.words), fmt, ap);
        first_error.line = cfg == NULL ? 0 : cfg->line;
    }
}

static int
take_value(cfg_t *cfg, cfg_opt_t *opt, const char *value, void *result)
{
    size_t n = strlen(value) + 1;
    struct located *located = malloc(sizeof(*located) + n);

    if (located == NULL) {
        cfg_error(cfg, "%s: out of memory", opt->name);
        return -1;
    }
    located->line = cfg->line;
    memcpy(located->text, value, n);
    *(void **) result = located;
    return 0;
}

/* Room for every setting under both names, and the end mark. */
#define SCHEMA_MAX (2 * FF_CFG_ID_N + 1)

static void
make_schema(cfg_opt_t schema[SCHEMA_MAX])
{
    size_t n = 0;

    for (size_t i = 0; i < FF_CFG_ID_N; i++) {
        const char *name = ff_settings[i].name;
        const char *old_name = ff_setting_old_name(&ff_settings[i]);

        schema[n++] = (cfg_opt_t) CFG_PTR_CB(name, NULL, CFGF_NODEFAULT, take_value, free);
        if (old_name != NULL) {
            schema[n++] = (cfg_opt_t) CFG_PTR_CB(old_name, NULL, CFGF_NODEFAULT, take_value, free);
        }
    }
    schema[n] = (cfg_opt_t) CFG_END();
}

static struct ff_file_value
copy_value(cfg_t *cfg, const char *name, struct ff_arena *arena)
{
    struct ff_file_value value = { 0 };
    const struct located *located = NULL;

    if (name != NULL && cfg_size(cfg, name) > 0) {
        located = cfg_getptr(cfg, name);
    }
    if (located != NULL) {
        value.line = located->line;
        value.text = ff_arena_printf(arena, "%s", located->text).p;
    }
    return value;
}

static void
copy_values(cfg_t *cfg, struct ff_arena *arena, struct ff_file_values *out)
{
    for (size_t i = 0; i < FF_CFG_ID_N; i++) {
        out->v[i] = copy_value(cfg, ff_settings[i].name, arena);
        out->old[i] = copy_value(cfg, ff_setting_old_name(&ff_settings[i]), arena);
    }
}

static ff_err
fail_file(struct ff_arena *arena, struct ff_fault *fault, const char *path, int line,
          const char *reason)
{
    struct ff_str words = ff_arena_printf(arena, "%s", reason);
    struct ff_str file = ff_arena_printf(arena, "%s", path);
    ff_err err = ff_fail(fault, FF_E_INVALID_CONFIG, ff_d_str("file", file),
                         ff_d_u64("line", (uint64_t) line), ff_d_str("reason", words));

    fault->message = line == 0 ? ff_arena_printf(arena, "%s: %s", path, reason).p
                               : ff_arena_printf(arena, "%s:%d: %s", path, line, reason).p;
    return err;
}

static ff_err
parse_stream(FILE *stream, const char *path, struct ff_arena *arena, struct ff_file_values *out,
             struct ff_fault *fault)
{
    cfg_opt_t schema[SCHEMA_MAX];
    cfg_t *cfg = NULL;
    int status = 0;

    make_schema(schema);
    cfg = cfg_init(schema, CFGF_NONE);
    if (cfg == NULL) {
        return fail_file(arena, fault, path, 0, "out of memory");
    }
    first_error.words[0] = '\0';
    cfg_set_error_function(cfg, note_error);
    status = cfg_parse_fp(cfg, stream);
    if (status == CFG_SUCCESS) {
        copy_values(cfg, arena, out);
    }
    cfg_free(cfg);
    if (status != CFG_SUCCESS) {
        return fail_file(arena, fault, path, first_error.line,
                         first_error.words[0] == '\0' ? "not of the form name = value"
                                                      : first_error.words);
    }
    return FF_E_OK;
}

ff_err
ff_config_file_read(const char *path, bool missing_ok, struct ff_arena *arena,
                    struct ff_file_values *out, struct ff_fault *fault)
{
    FILE *stream = fopen(path, "re");
    ff_err err = FF_E_OK;

    *out = (struct ff_file_values){ 0 };
    if (stream == NULL) {
        if (errno == ENOENT && missing_ok) {
            return FF_E_OK;
        }
        return fail_file(arena, fault, path, 0, strerror(errno));
    }
    out->found = true;
    err = parse_stream(stream, path, arena, out, fault);
    fclose(stream);
    return err;
}
