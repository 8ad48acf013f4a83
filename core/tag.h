/* tag.h: keys of tags (01 §7.1). Pure. */
#ifndef FF_CORE_TAG_H
#define FF_CORE_TAG_H

#include "core/fault.h"

#define FF_TAG_KEY_BYTES_MAX 256

/* A letter, then letters, digits and _ up to the first dot; after it one of those, then those or
 * dots; all lower case. FF_E_INVALID_TAG_KEY {key}, which points into `key`. */
FF_MUST_USE ff_err ff_tag_key_check(struct ff_str key, struct ff_fault *fault);

#endif
