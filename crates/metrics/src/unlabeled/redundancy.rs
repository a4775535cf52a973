//! How many picks say what another says already.

use subsel::{Context, Error};

use super::dense::{slab_rows, slabs};
use super::members::Members;

/// Pairs above this cosine are close.
const CLOSE: f64 = 0.95;

/// Members compared at once.
const AT_ONCE: usize = 256;

/// What is told of the cosines of pairs.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Redundancy {
    pub(super) largest: f64,
    pub(super) close: f64,
}

/// Redundancy of members of unit scale: of those at the ascending places `of`, each compared with all others. NaN of one
/// member.
///
/// # Errors
/// Interruption.
/// # Cost
/// Time `O(|of| n d)`, memory of a slab.
pub(super) fn measure(members: &Members, of: &[usize], ctx: &Context) -> Result<Redundancy, Error> {
    let n = members.len();
    if n < 2 {
        return Ok(Redundancy { largest: f64::NAN, close: f64::NAN });
    }
    let (mut sum, mut close) = (0.0, 0_u64);
    for some in of.chunks(AT_ONCE) {
        let own: Vec<f64> =
            some.iter().flat_map(|&place| members.columns(place..place + 1).as_slice().to_vec()).collect();
        let own = nalgebra::DMatrix::from_vec(members.dim(), some.len(), own).transpose();
        let mut largest = vec![f64::NEG_INFINITY; some.len()];
        for rows in slabs(0..n, slab_rows(members.dim())) {
            ctx.go_on()?;
            let cosines = &own * members.columns(rows.clone());
            for (row, column) in rows.zip(cosines.column_iter()) {
                let others = column.iter().zip(some).zip(&mut largest).filter(|((_, place), _)| **place != row);
                for ((cosine, _), largest) in others {
                    *largest = largest.max(*cosine);
                    close += u64::from(*cosine > CLOSE);
                }
            }
        }
        sum += largest.iter().map(|cosine| cosine.clamp(-1.0, 1.0)).sum::<f64>();
    }
    let pairs = of.len() as f64 * (n - 1) as f64;
    Ok(Redundancy { largest: sum / of.len() as f64, close: close as f64 / pairs })
}
