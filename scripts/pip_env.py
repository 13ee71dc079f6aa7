"""Virtual environments that checks take programs and libraries from, kept for the next run."""

import os
import shutil
import subprocess
import sys
import venv
from pathlib import Path


def environment(name, requirements):
    """The programs' directory of the environment of this name; made on the first run with these arguments of `pip install`."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    home = cache / "flexprice-test-venv" / name
    complete = home / "complete"
    if not complete.exists():
        # What an interrupted run left is not to be trusted.
        shutil.rmtree(home, ignore_errors=True)
        ensure_pip_can_be_bundled()
        venv.create(home, with_pip=True)
        install = [home / "bin" / "python", "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *requirements]
        if subprocess.run(install).returncode != 0:
            sys.exit(f"{name} cannot be installed; it needs the Python package index, or a mirror that pip is set up for")
        complete.touch()
    return home / "bin"


def ensure_pip_can_be_bundled():
    """Debian ships this part of Python by itself."""
    try:
        import ensurepip  # noqa: F401

        return
    except ImportError:
        pass
    if os.geteuid() == 0 and shutil.which("apt-get"):
        print("installing python3-venv", flush=True)
        quiet = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
        subprocess.run(["apt-get", "update", "-qq"], env=quiet, check=True)
        subprocess.run(["apt-get", "install", "-y", "-qq", "--no-install-recommends", "python3-venv"], env=quiet, check=True)
        return
    sys.exit("Python's venv module with pip is missing; on Debian or Ubuntu: sudo apt-get install python3-venv")
