"""The benches: each runs our program and its rivals on the same file, judges the picks and records everything."""

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path

import numpy as np

import judge
import pools
from peers.comparisons import COMPARISONS, peers
from record import Record, cores
from runner import HERE, Failed, Implementation, interleave, run

MIB = 1 << 20


@dataclass
class Setting:
    """What the benches are run with."""

    program: str
    scratch: Path
    record: Record
    tiny: bool

    @cached_property
    def pool(self):
        return pools.generated(self.scratch, 3000, 64) if self.tiny else pools.CIFAR10

    @cached_property
    def X(self):
        return np.load(self.pool).astype(np.float32)

    def threads(self):
        return [1] if self.tiny or cores() < 2 else [1, 2]

    def size(self, full, tiny):
        return tiny if self.tiny else full

    def subsel(self, name, method, n, threads, pool=None, **options):
        command = [self.program, "select", str(pool or self.pool), "-n", str(n), "--method", method, "--seed", "0"]
        command += ["--threads", str(threads), "-o", "{out}", "--force", "--json", "--quiet"]
        return Implementation(name, command, **options)

    def naive(self, script, variant, n, rounds=3):
        command = [sys.executable, str(HERE / "naive" / script), variant, str(self.pool), "-n", str(n), "-o", "{out}"]
        return Implementation(f"numpy {variant}", command, rounds)

    def bench_id(self, name, n, threads):
        rows, dim = self.X.shape
        return f"{name}/n={rows},d={dim},budget={n},threads={threads}"

    def compare(self, bench, implementations, threads, quality, expected=None):
        """Runs all and records each as a whole process and, where it reports that, as selection alone. The first is
        ours: how many times its time the others take is noted. `expected` names the implementation whose picks are
        the right ones."""
        print(bench, flush=True)
        interleave(implementations, threads, self.scratch, rounds=1 if self.tiny else None)
        rows, _ = self.X.shape
        truth = next((np.load(one.picks) for one in implementations if one.name == expected), None)
        ours = implementations[0]
        for one in implementations:
            picks = np.load(one.picks)
            difference = None if truth is None else judge.first_difference(picks, truth)
            times = {"wall_s": one.median("wall_s"), "cpu_s": one.median("cpu_s"), "peak_mib": one.median("peak_mib")}
            self.record.add(
                bench,
                one.name,
                **times,
                quality=quality(picks),
                answer_ok=judge.valid(picks, len(picks), rows) and difference is None,
                note="; ".join(filter(None, [self.factor(one, ours), difference, circumstances(one)])),
            )
            if one.median("select_secs") is not None:
                alone = {"wall_s": one.median("select_secs"), "cpu_s": one.median("select_cpu_secs")}
                note = self.factor(one, ours, "select_secs", "select_cpu_secs")
                self.record.add(bench, f"{one.name} (selection alone)", **alone, note=note)

    @staticmethod
    def factor(one, ours, wall="wall_s", cpu="cpu_s"):
        """How many times our time, in words."""
        if one is ours:
            return ""
        parts = []
        for key, unit in ((wall, "wall"), (cpu, "CPU")):
            if one.median(key) is not None and ours.median(key):
                parts.append(f"{one.median(key) / ours.median(key):.1f} times our {unit}")
        return ", ".join(parts)


def circumstances(one):
    """How often it was run, on how busy a machine, with which BLAS kernels."""
    blas = f", OPENBLAS_CORETYPE={os.environ.get('OPENBLAS_CORETYPE', 'its choice')}" if "numpy" in one.name else ""
    return f"median of {len(one.runs)}, load {os.getloadavg()[0]:.1f}{blas}"


def gram_schmidt(setting):
    """Gram-Schmidt, drawn: picks follow the same law, so quality is compared, not picks."""
    n = setting.size(480, 32)
    random = np.random.default_rng(0).permutation(len(setting.X))[:n]
    at_random = judge.log_volume(setting.X, random)

    def quality(picks):
        return f"log-volume {judge.log_volume(setting.X, picks):.1f} (random rows: {at_random:.1f})"

    for threads in setting.threads():
        implementations = [
            setting.subsel("subsel", "gram-schmidt", n, threads),
            setting.naive("gram_schmidt.py", "norms-only", n),
            setting.naive("gram_schmidt.py", "textbook", n),
            setting.naive("gram_schmidt.py", "textbook-blocked", n),
        ]
        setting.compare(setting.bench_id("gram-schmidt", n, threads), implementations, threads, quality)


def gram_schmidt_largest(setting):
    """Gram-Schmidt, largest norm: the picks are the pivots of a pivoted QR, one by one."""
    n = setting.size(480, 32)

    def quality(picks):
        return f"log-volume {judge.log_volume(setting.X, picks):.1f}"

    for threads in setting.threads():
        implementations = [
            setting.subsel("subsel", "gram-schmidt:pick=largest", n, threads),
            setting.naive("gram_schmidt.py", "pivoted-qr", n, rounds=1),
            setting.naive("gram_schmidt.py", "textbook-largest", n, rounds=1),
        ]
        bench = setting.bench_id("gram-schmidt-largest", n, threads)
        setting.compare(bench, implementations, threads, quality, expected="numpy pivoted-qr")


def k_center(setting):
    """k-center from row 0, beside full passes by numpy and by our own kernels."""
    n = setting.size(1000, 64)

    def quality(picks):
        return f"radius {judge.radius(setting.X, picks):.6g}"

    for threads in setting.threads():
        implementations = [
            setting.subsel("subsel", "k-center:start=0", n, threads),
            setting.subsel("subsel, full pass per pick", "k-center:start=0,driver=full", n, threads, rounds=3),
            setting.naive("k_center.py", "full-pass", n),
            setting.naive("k_center.py", "full-pass-f64", n, rounds=1),
        ]
        bench = setting.bench_id("k-center", n, threads)
        setting.compare(bench, implementations, threads, quality, expected="numpy full-pass-f64")


def panel(setting):
    """Rates of the panel products, on one thread, as the bench of the kernels reports them, and of numpy's product."""
    command = ["cargo", "bench", "--quiet", "-p", "subsel-kernels", "--bench", "panel"]
    command += ["--", "--tiny"] if setting.tiny else []
    process = subprocess.run(command, cwd=HERE.parent, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    if process.returncode:
        raise Failed(process.stderr)
    products = set()
    for line in process.stdout.splitlines()[1:]:
        verb, shape, isa, rate, note = line.split(",", 4)
        products.update([shape] if verb == "panel_dots" else [])
        unit = "" if note.startswith("GB/s") else " Gflop/s"
        setting.record.add(f"panel/{verb},{shape},threads=1", f"subsel-kernels {isa}", quality=rate + unit, note=note)
    for shape in sorted(products):
        command = [sys.executable, str(HERE / "naive/product.py"), shape]
        rate = run(command, 1)["gflops"]
        note = f"OPENBLAS_CORETYPE={os.environ.get('OPENBLAS_CORETYPE', 'its choice')}"
        setting.record.add(f"panel/panel_dots,{shape},threads=1", "numpy product", quality=f"{rate:.1f} Gflop/s", note=note)


# Runs of the plan bench that would take longer are left out, and said so.
TOO_LONG_S = 150

# What a method needs beside embeddings, by the first word of how it says so: the option, and one value per row.
NEEDS = {
    "labels": ("--labels", lambda rng, n: rng.integers(10, size=n)),
    "scores": ("--scores", lambda rng, n: rng.random(n)),
    "model": ("--probs", lambda rng, n: rng.dirichlet(np.ones(10), size=n).astype(np.float32)),
}


def plan(setting):
    """Time and peak anonymous memory of every method against `subsel plan`: the peak at most the plan, the plan at most
    twice the peak plus 16 MiB, the time within a factor of 2 of the plan (or 0.1 s)."""
    real = setting.pool if setting.tiny else pools.first_rows(setting.scratch, setting.pool, 10_000)
    cases = [(real, setting.size(100, 16))]
    made = [((100_000, 256), (10_000, 16), 30), ((1_000_000, 256), (20_000, 32), 100)]
    cases += [(pools.generated(setting.scratch, *setting.size(*shapes)), setting.size(n, 16)) for *shapes, n in made]
    threads = setting.threads()[-1]
    for pool, n in cases:
        rows, dim = np.load(pool, mmap_mode="r").shape
        for method, needs in methods(setting.program):
            bench = f"plan/{method},n={rows},d={dim},budget={n},threads={threads}"
            print(bench, flush=True)
            options = ["--max-memory", "2GB", *side_files(setting.scratch, rows, needs)]
            try:
                plan = planned(setting, pool, n, method, threads, options)
                if plan["secs"] > TOO_LONG_S:
                    setting.record.add(bench, "subsel", note=f"not run: planned {plan['secs']:.0f} s")
                    continue
                ours = setting.subsel("subsel", method, n, threads, pool=pool)
                ours.command[ours.command.index("{out}")] = str(setting.scratch / "picks.npy")
                measured = run(ours.command + options, threads, "--watch")
            except Failed as failed:
                refuse(setting, bench, "subsel", failed)
                continue
            peak, planned_mib = measured["anonymous_mib"], plan["peak_bytes"] / MIB
            ratio = plan["secs"] / measured["wall_s"]
            is_in_time = 0.5 <= ratio <= 2 or abs(plan["secs"] - measured["wall_s"]) < 0.1
            in_time = "" if is_in_time else f"time planned {ratio:.2g} times the true one; "
            setting.record.add(
                bench,
                "subsel",
                wall_s=measured["wall_s"],
                cpu_s=measured["cpu_s"],
                peak_mib=peak,
                quality=f"planned {planned_mib:.1f} MiB and {plan['secs']:.3g} s",
                answer_ok=peak <= planned_mib <= 2 * peak + 16,
                note=f"{in_time}peak is anonymous memory, read every ms; with mapped files {measured['peak_mib']:.1f} MiB",
            )


def side_files(scratch, n, needs):
    """Options that give a method what it needs, made up."""
    found = NEEDS.get(needs.split(" ")[0]) if needs else None
    if found is None:
        return []
    option, make = found
    path = scratch / f"side{option}-{n}.npy"
    if not path.exists():
        np.save(path, make(np.random.default_rng(0), n))
    return [option, str(path)]


def limit(setting):
    """A pool larger than the memory allowed: private writable memory limited (RLIMIT_DATA) to a quarter of the file."""
    pool = pools.generated(setting.scratch, *setting.size((1_000_000, 256), (200_000, 256)))
    n, threads, allowed = setting.size(100, 16), setting.threads()[-1], pool.stat().st_size // 4
    for method in ("gram-schmidt", "k-center:start=0"):
        bench = f"limit/{method},file={pool.stat().st_size // MIB}MiB,limit={allowed // MIB}MiB,budget={n},threads={threads}"
        print(bench, flush=True)
        picks = {}
        for name, options in (("free", []), ("limited", ["--limit-data", str(allowed)])):
            out = setting.scratch / f"picks-{name}.npy"
            ours = setting.subsel("subsel", method, n, threads, pool=pool)
            command = [part.replace("{out}", str(out)) for part in ours.command] + ["--max-memory", str(allowed)]
            try:
                measured = run(command, threads, *options)
            except Failed as failed:
                refuse(setting, bench, f"subsel, {name}", failed)
                continue
            picks[name] = np.load(out)
            setting.record.add(
                bench,
                f"subsel, {name}",
                wall_s=measured["wall_s"],
                cpu_s=measured["cpu_s"],
                peak_mib=measured["peak_mib"],
                answer_ok=judge.valid(picks[name], n, len(np.load(pool, mmap_mode="r")))
                and ("free" not in picks or np.array_equal(picks[name], picks["free"])),
            )


def refuse(setting, bench, implementation, failed):
    """Shows why a run failed; the record gets the bare fact, as messages name paths."""
    print(f"  {failed}")
    setting.record.add(bench, implementation, answer_ok=False, note="failed")


def methods(program):
    """Names of all methods, and what they need besides embeddings."""
    listed = json.loads(subprocess.run([program, "methods", "--json"], capture_output=True, check=True).stdout)
    listed = listed["methods"] if isinstance(listed, dict) else listed
    return [(method["name"], method.get("needs")) for method in listed]


def planned(setting, pool, n, method, threads, options):
    command = [setting.program, "plan", str(pool), "-n", str(n), "--method", method, "--threads", str(threads), "--json"]
    command += options
    process = subprocess.run(command, capture_output=True, text=True, check=False)
    if process.returncode:
        raise Failed(process.stderr.strip())
    return json.loads(process.stdout)


BENCHES = {
    "gram-schmidt": gram_schmidt,
    "gram-schmidt-largest": gram_schmidt_largest,
    "k-center": k_center,
    "panel": panel,
    "plan": plan,
    "limit": limit,
    "peers": peers,
}

# One comparison with peers by itself, such as `peers/typi-clust`.
BENCHES |= {f"peers/{one.__name__.replace('_', '-')}": partial(peers, comparisons=[one]) for one in COMPARISONS}
# Run by name only: they install other people's packages.
ON_REQUEST = [name for name in BENCHES if name.startswith("peers")]
