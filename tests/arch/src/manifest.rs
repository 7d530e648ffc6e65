use std::collections::BTreeMap;

use crate::Tree;

/// What a room's `Cargo.toml` says.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Manifest {
    /// The room: the directory from the top.
    pub room: String,
    /// The crate's name.
    pub name: String,
    /// Crates it is built with.
    pub uses: Vec<String>,
    /// Crates that its tests alone are built with.
    pub tests_use: Vec<String>,
    /// Dependencies whose version stands here instead of at the top.
    pub own_versions: Vec<String>,
    /// Whether the lints of the workspace hold.
    pub lints: bool,
}

/// Every room's manifest. A program with a workspace of its own, such as the peer of a test, is no room.
///
/// # Panics
/// When one is no TOML.
#[must_use]
pub fn manifests(tree: &Tree) -> Vec<Manifest> {
    let rooms = tree.files.iter().filter_map(|file| {
        let room = file.path.strip_suffix("/Cargo.toml")?;
        let table: toml::Table = file.text.parse().unwrap_or_else(|error| panic!("{}: {error}", file.path));
        (!table.contains_key("workspace")).then(|| Manifest::read(room, &table))
    });
    rooms.collect()
}

/// One version per dependency, one set of lints.
#[must_use]
pub fn one_version(manifests: &[Manifest]) -> Vec<String> {
    let mut problems = Vec::new();
    for Manifest { room, own_versions, lints, .. } in manifests {
        problems.extend(own_versions.iter().map(|name| {
            format!("{room}/Cargo.toml: {name} names its own version; put it under [workspace.dependencies] at the top and write `{name}.workspace = true`")
        }));
        if !lints {
            problems.push(format!("{room}/Cargo.toml: add `[lints]` with `workspace = true`"));
        }
    }
    problems
}

impl Manifest {
    fn read(room: &str, table: &toml::Table) -> Self {
        let mut manifest = Self { room: room.to_owned(), ..Self::default() };
        let package = table.get("package").and_then(|package| package.get("name"));
        manifest.name = package.and_then(toml::Value::as_str).unwrap_or_default().to_owned();
        manifest.lints = table.get("lints").and_then(|lints| lints.get("workspace")?.as_bool()) == Some(true);
        manifest.dependencies(table);
        let targets = table.get("target").and_then(toml::Value::as_table);
        for target in targets.into_iter().flat_map(toml::Table::values).filter_map(toml::Value::as_table) {
            manifest.dependencies(target);
        }
        manifest
    }

    fn dependencies(&mut self, table: &toml::Table) {
        for (kind, tests) in
            [("dependencies", false), ("build-dependencies", false), ("dev-dependencies", true)]
        {
            let Some(dependencies) = table.get(kind).and_then(toml::Value::as_table) else { continue };
            for (name, value) in dependencies {
                let list = if tests { &mut self.tests_use } else { &mut self.uses };
                list.push(name.clone());
                if value.get("workspace").and_then(toml::Value::as_bool) != Some(true) {
                    self.own_versions.push(name.clone());
                }
            }
        }
    }
}

/// Crate name to room, of ours.
pub(crate) fn ours(manifests: &[Manifest]) -> BTreeMap<&str, &str> {
    manifests.iter().map(|manifest| (manifest.name.as_str(), manifest.room.as_str())).collect()
}
