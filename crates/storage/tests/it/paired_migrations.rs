//! Both databases have the same migrations: the same tables, columns and indexes under the same numbers.

use std::fs;
use std::path::{Path, PathBuf};

/// Types of PostgreSQL in which a column of SQLite may be kept.
fn pairs_with(sqlite: &str, postgres: &str) -> bool {
    match sqlite {
        "INTEGER" => ["bigint", "boolean", "timestamptz"].contains(&postgres),
        "TEXT" => ["text COLLATE \"C\"", "numeric", "jsonb"].contains(&postgres),
        _ => false,
    }
}

fn files(database: &str) -> Vec<PathBuf> {
    let dir = Path::new("migrations").join(database);
    let mut files: Vec<PathBuf> = fs::read_dir(dir).expect("a directory").map(|file| file.expect("a file").path()).collect();
    files.sort();
    files
}

fn names(files: &[PathBuf]) -> Vec<String> {
    files.iter().map(|file| file.file_name().expect("a name").to_string_lossy().into_owned()).collect()
}

/// Statements that make tables and indexes, without comments; what only one database needs is left out.
fn schema(file: &Path) -> Vec<String> {
    let text = fs::read_to_string(file).expect("a migration");
    let code: String = text.lines().filter(|line| !line.trim_start().starts_with("--")).map(|line| format!("{line}\n")).collect();
    code.split(';')
        .map(|statement| statement.trim().trim_end_matches(" WITHOUT ROWID").to_owned())
        .filter(|statement| ["CREATE", "ALTER", "DROP"].iter().any(|verb| statement.starts_with(verb)))
        .collect()
}

/// A column's definition as name, type and the rest; other lines have no type.
fn column<'a>(line: &'a str, types: &[&'a str]) -> Option<(&'a str, &'a str, &'a str)> {
    let (name, rest) = line.strip_prefix("    ")?.split_once(' ')?;
    let kind = types.iter().find(|kind| rest.starts_with(**kind))?;
    Some((name, kind, &rest[kind.len()..]))
}

#[test]
fn each_migration_makes_the_same_on_both_databases() {
    let (sqlite, postgres) = (files("sqlite"), files("postgres"));
    assert_eq!(names(&sqlite), names(&postgres));
    let mut columns = 0;
    for (sqlite, postgres) in sqlite.iter().zip(&postgres) {
        let (left, right) = (schema(sqlite), schema(postgres));
        assert_eq!(left.len(), right.len(), "{} makes other things than {}", sqlite.display(), postgres.display());
        for (left, right) in left.iter().zip(&right) {
            let pairs = left.lines().zip(right.lines()).collect::<Vec<_>>();
            assert_eq!(left.lines().count(), right.lines().count(), "{left}\n{right}");
            for (left, right) in pairs {
                let types = ["text COLLATE \"C\"", "numeric", "jsonb", "bigint", "boolean", "timestamptz"];
                match (column(left, &["TEXT", "INTEGER"]), column(right, &types)) {
                    (Some((name, kind, rest)), Some((other_name, other_kind, other_rest))) => {
                        assert_eq!((name, rest), (other_name, other_rest));
                        assert!(pairs_with(kind, other_kind), "{name}: {kind} and {other_kind}");
                        columns += 1;
                    }
                    _ => assert_eq!(left, right),
                }
            }
        }
    }
    assert!(columns > 200, "the test reads the migrations: {columns} columns");
}

/// Statistics are set by code once all migrations ran; those that were released with statistics of their own stay as they are.
#[test]
fn no_new_migration_pastes_statistics() {
    let pasted = |file: &PathBuf| fs::read_to_string(file).expect("a migration").to_uppercase().contains("ANALYZE");
    let pasted: Vec<PathBuf> = files("sqlite").into_iter().chain(files("postgres")).filter(pasted).collect();
    assert_eq!(names(&pasted), ["0002_lookups.sql", "0003_generations.sql", "0004_costsheets.sql", "0005_event_jobs.sql"]);
}
