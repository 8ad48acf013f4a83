/* demo_worker.c: a complete worker: claim, work, complete. It keeps no state: whatever it has in
 * hand when it is killed is handed to another one. */
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>

#include "examples/demo.h"

#define ROUNDS 1500
#define FILE_BYTES_MAX (1u << 20)

static size_t
read_file(const char *path, char *room)
{
    FILE *file = fopen(path, "rb");
    size_t n = 0;

    if (file != NULL) {
        n = fread(room, 1, FILE_BYTES_MAX, file);
        fclose(file);
    }
    return n;
}

static void
count(const char *text, size_t n, size_t *lines, size_t *words)
{
    bool in_word = false;

    *lines = *words = 0;
    for (size_t i = 0; i < n; i++) {
        bool space = text[i] == ' ' || text[i] == '\n' || text[i] == '\t';

        *lines += text[i] == '\n';
        *words += !space && !in_word;
        in_word = !space;
    }
}

bool
ff_demo_digest(const char *path, int rounds, char result_out[FF_DEMO_RESULT_MAX])
{
    unsigned char hash[crypto_hash_sha256_BYTES];
    char hex[2 * sizeof(hash) + 1], *text = malloc(FILE_BYTES_MAX);
    size_t n = 0, lines = 0, words = 0;

    if (text == NULL || (n = read_file(path, text)) == 0) {
        free(text);
        return false;
    }
    for (int i = 0; i < rounds; i++) {
        crypto_hash_sha256(hash, (const unsigned char *) text, n);
    }
    count(text, n, &lines, &words);
    free(text);
    sodium_bin2hex(hex, sizeof(hex), hash, sizeof(hash));
    snprintf(result_out, FF_DEMO_RESULT_MAX, "%s %zu lines %zu words", hex, lines, words);
    return true;
}

/* The engine judges every answer by the handle: a worker that lost its lease is told so. */
static void
finish(struct ff_client *client, const struct ff_claim *claim)
{
    FF_SCOPED(ff_answer) answer = { 0 };
    char path[4096], digest[FF_DEMO_RESULT_MAX];

    snprintf(path, sizeof(path), "%.*s", (int) claim->input_payload.n, claim->input_payload.p);
    if (ff_demo_digest(path, ROUNDS, digest)) {
        struct ff_complete_args args = { .handle = claim->handle, .payload = ff_cstr(digest) };
        struct ff_complete_result result = { 0 };

        (void) ff_client_complete(client, &args, &result, &answer);
    } else {
        struct ff_fail_args args = { .handle = claim->handle };
        struct ff_fail_result result = { 0 };

        args.reason.message = ff_cstr("the file cannot be read");
        args.classification = FF_FAILURE_PERMANENT;
        (void) ff_client_fail(client, &args, &result, &answer);
    }
}

int
ff_demo_worker(const char *address, const char *name)
{
    struct ff_client *client = ff_demo_connect(address, name);

    for (;;) {
        struct ff_claim_many_args args = { 0 };
        struct ff_claim_many_result result = { 0 };
        FF_SCOPED(ff_answer) answer = { 0 };

        args.lane_id = ff_cstr("default");
        args.worker_id = ff_cstr("demo");
        args.worker_instance_id = ff_cstr(name);
        args.lease_ttl_ms = 30000;
        args.block_ms = 10000;
        args.include_reclaimable = args.include_context = true;
        args.max = 4;
        if (ff_client_claim_many(client, &args, &result, &answer) != FF_E_OK) {
            continue; /* the broker is away: the client connects again */
        }
        for (uint32_t i = 0; i < result.claims.n; i++) {
            finish(client, &result.claims.v[i]);
        }
    }
}
