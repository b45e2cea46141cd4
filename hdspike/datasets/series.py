"""Time series of several channels, each with a class: the ``.ts`` files of the UEA archive (Bagnall et al. 2018)."""

from functools import partial
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from hdspike.datasets.source import Dataset, Package

__all__ = ["SETS", "Series", "read_ts"]


class Series(NamedTuple):
    """Lists of series (channels, time) of float64, of any length, and the index of each one's class in ``classes``."""

    train_x: list[NDArray[np.float64]]
    train_y: NDArray[np.int64]
    test_x: list[NDArray[np.float64]]
    test_y: NDArray[np.int64]
    classes: tuple[str, ...]


def read_ts(path: str | Path) -> tuple[list[NDArray[np.float64]], list[str], tuple[str, ...]]:
    """The series of a ``.ts`` file, the class of each, and all classes.

    After ``@data`` a line is one series: its channels, separated by ``:``, of numbers separated by commas, and its
    class last.

    Raises:
        ValueError: the file has no ``@data`` or ``@classLabel``, or a line that is not as above.
    """
    file = Path(path)
    classes: tuple[str, ...] = ()
    series: list[NDArray[np.float64]] = []
    labels: list[str] = []
    data = False
    for number, line in enumerate(file.read_text(encoding="utf-8").splitlines(), 1):
        words = line.split()
        if not words or line.startswith("#"):
            continue
        if not data:
            data = words[0].lower() == "@data"
            if words[0].lower() == "@classlabel":
                classes = tuple(words[2:])
            continue
        *channels, label = line.strip().split(":")
        try:
            values = np.array([[float(v) for v in channel.split(",")] for channel in channels])
        except ValueError as error:
            raise ValueError(
                f"path must hold channels of equal length, {file.name} line {number}: {error}"
            ) from error
        if label not in classes or values.ndim != 2 or not np.isfinite(values).all():
            raise ValueError(
                f"path must hold finite series with a known class, {file.name} line {number} does not"
            )
        series.append(values)
        labels.append(label)
    if not classes or not series:
        raise ValueError(f"path must have @classLabel and @data, {file.name} has not")
    return series, labels, classes


def _read(folder: Path, *, name: str) -> Series:
    train_x, train_y, classes = read_ts(folder / f"{name}_TRAIN.ts")
    test_x, test_y, _ = read_ts(folder / f"{name}_TEST.ts")
    return Series(train_x, _index(train_y, classes), test_x, _index(test_y, classes), classes)


def _index(labels: list[str], classes: tuple[str, ...]) -> NDArray[np.int64]:
    return np.array([classes.index(label) for label in labels], dtype=np.int64)


PACKAGE = Package(
    "pip", "aeon", "1.6.0", "d05227086706f80111ac5fee8de4d5d3115bb3bcfd1c786c8629393055816409", 6_421_000
)


def _series(name: str, file: str, what: str, sha256: str, size: int) -> Dataset:
    return Dataset(
        name=name,
        what=what,
        licence="BSD-3-Clause (package)",
        package=PACKAGE,
        members={
            f"{file}_{part}.ts": f"aeon/datasets/data/{file}/{file}_{part}.ts" for part in ("TRAIN", "TEST")
        },
        sha256=sha256,
        size=size,
        read=partial(_read, name=file),
    )


SETS = (
    _series(
        "basic-motions",
        "BasicMotions",
        "a smart watch: 6 channels × 100 steps, 4 motions",
        "9646e6a2657c1d770c20bb48363790a95a7610c94019072edd3299f95ce54b19",
        455_503,
    ),
    _series(
        "japanese-vowels",
        "JapaneseVowels",
        "9 speakers: 12 channels × 7 to 29 steps, who speaks",
        "074b982a14983c905fd65212a358e7bc06feeb5ae951291663a5a4512e518914",
        1_137_103,
    ),
)
