//! Kafka: the event log of a cluster, and the consumers that count what is in it.

use streams::kafka::KafkaProducer;

use crate::config::Config;
use crate::finding::{Check, Finding};

mod options;

mod log;

mod consume;

mod operations;

use self::options::{ANSWER_TIMEOUT, options, producer_options};
pub(super) use consume::start_consumers;
pub(super) use log::log;
pub use operations::{LagRow, lag, plan_topics, redrive, topics};

pub(super) async fn inspect(config: &Config) -> Option<Check> {
    if config.kafka.brokers.is_empty() {
        return None;
    }
    let at = config.kafka.brokers.join(",");
    let look = async {
        let producer = KafkaProducer::new(&options(config), producer_options(config))?;
        Ok::<_, anyhow::Error>(producer.check(ANSWER_TIMEOUT).await?)
    };
    let finding = look.await.map_or_else(|error| Finding::Bad(format!("{at}: {error:#}")), |()| Finding::Good(at.clone()));
    Some(("Kafka", finding))
}
