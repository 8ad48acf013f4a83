/* tree.h: the ordered trees and lists of libbsd.
 *
 * FF_RB_GENERATE makes a tree's functions file-local; libbsd's own macro for that leans on a word
 * that glibc's headers do not define. */
#ifndef FF_CORE_TREE_H
#define FF_CORE_TREE_H

#include <bsd/sys/queue.h>
#include <bsd/sys/tree.h>

#define FF_RB_GENERATE(name, type, field, cmp)                                                     \
    RB_GENERATE_INTERNAL(name, type, field, cmp, __attribute__((unused)) static)

#endif
