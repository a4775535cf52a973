"""Rows of a rare class found by each method: PneumoniaMNIST, where 1 of 10 images is normal.

    cargo build --release
    python benchmarks/rare_class.py [--program target/release/subsel] [--seeds 10] [-o DIR]

Embeds the training images by `patches`, lets every method that needs no more than embeddings pick 20, 40 and 60, and counts
the normal ones, over seeds. Random is beside them; the difference to it is paired by seed, with a 95 % interval by
Student's t. Writes `summary.csv` and `summary.md`. `SUBSEL_DATA` says where the data lies (default ../shared/data).
"""

import argparse
import csv
import math
import os
import statistics
import subprocess
import tempfile
from pathlib import Path

BUDGETS = (20, 40, 60)
METHODS = (
    "random norm gram-schmidt k-center k-means-pp k-means-centers typiclust cluster-balanced prototypicality moderate "
    "semdedup zcore prob-cover max-herding facility-location graph-cut kernel-herding log-det wasserstein "
    "typiclust+norm prob-cover+norm prob-cover+gram-schmidt"
).split()
#: Student's t for 95 %, by degrees of freedom.
T = {1: 12.71, 2: 4.30, 3: 3.18, 4: 2.78, 9: 2.26, 19: 2.09, 29: 2.05}


def found(program, directory, method, seed):
    picks = directory / "picks.csv"
    budgets = ",".join(map(str, BUDGETS))
    command = [program, "select", directory / "x.npy", "-n", budgets, "-m", method, "--seed", str(seed), "-o", picks]
    subprocess.run([*map(str, command), "--force", "--quiet"], check=True, stderr=subprocess.DEVNULL)
    with open(picks) as file:
        rows = list(csv.DictReader(file))
    if "budget" in rows[0]:
        return {n: [int(row["row"]) for row in rows if int(row["budget"]) == n] for n in BUDGETS}
    return {n: [int(row["row"]) for row in rows[:n]] for n in BUDGETS}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--program", default="target/release/subsel")
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("-o", "--output", type=Path, default=Path("docs/results/rare-class"))
    args = parser.parse_args()
    data = Path(os.environ.get("SUBSEL_DATA", "../shared/data")) / "pneumoniamnist" / "pneumoniamnist.npz"
    with tempfile.TemporaryDirectory() as scratch:
        directory = Path(scratch)
        subprocess.run([args.program, "embed", data, "-o", directory / "x.npy", "--quiet"], check=True)
        classes = (directory / "x.labels.txt").read_text().split()
        rare = min(set(classes), key=classes.count)
        is_rare = [name == rare for name in classes]
        counts = {
            (method, seed): {n: sum(is_rare[row] for row in rows) for n, rows in found(args.program, directory, method, seed).items()}
            for method in METHODS
            for seed in range(args.seeds)
        }
    share = sum(is_rare) / len(is_rare)
    table = []
    for method in METHODS:
        line = {"method": method}
        for n in BUDGETS:
            mine = [counts[method, seed][n] for seed in range(args.seeds)]
            gain = [counts[method, seed][n] - counts["random", seed][n] for seed in range(args.seeds)]
            half = T.get(args.seeds - 1, 1.96) * statistics.stdev(gain) / math.sqrt(args.seeds)
            line |= {f"found {n}": statistics.mean(mine), f"gain {n}": statistics.mean(gain), f"half {n}": half}
        table.append(line)
    args.output.mkdir(parents=True, exist_ok=True)
    with open(args.output / "summary.csv", "w", newline="") as file:
        writer = csv.DictWriter(file, fieldnames=list(table[0]))
        writer.writeheader()
        writer.writerows({key: value if isinstance(value, str) else f"{value:.2f}" for key, value in line.items()} for line in table)
    lines = [
        f"{sum(is_rare):,} of {len(is_rare):,} images ({100 * share:.1f} %) are of the rare class, `{rare}`; {args.seeds} seeds.",
        "",
        "| method | " + " | ".join(f"in {n} picks" for n in BUDGETS) + " | " + " | ".join(f"over random, {n}" for n in BUDGETS) + " |",
        "|---" * (1 + 2 * len(BUDGETS)) + "|",
    ]
    for line in table:
        cells = [f"{line[f'found {n}']:.1f}" for n in BUDGETS]
        cells += [
            "" if line["method"] == "random" else f"{line[f'gain {n}']:+.1f} ± {line[f'half {n}']:.1f}" for n in BUDGETS
        ]
        lines.append(f"| {line['method']} | " + " | ".join(cells) + " |")
    (args.output / "summary.md").write_text("\n".join(lines) + "\n")
    print("\n".join(lines))


if __name__ == "__main__":
    main()
