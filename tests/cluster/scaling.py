#!/usr/bin/env python3
"""How the cluster scales on this machine, beside what the engines do by themselves; prints the tables of docs/performance.md.

usage: tests/cluster/scaling.py [--events N] [--hours N] [--contracts N] [--no-baselines]

Measured end to end through nginx: events accepted per second with one and two API processes while nobody consumes; events per second
that one, two and four consumers bring from Kafka into ClickHouse until usage shows them all; both at once; invoices per second of one and two
workers. In the same run, over the same servers: the bare HTTP server under the same load, the plain Kafka client, the plain insert into
ClickHouse, and workflows that do nothing. Everything shares the processors: with two of them, more processes cannot do twice the work.

Servers of its own, on ports of its own, which it stops in the end. FLEXPRICE_BIN names the binary, else a release build is made. The
baselines need the release build of the whole workspace, with all features: `make scaling` makes it.
"""

import argparse
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from dataclasses import replace
from pathlib import Path

from installation import AGAIN, ROOT, Client, Installation, run, until
from oracle import Plan
from paths import EVER, SANDBOX, Shop
from workers import PRODUCTION

BATCH = 1_000
SENDERS = 8
CUSTOMERS = 100
PARTITIONS = 12
BILLED_MONTHS = 6
SECONDS_MAX = 900
MARK = b'"event_id":"event-'


class Load:
    """Bulk requests, made before anything is measured; each run gives the events other ids."""

    def __init__(self, events, hours):
        plan = Plan(0, events, CUSTOMERS)

        def body(serial):
            sent = replace(plan.event(serial), at=serial * hours * 3_600_000_000 // events)
            return sent.body(plan.event_id(serial))

        self.events = events
        self.bodies = []
        for first in range(0, events, BATCH):
            bodies = [body(serial) for serial in range(first, min(first + BATCH, events))]
            self.bodies.append(('{"events":[' + ",".join(bodies) + "]}").encode())

    def send(self, client_of, run_name):
        """Sends all; seconds until the last was acknowledged."""
        waiting, lock, failures = iter(self.bodies), threading.Lock(), []

        def work():
            client = client_of()
            try:
                while True:
                    with lock:
                        body = next(waiting, None)
                    if body is None:
                        return
                    body = body.replace(MARK, b'"event_id":"%s-' % run_name.encode())
                    while (answer := client.ask("POST", "/v1/events/bulk", body))[0] != 202:
                        assert answer[0] in AGAIN, answer
                        time.sleep(0.05)
            except BaseException as failure:  # it must reach the main thread, whatever it is
                failures.append(failure)

        threads = [threading.Thread(target=work, daemon=True) for _ in range(SENDERS)]
        began = time.monotonic()
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        if failures:
            raise failures[0]
        return time.monotonic() - began


class Table:
    def __init__(self, title, *columns):
        self.lines = [f"### {title}", "", "| " + " | ".join(columns) + " |", "|---" + "|--:" * (len(columns) - 1) + "|"]

    def row(self, *cells):
        self.lines.append("| " + " | ".join(f"{cell:,.0f}" if isinstance(cell, float) else str(cell) for cell in cells) + " |")
        print(f"  {self.lines[-1]}", flush=True)

    def __str__(self):
        return "\n".join(self.lines) + "\n"


def say(text):
    print(f"  {time.strftime('%H:%M:%S')} {text}", flush=True)


class Flow:
    """Events from HTTP to usage."""

    def __init__(self, installation, load):
        self.installation, self.load = installation, load
        client = installation.client()
        client.must("PUT", f"/v1/environments/{SANDBOX}/clock", {"time": "2024-06-01T00:00:00Z"})
        self.shop = Shop(client, CUSTOMERS, "2024-06-01T00:00:00Z")
        self.runs = 0

    def send(self):
        self.runs += 1
        return self.load.send(self.installation.client, f"run-{self.runs}")

    def counted(self, client):
        """Events of the first meter that usage shows, from the aggregates that invoices are made of."""
        items = client.must("POST", "/v1/events/analytics", EVER)["items"]
        return sum(item["event_count"] for item in items if item["meter_id"] == self.shop.meters[0])

    def until_visible(self):
        """Waits until usage shows all that was sent."""
        client, expected = self.installation.client(), self.runs * self.load.events
        # Not oftener: a question takes the store's time as well.
        until(f"{expected} events are counted", lambda: self.counted(client) >= expected, SECONDS_MAX, pause=2)
        assert self.counted(client) == expected, "more was counted than sent"

    def measure(self, api, consumers):
        """Events per second: accepted without consumers, then counted from the backlog, then both at once."""
        events = self.load.events
        self.installation.up(API=api, CONSUMERS=0)
        accepted = events / self.send()
        say(f"{accepted:,.0f} events/s accepted by {api} API processes")
        with Growth(self) as growth:
            self.installation.up(CONSUMERS=consumers)
            self.until_visible()
        say(f"{growth.rate():,.0f} events/s from Kafka to usage by {consumers} consumers")
        began = time.monotonic()
        self.send()
        self.until_visible()
        return accepted, growth.rate(), events / (time.monotonic() - began)


class Growth:
    """How usage grows while a backlog is worked off: in the middle of it, since starts and rebalances are no throughput."""

    def __init__(self, flow):
        self.flow, self.samples, self.over = flow, [], threading.Event()
        self.thread = threading.Thread(target=self.look, daemon=True)

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.over.set()
        self.thread.join()

    def look(self):
        # Past nginx, which closes connections whenever processes are added.
        client = self.flow.installation.client(self.flow.installation.port_of("api-1"))
        while not self.over.wait(1):
            began = time.monotonic()
            count = self.flow.counted(client)
            # What is told was true at some moment of the question.
            self.samples.append(((began + time.monotonic()) / 2, count))

    def rate(self):
        first, last = self.samples[0][1], self.samples[-1][1]
        twentieth = (last - first) // 20
        middle = [sample for sample in self.samples if first + twentieth <= sample[1] <= last - twentieth]
        assert len(middle) > 1, f"too quick to be measured, send more events: {self.samples}"
        return (middle[-1][1] - middle[0][1]) / (middle[-1][0] - middle[0][0])


def invoices(installation, contracts, workers, shop, number_of_run):
    """Invoices per second that workers make of contracts with months to catch up."""
    installation.up(WORKERS=0)
    client = installation.client(environment=PRODUCTION)
    for i in range(contracts):
        shop.subscribe(client, f"run-{number_of_run}-{i}")
    installation.up(WORKERS=workers)
    began, expected = time.monotonic(), contracts * BILLED_MONTHS
    until("all is billed", lambda: computed(installation) >= expected * number_of_run, SECONDS_MAX, pause=0.2)
    return expected / (time.monotonic() - began)


def computed(installation):
    """Invoices that are computed, asked of the database: lists are pages."""
    at = installation.settings
    address = ["-h", at["FLEXPRICE_POSTGRES_HOST"], "-p", at["FLEXPRICE_POSTGRES_PORT"], "-U", "flexprice", "-d", "flexprice"]
    command = ["psql", "-qXAt", *address, "-c", "select count(last_computed_at) from invoices"]
    return int(run(command, {**installation.env, "PGPASSWORD": at["FLEXPRICE_POSTGRES_PASSWORD"]}))


def months_ago(count):
    now = time.gmtime()
    month = now.tm_year * 12 + now.tm_mon - 1 - count
    return f"{month // 12:04}-{month % 12 + 1:02}-01T00:00:00Z"


def bare(load):
    """The same load on the bare HTTP server: what sender and library take."""
    target = run([ROOT / "scripts" / "target_dir.sh"], os.environ).strip()
    with subprocess.Popen([Path(target) / "release" / "bench", "bare"], stdout=subprocess.PIPE, text=True) as server:
        port = int(server.stdout.readline().strip().rpartition(":")[2])
        took = load.send(lambda: Client(port, "none"), "bare")
        server.terminate()
    return load.events / took


def bench(name, env, *arguments):
    cargo = shutil.which("cargo") or sys.exit("scaling: cargo is missing, which the baselines need")
    # With the features of the tests: with others, dependencies are built anew.
    command = [cargo, "bench", "-q", "--workspace", "--all-features", "--bench", name, "--", *arguments]
    said = run(command, env, cwd=ROOT)
    print(said, flush=True)
    return said.rstrip()


def baselines(installation, load):
    """What the engines do by themselves: the lines of their benches, and the bare server."""
    addresses = [word.split("=", 1) for word in installation.services("env").split() if "=" in word]
    env = {**installation.env, **dict(addresses), "EVENTS": str(min(load.events, 500_000))}
    parts = [f"bare HTTP server under the same load: {bare(load):,.0f} events/s"]
    parts.append(bench("kafka_log", env, str(load.events)))
    parts.append(bench("clickhouse_store", env))
    parts.append(bench("workflow_throughput", env))
    return "### Beside it, in the same run\n\n```text\n" + "\n\n".join(parts) + "\n```\n"


def options_of(arguments):
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--events", type=int, default=1_000_000, help="events of one measurement")
    parser.add_argument("--hours", type=int, default=1, help="hours of event time they come from, in order: 1 is live traffic, 720 a replay")
    parser.add_argument("--contracts", type=int, default=100, help="contracts for the workers")
    parser.add_argument("--no-baselines", action="store_true")
    return parser.parse_args(arguments)


def main():
    options = options_of(sys.argv[1:])
    # So that KEEP_LOGS works for a run that is given up, too.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("ended from outside"))
    began = time.monotonic()
    load = Load(options.events, options.hours)
    flow_table = Table("Events, from HTTP to usage", "API processes, consumers", "accepted/s", "Kafka to usage, events/s", "HTTP to usage, events/s")
    invoice_table = Table("Invoices", "workers", "invoices/s")
    tuned = {"FLEXPRICE_TEMPORAL_SUBSCRIPTION_BILLING_EVERY": "1s", "FLEXPRICE_TEMPORAL_WORKER_WORKER_ACTIVITIES_PER_SECOND": "1000"}
    tuned |= {"FLEXPRICE_TEMPORAL_MAX_WORKFLOWS_PER_CRON_RUN": "0"}
    servers = ("postgres", "redis", "kafka", "temporal", "clickhouse")
    try:
        with Installation(servers, KAFKA="1", PARTITIONS=str(PARTITIONS), **tuned) as installation:
            installation.up(API=1, CONSUMERS=1, WORKERS=0)
            flow = Flow(installation, load)
            for api, consumers in ((1, 1), (2, 2), (2, 4)):
                flow_table.row(f"{api}, {consumers}", *flow.measure(api, consumers))
            shop = Shop(installation.client(environment=PRODUCTION), 0, months_ago(BILLED_MONTHS))
            for workers in (1, 2):
                invoice_table.row(workers, invoices(installation, options.contracts, workers, shop, workers))
            installation.up(API=0, CONSUMERS=0, WORKERS=0)
            beside = "" if options.no_baselines else baselines(installation, load)
    except subprocess.CalledProcessError as failed:
        sys.exit(f"{failed}\n{failed.stdout}{failed.stderr}")
    load_average = os.getloadavg()[2]
    print(
        f"\n{os.cpu_count()} processors for everything, load included; {options.events:,} events of {options.hours} hours in bulk requests of {BATCH:,}, "
        f"five meters each, {CUSTOMERS} customers, {PARTITIONS} partitions, one broker; {options.contracts} contracts of {BILLED_MONTHS} months for the workers, "
        f"whose limit of activities per second is lifted. Took {time.monotonic() - began:.0f} s.\n\n{flow_table}\n{invoice_table}\n{beside}"
    )
    if load_average > os.cpu_count() + 1:
        print(f"The machine was busy (load of {load_average:.1f} over 15 minutes): read these as lower bounds.")


if __name__ == "__main__":
    main()
