"""Folding a NIR graph: what lies between two populations becomes the synapses of one projection.

Linear nodes multiply, branches add, and a delay node moves every synapse that passes it. The result is exact, for
all of it is linear.
"""

from collections.abc import Iterable
from math import prod
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from hdspike.network.nir.linear import LINEAR, Shape, linear
from hdspike.network.synapses import Synapses

__all__ = ["Folded", "fold"]

ENDS = ("Input", "Output")
DELAY = "Delay"
Terms = dict[tuple[str, int], Any]  # (source, delay in steps) → matrix (out, in)


class Folded(NamedTuple):
    """What reaches each node with a state: synapse matrices by (source, delay), a constant input, and the shapes."""

    arriving: dict[str, Terms]
    constant: dict[str, NDArray[np.float64] | None]
    shapes: dict[str, Shape]


def _order(nodes: dict[str, Any], before: dict[str, list[str]], inner: set[str]) -> list[str]:
    """The stateless nodes, each after those that feed it."""
    ordered: list[str] = []
    waiting = {name: sum(p in inner for p in before[name]) for name in nodes if name in inner}
    ready = [name for name, count in waiting.items() if count == 0]
    after: dict[str, list[str]] = {}
    for name in waiting:
        for p in before[name]:
            after.setdefault(p, []).append(name)
    while ready:
        name = ready.pop()
        ordered.append(name)
        for follower in after.get(name, ()):
            waiting[follower] -= 1
            if waiting[follower] == 0:
                ready.append(follower)
    if len(ordered) < len(waiting):
        stuck = next(name for name, count in waiting.items() if count)
        raise ValueError(f"node {stuck} must not feed itself through nodes without a state")
    return ordered


def _steps(name: str, node: Any, size: int, step_s: float) -> NDArray[np.int64]:
    """The delay of each line, in whole steps."""
    delay = np.asarray(node.delay)
    if delay.dtype.kind not in "biuf" or not np.all(np.isfinite(delay)) or np.any(delay < 0):
        raise ValueError(f"node {name} must have delays of at least 0 s, got {delay.tolist()!r:.60}")
    if delay.size not in (1, size):
        raise ValueError(f"node {name} must have {size} delays, as its input, got {delay.size}")
    steps = np.broadcast_to(delay.astype(np.float64).ravel(), size) / step_s
    whole = np.rint(steps)
    if np.any(np.abs(steps - whole) > 1e-6 * np.maximum(1, whole)) or np.any(whole > 2**30):
        worst = float(np.asarray(steps).ravel()[np.argmax(np.abs(steps - whole))])
        raise ValueError(f"node {name} must have delays of whole steps of {step_s:g} s, got {worst:g} steps")
    return whole.astype(np.int64)


def _sum(parts: Iterable[Terms]) -> Terms:
    out: Terms = {}
    for terms in parts:
        for key, matrix in terms.items():
            out[key] = out[key] + matrix if key in out else matrix
    return out


def _late(terms: Terms, steps: NDArray[np.int64]) -> Terms:
    """Every synapse later by the delay of the line that it reaches."""
    from scipy import sparse

    out: Terms = {}
    for (source, delay), matrix in terms.items():
        for extra in np.unique(steps):
            chosen = sparse.diags_array((steps == extra).astype(np.float64)) @ matrix
            key = source, delay + int(extra)
            out[key] = out[key] + chosen if key in out else chosen
    return {key: sparse.csr_array(matrix) for key, matrix in out.items()}


def fold(
    nodes: dict[str, Any], edges: list[tuple[str, str]], state: dict[str, Shape], step_s: float
) -> Folded:
    """Fold a flat graph of which ``state`` gives the nodes with a state (and the inputs) and their shapes.

    Raises:
        ValueError: a node cannot be folded, or shapes do not match; the message names the node.
    """
    from scipy import sparse

    before: dict[str, list[str]] = {name: [] for name in nodes}
    for source, target in edges:
        before[target].append(source)
    inner = {name for name, node in nodes.items() if type(node).__name__ in (*LINEAR, DELAY)}
    shapes: dict[str, Shape] = dict(state)
    terms: dict[str, Terms] = {}
    constant: dict[str, NDArray[np.float64] | None] = dict.fromkeys(state)
    for name, shape in state.items():
        terms[name] = {(name, 0): sparse.csr_array(sparse.eye_array(prod(shape)))}

    def gather(name: str) -> tuple[Terms, NDArray[np.float64] | None, Shape]:
        """The sum of what comes in."""
        sources = before[name]
        if not sources:
            raise ValueError(f"node {name} must have an input, it has none")
        for source in sources:
            if source not in shapes:
                raise ValueError(f"node {name} must not be fed by {source}, a {type(nodes[source]).__name__}")
        sizes = {prod(shapes[source]) for source in sources}
        if len(sizes) > 1:
            raise ValueError(f"node {name} must have inputs of one size, got {sorted(sizes)}")
        biases = [b for b in (constant[source] for source in sources) if b is not None]
        return (
            _sum(terms[s] for s in sources),
            sum(biases[1:], biases[0]) if biases else None,
            shapes[sources[0]],
        )

    for name in _order(nodes, before, inner):
        incoming, bias, shape = gather(name)
        node = nodes[name]
        if type(node).__name__ == DELAY:
            steps = _steps(name, node, prod(shape), step_s)
            terms[name], constant[name], shapes[name] = _late(incoming, steps), bias, shape
            continue
        folded = linear(name, node, shape)
        shapes[name] = folded.shape
        terms[name] = {key: sparse.csr_array(folded.matrix @ matrix) for key, matrix in incoming.items()}
        passed = None if bias is None else folded.matrix @ bias
        if folded.bias is not None and np.any(folded.bias):
            passed = folded.bias if passed is None else passed + folded.bias
        constant[name] = passed
    arriving: dict[str, Terms] = {}
    for name in nodes:
        if name in inner or type(nodes[name]).__name__ == "Input":
            continue
        arriving[name], constant[name] = {}, None
        if before[name]:
            arriving[name], constant[name], shape = gather(name)
            shapes.setdefault(name, shape)
            if prod(shape) != prod(shapes[name]):
                raise ValueError(f"node {name} must have {prod(shapes[name])} inputs, got {prod(shape)}")
    return Folded(arriving, constant, shapes)


def synapses(terms: dict[int, Any], scale: NDArray[np.float64]) -> Synapses:
    """Synapses from matrices ``(target, source)`` by delay, each row times its target's ``scale``."""
    rows, columns, values, delays = [], [], [], []
    shape = next(iter(terms.values())).shape
    for delay, matrix in sorted(terms.items()):
        found = matrix.tocoo()
        kept = found.data != 0
        target, source = found.coords
        rows.append(target[kept])
        columns.append(source[kept])
        values.append(found.data[kept] * scale[target[kept]])
        delays.append(np.full(int(kept.sum()), delay, dtype=np.int64))
    weights, late = np.concatenate(values), np.concatenate(delays)
    return Synapses.from_pairs(
        np.concatenate(columns).astype(np.int64), np.concatenate(rows).astype(np.int64),
        shape=(shape[1], shape[0]), weights=None if np.all(weights == 1) else weights,
        delays=None if np.all(late == 1) else late,
    )  # fmt: skip
