//! One of each entity in one environment, made over HTTP.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::entities::{ENTITIES, Entity, Made};
use crate::{Answer, Client};

/// One of each entity. All that can bear a name bear the same one.
pub struct World {
    client: Client,
    name: String,
    ids: BTreeMap<&'static str, String>,
}

impl World {
    /// Makes one of each.
    pub async fn fill(client: &Client, name: &str) -> Self {
        let mut world = Self { client: client.clone(), name: name.to_owned(), ids: BTreeMap::new() };
        let mut answers: BTreeMap<&str, Value> = BTreeMap::new();
        for entity in ENTITIES {
            let (answer, pointer) = match &entity.made {
                Made::Posted(_, pointer) => {
                    let answer = world.another(entity, name).await.expect(201);
                    answers.insert(entity.path, answer.clone());
                    (answer, pointer)
                }
                Made::With(other, pointer) => (answers[other].clone(), pointer),
                Made::By(other, (action, body), (list, pointer)) => {
                    let one = format!("/v1/{other}/{}", world.id(other));
                    // A second path of the same thing finds it made.
                    let _made_before = client.post(&format!("{one}/{action}"), &body()).await;
                    (client.get(&format!("{one}/{list}")).await.ok(), pointer)
                }
                Made::There(pointer) => (client.get(&format!("/v1/{}", entity.path)).await.ok(), pointer),
            };
            world.ids.insert(entity.path, text_at(&answer, pointer));
        }
        world
    }

    /// Asks for one more, by another name.
    pub async fn another(&self, entity: &Entity, name: &str) -> Answer {
        let Made::Posted(body, _) = &entity.made else { panic!("{} are not posted", entity.path) };
        self.client.post(&format!("/v1/{}", entity.path), &body(self, name)).await
    }

    /// Makes one more, by another name, and returns its id.
    pub async fn another_id(&self, entity: &Entity, name: &str) -> String {
        let Made::Posted(_, pointer) = &entity.made else { panic!("{} are not posted", entity.path) };
        text_at(&self.another(entity, name).await.expect(201), pointer)
    }

    /// The id of the entity at this path after `/v1/`.
    pub fn id(&self, path: &str) -> &str {
        self.ids.get(path).unwrap_or_else(|| panic!("{path} come later in ENTITIES"))
    }

    /// What stands for the entity in a route's parameter: its id, or its name.
    pub fn parameter(&self, entity: &Entity, parameter: &str) -> &str {
        if entity.names.contains(&parameter) { &self.name } else { self.id(entity.path) }
    }

    /// The same, with another id for the entity at this path.
    #[must_use]
    pub fn with_id(mut self, path: &'static str, id: &str) -> Self {
        self.ids.insert(path, id.to_owned());
        self
    }
}

fn text_at(answer: &Value, pointer: &str) -> String {
    answer.pointer(pointer).and_then(Value::as_str).unwrap_or_else(|| panic!("no text at {pointer} of {answer}")).to_owned()
}
