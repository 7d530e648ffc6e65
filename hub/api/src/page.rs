use axum::extract::{FromRequestParts, Query};
use axum::http::request::Parts;
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use sluice_hub_store::PageOf;
use utoipa::{IntoParams, ToSchema};

use crate::problem::{FieldFault, Problem};

/// Part of a list.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(crate) struct Page<T> {
    /// In the list's order.
    pub(crate) items: Vec<T>,
    /// What to send as `cursor` for the rest; `null` at the end.
    pub(crate) next: Option<String>,
}

/// Which part of a list is asked for.
#[derive(Debug, Clone, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(crate) struct ListQuery {
    /// `next` of the part before.
    pub(crate) cursor: Option<String>,
    /// At most so many items, 1 to 500; 100 if absent.
    pub(crate) limit: Option<u32>,
}

impl<U> Page<U> {
    /// A part of a list as the store gave it.
    pub(crate) fn of<T, I: ToString>(part: sluice_hub_store::Page<T, I>, show: impl FnMut(T) -> U) -> Self {
        let next = part.next.map(|id| id.to_string());
        Self { items: part.items.into_iter().map(show).collect(), next }
    }
}

impl ListQuery {
    /// The part that is asked for, as the store takes it.
    pub(crate) fn part<T: std::str::FromStr>(&self) -> Result<PageOf<T>, Problem> {
        Ok(PageOf { after: self.after()?, limit: self.limit()? })
    }

    /// How many items are asked for.
    pub(crate) fn limit(&self) -> Result<u32, Problem> {
        match self.limit.unwrap_or(100) {
            limit @ 1..=500 => Ok(limit),
            _ => Err(Problem::invalid(vec![FieldFault {
                field: "limit".into(),
                code: "out-of-range",
                text: "limit is 1 to 500".into(),
            }])),
        }
    }

    /// Where the part begins: after the item of this id.
    pub(crate) fn after<T: std::str::FromStr>(&self) -> Result<Option<T>, Problem> {
        let fault = || FieldFault {
            field: "cursor".into(),
            code: "invalid",
            text: "send the cursor that the part before answered, unchanged".into(),
        };
        self.cursor
            .as_deref()
            .map(|text| text.parse().map_err(|_| Problem::invalid(vec![fault()])))
            .transpose()
    }
}

/// Cuts `items`, of which one more than `limit` was read, into a page.
pub(crate) fn page<T, U>(
    mut items: Vec<T>,
    limit: u32,
    id: impl Fn(&T) -> String,
    show: impl FnMut(T) -> U,
) -> Page<U> {
    let limit = limit as usize;
    let more = items.len() > limit;
    items.truncate(limit);
    let next = if more { items.last().map(id) } else { None };
    Page { items: items.into_iter().map(show).collect(), next }
}

/// A query string; what it cannot take is a problem.
#[derive(Debug)]
pub(crate) struct Asked<T>(pub(crate) T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequestParts<S> for Asked<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let Query(asked) = Query::<T>::from_request_parts(parts, state).await.map_err(|error| {
            let text = error.body_text();
            Problem::invalid(vec![FieldFault { field: "query".into(), code: "invalid", text }])
        })?;
        Ok(Self(asked))
    }
}
