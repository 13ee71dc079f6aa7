//! Counting different values in bounded memory: in passes over the same values, each of which counts those of one range.

use std::collections::HashSet;
use std::hash::Hash;

/// The values of one pass.
pub(super) struct Held<T> {
    /// From here; no bound when absent.
    low: Option<T>,
    /// Before this; no bound when absent. It falls when there are too many.
    high: Option<T>,
    values: HashSet<T>,
    values_max: usize,
}

impl<T: Copy + Ord + Hash> Held<T> {
    /// For the first pass, holding at most so many values, but two.
    pub(super) fn new(values_max: usize) -> Self {
        Self { low: None, high: None, values: HashSet::new(), values_max: values_max.max(2) }
    }

    /// Notes a value of the range. When too many are held, the pass gives up the greater half of them.
    pub(super) fn insert(&mut self, value: T) {
        if self.low.is_some_and(|low| value < low) || self.high.is_some_and(|high| value >= high) {
            return;
        }
        self.values.insert(value);
        if self.values.len() > self.values_max {
            let mut sorted: Vec<_> = self.values.iter().copied().collect();
            let middle = sorted.len() / 2;
            let high = *sorted.select_nth_unstable(middle).1;
            self.high = Some(high);
            self.values.retain(|value| *value < high);
        }
    }

    /// From which value, and before which one, the pass counts.
    pub(super) fn bounds(&self) -> (Option<T>, Option<T>) {
        (self.low, self.high)
    }

    /// The different values that the pass has met.
    pub(super) fn values(&self) -> &HashSet<T> {
        &self.values
    }

    /// Goes on to the values that were given up; false when all are counted.
    pub(super) fn next_pass(&mut self) -> bool {
        self.values.clear();
        self.low = self.high.take();
        self.low.is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn passes_count_each_value_once() {
        for values_max in [0, 2, 3, 10, 1_000] {
            let mut held = Held::new(values_max);
            let (mut count, mut passes) = (0, 0);
            loop {
                (0..600_u32).for_each(|i| held.insert(i * 7_919 % 200));
                assert!(held.values().len() <= values_max.max(2));
                count += held.values().len();
                passes += 1;
                if !held.next_pass() {
                    break;
                }
            }
            assert_eq!(count, 200, "at most {values_max} at a time");
            assert_eq!(passes == 1, values_max >= 200);
        }
    }
}
