"""Invoices that Temporal's workers make while they are killed: contracts whose periods have ended already, one after the other, each with
usage that was acknowledged before the contract was made. Every period must get one invoice, and the invoice must know the usage.
"""

import datetime
import threading
import time
from decimal import Decimal

from installation import AGAIN, until
from paths import Shop, by_meter, invoices_of, number, same

PRODUCTION = "00000000-0000-0000-0000-000000000001"
# A contract at most so often: scans find several at once when workers were away.
PAUSE_S = 0.7
CONTRACTS_MAX = 60
# A server that was struck answers again before that.
SENT_S = 120
PERIODS = 2
# When all is up again, at worst one after the other: workers ask Temporal again (12 s), a workflow's task that got lost with a worker is
# missed (10 s), a scan is lost with its worker three times (36 s), and of the last contract the turn, the computation of one invoice and that
# of the other are put off (20 s each). That is 118 s; half as much again for a loaded machine (docs/adr/0007).
BILLED_S = 180


class WorkerInvoices:
    """Makes contracts until it is told to end, then checks their invoices."""

    def __init__(self, installation, seed):
        self.installation, self.seed = installation, seed
        now = datetime.datetime.now(datetime.timezone.utc).replace(day=1, hour=0, minute=0, second=0, microsecond=0)
        self.months = [now]
        for _ in range(PERIODS):
            self.months.insert(0, (self.months[0] - datetime.timedelta(days=1)).replace(day=1))
        self.shop = Shop(installation.client(environment=PRODUCTION), 0, f"{self.months[0]:%Y-%m-%dT%H:%M:%SZ}")
        self.contracts, self.made, self.failure = [], 0, None
        self.over = threading.Event()
        self.thread = threading.Thread(target=self.make, daemon=True)

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.over.set()
        # A contract that was begun is finished.
        self.thread.join((PERIODS + 1) * SENT_S)

    def check(self):
        if self.failure:
            raise self.failure

    def make(self):
        client = self.installation.client(environment=PRODUCTION)
        try:
            while not self.over.is_set() and self.made < CONTRACTS_MAX:
                who = f"late-{self.made}"
                for period in range(PERIODS):
                    self.send(client, who, period)
                self.contracts.append((who, self.shop.subscribe(client, who)))
                self.made += 1
                self.over.wait(PAUSE_S)
        except BaseException as failure:  # it must reach the main thread, whatever it is
            self.failure = failure

    def calls(self, who, period):
        """How many calls a customer makes in a period."""
        return (int(who.partition("-")[2]) * 7 + period * 3 + self.seed) % 11 + 1

    def send(self, client, who, period):
        events = [
            {
                "event_id": f"{who}-{period}-{i}",
                "event_name": "call",
                "external_customer_id": who,
                "timestamp": f"{self.months[period] + datetime.timedelta(days=i, seconds=1):%Y-%m-%dT%H:%M:%SZ}",
                "properties": {"megabytes": "100", "user": f"user-{i}", "size": 10 + i, "level": 4},
            }
            for i in range(self.calls(who, period))
        ]
        # Also when the strikes are over meanwhile: a contract without its usage would have nothing to invoice.
        deadline = time.monotonic() + SENT_S
        while True:
            status, text = client.ask("POST", "/v1/events/bulk", {"events": events})
            if status == 202:
                return
            assert status in AGAIN, f"events of {who}: {status} {text[:300]}"
            assert time.monotonic() < deadline, f"events of {who} are refused for {SENT_S} s: {status} {text[:300]}"
            time.sleep(0.2)

    def quantities(self, who, period):
        calls = self.calls(who, period)
        return [Decimal(it) for it in (calls, 100 * calls, calls, 9 + calls, 4)]

    def amounts(self, who, period):
        """0.0013, 0.0207, 5.00, 0.10 and 1.255 for a unit; the first is below a cent here, but for more than three calls."""
        calls, megabytes, users, peak, level = self.quantities(who, period)
        first = Decimal("0.01") if calls * 13 >= 50 else Decimal("0.00")
        return [first, megabytes // 100 * Decimal("2.07"), users * 5, peak / 10, Decimal("5.02")]

    def check_invoices(self, client):
        """Waits until each contract has its invoices, computed; returns how many there are."""
        client.headers["x-environment-id"] = PRODUCTION
        deadline = time.monotonic() + BILLED_S
        for who, subscription in self.contracts:
            until(f"{who} is billed", lambda: self.billed(client, subscription), max(1, deadline - time.monotonic()))
        for who, subscription in self.contracts:
            self.check_contract(client, who, subscription)
        del client.headers["x-environment-id"]
        assert self.contracts, "no contract was made"
        return len(self.contracts) * PERIODS

    def billed(self, client, subscription):
        invoices = invoices_of(client, subscription)
        assert len(invoices) <= PERIODS, f"{len(invoices)} invoices for {PERIODS} periods of {subscription}"
        return len(invoices) == PERIODS and all(invoice.get("last_computed_at") for invoice in invoices)

    def check_contract(self, client, who, subscription):
        invoices = sorted(invoices_of(client, subscription), key=lambda invoice: invoice["period_start"])
        for period, invoice in enumerate(invoices):
            assert invoice["period_start"].startswith(f"{self.months[period]:%Y-%m-%d}"), invoice["period_start"]
            lines = by_meter(client.must("GET", f"/v1/invoices/{invoice['id']}")["line_items"], "display_name")
            same(f"quantities of {who}", [number(line["quantity"]) for line in lines], self.quantities(who, period))
            same(f"amounts of {who}", [number(line["amount"]) for line in lines], self.amounts(who, period))
            same(f"total of {who}", [number(invoice["total"])], [sum(self.amounts(who, period))])
