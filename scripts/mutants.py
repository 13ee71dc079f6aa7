#!/usr/bin/env python3
"""Breaks the rules of billing one by one and asks whether `domain`'s own tests notice. Of each part at least 90 in 100 mutants must die.

usage: scripts/mutants.py [PART …]     all parts without; needs `cargo install cargo-mutants`

What survives is listed at the end; the whole story is in target/mutants.
"""

import json
import os
import shutil
import subprocess
import sys
from collections import Counter
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PARTS = ["rating", "subscription", "entitlement", "time", "catalog"]
KILLED_MIN = 0.90
# Properties with fewer cases, and without the walk through thirty years in every zone: a mutant is tried in seconds.
PROPTEST_CASES = "48"
SKIPPED = "thirty_years"
TIMEOUT_SECONDS = "60"


def main():
    parts = sys.argv[1:] or PARTS
    if wrong := [part for part in parts if part not in PARTS]:
        sys.exit(f"{', '.join(wrong)}: use {', '.join(PARTS)}")
    if shutil.which("cargo-mutants") is None:
        sys.exit("cargo-mutants is not installed: cargo install cargo-mutants --locked")
    out = ROOT / "target" / "mutants"
    shutil.rmtree(out, ignore_errors=True)
    command = ["cargo", "mutants", "--package", "domain", "--timeout", TIMEOUT_SECONDS, "--output", str(out)]
    for part in parts:
        command += ["--file", f"crates/domain/src/{part}/**"]
    environment = {**os.environ, "PROPTEST_CASES": PROPTEST_CASES}
    # Its own code tells of survivors; what counts here is how many.
    subprocess.run([*command, "--", "--", "--skip", SKIPPED], cwd=ROOT, env=environment)
    outcomes = json.loads((out / "mutants.out" / "outcomes.json").read_text())["outcomes"]
    sys.exit(report(parts, outcomes))


def report(parts, outcomes):
    tried, survived, survivors = Counter(), Counter(), []
    for outcome in outcomes:
        mutant = outcome["scenario"].get("Mutant") if isinstance(outcome["scenario"], dict) else None
        if mutant is None or outcome["summary"] == "Unviable":
            continue
        part = Path(mutant["file"]).parts[3]
        tried[part] += 1
        if outcome["summary"] == "MissedMutant":
            survived[part] += 1
            survivors.append(mutant["name"])
    for survivor in survivors:
        print(f"survives: {survivor}")
    failed = False
    for part in parts:
        killed = 1 - survived[part] / tried[part] if tried[part] else 0.0
        failed |= killed < KILLED_MIN
        print(f"{part:14} {tried[part]:5} mutants, {killed:6.1%} killed")
    return int(failed)


if __name__ == "__main__":
    main()
