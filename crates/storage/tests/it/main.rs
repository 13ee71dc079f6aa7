//! The rules that every relational store keeps, as functions over a [`storage::Database`], run on each backend.
//!
//! A module holds the rules of one concept and names them in [`contract!`]. What only SQLite has is in `sqlite_file`, what only
//! PostgreSQL has in `postgres_server`; the latter and the rules on PostgreSQL need the feature `cluster` and a server.

/// Makes a test of each named rule on each backend.
macro_rules! contract {
    ($($rule:ident),+ $(,)?) => {
        mod sqlite {
            $(
                #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn $rule() {
                    let fresh = crate::backend::sqlite().await;
                    super::$rule(&fresh.database).await;
                }
            )+
        }

        #[cfg(feature = "cluster")]
        mod postgres {
            $(
                #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn $rule() {
                    let fresh = crate::postgres_backend::fresh().await;
                    super::$rule(&fresh.database).await;
                }
            )+
        }
    };
}

mod backend;
mod fixtures;

mod billed_lines;
mod clocks;
mod conditions;
mod due_work;
mod generations;
mod idempotency;
mod lists;
mod migrations;
mod paired_migrations;
mod platform;
#[cfg(feature = "cluster")]
mod postgres_backend;
#[cfg(feature = "cluster")]
mod postgres_reader;
#[cfg(feature = "cluster")]
mod postgres_server;
mod records;
mod sequences;
mod sqlite_file;
mod uniqueness;
mod units_of_work;
