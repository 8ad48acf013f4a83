#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "supervisor/tree_int.h"

extern char **environ;

/* A configuration file is for people: nobody writes one by the megabyte. */
#define FILE_BYTES_MAX (1u << 20)

/* ---- the copy that the children read ----
 *
 * Each process loads the configuration by itself. It must not meet one that the supervisor has not
 * accepted, or a broker that came back after a crash would fail over somebody's half-edited file.
 */

static int
copy_bytes(int from, int to)
{
    char bytes[16384];
    size_t total = 0;
    ssize_t n = 0;

    while ((n = read(from, bytes, sizeof(bytes))) > 0) {
        total += (size_t) n;
        if (total > FILE_BYTES_MAX || write(to, bytes, (size_t) n) != n) {
            return total > FILE_BYTES_MAX ? EFBIG : errno;
        }
    }
    return n < 0 ? errno : 0;
}

/* 0, or an errno. path NULL: an empty file, for all settings have defaults. */
static int
write_file(const char *path, const char *to)
{
    int from_fd = path == NULL ? -1 : open(path, O_RDONLY | O_CLOEXEC);
    int to_fd = -1, wrong = 0;

    if (path != NULL && from_fd < 0) {
        return errno;
    }
    to_fd = open(to, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (to_fd < 0) {
        wrong = errno;
    } else if (path != NULL) {
        wrong = copy_bytes(from_fd, to_fd);
    }
    if (to_fd >= 0) {
        close(to_fd);
    }
    if (from_fd >= 0) {
        close(from_fd);
    }
    return wrong;
}

ff_err
ff_tree_write_copy(struct ff_tree *tree, const struct ff_config *config, struct ff_arena *arena,
                   struct ff_fault *fault)
{
    const char *next = ff_arena_printf(arena, "%s.next", tree->copy_path).p;
    int wrong = write_file(config->path.p, next);

    if (wrong == 0 && rename(next, tree->copy_path) != 0) {
        wrong = errno;
    }
    if (wrong == 0) {
        return FF_E_OK;
    }
    fault->message = NULL;
    (void) ff_fail(fault, FF_E_INVALID_CONFIG, ff_d_text("context", "copy"),
                   ff_d_str("field", ff_cstr(tree->copy_path)),
                   ff_d_str("reason", ff_arena_printf(arena, "%s", strerror(wrong))));
    fault->message = ff_arena_printf(arena, "%s: %s", tree->copy_path, strerror(wrong)).p;
    return fault->code;
}

/* ---- what a change needs ---- */

/* Settings that the supervisor applies by itself; of those that are not here the broker is the
 * reader. */
enum reader { SUPERVISOR, SCANNERS, BROKER, DAEMON };

static const struct {
    const char *name;
    enum reader reader;
} readers[] = {
    { "log_level", SUPERVISOR },   { "hang_max_ms", SUPERVISOR },
    { "restart_max", SUPERVISOR }, { "restart_window_s", SUPERVISOR },
    { "log_format", DAEMON },      { "state_dir", DAEMON },
    { "runtime_dir", DAEMON },     { "scanner_namespace", SCANNERS },
    { "scanner_tag", SCANNERS },
};

static bool
ends_with(struct ff_str text, const char *end)
{
    size_t n = strlen(end);

    return text.n >= n && memcmp(text.p + text.n - n, end, n) == 0;
}

static enum reader
reader_of(struct ff_str name)
{
    for (size_t i = 0; i < FF_COUNT(readers); i++) {
        if (ff_str_is(name, readers[i].name)) {
            return readers[i].reader;
        }
    }
    return ends_with(name, "_interval_ms") || ends_with(name, "_interval_s") ? SCANNERS : BROKER;
}

/* ---- applying ---- */

static void
restart_if_running(struct ff_child_proc *child)
{
    if (child->state == FF_CHILD_READY || child->state == FF_CHILD_STARTING) {
        ff_child_stop(child, ff_child_grace_ms(child));
        if (child->pid == 0) {
            ff_child_start(child);
        }
        child->wanted = true;
    }
}

static void
restart_scanners(struct ff_tree *tree)
{
    struct ff_child_proc *child = NULL;

    TAILQ_FOREACH(child, &tree->children, next)
    {
        if (child->order == ORDER_SCANNERS) {
            restart_if_running(child);
        }
    }
}

static void
apply_level(struct ff_tree *tree, enum ff_log_level level)
{
    struct ff_child_proc *child = NULL;

    ff_log_set_level(level);
    TAILQ_FOREACH(child, &tree->children, next)
    {
        child->has_level = true;
        child->level = level;
        ff_child_send_level(child);
    }
}

static void
restart_host(struct ff_tree *tree, const char *host)
{
    struct ff_child_proc *child = NULL;

    TAILQ_FOREACH(child, &tree->children, next)
    {
        if (strcmp(child->host, host) == 0 && !child->leaving) {
            restart_if_running(child);
        }
    }
}

/* New hosts start, gone ones stop, changed ones restart; a count alone only adds or stops. */
static void
apply_hosts(struct ff_tree *tree, const struct ff_config *old)
{
    const struct ff_config *now = &tree->config;

    for (uint32_t i = 0; i < old->worker_hosts.n; i++) {
        const char *name = old->worker_hosts.v[i].name.p;

        if (ff_config_host(now, name) == NULL) {
            ff_tree_scale(tree, name, 0);
        }
    }
    for (uint32_t i = 0; i < now->worker_hosts.n; i++) {
        const struct ff_host_config *host = &now->worker_hosts.v[i];
        const struct ff_host_config *before = ff_config_host(old, host->name.p);

        if (before == NULL || before->count != host->count) {
            ff_tree_scale(tree, host->name.p, (uint32_t) host->count);
        }
        if (before != NULL && !ff_host_same(before, host)) {
            restart_host(tree, host->name.p);
        }
    }
}

static void
apply(struct ff_tree *tree, const struct ff_config *old, struct ff_arena *arena,
      struct ff_reload_result *result)
{
    bool scanners = false;

    result->pending.v = FF_ARENA_NEW(arena, struct ff_str, result->changed.n + 1);
    for (uint32_t i = 0; i < result->changed.n; i++) {
        struct ff_str name = result->changed.v[i];
        enum reader reader = SUPERVISOR;

        if (name.n < 7 || memcmp(name.p, "worker ", 7) != 0) {
            reader = reader_of(name);
        }
        scanners = scanners || reader == SCANNERS;
        if (reader == BROKER || reader == DAEMON) {
            result->pending.v[result->pending.n++] =
                ff_arena_printf(arena, "%.*s: %s", (int) name.n, name.p,
                                reader == BROKER ? "restart broker" : "restart the daemon");
        }
    }
    if (old->log_level != tree->config.log_level) {
        apply_level(tree, tree->config.log_level);
    }
    if (scanners) {
        restart_scanners(tree);
    }
    ff_tree_set_ping(tree);
    apply_hosts(tree, old);
}

static void
on_warning(void *ctx, const char *text)
{
    (void) ctx;
    ff_log(FF_LEVEL_WARN, "config", "message", ff_cstr(text));
}

static ff_err
load(struct ff_tree *tree, struct ff_config *config, struct ff_arena *arena, struct ff_fault *fault)
{
    const struct ff_config_input input = {
        .path = tree->options.config_path,
        .env = environ,
        .root = tree->options.root,
        .warn = on_warning,
    };

    FF_TRY(ff_config_load(config, &input, fault));
    return ff_tree_write_copy(tree, config, arena, fault);
}

ff_err
ff_tree_reload(struct ff_tree *tree, struct ff_arena *arena, struct ff_reload_result *result,
               struct ff_fault *fault)
{
    struct ff_config config = { 0 };
    struct ff_config old = tree->config;
    ff_err err = load(tree, &config, arena, fault);

    if (err != FF_E_OK) {
        /* The fault's texts live in the configuration that failed. */
        ff_log_fault("reload_refused", fault);
        for (uint32_t i = 0; i < fault->n; i++) {
            if (fault->detail[i].type == FF_D_STR) {
                fault->detail[i].v.str = ff_arena_copy(arena, fault->detail[i].v.str);
            }
        }
        if (fault->message != NULL) {
            fault->message = ff_arena_printf(arena, "%s", fault->message).p;
        }
        ff_config_done(&config);
        return err;
    }
    result->changed = ff_config_changed(&old, &config, arena);
    for (uint32_t i = 0; i < result->changed.n; i++) {
        result->changed.v[i] = ff_arena_copy(arena, result->changed.v[i]);
        ff_log(FF_LEVEL_INFO, "setting_changed", "setting", result->changed.v[i]);
    }
    tree->config = config;
    apply(tree, &old, arena, result);
    ff_config_done(&old);
    return FF_E_OK;
}

void
ff_tree_reread(struct ff_tree *tree)
{
    FF_SCOPED(ff_arena) arena = { 0 };
    struct ff_reload_result result = { 0 };
    struct ff_fault fault = { 0 };

    if (tree->state != TREE_STOPPING && ff_tree_reload(tree, &arena, &result, &fault) == FF_E_OK) {
        ff_log(FF_LEVEL_INFO, "reloaded", NULL, ff_cstr(NULL));
    }
}
