/* config_int.h: the table of settings, and what the files of the module share. */
#ifndef FF_SUPERVISOR_CONFIG_INT_H
#define FF_SUPERVISOR_CONFIG_INT_H

#include "supervisor/config.h"

#define FF_DUR_S_MAX (FF_DUR_MS_MAX / 1000)

struct ff_setting;

/* What parsing a value needs. */
struct ff_parse {
    const struct ff_setting *setting;
    const struct ff_config_input *input; /* for warnings */
    struct ff_arena *arena;
};

/* Sets *field from text, which lives as long as the arena. Returns NULL, or what is wrong, in words
 * that follow the setting's name; field is then undefined. */
typedef const char *ff_parse_fn(const struct ff_parse *parse, struct ff_str text, void *field);
/* The value as the text of a configuration file; absent: there is none. */
typedef struct ff_str ff_show_fn(struct ff_arena *arena, const void *field);

enum ff_privacy { FF_SHOWN, FF_URL, FF_SECRET };

struct ff_setting_type {
    ff_parse_fn *parse;
    ff_show_fn *show;
    enum ff_privacy privacy;
};

/* Named in config.def. */
extern const struct ff_setting_type ff_setting_type_number;
extern const struct ff_setting_type ff_setting_type_flag;
extern const struct ff_setting_type ff_setting_type_log_level;
extern const struct ff_setting_type ff_setting_type_log_format;
extern const struct ff_setting_type ff_setting_type_dir;
extern const struct ff_setting_type ff_setting_type_store;
extern const struct ff_setting_type ff_setting_type_hex_secret;
extern const struct ff_setting_type ff_setting_type_token;
extern const struct ff_setting_type ff_setting_type_name;
extern const struct ff_setting_type ff_setting_type_lanes;
extern const struct ff_setting_type ff_setting_type_origins;
extern const struct ff_setting_type ff_setting_type_address;
extern const struct ff_setting_type ff_setting_type_tag;
extern const struct ff_setting_type ff_setting_type_capabilities;
extern const struct ff_setting_type ff_setting_type_command;

struct ff_setting {
    const char *name;
    const struct ff_setting_type *type;
    uint64_t min, max;
    const char *def; /* NULL: none */
    bool derived;    /* def is for people only */
    const char *rule;
    const char *help;
    size_t offset; /* in struct ff_config, or that of its section */
};

extern const struct ff_setting ff_settings[FF_CFG_ID_N];

/* NULL: none. */
const char *ff_setting_old_name(const struct ff_setting *setting);

/* FF_ and the name in upper case. */
#define FF_ENV_NAME_MAX 64
void ff_setting_env(const char *name, char out[FF_ENV_NAME_MAX]);

/* config: struct ff_config, ff_host_config or ff_handler_config, whichever the setting is of. */
static inline void *
ff_setting_field(const struct ff_setting *setting, void *config)
{
    return (char *) config + setting->offset;
}

static inline const void *
ff_setting_value(const struct ff_setting *setting, const void *config)
{
    return (const char *) config + setting->offset;
}

/* A kind of section of the file. */
struct ff_section {
    const char *name;
    const struct ff_setting *settings;
    size_t n;
};
extern const struct ff_section ff_section_host, ff_section_handler;

/* Of the environment in `input`; NULL: not set. */
const char *ff_config_env(const struct ff_config_input *input, const char *name);

/* What the configuration file gives; by enum ff_setting_id. */
struct ff_file_value {
    const char *text; /* NULL: not given */
    size_t n;         /* the texts of a list stand one behind the other, each with its zero byte */
    int line;
};
struct ff_file_section {
    const char *title;
    int line;                /* of its closing brace */
    struct ff_file_value *v; /* of the settings of its kind, in their order */
    struct ff_file_section *inner;
    uint32_t n_inner;
};
struct ff_file_values {
    bool found; /* there is a file */
    struct ff_file_value v[FF_CFG_ID_N];
    struct ff_file_value old[FF_CFG_ID_N]; /* under the setting's old name */
    struct ff_file_section *hosts;
    uint32_t n_hosts;
};

/* Reads the file at `path`; texts live in the arena.
 * FF_E_INVALID_CONFIG {file, line, reason}: it cannot be read, no such setting, not of the form. */
FF_MUST_USE ff_err ff_config_file_read(const char *path, bool missing_ok, struct ff_arena *arena,
                                       struct ff_file_values *out, struct ff_fault *fault);

/* What loading a section needs. config->path is set. */
struct ff_loading {
    struct ff_config *config;
    const struct ff_config_input *input;
    struct ff_fault *fault;
    struct ff_file_values file;
};
/* Fills config->worker_hosts from the file. */
FF_MUST_USE ff_err ff_config_load_hosts(struct ff_loading *loading);

/* "path:line: field: reason, not "text"", and the same as details. text NULL: not shown. */
ff_err ff_config_refuse_line(struct ff_loading *loading, int line, const char *field,
                             const char *reason, const char *text);

/* A value as text; absent: none. */
struct ff_str ff_setting_shown(const struct ff_setting *setting, const void *config,
                               struct ff_arena *arena);
bool ff_setting_same(const struct ff_setting *setting, const void *a, const void *b,
                     struct ff_arena *arena);
/* In quotes, as libconfuse reads it back. */
void ff_config_print_quoted(struct ff_str text, FILE *out);
void ff_config_print_hosts(const struct ff_config *config, FILE *out);
void ff_config_print_host_settings(FILE *out);

#endif
