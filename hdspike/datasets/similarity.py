"""How alike people find two words or two documents: WordSim-353, SimLex-999 and the Lee documents.

Finkelstein et al. 2002 (any relation counts), Hill, Reichart & Korhonen 2015 (likeness alone counts, not relation),
Lee, Pincombe & Welsh 2005 (50 short news stories, each pair judged by people).
"""

import math
from functools import partial
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from hdspike.datasets.source import Dataset, Package

__all__ = ["SETS", "RatedDocuments", "RatedPairs", "read_documents", "read_pairs"]


class RatedPairs(NamedTuple):
    """``first[i]`` and ``second[i]`` are alike as ``rating[i]`` says, the mean of several people, 0 to 10."""

    first: tuple[str, ...]
    second: tuple[str, ...]
    rating: NDArray[np.float64]


class RatedDocuments(NamedTuple):
    """``texts``, and how alike each two of them are: ``rating`` ``(n, n)``, 0 to 1, symmetric, 1 on the diagonal."""

    texts: tuple[str, ...]
    rating: NDArray[np.float64]


def read_pairs(path: str | Path) -> RatedPairs:
    """Lines of two words and a rating from 0 to 10, with tabs between; lines that begin with ``#`` are notes.

    Raises:
        ValueError: another line, or none.
    """
    file = Path(path)
    first, second, rating = [], [], []
    for number, line in enumerate(file.read_text(encoding="utf-8").splitlines(), 1):
        if line.startswith("#") or not line.strip():
            continue
        cells = [cell.strip() for cell in line.split("\t")]
        if len(cells) != 3 or not all(cells):
            raise ValueError(
                f"path must hold two words and a rating a line, {file.name} line {number} does not"
            )
        value = _number(cells[2])
        if not 0 <= value <= 10:
            raise ValueError(
                f"path must hold ratings from 0 to 10, {file.name} line {number} has {cells[2]!r:.80}"
            )
        first.append(cells[0])
        second.append(cells[1])
        rating.append(value)
    if not rating:
        raise ValueError(f"path must hold at least one pair, {file.name} has none")
    return RatedPairs(tuple(first), tuple(second), np.array(rating))


def _number(text: str) -> float:
    """``text`` as a number; NaN where it is none."""
    try:
        return float(text)
    except ValueError:
        return math.nan


def read_documents(texts: str | Path, ratings: str | Path) -> RatedDocuments:
    """A document a line (Latin-1), and the ratings of each two of them: rows of the upper triangle, 0 below it.

    Raises:
        ValueError: the ratings are not as many as the documents, not such a triangle, or not from 0 to 1.
    """
    lines = [line.strip() for line in Path(texts).read_text(encoding="latin-1").split("\n") if line.strip()]
    file = Path(ratings)
    rows = [
        [_number(cell) for cell in line.split()]
        for line in file.read_text(encoding="utf-8").splitlines()
        if line.strip()
    ]
    if not lines or len(rows) != len(lines) or any(len(row) != len(lines) for row in rows):
        raise ValueError(
            f"ratings must have {len(lines)} rows of as many numbers as there are documents, {file.name} has not"
        )
    upper = np.array(rows)
    if not ((upper >= 0) & (upper <= 1)).all():
        raise ValueError(f"ratings must be from 0 to 1, {file.name} has others")
    if np.tril(upper, -1).any() or (np.diag(upper) != 1).any():
        raise ValueError(
            f"ratings must be a triangle with 1 on its diagonal, {file.name} holds another matrix"
        )
    return RatedDocuments(tuple(lines), np.maximum(upper, upper.T))


def _documents(folder: Path) -> RatedDocuments:
    return read_documents(folder / "lee.cor", folder / "similarities0-1.txt")


def _pairs(folder: Path, *, name: str) -> RatedPairs:
    return read_pairs(folder / name)


PACKAGE = Package(
    "pip", "gensim", "4.4.0", "91a7fa5e814e7b1bad4b2dffa8d62c1e55410d5cbdf930714c1997ffb4404db8", 27_809_988,
    tag="cp311-cp311-manylinux_2_28_x86_64",
)  # fmt: skip
LICENCE = "LGPL-2.1 (package), data not stated"
INSIDE = "gensim/test/test_data"

SETS = (
    Dataset(
        name="wordsim-353",
        what="353 pairs of English words and how related people find them (Finkelstein et al. 2002)",
        licence=LICENCE,
        package=PACKAGE,
        members={"wordsim353.tsv": f"{INSIDE}/wordsim353.tsv"},
        sha256="4255e41bc8f0237a5b054659059d0284c283cdb5cebeb47dc966004d1feb46e5",
        size=7186,
        read=partial(_pairs, name="wordsim353.tsv"),
    ),
    Dataset(
        name="simlex-999",
        what="999 pairs of English words and how alike people find them (Hill et al. 2015)",
        licence=LICENCE,
        package=PACKAGE,
        members={"simlex999.txt": f"{INSIDE}/simlex999.txt"},
        sha256="e2e88224217abd645116171ca626d28a335327ebc8afe81624cb29c4272155b6",
        size=18_126,
        read=partial(_pairs, name="simlex999.txt"),
    ),
    Dataset(
        name="lee-50",
        what="50 short news stories and how alike people find each two of them (Lee et al. 2005)",
        licence=LICENCE,
        package=PACKAGE,
        members={name: f"{INSIDE}/{name}" for name in ("lee.cor", "similarities0-1.txt")},
        sha256="28ba2ae21215d9f3d019de8d77ec6191b8392618f141954e9030d4fce865d3d7",
        size=24_658 + 8738,
        read=_documents,
    ),
)
