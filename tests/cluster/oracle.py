"""The events that the cluster tests send, and the independent count of them: every event follows from its serial number alone, so what is
right can be added up from serial numbers, with integers and decimals, by nothing that the server uses.
"""

import datetime
import random
from dataclasses import dataclass, field
from decimal import ROUND_HALF_UP, Decimal

EVENT = "call"
START = datetime.datetime(2024, 6, 1, tzinfo=datetime.timezone.utc)
END = datetime.datetime(2024, 7, 1, tzinfo=datetime.timezone.utc)
MONTH_S = int((END - START).total_seconds())
# One in so many comes from before the contract: counted by meters, never billed.
EARLY_ONE_IN = 97
# One in so many comes up to twenty days late.
LATE_ONE_IN = 19
CENT = Decimal("0.01")

# Name of meter, feature, price and line; aggregation; field; price of a unit. The amounts need rounding.
METERS = (
    ("Calls", "COUNT", "", "0.0013"),
    ("Megabytes", "SUM", "megabytes", "0.0207"),
    ("Users", "COUNT_UNIQUE", "user", "5.00"),
    ("Peak", "MAX", "size", "0.10"),
    ("Level", "LATEST", "level", "1.255"),
)


def mix(serial, salt):
    """A number below 2^32 that looks random and is always the same (the finalizer of MurmurHash3)."""
    x = (serial * 0x9E3779B1 + salt * 0x85EBCA77) & 0xFFFFFFFF
    x = ((x ^ x >> 16) * 0x85EBCA6B) & 0xFFFFFFFF
    x = ((x ^ x >> 13) * 0xC2B2AE35) & 0xFFFFFFFF
    return x ^ x >> 16


@dataclass(frozen=True, slots=True)
class Sent:
    """What an event says."""

    customer: int
    # Microseconds since the contract began; before it when negative.
    at: int
    thousandths: int
    user: int
    size: int
    level: int

    def billed(self):
        return 0 <= self.at < MONTH_S * 1_000_000

    def body(self, event_id):
        """As it goes over the wire."""
        at = (START + datetime.timedelta(microseconds=self.at)).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
        return (
            f'{{"event_id":"{event_id}","event_name":"{EVENT}","external_customer_id":"customer-{self.customer}","timestamp":"{at}",'
            f'"properties":{{"megabytes":"{self.thousandths // 1000}.{self.thousandths % 1000:03}","user":"user-{self.user}",'
            f'"size":{self.size},"level":"{self.level}"}}}}'
        )


@dataclass
class Plan:
    """All events of a run."""

    seed: int
    events: int
    customers: int

    def event(self, serial):
        """Time goes on with the serial number, some events come late. No two have the same microsecond: the latest is one."""
        def draw(salt):
            return mix(serial, self.seed * 8 + salt)

        second = serial * (MONTH_S - 3600) // self.events + draw(0) % 3600
        if draw(1) % LATE_ONE_IN == 0:
            second = max(0, second - draw(2) % (20 * 86_400))
        if draw(3) % EARLY_ONE_IN == 0:
            second = -1 - draw(2) % (20 * 86_400)
        return Sent(
            customer=draw(4) % self.customers,
            at=second * 1_000_000 + serial % 1_000_000,
            thousandths=draw(5) % 2_000_000,
            user=draw(6) % 5_000,
            size=draw(7) % 1_000_000,
            level=serial % 9_973,
        )

    def forged(self, serial, by):
        """A later copy that lies about everything but its id: it must change nothing."""
        true = self.event(serial)
        return Sent(
            customer=(true.customer + by.randrange(2)) % self.customers,
            at=by.randrange(MONTH_S) * 1_000_000 + 1,
            thousandths=true.thousandths + 1_000_000,
            user=true.user + 5_000,
            size=true.size + 1_000_000,
            level=true.level + 10_000,
        )

    def event_id(self, serial):
        return f"event-{serial}"

    def batch(self, number, size, acknowledged):
        """The bodies of one request: events of its own, a tenth of them once more, in the same request, as they were before, or forged
        after what is true was acknowledged: the first that was accepted wins."""
        by = random.Random(self.seed << 32 | number)
        first, last = number * size, min((number + 1) * size, self.events)
        bodies = []
        for serial in range(first, last):
            bodies.append(self.event(serial).body(self.event_id(serial)))
            if by.random() >= 0.1:
                continue
            kind = by.randrange(3)
            if kind == 0 or not acknowledged:
                copy = by.randrange(first, serial + 1)
                bodies.append(self.event(copy).body(self.event_id(copy)))
            else:
                other = by.choice(acknowledged)
                copy = by.randrange(other * size, min((other + 1) * size, self.events))
                sent = self.event(copy) if kind == 1 else self.forged(copy, by)
                bodies.append(sent.body(self.event_id(copy)))
        return bodies

    def batches(self, size):
        return -(-self.events // size)


@dataclass
class Usage:
    """What one customer used."""

    calls: int = 0
    thousandths: int = 0
    users: set = field(default_factory=set)
    peak: int = 0
    latest: tuple = (-(10**18), 0)

    def add(self, sent):
        self.calls += 1
        self.thousandths += sent.thousandths
        self.users.add(sent.user)
        self.peak = max(self.peak, sent.size)
        self.latest = max(self.latest, (sent.at, sent.level))

    def quantities(self):
        """In the order of METERS."""
        return [Decimal(self.calls), Decimal(self.thousandths) / 1000, Decimal(len(self.users)), Decimal(self.peak), Decimal(self.latest[1])]

    def amounts(self):
        """What an invoice says: each line is rounded once, half away from zero."""
        prices = [Decimal(price) for _, _, _, price in METERS]
        return [(quantity * price).quantize(CENT, ROUND_HALF_UP) for quantity, price in zip(self.quantities(), prices)]

    def total(self):
        return sum(self.amounts())


class Books:
    """The right numbers of a plan whose events were all acknowledged: of the billed month, and of all time."""

    def __init__(self, plan):
        self.month = [Usage() for _ in range(plan.customers)]
        self.ever = [Usage() for _ in range(plan.customers)]
        for serial in range(plan.events):
            sent = plan.event(serial)
            self.ever[sent.customer].add(sent)
            if sent.billed():
                self.month[sent.customer].add(sent)
