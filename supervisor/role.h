/* role.h: what every process of the daemon does at its start and end.
 *
 * Exit statuses: 0 asked to stop, 1 the boot failed (08 §4), 100 do not restart: configuration, 111
 * restart. A role started by hand has no descriptors to report to: ready_fd and life_fd are -1.
 */
#ifndef FF_SUPERVISOR_ROLE_H
#define FF_SUPERVISOR_ROLE_H

#include <ev.h>

#include "supervisor/config.h"

enum { FF_EXIT_OK = 0, FF_EXIT_BOOT = 1, FF_EXIT_CONFIG = 100, FF_EXIT_RESTART = 111 };

struct ff_boot {
    const char *role;
    const char *config_path; /* NULL: the default place */
    int ready_fd;            /* one newline when ready; -1: nobody waits */
    int life_fd;             /* end of file: the supervisor is gone; -1: there is none */
};

/* The options that every role shares: --config, --ready-fd, --life-fd. Prints help and exits for
 * --help; exits 2 for what it does not know. */
void ff_boot_parse(struct ff_boot *boot, int argc, char **argv, const char *help);
/* Loads the configuration and sets up the log by it; from here on SIGPIPE and SIGXFSZ are ignored.
 * FF_E_INVALID_CONFIG: logged already. */
FF_MUST_USE ff_err ff_boot_config(const struct ff_boot *boot, struct ff_config *config);
/* Tells the supervisor, if there is one. */
void ff_boot_ready(const struct ff_boot *boot);

/* SIGTERM, SIGINT, and the end of the supervisor call `stop` once; a second signal exits with 130.
 */
struct ff_stop_watch {
    struct ev_signal term, interrupt;
    struct ev_io life;
    void (*stop)(void *ctx, const char *why);
    void *ctx;
    bool stopping;
};
void ff_stop_watch_start(struct ff_stop_watch *watch, struct ev_loop *loop,
                         const struct ff_boot *boot);

#define FF_ROLE(upper, name, main, help) int main(int argc, char **argv);
#include "supervisor/roles.def"

#endif
