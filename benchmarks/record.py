"""The table of measurements: one csv per machine and day, one row per implementation."""

import csv
import datetime
import os
import platform
import re
from pathlib import Path

COLUMNS = ["date", "machine", "bench", "implementation", "wall_s", "cpu_s", "peak_mib", "quality", "answer_ok", "note"]
FOLDER = Path(__file__).parent / "record"


def machine():
    """Processor and the number of cores this process may use."""
    fields = {}
    try:
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            key, _, value = line.partition(":")
            fields.setdefault(key.strip(), value.strip())
    except OSError:
        pass
    model = fields.get("model name") or platform.processor() or platform.machine()
    family = f" (family {fields['cpu family']} model {fields['model']})" if "model" in fields else ""
    return f"{model}{family}, {cores()} cores"


def has(flag):
    """Whether the processor has these instructions, by the name the kernel gives them."""
    cpu = Path("/proc/cpuinfo")
    lines = cpu.read_text().splitlines() if cpu.exists() else []
    return any(flag in line.split() for line in lines if line.startswith(("flags", "Features")))


def cores():
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()


class Record:
    """Shows every row and, unless `path` is `None`, appends it at once: a later bench may fail."""

    def __init__(self, keep, path=None):
        self.date = datetime.date.today().isoformat()
        self.machine = machine()
        slug = re.sub(r"[^a-z0-9]+", "-", re.sub(r"\((r|tm)\)", "", self.machine.lower())).strip("-")
        self.path = (path or FOLDER / f"{slug}-{self.date}.csv") if keep else None
        self.wrong = 0

    def add(self, bench, implementation, *, wall_s=None, cpu_s=None, peak_mib=None, quality="", answer_ok=None, note=""):
        if answer_ok is False:
            self.wrong += 1
        row = [
            self.date,
            self.machine,
            bench,
            implementation,
            number(wall_s, 4),
            number(cpu_s, 4),
            number(peak_mib, 1),
            quality,
            {True: "yes", False: "NO", None: ""}[answer_ok],
            note,
        ]
        figures = zip(("wall", "cpu", "peak"), row[4:7], ("s", "s", "MiB"))
        shown = "   ".join(f"{name} {value:>9} {unit}" for name, value, unit in figures if value)
        answer = f"answer ok: {row[8]}" if row[8] else ""
        facts = "; ".join(filter(None, [quality, answer, note]))
        print(f"  {implementation:<45} {shown:<50} {facts}", flush=True)
        if self.path:
            new = not self.path.exists()
            with open(self.path, "a", newline="") as file:
                writer = csv.writer(file, lineterminator="\n")
                if new:
                    writer.writerow(COLUMNS)
                writer.writerow(row)


def number(value, digits):
    return "" if value is None else f"{value:.{digits}f}"
