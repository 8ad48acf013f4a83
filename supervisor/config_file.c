#include <confuse.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "supervisor/config_int.h"

/* Every setting is a libconfuse option of type pointer, whose parser keeps the text and the line it
 * stands in: values are checked where those of the environment are, and errors can still say where.
 */

/* More sections of a kind are more than a daemon has room for. */
#define SECTIONS_MAX 256

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

/* Room for every setting under both names, the sections and the end mark. */
#define SCHEMA_MAX (2 * FF_CFG_ID_N + 2)

static size_t
add_setting(cfg_opt_t *schema, size_t n, const char *name, cfg_flag_t flags)
{
    schema[n++] = (cfg_opt_t) CFG_PTR_CB(name, NULL, flags | CFGF_NODEFAULT, take_value, free);
    return n;
}

static size_t
add_settings(cfg_opt_t *schema, const struct ff_section *section)
{
    size_t n = 0;

    for (size_t i = 0; i < section->n; i++) {
        bool list = section->settings[i].type == &ff_setting_type_command;

        n = add_setting(schema, n, section->settings[i].name, list ? CFGF_LIST : CFGF_NONE);
    }
    return n;
}

static cfg_opt_t
section_option(const struct ff_section *section, cfg_opt_t *inner)
{
    const cfg_flag_t flags = CFGF_MULTI | CFGF_TITLE | CFGF_NO_TITLE_DUPES;

    return (cfg_opt_t) CFG_SEC(section->name, inner, flags);
}

static void
make_schema(cfg_opt_t schema[SCHEMA_MAX], cfg_opt_t *host, cfg_opt_t *handler)
{
    size_t n = add_settings(handler, &ff_section_handler);

    handler[n] = (cfg_opt_t) CFG_END();
    n = add_settings(host, &ff_section_host);
    host[n++] = section_option(&ff_section_handler, handler);
    host[n] = (cfg_opt_t) CFG_END();
    n = 0;
    for (size_t i = 0; i < FF_CFG_ID_N; i++) {
        const char *old_name = ff_setting_old_name(&ff_settings[i]);

        n = add_setting(schema, n, ff_settings[i].name, CFGF_NONE);
        if (old_name != NULL) {
            n = add_setting(schema, n, old_name, CFGF_NONE);
        }
    }
    schema[n++] = section_option(&ff_section_host, host);
    schema[n] = (cfg_opt_t) CFG_END();
}

static struct ff_file_value
copy_value(cfg_t *cfg, const char *name, struct ff_arena *arena)
{
    struct ff_file_value value = { 0 };
    unsigned n = name == NULL ? 0 : cfg_size(cfg, name);
    char *end = NULL;

    for (unsigned i = 0; i < n; i++) {
        const struct located *located = cfg_getnptr(cfg, name, i);

        value.n += strlen(located->text) + 1;
        value.line = i == 0 ? located->line : value.line;
    }
    if (n > 0) {
        end = ff_arena_alloc(arena, value.n);
        value.text = end;
    }
    for (unsigned i = 0; i < n; i++) {
        const struct located *located = cfg_getnptr(cfg, name, i);

        end = stpcpy(end, located->text) + 1;
    }
    return value;
}

/* cfg: may be NULL: no sections. inner: the kind of the sections in it, or NULL. Returns how many.
 */
static uint32_t
copy_sections(cfg_t *cfg, const struct ff_section *kind, const struct ff_section *inner,
              struct ff_arena *arena, struct ff_file_section **out)
{
    uint32_t n = cfg_size(cfg, kind->name);
    struct ff_file_section *sections = FF_ARENA_NEW(arena, struct ff_file_section, n);

    for (uint32_t i = 0; i < n && i <= SECTIONS_MAX; i++) {
        cfg_t *section = cfg_getnsec(cfg, kind->name, i);

        sections[i].title = ff_arena_printf(arena, "%s", cfg_title(section)).p;
        sections[i].line = section->line;
        sections[i].v = FF_ARENA_NEW(arena, struct ff_file_value, kind->n);
        for (size_t s = 0; s < kind->n; s++) {
            sections[i].v[s] = copy_value(section, kind->settings[s].name, arena);
        }
        if (inner != NULL) {
            sections[i].n_inner = copy_sections(section, inner, NULL, arena, &sections[i].inner);
        }
    }
    *out = sections;
    return n;
}

static void
copy_values(cfg_t *cfg, struct ff_arena *arena, struct ff_file_values *out)
{
    for (size_t i = 0; i < FF_CFG_ID_N; i++) {
        out->v[i] = copy_value(cfg, ff_settings[i].name, arena);
        out->old[i] = copy_value(cfg, ff_setting_old_name(&ff_settings[i]), arena);
    }
    out->n_hosts = copy_sections(cfg, &ff_section_host, &ff_section_handler, arena, &out->hosts);
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
    cfg_opt_t schema[SCHEMA_MAX], host[SCHEMA_MAX], handler[SCHEMA_MAX];
    cfg_t *cfg = NULL;
    int status = 0;

    make_schema(schema, host, handler);
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
