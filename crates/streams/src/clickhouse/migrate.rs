//! Brings the tables to the newest definition: numbered steps, recorded, each safe to run twice and beside another process.

use clickhouse::Row;
use serde::Deserialize;
use sha2::{Digest, Sha256};

use super::block::{Block, TableRow};
use super::engine::Engine;
use super::schema::{MIGRATIONS, Target, foundation};
use crate::EventStoreError;

/// A step that was applied.
#[derive(Row, Deserialize)]
struct AppliedRow {
    version: u32,
    name: String,
    checksum: u64,
}

impl TableRow for AppliedRow {
    const TABLE: &'static str = "schema_migrations";

    fn write(rows: &[Self], block: &mut Block) {
        block.numbers("version", "UInt32", rows.iter().map(|row| row.version.to_le_bytes()));
        block.texts("name", rows.iter().map(|row| row.name.as_str()));
        block.numbers("checksum", "UInt64", rows.iter().map(|row| row.checksum.to_le_bytes()));
    }
}

/// Applies what is missing.
pub(super) async fn migrate(engine: &Engine) -> Result<(), EventStoreError> {
    let options = engine.options();
    let target = Target { database: &options.database, cluster: options.cluster.as_deref() };
    for statement in foundation(&target) {
        engine.execute_outside(&statement).await?;
    }
    let applied = applied(engine).await?;
    for migration in &MIGRATIONS {
        let statements = (migration.statements)(&target);
        let checksum = checksum(&statements);
        if let Some(known) = applied.iter().find(|known| known.version == migration.version) {
            if known.checksum != checksum {
                let text = format!("migration {} was changed after it had been applied", migration.version);
                return Err(EventStoreError::Corrupt(text));
            }
            continue;
        }
        tracing::info!(version = migration.version, name = migration.name, "migrates clickhouse");
        for statement in &statements {
            engine.execute(statement).await?;
        }
        // Of several processes that come here at once, the token lets one record it.
        let row = AppliedRow { version: migration.version, name: migration.name.to_owned(), checksum };
        engine.insert(&[row], &format!("migration-{}", migration.version)).await?;
    }
    Ok(())
}

/// Refuses tables that this program does not know or that lack a step.
pub(super) async fn check(engine: &Engine) -> Result<(), EventStoreError> {
    let newest = MIGRATIONS.iter().map(|migration| migration.version).max().unwrap_or(0);
    let found = applied(engine).await?.iter().map(|applied| applied.version).max().unwrap_or(0);
    // A newer release may have added to them: it leaves the older one running.
    if found < newest {
        return Err(EventStoreError::Unavailable(format!("clickhouse: migration {newest} is missing, the tables are at {found}")));
    }
    Ok(())
}

async fn applied(engine: &Engine) -> Result<Vec<AppliedRow>, EventStoreError> {
    engine.rows("SELECT version, name, checksum FROM schema_migrations ORDER BY version").await
}

fn checksum(statements: &[String]) -> u64 {
    let mut hash = Sha256::new();
    for statement in statements {
        hash.update(statement.as_bytes());
    }
    let hash: [u8; 32] = hash.finalize().into();
    hash[..8].iter().fold(0, |number, byte| number << 8 | u64::from(*byte))
}
