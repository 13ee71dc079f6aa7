#!/usr/bin/env python3
"""Runs the real nginx with the configuration of deploy/nginx before two stand-in replicas, and looks at what reaches them.

What it proves: a GET survives a replica that breaks; a POST that a replica may have worked on is never sent to a second one; a POST that
no replica has seen is passed on; a replica that sheds load keeps its load; requests go to who has least to do; connections are kept.
tests/cluster does the same with real replicas.
"""

import importlib.machinery
import importlib.util
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import time
import http.client
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.dont_write_bytecode = True


def load_cluster():
    """dev/cluster as a module: it renders the template."""
    loader = importlib.machinery.SourceFileLoader("cluster", str(ROOT / "dev" / "cluster"))
    module = importlib.util.module_from_spec(importlib.util.spec_from_loader("cluster", loader))
    loader.exec_module(module)
    return module


CLUSTER = load_cluster()


class Replica:
    """A stand-in for an API process: remembers what it was sent, answers as `behaviour` says."""

    def __init__(self, behaviour=lambda handler: handler.answer(200)):
        replica = self
        self.seen, self.connections, self.lock = [], 0, threading.Lock()

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True

            def setup(self):
                super().setup()
                with replica.lock:
                    replica.connections += 1

            def handle_any(self):
                self.rfile.read(int(self.headers.get("Content-Length") or 0))
                with replica.lock:
                    replica.seen.append((self.command, self.path, self.headers["X-Request-ID"]))
                behaviour(self)

            do_GET = do_POST = do_PUT = handle_any

            def answer(self, status):
                self.send_response(status)
                self.send_header("Content-Length", "2")
                self.end_headers()
                self.wfile.write(b"{}")

            def break_off(self):
                self.close_connection = True
                self.connection.shutdown(socket.SHUT_RDWR)

            def log_message(self, *_):
                pass

        class Server(ThreadingHTTPServer):
            daemon_threads = True
            request_queue_size = 128

            def handle_error(self, *_):
                pass

        self.server = Server(("127.0.0.1", 0), Handler)
        self.port = self.server.server_address[1]
        threading.Thread(target=self.server.serve_forever, args=(0.02,), daemon=True).start()

    def paths(self):
        with self.lock:
            return [path for _, path, _ in self.seen]

    def close(self):
        self.server.shutdown()
        self.server.server_close()


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def nginx_program():
    program = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin:/usr/local/sbin")
    if not program and os.geteuid() == 0 and shutil.which("apt-get"):
        CLUSTER.install_nginx()
        program = shutil.which("nginx", path="/usr/sbin")
    return program or sys.exit("deploy_nginx: nginx is missing; on Debian or Ubuntu: sudo apt-get install nginx-light")


class Nginx:
    """nginx before replicas, for one case."""

    def __init__(self, *ports):
        self.home = Path(tempfile.mkdtemp(prefix="flexprice-nginx-"))
        self.home.chmod(0o755)
        self.port = free_port()
        CLUSTER.write_nginx_conf(self.home, f"127.0.0.1:{self.port}", ports)
        self.argv = [nginx_program(), "-e", str(self.home / "error.log"), "-p", str(self.home), "-c", str(self.home / "nginx.conf")]

    def __enter__(self):
        self.child = subprocess.Popen([*self.argv, "-g", "daemon off;"], stderr=subprocess.DEVNULL)
        deadline = time.monotonic() + 10
        while True:
            try:
                socket.create_connection(("127.0.0.1", self.port), 1).close()
                return self
            except OSError:
                if self.child.poll() is not None or time.monotonic() > deadline:
                    sys.exit(f"deploy_nginx: nginx does not start: {(self.home / 'error.log').read_text()}")
                threading.Event().wait(0.02)

    def __exit__(self, *_):
        self.child.terminate()
        self.child.wait(10)
        shutil.rmtree(self.home)

    def client(self):
        return http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)

    def ask(self, method, path, body=None, headers=None, client=None):
        connection = client or self.client()
        connection.request(method, path, body, headers or {})
        answer = connection.getresponse()
        answer.read()
        if client is None:
            connection.close()
        return answer.status


def the_configuration_is_accepted():
    with tempfile.TemporaryDirectory() as folder:
        folder = Path(folder)
        CLUSTER.write_nginx_conf(folder, "127.0.0.1:18888", [1, 2])
        outer = (ROOT / "deploy" / "nginx" / "nginx.conf").read_text()
        outer = outer.replace("/tmp/", f"{folder}/").replace("/etc/nginx/conf.d/*.conf", f"{folder}/flexprice.conf")
        outer = outer.replace("include /etc/nginx/mime.types;", "").replace("/dev/std", f"{folder}/std")
        (folder / "container.conf").write_text(outer)
        for conf in ("nginx.conf", "container.conf"):
            done = subprocess.run([nginx_program(), "-t", "-e", "stderr", "-c", folder / conf], capture_output=True, text=True)
            assert done.returncode == 0, done.stderr
            assert "[warn]" not in done.stderr, done.stderr


def a_get_survives_a_replica_that_breaks():
    bad, good = Replica(lambda handler: handler.break_off()), Replica()
    with Nginx(bad.port, good.port) as nginx:
        assert [nginx.ask("GET", f"/v1/customers/{i}") for i in range(40)] == [200] * 40
    assert bad.seen, "the broken replica was never asked: this proves nothing"


def a_post_that_was_sent_is_never_sent_to_another():
    bad, good = Replica(lambda handler: handler.break_off()), Replica()
    with Nginx(bad.port, good.port) as nginx:
        statuses = [nginx.ask("POST", f"/v1/events/{i}", b"{}") for i in range(40)]
    assert set(statuses) == {200, 502}, statuses
    assert sorted(bad.paths() + good.paths()) == sorted(f"/v1/events/{i}" for i in range(40)), "a POST reached two replicas, or none"
    assert statuses.count(502) == len(bad.seen)


def a_post_that_no_replica_saw_is_passed_on():
    good = Replica()
    with Nginx(free_port(), good.port) as nginx:
        assert [nginx.ask("POST", f"/v1/events/{i}", b"{}") for i in range(40)] == [200] * 40
    assert len(good.seen) == 40


def a_replica_that_sheds_load_keeps_it():
    full, good = Replica(lambda handler: handler.answer(503)), Replica()
    with Nginx(full.port, good.port) as nginx:
        statuses = [nginx.ask("GET", f"/v1/customers/{i}") for i in range(40)]
    assert len(full.seen) + len(good.seen) == 40 and statuses.count(503) == len(full.seen) > 0, statuses


def requests_go_where_least_is_under_way():
    def slowly(handler):
        time.sleep(0.2)
        handler.answer(200)

    slow, quick = Replica(slowly), Replica()
    with Nginx(slow.port, quick.port) as nginx, ThreadPoolExecutor(8) as pool:
        assert set(pool.map(lambda i: nginx.ask("GET", f"/v1/{i}"), range(200))) == {200}
    # In turns each would get 100.
    assert len(slow.seen) < 60, f"{len(slow.seen)} of 200 went to the slow replica"


def connections_to_replicas_are_kept():
    one, other = Replica(), Replica()
    with Nginx(one.port, other.port) as nginx:
        client = nginx.client()
        assert {nginx.ask("GET", f"/v1/{i}", client=client) for i in range(300)} == {200}
        client.close()
    opened = one.connections + other.connections
    assert opened <= 8, f"{opened} connections for 300 requests"


def what_is_for_the_inside_stays_inside():
    replica = Replica()
    with Nginx(replica.port) as nginx:
        assert [nginx.ask("GET", path) for path in ("/health", "/metrics", "/ready")] == [200, 404, 404]
        assert nginx.ask("GET", "/v1/x", headers={"X-Request-ID": "mine"}) == 200
        assert nginx.ask("GET", "/v1/y") == 200
    assert replica.seen[1][2] == "mine", "the client's request id was lost"
    assert replica.seen[2][2], "a request without an id was given none"


CASES = [
    the_configuration_is_accepted,
    a_get_survives_a_replica_that_breaks,
    a_post_that_was_sent_is_never_sent_to_another,
    a_post_that_no_replica_saw_is_passed_on,
    a_replica_that_sheds_load_keeps_it,
    requests_go_where_least_is_under_way,
    connections_to_replicas_are_kept,
    what_is_for_the_inside_stays_inside,
]


def main():
    failed = 0
    for case in CASES:
        try:
            case()
            print(f"ok    {case.__name__}")
        except AssertionError as error:
            failed += 1
            print(f"FAIL  {case.__name__}: {error}")
    print(f"{len(CASES) - failed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
