//! The schedules on the server.

use std::time::Duration;

use futures::future::join_all;
use workflows::temporal::{TemporalClient, WorkerOptions, Workers, schedules};

use crate::support::{Table, connect, fresh_prefix, patient, serve};

async fn described(client: &TemporalClient, id: &str) -> temporalio_client::schedules::ScheduleDescription {
    client.raw().get_schedule_handle(client.schedule_id(id)).describe(Default::default()).await.expect("a schedule")
}

#[tokio::test(flavor = "multi_thread")]
async fn workers_that_start_at_once_agree_on_the_schedules() {
    let prefix = fresh_prefix();
    let clients = join_all((0..6).map(|_| connect(&prefix))).await;
    let starting = clients.iter().map(|client| Workers::start(client.clone(), Table::new(&[]), patient()));
    let started: Vec<Workers> = join_all(starting).await.into_iter().map(|outcome| outcome.expect("started")).collect();
    let client = &clients[0];
    for id in schedules::ALL {
        let schedule = described(client, id).await;
        let policies = schedule.raw().schedule.as_ref().and_then(|schedule| schedule.policies).expect("policies");
        // SCHEDULE_OVERLAP_POLICY_SKIP
        assert_eq!(policies.overlap_policy, 1, "{id}");
        assert!(!schedule.paused(), "{id}");
        assert_eq!(schedule.future_action_times().len(), 10, "{id} has a future");
    }
    join_all(started.into_iter().map(Workers::stop)).await;
    client.remove_schedules().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_overwrites_when_a_schedule_looks_and_leaves_it_paused() {
    let client = connect(&fresh_prefix()).await;
    serve(&client, Table::new(&[]), patient()).await.stop().await;
    let handle = client.raw().get_schedule_handle(client.schedule_id(schedules::SUBSCRIPTION_BILLING));
    handle.pause(Some("an operator looks into it"), Default::default()).await.expect("paused");
    let mut options: WorkerOptions = patient();
    options.schedules.subscription_billing_every = Duration::from_secs(300);
    serve(&client, Table::new(&[]), options).await.stop().await;
    let schedule = described(&client, schedules::SUBSCRIPTION_BILLING).await;
    assert!(schedule.paused());
    let times = schedule.future_action_times();
    assert_eq!(times[1].duration_since(times[0]).unwrap(), Duration::from_secs(300));
    client.remove_schedules().await.unwrap();
}
