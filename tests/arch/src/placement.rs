use crate::{File, House, Manifest};

/// Foreign crates outside the rooms that stand for them. What a room's own tests use is free.
#[must_use]
pub fn placement(house: &House, manifests: &[Manifest], files: &[File]) -> Vec<String> {
    let mut problems = Vec::new();
    for (name, places) in &house.crates {
        for manifest in manifests.iter().filter(|manifest| !manifest.room.starts_with("tests/")) {
            let within =
                |place: &String| *place == manifest.room || place.starts_with(&format!("{}/", manifest.room));
            if manifest.uses.contains(name) && !places.iter().any(within) {
                let only = if places.is_empty() { "tests".to_owned() } else { places.join(", ") };
                problems.push(format!(
                    "{}: {name} belongs into {only} only; call that room instead (tests/arch/house.toml, [crates])",
                    manifest.room,
                ));
            }
        }
        // A place may be a directory in a room.
        for place in places.iter().filter(|place| place.matches('/').count() > 1) {
            problems.extend(outside(name, place, files));
        }
    }
    problems
}

/// Rooms that start another program: nothing in the path of a picture is a child process.
#[must_use]
pub fn programs(files: &[File]) -> Vec<String> {
    let mut problems = Vec::new();
    for file in files.iter().filter(|file| file.path.ends_with(".rs") && !file.is_test()) {
        let starts = |line: &str| line.contains("Command::new(") || speaks_of(line, "process::Command");
        problems.extend(file.production().filter(|(_, line)| starts(line)).map(|(n, _)| {
            format!("{}:{n}: no room starts another program; docs/design/system.md says why", file.path)
        }));
    }
    problems
}

fn outside(name: &str, place: &str, files: &[File]) -> Vec<String> {
    let room = place.split('/').take(2).collect::<Vec<_>>().join("/");
    let path = format!("{}::", name.replace('-', "_"));
    let elsewhere = files.iter().filter(|file| {
        file.path.ends_with(".rs")
            && file.room() == Some(&room)
            && !file.path.starts_with(place)
            && !file.is_test()
    });
    let uses = elsewhere.filter(|file| file.production().any(|(_, line)| speaks_of(line, &path)));
    uses.map(|file| format!("{}: {name} belongs into {place} only; move this there", file.path)).collect()
}

/// Whether `line` names the crate, and not another whose name ends alike.
fn speaks_of(line: &str, path: &str) -> bool {
    let code = line.split("//").next().unwrap_or_default();
    code.match_indices(path).any(|(at, _)| {
        !code[..at].ends_with(|before: char| before.is_alphanumeric() || before == '_' || before == ':')
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn house() -> House {
        House::parse(
            "top = []\npure = []\n[arrows]\n[not_crates]\n[large_files]\n[crates]\naxum = [\"hub/api\", \"hub/node/src/front\"]\n",
        )
    }

    fn file(path: &str, text: &str) -> File {
        File { path: path.into(), text: text.into() }
    }

    #[test]
    fn a_room_that_starts_a_program_is_named_and_a_test_is_not() {
        let text = "fn a() {\n    tokio::process::Command::new(\"ffmpeg\");\n}\n";
        let problems = programs(&[file("hub/node/src/a.rs", text), file("tests/testkit/src/a.rs", text)]);
        assert!(problems.len() == 1 && problems[0].starts_with("hub/node/src/a.rs:2:"), "{problems:#?}");
    }

    #[test]
    fn a_crate_in_the_wrong_room_is_named() {
        let manifest =
            |room: &str| Manifest { room: room.into(), uses: vec!["axum".into()], ..Manifest::default() };
        let rooms = ["hub/api", "hub/node", "hub/store", "tests/load"].map(manifest);
        let problems = placement(&house(), &rooms, &[]);
        assert_eq!(problems.len(), 1, "{problems:#?}");
        assert!(problems[0].starts_with("hub/store: axum"));
    }

    #[test]
    fn a_crate_outside_its_directory_is_named() {
        let files = [
            file("hub/node/src/front.rs", "use axum::Router;"),
            file("hub/node/src/front/whep.rs", "use axum::Router;"),
            file("hub/node/src/relay.rs", "use axum::Router;"),
            file("hub/node/src/feed.rs", "// axum::Router\nuse my_axum::X;\n#[cfg(test)]\nuse axum::Router;"),
            file("hub/node/tests/front.rs", "use axum::Router;"),
        ];
        let problems = placement(&house(), &[], &files);
        assert_eq!(problems.len(), 1, "{problems:#?}");
        assert!(problems[0].starts_with("hub/node/src/relay.rs: axum"));
    }
}
