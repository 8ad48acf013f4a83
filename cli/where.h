/* where.h: where something stands in a JSON text, which is valid. */
#ifndef FF_CLI_WHERE_H
#define FF_CLI_WHERE_H

#include "core/base.h"

/* Whether what a path as "members[3].priority" leads to is there. *line: its line, from 1 on, or
 * that of the last thing on the way that is. */
bool ff_cli_json_find(struct ff_str text, const char *path, uint32_t *line);

/* The elements of a list, one after the other, as they are written. */
struct ff_cli_json_list {
    const char *p, *end;
};
/* The list under a name of a map; where there is none, one without elements. */
struct ff_cli_json_list ff_cli_json_list(struct ff_str map, const char *name);
/* Absent: there are no more. */
struct ff_str ff_cli_json_next(struct ff_cli_json_list *list);
/* What stands under a name of a map; absent: nothing does, or it is none. */
struct ff_str ff_cli_json_value(struct ff_str map, const char *name);

#endif
