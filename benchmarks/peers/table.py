"""The table of the comparisons, made from a record: `python3 benchmarks/peers/table.py RECORD.csv` prints it."""

import csv
import sys
from pathlib import Path

README = Path(__file__).parent / "README.md"
BEGIN, END = "<!-- table: begin (generated) -->", "<!-- table: end -->"
ALONE = " (selection alone)"
# The comparison with LAPACK's pivoted QR is a bench of its own.
ALSO = "gram-schmidt-largest/"
HEAD = ["implementation", "wall s", "CPU s", "peak MiB", "against ours", "same picks", "quality", "runs"]


def latest(file):
    """For each bench the rows of its last run by implementation, benches in the order of these runs."""
    benches, previous = {}, None
    with open(file, newline="") as lines:
        for row in csv.DictReader(lines):
            bench, name = row["bench"], row["implementation"]
            if not bench.startswith(("peers/", ALSO)):
                continue
            # A run writes all rows of a bench in a row, each implementation once.
            if bench != previous or name in benches[bench]:
                benches.pop(bench, None)
            benches.setdefault(bench, {})[name] = row
            previous = bench
    threads = max((bench.split("threads=")[-1] for bench in benches), default="")
    return {bench: rows for bench, rows in benches.items() if bench.endswith(f"threads={threads}")}


def lines_of(file):
    benches = latest(file)
    facts = [f"{row['machine']}, {row['date']}." for rows in benches.values() for row in rows.values()]
    yield facts[-1] if facts else "No run is recorded."
    for bench, rows in benches.items():
        yield from ["", f"**{bench.removeprefix('peers/')}**", ""]
        yield f"| {' | '.join(HEAD)} |"
        yield "|---" * len(HEAD) + "|"
        for name, row in rows.items():
            if not name.endswith(ALONE):
                yield f"| {' | '.join(cells(row, rows.get(name + ALONE, row)))} |"


def cells(row, alone):
    """Times are of the selection alone where that is known, memory is of the whole process."""
    notes = row["note"].split("; ")
    same = next((note for note in notes if note.startswith("same picks: ")), "").removeprefix("same picks: ")
    if row["bench"].startswith(ALSO):
        same = row["answer_ok"]
    against = next((note for note in [*alone["note"].split("; "), *notes] if "times our" in note), "")
    rest = [note for note in notes if "times our" not in note and not note.startswith("same picks: ")]
    times = [short(alone["wall_s"]), short(alone["cpu_s"] or row["cpu_s"]), short(row["peak_mib"])]
    against = against.replace(" times our", " x")
    return [row["implementation"], *times, against, same, row["quality"], "; ".join(rest)]


def short(number):
    return f"{float(number):.3g}" if number and float(number) < 1000 else number.split(".")[0]


def write(record):
    """Into the README of this folder where the record is one of the repository's, else beside the record."""
    text = "\n".join(lines_of(record)) + "\n"
    if record.parent.name != "record":
        beside = record.with_suffix(".md")
        beside.write_text(text)
        return beside
    before, rest = README.read_text().split(BEGIN)
    README.write_text(f"{before}{BEGIN}\n{text}{END}{rest.split(END)[1]}")
    return README


if __name__ == "__main__":
    print("\n".join(lines_of(sys.argv[1])))
