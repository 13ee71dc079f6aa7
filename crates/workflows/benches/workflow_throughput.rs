//! Workflows per second with one and with two workers, over work that costs nothing: what the engine itself takes.
//!
//! `cargo bench -p workflows --features cluster --bench workflow_throughput [-- PIECES]`, with a server up.

#![expect(clippy::print_stdout, reason = "a measurement prints its result")]

use std::error::Error;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use app::UlidIds;
use app::due_work::{Again, DuePosition, DueWork, Kind, Outcome};
use async_trait::async_trait;
use domain::ids::IdGen as _;
use domain::scope::Scope;
use domain::time::Timestamp;
use workflows::temporal::{ClientOptions, ScheduleOptions, TemporalClient, Work, WorkerOptions, Workers};

/// Pieces of a run when none are asked for, and at most.
const PIECES: usize = 500;
const PIECES_MAX: usize = 20_000;
/// A run that takes longer is given up.
const RUN_MAX: Duration = Duration::from_secs(300);

/// Counts, and does nothing else.
#[derive(Default)]
struct Nothing {
    done: AtomicUsize,
}

#[async_trait]
impl Work for Nothing {
    fn now(&self) -> Timestamp {
        Timestamp::from_micros(0)
    }

    async fn due_page(&self, _: &[Kind], _: Timestamp, _: Option<&DuePosition>, _: i64) -> Result<Vec<DueWork>, app::Error> {
        Ok(Vec::new())
    }

    async fn run(&self, _: &DueWork) -> Result<Outcome, app::Error> {
        self.done.fetch_add(1, Ordering::SeqCst);
        Ok(Outcome::Done)
    }

    async fn failed(&self, _: &DueWork, _: &app::Error, _: Again) -> Result<(), app::Error> {
        Ok(())
    }

    async fn forget_answers(&self, _: i64) -> Result<u64, app::Error> {
        Ok(0)
    }
}

fn piece(ids: &UlidIds) -> DueWork {
    let entity_id = format!("inv_{}", ids.ulid());
    DueWork {
        scope: Scope { tenant_id: "tenant_of_bench".into(), environment_id: "env_of_bench".into() },
        id: Kind::ComputeInvoice.work_id(&entity_id),
        kind: Kind::ComputeInvoice.name().to_owned(),
        entity_id,
        due_at: Timestamp::from_micros(0),
        attempts: 0,
        last_error: String::new(),
    }
}

fn options() -> WorkerOptions {
    let day = Duration::from_secs(86_400);
    let schedules = ScheduleOptions {
        subscription_billing_every: day,
        draft_finalization_every: day,
        housekeeping_every: day,
        ..ScheduleOptions::default()
    };
    WorkerOptions { activities_max: 50, workflow_tasks_max: 50, schedules, ..WorkerOptions::default() }
}

/// Starts all pieces while the workers run; returns starts per second, and pieces done per second from the first start on.
async fn measure(workers: usize, pieces: usize) -> Result<(f64, f64), Box<dyn Error>> {
    let ids = UlidIds::default();
    let address = std::env::var("FLEXPRICE_TEST_TEMPORAL_ADDRESS").unwrap_or_else(|_| "127.0.0.1:7233".to_owned());
    let prefix = format!("bench-{}-", ids.ulid().to_lowercase());
    let client = TemporalClient::connect(ClientOptions { address, prefix, ..ClientOptions::default() }).await?;
    let work = Arc::new(Nothing::default());
    let mut running = Vec::new();
    for _ in 0..workers {
        running.push(Workers::start(client.clone(), work.clone(), options()).await?);
    }
    let due: Vec<DueWork> = (0..pieces).map(|_| piece(&ids)).collect();
    let began = Instant::now();
    client.start_due(&due).await?;
    let started = began.elapsed();
    while work.done.load(Ordering::SeqCst) < pieces && began.elapsed() < RUN_MAX {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let took = began.elapsed();
    let done = work.done.load(Ordering::SeqCst);
    for workers in running {
        workers.stop().await;
    }
    client.remove_schedules().await?;
    let per_second = |count: usize, took: Duration| f64::from(u32::try_from(count).unwrap_or(u32::MAX)) / took.as_secs_f64();
    Ok((per_second(pieces, started), per_second(done, took)))
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let pieces = std::env::args().skip(1).find_map(|argument| argument.parse().ok()).unwrap_or(PIECES).clamp(1, PIECES_MAX);
    println!("workers  pieces  starts/s  workflows/s");
    for workers in [1, 2] {
        let (starts, workflows) = measure(workers, pieces).await?;
        println!("{workers:>7}  {pieces:>6}  {starts:>8.0}  {workflows:>11.0}");
    }
    Ok(())
}
