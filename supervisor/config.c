#include "supervisor/config.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <stddef.h>
#include <strings.h>

#include "supervisor/config_int.h"

/* "/operator.sock" must still fit a socket address (sun_path: 108 bytes with the closing zero). */
#define RUNTIME_DIR_BYTES_MAX 93

const struct ff_setting ff_settings[FF_CFG_ID_N] = {
#define FF_SETTING(type_, name_, min_, max_, def_, rule_, help_)                                   \
    [FF_CFG_ID_##name_] = { .name = #name_,                                                        \
                            .type = &ff_setting_type_##type_,                                      \
                            .min = (min_),                                                         \
                            .max = (max_),                                                         \
                            .def = (def_),                                                         \
                            .derived = false,                                                      \
                            .rule = (rule_),                                                       \
                            .help = (help_),                                                       \
                            .offset = offsetof(struct ff_config, name_) },
#define FF_DERIVED(type_, name_, min_, max_, def_, rule_, help_)                                   \
    [FF_CFG_ID_##name_] = { .name = #name_,                                                        \
                            .type = &ff_setting_type_##type_,                                      \
                            .min = (min_),                                                         \
                            .max = (max_),                                                         \
                            .def = (def_),                                                         \
                            .derived = true,                                                       \
                            .rule = (rule_),                                                       \
                            .help = (help_),                                                       \
                            .offset = offsetof(struct ff_config, name_) },
#define FF_OLD_NAME(name_, old_)
#include "supervisor/config.def"
};

static const char *const old_names[FF_CFG_ID_N] = {
#define FF_SETTING(type, name, min, max, def, rule, help)
#define FF_DERIVED(type, name, min, max, def, rule, help)
#define FF_OLD_NAME(name, old) [FF_CFG_ID_##name] = #old,
#include "supervisor/config.def"
};

const char *
ff_setting_old_name(const struct ff_setting *setting)
{
    return old_names[setting - ff_settings];
}

void
ff_setting_env(const char *name, char out[FF_ENV_NAME_MAX])
{
    size_t n = strlen(name);

    FF_ASSERT(n + 4 <= FF_ENV_NAME_MAX);
    memcpy(out, "FF_", 3);
    for (size_t i = 0; i <= n; i++) {
        out[3 + i] = (char) toupper((unsigned char) name[i]);
    }
}

const char *
ff_config_env(const struct ff_config_input *input, const char *name)
{
    size_t n = strlen(name);

    for (char *const *entry = input->env; entry != NULL && *entry != NULL; entry++) {
        if (strncmp(*entry, name, n) == 0 && (*entry)[n] == '=') {
            return *entry + n + 1;
        }
    }
    return NULL;
}

/* ---- one value: where it comes from, and what is wrong with it ---- */

struct given {
    enum ff_config_source source;
    const char *name; /* as its giver writes it */
    const char *text; /* NULL: not given */
    int line;
};

static struct given
from_environment(struct ff_loading *loading, const char *name)
{
    struct given given = { .source = FF_FROM_ENVIRONMENT };
    char *copy = ff_arena_alloc(&loading->config->arena, FF_ENV_NAME_MAX);

    ff_setting_env(name, copy);
    given.name = copy;
    given.text = ff_config_env(loading->input, copy);
    return given;
}

static struct given
from_file(const char *name, const struct ff_file_value *value)
{
    return (struct given){
        .source = FF_FROM_FILE, .name = name, .text = value->text, .line = value->line
    };
}

/* The environment wins over the file, and the name over the old name. */
static struct given
find_given(struct ff_loading *loading, const struct ff_setting *setting)
{
    size_t id = (size_t) (setting - ff_settings);
    const char *old_name = ff_setting_old_name(setting);
    struct given given = from_environment(loading, setting->name);

    if (given.text == NULL) {
        given = from_file(setting->name, &loading->file.v[id]);
    }
    if (given.text == NULL && old_name != NULL) {
        given = from_environment(loading, old_name);
    }
    if (given.text == NULL && old_name != NULL) {
        given = from_file(old_name, &loading->file.old[id]);
    }
    if (given.text == NULL) {
        given = from_environment(loading, setting->name); /* how it would be named */
        given.source = FF_FROM_DEFAULT;
    }
    return given;
}

/* place, name, what is wrong, and the offending text where it may be seen. */
static const char *
compose(struct ff_loading *loading, const char *place, const char *name, const char *reason,
        const char *text)
{
    struct ff_arena *arena = &loading->config->arena;
    struct ff_str shown = ff_cstr("");

    if (text != NULL) {
        shown = ff_arena_printf(arena, ", not \"%s\"", text);
    }
    return ff_arena_printf(arena, "%s%s: %s%s", place, name, reason, shown.p).p;
}

ff_err
ff_config_refuse_line(struct ff_loading *loading, int line, const char *field, const char *reason,
                      const char *text)
{
    struct ff_str path = loading->config->path;
    struct ff_str place = ff_arena_printf(&loading->config->arena, "%s:%d: ", path.p, line);
    ff_err err = ff_fail(loading->fault, FF_E_INVALID_CONFIG, ff_d_str("file", path),
                         ff_d_u64("line", (uint64_t) line), ff_d_text("field", field),
                         ff_d_text("reason", reason));

    loading->fault->message = compose(loading, place.p, field, reason, text);
    return err;
}

static ff_err
refuse(struct ff_loading *loading, enum ff_setting_id id, const char *reason)
{
    const struct ff_setting *setting = &ff_settings[id];
    struct given given = find_given(loading, setting);
    const char *text = given.text;
    ff_err err = FF_E_INVALID_CONFIG;

    if (text != NULL && setting->type->privacy == FF_SECRET) {
        text = NULL;
    } else if (text != NULL && setting->type->privacy == FF_URL) {
        text = ff_store_url_shown(ff_cstr(text), &loading->config->arena).p;
    }
    if (given.source == FF_FROM_FILE) {
        return ff_config_refuse_line(loading, given.line, given.name, reason, text);
    }
    err = ff_fail(loading->fault, err, ff_d_text("context", "environment"),
                  ff_d_text("field", given.name), ff_d_text("reason", reason));
    loading->fault->message = compose(loading, "", given.name, reason, text);
    return err;
}

/* Texts of the environment may change later: they are copied. */
static ff_err
set_value(struct ff_loading *loading, enum ff_setting_id id)
{
    const struct ff_setting *setting = &ff_settings[id];
    struct ff_arena *arena = &loading->config->arena;
    struct given given = find_given(loading, setting);
    struct ff_parse parse = { .setting = setting, .input = loading->input, .arena = arena };
    const char *text = given.text;
    const char *wrong = NULL;

    loading->config->source[id] = (uint8_t) given.source;
    if (text == NULL && !setting->derived) {
        text = setting->def;
    }
    if (text == NULL) {
        return FF_E_OK;
    }
    wrong = setting->type->parse(&parse, ff_arena_printf(arena, "%s", text),
                                 ff_setting_field(setting, loading->config));
    return wrong == NULL ? FF_E_OK : refuse(loading, id, wrong);
}

/* ---- defaults that follow from others ---- */

/* $variable/flowfabric, or $HOME/under_home/flowfabric; absent if there is neither. An empty
 * variable counts as unset, as the XDG rules have it. */
static struct ff_str
user_dir(const struct ff_config_input *input, const char *variable, const char *under_home,
         struct ff_arena *arena)
{
    const char *base = ff_config_env(input, variable);
    const char *home = ff_config_env(input, "HOME");

    if (base != NULL && base[0] == '/') {
        return ff_arena_printf(arena, "%s/flowfabric", base);
    }
    if (under_home != NULL && home != NULL && home[0] == '/') {
        return ff_arena_printf(arena, "%s/%s/flowfabric", home, under_home);
    }
    return ff_cstr(NULL);
}

struct ff_str
ff_config_default_path(const struct ff_config_input *input, struct ff_arena *arena)
{
    struct ff_str dir = ff_cstr("/etc/flowfabric");

    if (!input->root) {
        dir = user_dir(input, "XDG_CONFIG_HOME", ".config", arena);
    }
    return dir.p == NULL ? dir : ff_arena_printf(arena, "%s/flowfabric.conf", dir.p);
}

static ff_err
derive_dirs(struct ff_loading *loading)
{
    struct ff_config *config = loading->config;

    if (config->state_dir.p == NULL) {
        config->state_dir = loading->input->root ? ff_cstr("/var/lib/flowfabric")
                                                 : user_dir(loading->input, "XDG_STATE_HOME",
                                                            ".local/state", &config->arena);
    }
    if (config->state_dir.p == NULL) {
        return refuse(loading, FF_CFG_ID_state_dir,
                      "must be set, as neither XDG_STATE_HOME nor HOME is");
    }
    if (config->runtime_dir.p == NULL) {
        config->runtime_dir = loading->input->root ? ff_cstr("/run/flowfabric")
                                                   : user_dir(loading->input, "XDG_RUNTIME_DIR",
                                                              NULL, &config->arena);
    }
    if (config->runtime_dir.p == NULL) {
        return refuse(loading, FF_CFG_ID_runtime_dir, "must be set, as XDG_RUNTIME_DIR is not");
    }
    if (config->runtime_dir.n > RUNTIME_DIR_BYTES_MAX) {
        return refuse(loading, FF_CFG_ID_runtime_dir,
                      "must be at most 93 bytes, for the sake of the sockets in it");
    }
    return FF_E_OK;
}

/* ---- rules over several settings ---- */

static bool
is_loopback(const char *host)
{
    struct in_addr v4 = { 0 };
    struct in6_addr v6 = { 0 };

    if (inet_pton(AF_INET, host, &v4) == 1) {
        return ntohl(v4.s_addr) >> 24 == 127;
    }
    if (inet_pton(AF_INET6, host, &v6) == 1) {
        return IN6_IS_ADDR_LOOPBACK(&v6);
    }
    return strcasecmp(host, "localhost") == 0;
}

static ff_err
check_exposure(struct ff_loading *loading)
{
    const struct ff_config *config = loading->config;

    if (config->listen_addr.host.p == NULL || config->api_token.p != NULL ||
        config->allow_unauthenticated || is_loopback(config->listen_addr.host.p)) {
        return FF_E_OK;
    }
    return refuse(loading, FF_CFG_ID_listen_addr,
                  "must be a loopback address as long as FF_API_TOKEN is not set "
                  "(FF_ALLOW_UNAUTHENTICATED=1 overrides)");
}

/* ---- loading ---- */

static ff_err
read_file(struct ff_loading *loading)
{
    struct ff_config *config = loading->config;
    bool is_default = loading->input->path == NULL;
    struct ff_str path = ff_cstr(NULL);

    if (is_default) {
        path = ff_config_default_path(loading->input, &config->arena);
    } else {
        path = ff_arena_printf(&config->arena, "%s", loading->input->path);
    }
    if (path.p == NULL) {
        return FF_E_OK;
    }
    FF_TRY(ff_config_file_read(path.p, is_default, &config->arena, &loading->file, loading->fault));
    if (loading->file.found) {
        config->path = path;
    }
    return FF_E_OK;
}

ff_err
ff_config_load(struct ff_config *config, const struct ff_config_input *input,
               struct ff_fault *fault)
{
    struct ff_loading loading = { .config = config, .input = input, .fault = fault };

    FF_TRY(read_file(&loading));
    for (int id = 0; id < FF_CFG_ID_N; id++) {
        FF_TRY(set_value(&loading, (enum ff_setting_id) id));
    }
    FF_TRY(derive_dirs(&loading));
    if (config->source[FF_CFG_ID_store] == FF_FROM_DEFAULT) {
        config->store =
            ff_arena_printf(&config->arena, "sqlite:%s/flowfabric.db", config->state_dir.p);
    }
    if (config->source[FF_CFG_ID_flow_retention_ms] == FF_FROM_DEFAULT) {
        config->flow_retention_ms = config->retention_ms;
    }
    FF_TRY(check_exposure(&loading));
    return ff_config_load_hosts(&loading);
}

void
ff_config_done(struct ff_config *config)
{
    ff_arena_done(&config->arena);
    *config = (struct ff_config){ 0 };
}
