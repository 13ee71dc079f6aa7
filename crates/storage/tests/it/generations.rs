//! Counters of changes: they move with the change, and one question tells about many.

use domain::scope::Scope;
use storage::{Database, generations};

use crate::fixtures::{begin, neighbours, scope};

contract!(
    a_topic_that_never_changed_is_at_zero,
    each_change_moves_its_topic_alone,
    a_generation_moves_with_its_unit_of_work,
    many_topics_are_told_at_once_in_the_order_asked,
    concurrent_changes_are_all_counted,
);

async fn advance(database: &Database, scope: &Scope, topic: &str) {
    let mut work = begin(database).await;
    generations::advance(&mut work, scope, topic).await.expect("counted");
    work.commit().await.expect("committed");
}

async fn of(database: &Database, topics: &[(Scope, &str)]) -> Vec<i64> {
    generations::of(&mut database.clone(), topics).await.expect("read")
}

async fn a_topic_that_never_changed_is_at_zero(database: &Database) {
    assert_eq!(of(database, &[(scope(), "meters")]).await, [0]);
    assert_eq!(of(database, &[]).await, [0; 0]);
    assert_eq!(generations::all(&mut database.clone()).await.expect("read"), []);
}

async fn each_change_moves_its_topic_alone(database: &Database) {
    let nobody = Scope { tenant_id: "".into(), environment_id: "".into() };
    let [other_environment, other_tenant] = neighbours();
    advance(database, &scope(), "meters").await;
    advance(database, &scope(), "meters").await;
    advance(database, &other_environment, "meters").await;
    advance(database, &nobody, "platform").await;
    let asked =
        [(scope(), "meters"), (scope(), "customers"), (other_environment, "meters"), (other_tenant, "meters"), (nobody, "platform")];
    assert_eq!(of(database, &asked).await, [2, 0, 1, 0, 1]);
    let mut all = generations::all(&mut database.clone()).await.expect("read");
    all.sort();
    let mut expected: Vec<(Scope, String, i64)> = [(0, 2), (2, 1), (4, 1)]
        .map(|(index, generation): (usize, i64)| (asked[index].0.clone(), asked[index].1.to_owned(), generation))
        .to_vec();
    expected.sort();
    assert_eq!(all, expected);
}

async fn a_generation_moves_with_its_unit_of_work(database: &Database) {
    let mut work = begin(database).await;
    generations::advance(&mut work, &scope(), "meters").await.expect("counted");
    assert_eq!(of(database, &[(scope(), "meters")]).await, [0], "not before the commit");
    work.rollback().await.expect("rolled back");
    assert_eq!(of(database, &[(scope(), "meters")]).await, [0]);
}

async fn many_topics_are_told_at_once_in_the_order_asked(database: &Database) {
    let scope_of = |number: usize| Scope { tenant_id: "tenant".into(), environment_id: format!("environment_{number}").as_str().into() };
    let mut work = begin(database).await;
    for number in (0..1_500).step_by(3) {
        generations::advance(&mut work, &scope_of(number), "meters").await.expect("counted");
    }
    work.commit().await.expect("committed");
    let asked: Vec<(Scope, &str)> = (0..1_500).rev().map(|number| (scope_of(number), "meters")).collect();
    let expected: Vec<i64> = (0..1_500).rev().map(|number| i64::from(number % 3 == 0)).collect();
    assert_eq!(of(database, &asked).await, expected);
}

async fn concurrent_changes_are_all_counted(database: &Database) {
    let writers: Vec<_> = (0..30)
        .map(|_| {
            let database = database.clone();
            tokio::spawn(async move { advance(&database, &scope(), "meters").await })
        })
        .collect();
    for writer in writers {
        writer.await.expect("no writer fails");
    }
    assert_eq!(of(database, &[(scope(), "meters")]).await, [30]);
}
