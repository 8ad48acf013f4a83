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

struct ff_setting {
    const char *name;
    const struct ff_setting_type *type;
    uint64_t min, max;
    const char *def; /* NULL: none */
    bool derived;    /* def is for people only */
    const char *rule;
    const char *help;
    size_t offset; /* in struct ff_config */
};

extern const struct ff_setting ff_settings[FF_CFG_ID_N];

/* NULL: none. */
const char *ff_setting_old_name(const struct ff_setting *setting);

/* FF_ and the name in upper case. */
#define FF_ENV_NAME_MAX 64
void ff_setting_env(const char *name, char out[FF_ENV_NAME_MAX]);

static inline void *
ff_setting_field(const struct ff_setting *setting, struct ff_config *config)
{
    return (char *) config + setting->offset;
}

static inline const void *
ff_setting_value(const struct ff_setting *setting, const struct ff_config *config)
{
    return (const char *) config + setting->offset;
}

/* Of the environment in `input`; NULL: not set. */
const char *ff_config_env(const struct ff_config_input *input, const char *name);

/* What the configuration file gives; by enum ff_setting_id. */
struct ff_file_value {
    const char *text; /* NULL: not given */
    int line;
};
struct ff_file_values {
    bool found; /* there is a file */
    struct ff_file_value v[FF_CFG_ID_N];
    struct ff_file_value old[FF_CFG_ID_N]; /* under the setting's old name */
};

/* Reads the file at `path`; texts live in the arena.
 * FF_E_INVALID_CONFIG {file, line, reason}: it cannot be read, no such setting, not of the form. */
FF_MUST_USE ff_err ff_config_file_read(const char *path, bool missing_ok, struct ff_arena *arena,
                                       struct ff_file_values *out, struct ff_fault *fault);

#endif
