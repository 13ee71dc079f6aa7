//! Topics: made once, grown only when nothing is unread, otherwise reported.

use std::time::Duration;

use streams::kafka::{Growth, KafkaConsumer, TopicChange, TopicSpec, standard_topics};

use super::harness::{Log, MemoryStore, admin, events, kafka, scope, until};

fn spec(name: &str, partitions: u16) -> TopicSpec {
    TopicSpec { name: name.to_owned(), partitions, replication_factor: 1, retention_ms: Some(3_600_000) }
}

#[tokio::test(flavor = "multi_thread")]
async fn applying_twice_changes_nothing() {
    let admin = admin();
    let name = format!("test_{:016x}_topics", rand::random::<u64>());
    let wanted = [spec(&name, 3)];
    let planned = admin.plan_topics(&wanted, Growth::WhenDrained).await.unwrap();
    assert_eq!(planned, [TopicChange::Created(wanted[0].clone())]);
    assert_eq!(admin.plan_topics(&wanted, Growth::WhenDrained).await.unwrap(), planned, "a plan does nothing");
    assert_eq!(admin.apply_topics(&wanted, Growth::WhenDrained).await.unwrap(), planned);
    until("it is there", async || {
        admin.apply_topics(&wanted, Growth::WhenDrained).await.unwrap() == [TopicChange::Unchanged(name.clone())]
    })
    .await;
    let other = TopicSpec { partitions: 2, replication_factor: 3, retention_ms: Some(1), ..wanted[0].clone() };
    let reported = admin.apply_topics(&[other], Growth::WhenDrained).await.unwrap();
    let lines: Vec<_> = reported.iter().map(|change| change.to_string().replace(&name, "topic")).collect();
    assert_eq!(
        lines,
        [
            "topic: partitions is 3, wanted 2; left as it is",
            "topic: replication_factor is 1, wanted 3; left as it is",
            "topic: min.insync.replicas is 1, wanted 2; left as it is",
            "topic: retention.ms is 3600000, wanted 1; left as it is",
        ]
    );
    admin.delete_topic(&name).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn partitions_are_added_when_all_is_read() {
    let (log, admin) = (Log::new(2).await, admin());
    let wanted = [TopicSpec { retention_ms: None, ..spec(&log.topic, 4) }];
    log.producer().publish(&scope(), events(0..50)).await.unwrap();
    let unread = admin.apply_topics(&wanted, Growth::WhenDrained).await.unwrap();
    assert!(matches!(&unread[..], [TopicChange::NotDrained { reason, .. }] if reason.contains("50 messages")), "{unread:?}");
    let forced = admin.plan_topics(&wanted, Growth::Forced).await.unwrap();
    let grown = [TopicChange::Grown { topic: log.topic.clone(), from: 2, to: 4 }];
    assert_eq!(forced, grown);

    let store = MemoryStore::new();
    let consumer = KafkaConsumer::start(&kafka(), log.consumer(), store.clone()).unwrap();
    assert!(admin.caught_up(&log.group, &log.topic, Duration::from_secs(30)).await.unwrap());
    consumer.stop().await;
    assert_eq!(admin.apply_topics(&wanted, Growth::WhenDrained).await.unwrap(), grown);
    assert!(grown[0].to_string().contains("keys move"));
    until("it has four", async || {
        admin.plan_topics(&wanted, Growth::WhenDrained).await.unwrap() == [TopicChange::Unchanged(log.topic.clone())]
    })
    .await;
    log.producer().publish(&scope(), events(50..60)).await.unwrap();
    let behind = admin.apply_topics(&[TopicSpec { partitions: 5, ..wanted[0].clone() }], Growth::WhenDrained).await.unwrap();
    assert!(matches!(&behind[..], [TopicChange::NotDrained { reason, .. }] if reason.contains(&log.group)), "{behind:?}");
}

#[test]
fn the_standard_topics_have_their_dead_letters() {
    let topics = standard_topics(3, Some(604_800_000));
    for name in ["events", "events_lazy", "event_processing_dlq", "meter_usage_tracking_service_dlq", "events_dlq", "wallet_alert"] {
        assert!(topics.iter().any(|topic| topic.name == name), "{name}");
    }
    assert!(topics.iter().all(|topic| topic.min_insync_replicas() == 2 && topic.replication_factor == 3));
    assert!(standard_topics(1, None).iter().all(|topic| topic.min_insync_replicas() == 1));
}
