/* role.h: what every process of the daemon does at its start and end.
 *
 * Exit statuses: 0 asked to stop, 1 the boot failed (08 §4), 2 this build has no such store, 100 do
 * not restart: configuration, 111 restart. A role started by hand has no descriptors to report to:
 * they are -1.
 */
#ifndef FF_SUPERVISOR_ROLE_H
#define FF_SUPERVISOR_ROLE_H

#include <ev.h>

#include "supervisor/config.h"
#include "supervisor/ctl.h"

enum {
    FF_EXIT_OK = 0,
    FF_EXIT_BOOT = 1,
    FF_EXIT_BUILD = 2,
    FF_EXIT_CONFIG = 100,
    FF_EXIT_RESTART = 111
};

struct ff_boot {
    const char *role;
    const char *name;        /* of a role that there are several of; NULL: it takes none */
    const char *instance;    /* --instance: of a worker host, new with each start; NULL: none */
    const char *config_path; /* NULL: the default place */
    int ready_fd;            /* one newline when ready; -1: nobody waits */
    int ctl_fd;              /* of ctl.h; -1: there is no supervisor */
    int life_fd;             /* end of file: whoever started it is gone; -1: there is none */
};

/* The options that every role shares: --config, --ready-fd, --ctl-fd, --life-fd, --instance. Prints
 * help and exits for --help; exits 2 for what it does not know. What the process starts gets none
 * of the descriptors. */
void ff_boot_parse(struct ff_boot *boot, int argc, char **argv, const char *help);
/* The same for a role that takes one NAME; exits 2 without it. */
void ff_boot_parse_named(struct ff_boot *boot, int argc, char **argv, const char *help);
/* Loads the configuration and sets up the log by it; from here on SIGPIPE and SIGXFSZ are ignored.
 * FF_E_INVALID_CONFIG: logged already. */
FF_MUST_USE ff_err ff_boot_config(const struct ff_boot *boot, struct ff_config *config);
/* Tells the supervisor, if there is one. */
void ff_boot_ready(const struct ff_boot *boot);

/* Of a process with signing keys in its memory: it leaves no core, and nobody but root may look
 * into it. */
void ff_keep_memory_private(void);

/* What running work gets to finish in (08 §4), unless whoever asks says otherwise. */
#define FF_GRACE_MS 15000
/* The same once the supervisor is gone: the next one waits for the end of its children. */
#define FF_ORPHAN_GRACE_MS 1000

/* Who ends the process: the supervisor by message or by its end, SIGTERM, SIGINT. Each calls `stop`
 * once with the time that running work has; a second signal exits with 130. A process that has not
 * ended a while after that time is killed by its own alarm, whatever its loop does.
 *
 * The messages log_level and ping are dealt with here, for every role. */
struct ff_stop_watch {
    /* Set by the role before the start. */
    void (*stop)(void *ctx, const char *why, uint64_t grace_ms);
    const struct ff_ctl_handler *handlers; /* further messages that it understands; NULL: none */
    void *ctx;                             /* of stop and of the handlers */

    struct ff_ctl *ctl; /* to call the supervisor; NULL: there is none */
    /* Its own. */
    struct ff_ctl_handler all_handlers[FF_CTL_N + 1];
    struct ev_signal term, interrupt;
    struct ev_io life;
    bool stopping;
};
void ff_stop_watch_start(struct ff_stop_watch *watch, struct ev_loop *loop,
                         const struct ff_boot *boot);
/* Before the loop is left for good: closes the channel. */
void ff_stop_watch_end(struct ff_stop_watch *watch);

#define FF_ROLE(upper, name, main, help) int main(int argc, char **argv);
#include "supervisor/roles.def"

#endif
