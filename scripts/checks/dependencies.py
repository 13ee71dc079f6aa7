#!/usr/bin/env python3
"""Dependencies: licences, sources, second versions, known advisories (deny.toml), and none that nothing uses (docs/adr/0011).

Advisories are those of the database of the Rust security working group: fetched, else the copy of an earlier run. On a machine that has
neither, that part is skipped, and says so.
"""

import hashlib
import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.dont_write_bytecode = True
sys.path.insert(0, str(ROOT / "scripts"))
from pip_env import environment  # noqa: E402

REQUIREMENTS = Path(__file__).with_suffix(".txt")
ADVISORIES = "https://github.com/RustSec/advisory-db"
REACH_SECONDS_MAX = 10


def main():
    programs = tools()
    deny = [programs / "cargo-deny", "--locked"]
    # Temporal's crates name a file of their licence and not the licence: it is read from there. Skips that skip nothing are errors.
    check = ["check", "--deny", "warnings", "--allow", "no-license-field"]
    passed = [
        run("licences, sources, duplicates", [*deny, *check, "licenses", "sources", "bans"]),
        run("unused dependencies", [programs / "cargo-shear", "--deny-warnings"]),
    ]
    if reachable():
        passed.append(run("advisories", [*deny, *check, "advisories"]))
    elif any((cargo_home() / "advisory-dbs").glob("advisory-db-*")):
        passed.append(run("advisories, as of an earlier run", [*deny, "--offline", *check, "advisories"]))
    else:
        print("skip  advisories: their database cannot be reached, and no earlier run left a copy")
    return 0 if all(passed) else 1


def tools():
    digest = hashlib.sha256(REQUIREMENTS.read_bytes()).hexdigest()[:12]
    return environment(f"dependencies-{digest}", ["--require-hashes", "--no-deps", "-r", REQUIREMENTS])


def run(what, command):
    done = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    print(f"{'FAIL' if done.returncode else 'ok  '}  {what}")
    if done.returncode:
        print(done.stdout, flush=True)
    return done.returncode == 0


def reachable():
    never_ask = {**os.environ, "GIT_TERMINAL_PROMPT": "0"}
    try:
        asked = subprocess.run(["git", "ls-remote", ADVISORIES, "HEAD"], env=never_ask, capture_output=True, timeout=REACH_SECONDS_MAX)
    except subprocess.TimeoutExpired:
        return False
    return asked.returncode == 0


def cargo_home():
    return Path(os.environ.get("CARGO_HOME") or Path.home() / ".cargo")


if __name__ == "__main__":
    sys.exit(main())
