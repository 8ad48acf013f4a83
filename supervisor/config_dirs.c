#include <errno.h>
#include <sys/stat.h>

#include "supervisor/config_int.h"

#define STATE_DIR_MODE 0700
#define RUNTIME_DIR_MODE 0750 /* its group reaches worker.sock (00 §1) */
#define PARENT_DIR_MODE 0755

/* Creates one directory with exactly this mode, whatever the umask; 0, or an errno. */
static int
make_dir(const char *path, mode_t mode)
{
    struct stat found;

    if (mkdir(path, mode) == 0) {
        return chmod(path, mode) == 0 ? 0 : errno;
    }
    if (errno != EEXIST) {
        return errno;
    }
    if (stat(path, &found) != 0) {
        return errno;
    }
    return S_ISDIR(found.st_mode) ? 0 : ENOTDIR;
}

/* path: absolute; changed and restored on the way. */
static int
make_path(char *path, mode_t mode)
{
    for (char *slash = strchr(path + 1, '/'); slash != NULL; slash = strchr(slash + 1, '/')) {
        int wrong = 0;

        if (slash[1] == '\0') {
            break; /* a closing slash */
        }
        *slash = '\0';
        wrong = make_dir(path, PARENT_DIR_MODE);
        *slash = '/';
        if (wrong != 0) {
            return wrong;
        }
    }
    return make_dir(path, mode);
}

static ff_err
make(struct ff_config *config, enum ff_setting_id id, mode_t mode, struct ff_fault *fault)
{
    const struct ff_setting *setting = &ff_settings[id];
    const struct ff_str *dir = ff_setting_value(setting, config);
    char *path = ff_arena_alloc(&config->arena, dir->n + 1);
    struct ff_str reason = { 0 };
    int wrong = 0;

    memcpy(path, dir->p, dir->n + 1);
    wrong = make_path(path, mode);
    if (wrong == 0) {
        return FF_E_OK;
    }
    reason = ff_arena_printf(&config->arena, "%s", strerror(wrong));
    ff_fail(fault, FF_E_INVALID_CONFIG, ff_d_text("context", "directory"),
            ff_d_text("field", setting->name), ff_d_str("reason", reason));
    fault->message =
        ff_arena_printf(&config->arena, "%s: cannot make \"%s\": %s", setting->name, path, reason.p)
            .p;
    return fault->code;
}

ff_err
ff_config_make_dirs(struct ff_config *config, struct ff_fault *fault)
{
    FF_TRY(make(config, FF_CFG_ID_state_dir, STATE_DIR_MODE, fault));
    return make(config, FF_CFG_ID_runtime_dir, RUNTIME_DIR_MODE, fault);
}
