/* work_dir.h: the directory of a worker host, in which attempts have theirs.
 *
 * A host holds a lock on it. What a host that was killed has left behind is removed by the next one
 * that starts in the same place. */
#ifndef FF_WORKERS_WORK_DIR_H
#define FF_WORKERS_WORK_DIR_H

#include "core/base.h"

struct ff_work_dir {
    char path[4096];
    int lock_fd;
};

/* Makes base (0700) where it is missing, sweeps it, and makes base/name.XXXXXX. False: see errno.
 */
FF_MUST_USE bool ff_work_dir_open(const char *base, const char *name, struct ff_work_dir *out);
/* Removes it with all that is in it. */
void ff_work_dir_close(struct ff_work_dir *dir);
/* A new file dir/name (0600). False: see errno. */
FF_MUST_USE bool ff_write_file(const char *dir, const char *name, struct ff_str bytes);
/* Removes whatever can be removed; false: something is left. */
bool ff_remove_tree(const char *path);

#endif
