//! Brokers that cannot be reached: what was asked of them fails with the reason.

use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::time::Duration;

use streams::kafka::{Growth, KafkaAdmin, KafkaOptions, KafkaProducer, KafkaSecurity, ProducerOptions};

/// The client's own error says no more than "transport failure".
#[tokio::test(flavor = "multi_thread")]
async fn an_error_says_why_no_connection_came_about() {
    // Takes connections and speaks no TLS.
    let plain = TcpListener::bind("127.0.0.1:0").unwrap();
    let speaks_plain = plain.local_addr().unwrap().to_string();
    std::thread::spawn(move || {
        for stream in plain.incoming() {
            let mut stream = stream.unwrap();
            let _hello = stream.read(&mut [0; 16]);
            let _sent = stream.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n");
        }
    });
    let closed = {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        listener.local_addr().unwrap().to_string()
    };
    let timeout = Duration::from_millis(700);
    for (broker, tls, cause) in [(speaks_plain, true, "SSL routines"), (closed, false, "Connection refused")] {
        let security = KafkaSecurity { tls, ..KafkaSecurity::default() };
        let kafka = KafkaOptions { brokers: vec![broker], security, ..KafkaOptions::default() };
        let admin = KafkaAdmin::new(kafka.clone(), timeout);
        let producer = KafkaProducer::new(&kafka, ProducerOptions::default()).unwrap();
        let (lag, topics, check) =
            tokio::join!(admin.lag("group", "events"), admin.plan_topics(&[], Growth::WhenDrained), producer.check(timeout));
        for (what, error) in [("lag", lag.unwrap_err()), ("topics", topics.unwrap_err()), ("check", check.unwrap_err())] {
            assert!(error.to_string().contains(cause), "{what}: {error}");
        }
    }
}
