use std::collections::BTreeSet;

use crate::{File, Tree};

/// A fenced block of a document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fence<'a> {
    /// The document.
    pub path: &'a str,
    /// The line of its opening fence, from 1.
    pub line: usize,
    /// What the fence says it holds, such as `toml`.
    pub kind: &'a str,
    /// What stands in it.
    pub text: String,
}

/// The documents that people read: Markdown, wherever it lies.
pub fn documents(tree: &Tree) -> impl Iterator<Item = &File> {
    tree.files.iter().filter(|file| file.path.ends_with(".md"))
}

/// Every fenced block of a document.
#[must_use]
pub fn fences(file: &File) -> Vec<Fence<'_>> {
    let (mut fences, mut open) = (Vec::new(), None::<Fence<'_>>);
    for (n, line) in file.text.lines().enumerate() {
        match (line.trim_start().strip_prefix("```"), open.take()) {
            (Some(kind), None) => {
                open = Some(Fence { path: &file.path, line: n + 1, kind: kind.trim(), text: String::new() });
            }
            (Some(_), Some(fence)) => fences.push(fence),
            (None, Some(mut fence)) => {
                fence.text.push_str(line);
                fence.text.push('\n');
                open = Some(fence);
            }
            (None, None) => {}
        }
    }
    fences
}

/// TOML that no program's tests read: each example says first whose file it is.
#[must_use]
pub fn unread_examples(tree: &Tree) -> Vec<String> {
    let read = |text: &str| CONFIGS.iter().any(|name| text.starts_with(&format!("# {name}")));
    let all = documents(tree).flat_map(fences);
    all.filter(|fence| fence.kind == "toml" && !read(&fence.text))
        .map(|fence| {
            let names = CONFIGS.join("` or `# ");
            format!(
                "{}:{}: begin this example with `# {names}`, so that a test reads it",
                fence.path, fence.line
            )
        })
        .collect()
}

/// Links to files that are not there.
#[must_use]
pub fn dead_links(tree: &Tree) -> Vec<String> {
    let mut problems = Vec::new();
    for file in documents(tree) {
        for (n, line) in file.text.lines().enumerate() {
            for (_, rest) in line.match_indices("](").map(|(at, _)| line.split_at(at + 2)) {
                let target = rest.split([')', '#']).next().unwrap_or("");
                if target.is_empty() || target.contains("://") || exists(tree, &resolved(&file.path, target))
                {
                    continue;
                }
                problems.push(format!("{}:{}: {target} is not there", file.path, n + 1));
            }
        }
    }
    problems
}

/// What a requirement's line names and nothing is called, and lines that claim without naming.
#[must_use]
pub fn unproven(tree: &Tree, requirements: &str) -> Vec<String> {
    let names = Names::of(tree);
    let mut problems = Vec::new();
    for line in requirements.lines().filter(|line| line.starts_with("| ")) {
        let cells: Vec<&str> = line.trim_matches('|').split(" | ").map(str::trim).collect();
        let [id, _, state, implements, proves] = cells.as_slice() else { continue };
        if !id.starts_with(['A', 'B', 'C']) {
            continue;
        }
        let claims = matches!(*state, "built" | "partly");
        if claims != (!implements.is_empty() && !proves.is_empty()) {
            problems
                .push(format!("{id}: `{state}` is said when, and only when, both last cells name something"));
        }
        let unknown = quoted(proves).chain(quoted(implements)).filter(|name| !names.know(tree, name));
        problems.extend(unknown.map(|name| format!("{id}: {name} is the name of nothing")));
    }
    problems
}

/// What tests are called.
struct Names<'a> {
    functions: BTreeSet<&'a str>,
    titles: BTreeSet<&'a str>,
    targets: BTreeSet<&'a str>,
}

impl<'a> Names<'a> {
    fn of(tree: &'a Tree) -> Self {
        let lines = |ending: &'static str| {
            let files = tree.files.iter().filter(move |file| file.path.ends_with(ending));
            files.flat_map(|file| file.text.lines()).map(str::trim_start)
        };
        let function =
            |line: &'a str| line.trim_start_matches("async ").strip_prefix("fn ")?.split(['(', '<']).next();
        let title = |line: &'a str| line.strip_prefix("test(\"")?.split('"').next();
        let makefile = tree.file("Makefile").map_or("", |file| &file.text);
        let target = |line: &'a str| line.split_once(": ").map(|(target, _)| target);
        Self {
            functions: lines(".rs").filter_map(function).collect(),
            titles: lines(".ts").filter_map(title).collect(),
            targets: makefile.lines().filter_map(target).collect(),
        }
    }

    fn know(&self, tree: &Tree, name: &str) -> bool {
        match name.strip_prefix("make ") {
            Some(target) => self.targets.contains(target),
            None if name.contains('/') && !name.contains(' ') => name.starts_with('/') || exists(tree, name),
            None if name.contains(' ') => {
                self.titles.contains(name) || name.starts_with("POST ") || name.starts_with("GET ")
            }
            None if name.matches('_').count() > 1 => {
                self.functions.contains(name) || name.starts_with("sluice_")
            }
            // A word of the code or of the API.
            None => true,
        }
    }
}

/// What stands between backticks or quotation marks.
fn quoted(cell: &str) -> impl Iterator<Item = &str> {
    ['`', '"'].into_iter().flat_map(|mark| cell.split(mark).skip(1).step_by(2))
}

/// Whether a file or a directory of this path is kept.
fn exists(tree: &Tree, path: &str) -> bool {
    let below = format!("{}/", path.trim_end_matches('/'));
    tree.files.iter().any(|file| file.path == path || file.path.starts_with(&below))
}

/// A link's target from the top.
fn resolved(document: &str, target: &str) -> String {
    let mut parts: Vec<&str> = document.split('/').collect();
    parts.pop();
    for part in target.split('/') {
        match part {
            "." | "" => {}
            ".." => drop(parts.pop()),
            part => parts.push(part),
        }
    }
    parts.join("/")
}

/// Configuration files that have a reference and a test.
const CONFIGS: [&str; 2] = ["hub.toml", "edge.toml"];

#[cfg(test)]
mod tests {
    use super::*;

    fn tree(files: &[(&str, &str)]) -> Tree {
        let file = |(path, text): &(&str, &str)| File { path: (*path).into(), text: (*text).into() };
        Tree { files: files.iter().map(file).collect(), ..Tree::default() }
    }

    #[test]
    fn an_example_that_nobody_reads_is_named_with_its_line() {
        let tree = tree(&[(
            "docs/a.md",
            "text\n```toml\n# hub.toml\na = 1\n```\n```toml\na = 1\n```\n```sh\n```\n",
        )]);
        let problems = unread_examples(&tree);
        assert!(problems.len() == 1 && problems[0].starts_with("docs/a.md:6:"), "{problems:#?}");
    }

    #[test]
    fn a_link_to_nothing_is_named_and_one_out_of_the_house_is_not() {
        let text = "[a](../b/c.md#x) [d](d.md) [e](https://e.org/f) [g](#h) [b](../b) [n](n.md)";
        let problems = dead_links(&tree(&[("docs/a/a.md", text), ("docs/b/c.md", ""), ("docs/a/d.md", "")]));
        assert!(problems.len() == 1 && problems[0].contains("n.md"), "{problems:#?}");
    }

    #[test]
    fn a_claim_names_what_proves_it_and_what_it_names_exists() {
        let tree = tree(&[
            ("hub/a/src/tests.rs", "    async fn it_works_at_once() {\n"),
            ("tests/browser/a.ts", "  test(\"it plays\", () => 1);\n"),
        ]);
        let line = |state: &str, proves: &str| {
            unproven(&tree, &format!("| A01 | x | {state} | y | {proves} |")).len()
        };
        assert_eq!(line("built", "`it_works_at_once`, browser: \"it plays\", `hub/a`"), 0);
        assert_eq!(line("built", "`it_never_works`"), 1);
        assert_eq!(line("partly", "browser: \"it sings\""), 1);
        assert_eq!(line("partly", "`hub/b/tests`"), 1);
        assert_eq!(unproven(&tree, "| A01 | x | built | y |  |").len(), 1);
        assert_eq!(unproven(&tree, "| A01 | x | planned |  |  |").len(), 0);
    }
}
