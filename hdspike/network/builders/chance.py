"""Random synapses: each pair with a probability, or a fixed number per target or per source."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from hdspike import check
from hdspike.network.builders.contract import delays_of, ends, join, weights_of
from hdspike.network.graph import Projection
from hdspike.network.plasticity import STDP
from hdspike.network.population import Population
from hdspike.network.synapses import Synapses

__all__ = ["random"]


def _chosen_pairs(cells: int, probability: float, rng: np.random.Generator) -> NDArray[np.int64]:
    """The cells of ``range(cells)`` chosen independently: by the gaps between them, which are geometric."""
    if probability == 0.0 or cells == 0:
        return np.empty(0, dtype=np.int64)
    if probability == 1.0:
        return np.arange(cells, dtype=np.int64)
    parts, at = [], -1
    while at < cells - 1:
        wanted = int((cells - at) * probability + 6 * np.sqrt((cells - at) * probability) + 16)
        gaps = np.minimum(rng.geometric(probability, size=min(wanted, 2**24)), cells + 1)
        places = at + np.cumsum(gaps)
        parts.append(places)
        at = int(places[-1])
    chosen = np.concatenate(parts)
    return chosen[chosen < cells]


def _subsets(rows: int, size: int, of: int, rng: np.random.Generator) -> NDArray[np.int64]:
    """``(rows, size)``: sorted, in each row a uniform random subset of ``range(of)``; repeats are drawn again."""
    if 2 * size > of:
        others = _subsets(rows, of - size, of, rng)
        keep = np.ones((rows, of), dtype=bool)
        np.put_along_axis(keep, others, False, axis=1)
        return np.nonzero(keep)[1].reshape(rows, size)
    drawn = np.sort(rng.integers(of, size=(rows, size)), axis=1)
    todo = np.arange(rows)
    while len(todo):
        part = drawn[todo]
        again = np.zeros(part.shape, dtype=bool)
        again[:, 1:] = part[:, 1:] == part[:, :-1]
        repeated = again.any(axis=1)
        todo, part, again = todo[repeated], part[repeated], again[repeated]
        part[again] = rng.integers(of, size=int(again.sum()))
        drawn[todo] = np.sort(part, axis=1)
    return drawn


def _pairs(
    rows: int, degree: int, of: int, parallel: bool, others: bool, rng: np.random.Generator
) -> NDArray[np.int64]:
    """``(rows, degree)`` sorted partners out of ``range(of)``, with ``others`` never the row itself."""
    choice = of - 1 if others else of
    if parallel:
        partners = np.sort(rng.integers(choice, size=(rows, degree)), axis=1)
    else:
        partners = _subsets(rows, degree, choice, rng)
    return partners + (partners >= np.arange(rows)[:, None]) if others else partners


def random(
    source: Population,
    target: Population,
    *,
    probability: float | None = None,
    in_degree: int | None = None,
    out_degree: int | None = None,
    weights: Any = None,
    delays: Any = None,
    self_connections: bool = True,
    parallel: bool = False,
    unit: str = "",
    plasticity: STDP | None = None,
    rng: check.Rng = None,
) -> Projection:
    """Random synapses by exactly one rule.

    Args:
        probability: of each pair, independently (Erdős–Rényi).
        in_degree: synapses that end at each target, from distinct sources.
        out_degree: synapses that begin at each source, to distinct targets.
        weights, delays: as in :mod:`hdspike.network.builders.contract`.
        self_connections: whether a neuron may reach itself, where source and target are one population.
        parallel: whether the partners of a fixed degree may repeat (multapses).
        rng: the same seed gives the same synapses.
    """
    ends(source, target)
    rules = {"probability": probability, "in_degree": in_degree, "out_degree": out_degree}
    given = [name for name, value in rules.items() if value is not None]
    if len(given) != 1:
        raise ValueError(
            f"probability, in_degree or out_degree must be given, exactly one, got {given or 'none'}"
        )
    generator = check.generator(rng)
    lines, neurons = source.size, target.size
    others = source.name == target.name and not self_connections
    if probability is not None:
        if isinstance(probability, bool) or not isinstance(probability, int | float | np.floating):
            raise TypeError(f"probability must be a number, got {probability!r}")
        if not 0.0 <= probability <= 1.0:
            raise ValueError(f"probability must be in [0, 1], got {probability}")
        line, neuron = np.divmod(_chosen_pairs(lines * neurons, float(probability), generator), neurons)
        if others:
            line, neuron = line[line != neuron], neuron[line != neuron]
    else:
        by_target = in_degree is not None
        rows, of = (neurons, lines) if by_target else (lines, neurons)
        most = 2**31 - 1 if parallel else of - others
        degree = check.integer(given[0], in_degree if by_target else out_degree, low=0, high=most)
        if degree and of - others < 1:
            raise ValueError(f"{given[0]} must be 0 where there is no partner, got {degree}")
        partners = _pairs(rows, degree, of, parallel, others, generator).reshape(-1)
        own = np.repeat(np.arange(rows), degree)
        line, neuron = (partners, own) if by_target else (own, partners)
        if by_target:  # by line, then by target: own rises already, and the sort is stable
            order = np.argsort(line, kind="stable")
            line, neuron = line[order], neuron[order]
    indptr = np.zeros(lines + 1, dtype=np.int64)
    np.cumsum(np.bincount(line, minlength=lines), out=indptr[1:])
    count = len(neuron)
    synapses = Synapses(
        indptr,
        neuron.astype(np.int32),
        weights_of(weights, count, generator),
        neurons,
        delays_of(delays, count, generator),
    )
    return join(source, target, synapses, unit, plasticity)
