//! The code map in ARCHITECTURE.md against the manifests: it names every crate of ours, and for each of
//! them exactly the crates of ours that it is built with.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use crate::Result;

const DOCUMENT: &str = "ARCHITECTURE.md";
/// The table stands under this heading.
const HEADING: &str = "## Code map";

/// Our crates, by the name they have in the code map, each with those that it is built with.
type Picture = BTreeMap<String, BTreeSet<String>>;

/// Compares the two. `metadata` is what `cargo metadata` says of each workspace.
pub fn check(document: &str, metadata: &[Value]) -> Result<()> {
    let (drawn, built) = (drawn(document), built(metadata));
    let mut wrong = Vec::new();
    for (name, uses) in &built {
        match drawn.get(name) {
            None => wrong.push(format!("{name} is not in the code map of {DOCUMENT}")),
            Some(said) if said != uses => wrong.push(format!(
                "{name} is built with {}; the code map of {DOCUMENT} says {}",
                list(uses),
                list(said)
            )),
            Some(_) => {}
        }
    }
    for name in drawn.keys().filter(|name| !built.contains_key(*name)) {
        wrong.push(format!("the code map of {DOCUMENT} has {name}, and there is no such crate"));
    }
    if wrong.is_empty() { Ok(()) } else { Err(wrong.join("\n").into()) }
}

/// What the document says: the first cell of each row names a crate, the last those that it uses.
fn drawn(document: &str) -> Picture {
    let section = document.lines().skip_while(|line| *line != HEADING).skip(1);
    let rows = section.take_while(|line| !line.starts_with("## ")).filter(|line| line.starts_with("| `"));
    let cells = rows.map(|row| row.trim_matches('|').split('|').map(quoted).collect::<Vec<_>>());
    cells
        .filter_map(|cells| Some((cells.first()?.first()?.clone(), cells.last()?.iter().cloned().collect())))
        .collect()
}

/// The words of a cell that stand in backticks.
fn quoted(cell: &str) -> Vec<String> {
    cell.split('`').skip(1).step_by(2).map(str::to_owned).collect()
}

/// What the manifests say. Dependencies of tests alone are not in the picture.
fn built(metadata: &[Value]) -> Picture {
    let packages = metadata.iter().flat_map(|of| of["packages"].as_array()).flatten();
    let packages: Vec<&Value> = packages.filter(|package| package["source"].is_null()).collect();
    let names: BTreeSet<String> = packages.iter().map(|package| short(&package["name"])).collect();
    let uses = |package: &Value| {
        let dependencies = package["dependencies"].as_array().into_iter().flatten();
        let built_in = dependencies.filter(|dependency| dependency["kind"].as_str() != Some("dev"));
        let ours = built_in.filter(|dependency| dependency["source"].is_null());
        ours.map(|dependency| short(&dependency["name"])).filter(|name| names.contains(name)).collect()
    };
    packages.iter().map(|package| (short(&package["name"]), uses(package))).collect()
}

/// A crate's name without what all of them begin with.
fn short(name: &Value) -> String {
    let name = name.as_str().unwrap_or_default();
    name.strip_prefix("chronos-").unwrap_or(name).to_owned()
}

fn list(names: &BTreeSet<String>) -> String {
    if names.is_empty() {
        return "nothing of ours".to_owned();
    }
    names.iter().map(String::as_str).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const TEXT: &str = "# A\n\n| `not` | here | `it` |\n\n## Code map\n\n| crate | what | uses |\n| --- | --- | --- |\n\
                        | `types` | `words` | nothing of ours |\n| `state` | the machine | `types` |\n\n## More\n\n| `x` | y | `z` |\n";

    fn metadata(state: &Value) -> Value {
        let package = |name: &str, dependencies: &Value| json!({"name": name, "dependencies": dependencies});
        json!({"packages": [package("chronos-types", &json!([])), package("chronos-state", state)]})
    }

    #[test]
    fn the_picture_is_the_manifests() {
        let types = json!({"name": "chronos-types", "kind": null, "source": null});
        let outside = json!({"name": "serde", "kind": null, "source": "registry"});
        assert!(check(TEXT, &[metadata(&json!([types, outside]))]).is_ok());
    }

    #[test]
    fn what_differs_is_named() {
        let none = json!([]);
        let dev = json!([{"name": "chronos-types", "kind": "dev", "source": null}]);
        for dependencies in [&none, &dev] {
            let error = check(TEXT, &[metadata(dependencies)]).expect_err("a difference").to_string();
            assert_eq!(
                error,
                "state is built with nothing of ours; the code map of ARCHITECTURE.md says types"
            );
        }
        let gone = json!({"packages": [{"name": "chronos-types", "dependencies": []}]});
        let error = check(TEXT, &[gone]).expect_err("one too many").to_string();
        assert!(error.contains("has state, and there is no such crate"), "{error}");
        let error = check("## Code map\n", &[metadata(&none)]).expect_err("nothing drawn").to_string();
        assert!(error.contains("types is not in the code map"), "{error}");
    }
}
