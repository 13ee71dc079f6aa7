//! Sandbox clocks: one instant for an environment, or none.

use domain::ids::EnvironmentId;
use domain::time::Timestamp;
use storage::{Database, clocks};

use crate::fixtures::{at, begin, neighbours, scope};

contract!(a_clock_is_set_moved_and_taken_away, clocks_of_environments_are_separate, a_clock_moves_with_its_unit_of_work);

async fn all(database: &Database) -> Vec<(EnvironmentId, Timestamp)> {
    let mut all = clocks::all(&mut database.clone()).await.expect("read");
    all.sort();
    all
}

async fn a_clock_is_set_moved_and_taken_away(database: &Database) {
    assert_eq!(all(database).await, []);
    for instant in [at(1), at(9), at(-5)] {
        let mut work = begin(database).await;
        clocks::set(&mut work, &scope(), instant).await.expect("set");
        work.commit().await.expect("committed");
        assert_eq!(all(database).await, [(scope().environment_id, instant)]);
    }
    let mut work = begin(database).await;
    clocks::remove(&mut work, &scope()).await.expect("removed");
    clocks::remove(&mut work, &scope()).await.expect("removed, also when there is none");
    work.commit().await.expect("committed");
    assert_eq!(all(database).await, []);
}

async fn clocks_of_environments_are_separate(database: &Database) {
    let [other_environment, other_tenant] = neighbours();
    let mut work = begin(database).await;
    clocks::set(&mut work, &scope(), at(1)).await.expect("set");
    clocks::set(&mut work, &other_environment, at(2)).await.expect("set");
    clocks::remove(&mut work, &other_tenant).await.expect("has none");
    work.commit().await.expect("committed");
    assert_eq!(all(database).await, [(other_environment.environment_id, at(2)), (scope().environment_id, at(1))]);
}

async fn a_clock_moves_with_its_unit_of_work(database: &Database) {
    let mut work = begin(database).await;
    clocks::set(&mut work, &scope(), at(1)).await.expect("set");
    assert_eq!(all(database).await, []);
    work.rollback().await.expect("rolled back");
    assert_eq!(all(database).await, []);
}
