use crate::File;

/// What is left undone or switched off.
#[must_use]
pub fn unfinished(files: &[File]) -> Vec<String> {
    let rust = [
        ("#[ig", "nore", "run it or delete it; one that cannot run here says SKIPPED and why"),
        ("to", "do!(", "finish it or leave it out"),
        ("unimple", "mented!(", "finish it or leave it out"),
    ];
    let typescript = [
        (".on", "ly(", "a test that hides the others"),
        (".sk", "ip(", "run it or delete it; one that cannot run here says SKIPPED and why"),
        ("@ts-ig", "nore", "give it its type"),
    ];
    let mut problems = Vec::new();
    for file in files.iter().filter(|file| file.is_code()) {
        let words = if file.path.ends_with(".rs") { &rust } else { &typescript };
        for (n, line) in file.text.lines().enumerate() {
            for (begin, end, what) in words {
                let word = [*begin, *end].concat();
                if line.contains(&word) && !line.trim_start().starts_with("//") {
                    problems.push(format!("{}:{}: {word} — {what}", file.path, n + 1));
                }
            }
        }
    }
    problems
}

/// Traces of one maker's machine and tools: they mean nothing to a reader and break on every other machine.
#[must_use]
pub fn traces(files: &[File]) -> Vec<String> {
    // In two parts, so that this list does not find itself.
    let paths = [("/wo", "rk/"), ("/ro", "ot/"), ("/ho", "me/"), ("/Us", "ers/"), ("/work", "space/")];
    let tools = [
        ("clau", "de"),
        ("anthro", "pic"),
        ("open", "ai"),
        ("chat", "gpt"),
        ("copi", "lot"),
        ("sub", "agent"),
        ("sub-", "agent"),
        ("language ", "model"),
        ("co-authored", "-by"),
        ("work", "shop"),
    ];
    let mut problems = Vec::new();
    for file in files {
        for (n, line) in file.text.lines().enumerate() {
            let lower = line.to_lowercase();
            let path = paths.iter().map(|(a, b)| [*a, *b].concat()).find(|path| stands_alone(line, path));
            let tool = tools.iter().map(|(a, b)| [*a, *b].concat()).find(|word| lower.contains(word));
            for word in path.into_iter().chain(tool) {
                problems.push(format!(
                    "{}:{}: `{word}` speaks of where this was made; say what it is for",
                    file.path,
                    n + 1
                ));
            }
        }
    }
    problems
}

/// Whether `path` begins at the root: nothing of a longer path in front of it.
fn stands_alone(line: &str, path: &str) -> bool {
    line.match_indices(path).any(|(at, _)| {
        !line[..at].ends_with(|before: char| before.is_alphanumeric() || "._-}~*$/)".contains(before))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(path: &str, text: String) -> File {
        File { path: path.into(), text }
    }

    #[test]
    fn what_is_undone_is_named_with_its_line() {
        let text = format!("fn a() {{\n    {}{};\n}}\n// {0}{1}\n", "to", "do!()");
        let problems =
            unfinished(&[file("hub/a/src/a.rs", text), file("hub/c/a.test.ts", ["it.on", "ly("].concat())]);
        assert_eq!(problems.len(), 2, "{problems:#?}");
        assert!(problems[0].starts_with("hub/a/src/a.rs:2:"));
    }

    #[test]
    fn traces_of_a_machine_are_named_and_like_paths_are_not() {
        let named = |text: &str| traces(&[file("docs/a.md", text.to_owned())]).len();
        assert_eq!(named(&["see /ho", "me/me/x"].concat()), 1);
        assert_eq!(named(&["docs/ho", "me/x and https://a.org/wo", "rk/x"].concat()), 0);
        assert_eq!(named(&["made with Clau", "de"].concat()), 1);
        assert_eq!(named("an RTSP session of a camera model"), 0);
    }
}
