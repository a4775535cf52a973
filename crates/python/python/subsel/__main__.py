"""The program `subsel`: the same as `cargo install` gives."""

from __future__ import annotations

import signal
import sys

from . import _native


def main() -> None:
    """Runs the program."""
    # The program listens to Ctrl-C itself; its first leaves what is whole, its second ends at once.
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    sys.exit(_native.main(["subsel", *sys.argv[1:]]))


if __name__ == "__main__":
    main()
