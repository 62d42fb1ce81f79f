//! Inputs that fit a schema.

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;
use proptest::strategy::Union;

use super::schema::{Field, Schema, Shape};
use super::texts;
use crate::support::*;

/// The path of a field inside what is at `path`.
pub fn inside(path: &str, name: &str) -> String {
    if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") }
}

/// Values that fit, with every field that may be left out present, null or absent.
pub fn values(schema: Schema<'_>, path: &str) -> BoxedStrategy<Value> {
    let given = |field: &Field<'_>| {
        let value = values(field.schema, &inside(path, field.name));
        if field.is_required { value.prop_map(Some).boxed() } else { maybe(value) }
    };
    of(schema, path, &given)
}

/// Merge patches (RFC 7396): any field, to any value that fits or to null; an object is patched in turn.
pub fn patches(schema: Schema<'_>, path: &str) -> BoxedStrategy<Value> {
    let given = |field: &Field<'_>| {
        let path = inside(path, field.name);
        maybe(match field.schema.shape() {
            Shape::Object(_) | Shape::Map(_) | Shape::OneOf(_) => patches(field.schema, &path),
            _ => values(field.schema, &path),
        })
    };
    of(schema, path, &given)
}

/// A field that is absent, null or there.
fn maybe(value: BoxedStrategy<Value>) -> BoxedStrategy<Option<Value>> {
    prop_oneof![3 => Just(None), 1 => Just(Some(Value::Null)), 4 => value.prop_map(Some)].boxed()
}

/// Values of a schema whose fields are `given` so.
fn of(
    schema: Schema<'_>,
    path: &str,
    given: &dyn Fn(&Field<'_>) -> BoxedStrategy<Option<Value>>,
) -> BoxedStrategy<Value> {
    match schema.shape() {
        Shape::Object(fields) => object(&fields, given),
        Shape::Map(schema) => {
            let (keys, _) = texts::keys(path);
            let field = |name: &&'static str| Field { name, schema, is_required: false };
            object(&keys.iter().map(field).collect::<Vec<_>>(), given)
        }
        Shape::List(schema) => vec(values(schema, &format!("{path}[]")), 1..4).prop_map(Value::from).boxed(),
        Shape::OneOf(schemas) => {
            Union::new(schemas.into_iter().map(|schema| of(schema, path, given)).collect::<Vec<_>>()).boxed()
        }
        Shape::Choice(values) => select(values.to_vec()).boxed(),
        Shape::Text => select(texts::taken(path)).prop_map(Value::from).boxed(),
        Shape::Boolean => any::<bool>().prop_map(Value::from).boxed(),
        Shape::Whole { least, most } => {
            let bounded = most.map(|most| (least..=most).prop_map(Value::from).boxed());
            either(bounded, path)
        }
        Shape::Number { least, most } => {
            let hundredths = (0..=100_u8)
                .prop_map(move |part| Value::from(least + (most - least) * f64::from(part) / 100.0));
            either(Some(hundredths.boxed()), path)
        }
    }
}

fn object(
    fields: &[Field<'_>],
    given: &dyn Fn(&Field<'_>) -> BoxedStrategy<Option<Value>>,
) -> BoxedStrategy<Value> {
    let names: Vec<String> = fields.iter().map(|field| field.name.to_owned()).collect();
    let values: Vec<_> = fields.iter().map(given).collect();
    let named = move |values: Vec<Option<Value>>| {
        names.iter().zip(values).filter_map(|(name, value)| Some((name.clone(), value?))).collect::<Value>()
    };
    values.prop_map(named).boxed()
}

/// Numbers within their bounds, and those that the description does not tell of.
fn either(bounded: Option<BoxedStrategy<Value>>, path: &str) -> BoxedStrategy<Value> {
    let known = texts::numbers(path);
    let known = (!known.is_empty()).then(|| select(known).boxed());
    let ways: Vec<_> = bounded.into_iter().chain(known).collect();
    assert!(!ways.is_empty(), "{path} is a number; say in `texts` which it takes");
    Union::new(ways).boxed()
}
