"""Writes the classes of the package from the engine's one list of methods: `python crates/python/generate.py`.

A test fails where what is written differs from what the list says.
"""

from __future__ import annotations

import json
import textwrap
from pathlib import Path
from typing import Any

from subsel import _native
from subsel._base import RENAMED

TARGET = Path(__file__).parent / "python" / "subsel" / "_methods.py"

HEAD = '''"""One class for each method. Written by `crates/python/generate.py` from the engine's list; not to be edited.

One file, however long: nobody writes it, and whoever looks a class up does so by its name.
"""

from __future__ import annotations

from typing import Any

from ._base import Method
'''

#: Words that are written as one in a class's name.
WORDS = {"zcore": "ZCore", "dcom": "DCoM", "typiclust": "TypiClust", "semdedup": "SemDedup", "ccs": "CCS", "d2": "D2"}


def class_name(name: str) -> str:
    """`k-means-pp` is `KMeansPP`."""
    if name == "k-means-pp":
        return "KMeansPP"
    return "".join(WORDS.get(word, word.capitalize()) for word in name.split("-"))


def argument(name: str) -> str:
    """A parameter's name in Python, where `lambda` is taken."""
    return next((ours for ours, theirs in RENAMED.items() if theirs == name), name)


def annotation(default: Any) -> str:
    """What a parameter with this default takes: many take a number or a word."""
    if isinstance(default, bool):
        return "bool"
    if isinstance(default, int):
        return "int | str"
    if isinstance(default, float):
        return "float | str"
    return "str | float | None" if default is None else "str | float"


def wrapped(text: str, indent: int, first: str = "") -> str:
    """Text as lines of 120 characters at most, the later ones indented further."""
    pad = " " * indent
    return textwrap.fill(text, 118, initial_indent=pad + first, subsequent_indent=pad + ("    " if first else ""))


def docstring(method: dict[str, Any]) -> str:
    """What the list says of a method."""
    lines = [f'    """{sentence(method["summary"])}', ""]
    facts = [
        ("Needs", method["needs"] or "nothing beside embeddings"),
        ("Rows", method["rows"]),
        ("Cost", method["cost"]),
        ("Source", method["source"]),
        ("Not when", method["not_when"]),
        ("First k picks are the picks for k", "yes" if method["nested"] else "no"),
    ]
    lines += [wrapped(f"{name}: {what}", 4) + "\n" for name, what in facts if what]
    lines.append("    Args:")
    for param in method["params"]:
        lines.append(wrapped(f"{argument(param['name'])}: {param['values']}; {param['doc']}", 8, ""))
    lines.append('        n: How many rows, for `fit`: a count, a share, or text such as "5%".')
    lines.append("        seed: Seed of every random decision; `random_state` is the same.")
    lines.append('    """')
    return "\n".join(lines)


def sentence(text: str) -> str:
    """Begins with a capital and ends with a full stop."""
    return text[0].upper() + text[1:].rstrip(".") + "."


def source() -> str:
    """The file."""
    methods = json.loads(_native.methods())["methods"]
    names = sorted(class_name(method["name"]) for method in methods)
    out = [HEAD, "__all__ = [", *(f'    "{name}",' for name in names), "]", ""]
    for method in methods:
        params = method["params"]
        out += ["", f"class {class_name(method['name'])}(Method):", docstring(method), ""]
        out += [f'    _name = "{method["name"]}"', "", "    def __init__(", "        self,", "        *,"]
        out += [f"        {argument(param['name'])}: {annotation(param['default'])} = {param['default']!r}," for param in params]
        out += ["        n: int | float | str | None = None,", "        seed: int | None = None,"]
        out += ["        random_state: Any = None,", "    ) -> None:"]
        out += [f"        self.{argument(param['name'])} = {argument(param['name'])}" for param in params]
        out += [f"        self.{name} = {name}" for name in ("n", "seed", "random_state")]
        out.append("")
    return "\n".join(out)


if __name__ == "__main__":
    TARGET.write_text(source(), encoding="utf-8")
    print(TARGET)
