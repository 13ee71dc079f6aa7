"""What is sold in the cluster tests, and every path on which its usage can be read, compared with the oracle."""

from decimal import Decimal

from oracle import EVENT, METERS

MONTH = {"start_time": "2024-06-01T00:00:00Z", "end_time": "2024-07-01T00:00:00Z"}
EVER = {"start_time": "2020-01-01T00:00:00Z", "end_time": "2030-01-01T00:00:00Z"}
SANDBOX = "00000000-0000-0000-0000-000000000000"


class Shop:
    """A plan with five prices, and customers who subscribed to it."""

    def __init__(self, client, customers, start):
        self.start = start
        self.plan = client.must("POST", "/v1/plans", {"name": "Standard", "lookup_key": "standard"})["id"]
        self.meters = [self.sell(client, *what) for what in METERS]
        self.subscriptions = [self.subscribe(client, f"customer-{number}") for number in range(customers)]

    def sell(self, client, name, kind, field, amount):
        aggregation = {"type": kind, "field": field} if field else {"type": kind}
        meter = {"name": name, "event_name": EVENT, "aggregation": aggregation, "reset_usage": "BILLING_PERIOD"}
        meter = client.must("POST", "/v1/features", {"name": name, "type": "metered", "meter": meter})["meter_id"]
        price = {"entity_type": "PLAN", "entity_id": self.plan, "display_name": name, "type": "USAGE", "meter_id": meter, "currency": "usd"}
        price |= {"billing_model": "FLAT_FEE", "amount": amount, "billing_period": "MONTHLY", "billing_period_count": 1}
        client.must("POST", "/v1/prices", {**price, "price_unit_type": "FIAT", "invoice_cadence": "ARREAR", "start_date": self.start})
        return meter

    def subscribe(self, client, external_id):
        """A contract by calendar months. Whoever repeats it after a broken answer gets the same one."""
        customer = {"external_id": external_id, "name": external_id}
        customer = client.surely("POST", "/v1/customers", customer, idempotency_key=f"customer/{external_id}")["id"]
        terms = {"customer_id": customer, "plan_id": self.plan, "currency": "usd", "billing_period": "MONTHLY", "billing_period_count": 1}
        terms |= {"billing_cycle": "calendar", "start_date": self.start}
        return client.surely("POST", "/v1/subscriptions", terms, idempotency_key=f"contract/{external_id}")["id"]


def number(value):
    return Decimal(0) if value is None else Decimal(str(value))


def by_meter(items, name):
    """The parts of a list in the order of METERS; each must be there once, and no other."""
    assert sorted(item[name] for item in items) == sorted(meter for meter, *_ in METERS), items
    return [next(item for item in items if item[name] == meter) for meter, *_ in METERS]


def same(what, found, expected):
    assert found == expected, f"{what}:\n  found    {[str(it) for it in found]}\n  expected {[str(it) for it in expected]}"


def check_every_path(clients, shop, books):
    """Reads everything that there is to read, of one customer here, of the next there; returns how many numbers were compared."""
    compared = 0
    events = sum(usage.calls for usage in books.ever)
    for client in clients:
        same("events in all", [client.must("POST", "/v1/events/query", {**EVER, "page_size": 1})["total_count"]], [events])
    for customer, subscription in enumerate(shop.subscriptions):
        client = clients[customer % len(clients)]
        who, month, ever = f"customer-{customer}", books.month[customer], books.ever[customer]
        compared += usage_by_meter(client, shop, who, month, ever)
        compared += usage_by_name(client, who, month)
        compared += subscription_usage(client, who, subscription, month)
        compared += analytics(client, who, month)
        compared += event_count(client, who, month, ever)
        preview = client.must("POST", "/v1/invoices/preview", {"subscription_id": subscription})
        compared += check_invoice(f"preview of {who}", preview, month)
    return compared + len(clients)


def usage_by_meter(client, shop, who, month, ever):
    for span, usage in ((MONTH, month), (EVER, ever)):
        asked = [{"meter_id": meter, "external_customer_id": who, **span} for meter in shop.meters]
        found = [number(client.must("POST", "/v1/events/usage/meter", body).get("value")) for body in asked]
        same(f"usage by meter of {who}", found, usage.quantities())
    return 2 * len(METERS)


def usage_by_name(client, who, month):
    found = []
    for _, kind, field, _ in METERS:
        asked = {"event_name": EVENT, "aggregation_type": kind, "property_name": field, "external_customer_id": who, **MONTH}
        found.append(number(client.must("POST", "/v1/events/usage", asked).get("value")))
    same(f"usage by name of {who}", found, month.quantities())
    return len(METERS)


def subscription_usage(client, who, subscription, month):
    answer = client.must("POST", "/v1/subscriptions/usage", {"subscription_id": subscription})
    lines = by_meter(answer["charges"], "meter_display_name")
    same(f"subscription usage of {who}", [number(line["quantity"]) for line in lines], month.quantities())
    same(f"amounts of subscription usage of {who}", [number(line["amount"]) for line in lines], month.amounts())
    same(f"amount of subscription usage of {who}", [number(answer["amount"])], [month.total()])
    return 2 * len(METERS) + 1


def analytics(client, who, month):
    answer = client.must("POST", "/v1/events/analytics", {"external_customer_id": who, "window_size": "DAY", **MONTH})
    items = by_meter(answer["items"], "name")
    same(f"analytics of {who}", [number(item["total_usage"]) for item in items], month.quantities())
    same(f"events of analytics of {who}", [item["event_count"] for item in items], [month.calls] * len(METERS))
    # Days add up for what can be added.
    days = [sum(number(point["usage"]) for point in item["points"]) for item in items[:2]]
    same(f"days of {who}", days, month.quantities()[:2])
    return 2 * len(METERS) + 2


def event_count(client, who, month, ever):
    asked = [{"external_customer_id": who, "page_size": 1, **span} for span in (MONTH, EVER)]
    found = [client.must("POST", "/v1/events/query", body)["total_count"] for body in asked]
    same(f"events of {who}", found, [month.calls, ever.calls])
    return 2


def check_invoice(what, invoice, usage):
    lines = by_meter(invoice["line_items"], "display_name")
    same(f"quantities of {what}", [number(line["quantity"]) for line in lines], usage.quantities())
    same(f"amounts of {what}", [number(line["amount"]) for line in lines], usage.amounts())
    same(f"total of {what}", [number(invoice["total"])], [usage.total()])
    return 2 * len(METERS) + 1


def invoices_of(client, subscription):
    return client.must("GET", f"/v1/invoices?subscription_id={subscription}")["items"]


def check_invoices(client, shop, books):
    """One final invoice for each contract, which says what the oracle says."""
    compared, numbers = 0, set()
    for customer, subscription in enumerate(shop.subscriptions):
        invoices = invoices_of(client, subscription)
        assert len(invoices) == 1, f"customer-{customer} has {len(invoices)} invoices for one month"
        invoice = client.must("GET", f"/v1/invoices/{invoices[0]['id']}")
        assert invoice["invoice_status"] == "FINALIZED", invoice["invoice_status"]
        numbers.add(invoice["invoice_number"])
        compared += check_invoice(f"invoice of customer-{customer}", invoice, books.month[customer])
    assert len(numbers) == len(shop.subscriptions), f"invoice numbers are not unique: {numbers}"
    return compared
