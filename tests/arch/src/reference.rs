use std::fmt::Write as _;

use crate::{File, Tree, documents::documents};

/// The configuration file that `docs/reference/config.md` must show for the structs in `source`: each key with
/// the comment of its field above it. Values are those of `shown`, the block as it stands in the document; the
/// program's own tests hold them to the defaults.
///
/// # Panics
/// When `source` has no struct `Config`.
#[must_use]
pub fn config_block(name: &str, source: &str, shown: &str) -> String {
    let top = fields(source, "Config").expect("the source has a struct Config");
    let (sections, keys): (Vec<_>, Vec<_>) =
        top.into_iter().partition(|field| fields(source, &field.kind).is_some());
    let mut block = format!("# {name}: every key, at its default where it has one\n");
    keys.iter().for_each(|key| block.push_str(&key.shown("", shown)));
    for section in sections {
        let _ = write!(block, "\n{}[{}]\n", comment(&section.about), section.name);
        let inside = fields(source, &section.kind).unwrap_or_default();
        inside.iter().for_each(|key| block.push_str(&key.shown(&section.name, shown)));
    }
    block
}

/// A field of a struct.
struct Field {
    name: String,
    kind: String,
    about: String,
}

impl Field {
    fn shown(&self, section: &str, shown: &str) -> String {
        let (set, unset) = (format!("{} = ", self.name), format!("# {} = ", self.name));
        let mut at = "";
        let line = shown.lines().find(|line| {
            if let Some(name) = line.strip_prefix('[') {
                at = name.trim_end_matches(']');
            }
            let optional = self.kind.starts_with("Option<") && line.starts_with(&unset);
            at == section && (line.starts_with(&set) || optional)
        });
        format!("{}{}\n", comment(&self.about), line.unwrap_or(&format!("{set}?")))
    }
}

/// The public fields of a struct, with their comments.
fn fields(source: &str, name: &str) -> Option<Vec<Field>> {
    let (_, body) = source.split_once(&format!("pub struct {name} {{\n"))?;
    let (mut fields, mut about) = (Vec::new(), Vec::new());
    for line in body.lines().take_while(|line| *line != "}").map(str::trim) {
        if let Some(text) = line.strip_prefix("/// ") {
            about.push(text);
        } else if let Some((name, kind)) = line.strip_prefix("pub ").and_then(|line| line.split_once(": ")) {
            let kind = kind.trim_end_matches(',').to_owned();
            fields.push(Field { name: name.to_owned(), kind, about: std::mem::take(&mut about).join(" ") });
        }
    }
    Some(fields)
}

/// A text as comment lines of at most 100 characters.
fn comment(text: &str) -> String {
    let mut lines = vec![String::from("#")];
    for word in text.split_whitespace() {
        if lines.last().is_some_and(|line| line.chars().count() + 1 + word.chars().count() > 100) {
            lines.push(String::from("#"));
        }
        if let Some(line) = lines.last_mut() {
            let _ = write!(line, " {word}");
        }
    }
    lines.join("\n") + "\n"
}

/// A metric as a program exposes it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Metric {
    /// With prefix and, for a counter, its `_total`.
    pub name: String,
    /// `counter`, `gauge` or `histogram`, and the label where it has one.
    pub kind: String,
    /// Its help text.
    pub about: String,
}

/// Every metric of a program, `hub` or `edge`, read from the `metrics.rs` of its rooms, by name.
#[must_use]
pub fn metrics(tree: &Tree, program: &str) -> Vec<Metric> {
    let rooms = |file: &&File| {
        file.path.ends_with("/metrics.rs")
            && match file.room() {
                // Both pull cameras, each under a prefix of its own.
                Some("shared/source") => true,
                Some("shared/webrtc") => program == "hub",
                Some(room) => room.starts_with(program),
                None => false,
            }
    };
    let mut all: Vec<Metric> =
        tree.files.iter().filter(rooms).flat_map(|file| of_file(tree, program, &file.text)).collect();
    all.sort();
    all
}

/// The table of `docs/reference/metrics.md`.
#[must_use]
pub fn metrics_table(metrics: &[Metric]) -> String {
    let mut table = String::from("| metric | kind | meaning |\n|---|---|---|\n");
    for Metric { name, kind, about } in metrics {
        let _ = writeln!(table, "| `{name}` | {kind} | {about} |");
    }
    table
}

/// Metrics that a document names and no program exposes.
#[must_use]
pub fn unknown_metrics(tree: &Tree, known: &[String]) -> Vec<String> {
    let mut problems = Vec::new();
    for file in documents(tree) {
        for (n, line) in file.text.lines().enumerate() {
            let words = line.split(|letter: char| !letter.is_ascii_alphanumeric() && letter != '_');
            // Crates stand in log filters, and the console's cookie has no room; a trailing underscore is a family.
            let metric = |word: &&str| word.starts_with("sluice_") && word.matches('_').count() > 1;
            let named = words.filter(metric).filter(|word| !is_crate(tree, word));
            let unknown = named.filter(|word| !known.iter().any(|name| name == word) && !word.ends_with('_'));
            problems
                .extend(unknown.map(|word| format!("{}:{}: no program exposes {word}", file.path, n + 1)));
        }
    }
    problems
}

/// Whether this is how Rust writes the name of one of our crates.
fn is_crate(tree: &Tree, word: &str) -> bool {
    let room = word.trim_start_matches("sluice_").replace('_', "/");
    let shared = |place: &str| tree.rooms.contains(&format!("{place}/{room}"));
    tree.rooms.contains(&room) || shared("shared") || shared("tests")
}

/// Registrations are `("name", "help", …field…)`, under the last `register("prefix", |registry|` before them or
/// the one that hands the section's registry in from another room.
fn of_file(tree: &Tree, program: &str, text: &str) -> Vec<Metric> {
    let text = text.split_whitespace().collect::<Vec<_>>().join(" ").replace("( ", "(");
    let (mut metrics, mut prefix) = (Vec::new(), handed_in(tree, program, &text));
    for (at, _) in text.match_indices("(\"") {
        let Some((name, rest)) = text[at + 2..].split_once('"') else { continue };
        let Some(rest) = rest.strip_prefix(", ") else { continue };
        if rest.starts_with("|registry|") {
            prefix = Some(name.to_owned());
        } else if let (Some(prefix), Some((about, value))) = (&prefix, help(&text[..at], rest)) {
            let (kind, suffix) = kind(&text, field(value));
            metrics.push(Metric {
                name: format!("sluice_{prefix}_{name}{suffix}"),
                kind,
                about: about.to_owned(),
            });
        }
    }
    metrics
}

/// The prefix that a room of the program gives to `Type::register` of this file.
fn handed_in(tree: &Tree, program: &str, text: &str) -> Option<String> {
    let (_, rest) = text.split_once("pub struct ")?;
    let call = format!(", {}::register)", rest.split(' ').next()?);
    let of_program = |file: &&File| file.path.starts_with(program) && file.text.contains(&call);
    let caller = tree.files.iter().find(of_program)?;
    let (before, _) = caller.text.split_once(&call)?;
    Some(before.rsplit('"').nth(1)?.to_owned())
}

/// The help text, given in place or by a `let` before, and what follows it.
fn help<'a>(before: &'a str, rest: &'a str) -> Option<(&'a str, &'a str)> {
    if let Some(literal) = rest.strip_prefix('"') {
        return literal.split_once("\", ");
    }
    let (variable, value) = rest.split_once(", ")?;
    let (_, literal) = before.rsplit_once(&format!("let {variable} = \""))?;
    Some((literal.split('"').next()?, value))
}

/// The field in `&all.field)` or `all.field.clone())`.
fn field(value: &str) -> &str {
    let path = value.split([')', ',']).next().unwrap_or(value).trim_start_matches('&');
    path.split('.').nth(1).unwrap_or(path).trim_end_matches("clone(")
}

fn kind(text: &str, field: &str) -> (String, &'static str) {
    let declared = text.split_once(&format!(") {field}: ")).map_or("", |(_, rest)| rest);
    let declared =
        declared.split_once(", pub").map_or(declared, |(kind, _)| kind).split(" }").next().unwrap_or("");
    if let Some(labels) = declared.strip_prefix("Family<") {
        let labels = labels.split(',').next().unwrap_or("");
        let inside = text.split_once(&format!("struct {labels} {{ ")).map_or("", |(_, rest)| rest);
        let label =
            inside.split_once(')').map_or(inside, |(_, rest)| rest).split(':').next().unwrap_or("").trim();
        return (format!("counter by `{label}`"), "_total");
    }
    let wrapped = text.split_once(&format!("struct {}(", declared.trim_end_matches(',')));
    let declared = wrapped.map_or(declared, |(_, rest)| rest.split(");").next().unwrap_or(""));
    match declared {
        kind if kind.starts_with("Counter") => ("counter".to_owned(), "_total"),
        kind if kind.starts_with("Gauge") => ("gauge".to_owned(), ""),
        kind if kind.contains("Histogram") => ("histogram".to_owned(), ""),
        kind => (format!("? {kind}"), ""),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CONFIG: &str = "/// All.\npub struct Config {\n    /// Where it lies;\n    /// made if absent.\n    pub dir: PathBuf,\n    \
        /// The door.\n    #[serde(default)]\n    pub door: Door,\n}\n\n/// The door.\npub struct Door {\n    \
        /// Where it opens.\n    pub listen: SocketAddr,\n    /// Its key.\n    pub key: Option<PathBuf>,\n}\n";

    #[test]
    fn keys_stand_in_their_sections_below_their_comments() {
        let shown = "dir = \"/x\"\n[other]\nlisten = \"wrong\"\n[door]\n# key = \"/k\"\nlisten = \"[::]:1\"\nold = 1\n";
        let block = config_block("a.toml", CONFIG, shown);
        let expected = "# a.toml: every key, at its default where it has one\n# Where it lies; made if absent.\ndir = \"/x\"\n\n\
            # The door.\n[door]\n# Where it opens.\nlisten = \"[::]:1\"\n# Its key.\n# key = \"/k\"\n";
        assert_eq!(block, expected);
        assert!(config_block("a.toml", CONFIG, "").contains("listen = ?"));
    }

    #[test]
    fn metrics_are_read_in_each_form_they_are_written_in() {
        let source = "pub struct M { pub(crate) pulls: Gauge, pub(crate) failures: Family<By, Counter>, pub(crate) took: Took, }\n\
            pub(crate) struct By { pub(crate) reason: Code, }\npub(crate) struct Took(pub(crate) Histogram);\n\
            metrics.register(\"a\", |registry| {\n registry.register(\n  \"pulls\",\n  \"Pulls now\",\n  all.pulls.clone(),\n );\n\
            let counters = [(\"failures\", \"Failed\", &all.failures)];\nlet help = \"How long\";\n\
            registry.register(\"took\", help, this.took.0.clone());\n";
        let file = File { path: "hub/a/src/metrics.rs".into(), text: source.into() };
        let tree = Tree { files: vec![file], ..Tree::default() };
        let table = metrics_table(&metrics(&tree, "hub"));
        for row in [
            "| `sluice_a_pulls` | gauge | Pulls now |",
            "| `sluice_a_failures_total` | counter by `reason` | Failed |",
            "| `sluice_a_took` | histogram | How long |",
        ] {
            assert!(table.contains(row), "{row}\n{table}");
        }
    }
}
