"""What the cluster tests stand on: servers of their own, a cluster over them, and a client. Whatever happens to the test, also when it is
killed, a guard stops what it started.
"""

import http.client
import json
import os
import random
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from decimal import Decimal
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PATIENCE_S = 60
# How dev/services places its servers, before its offset.
SERVER_PORTS = (5432, 5433, 6379, 6380, 7233, 8123, *range(29092, 29098))
# Not acknowledged: to be sent again.
AGAIN = (0, 429, 502, 503, 504)


def all_free(ports):
    """Whether nobody has these ports of the loopback address."""
    try:
        for port in ports:
            with socket.socket() as probe:
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                probe.bind(("127.0.0.1", port))
    except OSError:
        return False
    return True


def free_ports(count=30):
    """The first of so many ports in a row that nobody has, below those that the kernel gives to clients."""
    for base in random.sample(range(13_000, 28_000, 40), 200):
        if all_free(range(base, base + count)):
            return base
    sys.exit("no free ports")


def until(what, condition, seconds=PATIENCE_S, pause=0.05):
    """The first true value of a condition."""
    deadline = time.monotonic() + seconds
    while not (value := condition()):
        assert time.monotonic() < deadline, f"not within {seconds} s: {what}"
        time.sleep(pause)
    return value


class Guard:
    """Runs commands when it is closed, or when this process ends in whatever way: it waits for the end of a pipe."""

    def __init__(self, env, commands):
        script = "read -r _\n" + "\n".join(commands)
        self.child = subprocess.Popen(["bash", "-c", script], stdin=subprocess.PIPE, env=env, stdout=subprocess.DEVNULL, start_new_session=True)

    def close(self):
        self.child.stdin.close()
        self.child.wait()


class Installation:
    """Servers and processes in a directory and on ports of their own. KAFKA, API, CONSUMERS and the like are those of dev/cluster."""

    def __init__(self, servers, **cluster):
        self.home = Path(tempfile.mkdtemp(prefix="flexprice-test-"))
        # The user of PostgreSQL must reach its data.
        self.home.chmod(0o755)
        self.servers = servers
        self.port = free_ports()
        offset = next((n for n in random.sample(range(100, 3600, 10), 200) if all_free(port + n for port in SERVER_PORTS)), None)
        assert offset, "no free ports for the servers"
        inherited = {name: value for name, value in os.environ.items() if not name.startswith(("FLEXPRICE_", "SERVICES_", "CLUSTER_"))}
        # Whole: what is started here runs in other directories.
        kept = {name: str(Path(os.environ[name]).absolute()) for name in ("FLEXPRICE_BIN", "SERVICES_TOOLS") if os.environ.get(name)}
        mine = {
            "SERVICES_PORT_OFFSET": str(offset),
            "SERVICES_DIR": str(self.home / "servers"),
            "CLUSTER_DIR": str(self.home / "cluster"),
            "CLUSTER_PORT": str(self.port),
            "CLUSTER_SERVICES": "",
        }
        self.env = {**inherited, **kept, **mine, **cluster}

    def __enter__(self):
        clean = [f"'{ROOT}/dev/cluster' down", f"'{ROOT}/dev/services' wipe", f"rm -rf '{self.home}'"]
        self.guard = Guard(self.env, clean)
        try:
            if self.servers:
                self.services("up", *self.servers)
        except BaseException:
            self.guard.close()
            raise
        return self

    def __exit__(self, kind, *_):
        if kind and os.environ.get("KEEP_LOGS"):
            shutil.copytree(self.home / "cluster", os.environ["KEEP_LOGS"], dirs_exist_ok=True)
        self.guard.close()

    def services(self, *arguments):
        return run([ROOT / "dev" / "services", *arguments], self.env)

    def cluster(self, *arguments):
        return run([ROOT / "dev" / "cluster", *arguments], self.env)

    def up(self, **scale):
        """Starts the cluster, or brings it to other numbers."""
        self.env |= {name: str(count) for name, count in scale.items()}
        self.cluster("up")
        self.api_key = json.loads((self.home / "cluster" / "secrets.json").read_text())["api_key"]
        exports = [line.removeprefix("export ").partition("=") for line in self.cluster("env").splitlines()]
        self.settings = {name: value.strip("'") for name, _, value in exports}

    def flexprice(self, *arguments):
        """A command of the binary with the settings of the processes."""
        binary = Path(json.loads((self.home / "cluster" / "processes.json").read_text())["api-1"]["argv"][0])
        env = {**self.env, **self.settings, "FLEXPRICE_DEPLOYMENT_MODE": "api"}
        return run([binary, *arguments], env, cwd=self.home)

    def client(self, port=None, environment=None):
        return Client(port or self.port, self.api_key, environment)

    def names(self, role):
        """Processes of a role."""
        return sorted(path.stem for path in (self.home / "cluster").glob(f"{role}-*.pid"))

    def port_of(self, name):
        role, _, number = name.partition("-")
        return self.port + {"api": 0, "consumer": 10, "worker": 20}[role] + int(number)

    def answers(self, name):
        """Whether a process says that it is ready."""
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port_of(name)}/ready", timeout=5) as answer:
                return answer.status == 200
        except OSError:
            return False

    def lag(self):
        """Messages that the groups have not read; None while it cannot be told."""
        try:
            said = self.flexprice("kafka", "lag")
        except subprocess.CalledProcessError:
            return None
        return int(said.splitlines()[-1].split()[0])


def run(command, env, cwd=None):
    """What a command says; it must succeed."""
    done = subprocess.run(command, env=env, cwd=cwd, capture_output=True, text=True)
    if done.returncode:
        raise subprocess.CalledProcessError(done.returncode, command, done.stdout, done.stderr)
    return done.stdout


class Client:
    """One connection, opened again when it breaks."""

    def __init__(self, port, api_key, environment=None):
        self.connection = http.client.HTTPConnection("127.0.0.1", port, timeout=75)
        self.headers = {"x-api-key": api_key, "content-type": "application/json"}
        if environment:
            self.headers["x-environment-id"] = environment

    def ask(self, method, path, body=None, **headers):
        """Status and body; 0 when there was no answer."""
        try:
            data = body if body is None or isinstance(body, bytes) else json.dumps(body)
            self.connection.request(method, path, data, {**self.headers, **{name.replace("_", "-"): it for name, it in headers.items()}})
            answer = self.connection.getresponse()
            return answer.status, answer.read()
        except (OSError, http.client.HTTPException) as error:
            self.connection.close()
            return 0, str(error).encode()

    def must(self, method, path, body=None):
        """The answer to what must succeed at once."""
        status, text = self.ask(method, path, body)
        assert status in (200, 201, 202), f"{method} {path}: {status} {text[:500]}"
        return json.loads(text, parse_float=Decimal)

    def surely(self, method, path, body, idempotency_key, seconds=PATIENCE_S):
        """The answer to a change that is repeated, under one key, until it is known to be done."""
        deadline = time.monotonic() + seconds
        while True:
            status, text = self.ask(method, path, body, idempotency_key=idempotency_key)
            if status in (200, 201, 202):
                return json.loads(text, parse_float=Decimal)
            assert status in AGAIN, f"{method} {path}: {status} {text[:500]}"
            assert time.monotonic() < deadline, f"{method} {path} is refused for {seconds} s: {status} {text[:500]}"
            time.sleep(0.2)
