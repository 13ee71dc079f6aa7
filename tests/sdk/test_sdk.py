#!/usr/bin/env python3
"""Runs the published Python SDK, unchanged, against the real binary: from a group to the invoice of a cancellation.

Usage: test_sdk.py BINARY. The interpreter must have the SDK; scripts/checks/sdk.py sees to that.

Prices, quantities and sums below are worked out by hand:
  March: 150 calls of 10 tokens.   calls 150 x 0.10 = 15.00
         tokens 1000 x 0.01 + 500 x 0.005 = 12.50      packages of 100 tokens: 15 x 2.50 = 37.50
  April: 10 calls of 10 tokens.    1.00 + 1.00 + 2.50 = 4.50
"""

import json
import sys
import traceback
import urllib.request
from datetime import datetime, timedelta, timezone
from decimal import Decimal

import flexprice
from flexprice import Flexprice
from flexprice.models import errors

from server import KEY, Server

SANDBOX = "00000000-0000-0000-0000-000000000000"
MARCH = datetime(2025, 3, 1, tzinfo=timezone.utc)
APRIL = datetime(2025, 4, 1, tzinfo=timezone.utc)


def same(found, expected):
    """Compares, money by value: 49 is 49.00."""
    if isinstance(expected, Decimal):
        found = Decimal(str(found))
    assert found == expected, f"expected {expected!r}, found {found!r}"


def refused(call, status, code):
    try:
        call()
    except errors.FlexpriceError as error:
        same((error.status_code, json.loads(error.body)["code"]), (status, code))
    else:
        raise AssertionError(f"no error where {status} {code} was expected")


def set_clock(server, method, path, body):
    """The sandbox's clock is no part of the published API, so it is set without the SDK."""
    request = urllib.request.Request(
        f"{server.url}/v1/environments/{SANDBOX}/clock{path}",
        data=json.dumps(body).encode(),
        headers={"x-api-key": KEY, "content-type": "application/json"},
        method=method,
    )
    with urllib.request.urlopen(request, timeout=60) as response:
        return json.load(response)


class Story:
    """The calls in order; each builds on those before."""

    def __init__(self, server):
        self.server = server
        self.sdk = Flexprice(api_key_auth=KEY, server_url=f"{server.url}/v1")
        set_clock(server, "PUT", "", {"time": MARCH.isoformat()})

    def test_01_group(self):
        self.group = self.sdk.groups.create_group(entity_type="price", lookup_key="usage", name="Usage")
        same((self.group.name, self.group.lookup_key), ("Usage", "usage"))
        same(self.sdk.groups.get_group(id=self.group.id).id, self.group.id)

    def test_02_metered_features(self):
        def feature(name, aggregation):
            meter = {"name": name, "event_name": "call", "reset_usage": "BILLING_PERIOD", "aggregation": aggregation}
            return self.sdk.features.create_feature(name=name, type_="metered", meter=meter)

        self.calls = feature("Calls", {"type": "COUNT"})
        self.tokens = feature("Tokens", {"type": "SUM", "field": "tokens"})
        found = self.sdk.features.query_feature(feature_ids=[self.calls.id, self.tokens.id], expand="meters")
        same({feature.meter.aggregation.type for feature in found.items}, {"COUNT", "SUM"})

    def test_03_plan(self):
        self.plan = self.sdk.plans.create_plan(name="Pro", lookup_key="pro", description="Everything", metadata={"tier": "2"})
        same((self.plan.name, self.plan.metadata), ("Pro", {"tier": "2"}))

    def test_04_prices(self):
        common = {
            "entity_type": "PLAN", "entity_id": self.plan.id, "currency": "USD", "billing_period": "MONTHLY",
            "billing_period_count": 1, "price_unit_type": "FIAT", "start_date": MARCH,
        }
        usage = {**common, "type_": "USAGE", "invoice_cadence": "ARREAR", "group_id": self.group.id}
        flat = self.sdk.prices.create_price(
            **usage, billing_model="FLAT_FEE", amount="0.10", meter_id=self.calls.meter_id, lookup_key="per-call", display_name="Calls"
        )
        same((flat.billing_model, Decimal(flat.amount)), ("FLAT_FEE", Decimal("0.10")))
        tiered = self.sdk.prices.create_price(
            **usage, billing_model="TIERED", tier_mode="SLAB", meter_id=self.tokens.meter_id, display_name="Tokens",
            tiers=[{"up_to": 1000, "unit_amount": "0.01"}, {"unit_amount": "0.005"}],
        )
        same([tier.up_to for tier in tiered.tiers], [1000, None])
        package = self.sdk.prices.create_price(
            **usage, billing_model="PACKAGE", amount="2.50", meter_id=self.tokens.meter_id, display_name="Packages",
            transform_quantity={"divide_by": 100, "round": "up"},
        )
        same((package.transform_quantity.divide_by, package.transform_quantity.round), (100, "up"))
        fixed = self.sdk.prices.create_prices_bulk(
            items=[{**common, "type": "FIXED", "invoice_cadence": "ADVANCE", "billing_model": "FLAT_FEE", "amount": "49.00"}]
        )
        same([Decimal(price.amount) for price in fixed.items], [Decimal(49)])
        same(self.sdk.prices.get_price_by_lookup_key(lookup_key="per-call").id, flat.id)
        same(len(self.sdk.prices.query_price(plan_ids=[self.plan.id]).items), 4)

    def test_05_customer(self):
        self.customer = self.sdk.customers.create_customer(
            external_id="acme", name="Acme", email="billing@acme.test", address_country="US", metadata={"segment": "smb"}
        )
        same(self.sdk.customers.get_customer(id=self.customer.id).email, "billing@acme.test")
        same(self.sdk.customers.get_customer_by_external_id(external_id="acme").id, self.customer.id)
        found = self.sdk.customers.query_customer(external_ids=["acme"], limit=10)
        same([customer.id for customer in found.items], [self.customer.id])
        same((found.pagination.total, found.pagination.limit), (1, 10))

    def test_06_subscription(self):
        self.subscription = self.sdk.subscriptions.create_subscription(
            external_customer_id="acme", plan_id=self.plan.id, currency="usd", billing_period="MONTHLY", billing_period_count=1,
            start_date=MARCH, billing_cycle="anniversary",
        )
        same((self.subscription.subscription_status, self.subscription.current_period_end), ("active", APRIL))
        same(Decimal(self.subscription.latest_invoice.total), Decimal(49))
        read = self.sdk.subscriptions.get_subscription(id=self.subscription.id)
        same((len(read.line_items), read.customer.id, read.plan.id), (4, self.customer.id, self.plan.id))
        same([item.id for item in self.sdk.subscriptions.query_subscription(customer_id=self.customer.id).items], [self.subscription.id])

    def ingest(self, month, count):
        events = [
            {
                "event_name": "call", "external_customer_id": "acme", "event_id": f"{month:%Y-%m}-{number}",
                "timestamp": (month + timedelta(minutes=number)).isoformat(), "properties": {"tokens": "10"}, "source": "sdk",
            }
            for number in range(count)
        ]
        # Twice: copies change nothing.
        self.sdk.events.ingest_events_bulk(events=events)
        self.sdk.events.ingest_events_bulk(events=list(reversed(events)))

    def test_07_events(self):
        self.ingest(MARCH, 150)
        once = self.sdk.events.ingest_event(
            event_name="call", external_customer_id="acme", event_id="2025-03-0", timestamp=MARCH.isoformat(), properties={"tokens": "10"}
        )
        same(once["event_id"], "2025-03-0")
        listed = self.sdk.events.list_raw_events(external_customer_id="acme", start_time=MARCH.isoformat(), end_time=APRIL.isoformat())
        same((listed.total_count, len(listed.events)), (150, 50))

    def test_08_subscription_usage(self):
        usage = self.sdk.subscriptions.get_subscription_usage(subscription_id=self.subscription.id)
        same(usage.amount, Decimal("65"))
        amounts = {charge.price.display_name: Decimal(str(charge.amount)) for charge in usage.charges}
        same(amounts, {"Calls": Decimal("15"), "Tokens": Decimal("12.5"), "Packages": Decimal("37.5")})

    def test_09_analytics(self):
        found = self.sdk.events.get_usage_analytics(
            external_customer_id="acme", start_time=MARCH, end_time=APRIL, window_size="DAY", expand=["price", "meter"]
        )
        same(found.currency, "usd")
        same(found.total_cost, Decimal("65"))
        same(sorted(item.event_count for item in found.items), [150, 150, 150])
        same(sum(Decimal(point.usage) for point in found.items[0].points), Decimal(found.items[0].total_usage))
        raw = self.sdk.events.get_usage_by_meter(
            meter_id=self.tokens.meter_id, external_customer_id="acme", start_time=MARCH.isoformat(), end_time=APRIL.isoformat()
        )
        same(raw.value, Decimal(1500))

    def test_10_usage_statistics(self):
        common = {"external_customer_id": "acme", "start_time": MARCH, "end_time": APRIL}
        asked = {**common, "event_name": "call", "property_name": "tokens"}
        tokens = self.sdk.events.get_usage_statistics(**asked, aggregation_type="SUM")
        same((tokens.event_name, tokens.type, Decimal(str(tokens.value))), ("call", "SUM", Decimal(1500)))
        hours = self.sdk.events.get_usage_statistics(**asked, aggregation_type="SUM", window_size="HOUR")
        same((hours.value, [Decimal(str(hour.value)) for hour in hours.results]), (None, [Decimal(600), Decimal(600), Decimal(300)]))
        peaks = self.sdk.events.get_usage_statistics(**asked, aggregation_type="MAX", bucket_size="HOUR")
        same((Decimal(str(peaks.value)), len(peaks.results)), (Decimal(30), 3))
        chosen = self.sdk.events.get_usage_statistics(**asked, aggregation_type="COUNT", filters={"tokens": ["10.0", "11"]})
        same(Decimal(str(chosen.value)), Decimal(150))
        nothing = self.sdk.events.get_usage_statistics(**asked, aggregation_type="COUNT", filters={"tokens": ["11"]})
        same((nothing.value, nothing.results), (None, None))
        days = self.sdk.events.get_usage_by_meter(meter_id=self.calls.meter_id, **common, window_size="DAY", timezone="America/New_York")
        # Midnight in UTC is 19:00 in New York: all of it on the last day of February.
        same([Decimal(str(day.value)) for day in days.results], [Decimal(150)])

    def test_11_event_list(self):
        asked = {"external_customer_id": "acme", "event_name": "call", "source": "sdk", "start_time": MARCH, "end_time": APRIL}
        asked |= {"property_filters": {"tokens": ["10"]}, "page_size": 60}
        ids, key = [], None
        while True:
            page = self.sdk.events.list_raw_events(**asked, iter_last_key=key)
            ids += [event.id for event in page.events]
            if not page.has_more:
                break
            key = page.iter_last_key
        same(ids, [f"2025-03-{number}" for number in reversed(range(150))])
        page = self.sdk.events.list_raw_events(**asked, offset=100, order="asc")
        same(([event.id for event in page.events], page.total_count), ([f"2025-03-{number}" for number in range(100, 150)], 150))

    def test_12_event_lookup(self):
        found = self.sdk.events.get_event(id="2025-03-7", external_customer_id="acme")
        same((found.status, found.event.id, found.debug_tracker), ("processed", "2025-03-7", None))
        billed = sorted((entry.meter_id, Decimal(entry.qty_total)) for entry in found.processed_events)
        same(billed, sorted([(self.calls.meter_id, Decimal(1)), (self.tokens.meter_id, Decimal(10)), (self.tokens.meter_id, Decimal(10))]))
        self.sdk.events.ingest_event(event_name="ping", external_customer_id="nobody", event_id="lost/1")
        lost = self.sdk.events.get_event(id="lost/1", external_customer_id="nobody")
        same((lost.status, lost.debug_tracker.failure_point.failure_point_type), ("failed", "customer_lookup"))
        refused(lambda: self.sdk.events.get_event(id="none", external_customer_id="acme"), 404, "not_found")

    def test_13_costs(self):
        made = self.sdk.costs.create_costsheet(name="Cloud", lookup_key="cloud", description="What calls cost", metadata={"by": "sdk"})
        sheet = made.costsheet
        self.sdk.prices.create_price(
            entity_type="COSTSHEET", entity_id=sheet.id, currency="USD", billing_period="MONTHLY", billing_period_count=1,
            price_unit_type="FIAT", start_date=MARCH, type_="USAGE", invoice_cadence="ARREAR", billing_model="FLAT_FEE", amount="0.13",
            meter_id=self.calls.meter_id,
        )
        changed = self.sdk.costs.update_costsheet(id=sheet.id, description="What every call costs")
        same((changed.costsheet.name, changed.costsheet.description), ("Cloud", "What every call costs"))
        same(len(self.sdk.costs.get_costsheet(id=sheet.id, expand="prices").costsheet.prices), 1)
        same(self.sdk.costs.get_active_costsheet().id, sheet.id)
        same([found.id for found in self.sdk.costs.query_costsheet(lookup_key="cloud").items], [sheet.id])
        costs = self.sdk.costs.get_detailed_cost_analytics(external_customer_id="acme", start_time=MARCH, end_time=APRIL, expand=["meter"])
        # 150 calls x 0.13 = 19.50 of 65.00: 45.50 are left, 70 %.
        same([Decimal(part) for part in (costs.total_revenue, costs.total_cost, costs.margin, costs.margin_percent)],
             [Decimal("65"), Decimal("19.5"), Decimal("45.5"), Decimal("70")])
        same([(item.meter.id, Decimal(item.total_quantity)) for item in costs.cost_analytics], [(self.calls.meter_id, Decimal(150))])
        same(self.sdk.costs.delete_costsheet(id=sheet.id).id, sheet.id)
        refused(lambda: self.sdk.costs.delete_costsheet(id=sheet.id), 400, "validation_error")
        refused(self.sdk.costs.get_active_costsheet, 404, "not_found")

    def test_14_preview(self):
        preview = self.sdk.invoices.get_invoice_preview(subscription_id=self.subscription.id)
        same(preview.total, Decimal("114"))
        same(sorted(Decimal(line.amount) for line in preview.line_items), [Decimal(text) for text in ("12.5", "15", "37.5", "49")])
        same(len(self.sdk.invoices.query_invoice(subscription_id=self.subscription.id).items), 1)

    def test_15_invoices(self):
        set_clock(self.server, "POST", "/advance", {"to": (APRIL + timedelta(days=1)).isoformat()})
        found = self.sdk.invoices.query_invoice(
            subscription_id=self.subscription.id, sort=[{"field": "invoice_number", "direction": "asc"}], invoice_status=["FINALIZED"]
        )
        same([invoice.invoice_number for invoice in found.items], ["INV-202503-00001", "INV-202504-00001"])
        same([Decimal(invoice.total) for invoice in found.items], [Decimal(49), Decimal(114)])
        invoice = self.sdk.invoices.get_invoice(id=found.items[1].id)
        same((invoice.invoice_status, invoice.payment_status, invoice.customer.id), ("FINALIZED", "PENDING", self.customer.id))
        same(sum(Decimal(line.amount) for line in invoice.line_items), Decimal(invoice.total))

    def test_16_cancel_with_invoice(self):
        self.ingest(APRIL, 10)
        set_clock(self.server, "POST", "/advance", {"to": (APRIL + timedelta(days=9)).isoformat()})
        cancelled = self.sdk.subscriptions.cancel_subscription(
            id=self.subscription.id, cancellation_type="immediate", cancel_immediately_invoice_policy="generate_invoice", reason="moved"
        )
        same((cancelled.status, cancelled.cancellation_type), ("cancelled", "immediate"))
        found = self.sdk.invoices.query_invoice(subscription_id=self.subscription.id, billing_reason="PRORATION")
        same([(invoice.invoice_status, Decimal(invoice.total)) for invoice in found.items], [("FINALIZED", Decimal("4.5"))])
        same(self.sdk.subscriptions.get_subscription(id=self.subscription.id).subscription_status, "cancelled")

    def test_17_errors_reach_the_caller(self):
        for call, status, code in [
            (lambda: self.sdk.customers.get_customer(id="cust_none"), 404, "not_found"),
            (lambda: self.sdk.customers.create_customer(external_id="acme", name="Again"), 409, "already_exists"),
            (lambda: self.sdk.events.ingest_event(event_name=" ", external_customer_id="acme"), 400, "validation_error"),
        ]:
            refused(call, status, code)

    def test_18_idempotency_key(self):
        def make(name):
            return self.sdk.plans.create_plan(name=name, http_headers={"Idempotency-Key": "one"})

        same(make("Once").id, make("Once").id)

    def test_19_operations_not_built_say_so(self):
        try:
            self.sdk.wallets.query_wallet()
        except errors.FlexpriceError as error:
            same(error.status_code, 501)
        else:
            raise AssertionError("wallets work now: test them")

    def test_20_entitlements(self):
        sdk = self.sdk
        seats = sdk.features.create_feature(name="Seats", type_="static")
        plan = sdk.plans.create_plan(name="Limited", lookup_key="limited")
        sdk.prices.create_price(
            entity_type="PLAN", entity_id=plan.id, currency="USD", billing_period="MONTHLY", billing_period_count=1, price_unit_type="FIAT",
            type_="USAGE", invoice_cadence="ARREAR", billing_model="FLAT_FEE", amount="0.10", meter_id=self.calls.meter_id, start_date=MARCH,
        )
        limit = sdk.entitlements.create_entitlement(
            plan_id=plan.id, feature_id=self.calls.id, feature_type="metered", usage_limit=100, usage_reset_period="MONTHLY", is_soft_limit=True
        )
        same((limit.usage_limit, limit.usage_reset_period, limit.is_soft_limit, limit.feature.id), (100, "MONTHLY", True, self.calls.id))
        bulk = sdk.entitlements.create_entitlements_bulk(
            items=[{"entity_type": "PLAN", "entity_id": plan.id, "feature_id": seats.id, "feature_type": "static", "static_value": "5"}]
        )
        same([item.static_value for item in bulk.items], ["5"])
        same(len(sdk.entitlements.query_entitlement(entity_ids=[plan.id], expand="features").items), 2)
        same(len(sdk.entitlements.get_plan_entitlements(id=plan.id).items), 2)
        same(sdk.entitlements.update_entitlement(id=limit.id, usage_limit=120).usage_limit, 120)
        same(sdk.entitlements.get_entitlement(id=limit.id).usage_limit, 120)
        sdk.customers.create_customer(external_id="limited", name="Limited")
        subscription = sdk.subscriptions.create_subscription(
            external_customer_id="limited", plan_id=plan.id, currency="usd", billing_period="MONTHLY", start_date=APRIL,
            override_entitlements=[{"entitlement_id": limit.id, "usage_limit": 50}],
        )
        of_subscription = sdk.subscriptions.get_subscription_entitlements(id=subscription.id, feature_ids=[self.calls.id])
        same([feature.entitlement.usage_limit for feature in of_subscription.features], [50])
        sdk.events.ingest_events_bulk(
            events=[
                {"event_name": "call", "external_customer_id": "limited", "event_id": f"limited-{number}", "timestamp": APRIL.isoformat()}
                for number in range(75)
            ]
        )
        preview = sdk.invoices.get_invoice_preview(subscription_id=subscription.id)
        same((Decimal(preview.total), Decimal(preview.line_items[0].adjusted_entitlement_quantity)), (Decimal("2.5"), Decimal(50)))
        summary = sdk.customers.get_customer_usage_summary(customer_lookup_key="limited", feature_ids=[self.calls.id, seats.id])
        same([(feature.total_limit, feature.current_usage) for feature in summary.features], [(50, "75"), (None, "0")])
        same(Decimal(summary.features[0].usage_percent), Decimal("1.5"))
        same(len(sdk.customers.get_customer_entitlements_by_external_id(external_id="limited").features), 2)
        refused(lambda: sdk.features.delete_feature(id=seats.id), 400, "invalid_operation")
        sdk.entitlements.delete_entitlement(id=bulk.items[0].id)
        sdk.features.delete_feature(id=seats.id)

    def test_21_schedules(self):
        sdk, subscriptions = self.sdk, self.sdk.subscriptions
        plan = sdk.plans.create_plan(name="Leaving", lookup_key="leaving")
        sdk.prices.create_price(
            entity_type="PLAN", entity_id=plan.id, currency="USD", billing_period="MONTHLY", billing_period_count=1, price_unit_type="FIAT",
            type_="FIXED", invoice_cadence="ARREAR", billing_model="FLAT_FEE", amount="10", start_date=MARCH,
        )
        sdk.customers.create_customer(external_id="leaving", name="Leaving")
        subscription = subscriptions.create_subscription(
            external_customer_id="leaving", plan_id=plan.id, currency="usd", billing_period="MONTHLY", start_date=APRIL
        )
        subscriptions.cancel_subscription(id=subscription.id, cancellation_type="end_of_period", reason="too dear")
        found = subscriptions.list_all_subscription_schedules(
            subscription_ids=[subscription.id], schedule_type=["cancellation"], schedule_status=["pending"], pending_only=True, limit=5
        )
        same([(schedule.status, schedule.can_be_cancelled) for schedule in found.schedules], [("pending", True)])
        schedule = subscriptions.get_subscription_schedule(schedule_id=found.schedules[0].id)
        same((schedule.schedule_type, schedule.configuration["reason"]), ("cancellation", "too dear"))
        same(subscriptions.cancel_subscription_schedule(schedule_id_param=schedule.id).status, "cancelled")
        same([schedule.status for schedule in subscriptions.list_subscription_schedules(id=subscription.id).schedules], ["cancelled"])
        same(subscriptions.get_subscription(id=subscription.id).cancel_at, None)
        refused(lambda: subscriptions.cancel_subscription_schedule(schedule_id_param=schedule.id), 400, "validation_error")


def main():
    with Server(sys.argv[1]) as server:
        print(f"flexprice {flexprice.__version__} against {server.url}")
        story = Story(server)
        passed = failed = 0
        for name in sorted(name for name in dir(story) if name.startswith("test_")):
            try:
                getattr(story, name)()
                passed += 1
                print(f"ok    {name}")
            except Exception:  # each test reports its own end
                failed += 1
                print(f"FAIL  {name}")
                traceback.print_exc(limit=3)
        if failed:
            print(server.log_tail())
    print(f"{passed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
