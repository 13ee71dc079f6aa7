#!/usr/bin/env python3
"""What no compiler checks: file lengths, where SQL may stand, links of documents, words that do not belong in a public tree.

Looks at files that git tracks (or would track), so what is ignored is left alone.
"""

import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
SOURCE_LINES_MAX = 800

# Written in two parts, so that this file does not find itself.
MACHINE_PATHS = re.compile(r"(?<![\w.])/(?:" + "ro" + r"ot|ho" + r"me/\w+|Us" + r"ers/\w+|wo" + r"rk)/")
SQL = re.compile(r'"\s*(?:SELECT\s.+\sFROM|INSERT\s+(?:OR\s+\w+\s+)?INTO|UPDATE\s+\w+\s+SET|DELETE\s+FROM|CREATE\s+(?:TABLE|INDEX))\s', re.I)
COMPILED_IN = re.compile(r'\benv!\(\s*"CARGO_(?:MANIFEST_DIR|WORKSPACE_DIR|TARGET_TMPDIR)"')
LINK = re.compile(r"\]\(([^)\s]+)\)")


def tracked():
    """Paths of text files below the root."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"], cwd=ROOT, check=True, capture_output=True, text=True
    ).stdout
    for name in filter(None, listed.split("\0")):
        path = ROOT / name
        if path.is_file() and name not in ("Cargo.lock", "LICENSE"):
            try:
                yield name, path.read_text(encoding="utf-8")
            except UnicodeDecodeError:
                continue


def source_files_are_short(name, text):
    if name.endswith((".rs", ".py", ".sh")) and text.count("\n") > SOURCE_LINES_MAX:
        yield f"{name}: {text.count(chr(10))} lines; split it by concept (at most {SOURCE_LINES_MAX})"


def sql_stands_where_stores_are(name, text):
    """Only the relational store and the event store speak SQL; tests and benches may."""
    if not name.endswith(".rs") or name.startswith(("crates/storage/", "crates/streams/")) or "/tests/" in name or "/benches/" in name:
        return
    for number, line in enumerate(text.splitlines(), 1):
        if SQL.search(line):
            yield f"{name}:{number}: SQL outside the stores"


def no_path_of_one_machine(name, text):
    for number, line in enumerate(text.splitlines(), 1):
        # A shebang or a home directory by variable is fine; a directory of one machine is not.
        if MACHINE_PATHS.search(line):
            yield f"{name}:{number}: a path of one machine: {line.strip()[:80]}"


def links_lead_somewhere(name, text):
    if not name.endswith(".md"):
        return
    for target in LINK.findall(re.sub(r"```.*?```", "", text, flags=re.S)):
        path = target.split("#")[0]
        if path and "://" not in target and not target.startswith("mailto:") and not ((ROOT / name).parent / path).exists():
            yield f"{name}: a link to {target}, which does not exist"


def source_files_open_with_their_concept(name, text):
    if name.endswith(".rs") and not text.startswith(("//!", "#![")):
        yield f"{name}: does not open with `//!` and its concept"


def tests_find_files_at_run_time(name, text):
    """Compiled in, the package's directory is the one of the machine, or of the clone, that compiled: cargo says it to a running test."""
    if name.endswith(".rs"):
        for number, line in enumerate(text.splitlines(), 1):
            if COMPILED_IN.search(line):
                yield f'{name}:{number}: read the package\'s directory at run time: std::env::var("CARGO_MANIFEST_DIR"), or a path relative to it'


# Rows that are no things of their own: lines made together with their owner, and the environments that every system has.
PAST_THE_DOOR = {
    "crates/app/src/invoice/compute.rs": 1,
    "crates/app/src/subscription/create.rs": 1,
    "crates/app/src/platform/environments.rs": 1,
}


def changes_go_through_the_door(name, text):
    """What is written past `app::change` leaves no entry in the activity log and tells nobody (ADR 0012)."""
    if not name.startswith("crates/app/src/") or name.startswith("crates/app/src/change/"):
        return
    written = len(re.findall(r"storage::(?:insert|insert_all|insert_if_absent|update)(?:::<[^>]*>)?\(", text))
    if written > PAST_THE_DOOR.get(name, 0):
        yield f"{name}: writes a thing past the door: use a `Change`"


SERDE_TYPE = re.compile(r"#\[derive\(([^)]*)\)\](.*?)\n\}", re.S)
UNBOUNDED = re.compile(r"^\s+(?:pub\(crate\) )?\w+[:(].*\b(?:Vec|VecDeque|BTreeMap|HashMap|BTreeSet|HashSet)<")


def lists_of_requests_have_a_bound(name, text):
    """A list without one is read for as long as its body goes, at a hundred times the memory: `body::List` and `body::Map` stop."""
    if not name.startswith("crates/api/src/") or name.startswith("crates/api/src/body/"):
        return
    for derived, declared in SERDE_TYPE.findall(text):
        if "Deserialize" not in derived:
            continue
        for line in declared.splitlines():
            if UNBOUNDED.search(line) and not line.strip().startswith(("///", "#[", "Columns(Vec<SortCondition>)")):
                yield f"{name}: `{line.strip()}` of a request has no bound: use `body::List`, `body::Texts`, `body::Map` or `body::Metadata`"


CHECKS = [
    lists_of_requests_have_a_bound,
    source_files_are_short,
    source_files_open_with_their_concept,
    sql_stands_where_stores_are,
    no_path_of_one_machine,
    links_lead_somewhere,
    tests_find_files_at_run_time,
    changes_go_through_the_door,
]


def main():
    files = list(tracked())
    failed = 0
    for check in CHECKS:
        found = [problem for name, text in files for problem in check(name, text)]
        print(f"{'FAIL' if found else 'ok  '}  {check.__name__} ({len(files)} files)")
        for problem in found:
            print(f"      {problem}")
        failed += bool(found)
    print(f"{len(CHECKS) - failed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
