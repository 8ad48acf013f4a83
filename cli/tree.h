/* tree.h: the process tree as commands read it. */
#ifndef FF_CLI_TREE_H
#define FF_CLI_TREE_H

#include "core/codec.h"

/* The processes of a worker host; of any other process none. In the arena. */
struct ff_child_list ff_cli_children(const struct ff_child *host, struct ff_arena *arena);

#endif
