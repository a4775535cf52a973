"""What every comparison does: run ours and the peers in turn on one file, judge all answers alike, record."""

import json
import os
import statistics
import subprocess
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

import pools
from runner import Failed, Implementation, run

from . import explain
from .quoted import QUOTED

PEER = Path(__file__).parent / "peer.py"
AGNEWS = pools.DATA / "agnews/minilm-train.npy"


@dataclass
class Contender(Implementation):
    """An implementation whose every run has its own seed (`{turn}` in the command) and whose answers are all kept."""

    answers: list = field(default_factory=list)
    failed: str = ""
    package: str = ""
    how: str = ""

    @property
    def label(self):
        """With the version, once it has run."""
        told = self.runs[0] if self.runs else {"implementation": self.name}
        return told.get("implementation", f"{self.name} {told.get('version')}") + self.how


@dataclass
class Data:
    """A pool and what the judge needs of it."""

    name: str
    file: Path

    def __post_init__(self):
        self.X = np.load(self.file).astype(np.float32)

    @property
    def unit(self):
        return self.X / np.linalg.norm(self.X, axis=1, keepdims=True)

    def first(self, rows, scratch):
        """The first rows as a pool of their own."""
        if rows >= len(self.X):
            return self
        file = scratch / f"{self.name}-first-{rows}.npy"
        np.save(file, np.load(self.file, mmap_mode="r")[:rows])
        return Data(self.name, file)


class Peers:
    """What the comparisons share."""

    def __init__(self, setting, environment):
        self.setting, self.environment = setting, environment
        self.threads = setting.threads()[-1]
        if setting.tiny:
            self.sets = [Data("made", pools.generated(setting.scratch, 1500, 32))]
        else:
            self.sets = [Data("cifar10", pools.CIFAR10), Data("agnews", AGNEWS)]
        self.methods = methods(setting.program)

    def ours(self, method, n, data, rounds=3, options=(), isa=None, how="", seed="{turn}"):
        """`isa`: an instruction set other than the best of the processor."""
        command = self.setting.subsel("", method, n, self.threads, pool=data.file).command
        command[command.index("--seed") + 1] = seed
        command = [*(["env", f"SUBSEL_ISA={isa}"] if isa else []), *command]
        return Contender("subsel", [*command, *options], rounds, how=f" {method}{how}")

    def peer(self, name, package, n, data, *options, rounds=3, how=""):
        command = [self.environment.python, str(PEER), name, str(data.file), "-n", str(n), "-o", "{out}"]
        command += ["--seed", "{turn}", *options]
        return Contender(f"{package} {name}", command, rounds, package=package, how=how)

    def bench_id(self, name, data, budget):
        rows, dim = data.X.shape
        return f"peers/{name}/{data.name},n={rows},d={dim},budget={budget},threads={self.threads}"

    def run(self, contenders):
        """All in turn, then again. One that fails, or is not there, is left out and said so."""
        rounds = 1 if self.setting.tiny else max(one.rounds for one in contenders)
        for one in contenders:
            one.failed = self.environment.missing.get(one.package, "") and "does not install on this Python"
        for turn in range(rounds):
            for index, one in enumerate(contenders):
                if one.failed or turn >= one.rounds:
                    continue
                out = self.setting.scratch / f"answer-{index}-{turn}.npy"
                command = [part.replace("{out}", str(out)).replace("{turn}", str(turn)) for part in one.command]
                try:
                    one.runs.append(run(command, self.threads))
                    one.answers.append(out)
                except Failed as failed:
                    print(f"  {failed}")
                    one.failed = "failed"

    def compare(self, bench, contenders, quality, same=None):
        """Runs and records; the first is ours. `quality(one)` puts into words how good its answers are, `same(ours, one)`
        says whether they are the same and what was found."""
        print(bench, flush=True)
        self.run(contenders)
        ours = contenders[0]
        for one in contenders:
            if one.failed:
                verdict = None if one.package else False
                self.setting.record.add(bench, one.label, answer_ok=verdict, note=one.failed)
                continue
            is_judged = same and one is not ours and not ours.failed
            verdict, finding = same(ours, one) if is_judged else (None, "")
            note = "; ".join(filter(None, [self.setting.factor(one, ours), finding, self.circumstances(one)]))
            figures = {key: one.median(key) for key in ("wall_s", "cpu_s", "peak_mib")}
            self.setting.record.add(bench, one.label, **figures, quality=quality(one), answer_ok=verdict, note=note)
            alone = alone_of(one)
            note = "" if one is ours else times_ours(alone, ours)
            self.setting.record.add(bench, f"{one.label} (selection alone)", **alone, note=note)

    @staticmethod
    def circumstances(one):
        blas = f", OPENBLAS_CORETYPE={os.environ.get('OPENBLAS_CORETYPE', 'its choice')}" if one.package else ""
        return f"median of {len(one.runs)}, load {os.getloadavg()[0]:.1f}{blas}"

    def chance(self, bench, data, n, measure):
        """What random rows reach."""
        rng = np.random.default_rng(0)
        file = self.setting.scratch / "random.npy"
        found = []
        for _ in range(5):
            np.save(file, rng.choice(len(data.X), n, replace=False))
            found.append(measure(file))
        self.setting.record.add(bench, "random rows", quality=mean_of(found), note="5 draws")

    def quote(self, bench, ours, key):
        """Figures of code that is not on PyPI, measured on another machine."""
        quoted = QUOTED[key]
        note = "; ".join(filter(None, [times_ours(quoted.figures, ours), quoted.note]))
        self.setting.record.add(bench, f"{quoted.name} (quoted, another machine)", **quoted.figures, note=note)


def alone_of(one):
    """What the work took without start and, for peers, reading. Ours does not tell the CPU time of its reading apart, so
    that its whole process stands against the peers' work alone."""
    return {"wall_s": one.median("select_secs"), "cpu_s": one.median("select_cpu_secs") or one.median("cpu_s")}


def times_ours(figures, ours):
    our = alone_of(ours)
    parts = [
        f"{figures[key] / our[key]:.1f} times our {unit}"
        for key, unit in (("wall_s", "wall"), ("cpu_s", "CPU"))
        if figures[key] and our[key]
    ]
    return ", ".join(parts)


def over_runs(measure):
    """Quality by named numbers of each answer: `measure(file)`."""
    return lambda one: mean_of([measure(answer) for answer in one.answers])


def one_by_one(value):
    """Whether picks are the same; a difference is explained by the `value` that the greedy rule maximizes."""
    return lambda ours, one: explain.compare(np.load(ours.answers[0]), np.load(one.answers[0]), value)


def mean_of(found):
    """Named numbers of several runs as text."""
    parts = []
    for name in found[0] if found else ():
        values = [one[name] for one in found]
        spread = f" ± {statistics.stdev(values):.2g}" if len(values) > 1 and len(set(values)) > 1 else ""
        parts.append(f"{name} {statistics.mean(values):.6g}{spread}")
    return ", ".join(parts)


def methods(program):
    """Names of the methods that the program knows."""
    listed = json.loads(subprocess.run([program, "methods", "--json"], capture_output=True, check=True).stdout)
    return [method["name"] for method in listed["methods"]]
