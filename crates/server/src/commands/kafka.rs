//! `flexprice kafka …`: the topics of the event log, how far consumers are behind, and dead letters.

use crate::cli::{KafkaCommand, Options, TopicsCommand};
use crate::exit::Failure;
use crate::{logging, output, wiring};

pub(super) fn run(options: &Options, command: &KafkaCommand) -> Result<(), Failure> {
    let loaded = super::configured(options)?;
    logging::init(&loaded.config.logging);
    let config = &loaded.config;
    let runtime = super::runtime()?;
    match command {
        KafkaCommand::Topics(TopicsCommand::Plan) => say(&runtime.block_on(wiring::plan_topics(config))?),
        KafkaCommand::Topics(TopicsCommand::Apply { force }) => {
            let (lines, done) = runtime.block_on(wiring::topics(config, *force))?;
            say(&lines)?;
            if done { Ok(()) } else { Err(anyhow::anyhow!("not all topics are as wanted").into()) }
        }
        KafkaCommand::Lag => {
            let rows = runtime.block_on(wiring::lag(config))?;
            let total: i64 = rows.iter().map(|row| row.messages).sum();
            let behind = rows.iter().filter(|row| row.messages > 0);
            let mut lines: Vec<String> =
                behind.map(|row| format!("{} is {} behind on {}/{}", row.group, row.messages, row.topic, row.partition)).collect();
            lines.push(format!("{total} messages behind in all"));
            say(&lines)
        }
        KafkaCommand::Redrive { topic } => say(&runtime.block_on(wiring::redrive(config, topic.as_deref()))?),
    }
}

fn say(lines: &[String]) -> Result<(), Failure> {
    Ok(output::write(&format!("{}\n", lines.join("\n")))?)
}
