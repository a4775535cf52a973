//! Active learning: label some rows, train the proxy on them, label those it is least sure of, and so on.

use super::Run;
use super::ranking::Ranking;
use crate::error::Error;
use crate::journal::Of;
use crate::learner::Role;
use crate::score::Score;

impl Run<'_, '_, '_> {
    /// One repetition: all rounds first, then the target.
    pub(super) fn active(&mut self, seed: u64) -> Result<(), Error> {
        let plan = self.plan;
        let is_compared = plan.setting.compare_target && plan.score != Score::Random;
        let mut labeled = self.random_rows(seed, plan.sizes[0])?;
        for (round, sizes) in plan.sizes.windows(2).enumerate() {
            let keep = sizes[1] - sizes[0];
            if plan.score == Score::Random {
                labeled = self.random_rows(seed, sizes[1])?;
                continue;
            }
            let place = self.place(seed, Role::Proxy, Of::Round, labeled.len());
            let left = self.train(place, round, &labeled, plan.wants())?;
            let ranking = self.rank(place, &left, &labeled, keep)?;
            if is_compared {
                self.compare_round(seed, round, &labeled, (&left, &ranking))?;
            }
            labeled.extend(&ranking.picks);
        }
        self.write_picks(seed, &labeled)?;
        for (round, &size) in plan.sizes.iter().enumerate() {
            if plan.is_budget(size) || plan.setting.target_every_round {
                self.judge(seed, round, &labeled[..size])?;
            }
        }
        self.judge_all(seed)
    }

    /// The target trained on the same rows as the proxy, and asked for the next ones too.
    fn compare_round(
        &mut self,
        seed: u64,
        round: usize,
        labeled: &[usize],
        proxy: (&crate::files::Left, &Ranking),
    ) -> Result<(), Error> {
        let keep = proxy.1.picks.len();
        let place = self.place(seed, Role::Target, Of::Picks, labeled.len());
        let left = self.train(place, round, labeled, self.plan.wants())?;
        let ranking = self.rank(place, &left, labeled, keep)?;
        let candidates = self.without(labeled);
        self.compare(place, [proxy.0, &left], [proxy.1, &ranking], &candidates, &[keep])
    }

    /// What was chosen of each size, in order, for whoever trains or labels next.
    pub(super) fn write_picks(&self, seed: u64, picks: &[usize]) -> Result<(), Error> {
        let dir = self.dir.join(format!("seed-{seed}"));
        std::fs::create_dir_all(&dir).map_err(|error| Error::io("create", &dir, error))?;
        for (_, size) in &self.plan.budgets {
            crate::files::write_rows(&dir.join(format!("picks-{size}.npy")), &picks[..*size])?;
        }
        Ok(())
    }
}
