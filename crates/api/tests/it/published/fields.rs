//! The published contract: names and types of fields, as far as operations are built. `contract/fields.json` is its excerpt for
//! them; `contract/missing.txt` lists what is neither read nor answered yet, so that it is known rather than overlooked.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::document::Document;

/// Where we differ on purpose.
const ON_PURPOSE: [&str; 15] = [
    // Always empty.
    "CancelSubscriptionResponse.proration_details: any, the contract has #ProrationDetail",
    // The specification demands what the contract forgot to (spec 20 §§3.2, 4).
    "CloneFeatureRequest.lookup_key is demanded, the contract does not",
    "CloneFeatureRequest.name is demanded, the contract does not",
    "ClonePlanRequest.lookup_key is demanded, the contract does not",
    "ClonePlanRequest.name is demanded, the contract does not",
    // Nothing can be measured, shown or found without them: who leaves them out is refused, and the document says so.
    "meter.Aggregation.type is demanded, the contract does not",
    "meter.Filter.key is demanded, the contract does not",
    "meter.Filter.values is demanded, the contract does not",
    "types.FilterCondition.data_type is demanded, the contract does not",
    "types.FilterCondition.field is demanded, the contract does not",
    "types.FilterCondition.operator is demanded, the contract does not",
    "types.FilterCondition.value is demanded, the contract does not",
    "types.ReportingUnit.conversion_rate is demanded, the contract does not",
    "types.ReportingUnit.unit_plural is demanded, the contract does not",
    "types.ReportingUnit.unit_singular is demanded, the contract does not",
];

/// Which way a body goes.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Way {
    Request,
    Response,
}

/// Our document beside the contract.
struct Comparison {
    document: Document,
    contract: Value,
    seen: BTreeSet<(String, String, Way)>,
    wrong: BTreeSet<String>,
    missing: BTreeSet<String>,
}

impl Comparison {
    fn run() -> Self {
        let contract: Value = serde_json::from_str(include_str!("../../../contract/fields.json")).unwrap();
        let (seen, wrong, missing) = (BTreeSet::new(), BTreeSet::new(), BTreeSet::new());
        let mut comparison = Self { document: Document::new(), contract, seen, wrong, missing };
        let operations = comparison.contract["operations"].as_object().unwrap().clone();
        for (id, bodies) in &operations {
            let operation = comparison.document.operation(id).clone();
            for (way, word) in [(Way::Request, "request"), (Way::Response, "response")] {
                let Some(theirs) = bodies[word].as_str() else { continue };
                let ours = match way {
                    Way::Request => comparison.document.request(&operation),
                    Way::Response => comparison.document.response(&operation),
                };
                match ours {
                    Some(ours) => comparison.compare(theirs, &ours.clone(), way, &format!("{id} {word}")),
                    None => {
                        comparison.wrong.insert(format!("{id} has no {word}, the contract has {theirs}"));
                    }
                }
            }
        }
        comparison
    }

    fn compare(&mut self, theirs: &str, ours: &Value, way: Way, at: &str) {
        let found = self.document.type_of(ours).to_owned();
        let inner = |word: &str| theirs.strip_prefix(word)?.strip_suffix('>').map(str::to_owned);
        let is_decimal = ours.to_string().contains("#/components/schemas/Dec\"");
        let fits = match theirs {
            "any" => true,
            // What is not built is read whatever it is, and refused; decimals are read from strings and numbers alike.
            _ if way == Way::Request && (found == "any" || (theirs == "number" && is_decimal)) => return,
            "number" => matches!(found.as_str(), "number" | "integer"),
            "object" => matches!(found.as_str(), "object" | "any"),
            _ if theirs.starts_with("map<") || theirs.starts_with('#') => found == "object",
            _ if theirs.starts_with("array<") => found == "array",
            _ => found == theirs,
        };
        if !fits {
            self.wrong.insert(format!("{at}: {found}, the contract has {theirs}"));
            return;
        }
        if let Some(item) = inner("array<") {
            let items = self.document.resolve(ours)["items"].clone();
            self.compare(&item, &items, way, at);
        }
        if let Some(value) = inner("map<") {
            let values = self.document.resolve(ours)["additionalProperties"].clone();
            if values.is_object() {
                self.compare(&value, &values, way, at);
            }
        }
        if let Some(name) = theirs.strip_prefix('#') {
            self.compare_fields(name, ours, way);
        }
    }

    fn compare_fields(&mut self, name: &str, ours: &Value, way: Way) {
        let key = ours["$ref"].as_str().map_or_else(|| self.document.resolve(ours).to_string(), str::to_owned);
        if !self.seen.insert((name.to_owned(), key, way)) {
            return;
        }
        let schema = self.contract["schemas"][name].clone();
        let (fields, required) = self.document.fields(ours);
        let fields: BTreeMap<String, Value> = fields.into_iter().map(|(name, schema)| (name.to_owned(), schema.clone())).collect();
        let required: BTreeSet<String> = required.into_iter().map(str::to_owned).collect();
        let theirs_required: BTreeSet<&str> = schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
        match way {
            // A client of the contract leaves out whatever it does not demand.
            Way::Request => {
                for field in required.iter().filter(|field| !theirs_required.contains(field.as_str())) {
                    self.wrong.insert(format!("{name}.{field} is demanded, the contract does not"));
                }
            }
            Way::Response => {
                for field in theirs_required.iter().filter(|field| !fields.contains_key(**field)) {
                    self.wrong.insert(format!("{name}.{field} is required in answers and missing"));
                }
            }
        }
        let word = if way == Way::Request { "not read" } else { "not answered" };
        for (field, theirs) in schema["fields"].as_object().unwrap() {
            let theirs = theirs.as_str().unwrap();
            match fields.get(field) {
                Some(ours) => self.compare(theirs, &ours.clone(), way, &format!("{name}.{field}")),
                None => {
                    self.missing.insert(format!("{name}.{field} {word}"));
                }
            }
        }
    }
}

#[test]
fn fields_have_the_types_of_the_contract() {
    let Comparison { seen, wrong, .. } = Comparison::run();
    assert!(seen.len() > 60, "{}", seen.len());
    let wrong: BTreeSet<&str> = wrong.iter().map(String::as_str).collect();
    assert_eq!(wrong, BTreeSet::from(ON_PURPOSE));
}

#[test]
fn what_is_missing_is_listed() {
    let missing = Comparison::run().missing;
    let listed: BTreeSet<String> = include_str!("../../../contract/missing.txt")
        .lines()
        .filter(|line| !line.is_empty() && !line.starts_with('#'))
        .map(str::to_owned)
        .collect();
    let lines = |set: BTreeSet<&String>| set.into_iter().map(|line| format!("  {line}")).collect::<Vec<_>>().join("\n");
    let there = lines(listed.difference(&missing).collect());
    let unlisted = lines(missing.difference(&listed).collect());
    assert!(
        there.is_empty() && unlisted.is_empty(),
        "crates/api/contract/missing.txt is out of date\nno longer missing, take them out:\n{there}\nmissing, not listed:\n{unlisted}"
    );
}
