//! A migrated database for each test.

use std::path::PathBuf;

use storage::{Database, DatabaseOptions};
use tempfile::TempDir;

/// A database of one test, and what must live as long.
pub(crate) struct Fresh {
    pub(crate) database: Database,
    dir: TempDir,
}

impl Fresh {
    /// The file of the database.
    pub(crate) fn file(&self) -> PathBuf {
        self.dir.path().join("test.db")
    }
}

/// SQLite, in a file of its own.
pub(crate) async fn sqlite() -> Fresh {
    sqlite_with(&DatabaseOptions::default()).await
}

/// SQLite with other options.
pub(crate) async fn sqlite_with(options: &DatabaseOptions) -> Fresh {
    let dir = TempDir::new().expect("a directory");
    let database = Database::open(&dir.path().join("test.db"), options).await.expect("opens");
    database.migrate().await.expect("migrates");
    Fresh { database, dir }
}
