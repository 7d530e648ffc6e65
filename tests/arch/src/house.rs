use std::collections::BTreeMap;

use serde::Deserialize;

/// `house.toml`.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct House {
    /// Allowed directories at the top.
    pub top: Vec<String>,
    /// Rooms without tokio in their tree.
    pub pure: Vec<String>,
    /// Room, or `place/*`, to the rooms it may depend on.
    pub arrows: BTreeMap<String, Vec<String>>,
    /// Rooms that are no crate, and what they are.
    pub not_crates: BTreeMap<String, String>,
    /// Foreign crate to the rooms, or directories in them, that may use it.
    pub crates: BTreeMap<String, Vec<String>>,
    /// Large file to the reason why it is.
    pub large_files: BTreeMap<String, String>,
}

impl House {
    /// Reads the list.
    ///
    /// # Panics
    /// When it is no TOML of this shape.
    #[must_use]
    pub fn parse(text: &str) -> Self {
        toml::from_str(text).unwrap_or_else(|error| panic!("tests/arch/house.toml: {error}"))
    }

    /// What `room` may depend on; `None` for a room that the list does not know.
    #[must_use]
    pub fn may(&self, room: &str) -> Option<&[String]> {
        let wildcard = || self.arrows.get(&format!("{}/*", room.split_once('/')?.0));
        self.arrows.get(room).or_else(wildcard).map(Vec::as_slice)
    }
}

/// Whether `room` is `pattern`, or lies in the place that `pattern` names as `place/*`.
pub(crate) fn matches(pattern: &str, room: &str) -> bool {
    pattern.strip_suffix('*').map_or(pattern == room, |place| room.starts_with(place))
}
