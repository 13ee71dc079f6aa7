//! For tests only: the whole system over temporary stores, driven through its router without a socket. A failed expectation of a
//! helper panics with the request and the answer.

mod answer;
mod builders;
mod clock;
mod entities;
/// Every read path against the plain formulas.
pub mod oracle;

mod routes;
mod test_app;
mod world;

pub use answer::Answer;
pub use builders::{Metered, event, fixed_price, usage_price};
pub use clock::SystemClock;
pub use entities::{Body, ENTITIES, Entity, Made, NAMED, Search};
pub use routes::RouteOfOne;
pub use test_app::{Client, OTHER_KEY, SANDBOX, TEST_KEY, TestApp};
pub use world::World;
