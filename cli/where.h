/* where.h: where something stands in a JSON text. */
#ifndef FF_CLI_WHERE_H
#define FF_CLI_WHERE_H

#include "core/base.h"

/* The line, from 1 on, of what a path as "members[3].priority" leads to; where that is not there,
 * of the last thing on the way that is. text: valid JSON. */
uint32_t ff_cli_json_line(struct ff_str text, const char *path);

#endif
