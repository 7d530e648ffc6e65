use crate::problem::{FieldFault, Problem};

/// Collects what is wrong with a request, so that all of it is told at once.
#[derive(Debug, Default)]
pub(crate) struct Faults(Vec<FieldFault>);

impl Faults {
    /// Notes a fault.
    pub(crate) fn add(&mut self, field: impl Into<String>, code: &'static str, text: impl Into<String>) {
        self.0.push(FieldFault { field: field.into(), code, text: text.into() });
    }

    /// The problem, if there is any.
    pub(crate) fn finish(self) -> Result<(), Problem> {
        if self.0.is_empty() { Ok(()) } else { Err(Problem::invalid(self.0)) }
    }

    /// The id of this kind, or a fault and `None`.
    pub(crate) fn id<T>(&mut self, field: &str, text: &str) -> Option<T>
    where
        T: std::str::FromStr,
        T::Err: std::fmt::Display,
    {
        text.parse().map_err(|error: T::Err| self.add(field, "invalid", error.to_string())).ok()
    }

    /// A name for people: something to read, on one line, not endless.
    pub(crate) fn name(&mut self, field: &str, text: &str) -> String {
        let name = text.trim();
        if name.is_empty() {
            self.add(field, "missing", "give it a name");
        } else if name.chars().count() > MOST_NAME_CHARS {
            self.add(field, "too-long", format!("a name has at most {MOST_NAME_CHARS} characters"));
        } else if name.chars().any(char::is_control) {
            self.add(field, "invalid", "a name has no control characters");
        }
        name.to_owned()
    }
}

/// Longer names do not fit a tile.
pub(crate) const MOST_NAME_CHARS: usize = 120;
