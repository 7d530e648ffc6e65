use std::{fs, path::Path};

/// A text file of the repository.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct File {
    /// From the top, with `/`.
    pub path: String,
    /// What stands in it.
    pub text: String,
}

/// Everything that is kept: no build output, no installed packages.
#[derive(Debug, Clone, Default)]
pub struct Tree {
    /// Directories at the top.
    pub top: Vec<String>,
    /// Directories one below: the rooms.
    pub rooms: Vec<String>,
    /// All text files.
    pub files: Vec<File>,
}

impl Tree {
    /// Reads the repository at `root`.
    ///
    /// # Panics
    /// When it cannot be read.
    #[must_use]
    pub fn load(root: &Path) -> Self {
        let mut tree = Self::default();
        tree.walk(root, "");
        tree.files.sort_by(|a, b| a.path.cmp(&b.path));
        tree
    }

    /// The file at `path`.
    #[must_use]
    pub fn file(&self, path: &str) -> Option<&File> {
        self.files.iter().find(|file| file.path == path)
    }

    fn walk(&mut self, directory: &Path, prefix: &str) {
        let entries =
            fs::read_dir(directory).unwrap_or_else(|error| panic!("{}: {error}", directory.display()));
        for entry in entries.flatten() {
            let name = entry.file_name().to_string_lossy().into_owned();
            let path = format!("{prefix}{name}");
            let Ok(kind) = entry.file_type() else { continue };
            if OUTPUT.contains(&name.as_str()) || name.starts_with('.') && !KEPT.contains(&name.as_str()) {
                continue;
            }
            if kind.is_dir() {
                match prefix.matches('/').count() {
                    0 => self.top.push(path.clone()),
                    1 if !path.starts_with('.') => self.rooms.push(path.clone()),
                    _ => {}
                }
                self.walk(&entry.path(), &format!("{path}/"));
            } else if kind.is_file() && !BINARY.iter().any(|ending| name.ends_with(ending)) {
                // What is no UTF-8 is no text.
                if let Ok(text) = fs::read_to_string(entry.path()) {
                    self.files.push(File { path, text });
                }
            }
        }
    }
}

impl File {
    /// Whether only tests use it.
    #[must_use]
    pub fn is_test(&self) -> bool {
        self.path.starts_with("tests/")
            || self.path.contains("/tests/")
            || self.path.contains("/test/")
            || self.path.ends_with("/tests.rs")
            || self.path.ends_with(".test.ts")
    }

    /// Whether it is Rust, TypeScript or JavaScript.
    #[must_use]
    pub fn is_code(&self) -> bool {
        [".rs", ".ts", ".mjs", ".js"].iter().any(|ending| self.path.ends_with(ending))
    }

    /// Its lines in front of its tests.
    pub fn production(&self) -> impl Iterator<Item = (usize, &str)> {
        let lines = self.text.lines().enumerate().map(|(n, line)| (n + 1, line));
        lines.take_while(|(_, line)| !line.starts_with("#[cfg(test)]"))
    }

    /// The room it lies in: its first two directories.
    #[must_use]
    pub fn room(&self) -> Option<&str> {
        let (at, _) = self.path.match_indices('/').nth(1)?;
        Some(&self.path[..at])
    }
}

/// Made by builds; kept out of the repository.
const OUTPUT: [&str; 4] = ["target", "node_modules", "dist", "proptest-regressions"];
/// Of what begins with a dot; the rest belongs to git and to each one's editor.
const KEPT: [&str; 6] = [".ci", ".github", ".config", ".cargo", ".gitignore", ".gitattributes"];
const BINARY: [&str; 5] = [".png", ".rtp", ".bin", ".log", ".gz"];
