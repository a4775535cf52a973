//! Exact transport from many rows to few columns, uniform on both sides: successive shortest paths over the columns.
//!
//! With prices `v`, every row goes to the column of least `c_is - v_s`; then some columns have more than their share.
//! Moving row `i` from `s` to `t` costs `c_it - c_is`, and the least of these over the rows in `s` is an arc of a graph
//! with one node per column. Rows move along shortest paths from columns that have too much to columns that have too
//! little, and prices follow, so that every row stays at a column of least `c - v`: when all have their share, plan and
//! prices prove each other optimal (Kuhn 1955; Tomizawa 1971). Good prices leave few rows to move.

use super::Solved;
use crate::Error;
use crate::context::Context;

/// A plan under way. A row is `row_units` of mass, a column's share is `column_units`.
struct Flow<'c> {
    cost: &'c [f64],
    k: usize,
    /// Rows at each column, with how much of them.
    members: Vec<Vec<(u32, u64)>>,
    /// What each column has.
    load: Vec<u64>,
    /// `(k, k)`: the least `c_it - c_is` over the rows `i` at `s`, and that row.
    arcs: Vec<(f64, u32)>,
}

const NO_ARC: (f64, u32) = (f64::INFINITY, u32::MAX);

impl Flow<'_> {
    fn add(&mut self, column: usize, row: u32, units: u64) {
        self.load[column] += units;
        let members = &mut self.members[column];
        if let Some(member) = members.iter_mut().find(|(member, _)| *member == row) {
            member.1 += units;
            return;
        }
        members.push((row, units));
        self.offer(column, row);
    }

    /// Lowers the arcs from a column to what one row at it offers.
    fn offer(&mut self, column: usize, row: u32) {
        let costs = &self.cost[row as usize * self.k..(row as usize + 1) * self.k];
        let own = costs[column];
        let arcs = &mut self.arcs[column * self.k..(column + 1) * self.k];
        for (arc, cost) in arcs.iter_mut().zip(costs) {
            let step = cost - own;
            if step < arc.0 {
                *arc = (step, row);
            }
        }
    }

    fn remove(&mut self, column: usize, row: u32, units: u64) {
        self.load[column] -= units;
        let members = &mut self.members[column];
        let Some(at) = members.iter().position(|(member, _)| *member == row) else { return };
        members[at].1 -= units;
        if members[at].1 > 0 {
            return;
        }
        members.swap_remove(at);
        for to in 0..self.k {
            if self.arcs[column * self.k + to].1 == row {
                let costs = |row: u32| &self.cost[row as usize * self.k..(row as usize + 1) * self.k];
                let steps = self.members[column].iter().map(|(row, _)| (costs(*row)[to] - costs(*row)[column], *row));
                self.arcs[column * self.k + to] =
                    steps.fold(NO_ARC, |least, step| if step.0 < least.0 { step } else { least });
            }
        }
    }

    fn units(&self, column: usize, row: u32) -> u64 {
        self.members[column].iter().find(|(member, _)| *member == row).map_or(0, |(_, units)| *units)
    }
}

/// The cheapest plan for costs `(m, k)`, begun from these prices.
///
/// # Errors
/// [`Error::Interrupted`].
pub(super) fn solve(cost: &[f64], k: usize, mut prices: Vec<f64>, ctx: &Context) -> Result<Solved, Error> {
    let m = cost.len() / k;
    let common = gcd(m as u64, k as u64);
    let (row_units, column_units) = (k as u64 / common, m as u64 / common);
    let mut flow = Flow {
        cost,
        k,
        members: vec![Vec::with_capacity(2 * m.div_ceil(k)); k],
        load: vec![0; k],
        arcs: vec![NO_ARC; k * k],
    };
    for (row, costs) in cost.chunks_exact(k).enumerate() {
        let reduced = costs.iter().zip(&prices).map(|(cost, price)| cost - price);
        let (column, _) =
            reduced.enumerate().fold(
                (0, f64::INFINITY),
                |least, (column, reduced)| {
                    if reduced < least.1 { (column, reduced) } else { least }
                },
            );
        flow.load[column] += row_units;
        flow.members[column].push((row as u32, row_units));
        flow.offer(column, row as u32);
    }
    let mut search = Search { dist: vec![0.0; k], from: vec![0; k], settled: vec![false; k] };
    while let Some(target) = search.nearest_room(&flow, &prices, column_units) {
        ctx.go_on()?;
        // Along the path: every row on it moves one column on, as much as all of them can.
        let mut units = column_units - flow.load[target];
        let mut at = target;
        while search.from[at] != at {
            let from = search.from[at];
            units = units.min(flow.units(from, flow.arcs[from * k + at].1));
            at = from;
        }
        units = units.min(flow.load[at] - column_units);
        let most = search.dist[target];
        for ((price, dist), settled) in prices.iter_mut().zip(&search.dist).zip(&search.settled) {
            if *settled {
                *price += dist.min(most) - most;
            }
        }
        let mut moves = Vec::new();
        at = target;
        while search.from[at] != at {
            let from = search.from[at];
            moves.push((from, at, flow.arcs[from * k + at].1));
            at = from;
        }
        for (from, to, row) in moves {
            flow.remove(from, row, units);
            flow.add(to, row, units);
        }
    }
    let unit = 1.0 / (m as u64 * row_units) as f64;
    let mut masses = Vec::with_capacity(k);
    for members in &mut flow.members {
        members.sort_unstable();
        masses.push(members.iter().map(|(row, units)| (*row, *units as f64 * unit)).collect::<Vec<_>>());
    }
    let columns = masses.iter().enumerate();
    let per_column =
        columns.map(|(s, rows)| rows.iter().map(|(i, mass)| mass * cost[*i as usize * k + s]).sum::<f64>());
    Ok(Solved { cost: per_column.sum(), error: 0.0, prices, masses })
}

/// Shortest paths over the columns, from all that have too much at once.
struct Search {
    dist: Vec<f64>,
    /// The column before; itself where a path begins.
    from: Vec<usize>,
    settled: Vec<bool>,
}

impl Search {
    /// The nearest column with room; `None` when no column has too much. Dijkstra's algorithm on reduced costs, which
    /// are 0 or more but for rounding.
    fn nearest_room(&mut self, flow: &Flow<'_>, prices: &[f64], share: u64) -> Option<usize> {
        let k = flow.k;
        self.settled.fill(false);
        for (column, load) in flow.load.iter().enumerate() {
            self.dist[column] = if *load > share { 0.0 } else { f64::INFINITY };
            self.from[column] = column;
        }
        loop {
            let open = (0..k).filter(|&column| !self.settled[column] && self.dist[column] < f64::INFINITY);
            let next = open.fold(None, |least: Option<usize>, column| match least {
                Some(least) if self.dist[least] <= self.dist[column] => Some(least),
                _ => Some(column),
            })?;
            self.settled[next] = true;
            if flow.load[next] < share {
                return Some(next);
            }
            let (dist, price) = (self.dist[next], prices[next]);
            for (to, (step, _)) in flow.arcs[next * k..(next + 1) * k].iter().enumerate() {
                let through = dist + (step - prices[to] + price).max(0.0);
                if !self.settled[to] && through < self.dist[to] {
                    self.dist[to] = through;
                    self.from[to] = next;
                }
            }
        }
    }
}

/// Bytes beyond the costs.
pub(super) fn bytes(m: usize, k: usize) -> u64 {
    (16 * k * k + 16 * (3 * m + 4 * k) + 24 * 3 * k + 16 * 2 * (m + k)) as u64
}

fn gcd(a: u64, b: u64) -> u64 {
    if b == 0 { a } else { gcd(b, a % b) }
}
