/* Sections of the configuration file: worker hosts and their handlers. */
#include "tests/supervisor/config_rig.h"

#define HANDLER "handler \"k\" { exec = {\"/bin/true\"} }\n"
#define X8 "xxxxxxxx"
#define X64 X8 X8 X8 X8 X8 X8 X8 X8

static char *const none[] = { NULL };

/* ---- what is accepted: a line of the printed configuration ---- */
static const struct good_row {
    const char *name;
    const char *file;
    const char *want;
} good_rows[] = {
    { "a host has one process", "worker \"a\" {\n" HANDLER "}", "\n  count = \"1\"\n" },
    { "a host may have none", "worker a { count = 0\n" HANDLER "}", "\n  count = \"0\"\n" },
    { "a host serves the default lane", "worker a {" HANDLER "}", "\n  lanes = \"default\"\n" },
    { "a host serves several lanes", "worker a { lanes = \"x, y\"\n" HANDLER "}",
      "\n  lanes = \"x,y\"\n" },
    { "a host has 8 slots", "worker a {" HANDLER "}", "\n  slots = \"8\"\n" },
    { "a lease lives for 30 s", "worker a {" HANDLER "}", "\n  lease_ttl_ms = \"30000\"\n" },
    { "a host drains for 10 s", "worker a {" HANDLER "}", "\n  drain_grace_ms = \"10000\"\n" },
    { "a host has a namespace", "worker a {" HANDLER "}", "\n  namespace = \"default\"\n" },
    { "capabilities are a set", "worker a { capabilities = \"gpu, cuda,gpu\"\n" HANDLER "}",
      "\n  capabilities = \"cuda,gpu\"\n" },
    { "no capabilities are none", "worker a { capabilities = \"\"\n" HANDLER "}",
      "\n  namespace = \"default\"\n  slots" },
    { "a command has arguments",
      "worker a { handler k { exec = {/bin/sh, \"-c\", \"echo \\\"$0\\\"\", \"\"} } }",
      "\n    exec = {\"/bin/sh\", \"-c\", \"echo \\\"\\$0\\\"\", \"\"}\n" },
    { "a plugin is a path", "worker a { handler k { plugin = \"/lib/x.so\" } }",
      "\n    plugin = \"/lib/x.so\"\n" },
    { "a handler runs for an hour", "worker a {" HANDLER "}", "\n    timeout_ms = \"3600000\"\n" },
    { "a result has a mebibyte", "worker a {" HANDLER "}",
      "\n    output_bytes_max = \"1048576\"\n" },
    { "a handler has 3 s to end", "worker a {" HANDLER "}", "\n    kill_grace_ms = \"3000\"\n" },
    { "a kind may have quotes", "worker a { handler \"a\\\"b\" { plugin = /x } }",
      "\n  handler \"a\\\"b\" {\n" },
    { "the longest name", "worker " X64 " {" HANDLER "}", "\nworker \"" X64 "\" {\n" },
};

static void
test_good(void **state)
{
    const struct good_row *row = *state;
    struct ff_config_rig rig;
    char *text = NULL;

    ff_config_rig_start(&rig, row->file);
    if (ff_config_rig_load(&rig, none) != FF_E_OK) {
        fail_msg("%s", rig.fault.message);
    }
    text = ff_config_printed(&rig.config);
    if (strstr(text, row->want) == NULL) {
        fail_msg("no \"%s\" in:\n%s", row->want, text);
    }
    free(text);
    ff_config_rig_done(&rig);
}

/* ---- what is refused ---- */
static const struct bad_row {
    const char *name;
    const char *file;
    const char *want; /* %s: the file's path */
} bad_rows[] = {
    { "a host without handler", "\nworker \"a\" {\n}\n",
      "%s:3: worker \"a\": must have 1 to 256 handlers" },
    { "a host of a wrong name", "worker \"a b\" { " HANDLER "}",
      "%s:2: worker \"a b\": must be named by 1 to 64 of a-z A-Z 0-9 - _ ." },
    { "a host without name", "worker \"\" {" HANDLER "}",
      "%s:2: worker \"\": must be named by 1 to 64 of a-z A-Z 0-9 - _ ." },
    { "a host of too long a name", "worker " X64 "x {" HANDLER "}",
      "%s:2: worker \"" X64 "x\": must be named by 1 to 64 of a-z A-Z 0-9 - _ ." },
    { "a name given twice", "worker a {" HANDLER "}\nworker a {" HANDLER "}\n",
      "%s:3: found duplicate title 'a'" },
    { "a kind given twice", "worker a {" HANDLER HANDLER "}\n", "%s:2: found duplicate title 'k'" },
    { "a handler without kind", "worker a { handler \"\" { plugin = /x } }",
      "%s:1: worker \"a\": handler \"\": must be named by a kind of 1 to 256 bytes" },
    { "neither exec nor plugin", "worker a { handler k {\n} }",
      "%s:2: worker \"a\": handler \"k\": must have one of exec and plugin" },
    { "both exec and plugin", "worker a { handler k { exec = {/x}\nplugin = /y\n} }",
      "%s:3: worker \"a\": handler \"k\": must have one of exec and plugin" },
    { "a program that is not absolute", "worker a { handler k {\nexec = {true, x}\n} }",
      "%s:2: worker \"a\": handler \"k\": exec: must begin with the absolute path of a program, "
      "not \"true\"" },
    { "an empty command is none", "worker a { handler k { exec = {} } }",
      "%s:1: worker \"a\": handler \"k\": must have one of exec and plugin" },
    { "a plugin that is not absolute", "worker a { handler k {\n\nplugin = x.so\n} }",
      "%s:3: worker \"a\": handler \"k\": plugin: must be an absolute path, not \"x.so\"" },
    { "too many processes", "worker a {\ncount = 65\n" HANDLER "}",
      "%s:2: worker \"a\": count: must be a decimal number from 0 to 64, not \"65\"" },
    { "no slot", "worker a {\nslots = 0\n" HANDLER "}",
      "%s:2: worker \"a\": slots: must be a decimal number from 1 to 1024, not \"0\"" },
    { "a lease below a second", "worker a {\nlease_ttl_ms = 999\n" HANDLER "}",
      "%s:2: worker \"a\": lease_ttl_ms: must be a decimal number from 1000 to 86400000, not "
      "\"999\"" },
    { "a result beyond 8 MiB",
      "worker a { handler k { exec = {/x}\noutput_bytes_max = 8388609\n} }",
      "%s:2: worker \"a\": handler \"k\": output_bytes_max: must be a decimal number from 1 to "
      "8388608, not \"8388609\"" },
    { "no lane", "worker a { lanes = \",\"\n" HANDLER "}",
      "%s:1: worker \"a\": lanes: must name 1 to 32 lanes, not \",\"" },
    { "a capability with a space", "worker a { capabilities = \"a b\"\n" HANDLER "}",
      "%s:1: worker \"a\": capabilities: must be at most 256 tokens without white space and "
      "control "
      "characters, 4096 bytes in all, not \"a b\"" },
    { "an unknown setting of a host", "worker a {\nslot = 3\n" HANDLER "}",
      "%s:2: no such option 'slot'" },
    { "an unknown setting of a handler", "worker a { handler k {\nexe = {/x}\n} }",
      "%s:2: no such option 'exe'" },
    { "a handler outside of a host", "\nhandler k { exec = {/x} }",
      "%s:2: no such option 'handler'" },
};

static void
test_bad(void **state)
{
    const struct bad_row *row = *state;
    struct ff_config_rig rig;
    char want[512];

    ff_config_rig_start(&rig, row->file);
    assert_int_equal(ff_config_rig_load(&rig, none), FF_E_INVALID_CONFIG);
    snprintf(want, sizeof(want), row->want, rig.path);
    assert_string_equal(rig.fault.message, want);
    assert_detail_str(&rig.fault, "file", rig.path);
    ff_config_rig_done(&rig);
}

static void
test_values_have_their_types(void **state)
{
    struct ff_config_rig rig;
    const struct ff_host_config *host = NULL;
    const struct ff_handler_config *handler = NULL;

    (void) state;
    ff_config_rig_start(&rig, "worker one {" HANDLER "}\n"
                              "worker two { count = 3  slots = 2  capabilities = \"b,a\"\n"
                              "  handler x { exec = {/x, y, \"\"}  timeout_ms = 7 }\n"
                              "  handler z { plugin = /z.so }\n}\n");
    assert_int_equal(ff_config_rig_load(&rig, none), FF_E_OK);
    assert_int_equal(rig.config.worker_hosts.n, 2);
    assert_null(ff_config_host(&rig.config, "three"));
    host = ff_config_host(&rig.config, "two");
    assert_string_equal(host->name.p, "two");
    assert_int_equal(host->count, 3);
    assert_int_equal(host->slots, 2);
    assert_string_equal(host->capabilities.v[0].p, "a");
    assert_int_equal(host->n_handlers, 2);
    handler = ff_host_handler(host, ff_cstr("x"));
    assert_int_equal(handler->exec.n, 3);
    assert_string_equal(handler->exec.v[1].p, "y");
    assert_string_equal(handler->exec.v[2].p, "");
    assert_int_equal(handler->timeout_ms, 7);
    assert_null(handler->plugin.p);
    assert_string_equal(ff_host_handler(host, ff_cstr("z"))->plugin.p, "/z.so");
    assert_null(ff_host_handler(host, ff_cstr("k")));
    ff_config_rig_done(&rig);
}

/* ---- what reload is told ---- */
static const struct change_row {
    const char *name;
    const char *before, *after;
    const char *want; /* the names, each with a semicolon */
    bool same;        /* host a, but for count */
} change_rows[] = {
    { "nothing changed", "worker a {" HANDLER "}", "worker a {" HANDLER "}", "", true },
    { "another order is the same",
      "worker a { handler x { plugin = /x } handler y { plugin = /y } }",
      "worker a { handler y { plugin = /y } handler x { plugin = /x } }", "", true },
    { "another count", "worker a {" HANDLER "}", "worker a { count = 2 " HANDLER "}", "worker a;",
      true },
    { "another setting of a host", "worker a {" HANDLER "}", "worker a { slots = 2 " HANDLER "}",
      "worker a;", false },
    { "another argument", "worker a { handler k { exec = {/x, a} } }",
      "worker a { handler k { exec = {/x, b} } }", "worker a;", false },
    { "another kind", "worker a { handler k { exec = {/x} } }",
      "worker a { handler l { exec = {/x} } }", "worker a;", false },
    { "a setting too", "worker a {" HANDLER "}", "lanes = x\nworker a { slots = 2 " HANDLER "}",
      "lanes;worker a;", false },
    { "one is new", "worker a {" HANDLER "}", "worker a {" HANDLER "}\nworker b {" HANDLER "}",
      "worker b;", true },
    { "one is gone", "worker b {" HANDLER "}\nworker a {" HANDLER "}", "worker a {" HANDLER "}",
      "worker b;", true },
};

static void
test_changes(void **state)
{
    const struct change_row *row = *state;
    struct ff_config_rig before, after;
    FF_SCOPED(ff_arena) arena = { 0 };
    struct ff_strs names = { 0 };
    char got[128] = "";

    ff_config_rig_start(&before, row->before);
    ff_config_rig_start(&after, row->after);
    assert_int_equal(ff_config_rig_load(&before, none), FF_E_OK);
    assert_int_equal(ff_config_rig_load(&after, none), FF_E_OK);
    names = ff_config_changed(&before.config, &after.config, &arena);
    for (uint32_t i = 0; i < names.n; i++) {
        snprintf(got + strlen(got), sizeof(got) - strlen(got), "%s;", names.v[i].p);
    }
    assert_string_equal(got, row->want);
    assert_int_equal(
        ff_host_same(ff_config_host(&before.config, "a"), ff_config_host(&after.config, "a")),
        row->same);
    ff_config_rig_done(&before);
    ff_config_rig_done(&after);
}

static void
test_what_is_printed_reads_back(void **state)
{
    struct ff_config_rig first, second;
    FF_SCOPED(ff_arena) arena = { 0 };
    char *text = NULL;

    (void) state;
    ff_config_rig_start(&first,
                        "worker a { capabilities = x\n"
                        " handler \"a\\\"b\" { exec = {/bin/sh, \"\\\\ \\${HOME} \\\"\"} }\n"
                        " handler c { plugin = /c.so  kill_grace_ms = 0 } }\n"
                        "worker b {" HANDLER "}\n");
    assert_int_equal(ff_config_rig_load(&first, none), FF_E_OK);
    text = ff_config_printed(&first.config);
    ff_config_rig_start(&second, text);
    if (ff_config_rig_load(&second, none) != FF_E_OK) {
        fail_msg("%s in\n%s", second.fault.message, text);
    }
    assert_int_equal(ff_config_changed(&first.config, &second.config, &arena).n, 0);
    free(text);
    ff_config_rig_done(&first);
    ff_config_rig_done(&second);
}

/* Returns the file with n copies of section; %u in it is the number of the copy. */
static char *
many(uint32_t n, const char *head, const char *section, const char *tail)
{
    char *text = NULL;
    size_t size = 0;
    FILE *out = ff_memory_file(&text, &size);

    fputs(head, out);
    for (uint32_t i = 0; i < n; i++) {
        fprintf(out, section, i);
    }
    fputs(tail, out);
    fclose(out);
    return text;
}

static const struct bound_row {
    const char *name;
    uint32_t n;
    const char *head, *section, *tail;
    const char *want; /* NULL: accepted */
} bound_rows[] = {
    { "64 hosts", 64, "", "worker w%u { handler k { exec = {/x} } }\n", "", NULL },
    { "65 hosts", 65, "", "worker w%u { handler k { exec = {/x} } }\n", "",
      "worker: must be at most 64 sections" },
    { "256 handlers", 256, "worker a {\n", "handler k%u { exec = {/x} }\n", "}\n", NULL },
    { "257 handlers", 257, "worker a {\n", "handler k%u { exec = {/x} }\n", "}\n",
      "worker \"a\": must have 1 to 256 handlers" },
    { "64 texts", 63, "worker a { handler k { exec = {/x", ",a%u", "} } }\n", NULL },
    { "65 texts", 64, "worker a { handler k { exec = {/x", ",a%u", "} } }\n",
      "exec: must be at most 64 texts, the program and its arguments" },
    { "32 lanes", 31, "worker a { " HANDLER " lanes = \"x", ",a%u", "\" }\n", NULL },
    { "33 lanes", 32, "worker a { " HANDLER " lanes = \"x", ",a%u", "\" }\n",
      "lanes: must name 1 to 32 lanes" },
};

static void
test_bounds(void **state)
{
    const struct bound_row *row = *state;
    char *text = many(row->n, row->head, row->section, row->tail);
    struct ff_config_rig rig;
    ff_err err = FF_E_OK;

    ff_config_rig_start(&rig, text);
    err = ff_config_rig_load(&rig, none);
    if (row->want == NULL) {
        assert_int_equal(err, FF_E_OK);
    } else {
        assert_int_equal(err, FF_E_INVALID_CONFIG);
        assert_non_null(strstr(rig.fault.message, row->want));
    }
    free(text);
    ff_config_rig_done(&rig);
}

static void
test_settings_are_listed(void **state)
{
    char *text = NULL;
    size_t size = 0;
    FILE *out = ff_memory_file(&text, &size);

    (void) state;
    ff_config_print_settings(out);
    fclose(out);
    assert_non_null(strstr(text, "\n  lease_ttl_ms\n"));
    assert_non_null(strstr(text, "\n  kill_grace_ms\n"));
    free(text);
}

int
main(void)
{
    const struct ff_rows tables[] = {
        FF_ROWS(good_rows, test_good),
        FF_ROWS(bad_rows, test_bad),
        FF_ROWS(change_rows, test_changes),
        FF_ROWS(bound_rows, test_bounds),
    };
    const struct CMUnitTest singles[] = {
        cmocka_unit_test(test_values_have_their_types),
        cmocka_unit_test(test_what_is_printed_reads_back),
        cmocka_unit_test(test_settings_are_listed),
    };

    return ff_run_rows("config hosts", tables, FF_COUNT(tables), singles, FF_COUNT(singles));
}
