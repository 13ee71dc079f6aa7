//! Due work: planned once, found by its time, taken off when it is done.

use domain::scope::Scope;
use storage::Database;
use storage::due_work::{self, DueWork, Overdue};

use crate::fixtures::{at, begin, neighbours, scope};

contract!(
    work_is_found_from_its_due_time_on,
    the_earliest_comes_first_and_ids_break_ties,
    a_backlog_in_one_environment_lets_others_have_their_turns,
    planning_again_moves_the_work_and_forgets_its_failures,
    work_that_is_done_is_gone,
    cancelling_takes_one_kind_of_one_entity,
    a_failure_is_noted_and_puts_the_work_off,
    environments_with_a_clock_of_their_own_are_left_alone,
    work_of_other_scopes_is_not_seen,
    pages_of_kinds_follow_each_other_by_position,
    a_piece_is_read_by_its_id,
    planning_is_undone_by_a_rollback,
    what_is_overdue_is_counted_by_kind,
);

fn work_in(scope: &Scope, id: &str, due: i64) -> DueWork {
    let (kind, entity) = id.split_once('/').expect("kind/entity");
    DueWork {
        scope: scope.clone(),
        id: id.into(),
        kind: kind.into(),
        entity_id: entity.into(),
        due_at: at(due),
        attempts: 0,
        last_error: String::new(),
    }
}

fn work(id: &str, due: i64) -> DueWork {
    work_in(&scope(), id, due)
}

async fn plan(database: &Database, planned: &[DueWork]) {
    let mut unit = begin(database).await;
    for work in planned {
        due_work::plan(&mut unit, work).await.expect("planned");
    }
    unit.commit().await.expect("committed");
}

async fn earliest(database: &Database, until: i64) -> Option<DueWork> {
    due_work::earliest(&mut database.clone(), &scope(), at(until)).await.expect("read")
}

async fn due_ids(database: &Database, now: i64, limit: i64) -> Vec<String> {
    let due = due_work::due(&mut database.clone(), at(now), limit).await.expect("read");
    due.into_iter().map(|work| work.id).collect()
}

async fn what_is_overdue_is_counted_by_kind(database: &Database) {
    let other = &neighbours()[1];
    plan(database, &[work("roll/a", 10), work("roll/b", 20), work("bill/a", 15), work("roll/later", 99), work_in(other, "roll/a", 5)])
        .await;
    let overdue = due_work::overdue(&mut database.clone(), at(20)).await.expect("read");
    let of = |kind: &str, pieces, since| Overdue { kind: kind.to_owned(), pieces, since: at(since) };
    assert_eq!(overdue, [of("bill", 1, 15), of("roll", 3, 5)]);
    assert_eq!(due_work::overdue(&mut database.clone(), at(4)).await.expect("read"), []);
}

async fn work_is_found_from_its_due_time_on(database: &Database) {
    plan(database, &[work("roll/a", 10)]).await;
    assert_eq!(earliest(database, 9).await, None);
    assert_eq!(earliest(database, 10).await, Some(work("roll/a", 10)));
    assert_eq!(due_ids(database, 9, 10).await, [""; 0]);
    assert_eq!(due_ids(database, 10, 10).await, ["roll/a"]);
}

async fn the_earliest_comes_first_and_ids_break_ties(database: &Database) {
    plan(database, &[work("roll/c", 2), work("roll/b", 1), work("invoice/b", 1), work("roll/a", 3)]).await;
    assert_eq!(due_ids(database, 9, 10).await, ["invoice/b", "roll/b", "roll/c", "roll/a"]);
    assert_eq!(due_ids(database, 9, 2).await, ["invoice/b", "roll/b"]);
    assert_eq!(earliest(database, 9).await, Some(work("invoice/b", 1)));
}

async fn a_backlog_in_one_environment_lets_others_have_their_turns(database: &Database) {
    let [other, third] = neighbours();
    let backlog: Vec<DueWork> = (0..50).map(|number| work(&format!("roll/{number:02}"), number)).collect();
    plan(database, &backlog).await;
    plan(database, &[work_in(&other, "roll/x", 90), work_in(&other, "roll/y", 91), work_in(&third, "roll/z", 95)]).await;
    assert_eq!(due_ids(database, 99, 7).await, ["roll/00", "roll/x", "roll/z", "roll/01", "roll/y", "roll/02", "roll/03"]);
}

async fn planning_again_moves_the_work_and_forgets_its_failures(database: &Database) {
    plan(database, &[work("roll/a", 1)]).await;
    let mut unit = begin(database).await;
    due_work::failed(&mut unit, &work("roll/a", 1), "broken", at(5)).await.expect("noted");
    unit.commit().await.expect("committed");
    plan(database, &[work("roll/a", 7)]).await;
    assert_eq!(earliest(database, 9).await, Some(work("roll/a", 7)));
    assert_eq!(due_work::planned(&mut database.clone(), &scope().environment_id).await.expect("counted"), 1);
}

async fn work_that_is_done_is_gone(database: &Database) {
    plan(database, &[work("roll/a", 1), work("roll/b", 2)]).await;
    for _ in 0..2 {
        let mut unit = begin(database).await;
        due_work::done(&mut unit, &scope(), "roll/a").await.expect("taken off, also a second time");
        unit.commit().await.expect("committed");
    }
    assert_eq!(due_ids(database, 9, 10).await, ["roll/b"]);
}

async fn cancelling_takes_one_kind_of_one_entity(database: &Database) {
    let second = DueWork { id: "roll/a/2024-07".into(), ..work("roll/a", 4) };
    plan(database, &[work("roll/a", 1), work("invoice/a", 2), work("roll/b", 3), second]).await;
    let mut unit = begin(database).await;
    due_work::cancel(&mut unit, &scope(), "roll", "a").await.expect("cancelled");
    unit.commit().await.expect("committed");
    assert_eq!(due_ids(database, 9, 10).await, ["invoice/a", "roll/b"]);
}

async fn a_failure_is_noted_and_puts_the_work_off(database: &Database) {
    plan(database, &[work("roll/a", 1), work("roll/b", 2)]).await;
    for again_at in [5, 8] {
        let mut unit = begin(database).await;
        due_work::failed(&mut unit, &work("roll/a", 1), "broken", at(again_at)).await.expect("noted");
        unit.commit().await.expect("committed");
    }
    assert_eq!(due_ids(database, 7, 10).await, ["roll/b"]);
    let due = due_work::due(&mut database.clone(), at(8), 10).await.expect("read");
    assert_eq!(due[1], DueWork { due_at: at(8), attempts: 2, last_error: "broken".into(), ..work("roll/a", 1) });
}

async fn environments_with_a_clock_of_their_own_are_left_alone(database: &Database) {
    let [other_environment, _] = neighbours();
    plan(database, &[work("roll/a", 1), work_in(&other_environment, "roll/b", 1)]).await;
    let mut unit = begin(database).await;
    storage::clocks::set(&mut unit, &scope(), at(0)).await.expect("set");
    unit.commit().await.expect("committed");
    assert_eq!(due_ids(database, 9, 10).await, ["roll/b"]);
    // Its own clock still finds it.
    assert_eq!(earliest(database, 9).await, Some(work("roll/a", 1)));
}

async fn work_of_other_scopes_is_not_seen(database: &Database) {
    for neighbour in neighbours() {
        plan(database, &[work_in(&neighbour, "roll/a", 1)]).await;
    }
    assert_eq!(earliest(database, 9).await, None);
    let mut unit = begin(database).await;
    due_work::done(&mut unit, &scope(), "roll/a").await.expect("nothing to take off");
    due_work::cancel(&mut unit, &scope(), "roll", "a").await.expect("nothing to cancel");
    due_work::failed(&mut unit, &work("roll/a", 1), "broken", at(5)).await.expect("nothing to note");
    unit.commit().await.expect("committed");
    let due = due_work::due(&mut database.clone(), at(9), 10).await.expect("read");
    assert_eq!(due.len(), 2);
    assert!(due.iter().all(|work| work.attempts == 0), "{due:?}");
}

async fn pages_of_kinds_follow_each_other_by_position(database: &Database) {
    // Two pieces of one due time, the same id in two scopes, another kind, and one that is not due yet.
    let [other, _] = neighbours();
    let planned = [
        work("roll/b", 20),
        work("roll/a", 10),
        work_in(&other, "roll/a", 10),
        work("compute/c", 10),
        work("final/d", 5),
        work("roll/e", 99),
    ];
    plan(database, &planned).await;
    let mut pages = Vec::new();
    let mut after = None;
    loop {
        let page = due_work::due_page(&mut database.clone(), at(20), &["roll", "compute"], after.as_ref(), 1).await.expect("read");
        let Some(last) = page.last() else { break };
        after = Some(due_work::DuePosition::from(last));
        pages.extend(page);
    }
    let ids: Vec<&str> = pages.iter().map(|work| work.id.as_str()).collect();
    assert_eq!(ids, ["compute/c", "roll/a", "roll/a", "roll/b"]);
    assert_ne!(pages[1].scope, pages[2].scope);
    let none = due_work::due_page(&mut database.clone(), at(20), &[], None, 10).await.expect("read");
    assert_eq!(none, []);
}

async fn a_piece_is_read_by_its_id(database: &Database) {
    plan(database, &[work("roll/a", 10)]).await;
    let read = async |scope: &Scope, id: &str| due_work::planned_as(&mut database.clone(), scope, id).await.expect("read");
    assert_eq!(read(&scope(), "roll/a").await, Some(work("roll/a", 10)));
    assert_eq!(read(&scope(), "roll/b").await, None);
    for other in neighbours() {
        assert_eq!(read(&other, "roll/a").await, None);
    }
}

async fn planning_is_undone_by_a_rollback(database: &Database) {
    let mut unit = begin(database).await;
    due_work::plan(&mut unit, &work("roll/a", 1)).await.expect("planned");
    unit.rollback().await.expect("rolled back");
    assert_eq!(earliest(database, 9).await, None);
}
