/* redact.h: what people may see of a waitpoint token (01 §2.5). Pure. */
#ifndef FF_CORE_REDACT_H
#define FF_CORE_REDACT_H

#include "core/arena.h"

/* <kid>:<REDACTED:len=N>, N being the length of what follows the first colon, or
 * <REDACTED:malformed>. The result lives in the arena or is static. */
struct ff_str ff_token_redact(struct ff_str token, struct ff_arena *arena);

#endif
