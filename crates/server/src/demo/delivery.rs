//! In which order the events go out: by time, and one in twenty a second time, as unreliable networks do.

/// Of each so many flights, one is repeated soon and one late.
const CYCLE: usize = 40;
/// Places in the cycle and after how many flights the repetition comes: mostly in the same batch, and some batches later.
const REPEATS: [(usize, usize); 2] = [(7, 13), (27, 3500)];

/// Indices of the flights in the order in which they are sent; 5 % of them stand twice.
pub(super) fn order(flights: usize) -> Vec<usize> {
    let mut order = Vec::with_capacity(flights + flights / 20 + 2);
    for sent in 0..flights {
        order.push(sent);
        order.extend(REPEATS.iter().filter_map(|(place, delay)| sent.checked_sub(*delay).filter(|index| index % CYCLE == *place)));
    }
    // What is still outstanding when the flights end.
    for (place, delay) in REPEATS {
        order.extend((flights.saturating_sub(delay)..flights).filter(|index| index % CYCLE == place));
    }
    order
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_in_twenty_is_sent_twice_and_nothing_is_left_out() {
        for flights in [0, 1, 8, 13, 40, 3_500, 3_528, 12_000] {
            let mut times = vec![0; flights];
            for index in order(flights) {
                times[index] += 1;
            }
            for (index, times) in times.into_iter().enumerate() {
                assert_eq!(times, if matches!(index % 40, 7 | 27) { 2 } else { 1 }, "flight {index} of {flights}");
            }
        }
    }

    #[test]
    fn first_copies_stand_in_order_and_repetitions_after_them() {
        let mut next = 0;
        for index in order(10_000) {
            assert!(index <= next);
            next += usize::from(index == next);
        }
        assert_eq!(next, 10_000);
    }

    #[test]
    fn repetitions_come_in_the_same_batch_and_in_later_ones() {
        let order = order(20_000);
        let mut first = vec![None; 20_000];
        let (mut same, mut later) = (0, 0);
        for (at, index) in order.into_iter().enumerate() {
            match first[index] {
                None => first[index] = Some(at / 1000),
                Some(batch) if batch == at / 1000 => same += 1,
                Some(_) => later += 1,
            }
        }
        assert!(same > 450 && later > 450, "{same} in the same batch, {later} later");
    }
}
