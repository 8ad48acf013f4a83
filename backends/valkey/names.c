#include "backends/valkey/names.h"

#include "core/partition.h"

/* What keys and scopes consist of, a letter a part:
 *   P partition, 2 bytes   U uuid, 16   I number, 4   Q number, 8   D digest, 16   B byte
 *   L text up to a zero byte   T text to the end
 * What is left when the letters are used up is written in hexadecimal, and so is, behind ~, a part
 * that is cut short. */
struct shape {
    const char *name;
    const char *parts;
    char home; /* p, b, q: partition of the first part; g: engine-wide */
};

static const struct shape records[FF_R_N] = {
    [FF_R_EXEC] = { "exec", "PU", 'p' },
    [FF_R_EXEC_INPUT] = { "input", "PU", 'p' },
    [FF_R_EXEC_TAGS] = { "tags", "PU", 'p' },
    [FF_R_EXEC_RESULT] = { "result", "PU", 'p' },
    [FF_R_ATTEMPT] = { "attempt", "PUI", 'p' },
    [FF_R_CREATE_KEY] = { "create_key", "DD", 'g' },
    [FF_R_LANE] = { "lane", "T", 'g' },
    [FF_R_BUDGET] = { "budget", "U", 'b' },
    [FF_R_BUDGET_KEY] = { "budget_key", "UD", 'b' },
    [FF_R_LEDGER] = { "ledger", "UPU", 'b' },
    [FF_R_QUOTA] = { "quota", "U", 'q' },
    [FF_R_WINDOW] = { "window", "UD", 'q' },
    [FF_R_WINDOW_ENTRY] = { "window_entry", "UDQPU", 'q' },
    [FF_R_ADMISSION] = { "admission", "UDPU", 'q' },
    [FF_R_SLOT] = { "slot", "UPU", 'q' },
    [FF_R_WORKER] = { "worker", "LD", 'g' },
    [FF_R_SUSPENSION] = { "suspension", "PU", 'p' },
    [FF_R_WAITPOINT] = { "waitpoint", "PU", 'p' },
    [FF_R_SIGNAL] = { "signal", "PUU", 'p' },
    [FF_R_SIGNAL_KEY] = { "signal_key", "PUD", 'p' },
    [FF_R_SUSPEND_REPLY] = { "suspend_reply", "PUD", 'p' },
    [FF_R_KEYRING] = { "keyring", "T", 'g' },
    [FF_R_STREAM] = { "stream", "PUI", 'p' },
    [FF_R_OUT_FRAME] = { "frame", "PUIBQQ", 'p' },
    [FF_R_SUMMARY_DOC] = { "summary_doc", "PUI", 'p' },
    [FF_R_FLOW] = { "flow", "U", 'f' },
    [FF_R_MEMBER] = { "member", "UPU", 'f' },
    [FF_R_EDGE] = { "edge", "UU", 'f' },
    [FF_R_GROUP] = { "group", "UPU", 'f' },
    [FF_R_SUMMARY] = { "flow_summary", "U", 'f' },
};

/* Parts of the scope, and whose keys the ids are; of FF_IX_EXPIRING and FF_IX_PURGING the scope
 * says it. */
static const struct index_shape {
    const char *name;
    const char *scope;
    enum ff_record of;
} indexes[FF_IX_N] = {
    [FF_IX_READY] = { "ready", "LDB", FF_R_EXEC },
    [FF_IX_GRANTED] = { "granted", "L", FF_R_EXEC },
    [FF_IX_RECLAIMABLE] = { "reclaimable", "LD", FF_R_EXEC },
    [FF_IX_CAPPED] = { "capped", "", FF_R_EXEC },
    [FF_IX_LEASE_DUE] = { "lease_due", "LB", FF_R_EXEC },
    [FF_IX_BY_WORKER] = { "by_worker", "T", FF_R_EXEC },
    [FF_IX_DELAYED] = { "delayed", "L", FF_R_EXEC },
    [FF_IX_ATTEMPT_DUE] = { "attempt_due", "", FF_R_EXEC },
    [FF_IX_DEADLINE_DUE] = { "deadline_due", "", FF_R_EXEC },
    [FF_IX_EXECUTIONS] = { "executions", "P", FF_R_EXEC },
    [FF_IX_RETAINED] = { "retained", "PB", FF_R_EXEC },
    [FF_IX_HELD] = { "held", "LB", FF_R_EXEC },
    [FF_IX_ADMITTED] = { "admitted", "LDB", FF_R_EXEC },
    [FF_IX_OF_POLICY] = { "of_policy", "U", FF_R_EXEC },
    [FF_IX_SUSPENDED] = { "suspended", "P", FF_R_EXEC },
    [FF_IX_LANES] = { "lanes", "", FF_R_LANE },
    [FF_IX_EXPIRING] = { "expiring", "B", FF_R_N },
    [FF_IX_BUDGETS] = { "budgets", "P", FF_R_BUDGET },
    [FF_IX_BUDGET_DUE] = { "budget_due", "", FF_R_BUDGET },
    [FF_IX_LEDGERS] = { "ledgers", "U", FF_R_LEDGER },
    [FF_IX_SPENDERS] = { "spenders", "PU", FF_R_LEDGER },
    [FF_IX_QUOTAS] = { "quotas", "P", FF_R_QUOTA },
    [FF_IX_WINDOW] = { "window", "UD", FF_R_WINDOW_ENTRY },
    [FF_IX_ADMISSIONS] = { "admissions", "UPU", FF_R_ADMISSION },
    [FF_IX_GUARDS] = { "guards", "U", FF_R_ADMISSION },
    [FF_IX_UNCONSUMED] = { "unconsumed", "U", FF_R_ADMISSION },
    [FF_IX_SLOTS] = { "slots", "U", FF_R_SLOT },
    [FF_IX_SLOTS_OF] = { "slots_of", "PU", FF_R_SLOT },
    [FF_IX_WORKERS] = { "workers", "T", FF_R_WORKER },
    [FF_IX_WORKER_DUE] = { "worker_due", "", FF_R_WORKER },
    [FF_IX_SUSPENSION_DUE] = { "suspension_due", "", FF_R_SUSPENSION },
    [FF_IX_WAITPOINT_DUE] = { "waitpoint_due", "", FF_R_WAITPOINT },
    [FF_IX_WAITPOINTS] = { "waitpoints", "PUB", FF_R_WAITPOINT },
    [FF_IX_SIGNALS] = { "signals", "PU", FF_R_SIGNAL },
    [FF_IX_SATISFIERS] = { "satisfiers", "PUU", FF_R_SIGNAL },
    [FF_IX_FRAMES] = { "frames", "PUIB", FF_R_OUT_FRAME },
    [FF_IX_STREAM_DUE] = { "stream_due", "", FF_R_STREAM },
    [FF_IX_GATED] = { "gated", "P", FF_R_EXEC },
    [FF_IX_CANCEL_OWED] = { "cancel_owed", "U", FF_R_EXEC },
    [FF_IX_CASCADE] = { "cascade", "P", FF_R_EXEC },
    [FF_IX_MEMBER_STATE] = { "member_state", "UBB", FF_R_EXEC },
    [FF_IX_FLOWS] = { "flows", "P", FF_R_FLOW },
    [FF_IX_CANCELLING] = { "cancelling", "", FF_R_FLOW },
    [FF_IX_MEMBERS] = { "members", "U", FF_R_MEMBER },
    [FF_IX_MEMBER_GONE] = { "member_gone", "UBB", FF_R_MEMBER },
    [FF_IX_GROUPS] = { "groups", "U", FF_R_GROUP },
    [FF_IX_GROUPS_OWED] = { "groups_owed", "P", FF_R_GROUP },
    [FF_IX_EDGES] = { "edges", "U", FF_R_EDGE },
    [FF_IX_EDGES_IN] = { "edges_in", "UPU", FF_R_EDGE },
    [FF_IX_EDGES_OUT] = { "edges_out", "UPU", FF_R_EDGE },
    [FF_IX_FLOW_ENDED] = { "flow_ended", "P", FF_R_FLOW },
    [FF_IX_REPLIES] = { "replies", "PU", FF_R_SUSPEND_REPLY },
    [FF_IX_PURGING] = { "purging", "B", FF_R_N },
    [FF_IX_SUBMITTING] = { "submitting", "", FF_R_FLOW },
    [FF_IX_RELEASING] = { "releasing", "", FF_R_FLOW },
    [FF_IX_REPLAYING] = { "replaying", "", FF_R_GROUP },
};

/* ---- writing ---- */

static const char hex_digits[] = "0123456789abcdef";

static void
put(struct ff_valkey_name *out, const char *text, uint32_t n)
{
    FF_ASSERT(out->n + n <= FF_VALKEY_NAME_MAX);
    memcpy(out->b + out->n, text, n);
    out->n += n;
}

static void
put_char(struct ff_valkey_name *out, char c)
{
    put(out, &c, 1);
}

static void
put_hex(struct ff_valkey_name *out, const uint8_t *bytes, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++) {
        put_char(out, hex_digits[bytes[i] >> 4]);
        put_char(out, hex_digits[bytes[i] & 15]);
    }
}

static void
put_number(struct ff_valkey_name *out, uint64_t value, uint32_t width)
{
    char digits[20];

    for (uint32_t i = width; i > 0; i--) {
        digits[i - 1] = (char) ('0' + value % 10);
        value /= 10;
    }
    put(out, digits, width);
}

/* Up to `!` each byte is written as ! and two digits, which keeps the order. */
static void
put_text(struct ff_valkey_name *out, const uint8_t *bytes, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++) {
        if (bytes[i] <= '!' || bytes[i] == 0x7f) {
            put_char(out, '!');
            put_hex(out, bytes + i, 1);
        } else {
            put_char(out, (char) bytes[i]);
        }
    }
}

static uint64_t
big_endian(const uint8_t *bytes, uint32_t n)
{
    uint64_t value = 0;

    for (uint32_t i = 0; i < n; i++) {
        value = value << 8 | bytes[i];
    }
    return value;
}

/* Bytes and digits of the parts that are numbers. */
static const struct fixed {
    char letter;
    uint8_t bytes, width;
} fixed[] = {
    { 'P', 2, 5 }, { 'I', 4, 10 }, { 'Q', 8, 20 }, { 'B', 1, 3 }, { 'U', 16, 36 }, { 'D', 16, 32 },
};

static const struct fixed *
fixed_of(char letter)
{
    for (size_t i = 0; i < FF_COUNT(fixed); i++) {
        if (fixed[i].letter == letter) {
            return &fixed[i];
        }
    }
    return NULL;
}

static void
put_fixed(struct ff_valkey_name *out, const struct fixed *part, const uint8_t *bytes)
{
    if (part->letter == 'U') {
        for (uint32_t i = 0; i < 16; i++) {
            if (i == 4 || i == 6 || i == 8 || i == 10) {
                put_char(out, '-');
            }
            put_hex(out, bytes + i, 1);
        }
    } else if (part->letter == 'D') {
        put_hex(out, bytes, part->bytes);
    } else {
        put_number(out, big_endian(bytes, part->bytes), part->width);
    }
}

static void
put_shape(struct ff_valkey_name *out, const char *parts, const uint8_t *bytes, uint32_t n)
{
    bool apart = false; /* a colon before the next part */
    uint32_t at = 0;

    while (at < n) {
        const struct fixed *part = *parts == '\0' ? NULL : fixed_of(*parts);
        char letter = *parts == '\0' ? 'X' : *parts++;

        if (apart) {
            put_char(out, ':');
        }
        apart = part != NULL;
        if (part != NULL && n - at >= part->bytes) {
            put_fixed(out, part, bytes + at);
            at += part->bytes;
        } else if (letter == 'L') {
            const uint8_t *end = memchr(bytes + at, 0, n - at);
            uint32_t most = end == NULL ? n - at : (uint32_t) (end - bytes) + 1 - at;

            put_text(out, bytes + at, most);
            at += most;
        } else if (letter == 'T') {
            put_text(out, bytes + at, n - at);
            at = n;
        } else {
            put_char(out, '~');
            put_hex(out, bytes + at, n - at);
            at = n;
        }
    }
}

/* ---- reading ---- */

struct reading {
    const char *p, *end;
    uint8_t *out;
    uint32_t n, max;
};

static bool
take_byte(struct reading *in, uint8_t byte)
{
    if (in->n == in->max) {
        return false;
    }
    in->out[in->n++] = byte;
    return true;
}

static int
hex_value(char c)
{
    if (c >= '0' && c <= '9') {
        return c - '0';
    }
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static bool
take_hex(struct reading *in, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++) {
        int high = 0, low = 0;

        if (in->end - in->p < 2) {
            return false;
        }
        high = hex_value(in->p[0]);
        low = hex_value(in->p[1]);
        if (high < 0 || low < 0 || !take_byte(in, (uint8_t) (high << 4 | low))) {
            return false;
        }
        in->p += 2;
    }
    return true;
}

static bool
take_number(struct reading *in, uint32_t width, uint64_t *out)
{
    uint64_t value = 0;

    if ((size_t) (in->end - in->p) < width) {
        return false;
    }
    for (uint32_t i = 0; i < width; i++, in->p++) {
        if (*in->p < '0' || *in->p > '9') {
            return false;
        }
        value = value * 10 + (uint64_t) (*in->p - '0');
    }
    *out = value;
    return true;
}

static bool
take_fixed(struct reading *in, const struct fixed *part)
{
    uint64_t value = 0;

    if (part->letter == 'U') {
        for (uint32_t i = 0; i < 16; i++) {
            in->p += i == 4 || i == 6 || i == 8 || i == 10;
            if (in->p > in->end || !take_hex(in, 1)) {
                return false;
            }
        }
        return true;
    }
    if (part->letter == 'D') {
        return take_hex(in, part->bytes);
    }
    if (!take_number(in, part->width, &value)) {
        return false;
    }
    for (uint32_t i = part->bytes; i > 0; i--) {
        if (!take_byte(in, (uint8_t) (value >> 8 * (i - 1)))) {
            return false;
        }
    }
    return true;
}

/* to_zero: up to and with a zero byte; else to the end. */
static bool
take_text(struct reading *in, bool to_zero)
{
    while (in->p < in->end) {
        if (*in->p != '!') {
            if (!take_byte(in, (uint8_t) *in->p++)) {
                return false;
            }
            continue;
        }
        in->p++;
        if (!take_hex(in, 1)) {
            return false;
        }
        if (to_zero && in->out[in->n - 1] == 0) {
            return true;
        }
    }
    return true;
}

static bool
take_shape(struct reading *in, const char *parts)
{
    bool apart = false;

    while (in->p < in->end) {
        const struct fixed *part = *parts == '\0' ? NULL : fixed_of(*parts);
        char letter = *parts == '\0' ? 'X' : *parts++;

        if (apart && *in->p++ != ':') {
            return false;
        }
        apart = part != NULL;
        if (letter == 'L' || letter == 'T') {
            if (!take_text(in, letter == 'L')) {
                return false;
            }
        } else if (in->p < in->end && *in->p == '~') {
            in->p++;
            return (in->end - in->p) % 2 == 0 && take_hex(in, (uint32_t) (in->end - in->p) / 2);
        } else if (part == NULL || !take_fixed(in, part)) {
            return false;
        }
    }
    return true;
}

/* ---- names ---- */

static uint16_t
partition_of(const struct shape *shape, const struct ff_key *key,
             const struct ff_partition_counts *counts)
{
    uint32_t count = shape->home == 'f'   ? counts->flow
                     : shape->home == 'b' ? counts->budget
                                          : counts->quota;
    struct ff_uuid id = { { 0 } };

    memcpy(id.b, key->b, key->n < sizeof(id.b) ? key->n : sizeof(id.b));
    return ff_partition_of_uuid(&id, count);
}

static void
put_home(struct ff_valkey_name *out, char letter, uint16_t partition)
{
    char digits[8];
    uint32_t n = 0;

    put_char(out, '{');
    put_char(out, letter);
    put_char(out, ':');
    do {
        digits[n++] = (char) ('0' + partition % 10);
        partition /= 10;
    } while (partition > 0);
    while (n > 0) {
        put_char(out, digits[--n]);
    }
    put_char(out, '}');
}

/* A flow lies where its executions do. */
static char
home_letter(const struct shape *shape)
{
    return shape->home == 'f' ? 'p' : shape->home;
}

void
ff_valkey_record_name(enum ff_record kind, const struct ff_key *key,
                      const struct ff_partition_counts *counts, struct ff_valkey_name *out)
{
    const struct shape *shape = &records[kind];
    const char *parts = shape->parts;
    uint32_t from = 0;

    FF_ASSERT(shape->name != NULL);
    out->n = 0;
    if (shape->home == 'p' && key->n >= 2) {
        put_home(out, 'p', (uint16_t) big_endian(key->b, 2));
        from = 2;
        parts++;
    } else if (shape->home == 'p' || shape->home == 'g') {
        put(out, "{g}", 3);
    } else {
        put_home(out, home_letter(shape), partition_of(shape, key, counts));
    }
    put_char(out, ':');
    put(out, shape->name, (uint32_t) strlen(shape->name));
    put_char(out, ':');
    put_shape(out, parts, key->b + from, key->n - from);
}

/* "{p:12}:": the partition stands in front of the key of an execution and what belongs to it. */
static bool
take_home(struct reading *in, char *home, uint16_t *partition)
{
    const char *end = memchr(in->p, '}', (size_t) (in->end - in->p));
    uint32_t value = 0;

    if (end == NULL || end - in->p < 2 || in->p[0] != '{' || end + 1 == in->end || end[1] != ':') {
        return false;
    }
    *home = in->p[1];
    for (const char *p = in->p + 3; p < end; p++) {
        if (*p < '0' || *p > '9' || value > UINT16_MAX) {
            return false;
        }
        value = value * 10 + (uint32_t) (*p - '0');
    }
    in->p = end + 2;
    *partition = (uint16_t) value;
    return value <= UINT16_MAX;
}

static enum ff_record
kind_named(const char *name, size_t n)
{
    int kind = 0;

    while (kind < FF_R_N && (records[kind].name == NULL || strlen(records[kind].name) != n ||
                             memcmp(records[kind].name, name, n) != 0)) {
        kind++;
    }
    return (enum ff_record) kind;
}

bool
ff_valkey_record_parse(struct ff_str name, enum ff_record *kind_out, struct ff_key *key_out)
{
    struct reading in = {
        .p = name.p, .end = name.p + name.n, .out = key_out->b, .max = FF_KEY_MAX
    };
    const char *colon = NULL, *parts = NULL;
    uint16_t partition = 0;
    char home = 0;

    if (!take_home(&in, &home, &partition)) {
        return false;
    }
    colon = memchr(in.p, ':', (size_t) (in.end - in.p));
    *kind_out = colon == NULL ? FF_R_N : kind_named(in.p, (size_t) (colon - in.p));
    if (*kind_out == FF_R_N || home != home_letter(&records[*kind_out])) {
        return false; /* indexes lie in g, and may be named as a kind is */
    }
    in.p = colon + 1;
    parts = records[*kind_out].parts;
    if (records[*kind_out].home == 'p') {
        key_out->b[in.n++] = (uint8_t) (partition >> 8);
        key_out->b[in.n++] = (uint8_t) partition;
        parts++;
    }
    if (!take_shape(&in, parts)) {
        return false;
    }
    key_out->n = (uint8_t) in.n;
    return true;
}

const char *
ff_valkey_index_name(enum ff_index index)
{
    FF_ASSERT(index < FF_IX_N && indexes[index].name != NULL);
    return indexes[index].name;
}

void
ff_valkey_scope_name(enum ff_index index, const struct ff_scope *scope, struct ff_valkey_name *out)
{
    out->n = 0;
    put_shape(out, indexes[index].scope, scope->b, scope->n);
}

bool
ff_valkey_scope_parse(enum ff_index index, struct ff_str name, struct ff_scope *out)
{
    struct reading in = { .p = name.p, .end = name.p + name.n, .out = out->b, .max = FF_SCOPE_MAX };
    bool ok = take_shape(&in, indexes[index].scope);

    out->n = (uint8_t) in.n;
    return ok;
}

static const char *
id_parts(enum ff_index index, const struct ff_scope *scope)
{
    enum ff_record of = indexes[index].of;

    if (of == FF_R_N) {
        of = scope->n > 0 && scope->b[0] < FF_R_N ? (enum ff_record) scope->b[0] : FF_R_EXEC;
    }
    return records[of].parts == NULL ? "" : records[of].parts;
}

void
ff_valkey_entry_name(enum ff_index index, const struct ff_scope *scope,
                     const struct ff_entry *entry, struct ff_valkey_name *out)
{
    out->n = 0;
    if (entry->sort < 0) { /* - comes before the digits */
        put_char(out, '-');
        put_number(out, (uint64_t) entry->sort - (uint64_t) INT64_MIN, 19);
    } else {
        put_number(out, (uint64_t) entry->sort, 19);
    }
    put_char(out, ':');
    put_shape(out, id_parts(index, scope), entry->id.b, entry->id.n);
}

bool
ff_valkey_entry_parse(enum ff_index index, const struct ff_scope *scope, struct ff_str name,
                      struct ff_entry *out)
{
    struct reading in = {
        .p = name.p, .end = name.p + name.n, .out = out->id.b, .max = FF_KEY_MAX
    };
    bool negative = name.n > 0 && name.p[0] == '-';
    uint64_t sort = 0;

    in.p += negative;
    if (!take_number(&in, 19, &sort) || in.p == in.end || *in.p++ != ':' ||
        !take_shape(&in, id_parts(index, scope))) {
        return false;
    }
    out->sort = (int64_t) (negative ? sort + (uint64_t) INT64_MIN : sort);
    out->id.n = (uint8_t) in.n;
    return true;
}
