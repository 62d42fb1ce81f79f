//! The API's own description of what it takes.

use crate::support::*;

/// A schema, and the document whose other schemas it may refer to.
#[derive(Clone, Copy)]
pub struct Schema<'d> {
    document: &'d Value,
    here: &'d Value,
}

/// A field of an object.
pub struct Field<'d> {
    pub name: &'d str,
    pub schema: Schema<'d>,
    pub is_required: bool,
}

/// Which values a schema describes, `null` aside.
pub enum Shape<'d> {
    Object(Vec<Field<'d>>),
    /// An object with keys of the user's.
    Map(Schema<'d>),
    List(Schema<'d>),
    OneOf(Vec<Schema<'d>>),
    Choice(&'d [Value]),
    Text,
    Whole {
        least: u64,
        most: Option<u64>,
    },
    Number {
        least: f64,
        most: f64,
    },
    Boolean,
}

impl<'d> Schema<'d> {
    /// The schema of this name.
    pub fn named(document: &'d Value, name: &str) -> Self {
        let here = &document["components"]["schemas"][name];
        assert!(here.is_object(), "{name} is not described");
        Self { document, here }
    }

    fn at(self, here: &'d Value) -> Self {
        match here["$ref"].as_str().and_then(|reference| reference.strip_prefix('#')) {
            Some(pointer) => {
                Self { here: self.document.pointer(pointer).expect("what is referred to"), ..self }
            }
            None => Self { here, ..self },
        }
    }

    pub fn shape(self) -> Shape<'d> {
        let here = self.here;
        if let Some(parts) = here["oneOf"].as_array().or_else(|| here["anyOf"].as_array()) {
            let parts: Vec<_> =
                parts.iter().map(|part| self.at(part)).filter(|part| part.here["type"] != "null").collect();
            return match parts.as_slice() {
                [one] => one.shape(),
                _ => Shape::OneOf(parts),
            };
        }
        if let Some(parts) = here["allOf"].as_array() {
            return self.all_of(parts);
        }
        if let Some(values) = here["enum"].as_array() {
            return Shape::Choice(values);
        }
        match self.kind() {
            "object" if here["properties"].is_object() => Shape::Object(self.fields()),
            "object" => Shape::Map(self.at(&here["additionalProperties"])),
            "array" => Shape::List(self.at(&here["items"])),
            "string" => Shape::Text,
            "boolean" => Shape::Boolean,
            "integer" => {
                let whole = |bound: f64| bound as u64;
                Shape::Whole {
                    least: self.bound("minimum").map_or(0, whole),
                    most: self.bound("maximum").map(whole),
                }
            }
            "number" => {
                let bound = |name| self.bound(name).unwrap_or_else(|| panic!("no {name}: {here:#}"));
                Shape::Number { least: bound("minimum"), most: bound("maximum") }
            }
            other => panic!("a value of the type {other:?}, which is not known here: {here:#}"),
        }
    }

    /// Objects that are one object together. A part that describes no value, but says a word about it, is left out.
    fn all_of(self, parts: &'d [Value]) -> Shape<'d> {
        let speaks = |part: &&Value| ["$ref", "properties", "oneOf"].iter().any(|key| !part[*key].is_null());
        let mut shapes: Vec<_> = parts.iter().filter(speaks).map(|part| self.at(part).shape()).collect();
        if shapes.len() == 1 {
            return shapes.remove(0);
        }
        let fields = shapes.into_iter().flat_map(|shape| match shape {
            Shape::Object(fields) => fields,
            _ => panic!("all of what are not objects: {:#}", self.here),
        });
        Shape::Object(fields.collect())
    }

    fn fields(self) -> Vec<Field<'d>> {
        let required = self.here["required"].as_array().map_or(&[][..], Vec::as_slice);
        let properties = self.here["properties"].as_object().expect("properties");
        // What these take goes by secrets and by other fields; `api/signing.rs` and `api/secrets.rs` have their rules.
        let is_known =
            |(name, _): &(&'d String, &'d Value)| !["signing", "client_certificate"].contains(&name.as_str());
        let field = |(name, schema): (&'d String, &'d Value)| Field {
            name,
            schema: self.at(schema),
            is_required: required.iter().any(|required| required == name.as_str()),
        };
        properties.iter().filter(is_known).map(field).collect()
    }

    /// The type, `null` aside.
    fn kind(self) -> &'d str {
        match &self.here["type"] {
            Value::String(one) => one,
            Value::Array(several) => {
                several.iter().filter_map(Value::as_str).find(|kind| *kind != "null").unwrap_or_default()
            }
            _ => "",
        }
    }

    fn bound(self, name: &str) -> Option<f64> {
        self.here[name].as_f64()
    }
}
