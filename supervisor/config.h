/* config.h: the configuration of the daemon: one file, and the environment, which wins (08 §3).
 *
 * Every role of flowfabricd loads it by itself at its start. The settings, their defaults and rules
 * stand in config.def; libconfuse reads the file, in which each is `name = value`, in double quotes
 * where the value is more than a plain word (quotes are never wrong; a URL needs them, as // begins
 * a comment). Passwords, tokens and secrets never come out in a message or listing.
 */
#ifndef FF_SUPERVISOR_CONFIG_H
#define FF_SUPERVISOR_CONFIG_H

#include <stdio.h>

#include "core/arena.h"
#include "core/fault.h"
#include "core/types.h"

enum ff_log_format { FF_LOG_FORMAT_LOGFMT, FF_LOG_FORMAT_JSON };

/* host.p == NULL: none. A host in brackets comes without them. */
struct ff_address {
    struct ff_str host;
    uint16_t port; /* 0: any free one */
};

/* What a setting of each type is in struct ff_config; texts and lists without a value have
 * p == NULL, v == NULL. */
#define FF_CFG_number uint64_t
#define FF_CFG_flag bool
#define FF_CFG_log_level enum ff_log_level
#define FF_CFG_log_format enum ff_log_format
#define FF_CFG_dir struct ff_str
#define FF_CFG_store struct ff_str
#define FF_CFG_hex_secret struct ff_str
#define FF_CFG_token struct ff_str
#define FF_CFG_name struct ff_str
#define FF_CFG_lanes struct ff_strs
#define FF_CFG_origins struct ff_strs
#define FF_CFG_address struct ff_address
#define FF_CFG_tag struct ff_tag
#define FF_CFG_capabilities struct ff_strs /* sorted, each once */
#define FF_CFG_command struct ff_strs

enum ff_setting_id {
#define FF_SETTING(type, name, min, max, def, rule, help) FF_CFG_ID_##name,
#define FF_DERIVED(type, name, min, max, def, rule, help) FF_CFG_ID_##name,
#define FF_OLD_NAME(name, old)
#include "supervisor/config.def"
    FF_CFG_ID_N
};

enum ff_config_source { FF_FROM_DEFAULT, FF_FROM_FILE, FF_FROM_ENVIRONMENT };

/* A `handler "KIND"` section: exec.v or plugin.p is set, never both. */
struct ff_handler_config {
    struct ff_str kind; /* of executions */
#define FF_HOST(type, name, min, max, def, rule, help)
#define FF_HANDLER(type, name, min, max, def, rule, help) FF_CFG_##type name;
#include "supervisor/config_hosts.def"
};

/* A `worker "NAME"` section: at least one handler. */
struct ff_host_config {
    struct ff_str name; /* also the worker_id of its processes */
    struct ff_handler_config *handlers;
    uint32_t n_handlers;
#define FF_HOST(type, name, min, max, def, rule, help) FF_CFG_##type name;
#define FF_HANDLER(type, name, min, max, def, rule, help)
#include "supervisor/config_hosts.def"
};

struct ff_host_configs {
    struct ff_host_config *v; /* in the order of the file */
    uint32_t n;
};

/* Texts end with a zero byte and live in the arena, as those of a fault of ff_config_load do. */
struct ff_config {
    struct ff_arena arena;
    struct ff_str path;          /* of the file that was read; p == NULL: there was none */
    uint8_t source[FF_CFG_ID_N]; /* enum ff_config_source */
    struct ff_host_configs worker_hosts;
#define FF_SETTING(type, name, min, max, def, rule, help) FF_CFG_##type name;
#define FF_DERIVED(type, name, min, max, def, rule, help) FF_CFG_##type name;
#define FF_OLD_NAME(name, old)
#include "supervisor/config.def"
};

/* Where a configuration comes from, and who hears about what is odd in it but no error. */
struct ff_config_input {
    const char
        *path; /* NULL: the default place (ff_config_default_path), where it may be missing */
    char *const *env;                          /* NAME=value, NULL-ended: environ */
    bool root;                                 /* default places of root */
    void (*warn)(void *ctx, const char *text); /* NULL: nobody */
    void *ctx;
};

/* Reads and checks everything. config: zeroed; to be given to ff_config_done in any case, after the
 * fault has been read.
 *
 * FF_E_INVALID_CONFIG  {file, line, field, reason} or {context: "environment", field, reason}, in
 * words, with the offending text in the message unless it is secret. */
FF_MUST_USE ff_err ff_config_load(struct ff_config *config, const struct ff_config_input *input,
                                  struct ff_fault *fault);
void ff_config_done(struct ff_config *config);

/* /etc/flowfabric/flowfabric.conf for root, else $XDG_CONFIG_HOME/flowfabric/flowfabric.conf
 * (~/.config/…); absent where there is no such variable. Lives in the arena. */
struct ff_str ff_config_default_path(const struct ff_config_input *input, struct ff_arena *arena);

/* Creates the state directory (0700) and the runtime directory (0750), parents too (0755); leaves
 * alone what is there. The config's arena keeps the texts.
 * FF_E_INVALID_CONFIG {context, field, reason}: not a directory, or it cannot be made. */
FF_MUST_USE ff_err ff_config_make_dirs(struct ff_config *config, struct ff_fault *fault);

/* What differs, for `reload` (00 §6): the names of settings in the order of config.def, then
 * `worker NAME` for each host that is new, gone or otherwise. Lives in the arena. */
struct ff_strs ff_config_changed(const struct ff_config *a, const struct ff_config *b,
                                 struct ff_arena *arena);

/* NULL: there is none of this name. */
const struct ff_host_config *ff_config_host(const struct ff_config *config, const char *name);
/* NULL: the host has no handler for this kind. */
const struct ff_handler_config *ff_host_handler(const struct ff_host_config *host,
                                                struct ff_str kind);
/* Whether a process of the one could go on as a process of the other: all but `count`. */
bool ff_host_same(const struct ff_host_config *a, const struct ff_host_config *b);

/* The store's URL with any password struck out, for people. Lives in the arena. */
struct ff_str ff_store_url_shown(struct ff_str url, struct ff_arena *arena);

/* What is in force, in the form of a configuration file. */
void ff_config_print(const struct ff_config *config, FILE *out);
/* Every setting with names, default, rule and help: for --help. */
void ff_config_print_settings(FILE *out);
/* `flowfabricd check-config`: loads it, prints it to out or what is wrong to err; 0 or 1, the exit
 * status. input's warn is not used: warnings go to err. */
int ff_config_check(const struct ff_config_input *input, FILE *out, FILE *err);

#endif
