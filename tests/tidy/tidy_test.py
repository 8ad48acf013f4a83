#!/usr/bin/env python3
"""tidy_test.py: every rule finds what it must find, and leaves alone what it must leave alone."""

import contextlib
import io
import pathlib
import tempfile
import unittest

import csource
import rules
import tidy


def body_of(lines):
    """A function of so many lines."""
    return "static void\nf(void)\n{\n" + "    x();\n" * (lines - 4) + "}\n"


def inside(statements):
    return f"static void\nf(void)\n{{\n{statements}\n}}\n"


# name, path, text, what it must find: "rule subject amount", in order
ROWS = [
    ("an ordinary file", "core/a.c",
     '#include "core/a.h"\n\n/* Why. */\nint\nff_a(int b)\n{\n    return b;\n}\n', []),
    ("100 columns", "core/a.c", "/* " + "x" * 94 + " */\n", []),
    ("101 columns", "core/a.c", "/* " + "x" * 95 + " */\n", ["columns - 1"]),
    ("columns are characters, not bytes", "core/a.c", "/* " + "ü" * 94 + " */\n", []),

    ("600 lines", "core/a.c", "int x;\n" * 200 + "/* c */\n" * 20 + "int y;\n" * 380, []),
    ("601 lines", "core/a.c", "int x;\n" * 200 + "/* c */\n" * 20 + "int y;\n" * 381,
     ["file - 601"]),
    ("a test of 800 lines", "tests/core/a_test.c", "int x;\n" * 800, []),
    ("a test of 801 lines", "tests/core/a_test.c", "int x;\n" * 801, ["file - 801"]),
    ("a header of 250 lines", "core/a.h", "/* c */\n" * 10 + "int x;\n" * 240, []),
    ("a header of 251 lines", "core/a.h", "/* c */\n" * 10 + "int x;\n" * 241, ["file - 251"]),

    ("a function of 60 lines", "core/a.c", body_of(60), []),
    ("a function of 61 lines", "core/a.c", body_of(61), ["function f 61"]),
    ("each function is measured alone", "core/a.c", body_of(61) + body_of(20) + body_of(62),
     ["function f 61", "function f 62"]),
    ("a long table is no function", "core/a.c",
     "static const int t[] = {\n" + "    1,\n" * 80 + "};\n", []),
    ("braces in strings, characters and comments do not count", "core/a.c",
     inside("    x(\"{\\\"\", '{', '\\''); /* { */ // {") + body_of(10), []),
    ("an attribute behind the parameters hides nothing", "core/a.c",
     "static void f(void) __attribute__((noreturn))\n" + "{\n" + "    x();\n" * 59 + "}\n",
     ["function f 62"]),

    ("5 parameters", "core/a.h", "int ff_f(int a, int b, int c, int d, int e);\n", []),
    ("6 parameters", "core/a.h", "int ff_f(int a, int b, int c, int d, int e, int f);\n",
     ["params ff_f 6"]),
    ("6 parameters of a local function", "core/a.c",
     "static int\nf(int a, int b, int c, int d, int e, int f)\n{\n    return a;\n}\n",
     ["params f 6"]),
    ("6 parameters of a function that a header declares", "core/a.c",
     "int\nff_f(int a, int b, int c, int d, int e, int f)\n{\n    return a;\n}\n", []),
    ("a callback's commas are its own", "core/a.h",
     "int ff_f(int (*cb)(int a, int b, int c, int d, int e, int f), void *ctx);\n", []),
    ("the dots are no parameter", "core/a.h",
     "int ff_f(int a, int b, int c, int d, int e, ...) FF_PRINTF(5, 6);\n", []),
    ("behind FF_MUST_USE", "core/a.h",
     "FF_MUST_USE ff_err ff_f(int a, int b, int c, int d, int e, int f);\n", ["params ff_f 6"]),

    ("goto", "core/a.c", inside("    goto out;\nout:\n    x();"), ["goto - 1"]),
    ("goto in a macro", "core/a.h", "#define FF_X \\\n    goto out\n", ["goto - 1"]),
    ("goto in a text and in a comment", "core/a.c", inside('    x("goto"); /* goto */'), []),

    ("a struct typedef", "core/a.h", "typedef struct ff_a { int x; } ff_a_t;\n", ["typedef - 1"]),
    ("a struct typedef without a body", "core/a.h", "typedef struct ff_a ff_a_t;\n",
     ["typedef - 1"]),
    ("a union typedef with a callback in it", "core/a.h",
     "typedef union { int x; void (*cb)(void); } ff_u;\n", ["typedef - 1"]),
    ("an enum typedef", "core/a.h", "typedef enum { FF_E_OK } ff_err;\n", []),
    ("a typedef of a function that returns a struct", "core/a.h",
     "typedef struct ff_a (*ff_cb)(int);\n", []),

    ("if without braces", "core/a.c", inside("    if (x)\n        y();"), ["braces - 1"]),
    ("else without braces", "core/a.c",
     inside("    if (x) {\n    } else\n        y();"), ["braces - 1"]),
    ("else if", "core/a.c", inside("    if (x) {\n    } else if (y) {\n    }"), []),
    ("a condition with braces in it", "core/a.c",
     inside("    if (eq((struct a){ 0 }, b)) {\n        y();\n    }"), []),
    ("for and while without braces", "core/a.c",
     inside("    for (;;)\n        y();\n    while (x())\n        ;"), ["braces - 1"] * 2),
    ("do while", "core/a.c", inside("    do {\n        y();\n    } while (x());"), []),
    ("do without braces", "core/a.c", inside("    do\n        y();\n    while (x());"),
     ["braces - 1"] * 2),
    ("a while behind a block of its own", "core/a.c",
     inside("    {\n    }\n    while (x())\n        y();"), ["braces - 1"]),
    ("a loop macro without braces", "core/a.c",
     inside("    RB_FOREACH (a, b, c)\n        y();\n    HASH_ITER(hh, a, b, c)\n        y();"),
     ["braces - 1"] * 2),
    ("a loop macro with braces", "core/a.c", inside("    HASH_ITER(hh, a, b, c) {\n    }"), []),
    ("a macro's body", "core/a.h",
     "#define FF_T(c) \\\n    do { \\\n        if (c) \\\n            return 1; \\\n    } while (0)\n",
     ["braces - 1"]),

    ("a public name without prefix", "core/a.c", "int\nf(void)\n{\n    return 0;\n}\n",
     ["name f 1"]),
    ("an inline name of a header without prefix", "core/a.h",
     "static inline int\nf(void)\n{\n    return 0;\n}\n", ["name f 1"]),
    ("an inline name of a header", "core/a.h",
     "static inline int\nff_f(void)\n{\n    return 0;\n}\n", []),
    ("an inline name of a test's header", "tests/core/a.h",
     "static inline void\nassert_a(void)\n{\n}\n", []),
    ("a public name of a test's helper", "tests/core/a.c", "void\nassert_a(void)\n{\n}\n",
     ["name assert_a 1"]),
    ("a local name with prefix", "core/a.c", "static int\nff_f(void)\n{\n    return 0;\n}\n",
     ["name ff_f 1"]),
    ("main and the fuzzer's entry", "tests/a.c",
     "int\nmain(void)\n{\n    return 0;\n}\n"
     "int\nLLVMFuzzerTestOneInput(const uint8_t *data, size_t size)\n{\n    return 0;\n}\n", []),
    ("a function that cmocka wraps", "tests/a.c", "int\n__wrap_read(void)\n{\n    return 0;\n}\n",
     []),
    ("the same outside of tests", "core/a.c", "int\n__wrap_read(void)\n{\n    return 0;\n}\n",
     ["name __wrap_read 1"]),
    ("a function behind a macro call", "core/a.c",
     "RB_GENERATE(tree, node, link, cmp)\nstatic int\nf(void)\n{\n    return 0;\n}\n", []),

    ("core includes core", "core/engine/a.c", '#include "core/base.h"\n', []),
    ("core includes ipc", "core/a.c", '#include "ipc/frame.h"\n', ["include ipc/frame.h 1"]),
    ("core includes nng", "core/a.c", "#include <nng/nng.h>\n", ["include nng/nng.h 1"]),
    ("core includes ev", "core/a.c", "#include <ev.h>\n", ["include ev.h 1"]),
    ("core includes sqlite", "core/a.h", "#include <sqlite3.h>\n", ["include sqlite3.h 1"]),
    ("an include in a comment", "core/a.c", '/*\n#include "ipc/frame.h"\n*/\nint x;\n', []),
    ("a store includes the engine", "backends/sqlite/a.c", '#include "core/engine/txn.h"\n',
     ["include core/engine/txn.h 1"]),
    ("a store includes ipc", "backends/sqlite/a.c", '#include "ipc/frame.h"\n',
     ["include ipc/frame.h 1"]),
    ("the broker includes both", "backends/broker/a.c",
     '#include "core/engine/engine.h"\n#include "ipc/frame.h"\n#include "backends/store.h"\n', []),
    ("the broker includes a worker", "backends/broker/a.c", '#include "workers/a.h"\n',
     ["include workers/a.h 1"]),
    ("ipc includes a store", "ipc/a.c", '#include "backends/store.h"\n',
     ["include backends/store.h 1"]),
    ("the command line includes the client", "cli/a.c", '#include "workers/client.h"\n', []),
    ("the command line includes the supervisor", "cli/a.c", '#include "supervisor/a.h"\n',
     ["include supervisor/a.h 1"]),
    ("a worker includes a store and the supervisor", "workers/a.c",
     '#include "backends/store.h"\n#include "supervisor/a.h"\n',
     ["include backends/store.h 1", "include supervisor/a.h 1"]),
    ("a scanner includes a store and the supervisor", "scanners/a.c",
     '#include "backends/store.h"\n#include "supervisor/a.h"\n#include "workers/client.h"\n',
     ["include backends/store.h 1", "include supervisor/a.h 1"]),
    ("the bench includes a store and the supervisor", "bench/a.c",
     '#include "backends/store.h"\n#include "supervisor/a.h"\n#include "workers/client.h"\n',
     ["include backends/store.h 1", "include supervisor/a.h 1"]),
    ("the supervisor includes the parts it runs", "supervisor/a.c",
     '#include "backends/broker/a.h"\n#include "scanners/a.h"\n#include "workers/a.h"\n', []),
    ("the supervisor includes the command line", "supervisor/a.c", '#include "cli/a.h"\n',
     ["include cli/a.h 1"]),
    ("nobody includes tests", "core/a.c", '#include "tests/rig.h"\n', ["include tests/rig.h 1"]),
    ("tests include anything", "tests/a.c", '#include "tests/rig.h"\n#include "cli/a.h"\n', []),
    ("a name relative to the file", "core/a.c", '#include "a.h"\n', ["include a.h 1"]),

    ("no comment in 150 lines", "core/a.c", "int x;\n" * 150, ["comments - 1"]),
    ("no comment in 149 lines", "core/a.c", "int x;\n" * 149, []),
    ("no comment in a test", "tests/a.c", "int x;\n" * 200, []),
    ("2 % comments", "core/a.c", "/* c */\n" * 4 + "int x;\n" * 196, []),
    ("comments behind code count", "core/a.c", "int x; /* c */\n" * 20 + "int x;\n" * 180, []),
    ("35 % comments", "core/a.c", "/* c */\n" * 70 + "int x;\n" * 130, []),
    ("36 % comments", "core/a.c", "/*\n" + "c\n" * 70 + "*/\n" + "int x;\n" * 128,
     ["comments - 1"]),
    ("36 % comments in a header", "core/a.h", "/*\n" + "c\n" * 70 + "*/\n" + "int x;\n" * 128,
     []),
]

CORE_LINKS = [
    ("core's libraries", "ff_add_module(core\n  LIBS PkgConfig::SODIUM ${MSGPACK_LIBRARY} m)\n", []),
    ("the engine on core", "ff_add_module(engine SOURCES a.c LIBS ff_core)\n", []),
    ("an event loop", "ff_add_module(core LIBS ${EV_LIBRARY})\n", ["link EV_LIBRARY 1"]),
    ("a database", "ff_add_module(core LIBS PkgConfig::SQLITE)\n", ["link SQLITE 1"]),
    ("a module above core", "ff_add_module(engine LIBS ff_core ff_ipc)\n", ["link ff_ipc 1"]),
    ("in a comment", "# not ${NNG_LIBRARY}\n", []),
]


class Rows(unittest.TestCase):
    maxDiff = None


def add_row(name, findings_of, want):
    def run(self):
        found = [f"{f.rule} {f.subject} {f.amount}" for f in findings_of()]
        self.assertEqual(found, want)
    title = f"test {name}"
    assert not hasattr(Rows, title), name
    setattr(Rows, title, run)


for row_name, row_path, row_text, row_want in ROWS:
    add_row(row_name, lambda p=row_path, t=row_text: rules.check_c(p, t), row_want)
for row_name, row_text, row_want in CORE_LINKS:
    add_row(f"core links: {row_name}",
            lambda t=row_text: rules.check_core_links("core/CMakeLists.txt", t), row_want)


class Lexer(unittest.TestCase):
    def test_lines_are_true_behind_comments_and_macros(self):
        source = csource.Source("/* a\n b */\n#define X(a) \\\n    f(a)\n\nint\nff_f(void)\n{\n}\n")
        function = source.functions[0]
        self.assertEqual((function.name, function.line, function.end), ("ff_f", 6, 9))
        self.assertEqual(source.comment_lines, {1, 2})
        self.assertEqual(source.macros[0][0].line, 4)

    def test_a_comment_within_a_text_is_text(self):
        source = csource.Source('const char *p = "/* no */";\nint x; // yes\n')
        self.assertEqual(source.comment_lines, {2})
        self.assertEqual(rules.comment_share(source), 50)


class Exceptions(unittest.TestCase):
    def test_an_exact_one_excuses(self):
        self.assertEqual(self.apply(body_of(70), "core/a.c function f 70"), [])

    def test_a_smaller_one_does_not(self):
        self.assertEqual(self.apply(body_of(71), "core/a.c function f 70"), ["function"])

    def test_a_larger_one_must_be_lowered(self):
        self.assertEqual(self.apply(body_of(69), "core/a.c function f 70"), ["exception"])

    def test_an_unused_one_must_go(self):
        self.assertEqual(self.apply(body_of(10), "core/a.c function f 70"), ["exception"])

    def test_things_are_counted_together(self):
        two = inside("    if (x)\n        y();\n    if (x)\n        y();")
        self.assertEqual(self.apply(two, "core/a.c braces - 2"), [])
        self.assertEqual(self.apply(two, "core/a.c braces - 1"), ["braces", "braces"])

    def test_a_line_that_says_something_else_is_refused(self):
        for line in ("core/a.c function f", "core/a.c function f many",
                     "a b c 1\na b c 1"):
            self.assertEqual(len(tidy.read_exceptions("e", line)[1]), 1, line)

    def test_comments_and_empty_lines_are_none(self):
        self.assertEqual(tidy.read_exceptions("e", "# why\n\na b c 1 # because\n"),
                         ({("a", "b", "c"): 1}, []))

    @staticmethod
    def apply(text, exceptions):
        allowed, bad = tidy.read_exceptions("e", exceptions)
        left = tidy.apply_exceptions(rules.check_c("core/a.c", text), allowed)
        return [finding.rule for finding in bad + left]


class Tree(unittest.TestCase):
    """The whole way, over files."""

    def findings(self, **files):
        with tempfile.TemporaryDirectory() as folder:
            root = pathlib.Path(folder)
            for name, text in files.items():
                path = root / name.replace("__", "/").replace("_dot_", ".")
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(text, encoding="utf-8")
            return [str(finding) for finding in tidy.check_tree(root)]

    def test_a_folder_with_c_needs_a_readme(self):
        self.assertEqual(self.findings(core__sub__a_dot_c="int x;\n"),
                         ["core/README.md:1: readme: is missing"])
        self.assertEqual(self.findings(core__a_dot_c="int x;\n", core__README_dot_md="# core\n"),
                         [])

    def test_a_folder_without_c_needs_none(self):
        self.assertEqual(self.findings(core__CMakeLists_dot_txt="# nothing\n"), [])

    def test_a_readme_of_121_lines(self):
        self.assertEqual(self.findings(core__README_dot_md="x\n" * 120), [])
        self.assertEqual(self.findings(core__README_dot_md="x\n" * 121),
                         ["core/README.md:1: readme: 121 lines, at most 120"])

    def test_every_c_file_is_read(self):
        found = self.findings(tests__README_dot_md="", tests__a__b__c_dot_c=body_of(61),
                              ipc__a_dot_h="typedef struct a b;\n")
        self.assertEqual(found, ["ipc/a.h:1: typedef: no struct typedef",
                                 "tests/a/b/c.c:1: function: f has 61 lines, at most 60"])

    def test_the_report_takes_an_empty_tree(self):
        with tempfile.TemporaryDirectory() as folder:
            with contextlib.redirect_stdout(io.StringIO()) as out:
                tidy.report(pathlib.Path(folder))
            self.assertIn("core", out.getvalue())


class Rules(unittest.TestCase):
    def test_every_rule_has_a_row_that_it_fails(self):
        shown = {want.split()[0] for row in ROWS for want in row[3]}
        self.assertEqual(shown, {"columns", "file", "function", "params", "name", "goto",
                                 "typedef", "braces", "include", "comments"})

    def test_every_folder_has_a_direction(self):
        self.assertTrue(set(rules.FOLDERS) <= set(rules.DIRECTIONS))


if __name__ == "__main__":
    unittest.main()
