"""The functions of the package: each asks the engine for what the command of the same name does."""

from __future__ import annotations

import csv
import html
import json
import os
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import numpy as np
from numpy.typing import NDArray

from . import _inputs
from ._engine import Answer, run
from ._selection import Interrupted, Selection

if TYPE_CHECKING:
    from ._base import Method


def _known(given: Mapping[str, Any]) -> tuple[dict[str, Any], list[str]]:
    return _inputs.known({name: given.get(name) for name in _inputs.KNOWN})


def _method(method: str | Method | None) -> str | None:
    if method is None or isinstance(method, str):
        return method
    if isinstance(method, type) or not hasattr(method, "_text"):
        name = getattr(method, "__name__", type(method).__name__)
        hint = f" (did you mean `{name}()`?)" if isinstance(method, type) else ""
        raise ValueError(f"method must be a method or its text, got {name}{hint}")
    return method._text()


def select(
    X: Any,
    n: int | float | str | None = None,
    method: str | Method | None = None,
    *,
    seed: int | None = None,
    random_state: Any = None,
    labeled: Any = None,
    labels: Any = None,
    groups: Any = None,
    scores: Any = None,
    costs: Any = None,
    probs: Any = None,
    logits: Any = None,
    temperature: float | None = None,
    exclude: Any = None,
    ids: Any = None,
    labeled_by: str | None = None,
    drop_nonfinite: bool = False,
    per_group: int | None = None,
    quota: str | Sequence[str] | Mapping[str, tuple[int | None, int | None]] | None = None,
    balance: str | None = None,
    min_distance: float | None = None,
    cost_budget: float | None = None,
    dedup: float | None = None,
    column: str | None = None,
    id_column: str | None = None,
    join: str | None = None,
    dtype: str | None = None,
    scratch: str | os.PathLike[str] | None = None,
    threads: int | None = None,
    max_memory: int | str | None = None,
    progress: bool | None = None,
) -> Selection:
    """Picks `n` rows of a pool.

    Args:
        X: Embeddings `(n, d)`: numpy (any layout; contiguous float32, float16, int8 and uint8 are read where they lie),
            torch, jax, anything with DLPack or `__array__`, a column of lists of pyarrow, polars or pandas; or a path, a
            glob or a list of them, which are read by the program's readers and may exceed memory.
        n: How many: a count, a share between 0 and 1, or text such as "5%".
        method: A method, its text such as "k-center:start=3", or None for what the evidence says
            ([`subsel.advise`][] tells more).
        seed: Seed of every random decision, 0 unless given; `random_state` is the same.
        labeled: Rows labeled already: numbers, ids, a mask, an earlier selection, or a file. Never picked, but taken into
            account.
        labels, groups: A class or group per row.
        scores, costs: A number per row.
        probs, logits: What a model says of every row, `(n, classes)`; logits are divided by `temperature`.
        exclude: Rows never to be picked; they still count as pool.
        ids: A name per row; `labeled_by` ("row" or "id") says what lists of rows are where they could be either.
        drop_nonfinite: Leave rows with NaN or infinite values out instead of refusing them.
        per_group: At most so many picks of one group.
        quota: From so many to so many of a class: "label=cat:10..50", or {"label=cat": (10, 50)}.
        balance: "label" or "group": as many picks of each as of any other.
        min_distance: Euclidean distance that picks keep from each other and from labeled rows.
        cost_budget: What all picks together may cost.
        dedup: Leave out rows whose cosine to a row kept is above this.
        column, id_column: Of a table, which columns hold embeddings and ids.
        join, dtype, scratch: As the options of the program, for files.
        threads: Worker threads; as many as the machine has unless given. They do not change the picks.
        max_memory: Bytes, or text such as "8GB": less is refused.
        progress: Show a bar (needs tqdm); None shows it in notebooks and terminals.

    Raises:
        ValueError: Something given breaks a rule; the message has the rule and the value.
        OSError: A file cannot be read.
        MemoryError: The run needs more than `max_memory`, or than half of what is available.
        subsel.Interrupted: Ctrl-C, with what was picked until then where that is valid; else KeyboardInterrupt.
    """
    known, words = _known(locals())
    pool, paths = _inputs.pool(X, column, id_column)
    words += _inputs.budget(n) + _inputs.seed_of(seed, random_state) + _inputs.quotas(quota)
    words += _inputs.options(
        method=_method(method),
        temperature=temperature,
        labeled_by=labeled_by,
        drop_nonfinite=drop_nonfinite,
        per_group=per_group,
        balance=balance,
        min_distance=min_distance,
        cost_budget=cost_budget,
        dedup=dedup,
        join=join,
        dtype=dtype,
        scratch=scratch,
        threads=threads,
        max_memory=max_memory,
    )
    selection = Selection(run("select", words + paths, pool, known, progress=progress), pool)
    if not selection.complete:
        raise Interrupted(selection)
    return selection


class Scores(NDArray[np.float64] if TYPE_CHECKING else np.ndarray):  # type: ignore[misc]
    """Scores `(n,)`, float64: an array that knows how it was made (`report`)."""

    report: dict[str, Any]

    def __array_finalize__(self, parent: Any) -> None:
        self.report = getattr(parent, "report", {})


def score(
    X: Any = None,
    by: str = "norm",
    *,
    logits: Any = None,
    probs: Any = None,
    features: Any = None,
    labels: Any = None,
    temperature: float | None = None,
    seed: int | None = None,
    random_state: Any = None,
    labeled: Any = None,
    ids: Any = None,
    drop_nonfinite: bool = False,
    column: str | None = None,
    threads: int | None = None,
    max_memory: int | str | None = None,
    progress: bool | None = None,
) -> Scores:
    """A number for every row: higher is likelier taken. `subsel.scores()` lists what there is to score by.

    Args:
        X: Embeddings `(n, d)`, as [`subsel.select`][] takes them; `features` is the same. Scores that go by what a model
            says need `logits` or `probs` `(n, classes)` only.
        by: The score, such as "zcore:draws=100000", "typicality", "margin" or "el2n".
        labels: A class per row, for the scores that hold the model against it.

    Returns:
        float64 `(n,)`; NaN for rows that were left out of the pool.
    """
    if X is not None and features is not None:
        raise ValueError("X and features are one")
    X = features if X is None else X
    if X is None:
        X = logits if logits is not None else probs
    if X is None:
        raise ValueError("score needs rows: X or features, or logits or probs of a model")
    known, words = _known(locals())
    pool, paths = _inputs.pool(X, column, None)
    words += _inputs.seed_of(seed, random_state)
    words += _inputs.options(
        by=by, temperature=temperature, drop_nonfinite=drop_nonfinite, threads=threads, max_memory=max_memory
    )
    answer = run("score", words + paths, pool, known, progress=progress)
    scores = answer.table["score"].view(Scores)
    scores.report = answer.report
    return cast(Scores, scores)


class Duplicates:
    """Near-duplicates found.

    Attributes:
        rows: Rows that repeat another, int64.
        of: For each, the row that is kept instead.
        similarity: For each, its cosine to that row.
        kept: The rows left, int64.
        reasons: For each, why the other is kept.
        report: Counts and times.
    """

    def __init__(self, answer: Answer) -> None:
        table = answer.table
        self.rows: NDArray[np.int64] = table["row"]
        self.of: NDArray[np.int64] = table["of"]
        self.similarity: NDArray[np.float64] = table["similarity"]
        self.reasons: list[str] = table["reason"]
        self.kept = answer.kept
        self.report: dict[str, Any] = answer.report

    def groups(self) -> dict[int, list[int]]:
        """The rows kept that have duplicates, and these."""
        groups: dict[int, list[int]] = {}
        for row, of in zip(self.rows.tolist(), self.of.tolist(), strict=True):
            groups.setdefault(of, []).append(row)
        return groups

    def __len__(self) -> int:
        return len(self.rows)

    def __repr__(self) -> str:
        report = self.report
        return f"Duplicates({len(self):,} of {report['candidates']:,} rows repeat one of {report['groups']:,} others)"

    def to_pandas(self) -> Any:
        """A pandas DataFrame: row, of, similarity, reason."""
        import pandas as pd

        return pd.DataFrame({"row": self.rows, "of": self.of, "similarity": self.similarity, "reason": self.reasons})


def dedup(
    X: Any,
    threshold: float | None = None,
    *,
    clusters: int | None = None,
    scores: Any = None,
    labeled: Any = None,
    exclude: Any = None,
    ids: Any = None,
    drop_nonfinite: bool = False,
    column: str | None = None,
    seed: int | None = None,
    threads: int | None = None,
    max_memory: int | str | None = None,
    progress: bool | None = None,
) -> Duplicates:
    """Finds rows whose cosine to a row that is kept exceeds `threshold`, exactly.

    Args:
        X: Embeddings `(n, d)`, as [`subsel.select`][] takes them.
        threshold: Cosines above this make a duplicate; 0.95 unless given.
        clusters: Look within so many k-means clusters only: faster, but duplicates in different clusters are not seen.
        scores: A number per row: of duplicates, the row with the highest is kept; else the first.
        labeled: Rows that are kept in any case.
    """
    known, words = _known(locals())
    pool, paths = _inputs.pool(X, column, None)
    words += _inputs.seed_of(seed, None)
    words += _inputs.options(
        threshold=threshold,
        clusters=clusters,
        drop_nonfinite=drop_nonfinite,
        threads=threads,
        max_memory=max_memory,
    )
    return Duplicates(run("dedup", words + paths, pool, known, progress=progress))


class Report:
    """What a command found: `report` as the program's `--json` has it, and text for people."""

    def __init__(self, answer: Answer) -> None:
        self.report: Any = answer.report
        self.text = answer.said()
        self.notes = answer.notes

    def __getitem__(self, name: str) -> Any:
        return self.report[name]

    def __str__(self) -> str:
        return self.text

    def __repr__(self) -> str:
        return self.text

    def _repr_html_(self) -> str:
        # Tables are wide, and notebooks would wrap their lines.
        return f"<pre style='white-space:pre;overflow-x:auto'>{html.escape(self.text)}</pre>"


class Judgment(Report):
    """Picks beside as many random rows: `metrics` has a value, its random mean and spread, and a verdict for each."""

    @property
    def metrics(self) -> dict[str, dict[str, Any]]:
        """What was measured, by name."""
        return {line["name"]: line for line in self.report["blocks"][0]["metrics"]}

    def to_pandas(self) -> Any:
        """A pandas DataFrame: a line for each metric."""
        import pandas as pd

        return pd.DataFrame(self.report["blocks"][0]["metrics"])


def _listed(names: str | Sequence[str] | None) -> str | None:
    """Names as the program takes them; `none` where there is to be none."""
    return None if names is None else ",".join(_inputs.words(names)) or "none"


def _test(test: Any) -> Any:
    """Test rows and their classes, in memory."""
    features, labels = test
    return _inputs.matrix(features, "the test rows"), _inputs.one_per_row(labels, "the test labels")


def judge(
    picks: Any,
    X: Any,
    *,
    labels: Any = None,
    test: tuple[Any, Any] | None = None,
    labeled: Any = None,
    with_labeled: bool = False,
    exclude: Any = None,
    ids: Any = None,
    metrics: str | Sequence[str] | None = None,
    evaluators: str | Sequence[str] | None = None,
    random_draws: int | None = None,
    drop_nonfinite: bool = False,
    column: str | None = None,
    seed: int | None = None,
    threads: int | None = None,
    max_memory: int | str | None = None,
    progress: bool | None = None,
) -> Judgment:
    """Judges picks beside random rows: coverage, likeness to the pool, redundancy; with labels what can be learned.

    Args:
        picks: A selection, or row numbers.
        X: The pool they are of, as [`subsel.select`][] takes it.
        labels: A class per row of the pool.
        test: Test rows and their classes: how well they are told after learning from the picks; needs `labels`.
        labeled: Rows labeled before; with `with_labeled` they count to the picks.
        metrics: Metrics without labels, such as ["mean-distance", "frechet"]; all unless given.
        evaluators: What learns from the picks: "linear-probe", "logistic", "1nn", "20nn"; all unless given.
        random_draws: How often as many rows are drawn at random to compare with; 20 unless given.
    """
    known, words = _known(locals())
    known["picks"] = _inputs.rows(picks)
    if isinstance(picks, Selection):
        # What tells whether they are of this pool.
        known["picks"]["manifest"] = json.dumps(picks.manifest)
    pool, paths = _inputs.pool(X, column, None)
    if pool is None:
        # Here the first word without a name is the picks.
        paths = [word for path in paths[paths.index("--") + 1 :] for word in ("--pool", path)]
    words += _inputs.seed_of(seed, None)
    words += _inputs.options(
        metrics=_listed(metrics),
        evaluators=_listed(evaluators),
        random_draws=random_draws,
        with_labeled=with_labeled,
        drop_nonfinite=drop_nonfinite,
        threads=threads,
        max_memory=max_memory,
    )
    of_test = None if test is None else _test(test)
    return Judgment(run("judge", words + paths, pool, known, of_test, progress))


class Comparison(Report):
    """Methods side by side: `report` is the summary, `results` one line for each method, budget and seed.

    `asked` in a line is False for the budgets between those asked for, at which random is tried to tell labels saved.
    """

    def __init__(self, answer: Answer, results: list[dict[str, Any]], page: str) -> None:
        super().__init__(answer)
        self.results = results
        self.page = page

    def to_pandas(self) -> Any:
        """A pandas DataFrame of all results."""
        import pandas as pd

        return pd.DataFrame(self.results)

    def summary(self) -> Any:
        """A pandas DataFrame: for each judge, method and budget the mean, its difference to random and a verdict."""
        import pandas as pd

        return pd.json_normalize(self.report["entries"], sep="_")

    def save(self, path: str | os.PathLike[str]) -> None:
        """Writes the page with the curves."""
        Path(path).write_text(self.page, encoding="utf-8")


def compare(
    X: Any,
    n: Sequence[int | float | str] | int | float | str,
    methods: Sequence[str | Method] | str | Method,
    *,
    labels: Any = None,
    test: tuple[Any, Any] | None = None,
    seeds: int | None = None,
    pool_size: int | None = None,
    initial: int | None = None,
    rows: str | None = None,
    show_labels: bool = False,
    evaluators: str | Sequence[str] | None = None,
    metrics: str | Sequence[str] | None = None,
    groups: Any = None,
    scores: Any = None,
    drop_nonfinite: bool = False,
    column: str | None = None,
    output: str | os.PathLike[str] | None = None,
    force: bool = False,
    threads: int | None = None,
    max_memory: int | str | None = None,
    progress: bool | None = None,
) -> Comparison:
    """Holds methods side by side over budgets and seeds, random always among them: means with error bars, labels saved.

    Args:
        X: The pool, as [`subsel.select`][] takes it.
        n: The budgets, such as [10, 20, 40].
        methods: The methods.
        labels, test: Classes of the pool, and test rows with theirs: methods are judged by what is learned from their
            picks. Without them, by metrics.
        seeds: How many seeds; each redraws the sample, what methods draw and what evaluators draw. 10 unless given.
        pool_size: Rows of the pool that each seed draws.
        initial: Rows drawn at random that are labeled before a method begins.
        rows: What methods are given: "raw" or "unit".
        show_labels: Let methods see `labels`, which judge only otherwise.
        output: A directory for tables, plots and page; a comparison that was stopped goes on where it was.
        force: Begin anew in a directory that holds results.
    """
    known, words = _known(locals())
    pool, paths = _inputs.pool(X, column, None)
    budgets = [_inputs.budget(each)[0].removeprefix("-n=") for each in _several(n)]
    words.append("-n=" + ",".join(budgets))
    words += [f"--methods={_method(method)}" for method in _several(methods)]
    words += _inputs.options(
        seeds=seeds,
        pool_size=pool_size,
        initial=initial,
        rows=rows,
        show_labels=show_labels,
        evaluators=_listed(evaluators),
        metrics=_listed(metrics),
        drop_nonfinite=drop_nonfinite,
        force=force,
        threads=threads,
        max_memory=max_memory,
    )
    of_test = None if test is None else _test(test)
    with tempfile.TemporaryDirectory() as scratch:
        place = Path(scratch, "comparison") if output is None else Path(output)
        words.append(f"--output={place}")
        answer = run("compare", words + paths, pool, known, of_test, progress)
        if not answer.complete:
            raise KeyboardInterrupt
        with open(place / "results.csv", encoding="utf-8", newline="") as file:
            lines = [{name: _value(text) for name, text in line.items()} for line in csv.DictReader(file)]
        # Random is also tried between the budgets, to tell how many labels are saved.
        results = [{**line, "asked": str(line["budget"]) in budgets} for line in lines]
        page = (place / "index.html").read_text(encoding="utf-8")
    return Comparison(answer, results, page)


def _several(value: Any) -> list[Any]:
    """The one or the many."""
    is_many = isinstance(value, (list, tuple, set, np.ndarray)) and np.ndim(cast(Any, value)) > 0
    return list(value) if is_many else [value]


def _value(text: str) -> Any:
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            pass
    return text


class Plan(Report):
    """Passes, time and peak memory of selections."""

    @property
    def plans(self) -> list[dict[str, Any]]:
        """One for each method and budget: `method`, `budget`, `passes`, `secs`, `peak_bytes`."""
        plans: list[dict[str, Any]] = self.report["plans"]
        return plans


def plan(
    X: Any,
    n: int | float | str,
    method: str | Method | Sequence[str | Method] | None = None,
    *,
    labeled: Any = None,
    labels: Any = None,
    scores: Any = None,
    probs: Any = None,
    logits: Any = None,
    exclude: Any = None,
    column: str | None = None,
    threads: int | None = None,
    max_memory: int | str | None = None,
) -> Plan:
    """Tells passes, time and peak memory of a selection without making it.

    Args:
        X: The pool, as [`subsel.select`][] takes it.
        n: How many rows.
        method: A method, several, or "all".
    """
    known, words = _known(locals())
    pool, paths = _inputs.pool(X, column, None)
    many = [] if method is None else _several(method)
    words += _inputs.budget(n) + [f"--method={_method(each)}" for each in many]
    words += _inputs.options(threads=threads, max_memory=max_memory)
    return Plan(run("plan", words + paths, pool, known))


class Advice(Report):
    """Which method to use, on what evidence, and how sure that is."""

    @property
    def method(self) -> str:
        """The method, as text."""
        text: str = self.report["method"]
        return text


def advise(
    X: Any,
    n: int | float | str,
    *,
    labeled: Any = None,
    labels: Any = None,
    exclude: Any = None,
    column: str | None = None,
    threads: int | None = None,
    max_memory: int | str | None = None,
) -> Advice:
    """Says which method to use for `n` picks of a pool, on what evidence, and how sure that is."""
    known, words = _known(locals())
    pool, paths = _inputs.pool(X, column, None)
    words += _inputs.budget(n) + _inputs.options(threads=threads, max_memory=max_memory)
    answer = run("advise", words + paths, pool, known)
    answer.report = answer.report[0]
    # What to run next, in the words of this package.
    theirs = answer.report["command"]
    pool_text = repr(X) if _inputs.is_path(X) else "X"
    ours = f"subsel.select({pool_text}, {n!r}, {answer.report['method']!r})"
    answer.report["command"] = ours
    answer.text = answer.text.replace(theirs, ours)
    return Advice(answer)


class Inspection(Report):
    """What a pool is like."""


def inspect(X: Any, *, column: str | None = None, dtype: str | None = None) -> Inspection:
    """Looks at a pool: shape, norms, rank, zero, duplicate and non-finite rows."""
    pool, paths = _inputs.pool(X, column, None)
    return Inspection(run("inspect", _inputs.options(dtype=dtype) + paths, pool))
