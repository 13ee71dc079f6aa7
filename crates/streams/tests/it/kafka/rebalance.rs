//! Consumers that come and go while events flow: every offset of every partition is handled once and in order.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use streams::kafka::{ConsumerOptions, KafkaConsumer};

use super::harness::{Log, MemoryStore, events, kafka, scope, until};

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn consumers_come_and_go_while_events_flow() {
    let log = Log::new(6).await;
    let (producer, store) = (Arc::new(log.producer()), MemoryStore::new());
    let flowing = Arc::new(AtomicBool::new(true));
    let publishing = tokio::spawn({
        let (producer, flowing) = (Arc::clone(&producer), Arc::clone(&flowing));
        async move {
            let mut sent = 0;
            while flowing.load(Ordering::SeqCst) {
                producer.publish(&scope(), events(sent..sent + 50)).await.unwrap();
                sent += 50;
            }
            sent
        }
    });
    let options = ConsumerOptions { batch_events_max: 200, ..log.consumer() };
    let start = || KafkaConsumer::start(&kafka(), options.clone(), store.clone()).unwrap();
    let owned = |consumer: &KafkaConsumer| consumer.partitions().into_keys().collect::<BTreeSet<_>>();

    let first = start();
    until("the first has all", async || owned(&first).len() == 6).await;
    let (second, third) = (start(), start());
    until("each has two", async || [&first, &second, &third].iter().all(|consumer| owned(consumer).len() == 2)).await;
    let all: BTreeSet<_> = [&first, &second, &third].iter().flat_map(|consumer| owned(consumer)).collect();
    assert_eq!(all.len(), 6);
    let before = store.rows();
    until("events flow through all three", async || store.rows() > before + 1_000).await;
    second.stop().await;
    until("two have three", async || owned(&first).len() == 3 && owned(&third).len() == 3).await;
    drop(third);
    until("one has all", async || owned(&first).len() == 6).await;
    flowing.store(false, Ordering::SeqCst);
    let sent = publishing.await.unwrap();
    until("all are stored", async || store.rows() >= sent).await;
    first.stop().await;
    store.assert_gapless();
    let mut expected: Vec<_> = events(0..sent).into_iter().map(|event| event.id).collect();
    expected.sort_unstable();
    assert_eq!(store.ids(), expected);
    assert_eq!(log.lag().await, 0);
}
