#include <stddef.h>

#include "supervisor/config_int.h"

/* The sections of worker hosts and their handlers. */

#define HOSTS_MAX 64
#define HANDLERS_MAX 256
#define NAME_BYTES_MAX 64
#define KIND_BYTES_MAX 256 /* 02 §4 */

#define SETTING(struct_, type_, name_, min_, max_, def_, rule_, help_)                             \
    { .name = #name_,                                                                              \
      .type = &ff_setting_type_##type_,                                                            \
      .min = (min_),                                                                               \
      .max = (max_),                                                                               \
      .def = (def_),                                                                               \
      .rule = (rule_),                                                                             \
      .help = (help_),                                                                             \
      .offset = offsetof(struct struct_, name_) },

static const struct ff_setting host_settings[] = {
#define FF_HOST(type, name, min, max, def, rule, help)                                             \
    SETTING(ff_host_config, type, name, min, max, def, rule, help)
#define FF_HANDLER(type, name, min, max, def, rule, help)
#include "supervisor/config_hosts.def"
};

static const struct ff_setting handler_settings[] = {
#define FF_HOST(type, name, min, max, def, rule, help)
#define FF_HANDLER(type, name, min, max, def, rule, help)                                          \
    SETTING(ff_handler_config, type, name, min, max, def, rule, help)
#include "supervisor/config_hosts.def"
};

const struct ff_section ff_section_host = { "worker", host_settings, FF_COUNT(host_settings) };
const struct ff_section ff_section_handler = { "handler", handler_settings,
                                               FF_COUNT(handler_settings) };

/* ---- loading ---- */

/* where: the section in words, `worker "NAME"`. */
static ff_err
refuse_value(struct ff_loading *loading, const char *where, const struct ff_setting *setting,
             const struct ff_file_value *value, const char *reason)
{
    struct ff_str field = ff_arena_printf(&loading->config->arena, "%s: %s", where, setting->name);

    return ff_config_refuse_line(loading, value->line, field.p, reason, value->text);
}

/* config: the struct of the section. */
static ff_err
load_values(struct ff_loading *loading, const struct ff_section *kind, const char *where,
            const struct ff_file_section *section, void *config)
{
    for (size_t i = 0; i < kind->n; i++) {
        const struct ff_setting *setting = &kind->settings[i];
        const struct ff_file_value *value = &section->v[i];
        struct ff_parse parse = { .setting = setting,
                                  .input = loading->input,
                                  .arena = &loading->config->arena };
        struct ff_str text = ff_cstr(setting->def);
        const char *wrong = NULL;

        if (value->text != NULL) {
            text = ff_str(value->text, value->n - 1);
        }
        if (text.p == NULL) {
            continue;
        }
        wrong = setting->type->parse(&parse, text, ff_setting_field(setting, config));
        if (wrong != NULL) {
            return refuse_value(loading, where, setting, value, wrong);
        }
    }
    return FF_E_OK;
}

static ff_err
load_handler(struct ff_loading *loading, const char *host, const struct ff_file_section *section,
             struct ff_handler_config *handler)
{
    const char *where =
        ff_arena_printf(&loading->config->arena, "%s: handler \"%s\"", host, section->title).p;

    handler->kind = ff_cstr(section->title);
    if (handler->kind.n == 0 || handler->kind.n > KIND_BYTES_MAX) {
        return ff_config_refuse_line(loading, section->line, where,
                                     "must be named by a kind of 1 to 256 bytes", NULL);
    }
    FF_TRY(load_values(loading, &ff_section_handler, where, section, handler));
    if ((handler->exec.n > 0) == (handler->plugin.p != NULL)) {
        return ff_config_refuse_line(loading, section->line, where,
                                     "must have one of exec and plugin", NULL);
    }
    return FF_E_OK;
}

/* It is the name of a child and goes into ids and logs. */
static bool
is_name(const char *text)
{
    size_t n = strspn(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.");

    return n > 0 && n <= NAME_BYTES_MAX && text[n] == '\0';
}

static ff_err
load_host(struct ff_loading *loading, const struct ff_file_section *section,
          struct ff_host_config *host)
{
    struct ff_arena *arena = &loading->config->arena;
    const char *where = ff_arena_printf(arena, "worker \"%s\"", section->title).p;

    host->name = ff_cstr(section->title);
    if (!is_name(section->title)) {
        return ff_config_refuse_line(loading, section->line, where,
                                     "must be named by 1 to 64 of a-z A-Z 0-9 - _ .", NULL);
    }
    FF_TRY(load_values(loading, &ff_section_host, where, section, host));
    if (section->n_inner == 0 || section->n_inner > HANDLERS_MAX) {
        return ff_config_refuse_line(loading, section->line, where, "must have 1 to 256 handlers",
                                     NULL);
    }
    host->n_handlers = section->n_inner;
    host->handlers = FF_ARENA_NEW(arena, struct ff_handler_config, section->n_inner);
    for (uint32_t i = 0; i < section->n_inner; i++) {
        FF_TRY(load_handler(loading, where, &section->inner[i], &host->handlers[i]));
    }
    return FF_E_OK;
}

ff_err
ff_config_load_hosts(struct ff_loading *loading)
{
    const struct ff_file_values *file = &loading->file;
    struct ff_host_configs *hosts = &loading->config->worker_hosts;

    if (file->n_hosts > HOSTS_MAX) {
        return ff_config_refuse_line(loading, file->hosts[HOSTS_MAX].line, "worker",
                                     "must be at most 64 sections", NULL);
    }
    hosts->v = FF_ARENA_NEW(&loading->config->arena, struct ff_host_config, file->n_hosts);
    hosts->n = file->n_hosts;
    for (uint32_t i = 0; i < file->n_hosts; i++) {
        FF_TRY(load_host(loading, &file->hosts[i], &hosts->v[i]));
    }
    return FF_E_OK;
}

/* ---- finding and comparing ---- */

const struct ff_host_config *
ff_config_host(const struct ff_config *config, const char *name)
{
    for (uint32_t i = 0; i < config->worker_hosts.n; i++) {
        if (ff_str_is(config->worker_hosts.v[i].name, name)) {
            return &config->worker_hosts.v[i];
        }
    }
    return NULL;
}

const struct ff_handler_config *
ff_host_handler(const struct ff_host_config *host, struct ff_str kind)
{
    for (uint32_t i = 0; i < host->n_handlers; i++) {
        if (ff_str_eq(host->handlers[i].kind, kind)) {
            return &host->handlers[i];
        }
    }
    return NULL;
}

static bool
handlers_same(const struct ff_host_config *a, const struct ff_host_config *b,
              struct ff_arena *arena)
{
    bool same = a->n_handlers == b->n_handlers;

    for (uint32_t i = 0; same && i < a->n_handlers; i++) {
        const struct ff_handler_config *other = ff_host_handler(b, a->handlers[i].kind);

        for (size_t s = 0; s < FF_COUNT(handler_settings); s++) {
            same = same && other != NULL &&
                   ff_setting_same(&handler_settings[s], &a->handlers[i], other, arena);
        }
    }
    return same;
}

bool
ff_host_same(const struct ff_host_config *a, const struct ff_host_config *b)
{
    FF_SCOPED(ff_arena) arena = { 0 };
    bool same = handlers_same(a, b, &arena);

    for (size_t i = 0; i < FF_COUNT(host_settings); i++) {
        bool counts = host_settings[i].offset != offsetof(struct ff_host_config, count);

        same = same && (!counts || ff_setting_same(&host_settings[i], a, b, &arena));
    }
    return same;
}

struct ff_strs
ff_config_changed(const struct ff_config *a, const struct ff_config *b, struct ff_arena *arena)
{
    const uint32_t max = FF_CFG_ID_N + a->worker_hosts.n + b->worker_hosts.n;
    struct ff_strs names = { .v = FF_ARENA_NEW(arena, struct ff_str, max) };

    for (size_t i = 0; i < FF_CFG_ID_N; i++) {
        if (!ff_setting_same(&ff_settings[i], a, b, arena)) {
            names.v[names.n++] = ff_cstr(ff_settings[i].name);
        }
    }
    for (uint32_t i = 0; i < a->worker_hosts.n; i++) {
        const struct ff_host_config *before = &a->worker_hosts.v[i];
        const struct ff_host_config *after = ff_config_host(b, before->name.p);

        if (after == NULL || before->count != after->count || !ff_host_same(before, after)) {
            names.v[names.n++] = ff_arena_printf(arena, "worker %s", before->name.p);
        }
    }
    for (uint32_t i = 0; i < b->worker_hosts.n; i++) {
        if (ff_config_host(a, b->worker_hosts.v[i].name.p) == NULL) {
            names.v[names.n++] = ff_arena_printf(arena, "worker %s", b->worker_hosts.v[i].name.p);
        }
    }
    return names;
}

/* ---- for people ---- */

static void
print_head(const char *indent, const char *kind, struct ff_str title, FILE *out)
{
    fprintf(out, "%s%s ", indent, kind);
    ff_config_print_quoted(title, out);
    fputs(" {\n", out);
}

static void
print_values(const char *indent, const struct ff_section *kind, const void *config, FILE *out)
{
    FF_SCOPED(ff_arena) arena = { 0 };

    for (size_t i = 0; i < kind->n; i++) {
        struct ff_str text = ff_setting_shown(&kind->settings[i], config, &arena);

        if (text.p == NULL) {
            continue;
        }
        fprintf(out, "%s%s = ", indent, kind->settings[i].name);
        if (kind->settings[i].type == &ff_setting_type_command) {
            fputs(text.p, out);
        } else {
            ff_config_print_quoted(text, out);
        }
        fputc('\n', out);
    }
}

void
ff_config_print_hosts(const struct ff_config *config, FILE *out)
{
    for (uint32_t i = 0; i < config->worker_hosts.n; i++) {
        const struct ff_host_config *host = &config->worker_hosts.v[i];

        print_head("", ff_section_host.name, host->name, out);
        print_values("  ", &ff_section_host, host, out);
        for (uint32_t h = 0; h < host->n_handlers; h++) {
            print_head("  ", ff_section_handler.name, host->handlers[h].kind, out);
            print_values("    ", &ff_section_handler, &host->handlers[h], out);
            fputs("  }\n", out);
        }
        fputs("}\n", out);
    }
}

static void
print_kind(const struct ff_section *kind, FILE *out)
{
    for (size_t i = 0; i < kind->n; i++) {
        const struct ff_setting *setting = &kind->settings[i];

        fprintf(out, "  %s\n      %s\n", setting->name, setting->help);
        if (setting->rule[0] != '\0') {
            fprintf(out, "      rule: %s\n", setting->rule);
        }
        fprintf(out, "      default: %s\n", setting->def == NULL ? "none" : setting->def);
    }
}

void
ff_config_print_host_settings(FILE *out)
{
    fprintf(out, "\nWorker hosts: sections of the file,\n"
                 "  worker \"NAME\" { handler \"KIND\" { exec = {\"/path\", \"argument\"} } }\n"
                 "\nIn a worker section:\n");
    print_kind(&ff_section_host, out);
    fprintf(out, "\nIn a handler section, for executions of that kind:\n");
    print_kind(&ff_section_handler, out);
}
