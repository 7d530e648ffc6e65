use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;

use crate::{File, House, Manifest};

#[derive(Deserialize)]
struct Lock {
    package: Vec<Package>,
}

#[derive(Deserialize)]
struct Package {
    name: String,
    source: Option<String>,
    #[serde(default)]
    dependencies: Vec<String>,
}

/// Pure rooms with tokio somewhere in their tree. Errs towards strictness: the lock file knows no features.
///
/// # Panics
/// When the lock file is none.
#[must_use]
pub fn pure_rooms(house: &House, manifests: &[Manifest], lock: &str) -> Vec<String> {
    let lock = parse(lock);
    let mut graph: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for package in &lock.package {
        let names = package.dependencies.iter().filter_map(|dependency| dependency.split(' ').next());
        graph.entry(&package.name).or_default().extend(names);
    }
    // Of our own rooms the manifest counts: the lock file mixes in what their tests use.
    for manifest in manifests {
        graph.insert(&manifest.name, manifest.uses.iter().map(String::as_str).collect());
    }
    let pure = manifests.iter().filter(|manifest| house.pure.contains(&manifest.room));
    pure.filter_map(|manifest| {
        let path = path_to_tokio(&graph, &manifest.name)?;
        Some(format!(
            "{} is pure, yet has tokio in its tree ({}): take times and bytes as arguments",
            manifest.room,
            path.join(" → ")
        ))
    })
    .collect()
}

/// Lock files that name another place than the public registries: nobody else could build from them.
///
/// # Panics
/// When a lock file is none.
#[must_use]
pub fn registries(cargo: &str, npm: &[&File]) -> Vec<String> {
    let mut problems = Vec::new();
    for package in parse(cargo).package {
        if package.source.as_deref().is_some_and(|source| source != CRATES_IO) {
            problems.push(format!(
                "Cargo.lock: {} does not come from crates.io; take a published version",
                package.name
            ));
        }
    }
    for file in npm {
        let lock: serde_json::Value =
            serde_json::from_str(&file.text).unwrap_or_else(|error| panic!("{}: {error}", file.path));
        let packages = lock.get("packages").and_then(serde_json::Value::as_object);
        for (name, package) in packages.into_iter().flatten() {
            let resolved = package.get("resolved").and_then(serde_json::Value::as_str);
            if resolved.is_some_and(|url| !url.starts_with(NPM)) {
                problems.push(format!(
                    "{}: {name} does not come from {NPM}; remove its `resolved` line",
                    file.path
                ));
            }
        }
    }
    problems
}

fn parse(lock: &str) -> Lock {
    toml::from_str(lock).unwrap_or_else(|error| panic!("Cargo.lock: {error}"))
}

fn path_to_tokio<'a>(graph: &BTreeMap<&'a str, Vec<&'a str>>, from: &'a str) -> Option<Vec<&'a str>> {
    let (mut seen, mut paths) = (BTreeSet::new(), vec![vec![from]]);
    while let Some(path) = paths.pop() {
        let name = path.last().copied().unwrap_or(from);
        if name == "tokio" {
            return Some(path);
        }
        if seen.insert(name) {
            paths.extend(graph.get(name).into_iter().flatten().map(|next| [&path[..], &[*next]].concat()));
        }
    }
    None
}

const CRATES_IO: &str = "registry+https://github.com/rust-lang/crates.io-index";
const NPM: &str = "https://registry.npmjs.org/";

#[cfg(test)]
mod tests {
    use super::*;

    const LOCK: &str = r#"
        [[package]]
        name = "hyper"
        source = "registry+https://github.com/rust-lang/crates.io-index"
        dependencies = ["bytes", "tokio 1.0.0"]
        [[package]]
        name = "bytes"
        source = "git+https://example.org/bytes"
    "#;

    #[test]
    fn tokio_is_found_through_others_and_the_way_is_told() {
        let mut house =
            House::parse("top = []\npure = []\n[arrows]\n[not_crates]\n[crates]\n[large_files]\n");
        house.pure = vec!["shared/a".into(), "shared/b".into()];
        let manifest = |room: &str, uses: &str| Manifest {
            room: room.into(),
            name: room.into(),
            uses: vec![uses.into()],
            tests_use: vec!["tokio".into()],
            ..Manifest::default()
        };
        let problems =
            pure_rooms(&house, &[manifest("shared/a", "hyper"), manifest("shared/b", "bytes")], LOCK);
        assert_eq!(problems.len(), 1);
        assert!(problems[0].contains("shared/a → hyper → tokio"), "{problems:?}");
    }

    #[test]
    fn a_place_that_others_cannot_reach_is_named() {
        let text = r#"{"packages": {"": {}, "a": {"resolved": "https://registry.npmjs.org/a.tgz"}, "b": {"resolved": "http://10.0.0.1/b.tgz"}}}"#;
        let npm = File { path: "package-lock.json".into(), text: text.into() };
        let problems = registries(LOCK, &[&npm]);
        assert_eq!(problems.len(), 2, "{problems:#?}");
        assert!(problems[0].contains("bytes") && problems[1].contains(": b "));
    }
}
