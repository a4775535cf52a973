"""Figures of code that is not on PyPI, measured once in 2026-11 on another machine: 2 cores of an AMD Zen 5, shared,
BLAS kernels as the packages chose them; the same CIFAR-10 features, 60 picks."""

from dataclasses import dataclass


@dataclass
class Quoted:
    name: str
    figures: dict
    note: str = "OPENBLAS_CORETYPE not set"


def figures(wall_s, cpu_s, peak_mib):
    return {"wall_s": wall_s, "cpu_s": cpu_s, "peak_mib": peak_mib}


QUOTED = {
    "svp": Quoted("selection-via-proxy repository, greedy k-centers", figures(2.9, 2.8, 466)),
    "typiclust": Quoted("TypiClust repository, TypiClust (mini-batch k-means)", figures(1.7, 3.1, 1460)),
    "prob-cover-0.28": Quoted("TypiClust repository, ProbCover on CPU", figures(91, 63, 2948)),
    "prob-cover-0.55": Quoted("TypiClust repository, ProbCover on CPU", figures(50, 64, 14_279)),
    "zcore": Quoted(
        "ZCore repository", figures(1720, 1710, 224), "0.00172 s for one draw, times 1,000,000, on one core"
    ),
}
