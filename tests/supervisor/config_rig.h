/* config_rig.h: a configuration file of its own, and what is loaded from it. */
#ifndef FF_TESTS_SUPERVISOR_CONFIG_RIG_H
#define FF_TESTS_SUPERVISOR_CONFIG_RIG_H

#include <ftw.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "supervisor/config.h"
#include "tests/core/fault_check.h"

struct ff_config_rig {
    char dir[64];
    char path[96];
    char warnings[512];
    struct ff_config config;
    struct ff_fault fault;
};

static inline int
ff_config_rig_remove(const char *path, const struct stat *info, int type, struct FTW *where)
{
    (void) info;
    (void) type;
    (void) where;
    return remove(path);
}

static inline void
ff_config_rig_start(struct ff_config_rig *rig, const char *file)
{
    *rig = (struct ff_config_rig){ .dir = "/tmp/ff_config_test_XXXXXX" };
    assert_non_null(mkdtemp(rig->dir));
    snprintf(rig->path, sizeof(rig->path), "%s/flowfabric.conf", rig->dir);
    if (file != NULL) {
        FILE *out = fopen(rig->path, "w");

        assert_non_null(out);
        fputs(file, out);
        assert_int_equal(fclose(out), 0);
    }
}

static inline void
ff_config_rig_done(struct ff_config_rig *rig)
{
    ff_config_done(&rig->config);
    assert_int_equal(nftw(rig->dir, ff_config_rig_remove, 8, FTW_DEPTH | FTW_PHYS), 0);
}

static inline void
ff_config_rig_warn(void *ctx, const char *text)
{
    struct ff_config_rig *rig = ctx;

    snprintf(rig->warnings + strlen(rig->warnings), sizeof(rig->warnings) - strlen(rig->warnings),
             "%s\n", text);
}

/* env: NULL-ended. */
static inline ff_err
ff_config_rig_load(struct ff_config_rig *rig, char *const *env)
{
    struct ff_config_input input = {
        .path = rig->path, .env = env, .root = true, .warn = ff_config_rig_warn, .ctx = rig
    };

    return ff_config_load(&rig->config, &input, &rig->fault);
}

static inline FILE *
ff_memory_file(char **text, size_t *size)
{
    FILE *out = open_memstream(text, size);

    assert_non_null(out);
    return out;
}

/* What ff_config_print says, to be freed. */
static inline char *
ff_config_printed(const struct ff_config *config)
{
    char *text = NULL;
    size_t size = 0;
    FILE *out = ff_memory_file(&text, &size);

    ff_config_print(config, out);
    fclose(out);
    return text;
}

#endif
