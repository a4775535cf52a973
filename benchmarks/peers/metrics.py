"""Values of our metrics and evaluators by other people's packages, for the tests: `python3 benchmarks/peers/metrics.py`.

Makes an environment under `target/`, works everything out there and writes `crates/metrics/tests/golden/judges.json`, which
holds no features: pools are made by a rule that the tests repeat, or are rows of the real data named by number. Without the
real data its cases stay as they were. CPU only, about a minute.

What is whose:
- Fréchet distance: `calculate_frechet_distance` of pytorch-fid, cut out of the package as installed without what it needs:
  importing it would need torch.
- Vendi score: vendi-score, `score_X`, and `score_dual` where there are more rows than dimensions.
- W1: `emd2` of POT. MMD: `rbf_kernel` of scikit-learn. The worth of neighbors: `KNeighborsClassifier`.
- Logistic regression: scikit-learn's behind a `StandardScaler` fitted to the pool, by `newton-cholesky`.
"""

import argparse
import ast
import json
import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
GOLDEN = ROOT / "crates/metrics/tests/golden/judges.json"
PINS = Path(__file__).parent / "metrics-requirements.txt"
PYTORCH_FID = "pytorch-fid==0.3.0"

MASK = 2**64 - 1


def splitmix(counter):
    z = (counter + 1) * 0x9E3779B97F4A7C15 & MASK
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9 & MASK
    z = (z ^ (z >> 27)) * 0x94D049BB133111EB & MASK
    return z ^ (z >> 31)


def made(seed, n, dim):
    """The pool of a seed: value i is the sum of four uniform numbers less 2, numbers 4 i to 4 i + 3 of SplitMix64 from the
    seed times 2^32, scaled by `(1 + column % 5) / 2`, plus `column % 3`, as f32."""
    import numpy as np

    def value(i):
        column = i % dim
        uniform = [(splitmix((seed << 32) + 4 * i + j) >> 11) * 2.0**-53 for j in range(4)]
        return (uniform[0] + uniform[1] + uniform[2] + uniform[3] - 2.0) * ((1 + column % 5) / 2.0) + column % 3

    return np.array([value(i) for i in range(n * dim)]).astype(np.float32).reshape(n, dim)


def frechet_of_pytorch_fid():
    """Their function without their imports."""
    import importlib.metadata

    import numpy as np
    from scipy import linalg

    path = next(file for file in importlib.metadata.files("pytorch-fid") if file.name == "fid_score.py").locate()
    tree = ast.parse(Path(path).read_text())
    function = next(node for node in tree.body if getattr(node, "name", "") == "calculate_frechet_distance")
    space = {"np": np, "linalg": linalg}
    exec(compile(ast.Module([function], []), str(path), "exec"), space)
    return space["calculate_frechet_distance"]


def judge(pool, rows):
    """What the packages say of some rows of a pool."""
    import numpy as np
    import ot
    from scipy.spatial.distance import cdist, pdist
    from sklearn.metrics.pairwise import rbf_kernel
    from vendi_score import vendi

    frechet = frechet_of_pytorch_fid()
    pool = pool.astype(np.float64)
    picks = pool[rows]
    rest = np.delete(pool, rows, axis=0)
    moments = lambda of: (of.mean(axis=0), np.cov(of, rowvar=False))
    distances = cdist(pool, picks)
    width = np.median(pdist(pool))
    kernel = lambda one, other: rbf_kernel(one, other, gamma=1 / (2 * width**2))
    n, m = len(picks), len(pool)
    within, all_pool, between = kernel(picks, picks), kernel(pool, pool), kernel(picks, pool).mean()
    near = distances.min(axis=1)
    values = {
        "width": width,
        "frechet": frechet(*moments(picks), *moments(pool)),
        "frechet-rest": frechet(*moments(picks), *moments(rest)),
        "vendi": vendi.score_X(picks) if n <= pool.shape[1] else vendi.score_dual(picks),
        "mmd": within.mean() + all_pool.mean() - 2 * between,
        "mmd-unbiased": (within.sum() - n) / (n * (n - 1)) + (all_pool.sum() - m) / (m * (m - 1)) - 2 * between,
        "coverage-radius": near.max(),
        "mean-distance": near.mean(),
        "coverage-50": np.quantile(near, 0.5),
        "coverage-95": np.quantile(near, 0.95),
        "coverage-99": np.quantile(near, 0.99),
    }
    if m <= 2000:
        values["w1"] = ot.emd2(np.full(m, 1 / m), np.full(n, 1 / n), distances, numItermax=10_000_000)
    if n <= pool.shape[1]:
        values["log-volume"] = np.linalg.slogdet(picks @ picks.T)[1]
    return {name: float(value) for name, value in values.items()}


def made_case(seed, n, dim, picks, step):
    pool = made(seed, n, dim)
    rows = [i * step % n for i in range(picks)]
    assert len(set(rows)) == picks
    return {"seed": seed, "n": n, "dim": dim, "picks": picks, "step": step, "values": judge(pool, rows)}


def real_case(path, first, n, picks, step):
    """The first rows of a file of the real data."""
    import numpy as np

    pool = np.load(path)[first : first + n].astype(np.float32)
    rows = [i * step % n for i in range(picks)]
    return {"first": first, "n": n, "picks": picks, "step": step, "values": judge(pool, rows)}


def told(task, train, labels, test, pool):
    """What scikit-learn's classifiers tell of the test rows, and how often they are right."""
    import numpy as np
    from sklearn.linear_model import LogisticRegression
    from sklearn.neighbors import KNeighborsClassifier
    from sklearn.preprocessing import StandardScaler, normalize

    truth = np.array(task["test_labels"])
    found = {}
    for k in (1, 20):
        votes = lambda distance: np.exp((1 - distance**2 / 2) / 0.07)
        weights = "uniform" if k == 1 else votes
        classifier = KNeighborsClassifier(min(k, len(train)), weights=weights, algorithm="brute")
        classes = classifier.fit(normalize(train), labels).predict(normalize(test))
        found[f"{k}nn"] = {"told": classes.tolist(), "accuracy": float((classes == truth).mean())}
    scaler = StandardScaler().fit(pool)
    for penalty in (1e-4, 1e-2, 1.0):
        classifier = LogisticRegression(C=1 / penalty, solver="newton-cholesky", tol=1e-12, max_iter=1000)
        classifier.fit(scaler.transform(train), labels)
        classes = classifier.predict(scaler.transform(test))
        shares = classifier.predict_proba(scaler.transform(test[:24]))
        found[f"logistic:lambda={penalty:g}"] = {
            "classes": classifier.classes_.tolist(),
            "coefficients": classifier.coef_.tolist(),
            "intercepts": (classifier.intercept_ - classifier.intercept_.mean()).tolist(),
            "first_probabilities": shares.tolist(),
            "told": classes.tolist(),
            "accuracy": float((classes == truth).mean()),
        }
    return found


def labeled(pool, classes, noise):
    """Classes that a line can nearly tell: the largest of some columns' values with noise."""
    import numpy as np

    wide = pool.astype(np.float64) - pool.mean(axis=0)
    return (wide[:, :classes] + noise * made(99, len(pool), classes)).argmax(axis=1).tolist()


def task_case(seed, n, dim, classes, picks, step, tests):
    import numpy as np

    pool, test = made(seed, n, dim), made(seed + 1, tests, dim)
    rows = [i * step % n for i in range(picks)]
    task = {
        "seed": seed,
        "n": n,
        "dim": dim,
        "classes": classes,
        "picks": picks,
        "step": step,
        "tests": tests,
        "labels": labeled(pool, classes, 0.3),
        "test_labels": labeled(test, classes, 0.3),
    }
    train = np.array([task["labels"][row] for row in rows])
    assert len(set(train.tolist())) == classes
    wide = lambda values: values.astype(np.float64)
    task["told"] = told(task, wide(pool[rows]), train, wide(test), wide(pool))
    return task


def write():
    import importlib.metadata

    data = Path(os.environ.get("SUBSEL_DATA", ROOT.parent / "shared/data"))
    before = json.loads(GOLDEN.read_text()) if GOLDEN.exists() else {}
    real = dict(before.get("real", {}))
    for name in ("cifar10/features-mobilenet-train.npy", "agnews/minilm-train.npy"):
        if (data / name).exists():
            # Of full rank, and fewer rows than dimensions.
            real[name] = [real_case(data / name, 0, 2500, 900, 7), real_case(data / name, 1000, 1500, 60, 11)]
    packages = ["numpy", "scipy", "scikit-learn", "vendi-score", "pytorch-fid", "POT"]
    golden = {
        "made_by": {"script": "benchmarks/peers/metrics.py"} | {name: importlib.metadata.version(name) for name in packages},
        "made": [
            made_case(1, 400, 12, 60, 7),
            made_case(2, 300, 40, 20, 11),
            made_case(3, 500, 64, 200, 3),
            made_case(4, 200, 6, 2, 17),
        ],
        "tasks": [task_case(11, 400, 12, 4, 60, 7, 200), task_case(21, 300, 30, 3, 12, 11, 150)],
        "real": real,
    }
    GOLDEN.parent.mkdir(parents=True, exist_ok=True)
    GOLDEN.write_text(json.dumps(golden, indent=None, separators=(",", ":")) + "\n")
    print(f"{GOLDEN.relative_to(ROOT)}: {GOLDEN.stat().st_size} bytes")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--inside", action="store_true", help=argparse.SUPPRESS)
    if parser.parse_args().inside:
        return write()
    from environment import Environment

    environment = Environment(ROOT / "target/peers-metrics", PINS)
    environment.make()
    if error := environment.install("--no-deps", PYTORCH_FID):
        sys.exit(f"{PYTORCH_FID} does not install here: {error}")
    subprocess.run([environment.python, __file__, "--inside"], check=True)


main()
