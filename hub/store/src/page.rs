use rusqlite::{Connection, Params, Row};

use crate::StoreError;

/// A part of a list, oldest first. `next` is what to ask the following part with; `None` at the end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page<T, Id> {
    /// The rows.
    pub items: Vec<T>,
    /// The last row's id, if more follow.
    pub next: Option<Id>,
}

/// Which part of a list: the rows after `after`, at most `limit` (1 to 1,000).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PageOf<Id> {
    /// The `next` of the part before; `None` begins.
    pub after: Option<Id>,
    /// How many rows at most.
    pub limit: u32,
}

impl<Id> PageOf<Id> {
    /// The first `limit` rows.
    #[must_use]
    pub const fn first(limit: u32) -> Self {
        Self { after: None, limit }
    }
}

impl<Id: ToString + Copy> PageOf<Id> {
    /// What ids must sort after; every id sorts after the empty text.
    pub(crate) fn after_text(&self) -> String {
        self.after.map(|id| id.to_string()).unwrap_or_default()
    }

    /// One row more than asked for tells whether another page follows.
    pub(crate) fn fetch(&self) -> i64 {
        i64::from(self.limit()) + 1
    }

    fn limit(&self) -> u32 {
        self.limit.clamp(1, 1000)
    }

    pub(crate) fn page<T>(&self, mut items: Vec<T>, id: impl Fn(&T) -> Id) -> Page<T, Id> {
        let limit = self.limit() as usize;
        let more = items.len() > limit;
        items.truncate(limit);
        let next = if more { items.last().map(id) } else { None };
        Page { items, next }
    }
}

/// All rows of a cached query.
pub(crate) fn all<T>(
    connection: &Connection,
    query: &str,
    params: impl Params,
    read: impl FnMut(&Row<'_>) -> rusqlite::Result<T>,
) -> Result<Vec<T>, StoreError> {
    let mut statement = connection.prepare_cached(query)?;
    let rows = statement.query_map(params, read)?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// The only row of a cached query, if there is one.
pub(crate) fn one<T>(
    connection: &Connection,
    query: &str,
    params: impl Params,
    read: impl FnOnce(&Row<'_>) -> rusqlite::Result<T>,
) -> Result<Option<T>, StoreError> {
    use rusqlite::OptionalExtension as _;
    let mut statement = connection.prepare_cached(query)?;
    Ok(statement.query_row(params, read).optional()?)
}

/// Runs a cached statement; how many rows it changed.
pub(crate) fn run(connection: &Connection, statement: &str, params: impl Params) -> rusqlite::Result<usize> {
    connection.prepare_cached(statement)?.execute(params)
}
