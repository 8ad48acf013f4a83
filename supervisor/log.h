/* log.h: one line an event on standard error: logfmt, or JSON. For the roles; libraries report
 * through what their callers give them. Secrets and tokens never come here. */
#ifndef FF_SUPERVISOR_LOG_H
#define FF_SUPERVISOR_LOG_H

#include "supervisor/config.h"

void ff_log_setup(enum ff_log_level level, enum ff_log_format format);
void ff_log_set_level(enum ff_log_level level);
enum ff_log_level ff_log_level_now(void);
/* Name of the process in every line; static text. */
void ff_log_role(const char *role);
/* event: a word. key, value: one more pair, or NULL. */
void ff_log(enum ff_log_level level, const char *event, const char *key, struct ff_str value);
/* The same with any number of pairs; those without a value are left out. */
struct ff_log_pair {
    const char *key;
    struct ff_str value;
};
void ff_log_pairs(enum ff_log_level level, const char *event, const struct ff_log_pair *pairs,
                  uint32_t n);
/* At level error, with code, message and details. */
void ff_log_fault(const char *event, const struct ff_fault *fault);

#endif
