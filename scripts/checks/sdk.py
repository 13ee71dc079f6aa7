#!/usr/bin/env python3
"""Runs the published Python SDK against the real binary: tests/sdk in a virtual environment of its own, kept for the next run."""

import os
import shutil
import subprocess
import sys
import venv
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
SDK = "flexprice==2.1.43"


def main():
    python = environment()
    binary = build()
    return subprocess.run([python, "-B", str(ROOT / "tests" / "sdk" / "test_sdk.py"), binary]).returncode


def environment():
    """The interpreter that has the SDK; made on the first run."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    home = cache / "flexprice-test-venv" / SDK.replace("==", "-")
    python, complete = home / "bin" / "python", home / "complete"
    if not complete.exists():
        # What an interrupted run left is not to be trusted.
        shutil.rmtree(home, ignore_errors=True)
        ensure_pip_can_be_bundled()
        venv.create(home, with_pip=True)
        install = [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", SDK]
        if subprocess.run(install).returncode != 0:
            sys.exit(f"sdk: {SDK} cannot be installed; this test needs the Python package index, or a mirror that pip is set up for")
        complete.touch()
    return str(python)


def ensure_pip_can_be_bundled():
    """Debian ships this part of Python by itself."""
    try:
        import ensurepip  # noqa: F401

        return
    except ImportError:
        pass
    if os.geteuid() == 0 and shutil.which("apt-get"):
        print("sdk: installing python3-venv", flush=True)
        quiet = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
        subprocess.run(["apt-get", "update", "-qq"], env=quiet, check=True)
        subprocess.run(["apt-get", "install", "-y", "-qq", "--no-install-recommends", "python3-venv"], env=quiet, check=True)
        return
    sys.exit("sdk: this test needs Python's venv module with pip; on Debian or Ubuntu: sudo apt-get install python3-venv")


def build():
    """The binary of this tree."""
    subprocess.run(["cargo", "build", "--quiet", "-p", "server"], cwd=ROOT, check=True)
    target = Path(os.environ.get("CARGO_TARGET_DIR") or "target")
    return str(ROOT / target / "debug" / "flexprice")


if __name__ == "__main__":
    sys.exit(main())
