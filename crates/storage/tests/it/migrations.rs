//! Migrations: they run once, and readiness is proven by a write.

use storage::{Database, sequences};

use crate::fixtures::{begin, customer, scope, seen, store};

contract!(a_second_migration_finds_nothing_to_do, concurrent_migrations_agree, a_check_leaves_the_data_alone);

async fn a_second_migration_finds_nothing_to_do(database: &Database) {
    store(database, &[customer("cust_1")]).await;
    assert_eq!(database.pending_migrations().await.expect("read"), 0);
    assert_eq!(database.migrate().await.expect("migrates"), 0);
    assert_eq!(seen(database, "cust_1").await, Some(customer("cust_1")));
}

async fn concurrent_migrations_agree(database: &Database) {
    let migrations = [(); 4].map(|()| {
        let database = database.clone();
        tokio::spawn(async move { database.migrate().await })
    });
    for migration in migrations {
        assert_eq!(migration.await.expect("joined").expect("migrates"), 0);
    }
}

async fn a_check_leaves_the_data_alone(database: &Database) {
    let mut work = begin(database).await;
    sequences::next(&mut work, &scope(), "readiness", 5).await.expect("a number");
    work.commit().await.expect("committed");
    for _ in 0..3 {
        database.check().await.expect("takes writes");
    }
    assert_eq!(sequences::current(&mut database.clone(), &scope(), "readiness").await.expect("read"), 5);
}
