#!/usr/bin/env python3
"""The Makefile hands programs to scripts by their whole path, because the scripts run them from other directories: what each target would
run is read, with the usual target directory and with one that the caller named by half a path.
"""

import os
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
HANDED_OVER = re.compile(r'\b(?:FLEXPRICE_BIN|exec)[= ]"([^"]*)"')


def targets():
    return re.findall(r"^([a-z][a-z-]*):(?!=)", (ROOT / "Makefile").read_text(), re.M)


def main():
    found, wrong = 0, []
    for directory in (None, "elsewhere"):
        env = {name: value for name, value in os.environ.items() if name not in ("CARGO_TARGET_DIR", "MAKEFLAGS", "MAKELEVEL")}
        env |= {"CARGO_TARGET_DIR": directory} if directory else {}
        told = subprocess.run(["make", "-n", *targets()], cwd=ROOT, env=env, check=True, capture_output=True, text=True).stdout
        paths = HANDED_OVER.findall(told)
        assert len(paths) >= 6, f"only {len(paths)} programs are handed over: does this check still find them?\n{told}"
        found += len(paths)
        wrong += [path for path in paths if not Path(path).is_absolute()]
    for path in wrong:
        print(f"FAIL  {path} is handed over, which is no whole path")
    print(f"{found - len(wrong)} passed, {len(wrong)} failed")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
