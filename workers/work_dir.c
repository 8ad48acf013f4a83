#include "workers/work_dir.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

static int
remove_one(const char *path, const struct stat *st, int flag, struct FTW *ftw)
{
    (void) st;
    (void) flag;
    (void) ftw;
    remove(path);
    return 0;
}

bool
ff_remove_tree(const char *path)
{
    struct stat st;

    nftw(path, remove_one, 16, FTW_DEPTH | FTW_PHYS | FTW_MOUNT);
    return lstat(path, &st) != 0;
}

bool
ff_write_file(const char *dir, const char *name, struct ff_str bytes)
{
    char path[4096];
    size_t at = 0;
    int fd = -1;
    bool ok = false;

    if (snprintf(path, sizeof(path), "%s/%s", dir, name) >= (int) sizeof(path)) {
        errno = ENAMETOOLONG;
        return false;
    }
    fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd < 0) {
        return false;
    }
    while (at < bytes.n) {
        ssize_t n = write(fd, bytes.p + at, bytes.n - at);

        if (n <= 0 && errno != EINTR) {
            break;
        }
        at += n > 0 ? (size_t) n : 0;
    }
    ok = at == bytes.n;
    return close(fd) == 0 && ok;
}

/* -1: somebody else has it, or it is gone. */
static int
lock(const char *path)
{
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    if (fd >= 0 && flock(fd, LOCK_EX | LOCK_NB) != 0) {
        close(fd);
        fd = -1;
    }
    return fd;
}

/* A directory that nobody has locked is of a host that is dead. */
static void
sweep(const char *base)
{
    DIR *dir = opendir(base);
    struct dirent *entry = NULL;
    char path[4096];

    while (dir != NULL && (entry = readdir(dir)) != NULL) {
        int fd = -1;

        if (entry->d_name[0] == '.' || entry->d_type != DT_DIR ||
            (size_t) snprintf(path, sizeof(path), "%s/%s", base, entry->d_name) >= sizeof(path)) {
            continue;
        }
        fd = lock(path);
        if (fd >= 0) {
            ff_remove_tree(path);
            close(fd);
        }
    }
    if (dir != NULL) {
        closedir(dir);
    }
}

/* Made and locked in two steps: another host may sweep in between. */
static bool
make(const char *base, const char *name, struct ff_work_dir *out)
{
    struct stat st, found;
    size_t n = (size_t) snprintf(out->path, sizeof(out->path), "%s/%s.XXXXXX", base, name);

    if (n >= sizeof(out->path) || mkdtemp(out->path) == NULL) {
        errno = n >= sizeof(out->path) ? ENAMETOOLONG : errno;
        return false;
    }
    out->lock_fd = lock(out->path);
    if (out->lock_fd >= 0 && (fstat(out->lock_fd, &st) != 0 || stat(out->path, &found) != 0 ||
                              st.st_ino != found.st_ino)) {
        close(out->lock_fd);
        out->lock_fd = -1;
    }
    return true;
}

bool
ff_work_dir_open(const char *base, const char *name, struct ff_work_dir *out)
{
    *out = (struct ff_work_dir){ .lock_fd = -1 };
    if (mkdir(base, 0700) != 0 && errno != EEXIST) {
        return false;
    }
    sweep(base);
    while (out->lock_fd < 0) {
        if (!make(base, name, out)) {
            return false;
        }
    }
    return true;
}

void
ff_work_dir_close(struct ff_work_dir *dir)
{
    if (dir->lock_fd >= 0) {
        ff_remove_tree(dir->path);
        close(dir->lock_fd);
        dir->lock_fd = -1;
    }
}
