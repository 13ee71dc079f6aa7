#!/usr/bin/env python3
"""The check finds what is wrong: a cent, an invoice, a line, a quantity, a period. Figures here are worked by hand, not by the check."""

import copy
import gzip
import io
import json
import sys
import tempfile
import unittest
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path

sys.dont_write_bytecode = True
sys.path.insert(0, str(Path(__file__).parent))

import check  # noqa: E402

HEADER = "event_id,timestamp,carrier,tailnum,origin,dest,distance_miles,air_time_minutes\n"
FLIGHTS = HEADER + (
    "f-2,2013-01-31T23:59:59Z,AA,N1,JFK,MIA,1089,160\n"
    "f-1,2013-01-01T10:00:00Z,AA,N1,LGA,ORD,733,147\n"
    "f-3,2013-02-01T00:00:00Z,AA,N2,JFK,MIA,1089,\n"
    "f-4,2013-02-10T00:00:00Z,AA,,EWR,MIA,1085,1\n"
    "f-5,2014-01-01T00:00:00Z,AA,N3,JFK,MIA,1089,160\n"
)
MONTHS = ["2013-%02d-01T00:00:00Z" % month for month in range(1, 13)] + ["2014-01-01T00:00:00Z", "2014-02-01T00:00:00Z"]
# quantity and amount of Departures, Miles flown, Aircraft, JFK slots, Air time
NOTHING = [("0", "0"), ("0", "0"), ("0", "0"), ("0", "0"), ("0", "0")]
BY_HAND = {
    # 2 × 25; 1822 miles are 2 packages; one aircraft; 1 × 10; 307 × 0.0375 = 11.5125
    0: [("2", "50"), ("1822", "8"), ("1", "50"), ("1", "10"), ("307", "11.51")],
    # 2 × 25; 2174 miles are 3 packages; one aircraft, the blank one counts not; 1 × 10; 1 × 0.0375 = 0.0375
    1: [("2", "50"), ("2174", "12"), ("1", "50"), ("1", "10"), ("1", "0.04")],
}
NAMES = ["Departures", "Miles flown", "Aircraft", "JFK slots", "Air time"]
TOTALS = {0: "1629.51", 1: "1622.04"}


def line(name, quantity, amount, month):
    return {"display_name": name, "quantity": quantity, "amount": amount, "period_start": MONTHS[month], "period_end": MONTHS[month + 1]}


def invoice(number, reason, month, total, lines):
    return {
        "id": f"inv_{number}", "invoice_number": f"INV-{number}", "invoice_status": "FINALIZED", "billing_reason": reason,
        "currency": "usd", "subtotal": total, "total": total, "amount_due": total,
        "period_start": MONTHS[month], "period_end": MONTHS[month + 1], "line_items": lines,
    }  # fmt: skip


def right_answer():
    invoices = [invoice(0, "SUBSCRIPTION_CREATE", 0, "1500", [line("Gate lease", "1", "1500", 0)])]
    for month in range(12):
        lines = [line("Gate lease", "1", "1500.00", month + 1)]
        lines += [line(name, *figures, month) for name, figures in zip(NAMES, BY_HAND.get(month, NOTHING))]
        invoices.append(invoice(month + 1, "SUBSCRIPTION_CYCLE", month, TOTALS.get(month, "1500"), lines))
    return {"customers": [{"carrier": "AA", "flights": 5, "invoices": invoices}]}


class Check(unittest.TestCase):
    def run_check(self, answer, *options, flights=FLIGHTS):
        with tempfile.TemporaryDirectory() as directory:
            data, invoices = Path(directory, "flights.csv.gz"), Path(directory, "invoices.json")
            data.write_bytes(gzip.compress(flights.encode()))
            invoices.write_text(json.dumps(answer))
            out = io.StringIO()
            with redirect_stdout(out), redirect_stderr(out):
                code = check.main([str(invoices), "--data", str(data), *options])
            return code, out.getvalue()

    def assert_found(self, answer, said, failed=1):
        code, out = self.run_check(answer)
        self.assertEqual(code, 1, out)
        self.assertIn(said, out)
        self.assertIn(f"passed, {failed} failed", out)

    def wrong(self):
        answer = copy.deepcopy(right_answer())
        return answer, answer["customers"][0]["invoices"]

    def test_the_right_answer_passes(self):
        code, out = self.run_check(right_answer())
        self.assertEqual(code, 0, out)
        self.assertRegex(out, r"^[1-9]\d* passed, 0 failed\n$")

    def test_a_wrong_cent_is_found(self):
        answer, invoices = self.wrong()
        invoices[1]["line_items"][5]["amount"] = "11.52"
        self.assert_found(answer, "AA 2013-01, Air time: amount: 11.52, expected 11.51")

    def test_a_fraction_of_a_cent_is_found(self):
        answer, invoices = self.wrong()
        invoices[1]["line_items"][5]["amount"] = "11.5125"
        self.assert_found(answer, "Air time: amount")

    def test_a_wrong_total_is_found(self):
        answer, invoices = self.wrong()
        invoices[2]["total"] = "1622.05"
        self.assert_found(answer, "AA 2013-02: total: 1,622.05, expected 1,622.04")

    def test_a_missing_invoice_is_found(self):
        answer, invoices = self.wrong()
        del invoices[12]
        self.assert_found(answer, "AA 2013-12: the invoice is missing")

    def test_a_missing_line_is_found(self):
        answer, invoices = self.wrong()
        del invoices[7]["line_items"][3]
        self.assert_found(answer, "AA 2013-07, Aircraft: the line is missing")

    def test_a_wrong_quantity_is_found(self):
        answer, invoices = self.wrong()
        invoices[1]["line_items"][1]["quantity"] = "3"
        self.assert_found(answer, "AA 2013-01, Departures: quantity: 3, expected 2")

    def test_a_wrong_service_period_is_found(self):
        answer, invoices = self.wrong()
        invoices[1]["line_items"][0]["period_start"] = MONTHS[0]
        self.assert_found(answer, "AA 2013-01, Gate lease: service period begins")

    def test_what_is_too_much_is_found(self):
        answer, invoices = self.wrong()
        invoices[1]["line_items"].append(line("Parking", "1", "0", 0))
        self.assert_found(answer, "a line that should not be there")
        answer, invoices = self.wrong()
        invoices[1]["line_items"].append(invoices[1]["line_items"][2])
        self.assert_found(answer, "stands more than once")
        answer, invoices = self.wrong()
        invoices.append(invoice(99, "SUBSCRIPTION_CYCLE", 12, "1500", []))
        self.assert_found(answer, "an invoice that should not be there")
        answer, invoices = self.wrong()
        invoices.append(invoice(99, "SUBSCRIPTION_CYCLE", 3, "1500", []))
        self.assert_found(answer, "billed more than once")
        answer, _ = self.wrong()
        answer["customers"].append({"carrier": "ZZ", "flights": 1, "invoices": []})
        self.assert_found(answer, "ZZ: a customer without flights")

    def test_a_draft_is_found(self):
        answer, invoices = self.wrong()
        invoices[3]["invoice_status"] = "DRAFT"
        self.assert_found(answer, "invoice_status: DRAFT, expected FINALIZED")

    def test_a_number_used_twice_is_found(self):
        answer, invoices = self.wrong()
        invoices[3]["invoice_number"] = "INV-2"
        self.assert_found(answer, "invoice number INV-2: uses: 2, expected 1")

    def test_an_amount_that_is_no_string_is_found(self):
        answer, invoices = self.wrong()
        invoices[1]["line_items"][5]["amount"] = 11.51
        self.assert_found(answer, "is not a string", failed=2)

    def test_a_missing_customer_is_found(self):
        self.assert_found({"customers": []}, "AA: stands 0 times among the customers")

    def test_lost_flights_are_found(self):
        answer, _ = self.wrong()
        answer["customers"][0]["flights"] = 4
        self.assert_found(answer, "AA: flights: 4, expected 5")

    def test_a_selection_is_checked_as_it_was_sent(self):
        answer, invoices = self.wrong()
        answer["customers"][0]["flights"] = 2
        invoices[2]["line_items"] = [line("Gate lease", "1", "1500", 2)] + [line(name, "0", "0", 1) for name in NAMES]
        for field in ("subtotal", "total", "amount_due"):
            invoices[2][field] = "1500"
        code, out = self.run_check(answer, "--limit", "2")
        self.assertEqual(code, 0, out)
        code, out = self.run_check(answer, "--every", "2")
        self.assertEqual(code, 1, out)

    def test_without_data_nothing_passes(self):
        code, out = self.run_check(right_answer(), flights=HEADER)
        self.assertEqual((code, "passed" in out), (2, False))
        code, _ = self.run_check(right_answer(), "--data", "missing.csv.gz")
        self.assertEqual(code, 2)


class Prices(unittest.TestCase):
    def test_slab_steps(self):
        for quantity, cents in [(0, 0), (1, 2500), (1000, 2_500_000), (1001, 2_502_000), (5000, 10_500_000), (5001, 10_501_500)]:
            self.assertEqual(check.slab_cents(quantity), cents, quantity)

    def test_volume_tiers(self):
        for quantity, cents in [(0, 0), (500, 500_000), (501, 400_800), (2000, 1_600_000), (2001, 1_200_600)]:
            self.assertEqual(check.volume_cents(quantity), cents, quantity)

    def test_packages(self):
        for miles, cents in [(0, 0), (1, 400), (1000, 400), (1001, 800)]:
            self.assertEqual(check.package_cents(miles), cents, miles)

    def test_halves_go_away_from_zero(self):
        # 2 min = 7.5 cents, 1 = 3.75, 6 = 22.5
        for minutes, cents in [(0, 0), (1, 4), (2, 8), (3, 11), (6, 23)]:
            self.assertEqual(check.half_away_from_zero(minutes * check.AIR_MINUTE_CENTS), cents, minutes)


if __name__ == "__main__":
    unittest.main()
