#include "tests/process/tree.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "core/clock.h"
#include "core/codec.h"
#include "tests/process/calls.h"

#define PATIENCE_MS 20000

struct ff_client *
ff_test_control(const struct ff_daemon *daemon)
{
    return ff_test_client(daemon->control, NULL);
}

/* ---- the tree as it is told ---- */

static void
add(struct ff_tree_view *view, const struct ff_child *child)
{
    struct ff_tree_entry *entry = &view->v[view->n++];

    assert_true(view->n <= FF_TREE_MAX);
    snprintf(entry->name, sizeof(entry->name), "%.*s", (int) child->name.n, child->name.p);
    snprintf(entry->role, sizeof(entry->role), "%.*s", (int) child->role.n, child->role.p);
    entry->state = child->state;
    entry->pid = child->pid.is ? (pid_t) child->pid.v : 0;
    entry->restarts = child->restarts;
}

static void
add_below(struct ff_tree_view *view, struct ff_str children)
{
    FF_SCOPED(ff_arena) arena = { 0 };
    struct ff_fault fault = { 0 };
    msgpack_zone zone;
    msgpack_object list;

    assert_true(msgpack_zone_init(&zone, 1024));
    assert_int_equal(ff_msgpack_parse(children, &zone, &list, &fault), FF_E_OK);
    assert_int_equal(list.type, MSGPACK_OBJECT_ARRAY);
    for (uint32_t i = 0; i < list.via.array.size; i++) {
        struct ff_child child = { 0 };

        assert_int_equal(
            ff_decode_result(&ff_desc_child, &list.via.array.ptr[i], &arena, &child, &fault),
            FF_E_OK);
        add(view, &child);
    }
    msgpack_zone_destroy(&zone);
}

static ff_err
look(struct ff_client *control, struct ff_tree_view *out)
{
    const struct ff_tree_args none = { 0 };
    struct ff_tree_result tree = { 0 };
    FF_SCOPED(ff_answer) answer = { 0 };
    ff_err err = ff_client_tree(control, &none, &tree, &answer);

    out->n = 0;
    for (uint32_t i = 0; err == FF_E_OK && i < tree.children.n; i++) {
        add(out, &tree.children.v[i]);
        add_below(out, tree.children.v[i].children);
    }
    return err;
}

void
ff_tree_look(struct ff_client *control, struct ff_tree_view *out)
{
    assert_int_equal(look(control, out), FF_E_OK);
}

static struct ff_tree_entry
find(const struct ff_tree_view *view, const char *name)
{
    for (uint32_t i = 0; i < view->n; i++) {
        if (strcmp(view->v[i].name, name) == 0) {
            return view->v[i];
        }
    }
    return (struct ff_tree_entry){ .name = "" };
}

struct ff_tree_entry
ff_tree_entry(struct ff_client *control, const char *name)
{
    struct ff_tree_view view;

    ff_tree_look(control, &view);
    return find(&view, name);
}

struct ff_tree_entry
ff_tree_await(struct ff_client *control, const char *name, enum ff_child_state state, pid_t not_pid)
{
    int64_t until_ms = ff_mono_ms() + PATIENCE_MS;
    struct ff_tree_view view = { .n = 0 };
    struct ff_tree_entry entry = { .name = "" };

    while (ff_mono_ms() < until_ms) {
        if (look(control, &view) == FF_E_OK) { /* the control child may be the one that ends */
            entry = find(&view, name);
        }
        if (entry.name[0] != '\0' && entry.state == state && entry.pid != not_pid) {
            return entry;
        }
    }
    fail_msg("%s is %s, process %d, and not %s in time", name,
             ff_word(&ff_vocab_child_state, entry.state), (int) entry.pid,
             ff_word(&ff_vocab_child_state, state));
    return entry;
}

pid_t
ff_tree_kill(struct ff_client *control, const char *name)
{
    struct ff_tree_entry entry = ff_tree_entry(control, name);

    assert_true(entry.pid > 0);
    assert_int_equal(kill(entry.pid, SIGKILL), 0);
    return entry.pid;
}

/* ---- processes ---- */

void
ff_tree_await_gone(const struct ff_tree_view *view)
{
    for (uint32_t i = 0; i < view->n; i++) {
        int fd = view->v[i].pid == 0 ? -1 : (int) syscall(SYS_pidfd_open, view->v[i].pid, 0);
        struct pollfd poll_fd = { .fd = fd, .events = POLLIN };

        if (fd < 0) {
            assert_true(view->v[i].pid == 0 || errno == ESRCH);
            continue;
        }
        if (poll(&poll_fd, 1, PATIENCE_MS) != 1) {
            fail_msg("%s, process %d, still runs", view->v[i].name, (int) view->v[i].pid);
        }
        close(fd);
    }
}
