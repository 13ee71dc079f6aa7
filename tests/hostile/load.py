#!/usr/bin/env python3
"""A server under hostile requests: bodies of millions of nothings, half-open connections, endless filters, names of the sender's choice, bombs
that inflate. Meanwhile an honest client sends events and reads them, and every one of its requests is answered.

usage: tests/hostile/load.py [--seconds 20] [--strict]     FLEXPRICE_BIN: the binary

Always holds: nothing honest fails, every hostile request is refused or closed, the server's own memory stays below its bound, every event is
counted, and the server stops. With --strict (a release build on a quiet machine) also: /health answers within 100 ms in 99 of 100 cases.
"""

import argparse
import gzip
import http.client
import json
import multiprocessing
import os
import random
import signal
import socket
import sys
import threading
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "sdk"))
from server import KEY, Server  # noqa: E402  (its directory is put on the path above)

MEMORY_MAX_MIB = 500
HEALTH_P99_MS = 100
STOP_SECONDS = 5


class Target(Server):
    """The server that is tried."""

    def ask(self, method, path, body=None, headers=None, timeout=30):
        connection = http.client.HTTPConnection(self.url.removeprefix("http://"), timeout=timeout)
        try:
            headers = {"x-api-key": KEY, "content-type": "application/json", **(headers or {})}
            connection.request(method, path, body=body, headers=headers)
            answer = connection.getresponse()
            return answer.status, answer.read()
        finally:
            connection.close()

    def connect(self):
        host, port = self.url.removeprefix("http://").split(":")
        return socket.create_connection((host, int(port)), timeout=5)

    def memory_mib(self):
        """Its own memory now: without files that are mapped."""
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        own = next(line for line in status.splitlines() if line.startswith("RssAnon:"))
        return int(own.split()[1]) // 1024

    def seconds_to_stop(self):
        begun = time.monotonic()
        self.process.send_signal(signal.SIGTERM)
        assert self.process.wait(timeout=60) == 0, self.log_tail()
        return time.monotonic() - begun


# One hostile request each: what it sends, and which answers refuse it. A connection that the server closes refuses as well.


def nothings(path, count, opening=b'{"items":[', between=b"{},", closing=b"{}]}"):
    body = opening + between * (count - 1) + closing
    return posted(path, body)


def posted(path, body, headers=None):
    """Made once: whoever sends it again and again measures the server, not itself."""
    return lambda server: server.ask("POST", path, body, headers)


def condition(place):
    return {"field": "name", "operator": "eq", "data_type": "string", "value": {"string": str(place)}}


BOMB = gzip.compress(b'{"events":[' + b" " * 200_000_000 + b"]}")
CONDITIONS = json.dumps({"filters": [condition(place) for place in range(40_000)]})
COLUMNS = json.dumps({"sort": [{"field": "name", "direction": "asc"}] * 20_000})
METADATA = json.dumps({"external_id": "h", "name": "h", "metadata": {"k": "v" * 10_000_000}})


def far_page(server):
    return server.ask("GET", f"/v1/customers?offset={2**63 - 1}&limit=1000")


def name_of_its_own(server):
    word = f"{random.getrandbits(64):x}"
    return server.ask(word.upper(), f"/{word}/{word}")


HOSTILE = {
    "millions of events": (nothings("/v1/events/bulk", 2_000_000, b'{"events":['), (400, 413, 503)),
    "millions of prices": (nothings("/v1/prices/bulk", 2_000_000), (400, 413, 503)),
    "33 MB of nothings": (nothings("/v1/events/bulk", 11_000_000, b'{"events":['), (400, 413, 503)),
    "a bomb": (posted("/v1/events/bulk", BOMB, {"content-encoding": "gzip"}), (400, 413, 503)),
    "unknown encoding": (posted("/v1/events", b"{}", {"content-encoding": "br"}), (415,)),
    "many conditions": (posted("/v1/customers/search", CONDITIONS), (400, 413, 503)),
    "many columns": (posted("/v1/customers/search", COLUMNS), (400, 413, 503)),
    "a far page": (far_page, (400,)),
    "much metadata": (posted("/v1/customers", METADATA), (400, 413, 503)),
    "a deep body": (posted("/v1/customers", b'{"metadata":' * 100_000), (400, 413, 503)),
    "names of its own": (name_of_its_own, (400, 401, 403, 404, 405, 501)),
}


class Load:
    """Threads of the hostile and of the honest, until the time is over."""

    def __init__(self, server, seconds):
        self.server, self.until = server, time.monotonic() + seconds
        self.lock = threading.Lock()
        self.faults, self.refused, self.acknowledged = [], {name: 0 for name in HOSTILE}, 0
        self.health_ms, self.memory = [], 0

    def fault(self, text):
        with self.lock:
            self.faults.append(text)

    def is_over(self):
        return time.monotonic() >= self.until

    def hostile(self, seed):
        choice = random.Random(seed)
        while not self.is_over():
            name = choice.choice(list(HOSTILE))
            send, refusals = HOSTILE[name]
            try:
                status, body = send(self.server)
                if status not in refusals:
                    self.fault(f"{name}: {status} {body[:200]!r}")
            except (OSError, http.client.HTTPException):
                pass  # closed while it was still sending
            with self.lock:
                self.refused[name] += 1

    def half_open(self):
        """Connections that begin a request and never end it, a hundred at a time."""
        while not self.is_over():
            held = []
            for _ in range(100):
                try:
                    connection = self.server.connect()
                    connection.sendall(b"POST /v1/events HTTP/1.1\r\nhost: 127.0.0.1\r\nx-")
                    held.append(connection)
                except OSError:
                    break
            time.sleep(min(2, max(0, self.until - time.monotonic())))
            for connection in held:
                connection.close()

    def honest(self, number):
        """Sends events and never takes no for an answer, but for the server's own bound on work under way, after which it sends again."""
        place = 0
        while not self.is_over():
            event = {"event_id": f"honest-{number}-{place}", "event_name": "api", "external_customer_id": "honest", "timestamp": "2025-01-02T00:00:00Z"}
            try:
                status, body = self.server.ask("POST", "/v1/events", json.dumps(event))
            except (OSError, http.client.HTTPException) as error:
                self.fault(f"an honest event: {error!r}")
                continue
            if status == 503:
                time.sleep(0.05)
                continue
            if status != 202:
                self.fault(f"an honest event: {status} {body[:200]!r}")
            place += 1
            with self.lock:
                self.acknowledged += 1

    def run(self):
        work = [(self.hostile, (seed,)) for seed in range(4)] + [(self.half_open, ())] + [(self.honest, (n,)) for n in range(2)]
        threads = [threading.Thread(target=target, args=args) for target, args in work]
        # A process of its own: threads that build and send bodies would hold it up. Made before there are threads.
        told, tells = multiprocessing.Pipe(duplex=False)
        watcher = multiprocessing.get_context("fork").Process(target=watch, args=(self.server, self.until, tells))
        watcher.start()
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.health_ms, self.memory, faults = told.recv()
        watcher.join()
        self.faults += faults


def watch(server, until, tells):
    """How long /health takes, and the memory of the server at most."""
    health_ms, memory, faults = [], 0, []
    while time.monotonic() < until:
        begun = time.monotonic()
        try:
            status, _ = server.ask("GET", "/health")
            if status != 200:
                faults.append(f"/health: {status}")
        except (OSError, http.client.HTTPException) as error:
            faults.append(f"/health: {error!r}")
        health_ms.append((time.monotonic() - begun) * 1000)
        memory = max(memory, server.memory_mib())
        time.sleep(0.02)
    tells.send((health_ms, memory, faults))


def counted(server):
    body = {"event_name": "api", "aggregation_type": "COUNT", "external_customer_id": "honest", "start_time": "2025-01-01T00:00:00Z", "end_time": "2025-02-01T00:00:00Z"}
    status, answer = server.ask("POST", "/v1/events/usage", json.dumps(body))
    assert status == 200, answer
    return int(float(json.loads(answer)["value"]))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=20)
    parser.add_argument("--strict", action="store_true")
    options = parser.parse_args()
    with Target(os.environ["FLEXPRICE_BIN"]) as server:
        load = Load(server, options.seconds)
        load.run()
        health = sorted(load.health_ms)
        p99 = health[int(len(health) * 0.99)]
        print(f"hostile requests refused: {sum(load.refused.values())} {load.refused}")
        print(f"honest events {load.acknowledged}; /health p50 {health[len(health) // 2]:.1f} ms, p99 {p99:.1f} ms of {len(health)}")
        print(f"memory at most {load.memory} MiB")
        assert not load.faults, "\n".join(load.faults[:20])
        assert min(load.refused.values()) > 0, "some hostile request was never sent"
        assert counted(server) == load.acknowledged, f"{counted(server)} of {load.acknowledged} events counted"
        assert load.memory < MEMORY_MAX_MIB, f"{load.memory} MiB"
        assert not options.strict or p99 < HEALTH_P99_MS, f"/health p99 {p99:.1f} ms"
        with server.connect() as half:
            half.sendall(b"GET / HT")
            seconds = server.seconds_to_stop()
        assert not options.strict or seconds < STOP_SECONDS, f"it stopped after {seconds:.1f} s"


if __name__ == "__main__":
    sys.exit(main())
