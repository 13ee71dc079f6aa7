#!/usr/bin/env python3
"""Runs the published Python SDK (tests/sdk) against the binary that FLEXPRICE_BIN names: `make checks` names the one of the tests."""

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.dont_write_bytecode = True
sys.path.insert(0, str(ROOT / "scripts"))
from pip_env import environment  # noqa: E402

SDK = "flexprice==2.1.43"


def main():
    binary = os.environ.get("FLEXPRICE_BIN") or sys.exit("sdk: FLEXPRICE_BIN is not set; run `make checks`")
    python = environment(SDK.replace("==", "-"), [SDK]) / "python"
    return subprocess.run([python, "-B", ROOT / "tests" / "sdk" / "test_sdk.py", Path(binary).absolute()]).returncode


if __name__ == "__main__":
    sys.exit(main())
