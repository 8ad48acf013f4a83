#!/usr/bin/env python3
"""tidy.py: holds the numbers and the include directions of the code base (README.md here).

Prints one line a finding and exits 1 if there is any; --report adds what the code measures.
"""

import argparse
import pathlib
import statistics
import sys

import csource
import rules

EXCEPTIONS = "tests/tidy/exceptions.txt"


def read_exceptions(path, text):
    """({key: amount}, findings about lines that cannot be read)."""
    allowed, bad = {}, []
    for number, line in enumerate(text.splitlines(), 1):
        words = line.split("#")[0].split()
        if not words:
            continue
        if len(words) != 4 or not words[3].isdigit() or tuple(words[:3]) in allowed:
            bad.append(rules.Finding(path, number, "exception", "-", 1,
                                     "want `path rule subject number`, each once"))
        else:
            allowed[tuple(words[:3])] = int(words[3])
    return allowed, bad


def apply_exceptions(findings, allowed):
    """Findings that stay. An exception must be as large as what it excuses, and no larger: the
    list can only shrink."""
    amounts = {}
    for finding in findings:
        before = amounts.get(finding.key, 0)
        amounts[finding.key] = (max(before, finding.amount) if finding.measured
                                else before + finding.amount)
    left = [f for f in findings if amounts[f.key] > allowed.get(f.key, 0)]
    for key, amount in allowed.items():
        now = amounts.get(key, 0)
        if now < amount:
            what = f"lower it to {now}" if now else "take it out"
            left.append(rules.Finding(EXCEPTIONS, 1, "exception", key[2], 1,
                                      f"{' '.join(key)} {amount} is not used: {what}"))
    return left


def files_under(root, *patterns):
    for folder in rules.FOLDERS:
        for pattern in patterns:
            for path in sorted((root / folder).rglob(pattern)):
                yield path.relative_to(root).as_posix(), path.read_text(encoding="utf-8")


def check_folders(root):
    """Every top-level folder with C in it says in a README.md what it is."""
    for folder in rules.FOLDERS:
        has_c = any((root / folder).rglob("*.c"))
        if has_c and not (root / folder / "README.md").exists():
            yield rules.Finding(f"{folder}/README.md", 1, "readme", "-", 1, "is missing")


def check_tree(root):
    findings = []
    for path, text in files_under(root, "*.c", "*.h"):
        findings += rules.check_c(path, text)
    for path, text in files_under(root, "CMakeLists.txt"):
        if path.startswith("core/"):
            findings += rules.check_core_links(path, text)
    for path, text in files_under(root, "README.md"):
        findings += rules.check_readme(path, text)
    return findings + list(check_folders(root))


def ninth_decile(numbers):
    return sorted(numbers)[len(numbers) * 9 // 10]


def report(root):
    """What the code measures, a line a folder."""
    print(f"{'':12}{'files':>6}{'lines':>7}{'file':>6}{'max':>6}"
          f"{'functions':>11}{'median':>8}{'p90':>5}{'max':>5}{'comment':>9}")
    for folder in rules.FOLDERS:
        sources = [csource.Source(text) for path, text in files_under(root, "*.c", "*.h")
                   if path.startswith(folder + "/")]
        files = [len(source.lines) for source in sources] or [0]
        functions = [f.lines for s in sources for f in s.functions if f.defined] or [0]
        comments = sum(len(source.comment_lines) for source in sources)
        used = sum(len(source.comment_lines | source.code_lines) for source in sources)
        print(f"{folder:12}{len(sources):6}{sum(files):7}{statistics.median(files):6.0f}"
              f"{max(files):6}{len(functions):11}{statistics.median(functions):8.0f}"
              f"{ninth_decile(functions):5}{max(functions):5}{comments * 100 / (used or 1):7.0f} %")


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--root", type=pathlib.Path,
                        default=pathlib.Path(__file__).resolve().parents[2])
    parser.add_argument("--report", action="store_true", help="print what the code measures")
    args = parser.parse_args()
    exceptions = args.root / EXCEPTIONS
    text = exceptions.read_text(encoding="utf-8") if exceptions.exists() else ""
    allowed, bad = read_exceptions(EXCEPTIONS, text)
    findings = bad + apply_exceptions(check_tree(args.root), allowed)
    if args.report:
        report(args.root)
    for finding in findings:
        print(finding)
    print(f"tidy: {len(findings)} findings, {len(allowed)} exceptions")
    return 1 if findings else 0


if __name__ == "__main__":
    sys.exit(main())
