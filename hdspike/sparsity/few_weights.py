"""Five ways for a perceptron to have few weights, all with the same number of them, trained for the same epochs.

The layers but the last hold ``r·(n_in + n_out)`` weights each, as thin factors of rank r do; the last is dense.

- ``low rank``: thin factors from the beginning.
- ``low rank after``: dense for half of the epochs, then the best approximation of rank r, which goes on learning.
- ``random mask``: single weights, chosen at random, from the beginning (variance restored by fan-in).
- ``magnitude after``: dense for half of the epochs, then each layer's largest weights, which go on learning.
- ``narrow``: a dense perceptron whose hidden layers are narrower by one factor.
"""

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np

from hdspike import check
from hdspike.sparsity.layer import Layer, Relu
from hdspike.sparsity.low_rank import LowRankLinear, low_rank_perceptron
from hdspike.sparsity.task import Task
from hdspike.sparsity.training import Network, perceptron, train

__all__ = ["FORMS", "dense_reference", "few_weights", "narrow_widths", "weights_of_rank"]

FORMS = ("low rank", "low rank after", "random mask", "magnitude after", "narrow")


def weights_of_rank(widths: Sequence[int], rank: int) -> list[int]:
    """Weights of each layer: ``rank·(n_in + n_out)``, the last one dense.

    >>> weights_of_rank((64, 300, 100, 10), 4)
    [1456, 1600, 1000]
    """
    check.integer("rank", rank, low=1)
    if len(widths) < 3:
        raise ValueError(f"widths must name an input, hidden layers and an output, got {list(widths)}")
    pairs = list(pairwise(widths))
    for n_in, n_out in pairs[:-1]:
        if rank * (n_in + n_out) >= n_in * n_out:
            raise ValueError(f"rank must save weights of every layer, got {rank} for {n_in} × {n_out}")
    return [rank * (n_in + n_out) for n_in, n_out in pairs[:-1]] + [pairs[-1][0] * pairs[-1][1]]


def narrow_widths(widths: Sequence[int], weights: int) -> list[int]:
    """The widths whose hidden layers are scaled by one factor so that a dense perceptron has about so many weights.

    >>> narrow_widths((64, 300, 100, 10), 4056)
    [64, 49, 16, 10]
    """
    check.integer("weights", weights, low=1)

    def scaled(factor: float) -> list[int]:
        return [widths[0], *(max(1, round(w * factor)) for w in widths[1:-1]), widths[-1]]

    def count(factor: float) -> int:
        return sum(a * b for a, b in pairwise(scaled(factor)))

    factors = np.linspace(0, 1, 2001)
    return scaled(float(min(factors, key=lambda factor: abs(count(factor) - weights))))


def few_weights(
    form: str, task: Task, hidden: Sequence[int], rank: int, *, epochs: int, batch: int = 64, seed: int
) -> dict[str, Any]:
    """Train one of :data:`FORMS`, and say what it is worth: accuracy, stored weights and bytes, training FLOPs."""
    check.one_of("form", form, FORMS)
    check.integer("epochs", epochs, low=0)
    widths = [task.inputs, *hidden, int(task.train_y.max()) + 1]
    counts = weights_of_rank(widths, rank)
    random = np.random.default_rng(seed)
    after = form.endswith("after")
    ranks = [*[rank] * len(hidden), None]
    if form == "narrow":
        network = perceptron(narrow_widths(widths, sum(counts)), rng=random)
    elif form == "low rank":
        network = low_rank_perceptron(widths, rank=ranks, rng=random)
    else:
        network = perceptron(widths, rng=random)
    if form == "random mask":
        for layer, count in zip(network.linear[:-1], counts, strict=False):
            mask = np.zeros(layer.weights.size, dtype=np.bool_)
            mask[random.choice(mask.size, size=count, replace=False)] = True
            layer.set_mask(mask.reshape(layer.weights.shape))
            layer.rescale()
    early = epochs // 2 if after else 0
    learned = train(network, task.train_x, task.train_y, epochs=early, batch=batch, rng=random)
    if after:
        network = _shrunk(network, form, rank, counts)
    learned += train(network, task.train_x, task.train_y, epochs=epochs - early, batch=batch, rng=random)
    cost = network.cost()
    return {
        "accuracy": network.accuracy(task.test_x, task.test_y),
        "weights": cost.macs,
        "bytes": cost.stored_bytes,
        "flops": learned.flops,
    }


def _shrunk(network: Network, form: str, rank: int, counts: Sequence[int]) -> Network:
    """A trained dense network in thin factors, or under masks of its largest weights; the last layer as it is."""
    layers: list[Layer] = []
    linear = network.linear
    for layer, count in zip(linear, counts, strict=True):
        if layer is linear[-1]:
            layers.append(layer)
        elif form == "low rank after":
            layers += [LowRankLinear.of(layer, rank), Relu()]
        else:
            mask = np.zeros(layer.weights.size, dtype=np.bool_)
            mask[np.argsort(-np.abs(layer.weights), axis=None, kind="stable")[:count]] = True
            layer.set_mask(mask.reshape(layer.weights.shape))
            layers += [layer, Relu()]
    return Network(layers)


def dense_reference(task: Task, hidden: Sequence[int], *, epochs: int, batch: int = 64, seed: int) -> Network:
    """The dense perceptron, trained for as many epochs from the same seed."""
    random = np.random.default_rng(seed)
    network = perceptron([task.inputs, *hidden, int(task.train_y.max()) + 1], rng=random)
    train(network, task.train_x, task.train_y, epochs=epochs, batch=batch, rng=random)
    return network
