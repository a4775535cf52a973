"""The comparisons with other people's code: `cargo xtask bench peers`. One run, one machine, the same file for all."""

import json
from functools import partial
from pathlib import Path

import numpy as np

import judge
from record import has

from . import explain, table
from .compare import Peers, alone_of, one_by_one, over_runs
from .environment import Environment

BUDGET = 60
DELTAS = (0.28, 0.55)


def on_picks(measure, X):
    """`measure(X, picks)` of a file of picks."""
    return lambda file: measure(X, np.load(file))


def k_center(peers, data):
    """Farthest first, from row 0."""
    bench = peers.bench_id("k-center", data, BUDGET)
    measure = on_picks(lambda X, picks: {"radius": judge.radius(X, picks)}, data.X)
    contenders = [
        peers.ours("k-center:start=0", BUDGET, data),
        peers.peer("core-set", "scikit-activeml", BUDGET, data),
    ]
    peers.compare(bench, contenders, over_runs(measure), one_by_one(explain.farthest(data.X)))
    if data.name == "cifar10":
        peers.quote(bench, contenders[0], "svp")
    peers.chance(bench, data, BUDGET, measure)


def typi_clust(peers, data):
    """Clusters are random, so that quality is compared: how near a pick is, and how dense the places of picks are."""
    bench = peers.bench_id("typiclust", data, BUDGET)
    measure = on_picks(typical, data.unit)
    contenders = [
        peers.ours("typiclust:distance=euclidean", BUDGET, data),
        peers.ours("typiclust", BUDGET, data),
        peers.peer("typi-clust", "scikit-activeml", BUDGET, data, "--unit"),
    ]
    peers.compare(bench, contenders, over_runs(measure))
    if data.name == "cifar10":
        peers.quote(bench, contenders[0], "typiclust")
    peers.chance(bench, data, BUDGET, measure)


def typical(X, picks):
    return {
        "mean distance to a pick": judge.nearest_dists(X, picks).mean(),
        "of picks to 20 nearest": judge.typicality_dist(X, picks),
    }


def prob_cover(peers, data):
    """scikit-activeml keeps n x n matrices, 7 bytes a pair: 50,000 rows would need 16 GB. Both run on 10,000 rows, ours
    beside the original's figures on all rows and, at the larger delta, on the 20,000 that the original could hold."""
    few = data.first(10_000, peers.setting.scratch)
    for delta in DELTAS:
        bench = peers.bench_id(f"prob-cover delta={delta}", few, BUDGET)
        measure = on_picks(partial(covered, delta=delta), few.unit)
        contenders = [
            # Once all is covered, scikit-activeml goes on with the lowest rows.
            peers.ours(f"prob-cover:delta={delta},ball=closed,on_covered=stop", BUDGET, few),
            peers.peer("prob-cover", "scikit-activeml", BUDGET, few, "--unit", "--delta", str(delta)),
        ]
        peers.compare(bench, contenders, over_runs(measure), one_by_one(explain.newly_covered(few.X, delta)))
        peers.chance(bench, few, BUDGET, measure)
    if data.name != "cifar10":
        return
    for delta, rows in ((DELTAS[0], len(data.X)), (DELTAS[1], 20_000), (DELTAS[1], len(data.X))):
        part = data.first(rows, peers.setting.scratch)
        bench = peers.bench_id(f"prob-cover delta={delta}", part, BUDGET)
        measure = on_picks(partial(covered, delta=delta), part.unit)
        ours = peers.ours(f"prob-cover:delta={delta}", BUDGET, part)
        peers.compare(bench, [ours], over_runs(measure))
        if (delta, rows) != (DELTAS[1], len(data.X)):
            peers.quote(bench, ours, f"prob-cover-{delta}")
        peers.chance(bench, part, BUDGET, measure)


def covered(X, picks, delta):
    return {"covered": float((judge.nearest_dists(X, picks) <= delta).mean())}


def facility_location(peers, data):
    """apricot's cosine is the square of the cosine, submodlib's is plain. Both keep n x n: first 10,000 rows.
    apricot compiles at every call; how long that takes, a call with 100 rows tells."""
    few = data.first(10_000, peers.setting.scratch)
    is_known = "facility-location" in peers.methods
    cases = [
        ("squared", 2, peers.peer("apricot", "apricot-select", BUDGET, few)),
        ("cosine", 1, peers.peer("submodlib", "submodlib-py", BUDGET, few, rounds=1)),
    ]
    for similarity, exponent, peer in cases:
        bench = peers.bench_id(f"facility-location {similarity}", few, BUDGET)
        measure = on_picks(partial(served, exponent=exponent), few.unit)
        if is_known:
            ours = peers.ours(f"facility-location:similarity={similarity}", BUDGET, few)
            same = one_by_one(explain.facility_gain(few.X, exponent))
            peers.compare(bench, [ours, peer], over_runs(measure), same)
        else:
            print("SKIPPED: ours, as this program has no method facility-location")
            peers.compare(bench, [peer], over_runs(measure))
            peers.setting.record.add(bench, "subsel facility-location", note="SKIPPED: not a method of this program")
        peers.chance(bench, few, BUDGET, measure)
    hundred = data.first(100, peers.setting.scratch)
    apricot = peers.peer("apricot", "apricot-select", BUDGET, hundred)
    peers.compare(peers.bench_id("facility-location squared", hundred, BUDGET), [apricot], lambda one: "compiling")
    if data.name == "cifar10" and is_known:
        bench = peers.bench_id("facility-location cosine", data, BUDGET)
        measure = on_picks(partial(served, exponent=1), data.unit)
        method = "facility-location:similarity=cosine"
        ours = [
            peers.ours(method, BUDGET, data, rounds=1),
            peers.ours(method, BUDGET, data, rounds=1, options=["--max-memory", "8GB"], how=", --max-memory 8GB"),
            peers.ours(f"{method},neighbors=32", BUDGET, data, rounds=1),
        ]
        peers.compare(bench, ours, over_runs(measure))
        peers.chance(bench, data, BUDGET, measure)


def served(X, picks, exponent):
    similar = ((X @ X[picks].T).astype(np.float64) ** exponent).max(axis=1)
    return {"mean similarity": float(np.maximum(similar, 0).mean())}


def neighbors(peers, data):
    """The 20 nearest of every row. We have no command for this alone: typiclust with all rows in one cluster and one pick
    searches exactly that and then takes the row whose mean is least, a step of milliseconds. So our time is a little
    above that of the search. The row is checked against the one that faiss's distances name."""
    k = 20
    bench = peers.bench_id("neighbors k=20", data, k)
    one_cluster = peers.setting.scratch / "one-cluster.npy"
    np.save(one_cluster, np.zeros(len(data.X), dtype=np.uint8))
    options = ["--labels", str(one_cluster)]
    method = "typiclust:clusters=labels"
    contenders = [peers.ours(method, 1, data, options=options)]
    if has("avx512_vnni"):
        contenders.append(peers.ours(method, 1, data, options=options, isa="avx512", how=", f32 products only"))
    contenders += [
        peers.peer("faiss-flat", "faiss-cpu", k, data, "--unit"),
        peers.peer("faiss-flat", "faiss-cpu", k, data, "--unit", "--blocks", "4096", how=", blocks of 4096"),
    ]

    def rate(one):
        rows, dim = data.X.shape
        alone = alone_of(one)
        rates = [2e-9 * rows * rows * dim / alone[key] for key in ("wall_s", "cpu_s")]
        return f"{rates[0]:.0f} Gflop/s of wall, {rates[1]:.0f} of CPU time, counting 2 n² d"

    def same(ours, one):
        answer = np.load(one.answers[0])
        # Distances, or a pick of ours.
        best = answer.mean(axis=1, dtype=np.float64).argmin(keepdims=True) if answer.ndim == 2 else answer
        return explain.compare(np.load(ours.answers[0]), best, explain.near_neighbors(data.X, k))

    peers.compare(bench, contenders, rate, same)


def k_means(peers, data):
    """faiss starts from random rows, ours from k-means++ refined on a sample: each from its own start. So besides
    both with their defaults, ours runs for as few iterations as bring it to the inertia that faiss ends with."""
    for k in (500, BUDGET) if data.name == "cifar10" else (BUDGET,):
        bench = peers.bench_id("k-means", data, k)
        faiss = peers.peer("faiss-kmeans", "faiss-cpu", k, data, how=", 25 iterations")
        first = peers.peer("faiss-kmeans", "faiss-cpu", k, data, rounds=1)
        peers.run([first])
        contenders = [peers.ours("k-means-centers", k, data), faiss]
        if not first.failed:
            target = inertia_of(data.X, first.answers[0])["mean squared distance"]
            iterations = iterations_to(peers, data, k, target)
            print(f"  faiss ends at {target:.6g}, which ours reaches with iterations={iterations}")
            contenders.insert(0, peers.ours(f"k-means-centers:iterations={iterations}", k, data))
        if k == BUDGET:
            contenders.append(peers.peer("sklearn-kmeans", "scikit-learn", k, data))

        peers.compare(bench, contenders, over_runs(partial(inertia_of, data.X)))
        peers.chance(bench, data, k, partial(inertia_of, data.X))


def k_means_from_one_start(peers, data):
    """Both from the same random rows, told by the manifest of a first run of ours, for 25 iterations."""
    k, iterations = 500 if data.name == "cifar10" else BUDGET, 25
    ours = {"method": f"k-means-centers:start=random,iterations={iterations}", "n": k, "data": data, "seed": "0"}
    first = peers.ours(**ours, rounds=1)
    peers.run([first])
    if first.failed:
        return
    manifest = json.loads(Path(first.answers[0]).with_suffix(".manifest.json").read_text())
    start = peers.setting.scratch / "start-rows.npy"
    np.save(start, np.array(manifest["events"]["start_rows"]))
    faiss = peers.peer("faiss-kmeans", "faiss-cpu", k, data, "--start-rows", str(start), how=f", {iterations} iterations")
    bench = peers.bench_id("k-means from one start", data, k)
    peers.compare(bench, [peers.ours(**ours), faiss], over_runs(partial(inertia_of, data.X)))


def iterations_to(peers, data, k, target, most=100):
    """Fewest iterations, of one seed, found by halving, as more of them hardly ever raise the inertia."""
    least = 1
    while least < most:
        middle = (least + most) // 2
        one = peers.ours(f"k-means-centers:iterations={middle}", k, data, rounds=1)
        peers.run([one])
        if one.failed or inertia_of(data.X, one.answers[0])["mean squared distance"] > target:
            least = middle + 1
        else:
            most = middle
    return most


def inertia_of(X, file):
    """Mean squared distance to the nearest center: of centers or random rows as judged here; of ours as its manifest tells,
    since the answer is the rows nearest to its centers, not the centers."""
    answer, manifest = np.load(file), Path(file).with_suffix(".manifest.json")
    if answer.ndim == 2:
        value = judge.inertia(X, answer)
    elif manifest.exists():
        value = json.loads(manifest.read_text())["events"]["mean_sq_dist"]
    else:
        value = judge.inertia(X, X[answer])
    return {"mean squared distance": value}


def zcore(peers, data):
    """No peer on PyPI: the repository's figure for one draw, times the draws."""
    if data.name != "cifar10":
        return
    bench = peers.bench_id("zcore draws=1000000", data, BUDGET)
    ours = peers.ours("zcore", BUDGET, data, rounds=1)
    peers.compare(bench, [ours], lambda file: {})
    peers.quote(bench, ours, "zcore")


COMPARISONS = [k_center, typi_clust, prob_cover, facility_location, neighbors, k_means, k_means_from_one_start, zcore]


def peers(setting, comparisons=tuple(COMPARISONS)):
    environment = Environment(setting.scratch.parent / "peers-venv")
    if setting.tiny and not environment.is_made():
        print("peers: SKIPPED: `--tiny` installs nothing; `cargo xtask bench peers` does")
        return
    environment.make()
    shared = Peers(setting, environment)
    for data in shared.sets:
        for comparison in comparisons:
            comparison(shared, data)
    if setting.record.path:
        print(f"table in {table.write(setting.record.path)}")
