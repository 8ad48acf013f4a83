"""csource.py: just enough of C to measure it: comments, directives, tokens, functions.

Not a parser. It knows what the rules need, and a file it misjudges can be seen in the finding's line.
Code that only one branch of an #if holds is read as if all branches were there.
"""

import re
from dataclasses import dataclass

# One comment, string or character constant; whatever comes first wins, as in C.
OPAQUE = re.compile(
    r"//[^\n]*|/\*.*?(?:\*/|\Z)|\"(?:\\.|[^\"\\\n])*\"|'(?:\\.|[^'\\\n])*'", re.S)
DIRECTIVE = re.compile(r"^[ \t]*#(?:[^\n\\]|\\.|\\\n)*", re.M)
TOKEN = re.compile(r"[A-Za-z_]\w*|\.?\d[\w.]*|\.\.\.|\S")
DEFINE = re.compile(r"#[ \t]*define[ \t]+\w+(?:\([^)]*\))?(.*)", re.S)


@dataclass
class Token:
    text: str
    line: int


@dataclass
class Function:
    name: str
    line: int       # where its return type begins
    end: int        # where its closing brace stands; a prototype: where it begins
    params: int     # "..." is not counted
    static: bool
    defined: bool   # else a prototype

    @property
    def lines(self):
        return self.end - self.line + 1


def blank(text):
    """The same room, empty: line numbers stay true."""
    return re.sub(r"[^\n]", " ", text)


def tokens_of(text, first_line=1):
    found = []
    line = first_line
    at = 0
    for match in TOKEN.finditer(text):
        line += text.count("\n", at, match.start())
        at = match.start()
        found.append(Token(match.group(), line))
    return found


class Source:
    """One file, taken apart.

    comment_lines  numbers of the lines that hold a comment or a part of one
    code_lines     numbers of the lines that hold anything else
    includes       (line, name, quoted) of every #include
    bare           text without comments and without what strings contain
    tokens         of bare, without directives
    macros         tokens of each #define's body
    """

    def __init__(self, text):
        self.lines = text.splitlines()
        self.comment_lines = set()
        self.bare = OPAQUE.sub(self._opaque(text), text)
        self.code_lines = {
            number for number, line in enumerate(self.bare.splitlines(), 1) if line.strip()}
        self.includes = []
        self.macros = []
        code = DIRECTIVE.sub(self._directive, self.bare)
        self._read_includes(text)
        self.tokens = tokens_of(code)
        self.functions = list(functions_of(self.tokens))

    def _opaque(self, text):
        def replace(match):
            found = match.group()
            if found[0] != "/":
                return found[0] + blank(found[1:-1]) + found[-1]
            first = text.count("\n", 0, match.start()) + 1
            self.comment_lines.update(range(first, first + found.count("\n") + 1))
            return blank(found)
        return replace

    def _directive(self, match):
        define = DEFINE.match(match.group().lstrip())
        if define:
            first = self.bare.count("\n", 0, match.start()) + 1
            self.macros.append(tokens_of(define.group(1).replace("\\\n", " \n"), first))
        return blank(match.group())

    def _read_includes(self, text):
        # From the text, as bare has no strings; a line that is all comment is none.
        for number, line in enumerate(text.splitlines(), 1):
            match = re.match(r"[ \t]*#[ \t]*include[ \t]*([<\"])([^>\"]+)[>\"]", line)
            if match and number in self.code_lines:
                self.includes.append((number, match.group(2), match.group(1) == '"'))


def opening(tokens, at):
    """Position of the parenthesis that the one at `at` closes, or -1."""
    depth = 0
    for i in range(at, -1, -1):
        if tokens[i].text == ")":
            depth += 1
        elif tokens[i].text == "(":
            depth -= 1
            if depth == 0:
                return i
    return -1


def closing(tokens, at):
    """Position of what closes the parenthesis or brace at `at`; len(tokens) if nothing does."""
    pair = {"(": ")", "{": "}"}
    mine, other = tokens[at].text, pair[tokens[at].text]
    depth = 0
    for i in range(at, len(tokens)):
        if tokens[i].text == mine:
            depth += 1
        elif tokens[i].text == other:
            depth -= 1
            if depth == 0:
                return i
    return len(tokens)


def is_decoration(name):
    """__attribute__ and macros such as FF_PRINTF that stand behind a declarator or before it."""
    return name == "__attribute__" or name == name.upper()


def count_params(tokens):
    """Of what stands between the parentheses."""
    if not tokens or [t.text for t in tokens] == ["void"]:
        return 0
    depth = 0
    count = 0 if tokens[-1].text == "..." else 1
    for token in tokens:
        if token.text in "([{":
            depth += 1
        elif token.text in ")]}":
            depth -= 1
        elif token.text == "," and depth == 0:
            count += 1
    return count


def read_declarator(declaration):
    """The function that a declaration declares, else None."""
    texts = [t.text for t in declaration]
    if not texts or texts[0] in ("typedef", "_Static_assert"):
        return None
    at = len(declaration) - 1
    while at > 0 and texts[at] == ")":
        start = opening(declaration, at)
        name = texts[start - 1] if start > 0 else ""
        if not re.fullmatch(r"[A-Za-z_]\w*", name):
            return None
        if not is_decoration(name):
            if "=" in texts[:start]:
                return None
            first = 0
            # A macro call without a semicolon of its own before it is not part of it.
            while (first + 1 < start - 1 and is_decoration(texts[first])
                   and texts[first + 1] == "("):
                first = closing(declaration, first + 1) + 1
            return Function(name, declaration[first].line, declaration[first].line,
                            count_params(declaration[start + 1:at]), "static" in texts[:start],
                            False)
        at = start - 2
    return None


def functions_of(tokens):
    """Every function defined or declared at the top level."""
    depth = 0
    first = 0
    current = None
    for i, token in enumerate(tokens):
        if token.text == "{":
            if depth == 0:
                current = read_declarator(tokens[first:i])
            depth += 1
        elif token.text == "}":
            depth -= 1
            if depth == 0 and current:
                current.defined = True
                current.end = token.line
                yield current
                current = None
                first = i + 1
        elif token.text == ";" and depth == 0:
            prototype = read_declarator(tokens[first:i])
            if prototype:
                yield prototype
            first = i + 1
