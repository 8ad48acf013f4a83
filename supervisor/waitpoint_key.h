/* waitpoint_key.h: the secret that the daemon makes for itself (08 §3): STATE_DIR/waitpoint.key. */
#ifndef FF_SUPERVISOR_WAITPOINT_KEY_H
#define FF_SUPERVISOR_WAITPOINT_KEY_H

#include "core/fault.h"

#define FF_WAITPOINT_KEY_HEX 64

/* Reads it, or makes it with mode 0600; *made says which. hex_out: with a closing zero byte; the
 * caller wipes it. fault: its message is static; it never holds the secret.
 *
 * FF_E_INVALID_CONFIG {context, field}  the file is there and holds no 64 hexadecimal digits, or it
 *                                       cannot be read or made. */
FF_MUST_USE ff_err ff_waitpoint_key_get(struct ff_str state_dir,
                                        char hex_out[FF_WAITPOINT_KEY_HEX + 1], bool *made,
                                        struct ff_fault *fault);

#endif
