/* Tokens and the keys that sign them: examples 56 to 65 and 77 of 03. */

#include <sodium.h>

#include "core/token.h"
#include "tests/engine/wait_signal.h"

/* ---- tokens ---- */

/* The token with one thing changed. */
static const struct forged_row {
    const char *name;
    const char *kid;   /* in place of k1; NULL: no colon either */
    uint32_t digest_n; /* 63, 64, 65 digits */
    bool flip, upper;
    ff_err want;
} forged_rows[] = {
    { "03 ex 56 last digit flipped", "k1:", 64, true, false, FF_E_INVALID_TOKEN },
    { "03 ex 56 unknown kid", "k9:", 64, false, false, FF_E_INVALID_TOKEN },
    { "03 ex 56 no colon", NULL, 64, false, false, FF_E_INVALID_TOKEN },
    { "03 ex 56 no kid", ":", 64, false, false, FF_E_INVALID_TOKEN },
    { "03 ex 56 a digit less", "k1:", 63, false, false, FF_E_INVALID_TOKEN },
    { "03 ex 56 a digit more", "k1:", 65, false, false, FF_E_INVALID_TOKEN },
    { "03 ex 56 upper case", "k1:", 64, false, true, FF_E_INVALID_TOKEN },
    { "03 ex 56 empty", "", 0, false, false, FF_E_MISSING_TOKEN },
};

static struct ff_str
forge(struct ff_rig *rig, const struct forged_row *row, struct ff_str token)
{
    char *text = ff_arena_zalloc(&rig->arena, 128);
    uint32_t kid_n = row->kid == NULL ? 0 : (uint32_t) strlen(row->kid);

    memcpy(text, row->kid == NULL ? "" : row->kid, kid_n);
    memset(text + kid_n, '0', row->digest_n);
    memcpy(text + kid_n, token.p + 3, row->digest_n < 64 ? row->digest_n : 64);
    if (row->flip) {
        text[kid_n + 63] = text[kid_n + 63] == '0' ? '1' : '0';
    }
    for (uint32_t i = kid_n; row->upper && i < kid_n + 64; i++) {
        text[i] = (char) (text[i] >= 'a' ? text[i] - 'a' + 'A' : text[i]);
    }
    return ff_str(text, kid_n + row->digest_n);
}

static void
test_forged_row(void **state)
{
    const struct forged_row *row = *state;
    struct ff_suspend_result result;
    struct ff_rig *rig = NULL;
    struct target w;

    wait_setup((void **) &rig);
    result = create_suspended(rig, 1, NULL, SINGLE_OF("A", WILDCARD));
    w = target_of(1, &result.details, 0);
    w.token = forge(rig, row, w.token);
    rig->now_ms = T + 5;
    assert_err(try_deliver(rig, &w, "x"), row->want);
    assert_non_null(rig->fault.message); /* example 60: it says nothing of the token */
    assert_null(strstr(rig->fault.message, "k1"));
    assert_int_equal(rig->fault.n, 0);
    assert_field(rig, 1, "last_hmac_validation_failed_at", "1000005");
    assert_field(rig, 1, "public_state", "suspended");
    assert_field(rig, 1, "signal_count", "0");
    assert_field(rig, 1, "last_mutation_at", "1000000");
    rig->now_ms = T + 1004; /* noted at most once a second */
    assert_err(try_deliver(rig, &w, "x"), row->want);
    assert_field(rig, 1, "last_hmac_validation_failed_at", "1000005");
    rig->now_ms = T + 1005;
    assert_err(try_deliver(rig, &w, "x"), row->want);
    assert_field(rig, 1, "last_hmac_validation_failed_at", "1001005");
    ff_rig_free(rig);
}

static void
test_token_of_another(void **state)
{
    struct ff_rig *rig = *state;
    struct ff_suspend_result one = create_suspended(rig, 1, "[" FRESH("A") "," FRESH("B") "]",
                                                    COUNT(1, "waitpoints", "\"A\",\"B\""));
    struct ff_suspend_result two = create_suspended(rig, 2, NULL, SINGLE_OF("A", WILDCARD));
    struct target a = target_of(1, &one.details, 0), b = target_of(1, &one.details, 1);
    struct target c = target_of(2, &two.details, 0), mixed = b;
    struct ff_claim_result claim;

    mixed.token = a.token;
    assert_err(try_deliver(rig, &mixed, "x"), FF_E_INVALID_TOKEN);
    mixed = c;
    mixed.token = a.token;
    assert_err(try_deliver(rig, &mixed, "x"), FF_E_INVALID_TOKEN);
    mixed = a;
    mixed.number = 2; /* the right token, but of another execution's waitpoint */
    assert_err(try_deliver(rig, &mixed, "x"), FF_E_INVALID_TOKEN);
    mixed = a;
    mixed.waitpoint_id.b[5] ^= 1;
    assert_err(try_deliver(rig, &mixed, "x"), FF_E_INVALID_TOKEN); /* suspended */
    assert_string_equal(deliver(rig, &a, "x"), SATISFIED);
    claim = claim_this(rig, 1);
    assert_err(try_deliver(rig, &mixed, "x"), FF_E_INVALID_TOKEN); /* active */
    assert_ok(complete(rig, &claim, ""));
    assert_err(try_deliver(rig, &mixed, "x"), FF_E_INVALID_TOKEN); /* terminal */
}

static void
test_grace(void **state)
{
    struct ff_rig *rig = *state;
    struct ff_suspend_result result = create_suspended(rig, 1, NULL, OPERATOR_ONLY);
    struct target w = target_of(1, &result.details, 0);

    rotated(rig, "k2", SECRET_2, "600000");
    result = create_suspended(rig, 2, NULL, OPERATOR_ONLY);
    assert_memory_equal(result.details.waitpoint_token.p, "k2:", 3);
    rig->now_ms = T + 1000;
    rotated(rig, "k3", SECRET_3, "600000");
    rig->now_ms = T + 600000;
    assert_string_equal(deliver(rig, &w, "x"), "no_op");
    rig->now_ms = T + 600001;
    assert_err(try_deliver(rig, &w, "x"), FF_E_TOKEN_EXPIRED);
    w.token.p = ff_arena_printf(&rig->arena, "k1:%064d", 0).p; /* example 59 */
    assert_err(try_deliver(rig, &w, "x"), FF_E_INVALID_TOKEN);
}

static void
test_removed_key(void **state)
{
    struct ff_rig *rig = *state;
    struct ff_suspend_result result = create_suspended(rig, 1, NULL, OPERATOR_ONLY);
    struct target w = target_of(1, &result.details, 0);

    rotated(rig, "k2", SECRET_2, "1000");
    rig->now_ms = T + 1001;
    assert_err(try_deliver(rig, &w, "x"), FF_E_TOKEN_EXPIRED);
    rotated(rig, "k3", SECRET_3, "1000");
    assert_err(try_deliver(rig, &w, "x"), FF_E_INVALID_TOKEN);
}

static void
test_operators_token(void **state)
{
    struct ff_rig *rig = *state;
    struct ff_suspend_result result = create_suspended(rig, 1, "[" FRESH("A") "," FRESH("B") "]",
                                                       COUNT(2, "waitpoints", "\"A\",\"B\""));
    struct target a = target_of(1, &result.details, 0), b = target_of(1, &result.details, 1);
    struct target unknown = a;
    struct ff_read_waitpoint_token_args args = { .partition = ff_cstr("{fp:6}"),
                                                 .waitpoint_id = a.waitpoint_id,
                                                 .execution_id =
                                                     FF_SOME(ff_opt_eid, ff_rig_id(2)) };
    struct ff_read_waitpoint_token_result read;

    unknown.waitpoint_id.b[1] ^= 1;
    assert_true(ff_str_eq(token_of(rig, &a), a.token));
    assert_null(token_of(rig, &unknown).p);
    assert_ok(ff_rig_read_waitpoint_token(rig, &args, &read));
    assert_null(read.token.p);
    args.partition = ff_cstr("{fp:7}");
    args.execution_id.is = false;
    assert_ok(ff_rig_read_waitpoint_token(rig, &args, &read));
    assert_null(read.token.p);
    args.partition = ff_cstr("6");
    assert_err(ff_rig_read_waitpoint_token(rig, &args, &read), FF_E_INVALID_INPUT);
    rotated(rig, "k2", SECRET_2, "1000");
    assert_true(ff_str_eq(token_of(rig, &a), a.token)); /* within its grace */
    rig->now_ms = T + 1001;
    a.token = token_of(rig, &a);
    assert_memory_equal(a.token.p, "k2:", 3);
    assert_true(ff_str_eq(token_of(rig, &a), a.token));
    assert_string_equal(deliver(rig, &a, "x"), APPENDED);
    b.token = token_of(rig, &b);
    assert_string_equal(deliver(rig, &b, "x"), SATISFIED);
    assert_null(token_of(rig, &a).p);
}

/* Against the definition, bytes of the message put together by hand. */
static void
test_message(void **state)
{
    struct ff_rig *rig = *state;
    struct ff_suspend_result result = create_suspended(rig, 1, NULL, SINGLE("A|B", "go"));
    uint8_t secret[32], digest[32];
    char uuid[FF_UUID_TEXT_MAX], eid[FF_EID_TEXT_MAX], hex[65];
    struct ff_eid id = ff_rig_id(1);
    struct ff_str message;

    memset(secret, 1, sizeof(secret));
    ff_uuid_text(&result.details.waitpoint_id, uuid);
    ff_eid_text(&id, eid);
    message = ff_arena_printf(&rig->arena, "k1:%s|%s|1000000|A|B", eid, uuid);
    crypto_auth_hmacsha256(digest, (const unsigned char *) message.p, message.n, secret);
    sodium_bin2hex(hex, sizeof(hex), digest, sizeof(digest));
    assert_memory_equal(result.details.waitpoint_token.p + 3, hex, 64);
}

/* ---- the keystore ---- */

static void
test_seed(void **state)
{
    struct ff_rig *rig = *state;
    struct ff_seed_waitpoint_hmac_secret_result result;

    assert_ok(seed(rig, "k1", SECRET_1, &result));
    assert_string_equal(result.outcome, "seeded");
    assert_false(result.same_secret.is);
    assert_ok(seed(rig, "k1", SECRET_1, &result));
    assert_string_equal(result.outcome, "already_seeded");
    assert_true(result.same_secret.v && result.is_current.v);
    assert_ok(seed(rig, "k1", SECRET_2, &result));
    assert_false(result.same_secret.v);
    assert_ok(seed(rig, "k1", SECRET_1, &result));
    assert_true(result.same_secret.v); /* nothing had changed */
    assert_err(seed(rig, "k2", SECRET_2, &result), FF_E_INVALID_INPUT);
    assert_detail(rig, "current_kid", "k1");
    rotated(rig, "k2", SECRET_2, "1000");
    assert_ok(seed(rig, "k1", SECRET_1, &result));
    assert_string_equal(result.outcome, "already_seeded");
    assert_true(result.same_secret.v);
    assert_false(result.is_current.v);
}

static const struct bad_row {
    const char *name;
    const char *kid, *secret, *grace_ms;
    ff_err want;
} bad_rows[] = {
    { "03 ex 62 no secret", "k", "", NULL, FF_E_INVALID_SECRET_HEX },
    { "03 ex 62 62 digits", "k", "01010101010101010101010101010101010101010101010101010101010101",
      NULL, FF_E_INVALID_SECRET_HEX },
    { "03 ex 62 63 digits", "k", "010101010101010101010101010101010101010101010101010101010101010",
      NULL, FF_E_INVALID_SECRET_HEX },
    { "03 ex 62 66 digits", "k", SECRET_1 "01", NULL, FF_E_INVALID_SECRET_HEX },
    { "03 ex 62 zz", "k", "zz01010101010101010101010101010101010101010101010101010101010101", NULL,
      FF_E_INVALID_SECRET_HEX },
    { "03 ex 62 empty kid", "", SECRET_1, NULL, FF_E_INVALID_KID },
    { "03 ex 62 colon in kid", "a:b", SECRET_1, NULL, FF_E_INVALID_KID },
    { "space in kid", "a b", SECRET_1, NULL, FF_E_INVALID_KID },
    { "03 ex 62 grace of 2^53", "k", SECRET_1, "9007199254740992", FF_E_INVALID_GRACE_MS },
    { "negative grace", "k", SECRET_1, "-1", FF_E_INVALID_GRACE_MS },
    { "grace that is no number", "k", SECRET_1, "\"5\"", FF_E_INVALID_GRACE_MS },
    { "kid before secret before grace", "", "", "-1", FF_E_INVALID_KID },
    { "secret before grace", "k", "", "-1", FF_E_INVALID_SECRET_HEX },
    { "the largest grace", "k", SECRET_1, "9007199254740991", FF_E_OK },
    { "upper-case secret", "k", "ABCDEF0101010101010101010101010101010101010101010101010101010101",
      NULL, FF_E_OK },
};

static void
test_bad_row(void **state)
{
    const struct bad_row *row = *state;
    struct ff_rig *rig = ff_rig_new();
    struct ff_seed_waitpoint_hmac_secret_result seeded;
    struct ff_hmac_rotation rotation;

    assert_err(
        rotate(rig, row->kid, row->secret, row->grace_ms == NULL ? "0" : row->grace_ms, &rotation),
        row->want);
    if (row->grace_ms == NULL) {
        assert_err(seed(rig, row->kid, row->secret, &seeded), row->want);
    }
    if (row->want != FF_E_OK && row->secret[0] != '\0') {
        assert_null(strstr(rig->fault.message, row->secret));
    }
    ff_rig_free(rig);
}

static struct ff_list_waitpoint_hmac_kids_result
list(struct ff_rig *rig)
{
    const struct ff_list_waitpoint_hmac_kids_args args = { 0 };
    struct ff_list_waitpoint_hmac_kids_result result;

    assert_ok(ff_rig_list_waitpoint_hmac_kids(rig, &args, &result));
    return result;
}

static void
test_rotate(void **state)
{
    struct ff_rig *rig = *state;
    struct ff_hmac_rotation rotation;

    assert_null(list(rig).current_kid.p);
    assert_int_equal(list(rig).verifying.n, 0);
    assert_ok(rotate(rig, "k1", SECRET_1, "600000", &rotation));
    assert_string_equal(rotation.outcome, "rotated");
    assert_null(rotation.previous_kid.p);
    assert_int_equal(rotation.gc_count.v, 0);
    assert_ok(rotate(rig, "k2", SECRET_2, "600000", &rotation));
    assert_str(rotation.previous_kid, "k1");
    assert_ok(rotate(rig, "k2", SECRET_2, "600000", &rotation));
    assert_string_equal(rotation.outcome, "noop");
    assert_str(rotation.kid, "k2");
    assert_err(rotate(rig, "k2", SECRET_1, "600000", &rotation), FF_E_ROTATION_CONFLICT);
    assert_detail(rig, "kid", "k2");
    assert_err(rotate(rig, "k1", SECRET_3, "600000", &rotation), FF_E_ROTATION_CONFLICT);
}

static void
test_removal(void **state)
{
    struct ff_rig *rig = *state;
    struct ff_list_waitpoint_hmac_kids_result kids;
    struct ff_hmac_rotation rotation;

    rotated(rig, "k2", SECRET_2, "1000");
    rig->now_ms = T + 1001;
    assert_ok(rotate(rig, "k3", SECRET_3, "1000", &rotation));
    assert_int_equal(rotation.gc_count.v, 1);
    kids = list(rig);
    assert_str(kids.current_kid, "k3");
    assert_int_equal(kids.verifying.n, 1);
    assert_str(kids.verifying.v[0].kid, "k2");
    assert_int_equal(kids.verifying.v[0].expires_at_ms, T + 2001);
    rig->now_ms = T + 2002; /* past its grace, though still held */
    assert_int_equal(list(rig).verifying.n, 0);
}

static void
test_back_again(void **state)
{
    struct ff_rig *rig = *state;
    struct ff_suspend_result result = create_suspended(rig, 1, NULL, OPERATOR_ONLY);
    struct target w = target_of(1, &result.details, 0);
    struct ff_hmac_rotation rotation;

    rotated(rig, "k2", SECRET_2, "600000");
    assert_err(rotate(rig, "k1", SECRET_3, "600000", &rotation), FF_E_ROTATION_CONFLICT);
    assert_ok(rotate(rig, "k1", SECRET_1, "600000", &rotation));
    assert_string_equal(rotation.outcome, "rotated");
    assert_str(rotation.previous_kid, "k2");
    assert_str(list(rig).current_kid, "k1");
    rig->now_ms = T + 10000000;
    assert_string_equal(deliver(rig, &w, "x"), "no_op");
}

static void
test_keys_at_the_most(void **state)
{
    struct ff_rig *rig = *state;
    struct ff_hmac_rotation rotation;
    char kid[16];

    for (int i = 2; i <= 256; i++) {
        snprintf(kid, sizeof(kid), "k%d", i);
        rotated(rig, kid, SECRET_2, "1000");
    }
    assert_int_equal(list(rig).verifying.n, 255);
    assert_err(rotate(rig, "k257", SECRET_2, "1000", &rotation), FF_E_INVALID_INPUT);
    assert_detail(rig, "reason", "too_many");
    rig->now_ms = T + 1001;
    rotated(rig, "k257", SECRET_2, "1000");
}

int
main(void)
{
    static const struct ff_rows tables[] = {
        FF_ROWS(forged_rows, test_forged_row),
        FF_ROWS(bad_rows, test_bad_row),
    };
    static const struct CMUnitTest singles[] = {
        WAIT_TEST("03 ex 57 the token of another", test_token_of_another),
        WAIT_TEST("03 ex 58, 59 grace", test_grace),
        WAIT_TEST("03 ex 59 removed key", test_removed_key),
        WAIT_TEST("03 §9.1 the message", test_message),
        RIG_TEST("03 ex 61 seed", test_seed),
        RIG_TEST("03 ex 63, 64 rotate", test_rotate),
        WAIT_TEST("03 ex 64 removal", test_removal),
        WAIT_TEST("03 ex 65 back again", test_back_again),
        WAIT_TEST("03 ex 77 an operator's token", test_operators_token),
        WAIT_TEST("01 §1.8 keys held", test_keys_at_the_most),
    };

    return ff_rig_main("keyring", tables, FF_COUNT(tables), singles, FF_COUNT(singles));
}
