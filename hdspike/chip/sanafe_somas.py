"""The somas of SANA-FE network files: leaky integrate-and-fire neurons and inputs, from their attributes."""

from typing import Any

import numpy as np

from hdspike.chip.architecture import Architecture
from hdspike.chip.sanafe_groups import FORCE, MODE, SOMA, Attributes
from hdspike.chip.sanafe_yaml import List, Reader
from hdspike.network.neurons.loihi import MODES, LoihiSoma
from hdspike.network.neurons.stream import Stream

__all__ = ["Seeds", "mode_of", "read_soma", "read_stream"]


def mode_of(reader: Reader, attributes: Attributes, key: str) -> str:
    mode = attributes.get(key, MODE[key])
    if mode not in MODES:
        reader.fail(attributes["line"], f"{key} must be one of {', '.join(MODES)}, got {str(mode)[:40]!r}")
    return str(mode)


def read_soma(reader: Reader, chosen: list[Attributes], kind: tuple[str, ...]) -> LoihiSoma:
    """The parameters of leaky integrate-and-fire somas: one number each where all agree."""
    rows: dict[str, Any] = {}
    known: dict[int, list[float]] = {}  # neurons of a range share their attributes
    table = []
    for attributes in chosen:
        if id(attributes) not in known:
            known[id(attributes)] = _values(reader, attributes)
        table.append(known[id(attributes)])
    values = np.array(table)
    for column, key in enumerate(SOMA):
        row = values[:, column]
        rows[key] = row[0] if np.all(row == row[0]) else row
    return LoihiSoma(**rows, reset_mode=kind[0], reverse_reset_mode=kind[1], single=False)


def _values(reader: Reader, attributes: Attributes) -> list[float]:
    line = attributes["line"]
    out = []
    for key, default in SOMA.items():
        if key == "force_update":
            flags = [reader.flag(attributes[k], k, line) for k in FORCE if k in attributes]
            out.append(float(any(flags)))
        elif key == "refractory_delay" and key in attributes:
            out.append(float(reader.whole(attributes[key], key, line)))
        elif key == "threshold" and attributes.get(key) in (".inf", "+.inf"):
            out.append(np.inf)
        else:
            out.append(reader.number(attributes[key], key, line) if key in attributes else default)
    return out


def read_stream(reader: Reader, chosen: list[Attributes], seeds: list[int]) -> Stream:
    trains, rate, chance = [], [], []
    for attributes in chosen:
        line = attributes["line"]
        spikes = attributes.get("spikes", List())
        if not isinstance(spikes, List):
            reader.fail(line, "spikes must be a list of 0 and 1")
        trains.append(np.array([reader.flag(s, "a value of spikes", line) for s in spikes], dtype=np.uint8))
        rate.append(reader.number(attributes.get("rate", "0"), "rate", line, low=0.0, high=1.0))
        chance.append(reader.number(attributes.get("poisson", "0"), "poisson", line, low=0.0, high=1.0))
    return Stream(trains, rate=np.array(rate), probability=np.array(chance), seeds=np.array(seeds))


class Seeds(dict[tuple[int, int], int]):
    """(core, unit) → 1 + the number of the input unit, counted through all cores: the tool's seed of its stream."""

    def __init__(self, architecture: Architecture) -> None:
        super().__init__()
        self.architecture = architecture
        inputs = [
            [u for u in layout if architecture.units[u].model == "input"] for layout in architecture.layouts
        ]
        self.place = [{u: i for i, u in enumerate(units)} for units in inputs]
        counts = np.array([len(units) for units in inputs])[architecture.layout_of_core]
        self.before = np.concatenate([[0], np.cumsum(counts)])

    def __missing__(self, key: tuple[int, int]) -> int:
        core, unit = key
        return 1 + int(self.before[core]) + self.place[int(self.architecture.layout_of_core[core])][unit]
