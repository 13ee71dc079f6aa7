#!/usr/bin/env python3
"""What the airport's invoices of 2013 must say, computed straight from the flights, and whether they do.

    check.py invoices.json [--data nycflights13.csv.gz] [--limit N] [--every K]

Independent of the product: standard library only, another language, whole numbers and fractions throughout, and a plain scan over
the rows where the product keeps aggregates. Every carrier has an opening invoice (the lease of January in advance) and one invoice
per month of 2013 (its usage in arrears, the lease of the next month in advance). Compared are the invoices of each carrier and, line
by line, name, service period, quantity and amount to the cent. Ends with `N passed, M failed`; the exit code is 1 when anything
differs, 2 when nothing could be compared.
"""

import argparse
import collections
import csv
import gzip
import json
import sys
from datetime import datetime, timezone
from fractions import Fraction
from pathlib import Path

YEAR = 2013
CENTS_PER_DOLLAR = 100
# Prices in the smallest unit that keeps them whole.
LEASE_CENTS = 1500_00
DEPARTURE_STEPS = [(1000, 25_00), (5000, 20_00), (None, 15_00)]  # slab: each step at its own price
SLOT_TIERS = [(500, 10_00), (2000, 8_00), (None, 6_00)]  # volume: everything at the price of the tier reached
MILES_PER_PACKAGE, PACKAGE_CENTS = 1000, 4_00
AIRCRAFT_CENTS = 50_00
AIR_MINUTE_CENTS = Fraction(375, 100)

DIFFERENCES_SHOWN_MAX = 60


# ---------------------------------------------------------------- what was flown


class Month:
    """What one carrier did in one month."""

    def __init__(self):
        self.flights = 0
        self.miles = 0
        self.from_jfk = 0
        self.minutes = 0
        self.tails = set()


def read_flights(path, limit, every):
    """All carriers, and the flights in order of time, equal times by id; of these every K-th, of these the first N."""
    opener = gzip.open if str(path).endswith(".gz") else open
    with opener(path, "rt", encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    # All times are written alike, in UTC, so their texts sort as the instants do.
    rows.sort(key=lambda row: (row["timestamp"], row["event_id"]))
    return {row["carrier"] for row in rows}, rows[::every][:limit]


def add_up(carriers, rows):
    """Carrier -> number of flights, and carrier -> month of the year -> Month; flights after the year count in no month."""
    flights = collections.Counter()
    months = {carrier: {number: Month() for number in range(1, 13)} for carrier in carriers}
    seen = set()
    for row in rows:
        if row["event_id"] in seen:
            raise SystemExit(f"check: {row['event_id']} stands twice in the data")
        seen.add(row["event_id"])
        flights[row["carrier"]] += 1
        of_carrier = months[row["carrier"]]
        when = instant(row["timestamp"])
        if when.year != YEAR:
            continue
        month = of_carrier[when.month]
        month.flights += 1
        month.miles += int(row["distance_miles"])
        month.from_jfk += row["origin"] == "JFK"
        month.minutes += int(row["air_time_minutes"] or 0)
        if row["tailnum"]:
            month.tails.add(row["tailnum"])
    return flights, months


# ---------------------------------------------------------------- what that costs, in cents


def slab_cents(quantity):
    """Each step at its own price."""
    cents, from_here = 0, 0
    for up_to, price in DEPARTURE_STEPS:
        until = quantity if up_to is None else min(quantity, up_to)
        cents += max(until - from_here, 0) * price
        from_here = max(until, from_here)
    return cents


def volume_cents(quantity):
    """All at the price of the tier reached; the bound belongs to the tier."""
    for up_to, price in SLOT_TIERS:
        if up_to is None or quantity <= up_to:
            return quantity * price
    raise AssertionError("the last tier is open")


def package_cents(miles):
    """Whole packages, the started one too."""
    return -(-miles // MILES_PER_PACKAGE) * PACKAGE_CENTS


def half_away_from_zero(cents):
    """A whole number of cents; amounts here are never negative."""
    return (2 * cents.numerator + cents.denominator) // (2 * cents.denominator)


class Line:
    """One line of an invoice: quantity, cents and service period by display name."""

    def __init__(self, name, quantity, cents, period):
        self.name, self.quantity, self.cents, self.period = name, quantity, cents, period


class Expected:
    """One invoice: its reason, its period and its lines."""

    def __init__(self, reason, period, lines):
        self.reason, self.period, self.lines = reason, period, lines

    @property
    def cents(self):
        return sum(line.cents for line in self.lines)


def first_of(month):
    """Midnight of the first; month 13 is January of the next year."""
    return datetime(YEAR + (month - 1) // 12, (month - 1) % 12 + 1, 1, tzinfo=timezone.utc)


def span(month):
    return first_of(month), first_of(month + 1)


def lease(month):
    return Line("Gate lease", 1, LEASE_CENTS, span(month))


def expected_invoices(months):
    """The opening invoice and twelve more, oldest first."""
    expectations = [Expected("SUBSCRIPTION_CREATE", span(1), [lease(1)])]
    for number, month in sorted(months.items()):
        period = span(number)
        lines = [
            lease(number + 1),
            Line("Departures", month.flights, slab_cents(month.flights), period),
            Line("Miles flown", month.miles, package_cents(month.miles), period),
            Line("Aircraft", len(month.tails), len(month.tails) * AIRCRAFT_CENTS, period),
            Line("JFK slots", month.from_jfk, volume_cents(month.from_jfk), period),
            Line("Air time", month.minutes, half_away_from_zero(month.minutes * AIR_MINUTE_CENTS), period),
        ]
        expectations.append(Expected("SUBSCRIPTION_CYCLE", period, lines))
    return expectations


# ---------------------------------------------------------------- what the product says


def instant(text):
    """An RFC 3339 time with `Z` or an offset."""
    when = datetime.fromisoformat(text.replace("Z", "+00:00"))
    if when.tzinfo is None:
        raise ValueError(f"{text} names no zone")
    return when.astimezone(timezone.utc)


def number(text):
    """An exact decimal, which must have come as a JSON string."""
    if not isinstance(text, str):
        raise ValueError(f"{text!r} is not a string")
    return Fraction(text)


class Tally:
    """Counts what agrees and keeps what does not."""

    def __init__(self):
        self.passed = 0
        self.differences = []

    def same(self, where, what, found, expected, show=str):
        if found == expected:
            self.passed += 1
        else:
            self.fail(where, f"{what}: {show(found)}, expected {show(expected)}")

    def fail(self, where, said):
        self.differences.append(f"{where}: {said}")


def dollars(amount):
    """Dollars and cents for reading; what is no whole cent is shown as it is."""
    cents = amount * CENTS_PER_DOLLAR if isinstance(amount, Fraction) else None
    if cents is None or cents.denominator != 1:
        return str(amount)
    return f"{int(cents) // 100:,}.{int(cents) % 100:02}"


def read(tally, where, value, field, parse):
    """A field of the product's answer; what cannot be read is a difference, and None."""
    try:
        return parse(value.get(field))
    except (ValueError, TypeError, AttributeError, ZeroDivisionError) as error:
        tally.fail(where, f"{field} cannot be read: {error}")
        return None


def compare_line(tally, where, found, expected):
    tally.same(where, "quantity", read(tally, where, found, "quantity", number), expected.quantity)
    tally.same(where, "amount", read(tally, where, found, "amount", number), Fraction(expected.cents, CENTS_PER_DOLLAR), dollars)
    tally.same(where, "service period begins", read(tally, where, found, "period_start", instant), expected.period[0])
    tally.same(where, "service period ends", read(tally, where, found, "period_end", instant), expected.period[1])


def compare_invoice(tally, where, found, expected):
    total = Fraction(expected.cents, CENTS_PER_DOLLAR)
    tally.same(where, "invoice_status", found.get("invoice_status"), "FINALIZED")
    tally.same(where, "currency", str(found.get("currency")).lower(), "usd")
    for field in ("subtotal", "total", "amount_due"):
        tally.same(where, field, read(tally, where, found, field, number), total, dollars)
    lines = collections.defaultdict(list)
    for line in found.get("line_items") or []:
        lines[line.get("display_name")].append(line)
    for line in expected.lines:
        candidates = lines.pop(line.name, [])
        at = f"{where}, {line.name}"
        if not candidates:
            tally.fail(at, "the line is missing")
            continue
        compare_line(tally, at, candidates[0], line)
        for extra in candidates[1:]:
            tally.fail(at, f"stands more than once, again with amount {extra.get('amount')}")
    for name, extras in lines.items():
        for extra in extras:
            tally.fail(f"{where}, {name}", f"a line that should not be there, amount {extra.get('amount')}")


def compare_carrier(tally, carrier, invoices, expectations):
    by_key = collections.defaultdict(list)
    for invoice in invoices:
        where = f"{carrier} {invoice.get('invoice_number') or invoice.get('id')}"
        start = read(tally, where, invoice, "period_start", instant)
        end = read(tally, where, invoice, "period_end", instant)
        by_key[(invoice.get("billing_reason"), start, end)].append(invoice)
    for expected in expectations:
        found = by_key.pop((expected.reason, *expected.period), [])
        where = f"{carrier} {'opening' if expected.reason == 'SUBSCRIPTION_CREATE' else expected.period[0].strftime('%Y-%m')}"
        if not found:
            tally.fail(where, f"the invoice is missing (expected {dollars(Fraction(expected.cents, CENTS_PER_DOLLAR))})")
            continue
        compare_invoice(tally, where, found[0], expected)
        for extra in found[1:]:
            tally.fail(where, f"billed more than once, again by {extra.get('invoice_number')}")
    for key, extras in by_key.items():
        for extra in extras:
            tally.fail(f"{carrier} {extra.get('invoice_number')}", f"an invoice that should not be there: {key[0]} {key[1]} to {key[2]}")


def compare(answer, flights, months):
    """Everything the product says against everything it must say."""
    tally = Tally()
    customers = collections.defaultdict(list)
    for customer in answer.get("customers") or []:
        customers[customer.get("carrier")].append(customer)
    numbers = collections.Counter()
    for carrier in sorted(months):
        found = customers.pop(carrier, [])
        if len(found) != 1:
            tally.fail(carrier, f"stands {len(found)} times among the customers")
            continue
        tally.same(carrier, "flights", found[0].get("flights"), flights[carrier])
        invoices = found[0].get("invoices") or []
        compare_carrier(tally, carrier, invoices, expected_invoices(months[carrier]))
        numbers.update(invoice.get("invoice_number") or "" for invoice in invoices)
    for carrier in customers:
        tally.fail(str(carrier), "a customer without flights")
    for invoice_number, times in numbers.items():
        tally.same(f"invoice number {invoice_number or '(empty)'}", "uses", times if invoice_number else f"{times}, without a number", 1)
    return tally


def report(tally, show=print):
    for difference in tally.differences[:DIFFERENCES_SHOWN_MAX]:
        show(f"differs: {difference}")
    hidden = len(tally.differences) - DIFFERENCES_SHOWN_MAX
    if hidden > 0:
        show(f"… and {hidden} more")
    show(f"{tally.passed} passed, {len(tally.differences)} failed")


def at_least_one(text):
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError("must be 1 or more")
    return value


def main(arguments=None):
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("invoices", type=Path, help="what `flexprice demo --json` wrote; - reads standard input")
    parser.add_argument("--data", type=Path, default=Path(__file__).with_name("nycflights13.csv.gz"), help="the flights")
    parser.add_argument("--every", type=at_least_one, default=1, metavar="K", help="only every K-th flight in order of time")
    parser.add_argument("--limit", type=at_least_one, metavar="N", help="only the first N flights in order of time")
    options = parser.parse_args(arguments)
    try:
        written = sys.stdin.read() if str(options.invoices) == "-" else options.invoices.read_text(encoding="utf-8")
        answer = json.loads(written)
        flights, months = add_up(*read_flights(options.data, options.limit, options.every))
    except (OSError, ValueError, KeyError) as error:
        print(f"check: {error}", file=sys.stderr)
        return 2
    if not months:
        print("check: no flights to check", file=sys.stderr)
        return 2
    tally = compare(answer, flights, months)
    report(tally)
    return 1 if tally.differences else 0


if __name__ == "__main__":
    sys.exit(main())
