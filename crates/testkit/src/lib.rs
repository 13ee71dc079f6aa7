//! For tests only: the whole system over temporary stores, driven through its router without a socket. A failed expectation of a
//! helper panics with the request and the answer.

mod answer;
mod builders;
mod clock;
/// Every read path against the plain formulas.
pub mod oracle;

mod test_app;

pub use answer::Answer;
pub use builders::{Metered, event, fixed_price, usage_price};
pub use clock::SystemClock;
pub use test_app::{Client, OTHER_KEY, SANDBOX, TEST_KEY, TestApp};
