use std::collections::BTreeMap;

use crate::File;

/// Files too large to be read in one go; `reasons` excuses those above 600 lines, nothing those above 1,000.
#[must_use]
pub fn sizes(reasons: &BTreeMap<String, String>, files: &[File]) -> Vec<String> {
    let mut problems = Vec::new();
    let mut unused: Vec<_> = reasons.keys().collect();
    for file in files.iter().filter(|file| file.is_code()) {
        let lines = file.production().count();
        let limit = limit(file);
        let excused = reasons.contains_key(&file.path);
        if lines > LARGE {
            unused.retain(|path| **path != file.path);
        }
        if lines > TOO_LARGE {
            problems.push(format!(
                "{}: {lines} lines; above {TOO_LARGE} a file must be split by what it is about",
                file.path
            ));
        } else if lines > limit && !excused {
            let or = if limit == LARGE {
                ", or say why not under [large_files] in tests/arch/house.toml"
            } else {
                ""
            };
            problems.push(format!(
                "{}: {lines} lines, {limit} are allowed; split it by what it is about{or}",
                file.path
            ));
        }
    }
    problems.extend(unused.iter().map(|path| {
        format!("{path}: is not large any more, or gone; remove its line under [large_files] in tests/arch/house.toml")
    }));
    problems
}

/// File names that say nothing about what is inside.
#[must_use]
pub fn names(files: &[File]) -> Vec<String> {
    let named = files.iter().filter(|file| file.is_code()).filter_map(|file| {
        let stem = file.path.rsplit('/').next()?.split('.').next()?;
        if stem == "mod" {
            return Some(format!(
                "{}: a module stands beside its directory, `<name>.rs`, never mod.rs",
                file.path
            ));
        }
        EMPTY_NAMES
            .contains(&stem)
            .then(|| format!("{}: the name says nothing; call it after the one thing it does", file.path))
    });
    named.collect()
}

/// `lib.rs` is a table of contents, `main.rs` too.
fn limit(file: &File) -> usize {
    match file.path.rsplit_once("/src/") {
        Some((room, "lib.rs")) if !room.starts_with("tests/") => 80,
        Some((room, "main.rs")) if !room.starts_with("tests/") => 120,
        _ => LARGE,
    }
}

const LARGE: usize = 600;
const TOO_LARGE: usize = 1_000;
const EMPTY_NAMES: [&str; 11] =
    ["util", "utils", "helper", "helpers", "common", "misc", "manager", "impl", "data", "info", "stuff"];

#[cfg(test)]
mod tests {
    use super::*;

    fn file(path: &str, lines: usize, tests: usize) -> File {
        let text = "x\n".repeat(lines) + "#[cfg(test)]\n" + &"y\n".repeat(tests);
        File { path: path.into(), text }
    }

    #[test]
    fn production_lines_count_and_a_reason_helps_up_to_a_thousand() {
        let files = [
            file("hub/a/src/fine.rs", 600, 5_000),
            file("hub/a/src/large.rs", 601, 0),
            file("hub/a/src/excused.rs", 1_000, 0),
            file("hub/a/src/beyond.rs", 1_001, 0),
            file("hub/a/src/lib.rs", 81, 0),
            file("hub/a/src/main.rs", 120, 0),
        ];
        let reasons =
            ["excused", "beyond", "fine"].map(|name| (format!("hub/a/src/{name}.rs"), "a table".to_owned()));
        let problems = sizes(&reasons.into(), &files);
        let named: Vec<_> = problems.iter().filter_map(|problem| problem.split(':').next()).collect();
        assert_eq!(
            named,
            ["large", "beyond", "lib", "fine"].map(|name| format!("hub/a/src/{name}.rs")),
            "{problems:#?}"
        );
    }

    #[test]
    fn names_that_say_nothing_are_named() {
        let files =
            ["hub/a/src/mod.rs", "hub/a/src/utils.rs", "hub/c/src/helpers.test.ts", "hub/a/src/demand.rs"];
        assert_eq!(names(&files.map(|path| file(path, 1, 0))).len(), 3);
    }
}
