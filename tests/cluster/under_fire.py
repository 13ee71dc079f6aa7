#!/usr/bin/env python3
"""Exactly once under fire: events go through nginx and two API processes to three brokers, consumers and ClickHouse, while processes and
servers are killed and come back. In the end every number on every path equals an independent count, nothing is a dead letter, nothing waits.

usage: tests/cluster/under_fire.py [--full] [--events N] [--rounds N] [--seed N]

Servers of its own, on ports of its own, which it stops in the end. FLEXPRICE_BIN names the binary, with the feature `cluster`; else a
release build is made. The short form takes one to three minutes; --full sends 1,000,000 events under three rounds of strikes. A run is
told by its seed: what is sent, and in which order is struck. KEEP_LOGS=DIR keeps the logs of a run that failed.
"""

import argparse
import collections
import random
import signal
import subprocess
import sys
import threading
import time

from installation import AGAIN, Installation, all_free, until
from oracle import METERS, Books, Plan
from paths import SANDBOX, Shop, check_invoices, check_every_path
from strikes import Strikes
from workers import WorkerInvoices

WRITERS = 6
CUSTOMERS = 6
START = "2024-06-01T00:00:00Z"
SETTLED_S = 180


class Traffic:
    """Writers that send all batches, each again and again until it is acknowledged, no faster than the strikes go on."""

    def __init__(self, installation, plan, batch_events, strikes):
        self.installation, self.plan, self.size, self.strikes = installation, plan, batch_events, strikes
        self.batches = plan.batches(batch_events)
        self.lock = threading.Lock()
        self.next, self.acknowledged, self.again, self.failures = 0, [], collections.Counter(), []
        self.sent = 0
        self.over = threading.Event()
        self.threads = [threading.Thread(target=self.write, daemon=True) for _ in range(WRITERS)]

    def __enter__(self):
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self.over.set()
        for thread in self.threads:
            thread.join(90)

    def allowed(self):
        """Batches that may be under way by now: traffic lasts as long as the strikes do."""
        return min(self.batches, self.batches * (self.strikes.count() + 1) // (len(self.strikes) + 1))

    def write(self):
        client = self.installation.client()
        try:
            while not self.over.is_set():
                with self.lock:
                    number = self.next if self.next < self.allowed() else None
                    self.next += number is not None
                    known = self.acknowledged[-200:]
                if number is not None:
                    self.send(client, number, known)
                elif self.next >= self.batches:
                    return
                else:
                    time.sleep(0.05)
        except BaseException as failure:  # it must reach the main thread, whatever it is
            self.failures.append(failure)

    def send(self, client, number, known):
        bodies = self.plan.batch(number, self.size, known)
        # Some go one by one, some come all over again after they were acknowledged.
        alone, rest = (bodies[:20], bodies[20:]) if number % 25 == 7 else ([], bodies)
        requests = [("/v1/events", body) for body in alone]
        if rest:
            requests.append(("/v1/events/bulk", '{"events":[' + ",".join(rest) + "]}"))
        for path, body in requests + (requests[-1:] if number % 20 == 3 else []):
            self.until_acknowledged(client, path, body.encode())
        with self.lock:
            self.acknowledged.append(number)
            self.sent += len(bodies)

    def until_acknowledged(self, client, path, body):
        while not self.over.is_set():
            status, text = client.ask("POST", path, body)
            if status == 202:
                return
            assert status in AGAIN, f"{path}: {status} {text[:300]}"
            with self.lock:
                self.again[status or "no answer"] += 1
            time.sleep(0.2)

    def done(self):
        return len(self.acknowledged) == self.batches

    def check(self):
        if self.failures:
            raise self.failures[0]


class Progress:
    """A line now and then."""

    def __init__(self, traffic, strikes, invoices):
        self.traffic, self.strikes, self.invoices = traffic, strikes, invoices
        self.began = time.monotonic()
        self.said = -1000.0

    def say(self, doing, always=False):
        now = time.monotonic() - self.began
        if now - self.said < 5 and not always:
            return
        self.said = now
        events = min(len(self.traffic.acknowledged) * self.traffic.size, self.traffic.plan.events)
        print(
            f"{now:6.1f} s  {events:>9,} of {self.traffic.plan.events:,} events acknowledged, {sum(self.traffic.again.values())} requests sent again, "
            f"{self.strikes.count()} of {len(self.strikes)} strikes, {self.invoices.made} contracts of workers; {doing}",
            flush=True,
        )


def under_fire(installation, plan, options):
    """Strikes while everybody works; returns the traffic when all of it was acknowledged."""
    strikes = Strikes(installation, options.seed, options.rounds)
    client = installation.client()
    client.must("PUT", f"/v1/environments/{SANDBOX}/clock", {"time": START})
    shop = Shop(client, plan.customers, START)
    invoices = WorkerInvoices(installation, options.seed)
    deadline = time.monotonic() + options.seconds
    pauses = random.Random(options.seed + 1)
    with Traffic(installation, plan, options.batch, strikes) as traffic, invoices:
        progress = Progress(traffic, strikes, invoices)
        for kind in strikes.order:
            progress.say(kind)
            strikes.strike(kind)
            time.sleep(pauses.uniform(0.2, 1.5))
            traffic.check()
            invoices.check()
            assert time.monotonic() < deadline, f"not done within {options.seconds} s"
        while not traffic.done():
            progress.say("the rest")
            traffic.check()
            assert time.monotonic() < deadline, f"not all is acknowledged within {options.seconds} s: {dict(traffic.again)}"
            time.sleep(0.2)
    traffic.check()
    invoices.check()
    progress.say("all acknowledged", always=True)
    print(strikes.table())
    again = ", ".join(f"{times} for {status}" for status, times in sorted(traffic.again.items(), key=str)) or "none"
    print(f"requests sent again: {again}")
    return shop, invoices, progress


def settled(installation):
    """Every process is ready, and no group has anything left to read, for good."""
    for role in ("api", "consumer", "worker"):
        for name in until(f"{role}s run", lambda: installation.names(role)):
            until(f"{name} is ready", lambda: installation.answers(name))
    until("all groups have read to the end", lambda: installation.lag() == 0, SETTLED_S)


def no_dead_letters(installation):
    said = installation.services("kafka-cli", "GetOffsetShell", "--bootstrap-server", installation.settings["FLEXPRICE_KAFKA_BROKERS"])
    ends = [line.rsplit(":", 2) for line in said.splitlines() if line.count(":") == 2]
    letters = {topic: sum(int(end) for name, _, end in ends if name == topic) for topic, _, _ in ends if "dlq" in topic}
    assert letters, f"no topic of dead letters: {said}"
    assert not any(letters.values()), f"dead letters: {letters}"
    return len(letters)


def check(installation, plan, shop, invoices, progress):
    """Every path, at both replicas, before and after the invoice."""
    settled(installation)
    progress.say("lag is 0 in all groups", always=True)
    books = Books(plan)
    replicas = [installation.client(installation.port_of(name)) for name in ("api-1", "api-2")]
    compared = check_every_path(replicas, shop, books)
    progress.say(f"{compared} numbers of {len(METERS)} meters and {plan.customers} customers are right, on every path", always=True)
    progress.say(f"no letter in {no_dead_letters(installation)} topics of dead letters", always=True)
    progress.say(f"{invoices.check_invoices(replicas[0])} invoices that workers made under fire are right, one for each period", always=True)
    client = installation.client()
    client.must("POST", f"/v1/environments/{SANDBOX}/clock/advance", {"to": "2024-07-02T00:00:00Z"})
    check_invoices(replicas[1], shop, books)
    progress.say(f"{plan.customers} final invoices are right to the cent", always=True)
    assert installation.lag() == 0


def options_of(arguments):
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--full", action="store_true", help="1,000,000 events, three rounds")
    parser.add_argument("--events", type=int)
    parser.add_argument("--rounds", type=int)
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(1_000_000))
    parser.add_argument("--seconds", type=int, help="longest time for events and strikes")
    options = parser.parse_args(arguments)
    # A tenth more of copies comes in the same request, which may hold 1,000.
    events, rounds, seconds, options.batch = (1_000_000, 3, 2_700, 800) if options.full else (40_000, 1, 240, 250)
    options.events = options.events or events
    options.rounds = options.rounds or rounds
    options.seconds = options.seconds or seconds
    return options


def main():
    options = options_of(sys.argv[1:])
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("ended from outside"))
    began = time.monotonic()
    print(f"seed {options.seed}: {options.events:,} events, {options.rounds} rounds of strikes", flush=True)
    plan = Plan(options.seed % 1_000_000, options.events, CUSTOMERS)
    servers = ("postgres", "redis", "kafka3", "temporal", "clickhouse")
    quick = {
        "FLEXPRICE_TEMPORAL_SUBSCRIPTION_BILLING_EVERY": "1s",
    }
    try:
        with Installation(servers, KAFKA="3", PARTITIONS="6", **quick) as installation:
            installation.up(API=2, CONSUMERS=3, WORKERS=2)
            check(installation, plan, *under_fire(installation, plan, options))
    except subprocess.CalledProcessError as failed:
        sys.exit(f"{failed}\n{failed.stdout}{failed.stderr}")
    print(f"seed {options.seed}: 1 passed, 0 failed, in {time.monotonic() - began:.0f} s")


if __name__ == "__main__":
    main()
