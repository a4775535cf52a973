"""One class for each method. Written by `crates/python/generate.py` from the engine's list; not to be edited.

One file, however long: nobody writes it, and whoever looks a class up does so by its name.
"""

from __future__ import annotations

from typing import Any

from ._base import Method

__all__ = [
    "Badge",
    "CCS",
    "ClusterBalanced",
    "D2",
    "DCoM",
    "Entropy",
    "FacilityLocation",
    "GramSchmidt",
    "GraphCut",
    "KCenter",
    "KMeansCenters",
    "KMeansPP",
    "KernelHerding",
    "LeastConfidence",
    "LogDet",
    "Margin",
    "MaxHerding",
    "Moderate",
    "Norm",
    "ProbCover",
    "Prototypicality",
    "Random",
    "SemDedup",
    "Stratified",
    "TopScore",
    "TypiClust",
    "UHerding",
    "Wasserstein",
    "ZCore",
]


class Random(Method):
    """Every row with the same chance.

    Needs: nothing beside embeddings

    Rows: any

    Cost: time O(n), memory O(budget)

    Source: -

    Not when: few labels are to be bought and the features are good: methods that cover the pool save labels there

    First k picks are the picks for k: yes

    Args:
        n: How many rows, for `fit`: a count, a share, or text such as "5%".
        seed: Seed of every random decision; `random_state` is the same.
    """

    _name = "random"

    def __init__(
        self,
        *,
        n: int | float | str | None = None,
        seed: int | None = None,
        random_state: Any = None,
    ) -> None:
        self.n = n
        self.seed = seed
        self.random_state = random_state


class Stratified(Method):
    """Every stratum its share, uniformly inside.

    Needs: labels (one stratum per row)

    Rows: any

    Cost: time O(n), memory O(n)

    Source: -

    Not when: the strata are the labels you want to buy

    First k picks are the picks for k: no

    Args:
        allocation: proportional or balanced; shares by stratum size (largest remainder), or as equal as sizes allow
        n: How many rows, for `fit`: a count, a share, or text such as "5%".
        seed: Seed of every random decision; `random_state` is the same.
    """

    _name = "stratified"

    def __init__(
        self,
        *,
        allocation: str | float = 'proportional',
        n: int | float | str | None = None,
        seed: int | None = None,
        random_state: Any = None,
    ) -> None:
        self.allocation = allocation
        self.n = n
        self.seed = seed
        self.random_state = random_state


class Norm(Method):
    """Rows of large norm: drawn in proportion to it, or the largest.

    Needs: nothing beside embeddings

    Rows: raw (not normalized)

    Cost: time O(n d), memory O(n)

    Source: Effective Subset Selection Through the Lens of Neural Network Pruning, 2024, eq. 1

    Not when: norms hardly vary (then it is uniform sampling), and `pick=largest` for labeling: it collapses onto few
    kinds of rows

    First k picks are the picks for k: yes

    Args:
        norm: l1, l2 or linf; which norm
        pick: drawn or largest; drawn in proportion to the norm, or the largest norms
        n: How many rows, for `fit`: a count, a share, or text such as "5%".
        seed: Seed of every random decision; `random_state` is the same.
    """

    _name = "norm"

    def __init__(
        self,
        *,
        norm: str | float = 'l2',
        pick: str | float = 'drawn',
        n: int | float | str | None = None,
        seed: int | None = None,
        random_state: Any = None,
    ) -> None:
        self.norm = norm
        self.pick = pick
        self.n = n
        self.seed = seed
        self.random_state = random_state


class GramSchmidt(Method):
    """Large norm in what earlier picks do not span: norm plus diversity.

    Needs: nothing beside embeddings

    Rows: raw (not normalized)

    Cost: time O(n d + budget^2 d), memory O(n + d min(budget, d))

    Source: Effective Subset Selection Through the Lens of Neural Network Pruning, 2024, Algorithm 1

    Not when: the budget exceeds the rank of the embeddings (it restarts then), or a handful of labels is bought on
    good features: typiclust or k-means-centers gain more there

    First k picks are the picks for k: yes

    Args:
        norm: l1, l2 or linf; which norm of the residual counts; projection is Euclidean always
        pick: drawn or largest; drawn in proportion, or the largest (for l2: column-pivoted QR)
        on_exhaustion: restart, norm or error; what happens when the picks span everything: a new pass, drawing by
        norm, or an error
        n: How many rows, for `fit`: a count, a share, or text such as "5%".
        seed: Seed of every random decision; `random_state` is the same.
    """

    _name = "gram-schmidt"

    def __init__(
        self,
        *,
        norm: str | float = 'l2',
        pick: str | float = 'drawn',
        on_exhaustion: str | float = 'restart',
        n: int | float | str | None = None,
        seed: int | None = None,
        random_state: Any = None,
    ) -> None:
        self.norm = norm
        self.pick = pick
        self.on_exhaustion = on_exhaustion
        self.n = n
        self.seed = seed
        self.random_state = random_state


class KCenter(Method):
    """Again and again the row farthest from everything taken.

    Needs: nothing beside embeddings

    Rows: raw, as the network delivers them

    Cost: time O(budget n d) at worst, far less lazily; memory O(n + budget d)

    Source: Gonzalez, Clustering to minimize the maximum intercluster distance, 1985; Sener and Savarese, 2018

    Not when: outliers are noise, or few labels are bought: it takes the outliers first and loses to random there

    First k picks are the picks for k: yes

    Args:
        start: random, max-norm, medoid or a row number; the first pick where nothing is labeled
        driver: lazy or full; full makes a whole pass per pick, as textbooks do; same picks, for comparison
        n: How many rows, for `fit`: a count, a share, or text such as "5%".
        seed: Seed of every random decision; `random_state` is the same.
    """

    _name = "k-center"

    def __init__(
        self,
        *,
        start: str | float = 'random',
        driver: str | float = 'lazy',
        n: int | float | str | None = None,
        seed: int | None = None,
        random_state: Any = None,
    ) -> None:
        self.start = start
        self.driver = driver
        self.n = n
        self.seed = seed
        self.random_state = random_state


class KMeansPP(Method):
    """Rows drawn in proportion to their squared distance from everything taken.

    Needs: nothing beside embeddings

    Rows: raw, as the network delivers them

    Cost: time O(budget n d) at worst, far less lazily; memory O(n + budget d)

    Source: Arthur and Vassilvitskii, k-means++: the advantages of careful seeding, 2007

    Not when: few labels are bought: k-means-centers takes typical rows where this one takes chance ones

    First k picks are the picks for k: yes

    Args:
        start: random, max-norm, medoid or a row number; the first pick where nothing is labeled
        n: How many rows, for `fit`: a count, a share, or text such as "5%".
        seed: Seed of every random decision; `random_state` is the same.
    """

    _name = "k-means-pp"

    def __init__(
        self,
        *,
        start: str | float = 'random',
        n: int | float | str | None = None,
        seed: int | None = None,
        random_state: Any = None,
    ) -> None:
        self.start = start
        self.n = n
        self.seed = seed
        self.random_state = random_state


class KMeansCenters(Method):
    """One typical row per cluster: the nearest to each k-means center.

    Needs: nothing beside embeddings

    Rows: raw, as the network delivers them

    Cost: time O(iterations n d k), memory O(n + k d threads), k = labeled + budget

    Source: common practice; MacQueen, Some methods for classification and analysis of multivariate observations, 1967

    Not when: a large share of the pool is kept: random is as good there and free

    First k picks are the picks for k: no

    Args:
        iterations: a count, at least 1; Lloyd iterations at most; fewer where centers stand still
        start: k-means-pp or random; centers drawn far apart and refined on a sample, or random rows, told in the
        manifest, as a start that other programs can share
        n: How many rows, for `fit`: a count, a share, or text such as "5%".
        seed: Seed of every random decision; `random_state` is the same.
    """

    _name = "k-means-centers"

    def __init__(
        self,
        *,
        iterations: int | str = 100,
        start: str | float = 'k-means-pp',
        n: int | float | str | None = None,
        seed: int | None = None,
        random_state: Any = None,
    ) -> None:
        self.iterations = iterations
        self.start = start
        self.n = n
        self.seed = seed
        self.random_state = random_state


class TypiClust(Method):
    """The most typical row of each cluster: the one whose neighbors are nearest.

    Needs: nothing beside embeddings

    Rows: scaled to unit length (done on the fly)

    Cost: time O(iterations n d k + laps n^2 d / k), memory O(n + k d threads) and a cluster's rows, k = labeled +
    budget

    Source: Hacohen, Dekel and Weinshall, Active Learning on a Budget, 2022

    Not when: more than a few hundred rows are picked, or a large share of the pool is kept: it takes the same dense
    spots again

    First k picks are the picks for k: no

    Args:
        distance: squared or euclidean; what typicality averages: the authors' code takes squared distances, their
        paper plain ones
        clusters: k-means or labels; clusters found here, or the pool's labels
        max_clusters: a count, at least 1; clusters at most; beyond, clusters are visited again
        iterations: a count, at least 1; Lloyd iterations at most
        n: How many rows, for `fit`: a count, a share, or text such as "5%".
        seed: Seed of every random decision; `random_state` is the same.
    """

    _name = "typiclust"

    def __init__(
        self,
        *,
        distance: str | float = 'squared',
        clusters: str | float = 'k-means',
        max_clusters: int | str = 500,
        iterations: int | str = 10,
        n: int | float | str | None = None,
        seed: int | None = None,
        random_state: Any = None,
    ) -> None:
        self.distance = distance
        self.clusters = clusters
        self.max_clusters = max_clusters
        self.iterations = iterations
        self.n = n
        self.seed = seed
        self.random_state = random_state


class ClusterBalanced(Method):
    """The same number of rows from every cluster, as far as sizes allow.

    Needs: nothing beside embeddings

    Rows: raw, as the network delivers them

    Cost: time O(iterations n d clusters), memory O(n + clusters d threads)

    Source: common practice in pruning large pools; water-filling as in Coverage-centric Coreset Selection, 2023

    Not when: the pool's own proportions matter: rare kinds of rows, outliers among them, are taken far more often
    than they occur

    First k picks are the picks for k: yes

    Args:
        clusters: a count, at least 1; by default the square root of the rows, at most 1,000; k-means clusters
        within: random, center or spread; rows of a cluster drawn uniformly, the nearest to its center, or the
        farthest from one another
        n: How many rows, for `fit`: a count, a share, or text such as "5%".
        seed: Seed of every random decision; `random_state` is the same.
    """

    _name = "cluster-balanced"

    def __init__(
        self,
        *,
        clusters: str | float | None = None,
        within: str | float = 'random',
        n: int | float | str | None = None,
        seed: int | None = None,
        random_state: Any = None,
    ) -> None:
        self.clusters = clusters
        self.within = within
        self.n = n
        self.seed = seed
        self.random_state = random_state


class Prototypicality(Method):
    """Rows far from (or near to) the center of their cluster, in direction.

    Needs: nothing beside embeddings

    Rows: scaled to unit length (done on the fly)

    Cost: time O(iterations n d clusters), memory O(n + clusters d threads)

    Source: Sorscher et al., Beyond neural scaling laws, 2022

    Not when: `keep=hard` and few rows are kept (it takes outliers), or `keep=easy` and many; never `keep=easy`
    without balance

    First k picks are the picks for k: yes

    Args:
        clusters: a count, at least 1; by default the square root of the rows, at most 1,000; k-means clusters
        keep: hard or easy; the rows farthest from their centers, or the nearest
        balance: clusters or none; equal shares of all clusters as far as sizes allow, or none
        n: How many rows, for `fit`: a count, a share, or text such as "5%".
        seed: Seed of every random decision; `random_state` is the same.
    """

    _name = "prototypicality"

    def __init__(
        self,
        *,
        clusters: str | float | None = None,
        keep: str | float = 'hard',
        balance: str | float = 'clusters',
        n: int | float | str | None = None,
        seed: int | None = None,
        random_state: Any = None,
    ) -> None:
        self.clusters = clusters
        self.keep = keep
        self.balance = balance
        self.n = n
        self.seed = seed
        self.random_state = random_state


class Moderate(Method):
    """Of every class the rows neither near its center nor far from it.

    Needs: nothing beside embeddings

    Rows: raw, as the network delivers them

    Cost: time O(n d) and a pass per 64 MiB of columns, memory O(n); without labels k-means besides

    Source: Xia et al., Moderate Coreset: A Universal Method of Data Selection for Real-world Data-efficient Deep
    Learning, 2023

    Not when: few labels are to be bought: it looks at distances to class centers alone and covers nothing

    First k picks are the picks for k: yes

    Args:
        center: median or mean; of every column
        clusters: a count, at least 1; by default the pool's labels are the classes, and without labels the square
        root of the rows, at most 1,000; k-means clusters instead of labels
        n: How many rows, for `fit`: a count, a share, or text such as "5%".
        seed: Seed of every random decision; `random_state` is the same.
    """

    _name = "moderate"

    def __init__(
        self,
        *,
        center: str | float = 'median',
        clusters: str | float | None = None,
        n: int | float | str | None = None,
        seed: int | None = None,
        random_state: Any = None,
    ) -> None:
        self.center = center
        self.clusters = clusters
        self.n = n
        self.seed = seed
        self.random_state = random_state


class SemDedup(Method):
    """Every row, but for those most like another of their cluster.

    Needs: nothing beside embeddings

    Rows: scaled to length 1 on the fly

    Cost: time O(iterations n d clusters + n^2 d / clusters), memory O(n) and the largest cluster's rows

    Source: Abbas et al., SemDeDup: Data-efficient learning at web-scale through semantic deduplication, 2023

    Not when: few labels are to be bought, or a given similarity is the limit: `subsel dedup --threshold` removes what
    is above it

    First k picks are the picks for k: yes

    Args:
        clusters: a count, at least 1; by default one for every 5,000 rows; k-means clusters; duplicates in different
        clusters are not seen
        keep: hard, easy or random; of rows alike the one farthest from the center, nearest to it, or any
        n: How many rows, for `fit`: a count, a share, or text such as "5%".
        seed: Seed of every random decision; `random_state` is the same.
    """

    _name = "semdedup"

    def __init__(
        self,
        *,
        clusters: str | float | None = None,
        keep: str | float = 'hard',
        n: int | float | str | None = None,
        seed: int | None = None,
        random_state: Any = None,
    ) -> None:
        self.clusters = clusters
        self.keep = keep
        self.n = n
        self.seed = seed
        self.random_state = random_state


class TopScore(Method):
    """The rows of the highest scores, or of the lowest.

    Needs: scores (any number per row)

    Rows: not looked at

    Cost: time O(n), memory O(budget)

    Source: the rule of data pruning: Toneva et al., 2019 (forgetting); Paul et al., 2021 (EL2N, GraNd)

    Not when: little is kept of a labeled pool: the hardest rows alone are outliers and wrong labels, and do worse
    than random ones (ccs and d2 cut those off and spread); or most scores tie, as forgetting events do at 0

    First k picks are the picks for k: yes

    Args:
        order: highest or lowest; which end of the scores is taken
        n: How many rows, for `fit`: a count, a share, or text such as "5%".
        seed: Seed of every random decision; `random_state` is the same.
    """

    _name = "top-score"

    def __init__(
        self,
        *,
        order: str | float = 'highest',
        n: int | float | str | None = None,
        seed: int | None = None,
        random_state: Any = None,
    ) -> None:
        self.order = order
        self.n = n
        self.seed = seed
        self.random_state = random_state


class CCS(Method):
    """The hardest rows cut off, then equal shares of every level of difficulty.

    Needs: scores (the difficulty of each row)

    Rows: not looked at

    Cost: time O(n log n), memory O(n)

    Source: Zheng et al., Coverage-centric Coreset Selection for High Pruning Rates, 2023

    Not when: scores do not tell difficulty, or few labels are bought: it is made for keeping 10 to 50 % of a labeled
    pool

    First k picks are the picks for k: no

    Args:
        beta: a share from 0 to below 1; by default .3 where at most 10 % are kept, .2 up to 20 %, .1 up to 30 %, else
        0; the share of the candidates, the hardest, that is cut off first
        strata: a count, at least 1; levels of difficulty, of equal width
        hard: high or low; which scores are those of hard rows (AUM: low)
        n: How many rows, for `fit`: a count, a share, or text such as "5%".
        seed: Seed of every random decision; `random_state` is the same.
    """

    _name = "ccs"

    def __init__(
        self,
        *,
        beta: str | float | None = None,
        strata: int | str = 50,
        hard: str | float = 'high',
        n: int | float | str | None = None,
        seed: int | None = None,
        random_state: Any = None,
    ) -> None:
        self.beta = beta
        self.strata = strata
        self.hard = hard
        self.n = n
        self.seed = seed
        self.random_state = random_state


class D2(Method):
    """Important rows of every region: importance is passed to near rows, and taken back where one was picked.

    Needs: nothing beside embeddings

    Rows: raw, as the network delivers them

    Cost: time O(n^2 d) at the rate of matrix products, memory O(n k)

    Source: Maharana et al., D2 Pruning: Message Passing for Balancing Diversity and Difficulty in Data Pruning, 2023

    Not when: distances are far above 1: messages fade as exp(-distance), so scale such rows (`rows=unit`) or nothing
    is passed

    First k picks are the picks for k: yes

    Args:
        k: a count, at least 1; neighbors a row hears from and speaks to
        gamma: a number, 0 or more; how fast what a pick takes back fades with distance
        kernel_power: 1 or 2; messages fade as exp(-distance^power); the paper writes 2, its code does 1
        forward: sum or product; importance plus what neighbors send, or times it
        reverse: weighted or absolute; what a pick takes from its neighbors fades with distance, or does not
        hard: high or low; which of the pool's scores are those of important rows; without scores all rows are
        beta: a share from 0 to below 1; the share of the candidates, the hardest by score, that is cut off first
        strata: a count, at least 1; levels of score that share the budget as in ccs, with a graph in each
        rows: raw or unit; rows as given, or scaled to length 1
        n: How many rows, for `fit`: a count, a share, or text such as "5%".
        seed: Seed of every random decision; `random_state` is the same.
    """

    _name = "d2"

    def __init__(
        self,
        *,
        k: int | str = 10,
        gamma: float | str = 0.1,
        kernel_power: int | str = 1,
        forward: str | float = 'sum',
        reverse: str | float = 'weighted',
        hard: str | float = 'high',
        beta: float | str = 0.0,
        strata: int | str = 1,
        rows: str | float = 'raw',
        n: int | float | str | None = None,
        seed: int | None = None,
        random_state: Any = None,
    ) -> None:
        self.k = k
        self.gamma = gamma
        self.kernel_power = kernel_power
        self.forward = forward
        self.reverse = reverse
        self.hard = hard
        self.beta = beta
        self.strata = strata
        self.rows = rows
        self.n = n
        self.seed = seed
        self.random_state = random_state


class ZCore(Method):
    """Rows that are nearest to random locations in random planes, less what their neighbors cover.

    Needs: nothing beside embeddings

    Rows: raw; embeddings of several networks side by side, not rescaled

    Cost: time O(draws n / 16), memory 5 n d bytes and O(n threads)

    Source: Griffin et al., Zero-Shot Coreset Selection, WACV 2026; arXiv 2411.15349

    Not when: few labels are to be bought: there it was worse than random; and where its ranks are mostly noise, of
    which it warns

    First k picks are the picks for k: yes

    Args:
        draws: a count, at least 1; random locations
        dims: a count, at least 1; columns of each location
        k: a count, 1 to 4194304; neighbors that share the cost of redundancy
        exponent: a whole number, 0 to 64; how fast a neighbor's share of the cost falls with its distance
        replicate_workers: a count, at least 1; worker processes of the published program, which all repeat the same
        draws
        jitter: true or false; add a random number in [0, 1) to each row's score
        random_ties: true or false; decide ties of distance at random rather than for the lowest row
        constant_columns: drop or keep; whether locations may lie in columns that do not vary
        n: How many rows, for `fit`: a count, a share, or text such as "5%".
        seed: Seed of every random decision; `random_state` is the same.
    """

    _name = "zcore"

    def __init__(
        self,
        *,
        draws: int | str = 1000000,
        dims: int | str = 2,
        k: int | str = 1000,
        exponent: int | str = 4,
        replicate_workers: int | str = 1,
        jitter: bool = True,
        random_ties: bool = False,
        constant_columns: str | float = 'drop',
        n: int | float | str | None = None,
        seed: int | None = None,
        random_state: Any = None,
    ) -> None:
        self.draws = draws
        self.dims = dims
        self.k = k
        self.exponent = exponent
        self.replicate_workers = replicate_workers
        self.jitter = jitter
        self.random_ties = random_ties
        self.constant_columns = constant_columns
        self.n = n
        self.seed = seed
        self.random_state = random_state


class LeastConfidence(Method):
    """Rows of which no class is likely.

    Needs: model outputs (class probabilities or logits)

    Rows: not looked at

    Cost: time and memory O(n) per class

    Source: Lewis, Gale, A Sequential Algorithm for Training Text Classifiers, 1994

    Not when: many rows are labeled at once (they repeat each other: badge or u-herding spread them), or labels are
    few and the model is not to be trusted yet

    First k picks are the picks for k: yes

    Args:
        n: How many rows, for `fit`: a count, a share, or text such as "5%".
        seed: Seed of every random decision; `random_state` is the same.
    """

    _name = "least-confidence"

    def __init__(
        self,
        *,
        n: int | float | str | None = None,
        seed: int | None = None,
        random_state: Any = None,
    ) -> None:
        self.n = n
        self.seed = seed
        self.random_state = random_state


class Margin(Method):
    """Rows whose two likeliest classes are about as likely.

    Needs: model outputs (class probabilities or logits)

    Rows: not looked at

    Cost: time and memory O(n) per class

    Source: Scheffer, Decomain, Wrobel, Active Hidden Markov Models for Information Extraction, 2001

    Not when: many rows are labeled at once (they repeat each other: badge or u-herding spread them), or labels are
    few and the model is not to be trusted yet

    First k picks are the picks for k: yes

    Args:
        n: How many rows, for `fit`: a count, a share, or text such as "5%".
        seed: Seed of every random decision; `random_state` is the same.
    """

    _name = "margin"

    def __init__(
        self,
        *,
        n: int | float | str | None = None,
        seed: int | None = None,
        random_state: Any = None,
    ) -> None:
        self.n = n
        self.seed = seed
        self.random_state = random_state


class Entropy(Method):
    """Rows of which many classes are about as likely.

    Needs: model outputs (class probabilities or logits)

    Rows: not looked at

    Cost: time and memory O(n) per class

    Source: Shannon, A Mathematical Theory of Communication, 1948

    Not when: many rows are labeled at once (they repeat each other: badge or u-herding spread them), or labels are
    few and the model is not to be trusted yet

    First k picks are the picks for k: yes

    Args:
        n: How many rows, for `fit`: a count, a share, or text such as "5%".
        seed: Seed of every random decision; `random_state` is the same.
    """

    _name = "entropy"

    def __init__(
        self,
        *,
        n: int | float | str | None = None,
        seed: int | None = None,
        random_state: Any = None,
    ) -> None:
        self.n = n
        self.seed = seed
        self.random_state = random_state


class Badge(Method):
    """Rows that a model is unsure of and would learn different things from: k-means++ on gradients.

    Needs: model outputs (class probabilities or logits)

    Rows: raw: what the model's last layer is given

    Cost: time O(budget n (d + classes)) at worst, far less lazily; memory O(n + budget (d + classes))

    Source: Ash et al., Deep Batch Active Learning by Diverse, Uncertain Gradient Lower Bounds, 2020

    Not when: there is no model yet, or the rows are not the features of the model that gave the outputs

    First k picks are the picks for k: yes

    Args:
        n: How many rows, for `fit`: a count, a share, or text such as "5%".
        seed: Seed of every random decision; `random_state` is the same.
    """

    _name = "badge"

    def __init__(
        self,
        *,
        n: int | float | str | None = None,
        seed: int | None = None,
        random_state: Any = None,
    ) -> None:
        self.n = n
        self.seed = seed
        self.random_state = random_state


class ProbCover(Method):
    """Again and again the row whose ball holds most rows not covered yet.

    Needs: nothing beside embeddings

    Rows: scaled to unit length by the method

    Cost: time O(n^2 d), twice that for a radius found from the pool; memory O(n)

    Source: Yehuda et al., Active Learning Through a Covering Lens, 2022

    Not when: a large share of the pool is kept, or no radius suits all of it: dense regions then win every pick

    First k picks are the picks for k: yes

    Args:
        delta: median, purity or a distance above 0; radius of the balls: the largest at which half (median) or 95 %
        (purity) of them hold one pseudo-class only
        classes: auto or a count, at least 2; pseudo-classes that k-means finds for delta; auto takes as many as the
        pool's labels name, else 10
        ball: open or closed; whether a row exactly delta away is outside or inside
        on_covered: reset, random or stop; once all is covered: begin covering anew, draw the rest uniformly, or give
        fewer picks
        rows: unit or raw; whether rows are scaled to unit length first
        n: How many rows, for `fit`: a count, a share, or text such as "5%".
        seed: Seed of every random decision; `random_state` is the same.
    """

    _name = "prob-cover"

    def __init__(
        self,
        *,
        delta: str | float = 'median',
        classes: str | float = 'auto',
        ball: str | float = 'open',
        on_covered: str | float = 'reset',
        rows: str | float = 'unit',
        n: int | float | str | None = None,
        seed: int | None = None,
        random_state: Any = None,
    ) -> None:
        self.delta = delta
        self.classes = classes
        self.ball = ball
        self.on_covered = on_covered
        self.rows = rows
        self.n = n
        self.seed = seed
        self.random_state = random_state


class DCoM(Method):
    """Rows whose ball holds most rows not covered yet, or that a model is least sure of: the more, the more is covered.

    Needs: model outputs (class probabilities or logits) and labels once rows are labeled

    Rows: scaled to unit length by the method

    Cost: time O(n^2 d) at the rate of matrix products, and O(n d) for each labeled row; memory O(n)

    Source: Mishal, Weinshall, DCoM: Active Learning for All Learners, 2024

    Not when: there is no model yet (prob-cover then finds a radius for you), or no radius suits the whole pool

    First k picks are the picks for k: yes

    Args:
        initial_delta: a distance above 0; radius of the balls as long as nothing is labeled, and of labeled rows
        before theirs is found
        max_delta: a distance above 0; no labeled row has a larger radius
        delta_resolution: a distance above 0; how exactly radii are found, by halving from max_delta, before they are
        rounded to 2 decimals
        a: a share from 0 to 1; the share of rows covered at which density and uncertainty count about alike
        k: a number above 0; how suddenly that changes around a
        rows: unit or raw; whether rows are scaled to unit length first
        n: How many rows, for `fit`: a count, a share, or text such as "5%".
        seed: Seed of every random decision; `random_state` is the same.
    """

    _name = "dcom"

    def __init__(
        self,
        *,
        initial_delta: float | str = 0.75,
        max_delta: float | str = 1.1,
        delta_resolution: float | str = 0.05,
        a: float | str = 0.8,
        k: float | str = 50.0,
        rows: str | float = 'unit',
        n: int | float | str | None = None,
        seed: int | None = None,
        random_state: Any = None,
    ) -> None:
        self.initial_delta = initial_delta
        self.max_delta = max_delta
        self.delta_resolution = delta_resolution
        self.a = a
        self.k = k
        self.rows = rows
        self.n = n
        self.seed = seed
        self.random_state = random_state


class MaxHerding(Method):
    """Again and again the row that raises the kernel coverage of the pool most.

    Needs: nothing beside embeddings

    Rows: scaled to unit length by the method

    Cost: time O(n^2 d) at the rate of matrix products, half of it saved by symmetry; memory O(n), and 2 n^2 bytes
    where allowed, which saves time

    Source: Bae et al., Generalized coverage for more robust low-budget active learning, 2024

    Not when: a large share of the pool is kept, or it is so large that comparing all pairs of rows takes too long

    First k picks are the picks for k: yes

    Args:
        kernel: rbf, laplace, cauchy, rational-quadratic, student or top-hat; how much a pick covers at distance r,
        with q = r/sigma: exp(-q^2), exp(-q), 1/(1 + q^2), 1/(1 + q^2/2), (1 + q^2/nu)^(-(nu + 1)/2), or all below
        sigma
        sigma: a distance above 0; how far a pick covers
        nu: a half, 1, 1.5 and so on up to 30; degrees of freedom of kernel=student: the fewer, the further a pick
        covers a little
        driver: lazy or full; full works out every gain at every pick, as textbooks do; same picks, for comparison
        rows: unit or raw; whether rows are scaled to unit length first
        n: How many rows, for `fit`: a count, a share, or text such as "5%".
        seed: Seed of every random decision; `random_state` is the same.
    """

    _name = "max-herding"

    def __init__(
        self,
        *,
        kernel: str | float = 'rbf',
        sigma: float | str = 1.0,
        nu: float | str = 0.5,
        driver: str | float = 'lazy',
        rows: str | float = 'unit',
        n: int | float | str | None = None,
        seed: int | None = None,
        random_state: Any = None,
    ) -> None:
        self.kernel = kernel
        self.sigma = sigma
        self.nu = nu
        self.driver = driver
        self.rows = rows
        self.n = n
        self.seed = seed
        self.random_state = random_state


class UHerding(Method):
    """Again and again the row that raises the kernel coverage of what a model is unsure of most.

    Needs: model outputs (class probabilities or logits) once rows are labeled

    Rows: scaled to unit length by the method

    Cost: time O(n^2 d) at the rate of matrix products, half of it saved by symmetry; memory O(n)

    Source: Bae et al., Uncertainty Herding: One Active Learning Method for All Label Budgets, 2024

    Not when: there is no model yet (it is max-herding then), or it is sure of everything

    First k picks are the picks for k: yes

    Args:
        uncertainty: margin, entropy or least-confidence; what a row counts, with its class probabilities p1, p2, ...
        in descending order: 1 - (p1 - p2), -sum p ln p or 1 - p1; labeled rows count 0, and all rows 1 where none is
        labeled
        temperature: a number above 0 or auto; what logits are divided by; auto finds where confidence is right among
        labeled rows, for which it needs --logits and --labels
        kernel: rbf, laplace, cauchy, rational-quadratic, student or top-hat; how much a pick covers at distance r,
        with q = r/sigma: exp(-q^2), exp(-q), 1/(1 + q^2), 1/(1 + q^2/2), (1 + q^2/nu)^(-(nu + 1)/2), or all below
        sigma
        sigma: auto or a distance above 0; how far a pick covers; auto takes the smallest distance between labeled
        rows that are not alike, else 1
        nu: a half, 1, 1.5 and so on up to 30; degrees of freedom of kernel=student: the fewer, the further a pick
        covers a little
        driver: lazy or full; full works out every gain at every pick, as textbooks do; same picks, for comparison
        rows: unit or raw; whether rows are scaled to unit length first
        n: How many rows, for `fit`: a count, a share, or text such as "5%".
        seed: Seed of every random decision; `random_state` is the same.
    """

    _name = "u-herding"

    def __init__(
        self,
        *,
        uncertainty: str | float = 'margin',
        temperature: float | str = 1.0,
        kernel: str | float = 'rbf',
        sigma: str | float = 'auto',
        nu: float | str = 0.5,
        driver: str | float = 'lazy',
        rows: str | float = 'unit',
        n: int | float | str | None = None,
        seed: int | None = None,
        random_state: Any = None,
    ) -> None:
        self.uncertainty = uncertainty
        self.temperature = temperature
        self.kernel = kernel
        self.sigma = sigma
        self.nu = nu
        self.driver = driver
        self.rows = rows
        self.n = n
        self.seed = seed
        self.random_state = random_state


class FacilityLocation(Method):
    """Again and again the row that makes all rows most alike their nearest pick.

    Needs: nothing beside embeddings

    Rows: scaled to unit length by the method

    Cost: time O(n^2 d) at the rate of matrix products, half of it saved by symmetry; memory O(n), and 2 n^2 bytes
    where allowed, which saves time

    Source: Cornuejols, Fisher, Nemhauser, Location of bank accounts, 1977; Mirzasoleiman et al., 2015, for samples

    Not when: the pool is so large that comparing all pairs of rows takes too long, or rare kinds of rows matter most

    First k picks are the picks for k: yes

    Args:
        similarity: shifted, cosine, squared, rbf, exp-distance, max-distance or max-sq-distance; how alike rows are:
        .5 + .5 cosine, cosine (0 if negative), its square, exp(-(distance/width)^2), exp(-distance/width), most -
        distance, most - distance^2
        width: auto or a distance above 0; of rbf and exp-distance; auto is 1 for rbf, the number of values per row
        for exp-distance
        most: auto or a number above 0; of max-distance and max-sq-distance, which are 0 beyond it; auto is twice the
        largest distance from the mean row, and for the latter its square
        neighbors: auto or a count, at least 1; a row can be represented by so many rows nearest to it and itself, and
        has similarity 0 to all others; auto is all rows. For large pools, with lazy only
        driver: lazy, full or stochastic; full works out every gain at every pick, as textbooks do; same picks, for
        comparison. stochastic takes the best of a random sample
        eps: a number above 0 and below 1; of stochastic: samples hold candidates/budget ln(1/eps) rows, and picks are
        expected within eps of 1 - 1/e
        rows: unit or raw; whether rows are scaled to unit length first; raw only where similarity goes by distance
        n: How many rows, for `fit`: a count, a share, or text such as "5%".
        seed: Seed of every random decision; `random_state` is the same.
    """

    _name = "facility-location"

    def __init__(
        self,
        *,
        similarity: str | float = 'shifted',
        width: str | float = 'auto',
        most: str | float = 'auto',
        neighbors: str | float = 'auto',
        driver: str | float = 'lazy',
        eps: float | str = 0.01,
        rows: str | float = 'unit',
        n: int | float | str | None = None,
        seed: int | None = None,
        random_state: Any = None,
    ) -> None:
        self.similarity = similarity
        self.width = width
        self.most = most
        self.neighbors = neighbors
        self.driver = driver
        self.eps = eps
        self.rows = rows
        self.n = n
        self.seed = seed
        self.random_state = random_state


class GraphCut(Method):
    """Again and again the row most alike to the pool and least to the picks.

    Needs: nothing beside embeddings

    Rows: scaled to unit length by the method

    Cost: time O(b n d), with similarity=rbf O(n^2 d) besides; memory O(n)

    Source: Iyer et al., Submodular Combinatorial Information Measures with Applications in Machine Learning, 2021

    Not when: rare kinds of rows matter: it takes what is near the middle of the pool, as far as lambda lets it

    First k picks are the picks for k: yes

    Args:
        similarity: shifted, cosine or rbf; of two rows: (1 + cosine)/2, the cosine, or exp(-(distance/width)^2)
        width: a distance above 0; of rbf
        lam: a number, 0 or more; how much likeness among picks costs; up to 0.5 a pick never lowers the sum of
        similarities of 0 or more
        n: How many rows, for `fit`: a count, a share, or text such as "5%".
        seed: Seed of every random decision; `random_state` is the same.
    """

    _name = "graph-cut"

    def __init__(
        self,
        *,
        similarity: str | float = 'shifted',
        width: float | str = 1.0,
        lam: float | str = 0.5,
        n: int | float | str | None = None,
        seed: int | None = None,
        random_state: Any = None,
    ) -> None:
        self.similarity = similarity
        self.width = width
        self.lam = lam
        self.n = n
        self.seed = seed
        self.random_state = random_state


class KernelHerding(Method):
    """Again and again the row that brings the mean of the picks nearest to that of the pool.

    Needs: nothing beside embeddings

    Rows: scaled to unit length by the method

    Cost: time O(b n d), with kernel=rbf O(n^2 d) besides; memory O(n)

    Source: Chen, Welling, Smola, Super-Samples from Kernel Herding, 2010

    Not when: few labels are to be bought: with kernel=linear it matches one mean, which says little of a pool of many
    kinds

    First k picks are the picks for k: yes

    Args:
        kernel: rbf or linear; exp(-(distance/sigma)^2), by which whole distributions are matched, or the inner
        product: means alone
        sigma: a distance above 0; width of rbf
        rows: unit or raw; rows scaled to length 1, or as given
        n: How many rows, for `fit`: a count, a share, or text such as "5%".
        seed: Seed of every random decision; `random_state` is the same.
    """

    _name = "kernel-herding"

    def __init__(
        self,
        *,
        kernel: str | float = 'rbf',
        sigma: float | str = 1.0,
        rows: str | float = 'unit',
        n: int | float | str | None = None,
        seed: int | None = None,
        random_state: Any = None,
    ) -> None:
        self.kernel = kernel
        self.sigma = sigma
        self.rows = rows
        self.n = n
        self.seed = seed
        self.random_state = random_state


class LogDet(Method):
    """Again and again the row that most enlarges the volume of the picks: greedy MAP of a determinantal point process.

    Needs: nothing beside embeddings

    Rows: scaled to unit length by the method, but for similarity=dot

    Cost: time O(n d + b^2 d) for typical data, at most O(b n d), with similarity=rbf or squared O(b n (b + d));
    memory O(n + b d), with these two O(n b) up to 256 MiB

    Source: Kulesza, Taskar, Determinantal Point Processes for Machine Learning, 2012; Chen, Zhang, Zhou, 2018

    Not when: picks should stand for the pool: it takes what is unlike the rest, outliers first; or the budget exceeds
    the rank of the embeddings, where the rest is drawn at random

    First k picks are the picks for k: yes

    Args:
        similarity: shifted, cosine, dot, squared or rbf; of two rows: (1 + cosine)/2, the cosine, the inner product
        of the rows as given, the cosine squared, or exp(-(distance/sigma)^2)
        sigma: a distance above 0; width of rbf
        jitter: a number from 0 to below 1; added to each row's similarity to itself, times its mean over the pool; a
        row of which no more than twice that is new counts as spanned
        driver: lazy or full; full brings every row up to date after every pick, as textbooks do; same picks, for
        comparison
        n: How many rows, for `fit`: a count, a share, or text such as "5%".
        seed: Seed of every random decision; `random_state` is the same.
    """

    _name = "log-det"

    def __init__(
        self,
        *,
        similarity: str | float = 'shifted',
        sigma: float | str = 1.0,
        jitter: float | str = 1e-06,
        driver: str | float = 'lazy',
        n: int | float | str | None = None,
        seed: int | None = None,
        random_state: Any = None,
    ) -> None:
        self.similarity = similarity
        self.sigma = sigma
        self.jitter = jitter
        self.driver = driver
        self.n = n
        self.seed = seed
        self.random_state = random_state


class Wasserstein(Method):
    """Rows to which the pool is carried at little cost, an equal share to each: a heuristic for the integer program.

    Needs: nothing beside embeddings

    Rows: raw, as the network delivers them

    Cost: time O(iterations n d b) for the start, O((rounds + b) m d) and a transport of m sampled rows to b per
    change; memory O(n + m (d + b))

    Source: Mahmood et al., Low-Budget Active Learning via Wasserstein Distance, 2022; improved by medoids and swaps,
    not by their program

    Not when: time matters: k-means-centers, its start, has most of the gain; or a large share of the pool is kept

    First k picks are the picks for k: no

    Args:
        start: k-means or k-means-pp; what is improved: the rows nearest to k-means centers, or rows drawn in
        proportion to squared distance
        sample: a count, at least 1; rows drawn to stand for the pool where it has more; fewer where costs would not
        fit 160 MB
        solver: auto, exact or sinkhorn; of the transport; auto is exact up to 10,000,000 pairs of rows and picks and
        2,000 picks
        rounds: a count; medoid rounds at most; they end where the cost no longer falls by 1e-4 of itself
        swaps: auto or a count; random swaps tried at the end; auto is the budget
        rows: raw or unit; rows as given, or scaled to length 1
        n: How many rows, for `fit`: a count, a share, or text such as "5%".
        seed: Seed of every random decision; `random_state` is the same.
    """

    _name = "wasserstein"

    def __init__(
        self,
        *,
        start: str | float = 'k-means',
        sample: int | str = 20000,
        solver: str | float = 'auto',
        rounds: int | str = 20,
        swaps: str | float = 'auto',
        rows: str | float = 'raw',
        n: int | float | str | None = None,
        seed: int | None = None,
        random_state: Any = None,
    ) -> None:
        self.start = start
        self.sample = sample
        self.solver = solver
        self.rounds = rounds
        self.swaps = swaps
        self.rows = rows
        self.n = n
        self.seed = seed
        self.random_state = random_state
