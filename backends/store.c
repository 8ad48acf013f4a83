#include "backends/store.h"

#include <stdlib.h>

#include "backends/memory/memory.h"
#include "backends/postgres/postgres.h"
#include "backends/sqlite/sqlite.h"
#include "backends/url.h"
#include "backends/valkey/valkey.h"

static ff_err
bad(struct ff_fault *fault, const char *reason, struct ff_str value)
{
    return ff_fail(fault, FF_E_INVALID_CONFIG, ff_d_text("reason", reason),
                   ff_d_str("value", value),
                   ff_d_text("known", "memory:, memory:contrary?seed=N, "
                                      "sqlite:PATH[?durability=commit|interval:MS|none], "
                                      "postgres://…, "
                                      "valkey://[USER:PASSWORD@]HOST[:PORT][/DB], "
                                      "valkey:///SOCKET[?db=N]"));
}

static bool
begins(struct ff_str text, const char *with)
{
    size_t n = strlen(with);

    return text.n >= n && memcmp(text.p, with, n) == 0;
}

static struct ff_str
skip(struct ff_str text, size_t n)
{
    return ff_str(text.p + n, text.n - n);
}

/* Cuts `text` at the first `mark`; *rest is what follows it, absent where there is none. */
static struct ff_str
cut(struct ff_str text, char mark, struct ff_str *rest)
{
    const char *at = text.n == 0 ? NULL : memchr(text.p, mark, text.n);

    *rest = ff_str(NULL, 0);
    if (at == NULL) {
        return text;
    }
    *rest = skip(text, (size_t) (at - text.p) + 1);
    return ff_str(text.p, (size_t) (at - text.p));
}

/* ---- memory ---- */

static bool
memory_option(struct ff_memory_options *options, struct ff_str name, struct ff_str value)
{
    uint64_t n = 0;
    bool percent = ff_str_is(name, "conflict") || ff_str_is(name, "fail");

    if (!ff_url_number(value, percent ? 90 : UINT32_MAX, &n)) {
        return false;
    }
    if (ff_str_is(name, "seed")) {
        options->seed = n;
    } else if (ff_str_is(name, "conflict")) {
        options->conflict_percent = (uint32_t) n;
    } else if (ff_str_is(name, "fail")) {
        options->fail_percent = (uint32_t) n;
    } else if (ff_str_is(name, "delay")) {
        options->delay_polls_max = (uint32_t) n;
    } else {
        return false;
    }
    return true;
}

static ff_err
open_memory(struct ff_str url, const struct ff_store_host *host, struct ff_store **store_out,
            struct ff_fault *fault)
{
    struct ff_memory_options options = { 0 };
    struct ff_str rest, name, value, mode = cut(url, '?', &rest);

    if (ff_str_is(mode, "contrary")) {
        options = (struct ff_memory_options){
            .contrary = true, .conflict_percent = 10, .fail_percent = 5, .delay_polls_max = 3
        };
    } else if (mode.n > 0 || rest.p != NULL) {
        return bad(fault, "unknown_option", url);
    }
    while (rest.n > 0) {
        struct ff_str option = cut(rest, '&', &rest);

        name = cut(option, '=', &value);
        if (!memory_option(&options, name, value)) {
            return bad(fault, "unknown_option", option);
        }
    }
    *store_out = ff_memory_open(&options, host);
    return FF_E_OK;
}

/* ---- sqlite ---- */

static bool
sqlite_durability(struct ff_sqlite_options *options, struct ff_str value)
{
    uint64_t ms = 0;

    if (ff_str_is(value, "commit")) {
        options->durability = FF_DURABILITY_COMMIT;
    } else if (ff_str_is(value, "none")) {
        options->durability = FF_DURABILITY_NONE;
    } else if (begins(value, "interval:") && ff_url_number(skip(value, 9), 60000, &ms) && ms > 0) {
        options->durability = FF_DURABILITY_INTERVAL;
        options->sync_ms = (uint32_t) ms;
    } else {
        return false;
    }
    return true;
}

static ff_err
open_sqlite(struct ff_str url, const struct ff_store_host *host, struct ff_store **store_out,
            struct ff_fault *fault)
{
    struct ff_sqlite_options options = { .durability = FF_DURABILITY_COMMIT };
    struct ff_str rest, value;

    options.path = cut(url, '?', &rest);
    if (options.path.n == 0) {
        return bad(fault, "missing_path", url);
    }
    while (rest.n > 0) {
        struct ff_str option = cut(rest, '&', &rest), name = cut(option, '=', &value);

        if (!ff_str_is(name, "durability") || !sqlite_durability(&options, value)) {
            return bad(fault, "unknown_option", option);
        }
    }
    return ff_sqlite_open(&options, host, store_out, fault);
}

/* ---- valkey ---- */

static bool
valkey_option(struct ff_valkey_options *options, struct ff_str name, struct ff_str value)
{
    uint64_t n = 0;

    if (ff_str_is(name, "prefix")) {
        options->prefix = value;
        return value.n > 0 && value.n <= 32 && memchr(value.p, '{', value.n) == NULL;
    }
    if (!ff_url_number(value, 3600000, &n)) {
        return false;
    }
    if (ff_str_is(name, "db")) {
        options->db = (uint32_t) n;
        return n <= 65535;
    }
    if (ff_str_is(name, "replicas")) {
        options->replicas = (uint32_t) n;
        return n <= FF_VALKEY_REPLICAS_MAX;
    }
    if (ff_str_is(name, "patience_ms")) {
        options->patience_ms = (uint32_t) n;
    } else if (ff_str_is(name, "answer_max_ms")) {
        options->answer_max_ms = (uint32_t) n;
    } else if (ff_str_is(name, "outcome_wait_ms")) {
        options->outcome_wait_ms = (uint32_t) n;
    } else {
        return false;
    }
    return n > 0;
}

static ff_err
open_valkey(struct ff_str rest, const struct ff_store_host *host, struct ff_store **store_out,
            struct ff_fault *fault)
{
    struct ff_valkey_options options = { .prefix = ff_cstr("ff"),
                                         .patience_ms = 2000,
                                         .answer_max_ms = 10000,
                                         .outcome_wait_ms = 30000 };
    FF_SCOPED(ff_arena) arena = { 0 };
    struct ff_url url;
    struct ff_str name, value;
    uint64_t db = 0;
    const char *wrong = ff_url_parse(rest, &arena, &url);

    if (wrong != NULL) {
        return bad(fault, wrong, ff_str(NULL, 0)); /* there may be a password in it */
    }
    options.user = url.user;
    options.password = url.password;
    options.host = url.host;
    options.port = url.port == 0 ? 6379 : url.port;
    if (url.host.p == NULL) {
        options.path = url.path;
    } else if (url.path.n > 1 && !ff_url_number(skip(url.path, 1), 65535, &db)) {
        return bad(fault, "malformed_db", ff_str(NULL, 0));
    }
    options.db = (uint32_t) db;
    if (url.host.p == NULL && url.path.n < 2) {
        return bad(fault, "missing_host", ff_str(NULL, 0));
    }
    while (ff_url_parameter(&url.query, &arena, &name, &value)) {
        if (!valkey_option(&options, name, value)) {
            return bad(fault, "unknown_option", ff_str(NULL, 0));
        }
    }
    *store_out = ff_valkey_open(&options, host);
    return FF_E_OK;
}

ff_err
ff_store_open(struct ff_str url, const struct ff_store_host *host, struct ff_store **store_out,
              struct ff_fault *fault)
{
    if (begins(url, "memory:")) {
        return open_memory(skip(url, strlen("memory:")), host, store_out, fault);
    }
    if (begins(url, "sqlite:")) {
        return open_sqlite(skip(url, strlen("sqlite:")), host, store_out, fault);
    }
    if (begins(url, "postgres://") || begins(url, "postgresql://")) {
        return ff_postgres_open(url, host, store_out, fault);
    }
    if (begins(url, "valkey://") || begins(url, "redis://")) {
        return open_valkey(skip(url, (size_t) (strchr(url.p, '/') + 2 - url.p)), host, store_out,
                           fault);
    }
    return bad(fault, "unknown_scheme", url);
}
