"""Runs the comparisons that `subsel advise` rests on, and writes crates/selectors/src/advice/evidence.csv.

    python benchmarks/evidence.py [--data DIR] [--work DIR] [--only NAME] [--collect]

Six data sets and a control, two regimes, 30 paired seeds, linear probe. `--collect` only gathers what an earlier call
found. A stopped call goes on where it was. Needs numpy and target/release/subsel; takes about an hour on two cores.
"""

import argparse
import csv
import json
import os
import pathlib
import subprocess

import numpy

ROOT = pathlib.Path(__file__).resolve().parents[1]
SUBSEL = ROOT / "target" / "release" / "subsel"
OUT = ROOT / "crates" / "selectors" / "src" / "advice" / "evidence.csv"
SEEDS = 30
COMMON = "norm,gram-schmidt,k-center,k-means-pp,k-means-centers,facility-location,zcore:draws=100000,cluster-balanced"
REGIMES = {
    "label": (COMMON + ",typiclust,prob-cover,max-herding", "10,20,30,40,50,60", 5000),
    "prune": (COMMON + ",d2", "1%,5%,10%,30%,50%", 3000),
}


def text(data, name):
    folder = data / name
    return [folder / f for f in ("minilm-train.npy", "labels-train.npy", "minilm-test.npy", "labels-test.npy")]


def mobilenet(data, _):
    cifar = data / "cifar10"
    return [
        cifar / "features-mobilenet-train.npy",
        cifar / "labels-train.npy",
        cifar / "features-mobilenet-test.npy",
        cifar / "labels-test.npy",
    ]


def random_network(data, work):
    """Features of the first rows only, so that labels are cut to them."""
    cifar = data / "cifar10"
    features = cifar / "features-resnet18rand-train.npy"
    labels = work / "random-network-labels.npy"
    numpy.save(labels, numpy.load(cifar / "labels-train.npy")[: len(numpy.load(features, mmap_mode="r"))])
    return [features, labels, cifar / "features-resnet18rand-test.npy", cifar / "labels-test.npy"]


def pneumonia(data, work):
    """Pixels from 0 to 1."""
    paths = []
    with numpy.load(data / "pneumoniamnist" / "pneumoniamnist.npz") as arrays:
        for part in ("train", "test"):
            images, labels = arrays[f"{part}_images"], arrays[f"{part}_labels"]
            for what, values in (
                ("pixels", (images.reshape(len(images), -1) / 255).astype(numpy.float32)),
                ("labels", labels.ravel().astype(numpy.int64)),
            ):
                paths.append(work / f"pneumonia-{part}-{what}.npy")
                numpy.save(paths[-1], values)
    return paths


def gaussian(_, work):
    """The control: rows without structure, classes by a random linear rule."""
    draws = numpy.random.default_rng(7)
    rule = draws.standard_normal((64, 10))
    paths = []
    for part, rows in (("train", 20000), ("test", 5000)):
        values = draws.standard_normal((rows, 64)).astype(numpy.float32)
        for what, array in (("rows", values), ("labels", (values @ rule).argmax(1).astype(numpy.int64))):
            paths.append(work / f"gaussian-{part}-{what}.npy")
            numpy.save(paths[-1], array)
    return paths


DATA = {
    "agnews": lambda data, _: text(data, "agnews"),
    "trec": lambda data, _: text(data, "trec"),
    "sst2": lambda data, _: text(data, "sst2"),
    "mobilenet": mobilenet,
    "random-network": random_network,
    "pneumonia": pneumonia,
    "gaussian": gaussian,
}


def run(name, regime, paths, out):
    methods, budgets, size = REGIMES[regime]
    train, labels, test, test_labels = paths
    # Samples must be smaller than the pool, or seeds would not redraw it.
    size = min(size, int(0.8 * len(numpy.load(train, mmap_mode="r"))) // 1000 * 1000)
    command = [SUBSEL, "compare", train, "--labels", labels, "--test-features", test, "--test-labels", test_labels]
    command += ["-m", methods, "-n", budgets, "--seeds", SEEDS, "--pool-size", size, "--evaluators", "linear-probe"]
    command = [str(word) for word in [*command, "-o", out]]
    print(" ".join(command), flush=True)
    subprocess.run(command, check=True)


def lines(name, regime, out):
    """A line for each method and budget: over random in points by seed; for random its accuracy in percent."""
    with open(out / "results.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    with open(out / "results.jsonl") as file:
        size = json.loads(file.readline())["pool_size"]
    accuracy = {(r["method"], r["budget"], int(r["seed"])): 100 * float(r["linear-probe"]) for r in rows}
    picks = {r["budget"]: int(r["picks"]) for r in rows}
    # Few labels are the other regime's; random has more budgets, for labels saved.
    asked = [b for b in picks if ("k-center", b, 0) in accuracy and (regime == "label" or picks[b] > 100)]
    for method in dict.fromkeys(r["method"] for r in rows):
        for budget in asked:
            values = []
            for seed in range(SEEDS):
                value = accuracy[method, budget, seed]
                values.append(value if method == "random" else value - accuracy["random", budget, seed])
            yield [name, method, picks[budget], size, *(f"{value:.2f}" for value in values)]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    data = os.environ.get("SUBSEL_DATA", ROOT.parent / "shared" / "data")
    parser.add_argument("--data", type=pathlib.Path, default=data)
    parser.add_argument("--work", type=pathlib.Path, default=ROOT / "target" / "evidence")
    parser.add_argument("--only", choices=DATA)
    parser.add_argument("--collect", action="store_true")
    args = parser.parse_args()
    args.work.mkdir(parents=True, exist_ok=True)
    found = []
    for name, paths in DATA.items():
        for regime in REGIMES:
            out = args.work / f"{regime}-{name}"
            if not args.collect and args.only in (None, name):
                run(name, regime, paths(pathlib.Path(args.data), args.work), out)
            if not (out / "results.csv").exists():
                raise SystemExit(f"{out} holds no results yet: {OUT.name} needs all")
            found += lines(name, regime, out)
    with open(OUT, "w", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["data", "method", "picks", "pool", *(f"seed {seed}" for seed in range(SEEDS))])
        writer.writerows(found)
    print(f"{len(found)} lines in {OUT}")


if __name__ == "__main__":
    main()
