"""The environment with the peers: made under `target/`, apart from the harness's own, as peers pin what they like."""

import json
import subprocess
import sys
from pathlib import Path

PINS = Path(__file__).parent / "requirements.txt"


class Environment:
    """Python with the peers. `missing` tells of each package that does not install here why not."""

    def __init__(self, folder, pins=PINS):
        self.folder = folder
        self.pins = pins
        self.python = str(folder / "bin/python3")
        self.stamp = folder / "installed.json"
        self.missing = {}

    def is_made(self):
        """Whether it holds what is pinned now."""
        if not self.stamp.exists():
            return False
        stamp = json.loads(self.stamp.read_text())
        self.missing = stamp["missing"]
        return stamp["pins"] == self.pins.read_text() and not self.missing

    def make(self):
        """All at once; where that fails one by one, to learn which does not install."""
        if self.is_made():
            return
        print(f"installing the peers into {self.folder.name}", flush=True)
        subprocess.run([sys.executable, "-m", "venv", "--clear", str(self.folder)], check=True)
        self.missing = {}
        if self.install("--requirement", str(self.pins)):
            pins = self.pins.read_text().split()
            self.missing = {pin.split("==")[0]: error for pin in pins if (error := self.install(pin))}
        for package, error in self.missing.items():
            print(f"  {package} does not install here: {error}")
        self.stamp.write_text(json.dumps({"pins": self.pins.read_text(), "missing": self.missing}))

    def install(self, *what):
        """The last line of what pip says, or nothing where it succeeds."""
        pip = [self.python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *what]
        process = subprocess.run(pip, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
        return process.stderr.strip().splitlines()[-1] if process.returncode else ""
