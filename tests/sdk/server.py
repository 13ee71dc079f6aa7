"""The real binary on a free loopback port, over a directory that is thrown away."""

import os
import socket
import subprocess
import tempfile
import time
import urllib.error
import urllib.request
from pathlib import Path

KEY = "sk_local_flexprice_test_key"
START_SECONDS = 30
STOP_SECONDS = 30


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Server:
    """Runs while the block runs; stops its own process and no other."""

    def __init__(self, binary):
        self.binary = Path(binary).resolve()

    def __enter__(self):
        self.directory = tempfile.TemporaryDirectory(prefix="flexprice-sdk-")
        place = Path(self.directory.name)
        port = free_port()
        self.url = f"http://127.0.0.1:{port}"
        self.log = place / "server.log"
        command = [str(self.binary), "--data-dir", str(place / "data"), "--address", f"127.0.0.1:{port}", "serve"]
        # Nothing of the caller's configuration: neither its variables nor its files.
        environment = {name: value for name, value in os.environ.items() if not name.startswith("FLEXPRICE_")}
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(command, cwd=place, env=environment, stdout=log, stderr=subprocess.STDOUT)
        try:
            self.wait_until_ready()
        except BaseException:
            self.__exit__()
            raise
        return self

    def wait_until_ready(self):
        end = time.monotonic() + START_SECONDS
        while time.monotonic() < end:
            if self.process.poll() is not None:
                raise RuntimeError(f"the server ended with code {self.process.returncode}:\n{self.log_tail()}")
            try:
                with urllib.request.urlopen(f"{self.url}/ready", timeout=5):
                    return
            except (urllib.error.URLError, OSError):
                time.sleep(0.05)
        raise RuntimeError(f"the server was not ready within {START_SECONDS} s:\n{self.log_tail()}")

    def log_tail(self):
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-30:])

    def __exit__(self, *_):
        self.process.terminate()
        try:
            self.process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.directory.cleanup()
