#include "ipc/server_int.h"

struct ff_str
ff_list_ops(struct ff_arena *arena)
{
    struct ff_list_ops_result result = {
        .ops = { FF_ARENA_NEW(arena, struct ff_op_entry, FF_OP_N), FF_OP_N },
    };
    FF_SCOPED(ff_packer) packer;

    for (int op = 0; op < FF_OP_N; op++) {
        result.ops.v[op] = ff_op_describe((enum ff_op) op, arena);
    }
    ff_packer_init(&packer);
    ff_encode(ff_ops[FF_OP_list_ops].result, &result, &packer.pk);
    return ff_arena_copy(arena, ff_packer_str(&packer));
}
