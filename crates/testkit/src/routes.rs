//! The documented routes that name one entity in their path.

use http::Method;
use serde_json::{Value, json};

use crate::World;
use crate::entities::{Entity, NAMED};

/// A route with an id in its path.
pub struct RouteOfOne {
    /// Whose route it is.
    pub entity: &'static Entity,
    /// Its method.
    pub method: Method,
    before: String,
    /// What the path takes: `id`, or another key.
    parameter: String,
    after: String,
}

impl RouteOfOne {
    /// All of them. One that belongs to no row of the table fails the test.
    pub fn all() -> Vec<Self> {
        let document: Value = serde_json::from_str(&api::document().to_json().expect("a document")).expect("JSON");
        let mut routes = Vec::new();
        for (template, item) in document["paths"].as_object().expect("paths") {
            let Some((before, rest)) = template.split_once('{') else { continue };
            let (parameter, after) = rest.split_once('}').expect("a closed parameter");
            let path = before.trim_start_matches("/v1/").trim_end_matches('/');
            if NAMED.iter().any(|(named, _)| *named == path) {
                continue;
            }
            let entity = Entity::of_route(path).unwrap_or_else(|| panic!("{template} belongs to no row of testkit's ENTITIES: add one"));
            for method in item.as_object().expect("methods").keys() {
                routes.push(Self {
                    entity,
                    method: Method::from_bytes(method.to_uppercase().as_bytes()).expect("a method"),
                    before: before.to_owned(),
                    parameter: parameter.to_owned(),
                    after: after.to_owned(),
                });
            }
        }
        routes
    }

    /// The path of this one.
    pub fn path(&self, id: &str) -> String {
        format!("{}{id}{}", self.before, self.after)
    }

    /// The path of the world's one.
    pub fn path_in(&self, world: &World) -> String {
        self.path(world.parameter(self.entity, &self.parameter))
    }

    /// A complete body, so that the id alone decides.
    pub fn body(&self) -> Value {
        let action = self.after.trim_start_matches('/');
        match self.entity.actions.iter().find(|(name, _)| *name == action) {
            Some((_, body)) => body(),
            None if self.method == Method::GET || self.method == Method::DELETE => json!({}),
            None if self.method == Method::PUT && action.is_empty() => {
                self.entity.change.unwrap_or_else(|| panic!("{} has a PUT: say how to change one in ENTITIES", self.entity.path))()
            }
            None => panic!("{} {}…{}: add the action to its row of ENTITIES", self.method, self.before, self.after),
        }
    }
}
