#!/usr/bin/env python3
"""nginx before two API replicas of a real cluster, each killed once under traffic: no GET fails, and events that a client sends again
after a broken answer count once.

Needs the servers (`dev/services up`) and a binary with the feature `cluster`: FLEXPRICE_BIN, else it is built. Uses a database, topics and
keys of its own on the servers, and removes them.

usage: tests/cluster/load_balancer.py
"""

import json
import os
import secrets
import shutil
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from pathlib import Path

from installation import ROOT, Client, free_ports

READERS, WRITERS = 4, 2
BATCH_EVENTS = 100
BATCHES_MAX = 3000  # of one writer, whatever happens
TRAFFIC_SECONDS_MAX = 120
COUNTED_SECONDS_MAX = 60
CUSTOMERS = 20


class Cluster:
    """Two replicas and two consumers of their own behind nginx."""

    def __enter__(self):
        self.mark = "lb" + secrets.token_hex(5)
        self.home = tempfile.mkdtemp(prefix="flexprice-cluster-")
        self.port = free_ports()
        topic = f"{self.mark}-events"
        self.env = {
            **os.environ,
            "CLUSTER_DIR": self.home,
            "CLUSTER_PORT": str(self.port),
            "CLUSTER_SERVICES": "",
            "API": "2",
            "CONSUMERS": "2",
            "WORKERS": "0",
            "PARTITIONS": "4",
            "FLEXPRICE_POSTGRES_DBNAME": self.mark,
            "FLEXPRICE_CLICKHOUSE_DATABASE": self.mark,
            "FLEXPRICE_REDIS_KEY_PREFIX": self.mark,
            "FLEXPRICE_KAFKA_TOPIC": topic,
            "FLEXPRICE_EVENT_PROCESSING_TOPIC": topic,
            "FLEXPRICE_METER_USAGE_TRACKING_TOPIC": topic,
            "FLEXPRICE_EVENT_PROCESSING_TOPIC_DLQ": f"{self.mark}-dead-events",
            "FLEXPRICE_METER_USAGE_TRACKING_TOPIC_DLQ": f"{self.mark}-dead-usage",
            "FLEXPRICE_EVENT_PROCESSING_CONSUMER_GROUP": f"{self.mark}-events",
            "FLEXPRICE_METER_USAGE_TRACKING_CONSUMER_GROUP": f"{self.mark}-usage",
            # Both groups of the test read one topic; what else runs by default has none.
            "FLEXPRICE_EVENT_PROCESSING_REPLAY_ENABLED": "false",
        }
        at = dict(word.split("=", 1) for word in self.run("services", "env").split() if "=" in word)
        self.servers = {name: os.environ.get(name, value) for name, value in at.items()}
        try:
            self.postgres(f"create database {self.mark}")
            self.run("cluster", "up", quiet=False)
            self.api_key = json.loads((Path(self.home) / "secrets.json").read_text())["api_key"]
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        subprocess.run([ROOT / "dev" / "cluster", "down"], env=self.env, stdout=subprocess.DEVNULL)
        self.postgres(f"drop database if exists {self.mark} with (force)")
        self.clickhouse(f"DROP DATABASE IF EXISTS {self.mark}")
        tool = [ROOT / "dev" / "services", "kafka-cli", "TopicCommand", "--bootstrap-server", self.servers["FLEXPRICE_TEST_KAFKA_BROKERS"]]
        subprocess.run([*tool, "--delete", "--if-exists", "--topic", f"{self.mark}.*"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        shutil.rmtree(self.home, ignore_errors=True)

    def run(self, program, *arguments, quiet=True):
        done = subprocess.run([ROOT / "dev" / program, *arguments], env=self.env, stdout=subprocess.PIPE if quiet else None, text=True)
        if done.returncode:
            sys.exit(f"load_balancer: dev/{program} {' '.join(arguments)} failed; are the servers up? run dev/services up")
        return done.stdout

    def postgres(self, statement):
        programs = sorted(Path("/usr/lib/postgresql").glob("*/bin/psql"))
        program = shutil.which("psql") or (str(programs[-1]) if programs else sys.exit("load_balancer: psql is missing; run dev/services up"))
        at = [self.servers["FLEXPRICE_TEST_POSTGRES_HOST"], "-p", self.servers["FLEXPRICE_TEST_POSTGRES_PORT"]]
        env = {**os.environ, "PGPASSWORD": "flexprice123"}
        if subprocess.run([program, "-qh", *at, "-U", "flexprice", "-d", "postgres", "-c", statement], env=env).returncode:
            sys.exit("load_balancer: PostgreSQL does not answer; run dev/services up")

    def clickhouse(self, statement):
        address = self.servers["FLEXPRICE_TEST_CLICKHOUSE_ADDRESS"]
        with urllib.request.urlopen(f"http://{address}/", statement.encode(), timeout=30) as answer:
            answer.read()

    def client(self):
        return Client(self.port, self.api_key)

    def replica_ports(self):
        return {self.port + 1, self.port + 2}

    def ready(self, name):
        port = self.port + int(name.rpartition("-")[2])
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/ready", timeout=5) as answer:
                return answer.status == 200
        except OSError:
            return False

    def kill(self, name):
        """SIGKILL, and wait until the supervisor has another one ready."""
        self.run("cluster", "kill", name)
        deadline = time.monotonic() + 30
        while not self.ready(name):
            assert time.monotonic() < deadline, f"{name} did not come back"
            threading.Event().wait(0.05)


class Traffic:
    """Readers that must never fail, and writers that send again what was not acknowledged."""

    def __init__(self, cluster, customers):
        self.cluster, self.customers = cluster, customers
        self.over = threading.Event()
        self.lock = threading.Lock()
        self.reads, self.failed_reads, self.sent_again, self.acknowledged = 0, [], 0, []
        self.threads = [threading.Thread(target=self.read, args=(i,), daemon=True) for i in range(READERS)]
        self.threads += [threading.Thread(target=self.write, args=(i,), daemon=True) for i in range(WRITERS)]

    def __enter__(self):
        self.deadline = time.monotonic() + TRAFFIC_SECONDS_MAX
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self.over.set()
        for thread in self.threads:
            thread.join(TRAFFIC_SECONDS_MAX)

    def goes_on(self):
        return not self.over.is_set() and time.monotonic() < self.deadline

    def read(self, number):
        client, done = self.cluster.client(), 0
        while self.goes_on():
            customer = self.customers[(number + done) % len(self.customers)]
            status, text = client.ask("GET", f"/v1/customers/{customer}")
            done += 1
            with self.lock:
                self.reads += 1
                if status != 200:
                    self.failed_reads.append((status, text[:200]))

    def write(self, number):
        client = self.cluster.client()
        for batch in range(BATCHES_MAX):
            if not self.goes_on():
                return
            events = [
                {"event_id": f"{number}-{batch}-{i}", "event_name": "call", "external_customer_id": f"customer-{i % CUSTOMERS}", "properties": {}}
                for i in range(BATCH_EVENTS)
            ]
            while True:
                status, text = client.ask("POST", "/v1/events/bulk", {"events": events})
                if status == 202:
                    break
                assert status in (0, 429, 502, 503), f"{status} {text[:200]}"
                with self.lock:
                    self.sent_again += 1
                if time.monotonic() > self.deadline:
                    return
            with self.lock:
                self.acknowledged.append(events)


def connections(ports):
    """Sockets of this machine towards the replicas, open or just closed: their number since a minute."""
    lines = Path("/proc/net/tcp").read_text().splitlines()[1:]
    return sum(int(line.split()[2].split(":")[1], 16) in ports for line in lines)


def counted(client, meter):
    span = {"start_time": "2020-01-01T00:00:00Z", "end_time": "2100-01-01T00:00:00Z"}
    total = 0
    for i in range(CUSTOMERS):
        usage = client.must("POST", "/v1/events/usage/meter", {"meter_id": meter, "external_customer_id": f"customer-{i}", **span})
        total += round(float(usage["value"] or 0))
    return total


def main():
    with Cluster() as cluster:
        client = cluster.client()
        customers = [client.must("POST", "/v1/customers", {"external_id": f"customer-{i}", "name": f"Customer {i}"})["id"] for i in range(CUSTOMERS)]
        meter = {"name": "Calls", "event_name": "call", "aggregation": {"type": "COUNT"}, "reset_usage": "BILLING_PERIOD"}
        meter = client.must("POST", "/v1/meters", meter)["id"]

        with Traffic(cluster, customers) as traffic:
            settle(traffic, 500)
            for name in ("api-1", "api-2"):
                cluster.kill(name)
                settle(traffic, 500)
            opened = connections(cluster.replica_ports())
        reads, batches = traffic.reads, traffic.acknowledged
        requests = reads + len(batches)
        print(f"{reads} GETs, {len(traffic.failed_reads)} failed; {len(batches)} batches acknowledged, {traffic.sent_again} sent again")
        assert not traffic.failed_reads, f"GETs failed: {traffic.failed_reads[:5]}"
        assert batches, "nothing was written"

        # A client that did not hear an answer sends everything again: here all of the last batches, on purpose.
        for events in batches[-20:]:
            client.must("POST", "/v1/events/bulk", {"events": events})
        expected = len(batches) * BATCH_EVENTS
        deadline = time.monotonic() + COUNTED_SECONDS_MAX
        while (now := counted(client, meter)) < expected and time.monotonic() < deadline:
            threading.Event().wait(0.2)
        assert now == expected, f"{now} counted, {expected} acknowledged"
        # The repeated ones have been read, too: once the groups have read to the end, nothing more can come.
        threading.Event().wait(2)
        assert counted(client, meter) == expected, "repeated events were counted again"
        print(f"{expected} events acknowledged, {now} counted")

        print(f"{opened} connections to the replicas for {requests} requests")
        assert opened < requests / 20, "connections to replicas are not kept"
        served = replicas_in_log(cluster.home)
        print(f"requests by replica: {served}")
        assert len(served) == 2 and min(served.values()) > 0.2 * sum(served.values()), "one replica did (nearly) all the work"
    print("1 passed, 0 failed")


def settle(traffic, more):
    """Until so many further requests were answered."""
    wanted, deadline = traffic.reads + more, time.monotonic() + 30
    while traffic.reads < wanted:
        assert time.monotonic() < deadline, "traffic stands still"
        threading.Event().wait(0.02)


def replicas_in_log(home):
    """Who answered, by nginx's log."""
    served = {}
    for line in (Path(home) / "nginx.access.log").read_text().splitlines():
        upstream = json.loads(line)["upstream"].rpartition(", ")[2]
        served[upstream] = served.get(upstream, 0) + 1
    return served


if __name__ == "__main__":
    main()
