"""Runs implementations as whole processes, interleaved, and takes medians."""

import json
import os
import statistics
import subprocess
import sys
import tempfile
from dataclasses import dataclass, field
from pathlib import Path

HERE = Path(__file__).parent


@dataclass
class Implementation:
    """One way to do the work: a command line, in which `{out}` stands for the file of picks."""

    name: str
    command: list
    rounds: int = 5
    runs: list = field(default_factory=list)
    picks: str = ""

    def median(self, key):
        values = [run[key] for run in self.runs if run.get(key) is not None]
        return statistics.median(values) if values else None


class Failed(Exception):
    """A program that did not exit with 0."""


def run(command, threads, *options):
    """One run: measurements of the process and whatever JSON object it printed."""
    names = ["OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "RAYON_NUM_THREADS", "NUMBA_NUM_THREADS"]
    environment = os.environ | {name: str(threads) for name in names}
    with tempfile.NamedTemporaryFile("r", suffix=".json") as report:
        measure = [sys.executable, "-S", "-E", str(HERE / "measure.py"), *options, report.name, "--", *command]
        process = subprocess.run(
            measure, env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False
        )
        if process.returncode:
            raise Failed(process.stderr)
        measured = json.load(report)
    if measured["status"]:
        last = process.stderr.strip().splitlines()[-3:]
        raise Failed(f"exit status {measured['status']} from `{' '.join(command)}`: {' / '.join(last)}")
    return printed(process.stdout) | measured


def printed(text):
    """The JSON object that a program printed, if it did. Ours reports the check of the pool, which reads it and computes
    the norms, apart from the selection; numpy computes norms as part of it, so ours counts both, reading included."""
    try:
        value = json.loads(text)
    except ValueError:
        return {}
    if "check_secs" in value:
        value["select_secs"] += value["check_secs"]
        value.pop("select_cpu_secs", None)
    return value


def interleave(implementations, threads, scratch, rounds=None):
    """Runs all in turn, then again, so that a busy minute of the machine hits each alike."""
    for turn in range(rounds or max(one.rounds for one in implementations)):
        for index, one in enumerate(implementations):
            if turn < (rounds or one.rounds):
                one.picks = str(scratch / f"picks-{index}.npy")
                one.runs.append(run([part.replace("{out}", one.picks) for part in one.command], threads))
