//! The task queues (DESIGN decision 8) and the choice of those that a process serves.

use std::fmt;

use super::EngineError;

/// A task queue.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Queue {
    /// A subscription, an invoice: what somebody may wait for.
    HighPriority,
    /// Imports, exports, price synchronisation.
    Standard,
    /// Schedules, housekeeping, bulk runs.
    Background,
}

impl Queue {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::HighPriority, Self::Standard, Self::Background];

    /// The name on the server.
    pub fn name(self) -> &'static str {
        match self {
            Self::HighPriority => "billing-high-priority",
            Self::Standard => "billing-standard",
            Self::Background => "billing-background",
        }
    }

    /// The queues that `FLEXPRICE_TEMPORAL_TASK_QUEUE` names, each once, in their own order; an empty list means all.
    ///
    /// # Errors
    /// When a name is no queue's.
    pub fn parse_list<S: AsRef<str>>(names: &[S]) -> Result<Vec<Self>, EngineError> {
        let mut queues = Vec::new();
        for name in names.iter().map(|name| name.as_ref().trim()).filter(|name| !name.is_empty()) {
            let Some(queue) = Self::ALL.into_iter().find(|queue| queue.name() == name) else {
                let known = Self::ALL.map(Self::name).join(", ");
                return Err(EngineError::Options(format!("`{name}` is no task queue: choose from {known}")));
            };
            queues.push(queue);
        }
        queues.sort_unstable();
        queues.dedup();
        Ok(if queues.is_empty() { Self::ALL.to_vec() } else { queues })
    }
}

impl fmt::Display for Queue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_names_queues_once_in_their_own_order() {
        let list = ["billing-background", " billing-high-priority ", "billing-background", ""];
        assert_eq!(Queue::parse_list(&list).unwrap(), [Queue::HighPriority, Queue::Background]);
    }

    #[test]
    fn an_empty_list_is_all_queues() {
        assert_eq!(Queue::parse_list::<&str>(&[]).unwrap(), Queue::ALL);
        assert_eq!(Queue::parse_list(&[""]).unwrap(), Queue::ALL);
    }

    #[test]
    fn an_unknown_queue_is_refused_by_name() {
        let error = Queue::parse_list(&["billing-task-queue"]).unwrap_err().to_string();
        assert!(error.contains("`billing-task-queue`") && error.contains("billing-standard"), "{error}");
    }
}
