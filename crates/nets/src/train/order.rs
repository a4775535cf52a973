//! In which order an epoch takes its rows.

use subsel::{Draws, Stream};

use crate::recipe::BatchPlan;

/// Orders of epochs: each a function of stream and epoch alone.
#[derive(Clone, Debug)]
pub(super) struct Order {
    n: usize,
    plan: BatchPlan,
    stream: Stream,
}

/// Places of one step among the rows, and which repetition of its row each is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Batch {
    pub(super) places: Vec<usize>,
    pub(super) repetitions: Vec<u64>,
}

impl Order {
    pub(super) fn new(n: usize, plan: BatchPlan, stream: Stream) -> Self {
        Order { n, plan, stream }
    }

    /// The batches of an epoch.
    pub(super) fn batches(&self, epoch: usize) -> Vec<Batch> {
        let mut entries: Vec<usize> = (0..self.n * self.plan.repeats).collect();
        let mut draws = Draws::new(self.stream.child(epoch as u64));
        for last in (1..entries.len()).rev() {
            entries.swap(last, draws.below(last as u64 + 1) as usize);
        }
        let batch = |entries: &[usize]| Batch {
            places: entries.iter().map(|entry| entry % self.n).collect(),
            repetitions: entries.iter().map(|entry| (entry / self.n) as u64).collect(),
        };
        entries.chunks(self.plan.size).take(self.plan.steps).map(batch).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::recipe::Batches;

    #[test]
    fn an_epoch_takes_every_row_once_in_an_order_of_its_own() {
        let order = Order::new(10, Batches::of(4).plan(10), Stream::new(1, "order"));
        let epoch = |i| order.batches(i).into_iter().flat_map(|batch| batch.places).collect::<Vec<_>>();
        let mut sorted = epoch(0);
        sorted.sort_unstable();
        assert_eq!(sorted, (0..10).collect::<Vec<_>>());
        assert_ne!(epoch(0), epoch(1));
        assert_eq!(epoch(3), epoch(3));
        assert_eq!(order.batches(0).iter().map(|batch| batch.places.len()).collect::<Vec<_>>(), [4, 4, 2]);
    }

    #[test]
    fn repetitions_of_a_row_are_told_apart() {
        let hundred = Batches { size: 100, whole: false, repeat: true, drop_last: true };
        let order = Order::new(30, hundred.plan(30), Stream::new(1, "order"));
        let batches = order.batches(0);
        assert_eq!((batches.len(), batches[0].places.len()), (1, 100));
        let mut entries: Vec<_> = batches[0].places.iter().zip(&batches[0].repetitions).collect();
        entries.sort_unstable();
        entries.dedup();
        assert_eq!(entries.len(), 100, "none is the same view of the same picture");
    }
}
