//! What a request may hold, in a form that is quick to walk: made once per type, of its schema.

use std::any::TypeId;
use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, LazyLock, PoisonError, RwLock};

use serde_json::Value;
use utoipa::ToSchema;
use utoipa::openapi::{RefOr, Schema};

/// A place of a [`Shape`].
pub(crate) type NodeId = usize;

/// The values of a type. Nodes name each other by their place, for schemas may name themselves.
#[derive(Debug)]
pub(crate) struct Shape {
    nodes: Vec<Node>,
    root: Slot,
}

/// Where a value stands: its form, and whether null may stand there.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Slot {
    pub(crate) node: NodeId,
    pub(crate) nullable: bool,
}

/// A form of values.
#[derive(Debug)]
pub(crate) enum Node {
    Anything,
    Object(Fields),
    /// Values by names of the client's choice, and how many there may be.
    Map(Slot, Option<usize>),
    List(Slot, Option<usize>),
    Text,
    Words(Vec<String>),
    Time,
    Decimal,
    Whole,
    Flag,
    OneOf(Vec<Slot>),
}

/// The fields of an object.
#[derive(Debug, Default)]
pub(crate) struct Fields {
    pub(crate) by_name: BTreeMap<String, Slot>,
    pub(crate) required: Vec<String>,
}

/// Shapes are made when they are first asked for: there are as many as request types.
static SHAPES: LazyLock<RwLock<HashMap<TypeId, Arc<Shape>>>> = LazyLock::new(RwLock::default);

/// The shape of a type.
pub(crate) fn shape_of<T: ToSchema + 'static>() -> Arc<Shape> {
    let id = TypeId::of::<T>();
    if let Some(shape) = SHAPES.read().unwrap_or_else(PoisonError::into_inner).get(&id) {
        return Arc::clone(shape);
    }
    let shape = Arc::new(Shape::of::<T>());
    SHAPES.write().unwrap_or_else(PoisonError::into_inner).insert(id, Arc::clone(&shape));
    shape
}

/// The fields of a type with their schemas, those of flattened parts too.
pub(crate) fn schemas_of_fields<T: ToSchema>() -> Vec<(String, Value)> {
    fn add(named: &HashMap<String, Value>, schema: &Value, fields: &mut Vec<(String, Value)>) {
        if let Some(schema) = name_of_reference(schema).and_then(|name| named.get(name)) {
            return add(named, schema, fields);
        }
        schema["allOf"].as_array().into_iter().flatten().for_each(|part| add(named, part, fields));
        let own = schema["properties"].as_object().into_iter().flatten();
        fields.extend(own.map(|(name, schema)| (name.clone(), schema.clone())));
    }
    let mut fields = Vec::new();
    add(&schemas_named_by::<T>(), &json(&T::schema()), &mut fields);
    fields
}

fn schemas_named_by<T: ToSchema>() -> HashMap<String, Value> {
    let mut named = Vec::new();
    T::schemas(&mut named);
    named.into_iter().map(|(name, schema)| (name, json(&schema))).collect()
}

/// The schema that a reference names.
fn name_of_reference(schema: &Value) -> Option<&str> {
    schema["$ref"].as_str()?.rsplit('/').next()
}

impl Shape {
    fn of<T: ToSchema>() -> Self {
        let mut builder = Builder { named: schemas_named_by::<T>(), known: HashMap::new(), nodes: Vec::new() };
        let root = builder.slot(&json(&T::schema()));
        Self { nodes: builder.nodes, root }
    }

    pub(crate) fn root(&self) -> Slot {
        self.root
    }

    pub(crate) fn node(&self, slot: Slot) -> &Node {
        &self.nodes[slot.node]
    }

    /// The fields, where values are objects.
    pub(crate) fn fields(&self) -> Option<&Fields> {
        match self.node(self.root) {
            Node::Object(fields) => Some(fields),
            _ => None,
        }
    }
}

fn most(schema: &Value) -> Option<usize> {
    schema.as_u64().and_then(|most| usize::try_from(most).ok())
}

fn json(schema: &RefOr<Schema>) -> Value {
    serde_json::to_value(schema).unwrap_or_default()
}

struct Builder {
    named: HashMap<String, Value>,
    known: HashMap<String, NodeId>,
    nodes: Vec<Node>,
}

impl Builder {
    fn slot(&mut self, schema: &Value) -> Slot {
        if let Some(name) = name_of_reference(schema) {
            return Slot { node: self.named_node(name), nullable: false };
        }
        if let Some(alternatives) = schema["oneOf"].as_array() {
            let is_null = |schema: &&Value| schema["type"] == "null";
            let nullable = alternatives.iter().any(|schema| is_null(&schema));
            let slots: Vec<Slot> = alternatives.iter().filter(|schema| !is_null(schema)).map(|schema| self.slot(schema)).collect();
            return match slots[..] {
                [only] => Slot { nullable: nullable || only.nullable, ..only },
                _ => Slot { node: self.add(Node::OneOf(slots)), nullable },
            };
        }
        let nullable = schema["type"].as_array().is_some_and(|types| types.iter().any(|name| name == "null"));
        let node = self.node(schema);
        // What says nothing of its type takes anything.
        let nullable = nullable || matches!(node, Node::Anything);
        Slot { node: self.add(node), nullable }
    }

    fn named_node(&mut self, name: &str) -> NodeId {
        if let Some(id) = self.known.get(name) {
            return *id;
        }
        // The place is known before what stands there: a schema may name itself.
        let id = self.add(Node::Anything);
        self.known.insert(name.to_owned(), id);
        let schema = self.named.get(name).cloned().unwrap_or_default();
        self.nodes[id] = match name {
            "Dec" => Node::Decimal,
            _ => self.node(&schema),
        };
        id
    }

    fn add(&mut self, node: Node) -> NodeId {
        self.nodes.push(node);
        self.nodes.len() - 1
    }

    fn node(&mut self, schema: &Value) -> Node {
        if schema["properties"].is_object() || schema["allOf"].is_array() {
            let mut fields = Fields::default();
            self.add_fields(schema, &mut fields);
            return Node::Object(fields);
        }
        if let Some(alternatives) = schema["oneOf"].as_array() {
            return Node::OneOf(alternatives.iter().map(|schema| self.slot(schema)).collect());
        }
        if let Some(words) = schema["enum"].as_array() {
            return Node::Words(words.iter().filter_map(Value::as_str).map(str::to_owned).collect());
        }
        let kind = match &schema["type"] {
            Value::Array(names) => names.iter().filter_map(Value::as_str).find(|name| *name != "null"),
            name => name.as_str(),
        };
        match kind {
            Some("array") => Node::List(self.slot(&schema["items"]), most(&schema["maxItems"])),
            Some("object") if schema["additionalProperties"].is_object() => {
                Node::Map(self.slot(&schema["additionalProperties"]), most(&schema["maxProperties"]))
            }
            Some("object") => {
                let node = self.add(Node::Anything);
                Node::Map(Slot { node, nullable: true }, most(&schema["maxProperties"]))
            }
            Some("string") if schema["format"] == "date-time" => Node::Time,
            Some("string") => Node::Text,
            Some("integer") => Node::Whole,
            Some("boolean") => Node::Flag,
            _ => Node::Anything,
        }
    }

    fn add_fields(&mut self, schema: &Value, fields: &mut Fields) {
        if let Some(name) = name_of_reference(schema) {
            let schema = self.named.get(name).cloned().unwrap_or_default();
            return self.add_fields(&schema, fields);
        }
        for part in schema["allOf"].as_array().into_iter().flatten() {
            self.add_fields(part, fields);
        }
        for (name, schema) in schema["properties"].as_object().into_iter().flatten() {
            let slot = self.slot(schema);
            fields.by_name.insert(name.clone(), slot);
        }
        fields.required.extend(schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str).map(str::to_owned));
    }
}
