"""rules.py: the numbers and directions of the code base, each rule a function over one file.

A rule yields Findings. `amount` is the length or number that was measured, or 1 for each thing that
must not be there at all; an exception (exceptions.txt) names it exactly.
"""

import re
from dataclasses import dataclass

import csource

FOLDERS = ("core", "backends", "ipc", "supervisor", "scanners", "workers", "cli", "bench", "tests")

LINE_COLUMNS_MAX = 100
FUNCTION_LINES_MAX = 60
FILE_LINES_MAX = 600
TEST_LINES_MAX = 800
HEADER_LINES_MAX = 250
README_LINES_MAX = 120
PARAMS_MAX = 5
# The aim is 10 to 20 %. A file outside these has no reasons written down, or hides code in prose.
# Headers are documentation, so they have no upper bound; tests are named as sentences, so they have
# no lower one; a short file has its reasons in its header.
COMMENT_SHARE_MIN = 2
COMMENT_SHARE_MAX = 35
COMMENT_FILE_LINES_MIN = 150

# What a folder may include beside the first match of itself. The longest name that fits counts.
DIRECTIONS = {
    "core": (),
    "backends": ("core",),
    "backends/broker": ("core", "backends", "ipc"),
    "ipc": ("core",),
    "scanners": ("core", "ipc", "workers"),
    "workers": ("core", "ipc"),
    "cli": ("core", "ipc", "workers"),
    "bench": ("core", "ipc", "workers"),
    "supervisor": ("core", "ipc", "backends", "scanners", "workers"),
    "tests": FOLDERS,
}
# A store knows records, keys and indexes, and nothing of operations.
FORBIDDEN = {"backends": ("core/engine/",), "backends/broker": ()}
# core/ decides; it has no socket, loop or database.
IO_HEADERS = re.compile(r"nng/|ev\.h$|hiredis/|libpq-fe\.h$|postgresql/|sqlite3\.h$|sys/socket\.h$")
IO_LIBRARIES = re.compile(r"NNG_LIBRARY|EV_LIBRARY|SQLITE|HIREDIS|LIBPQ|ff_(?!core\b|engine\b)\w+")

MEASURED = ("file", "function", "params", "readme")
FREE_NAMES = ("main", "LLVMFuzzerTestOneInput")
LOOP_MACRO = re.compile(r"[A-Z_]*(FOREACH|_ITER)[A-Z_]*")


@dataclass
class Finding:
    path: str
    line: int
    rule: str
    subject: str    # a function, an include, or "-"
    amount: int
    text: str

    @property
    def measured(self):
        return self.rule in MEASURED

    @property
    def key(self):
        return (self.path, self.rule, self.subject)

    def __str__(self):
        return f"{self.path}:{self.line}: {self.rule}: {self.text}"


def check_columns(path, source):
    for number, line in enumerate(source.lines, 1):
        if len(line) > LINE_COLUMNS_MAX:
            yield Finding(path, number, "columns", "-", 1,
                          f"{len(line)} columns, at most {LINE_COLUMNS_MAX}")


def check_file_lines(path, source):
    limit = TEST_LINES_MAX if path.startswith("tests/") else FILE_LINES_MAX
    if path.endswith(".h"):
        limit = HEADER_LINES_MAX
    if len(source.lines) > limit:
        yield Finding(path, 1, "file", "-", len(source.lines),
                      f"{len(source.lines)} lines, at most {limit}")


def check_functions(path, source):
    for function in source.functions:
        if function.defined and function.lines > FUNCTION_LINES_MAX:
            yield Finding(path, function.line, "function", function.name, function.lines,
                          f"{function.name} has {function.lines} lines,"
                          f" at most {FUNCTION_LINES_MAX}")
        # What other files see is judged once, where it is declared.
        if function.params > PARAMS_MAX and (function.static or not function.defined):
            yield Finding(path, function.line, "params", function.name, function.params,
                          f"{function.name} has {function.params} parameters,"
                          f" at most {PARAMS_MAX}")


def check_names(path, source):
    for function in source.functions:
        name, ours = function.name, function.name.startswith("ff_")
        if not function.defined or name in FREE_NAMES:
            continue
        # cmocka names what it wraps; what only tests see may read like cmocka's own assert_….
        if path.startswith("tests/") and (name.startswith("__wrap_") or function.static):
            continue
        if not ours and (not function.static or path.endswith(".h")):
            yield Finding(path, function.line, "name", name, 1,
                          f"{name} is seen by other files: its name begins with ff_")
        if ours and function.static and path.endswith(".c"):
            yield Finding(path, function.line, "name", name, 1,
                          f"{name} is local to the file: its name does not begin with ff_")


def check_words(path, source):
    for number, line in enumerate(source.bare.splitlines(), 1):
        if re.search(r"\bgoto\b", line):
            yield Finding(path, number, "goto", "-", 1, "no goto: FF_TRY and FF_SCOPED")
    for match in re.finditer(r"\btypedef\s+(?:const\s+)?(struct|union)\b", source.bare):
        if not is_function_type(source.bare[match.end():]):
            yield Finding(path, source.bare.count("\n", 0, match.start()) + 1, "typedef", "-", 1,
                          f"no {match.group(1)} typedef")


def is_function_type(rest):
    """typedef struct x *(*callback)(…) names a function, not a struct."""
    return "(" in rest.split(";", 1)[0].split("{", 1)[0]


def unbraced(tokens):
    """Lines of statements under if, else, for, while, do, switch or a loop macro without braces."""
    tails = set()   # the while of a do … while
    for i, token in enumerate(tokens):
        word = token.text
        body = None
        if word in ("do", "else"):
            body = i + 1
        elif i + 1 < len(tokens) and tokens[i + 1].text == "(" and i not in tails and (
                word in ("if", "for", "while", "switch") or LOOP_MACRO.fullmatch(word)):
            body = csource.closing(tokens, i + 1) + 1
        if body is None or body >= len(tokens):
            continue
        braced = tokens[body].text == "{"
        if word == "do" and braced:
            tails.add(csource.closing(tokens, body) + 1)
        if not braced and not (word == "else" and tokens[body].text == "if"):
            yield token.line, word


def check_braces(path, source):
    for tokens in [source.tokens] + source.macros:
        for line, word in unbraced(tokens):
            yield Finding(path, line, "braces", "-", 1, f"{word} without braces")


def longest_folder(path, table):
    fits = [name for name in table if path.startswith(name + "/")]
    return max(fits, key=len) if fits else None


def check_includes(path, source):
    folder = longest_folder(path, DIRECTIONS)
    if folder is None:
        return
    allowed = (folder.split("/")[0],) + DIRECTIONS[folder]
    forbidden = FORBIDDEN.get(longest_folder(path, FORBIDDEN), ())
    for line, name, quoted in source.includes:
        if quoted and "/" not in name:
            yield Finding(path, line, "include", name, 1,
                          f'"{name}": name it from the top of the tree')
        elif quoted and (name.split("/")[0] not in allowed or name.startswith(forbidden)):
            yield Finding(path, line, "include", name, 1,
                          f"{folder}/ may not include {name} (only {', '.join(allowed)})")
        elif not quoted and folder == "core" and IO_HEADERS.match(name):
            yield Finding(path, line, "include", name, 1, f"core/ does no I/O: no <{name}>")


def check_comments(path, source):
    share = comment_share(source)
    if len(source.lines) < COMMENT_FILE_LINES_MIN or share is None:
        return
    if share < COMMENT_SHARE_MIN and not path.startswith("tests/"):
        yield Finding(path, 1, "comments", "-", 1,
                      f"{share} % of the lines have a comment, at least {COMMENT_SHARE_MIN}")
    if share > COMMENT_SHARE_MAX and not path.endswith(".h"):
        yield Finding(path, 1, "comments", "-", 1,
                      f"{share} % of the lines have a comment, at most {COMMENT_SHARE_MAX}")


def comment_share(source):
    used = source.comment_lines | source.code_lines
    return len(source.comment_lines) * 100 // len(used) if used else None


def check_core_links(path, text):
    """core/'s CMakeLists.txt files: no I/O library, no module of ours beyond core's own."""
    for number, line in enumerate(text.splitlines(), 1):
        match = IO_LIBRARIES.search(re.sub(r"ff_add_\w+|#.*", "", line))
        if match:
            yield Finding(path, number, "link", match.group(), 1,
                          f"core/ links no {match.group()}")


def check_readme(path, text):
    lines = len(text.splitlines())
    if lines > README_LINES_MAX:
        yield Finding(path, 1, "readme", "-", lines, f"{lines} lines, at most {README_LINES_MAX}")


RULES = (check_columns, check_file_lines, check_functions, check_names, check_words, check_braces,
         check_includes, check_comments)


def check_c(path, text):
    source = csource.Source(text)
    return [finding for rule in RULES for finding in rule(path, source)]
