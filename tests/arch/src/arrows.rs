use crate::{House, Manifest, Tree, house::matches, manifest::ours};

/// Dependencies among our rooms that the list does not allow.
#[must_use]
pub fn arrows(house: &House, manifests: &[Manifest]) -> Vec<String> {
    let ours = ours(manifests);
    let mut problems = Vec::new();
    for manifest in manifests {
        let room = &manifest.room;
        let Some(may) = house.may(room) else {
            problems.push(format!("{room}: the list does not know this room; give it a line under [arrows] in tests/arch/house.toml, or put its code into the room it belongs to"));
            continue;
        };
        for name in &manifest.uses {
            let Some(other) = ours.get(name.as_str()) else { continue };
            if !may.iter().any(|pattern| matches(pattern, other)) {
                problems.push(format!("{room} must not depend on {other}: pass it as a value or a trait from the room that sees both (tests/arch/house.toml, [arrows])"));
            }
        }
        // Tests may see the tests' rooms too, never another side of the house.
        for name in &manifest.tests_use {
            let Some(other) = ours.get(name.as_str()) else { continue };
            if !other.starts_with("tests/") && !may.iter().any(|pattern| matches(pattern, other)) {
                problems.push(format!("the tests of {room} must not depend on {other}: a test that needs both belongs into tests/"));
            }
        }
    }
    problems
}

/// Directories that are no room, rooms without code, and a list that speaks of what is not there.
#[must_use]
pub fn rooms(house: &House, tree: &Tree, manifests: &[Manifest]) -> Vec<String> {
    let mut problems = Vec::new();
    for top in tree.top.iter().filter(|top| !house.top.contains(top)) {
        problems.push(format!(
            "{top}/: no further directory at the top; move it below one of {}",
            house.top.join(", ")
        ));
    }
    let places = ["shared/", "edge/", "hub/", "tests/"];
    for room in tree.rooms.iter().filter(|room| places.iter().any(|place| room.starts_with(place))) {
        let manifest = manifests.iter().any(|manifest| manifest.room == *room);
        if !manifest && !house.not_crates.contains_key(room) {
            problems.push(format!("{room}/: has no Cargo.toml; a room that is no crate stands under [not_crates] in tests/arch/house.toml"));
        }
        let lines: usize = tree
            .files
            .iter()
            .filter(|file| file.path.ends_with(".rs") && file.room() == Some(room))
            .map(|file| file.text.lines().count())
            .sum();
        if manifest && lines < 20 {
            problems
                .push(format!("{room}/: an empty room ({lines} lines); make it when its first code arrives"));
        }
    }
    let members = tree.file("Cargo.toml").map_or("", |file| file.text.as_str());
    for manifest in manifests.iter().filter(|manifest| !members.contains(&format!("\"{}\"", manifest.room))) {
        problems.push(format!("{}: add it to the members of the workspace in Cargo.toml", manifest.room));
    }
    problems
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::File;

    fn house() -> House {
        let mut house =
            House::parse("top = [\"hub\"]\npure = []\n[arrows]\n[not_crates]\n[crates]\n[large_files]\n");
        house.arrows.insert("hub/store".into(), vec!["shared/*".into()]);
        house.arrows.insert("hub/api".into(), vec!["hub/store".into()]);
        house.arrows.insert("shared/ids".into(), vec![]);
        house
    }

    fn manifest(room: &str, uses: &[&str], tests_use: &[&str]) -> Manifest {
        let names = |list: &[&str]| list.iter().map(|name| (*name).to_owned()).collect();
        Manifest {
            room: room.into(),
            name: room.replace('/', "-"),
            uses: names(uses),
            tests_use: names(tests_use),
            ..Manifest::default()
        }
    }

    #[test]
    fn allowed_arrows_pass_and_the_others_are_named() {
        let manifests = [
            manifest("shared/ids", &["serde"], &[]),
            manifest("hub/store", &["shared-ids", "hub-api"], &[]),
            manifest("hub/api", &["hub-store"], &["shared-ids"]),
            manifest("edge/new", &[], &[]),
        ];
        let problems = arrows(&house(), &manifests);
        assert_eq!(problems.len(), 3, "{problems:#?}");
        assert!(problems[0].starts_with("hub/store must not depend on hub/api"));
        assert!(problems[1].starts_with("the tests of hub/api must not depend on shared/ids"));
        assert!(problems[2].starts_with("edge/new: the list does not know"));
    }

    #[test]
    fn strange_directories_and_empty_rooms_are_named() {
        let tree = Tree {
            top: vec!["hub".into(), "lib".into()],
            rooms: vec!["hub/api".into(), "hub/stray".into()],
            files: vec![File { path: "hub/api/src/lib.rs".into(), text: "//! Soon.\n".into() }],
        };
        let problems = rooms(&house(), &tree, &[manifest("hub/api", &[], &[])]);
        let begins: Vec<_> = problems.iter().filter_map(|problem| problem.split(':').next()).collect();
        assert_eq!(begins, ["lib/", "hub/api/", "hub/stray/", "hub/api"], "{problems:#?}");
    }
}
