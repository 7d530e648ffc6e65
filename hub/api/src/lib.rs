//! The hub's HTTP API under `/api/v1`: extractors, the error envelope, the routes and their OpenAPI document.
//!
//! | module | what |
//! |---|---|
//! | `auth` | who asks: console cookie with CSRF header, API token, viewer token, events URL token; login limits |
//! | `body`, `page`, `validate`, [`Problem`] | what comes in and how it is told when it cannot be taken |
//! | `cors`, `idempotency` | what goes around every route |
//! | `events` | Server-Sent Events of one hub, replayed by id |
//! | `order`, `posters` | what devices are asked to do once, and the pictures they send, kept for minutes |
//! | `steer` | moves that viewers ask for over their connection, carried out as those of the route |
//! | `standing` | how cameras and devices stand, put together from registry, edge and node |
//! | `routes` | one file per noun: contract, right, effect, answer |
//!
//! Invariants: no SQL and no media; every answer that is no success is `application/problem+json`; a row of another
//! tenant does not exist; a secret that came in never goes out.

mod audit;
mod auth;
mod base;
mod body;
mod cors;
mod events;
mod idempotency;
mod order;
mod page;
mod posters;
mod problem;
mod router;
mod routes;
mod standing;
mod state;
mod steer;
mod validate;
mod warm;

pub use auth::{HashError, hash_password};
pub use base::OverTls;
pub use problem::{FieldFault, Problem};
pub use router::{openapi, router};
pub use state::ApiState;
pub use steer::steer;
