"""Runs benches and records them; started by `cargo xtask bench`, which builds the program and this Python."""

import argparse
import os
import sys
from pathlib import Path

from benches import BENCHES, ON_REQUEST, Setting
from record import Record, cores
from runner import Failed

WHICH = f"benches to run: {', '.join(BENCHES)}; default all but {', '.join(ON_REQUEST)}"


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("names", nargs="*", metavar="NAME", help=WHICH)
    parser.add_argument("--tiny", action="store_true", help="one run of each at a small size, nothing recorded")
    parser.add_argument("--program", required=True, help="the program `subsel`")
    parser.add_argument("--record", type=Path, help="csv to append to; default: of this machine and day in record/")
    parser.add_argument("--scratch", required=True, type=Path, help="folder for picks and generated pools")
    args = parser.parse_args()
    unknown = set(args.names) - set(BENCHES)
    if unknown:
        parser.error(f"no bench named {', '.join(sorted(unknown))}; there are {', '.join(BENCHES)}")

    args.scratch.mkdir(parents=True, exist_ok=True)
    record = Record(keep=not args.tiny, path=args.record)
    setting = Setting(args.program, args.scratch, record, args.tiny)
    print(f"{record.machine}; OPENBLAS_CORETYPE={os.environ.get('OPENBLAS_CORETYPE', '')}")
    if os.getloadavg()[0] > 0.3 * cores():
        print(f"WARNING: the machine is busy (load {os.getloadavg()[0]:.1f}): compare CPU seconds, not wall time")
    failed = 0
    for name in args.names or [name for name in BENCHES if name not in ON_REQUEST]:
        try:
            BENCHES[name](setting)
        except (Failed, OSError) as error:
            failed += 1
            print(f"{name}: FAILED: {error}")
    if record.path:
        print(f"recorded in {record.path}")
    if record.wrong or failed:
        sys.exit(f"{record.wrong} wrong answers, {failed} benches failed")


main()
