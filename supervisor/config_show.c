#include "supervisor/config_int.h"

/* ---- passwords ---- */

static const char hidden[] = "***";

/* Strikes out name=value of a query part; `rest` is what stands behind the `?`. */
static struct ff_str
strike_parameters(struct ff_str shown, const char *rest, struct ff_arena *arena)
{
    const char *sign = "?";

    while (*rest != '\0') {
        size_t n = strcspn(rest, "&");
        size_t name = strcspn(rest, "=&");

        if (name < n && memmem(rest, name, "password", 8) != NULL) {
            shown = ff_arena_printf(arena, "%s%s%.*s=%s", shown.p, sign, (int) name, rest, hidden);
        } else {
            shown = ff_arena_printf(arena, "%s%s%.*s", shown.p, sign, (int) n, rest);
        }
        sign = "&";
        rest += n + (rest[n] == '&');
    }
    return shown;
}

/* A password may have any character in it, an @ or / too: everything from the first colon behind
 * :// to the last @ goes, which may be too much, but is never too little. */
struct ff_str
ff_store_url_shown(struct ff_str url, struct ff_arena *arena)
{
    struct ff_str copy = ff_arena_copy(arena, url);
    const char *text = ff_arena_printf(arena, "%.*s", (int) copy.n, copy.p).p;
    const char *authority = strstr(text, "://");
    const char *at = strrchr(text, '@');
    const char *colon = authority == NULL ? NULL : strchr(authority + 3, ':');
    const char *query = NULL;
    struct ff_str shown = ff_cstr("");

    if (authority == NULL) {
        return ff_cstr(text); /* a path */
    }
    if (at != NULL && colon != NULL && colon < at) {
        shown = ff_arena_printf(arena, "%.*s:%s", (int) (colon - text), text, hidden);
        text = at;
    }
    query = strchr(text, '?');
    if (query == NULL) {
        return ff_arena_printf(arena, "%s%s", shown.p, text);
    }
    shown = ff_arena_printf(arena, "%s%.*s", shown.p, (int) (query - text), text);
    return strike_parameters(shown, query + 1, arena);
}

/* ---- what is in force ---- */

struct ff_str
ff_setting_shown(const struct ff_setting *setting, const void *config, struct ff_arena *arena)
{
    return setting->type->show(arena, ff_setting_value(setting, config));
}

bool
ff_setting_same(const struct ff_setting *setting, const void *a, const void *b,
                struct ff_arena *arena)
{
    struct ff_str left = ff_setting_shown(setting, a, arena);
    struct ff_str right = ff_setting_shown(setting, b, arena);

    return (left.p == NULL) == (right.p == NULL) && ff_str_eq(left, right);
}

void
ff_config_print_quoted(struct ff_str text, FILE *out)
{
    fputc('"', out);
    for (uint32_t i = 0; i < text.n; i++) {
        if (text.p[i] == '"' || text.p[i] == '\\' || text.p[i] == '$') {
            fputc('\\', out);
        }
        fputc(text.p[i], out);
    }
    fputc('"', out);
}

static void
print_setting(const struct ff_setting *setting, const struct ff_config *config, FILE *out)
{
    static const char *const sources[] = { "default", "file", "environment" };
    FF_SCOPED(ff_arena) arena = { 0 };
    struct ff_str text = ff_setting_shown(setting, config, &arena);
    const char *source = sources[config->source[setting - ff_settings]];

    if (text.p == NULL) {
        fprintf(out, "# %s is not set\n", setting->name);
        return;
    }
    if (setting->type->privacy == FF_SECRET) {
        fprintf(out, "# %s is set, and not shown # %s\n", setting->name, source);
        return;
    }
    if (setting->type->privacy == FF_URL) {
        text = ff_store_url_shown(text, &arena);
    }
    fprintf(out, "%s = ", setting->name);
    ff_config_print_quoted(text, out);
    fprintf(out, " # %s\n", source);
}

void
ff_config_print(const struct ff_config *config, FILE *out)
{
    fprintf(out, "# file: %s\n", config->path.p == NULL ? "none" : config->path.p);
    for (size_t i = 0; i < FF_CFG_ID_N; i++) {
        print_setting(&ff_settings[i], config, out);
    }
    ff_config_print_hosts(config, out);
}

/* ---- for people ---- */

void
ff_config_print_settings(FILE *out)
{
    for (size_t i = 0; i < FF_CFG_ID_N; i++) {
        const struct ff_setting *setting = &ff_settings[i];
        const char *old_name = ff_setting_old_name(setting);
        char env[FF_ENV_NAME_MAX];

        ff_setting_env(setting->name, env);
        fprintf(out, "  %s, %s\n      %s\n", env, setting->name, setting->help);
        if (setting->rule[0] != '\0') {
            fprintf(out, "      rule: %s\n", setting->rule);
        }
        fprintf(out, "      default: %s\n", setting->def == NULL ? "none" : setting->def);
        if (old_name != NULL) {
            fprintf(out, "      older name: %s\n", old_name);
        }
    }
    ff_config_print_host_settings(out);
}

static void
warn_stream(void *ctx, const char *text)
{
    fprintf(ctx, "flowfabricd: warning: %s\n", text);
}

int
ff_config_check(const struct ff_config_input *input, FILE *out, FILE *err)
{
    FF_SCOPED(ff_config) config = { 0 };
    struct ff_config_input warned = *input;
    struct ff_fault fault = { 0 };

    warned.warn = warn_stream;
    warned.ctx = err;
    if (ff_config_load(&config, &warned, &fault) != FF_E_OK) {
        fprintf(err, "flowfabricd: %s\n", fault.message);
        return 1;
    }
    ff_config_print(&config, out);
    return 0;
}
