/* tls_test.c: a PostgreSQL server that is reached over TLS only, whose certificate is checked. */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "tests/process/calls.h"
#include "tests/process/ffctl.h"
#include "tests/rig/pg_server.h"

/* "right" is the server's; it vouches for itself. */
static const char certify[] =
    "for name in right wrong; do"
    " openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2"
    "  -subj /CN=localhost -addext subjectAltName=DNS:localhost -keyout $name.key -out $name.pem"
    "  || exit 1; "
    "done; "
    "echo 'hostssl all all 127.0.0.0/8 trust' > d/pg_hba.conf; "
    "echo 'local all all trust' >> d/pg_hba.conf";

static char where[FF_PG_URL_MAX]; /* the server's directory */
static char address[32];

/* The port is the usual one, on a loopback address that is this process's own. */
static void
setup(void)
{
    static char listen[64];
    static const char *const settings[] = {
        "fsync=off", listen, "ssl=on", "ssl_cert_file=../right.pem", "ssl_key_file=../right.key",
        NULL
    };
    static const char *const argv[] = { "sh", "-c", certify, NULL };
    unsigned pid = (unsigned) getpid();
    char url[FF_PG_URL_MAX];

    ff_pg_fresh(url);
    snprintf(where, sizeof(where), "%s", strstr(url, "host=") + strlen("host="));
    snprintf(address, sizeof(address), "127.%u.%u.%u", 1 + (pid >> 16) % 250, pid >> 8 & 255,
             pid & 255);
    snprintf(listen, sizeof(listen), "listen_addresses=%s", address);
    ff_pg_run(argv);
    ff_pg_stop(false);
    ff_pg_settings(settings);
    ff_pg_start();
}

/* Of the server under this name, believed on the word of this certificate. */
static const char *
url_of(const char *name, const char *certificate)
{
    static char url[2 * FF_PG_URL_MAX];

    snprintf(
        url, sizeof(url),
        "postgres://flowfabric@%s/flowfabric?hostaddr=%s&sslmode=verify-full&sslrootcert=%s/%s",
        name, address, where, certificate);
    return url;
}

static void
test_a_daemon_works_over_tls(void **state)
{
    struct ff_daemon *daemon = *state;
    struct ff_claim_args claim = ff_test_claim_args("w", 60000, 30000);
    struct ff_client *client = NULL;
    FF_SCOPED(ff_answer) answer = { 0 };
    struct ff_eid id = { 0 };
    char text[3 * FF_PG_URL_MAX];

    if (!ff_pg_there()) {
        skip();
    }
    snprintf(text, sizeof(text), "store = \"%s\"", url_of("localhost", "right.pem"));
    ff_daemon_start(daemon, text);
    client = ff_test_client(daemon->worker, NULL);
    id = ff_test_create(client);
    (void) ff_test_claim(client, &claim, &answer);
    assert_string_equal(ff_test_state(client, id), "active");
    assert_string_equal(ff_pg_sql_text("SELECT count(*) >= 2 AND bool_and(ssl) FROM pg_stat_ssl"
                                       " JOIN pg_stat_activity USING (pid)"
                                       " WHERE application_name = 'flowfabric'"),
                        "t");
    ff_client_close(client);
    ff_daemon_stop(daemon);
    snprintf(text, sizeof(text), "store check '%s'", url_of("localhost", "right.pem"));
    assert_says(ffctl(daemon, text), "sound\n[0]");
}

static void
test_a_benchmark_works_over_tls(void **state)
{
    char line[4 * FF_PG_URL_MAX], out[4096];
    FILE *pipe = NULL;
    size_t n = 0;

    (void) state;
    if (!ff_pg_there()) {
        skip();
    }
    snprintf(line, sizeof(line), "%s lifecycle -o batched -t 1 -s '%s' 2>&1", FF_TEST_FFBENCH,
             url_of("localhost", "right.pem"));
    pipe = popen(line, "r");
    assert_non_null(pipe);
    n = fread(out, 1, sizeof(out) - 1, pipe);
    out[n] = '\0';
    if (pclose(pipe) != 0) {
        fail_msg("%s", out);
    }
}

static const struct row {
    const char *name, *server, *certificate, *says;
} rows[] = {
    { "a server that somebody else vouches for is refused", "localhost", "wrong.pem",
      "certificate verify failed" },
    { "a server under another name is refused", "elsewhere", "right.pem",
      "does not match host name" },
    { "a certificate that is not there is missed", "localhost", "none.pem", "does not exist" },
};

static void
test_refused(void **state)
{
    const struct row *row = *state;
    struct ff_daemon daemon;
    char text[3 * FF_PG_URL_MAX];

    if (!ff_pg_there()) {
        skip();
    }
    ff_daemon_init(&daemon);
    snprintf(text, sizeof(text), "store = \"%s\"", url_of(row->server, row->certificate));
    ff_daemon_expect_refusal(&daemon, text, row->says);
    snprintf(text, sizeof(text), "store check '%s'", url_of(row->server, row->certificate));
    assert_says(ffctl(&daemon, text), row->says);
    ff_daemon_done(&daemon);
}

int
main(void)
{
    static const struct CMUnitTest singles[] = {
        cmocka_unit_test_setup_teardown(test_a_daemon_works_over_tls, ff_daemon_setup,
                                        ff_daemon_teardown),
        cmocka_unit_test(test_a_benchmark_works_over_tls),
    };
    const struct ff_rows tables[] = { FF_ROWS(rows, test_refused) };

    if (ff_pg_there()) {
        setup();
    }
    return ff_run_rows("tls", tables, 1, singles, FF_COUNT(singles));
}
