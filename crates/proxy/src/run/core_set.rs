//! Core-set selection: train the proxy on everything, keep the rows that matter, train the target on those.

use super::Run;
use super::ranking::Ranking;
use crate::error::Error;
use crate::journal::Of;
use crate::learner::Role;
use crate::score::Score;

impl Run<'_, '_, '_> {
    /// One repetition.
    pub(super) fn core_set(&mut self, seed: u64) -> Result<(), Error> {
        let plan = self.plan;
        let sizes: Vec<usize> = plan.budgets.iter().map(|(_, size)| *size).collect();
        let largest = sizes.last().copied().unwrap_or(plan.n);
        let start = self.random_rows(seed, plan.start)?;
        let kept = match plan.score {
            Score::Random => self.random_rows(seed, largest)?,
            _ => {
                let proxy = self.choose(seed, Role::Proxy, &start, largest)?;
                if plan.setting.compare_target {
                    let target = self.choose(seed, Role::Target, &start, largest)?;
                    let place = self.place(seed, Role::Target, Of::All, plan.n);
                    let candidates = self.without(&start);
                    let of_picks: Vec<usize> = sizes.iter().map(|size| size - start.len()).collect();
                    let (lefts, rankings) = ([&proxy.0, &target.0], [&proxy.1, &target.1]);
                    self.compare(place, lefts, rankings, &candidates, &of_picks)?;
                }
                start.iter().chain(&proxy.1.picks).copied().collect()
            }
        };
        self.write_picks(seed, &kept)?;
        for size in sizes {
            self.judge(seed, 0, &kept[..size])?;
        }
        self.judge_all(seed)
    }

    /// Rows chosen by a model that learned from all of them, beside those it starts from.
    fn choose(
        &mut self,
        seed: u64,
        role: Role,
        start: &[usize],
        largest: usize,
    ) -> Result<(crate::files::Left, Ranking), Error> {
        let place = self.place(seed, role, Of::All, self.plan.n);
        let all: Vec<usize> = (0..self.plan.n).collect();
        let left = self.train(place, 0, &all, self.plan.wants())?;
        let ranking = self.rank(place, &left, start, largest - start.len())?;
        Ok((left, ranking))
    }
}
