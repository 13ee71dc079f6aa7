"""What is done to a cluster while it works: processes and servers are killed and come back, one after the other, at random from a seed."""

import random
import subprocess
import time

from installation import until

# Seconds that a server may take to answer again on a loaded machine.
BACK_S = 120
# How often each is struck in a round.
ROUND = {
    "consumer killed": 3,
    "API process killed": 2,
    "worker killed": 1,
    "broker killed": 1,
    "ClickHouse killed": 1,
    "ClickHouse restarted": 1,
    "PostgreSQL killed": 1,
    "PostgreSQL restarted": 1,
    "Redis killed": 1,
    "Temporal killed": 1,
}
ROLES = {"consumer killed": "consumer", "API process killed": "api", "worker killed": "worker"}
SERVERS = {"ClickHouse": "clickhouse", "PostgreSQL": "postgres", "Redis": "redis", "Temporal": "temporal"}


class Strikes:
    """Strikes in an order of their own; counts what was done."""

    def __init__(self, installation, seed, rounds):
        self.installation = installation
        self.random = random.Random(seed)
        self.order = []
        for _ in range(rounds):
            kinds = [kind for kind, times in ROUND.items() for _ in range(times)]
            self.random.shuffle(kinds)
            # What a worker left behind is found after some time: not at the end.
            kinds.remove("worker killed")
            kinds.insert(self.random.randrange(len(kinds) // 2), "worker killed")
            self.order += kinds
        self.done = {kind: 0 for kind in ROUND}
        self.longest = {kind: 0.0 for kind in ROUND}

    def __len__(self):
        return len(self.order)

    def count(self):
        return sum(self.done.values())

    def strike(self, kind):
        """Does one, and returns when what was struck answers again. While a server is away a process may be killed, too."""
        began = time.monotonic()
        if kind in ROLES:
            self.kill_process(ROLES[kind])
        else:
            self.strike_server(kind)
        self.done[kind] += 1
        self.longest[kind] = max(self.longest[kind], time.monotonic() - began)

    def kill_process(self, role):
        alive = until(f"a {role} runs", lambda: self.installation.names(role))
        name = self.random.choice(alive)
        try:
            self.installation.cluster("kill", name)
        except subprocess.CalledProcessError:
            # It had just ended by itself, or the supervisor was about to start it: that must not become a habit.
            until(f"{name} runs", lambda: name in self.installation.names(role))
            self.installation.cluster("kill", name)
        self.pause(0.2, 1.0)

    def strike_server(self, kind):
        what, how = kind.rsplit(" ", 1)
        name = f"kafka-{self.random.randint(1, 3)}" if what == "broker" else SERVERS[what]
        if how == "restarted":
            self.installation.services("restart", name)
            return
        self.installation.services("kill", name)
        self.pause(0.1, 2.0)
        if self.random.random() < 0.4:
            # Two misfortunes at once.
            role = self.random.choice(("consumer", "api"))
            self.kill_process(role)
            self.done[f"{'API process' if role == 'api' else role} killed"] += 1
        self.installation.services("up", name)

    def pause(self, least, most):
        time.sleep(self.random.uniform(least, most))

    def table(self):
        lines = [f"{'what':<22} {'times':>5}  {'longest, until it answered':>27}"]
        for kind, times in self.done.items():
            took = f"{self.longest[kind]:.1f} s" if kind not in ROLES else "-"
            lines.append(f"{kind:<22} {times:>5}  {took:>27}")
        return "\n".join(lines)
