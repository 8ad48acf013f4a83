/* codec_bench.c: what one step of the codec costs. Not a test: prints nanoseconds.
 *
 *   codec_bench [ROUNDS [NAME]]   NAME: only the cases whose name contains it
 *
 * The least of many short batches is printed: what else runs on the machine only ever adds.
 */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "core/codec.h"

/* What the cases work on. */
struct bench {
    struct ff_arena arena;   /* lives as long as the bench */
    struct ff_arena scratch; /* of one round */
    struct ff_packer packer;
    struct ff_str create; /* the arguments of a create_execution as a client sends them */
    struct ff_str row;    /* an active execution in stored form */
    struct ff_exec exec;
    struct ff_create_execution_args create_args;
    msgpack_zone zone;
    msgpack_object tree;
};

static struct ff_str
keep(struct bench *bench)
{
    struct ff_str bytes = ff_arena_copy(&bench->arena, ff_packer_str(&bench->packer));

    msgpack_sbuffer_clear(&bench->packer.buf);
    return bytes;
}

static void
pack_create(struct bench *bench)
{
    msgpack_packer *pk = &bench->packer.pk;
    char payload[300];

    memset(payload, 'p', sizeof(payload));
    msgpack_pack_map(pk, 10);
    ff_pack_cstr(pk, "execution_id");
    ff_pack_cstr(pk, "{fp:42}:550e8400-e29b-41d4-a716-446655440000");
    ff_pack_cstr(pk, "namespace");
    ff_pack_cstr(pk, "tenant-a");
    ff_pack_cstr(pk, "lane_id");
    ff_pack_cstr(pk, "default");
    ff_pack_cstr(pk, "execution_kind");
    ff_pack_cstr(pk, "render");
    ff_pack_cstr(pk, "input_payload");
    ff_pack_bytes(pk, ff_str(payload, sizeof(payload)));
    ff_pack_cstr(pk, "payload_encoding");
    ff_pack_cstr(pk, "json");
    ff_pack_cstr(pk, "priority");
    msgpack_pack_int(pk, 100);
    ff_pack_cstr(pk, "creator_identity");
    ff_pack_cstr(pk, "svc-a");
    ff_pack_cstr(pk, "idempotency_key");
    ff_pack_cstr(pk, "order-12345");
    ff_pack_cstr(pk, "partition_id");
    msgpack_pack_int(pk, 42);
    bench->create = keep(bench);
}

static struct ff_exec
active_exec(void)
{
    struct ff_uuid id = { { 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16 } };
    int64_t now = INT64_C(1700000000000);

    return (struct ff_exec){
        .execution_id = { .partition = 42, .uuid = id },
        .namespace = ff_cstr("tenant-a"),
        .lane_id = ff_cstr("default"),
        .execution_kind = ff_cstr("render"),
        .creator_identity = ff_cstr("svc-a"),
        .priority = 100,
        .lifecycle_phase = FF_PHASE_ACTIVE,
        .ownership_state = FF_OWNER_LEASED,
        .eligibility_state = FF_ELIGIBLE_NA,
        .attempt_state = FF_ATTEMPT_RUNNING,
        .public_state = FF_PUBLIC_ACTIVE,
        .class_digest = ff_str(id.b, 16),
        .created_at = now,
        .last_transition_at = now,
        .last_mutation_at = now,
        .started_at = FF_SOME(ff_opt_i64, now),
        .total_attempt_count = 1,
        .current_attempt_index = FF_SOME(ff_opt_u32, 0),
        .current_attempt_id = FF_SOME(ff_opt_uuid, id),
        .current_lease_id = FF_SOME(ff_opt_uuid, id),
        .current_lease_epoch = 1,
        .current_worker_id = ff_cstr("pool"),
        .current_worker_instance_id = ff_cstr("pool-host-1234"),
        .current_lane = ff_cstr("default"),
        .lease_acquired_at = FF_SOME(ff_opt_i64, now),
        .lease_expires_at = FF_SOME(ff_opt_i64, now + 30000),
        .lease_last_renewed_at = FF_SOME(ff_opt_i64, now),
        .lease_renewal_deadline = FF_SOME(ff_opt_i64, now + 20000),
        .current_lease_ttl_ms = 30000,
        .claim_request_id = FF_SOME(ff_opt_uuid, id),
        .max_replay_count = 10,
    };
}

/* ---- cases ---- */

static void
parse(struct bench *bench)
{
    struct ff_fault fault;

    msgpack_zone_clear(&bench->zone);
    FF_ASSERT(ff_msgpack_parse(bench->create, &bench->zone, &bench->tree, &fault) == FF_E_OK);
}

/* What ff_msgpack_parse would be without a builder of its own; unchecked. */
static void
parse_by_library(struct bench *bench)
{
    size_t at = 0;

    msgpack_zone_clear(&bench->zone);
    FF_ASSERT(msgpack_unpack(bench->create.p, bench->create.n, &at, &bench->zone, &bench->tree) ==
              MSGPACK_UNPACK_SUCCESS);
}

static void
decode_args(struct bench *bench)
{
    struct ff_common_args common;
    struct ff_fault fault;

    FF_ASSERT(ff_decode_args(&ff_ops[FF_OP_create_execution], &bench->tree, &bench->scratch,
                             &bench->create_args, &common, &fault) == FF_E_OK);
    ff_arena_reset(&bench->scratch);
}

static void
encode_args(struct bench *bench)
{
    msgpack_sbuffer_clear(&bench->packer.buf);
    ff_encode(ff_ops[FF_OP_create_execution].args, &bench->create_args, &bench->packer.pk);
}

static void
row_encode(struct bench *bench)
{
    msgpack_sbuffer_clear(&bench->packer.buf);
    ff_row_encode(FF_R_EXEC, &bench->exec, &bench->packer.pk);
}

static void
row_decode(struct bench *bench)
{
    struct ff_exec exec;
    struct ff_fault fault;

    FF_ASSERT(ff_row_decode(FF_R_EXEC, bench->row, &bench->scratch, &exec, &fault) == FF_E_OK);
    ff_arena_reset(&bench->scratch);
}

static void
deep_copy(struct bench *bench)
{
    struct ff_exec exec;
    size_t size = ff_deep_size(ff_records[FF_R_EXEC], &bench->exec);

    ff_deep_copy(ff_records[FF_R_EXEC], &bench->exec, &exec, ff_arena_alloc(&bench->scratch, size));
    ff_arena_reset(&bench->scratch);
}

static void
encode_error(struct bench *bench)
{
    struct ff_fault fault;

    (void) ff_fail_input(&fault, "execution_id", "invalid_uuid");
    msgpack_sbuffer_clear(&bench->packer.buf);
    ff_encode_error(&fault, "claim", &bench->packer.pk);
}

static const struct {
    const char *name;
    void (*run)(struct bench *bench);
} cases[] = {
    { "parse 10 arguments", parse },
    { "parse 10 arguments, library", parse_by_library },
    { "decode 10 arguments", decode_args },
    { "encode 10 arguments", encode_args },
    { "row encode, active execution", row_encode },
    { "row decode, active execution", row_decode },
    { "deep size and copy, active execution", deep_copy },
    { "encode an error", encode_error },
};

static double
now_ns(void)
{
    struct timespec ts;

    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (double) ts.tv_sec * 1e9 + (double) ts.tv_nsec;
}

#define BATCHES 50

static double
least_ns(struct bench *bench, void (*run)(struct bench *bench), long rounds)
{
    double least = 0;

    for (int batch = 0; batch < BATCHES; batch++) {
        double start_ns = now_ns();
        double took_ns = 0;

        for (long round = 0; round < rounds; round++) {
            run(bench);
        }
        took_ns = (now_ns() - start_ns) / (double) rounds;
        least = batch == 0 || took_ns < least ? took_ns : least;
    }
    return least;
}

int
main(int argc, char **argv)
{
    long rounds = argc > 1 ? atol(argv[1]) : 1000000;
    struct bench bench = { .exec = active_exec() };

    FF_ASSERT(msgpack_zone_init(&bench.zone, MSGPACK_ZONE_CHUNK_SIZE));
    ff_packer_init(&bench.packer);
    pack_create(&bench);
    ff_row_encode(FF_R_EXEC, &bench.exec, &bench.packer.pk);
    bench.row = keep(&bench);
    parse(&bench);
    decode_args(&bench);
    printf("row of %u bytes, struct of %zu\n", bench.row.n, sizeof(bench.exec));
    for (size_t i = 0; i < FF_COUNT(cases); i++) {
        if (argc > 2 && strstr(cases[i].name, argv[2]) == NULL) {
            continue;
        }
        printf("%-40s %7.1f ns\n", cases[i].name,
               least_ns(&bench, cases[i].run, rounds / BATCHES + 1));
    }
    msgpack_zone_destroy(&bench.zone);
    ff_packer_done(&bench.packer);
    ff_arena_done(&bench.scratch);
    ff_arena_done(&bench.arena);
    return 0;
}
