//! Plain loops, compiled for the vectors of this processor.

use pulp::{Arch, Simd, WithSimd};

/// A loop that is to be compiled for whatever vectors there are. A type of its own, since a closure is not sure to be
/// inlined there, and what is not is compiled for the least of processors, with a call for every fused multiply-add.
pub(super) trait Kernel: Sized {
    /// The loop; `#[inline(always)]`.
    fn run(self);

    /// Runs it with the best vectors.
    #[inline]
    fn go(self) {
        Arch::new().dispatch(OnVectors(self));
    }
}

struct OnVectors<K>(K);

impl<K: Kernel> WithSimd for OnVectors<K> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, _simd: S) {
        self.0.run();
    }
}
