//! A retry until it is due.

use tokio::time::Instant;

use super::Task;

/// A task that waits for its time.
pub(super) struct Later {
    pub(super) due: Instant,
    /// Of those that are due at once, the one that was put away first comes first.
    pub(super) order: u64,
    pub(super) task: Box<Task>,
}

impl PartialEq for Later {
    fn eq(&self, other: &Self) -> bool {
        self.order == other.order
    }
}
impl Eq for Later {}
impl PartialOrd for Later {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}
impl Ord for Later {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        (self.due, self.order).cmp(&(other.due, other.order))
    }
}
