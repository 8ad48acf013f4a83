/* examples/flowfabric.conf: what it says without being changed, and with every setting given. */
#include "supervisor/config_int.h"
#include "tests/supervisor/config_rig.h"

static char *
read_example(void)
{
    FILE *file = fopen(FF_TEST_EXAMPLES "/flowfabric.conf", "re");
    char *text = NULL;
    size_t size = 0;

    assert_non_null(file);
    assert_true(getdelim(&text, &size, '\0', file) > 0);
    fclose(file);
    return text;
}

/* Takes the # away where a setting or a brace follows at once. */
static void
uncomment(char *text)
{
    for (char *at = text; at != NULL; at = strchr(at, '\n')) {
        at += *at == '\n';
        if (at[0] == '#' && (strchr("}\n", at[1]) != NULL || strncmp(at + 1, "  ", 2) == 0 ||
                             (at[1] >= 'a' && at[1] <= 'z'))) {
            *at = ' ';
        }
    }
}

static void
test_as_it_is_it_says_nothing(void **state)
{
    char *const none[] = { NULL };
    struct ff_config_rig rig;
    char *text = read_example();

    (void) state;
    ff_config_rig_start(&rig, text);
    assert_int_equal(ff_config_rig_load(&rig, none), FF_E_OK);
    for (int id = 0; id < FF_CFG_ID_N; id++) {
        assert_int_equal(rig.config.source[id], FF_FROM_DEFAULT);
    }
    assert_int_equal(rig.config.worker_hosts.n, 0);
    ff_config_rig_done(&rig);
    free(text);
}

/* What is in force without a file. */
static void
load_defaults(struct ff_config_rig *rig)
{
    char *const none[] = { NULL };

    ff_config_rig_start(rig, "");
    assert_int_equal(ff_config_rig_load(rig, none), FF_E_OK);
}

/* All of them but secrets, and each with its default, where that is not to be nothing. */
static void
test_every_setting_is_there(void **state)
{
    char *const none[] = { NULL };
    struct ff_config_rig rig, defaults;
    struct ff_arena arena = { 0 };
    char *text = read_example();

    (void) state;
    uncomment(text);
    ff_config_rig_start(&rig, text);
    load_defaults(&defaults);
    if (ff_config_rig_load(&rig, none) != FF_E_OK) {
        fail_msg("%s", rig.fault.message);
    }
    for (int id = 0; id < FF_CFG_ID_N; id++) {
        const struct ff_setting *setting = &ff_settings[id];
        bool has_default = ff_setting_shown(setting, &defaults.config, &arena).p != NULL;

        if ((rig.config.source[id] == FF_FROM_FILE) == (setting->type->privacy == FF_SECRET)) {
            fail_msg("%s: is a setting in examples/flowfabric.conf, unless secret", setting->name);
        }
        if (has_default && !ff_setting_same(setting, &rig.config, &defaults.config, &arena)) {
            fail_msg("%s is not its default", setting->name);
        }
    }
    ff_arena_done(&arena);
    ff_config_rig_done(&defaults);
    ff_config_rig_done(&rig);
    free(text);
}

static void
test_every_setting_of_hosts_is_there(void **state)
{
    char *const none[] = { NULL };
    struct ff_config_rig rig;
    char *text = read_example();
    const char *section = strstr(text, "#worker ");

    (void) state;
    assert_non_null(section);
    for (size_t i = 0; i < ff_section_host.n; i++) {
        assert_non_null(strstr(section, ff_section_host.settings[i].name));
    }
    for (size_t i = 0; i < ff_section_handler.n; i++) {
        assert_non_null(strstr(section, ff_section_handler.settings[i].name));
    }
    uncomment(text);
    ff_config_rig_start(&rig, text);
    assert_int_equal(ff_config_rig_load(&rig, none), FF_E_OK);
    assert_int_equal(rig.config.worker_hosts.n, 1);
    assert_int_equal(rig.config.worker_hosts.v[0].n_handlers, 2);
    ff_config_rig_done(&rig);
    free(text);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_as_it_is_it_says_nothing),
        cmocka_unit_test(test_every_setting_is_there),
        cmocka_unit_test(test_every_setting_of_hosts_is_there),
    };

    return ff_run_rows("example config", NULL, 0, tests, FF_COUNT(tests));
}
