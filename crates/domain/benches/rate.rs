//! What rating one quantity costs, steps and labels included: `cargo bench -p domain --bench rate` (ADR 0001).

use std::collections::BTreeMap;
use std::hint::black_box;
use std::time::Instant;

use domain::ids::{EnvironmentId, PriceId, TenantId};
use domain::money::{Currency, Decimal};
use domain::rating::{
    BillingModel, InvoiceCadence, Price, PriceEntityType, PriceType, PriceUnitType, RoundType, Tier, TierMode, TransformQuantity, rate,
};
use domain::scope::{Audit, Scope, Status};
use domain::time::{BillingPeriod, Timestamp};

const ROUNDS: u32 = 200_000;

#[expect(clippy::print_stdout, reason = "a bench reports to its reader")]
fn main() {
    let quantity = Decimal::new(1_400_123_456_789_012_345, 15);
    for (name, price) in [
        ("flat fee", price(BillingModel::FlatFee, None)),
        ("package of 500", price(BillingModel::Package, None)),
        ("volume, 3 tiers", price(BillingModel::Tiered, Some(TierMode::Volume))),
        ("slab, 3 tiers", price(BillingModel::Tiered, Some(TierMode::Slab))),
    ] {
        let start = Instant::now();
        for _ in 0..ROUNDS {
            black_box(rate(black_box(&price), black_box(&quantity)));
        }
        println!("{name:<16} {:>6} ns", start.elapsed().as_nanos() / u128::from(ROUNDS));
    }
}

/// A price with 15 fraction digits in each rate.
fn price(billing_model: BillingModel, tier_mode: Option<TierMode>) -> Price {
    let tier =
        |up_to, units| Tier { up_to, unit_amount: Decimal::new(units, 15), flat_amount: Some(Decimal::new(3_000_000_000_000_001, 15)) };
    Price {
        id: PriceId::from("price_1"),
        display_name: String::new(),
        description: String::new(),
        lookup_key: String::new(),
        entity_type: PriceEntityType::Plan,
        entity_id: "plan_1".to_owned(),
        kind: PriceType::Fixed,
        currency: Currency::parse("usd").expect("a code of three letters"),
        price_unit_type: PriceUnitType::Fiat,
        billing_model,
        amount: Decimal::new(80_000_000_000_001, 15),
        tier_mode,
        tiers: vec![tier(Some(250), 80_000_000_000_001), tier(Some(1000), 50_000_000_000_001), tier(None, 20_000_000_000_001)],
        transform_quantity: TransformQuantity { divide_by: 500, round: RoundType::Up },
        billing_period: BillingPeriod::Monthly,
        billing_period_count: 1,
        invoice_cadence: InvoiceCadence::Arrear,
        meter_id: None,
        trial_period_days: 0,
        min_quantity: None,
        start_date: Timestamp::default(),
        end_date: None,
        parent_price_id: None,
        group_id: None,
        metadata: BTreeMap::new(),
        sequence: 0,
        audit: Audit {
            scope: Scope { tenant_id: TenantId::from("tenant"), environment_id: EnvironmentId::from("env") },
            status: Status::Published,
            created_at: Timestamp::default(),
            updated_at: Timestamp::default(),
            created_by: String::new(),
            updated_by: String::new(),
        },
    }
}
