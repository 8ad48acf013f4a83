/* lock.h: one daemon a directory.
 *
 * The lock belongs to an open file that the supervisor and all its children share, so it is held
 * until the last of them has ended: a daemon that is started after a kill never meets what is left
 * of the one before.
 */
#ifndef FF_SUPERVISOR_LOCK_H
#define FF_SUPERVISOR_LOCK_H

#include "core/fault.h"

struct ff_arena;

/* How long the children of a daemon that is gone get to end. */
#define FF_LOCK_WAIT_MS 10000

/* Takes DIR/flowfabricd.lock and writes the process id into it. Waits up to wait_ms where its
 * holder is gone and only its children are left. *fd_out is close-on-exec.
 * FF_E_INVALID_CONFIG {context: "lock", field: file, reason: in_use | failed, pid}: the message, in
 * the arena, says who holds it. */
FF_MUST_USE ff_err ff_dir_lock(const char *dir, uint64_t wait_ms, struct ff_arena *arena,
                               int *fd_out, struct ff_fault *fault);

#endif
