"""Training a small network of layers: softmax cross-entropy, Adam, and rules that change who is connected meanwhile.

FLOPs follow Evci et al. 2020 (RigL): a forward pass costs ``2 × macs`` per sample, a backward pass twice that, so a
step costs ``6 × macs × batch`` with the connections that exist then; a rule adds what it needs beyond.
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from hdspike import check
from hdspike.sparsity.layer import Cost, Floats, Layer, Linear, Relu

__all__ = ["Adam", "Learning", "Network", "Rule", "cross_entropy", "perceptron", "train"]


class Network:
    """Layers in a row, from a batch of inputs to a batch of class scores (logits)."""

    def __init__(self, layers: Sequence[Layer]) -> None:
        if not layers:
            raise ValueError("layers must hold at least one layer, got none")
        self.layers = list(layers)

    @property
    def linear(self) -> list[Linear]:
        """The layers of weights, from input to output."""
        return [layer for layer in self.layers if isinstance(layer, Linear)]

    def forward(self, x: Floats, *, training: bool = False) -> Floats:
        for layer in self.layers:
            x = layer.forward(x, training=training)
        return x

    def backward(self, upstream: Floats) -> Floats:
        for layer in reversed(self.layers):
            upstream = layer.backward(upstream)
        return upstream

    def accuracy(self, x: Floats, labels: NDArray[np.integer[Any]], *, batch: int = 2000) -> float:
        """The share of samples whose highest score is their label's."""
        hits = sum(
            int((self.forward(x[i : i + batch]).argmax(axis=1) == labels[i : i + batch]).sum())
            for i in range(0, len(x), batch)
        )
        return hits / len(x)

    def cost(self) -> Cost:
        """Of one sample: the sum of the layers'."""
        return sum((layer.cost() for layer in self.layers), Cost())

    def state(self) -> list[dict[str, Floats]]:
        """A copy of all parameters: what :meth:`restore` brings back (rewinding)."""
        return [{name: array.copy() for name, array in layer.parameters.items()} for layer in self.layers]

    def restore(self, state: list[dict[str, Floats]]) -> None:
        """Put a state back, under the masks that hold now."""
        for layer, held in zip(self.layers, state, strict=True):
            for name, array in held.items():
                layer.parameters[name][...] = array
            if isinstance(layer, Linear):
                layer.set_mask(layer.mask)


def perceptron(widths: Sequence[int], *, rng: check.Rng, dtype: Any = np.float32) -> Network:
    """A dense multi-layer perceptron with ReLU between its layers: the dense baseline of every comparison."""
    if len(widths) < 2:
        raise ValueError(f"widths must name at least an input and an output, got {list(widths)}")
    random = check.generator(rng)
    layers: list[Layer] = []
    for n_in, n_out in pairwise(widths):
        layers += [Linear(n_in, n_out, dtype=dtype, rng=random), Relu()]
    return Network(layers[:-1])


def cross_entropy(scores: Floats, labels: NDArray[np.integer[Any]]) -> tuple[float, Floats]:
    """``−mean log softmax(scores)[label]`` in nats, and its gradient with respect to the scores."""
    shifted = scores - scores.max(axis=1, keepdims=True)
    weights = np.exp(shifted)
    total = weights.sum(axis=1, keepdims=True)
    rows = np.arange(len(labels))
    loss = float(np.mean(np.log(total[:, 0]) - shifted[rows, labels]))
    gradient = weights / total
    gradient[rows, labels] -= 1
    return loss, gradient / len(labels)


class Adam:
    """Adam (Kingma and Ba 2015), β = .9, .999; moments by ``(layer number, parameter name)``."""

    def __init__(self, *, rate: float = 1e-3, decay: float = 0.0) -> None:
        self.rate, self.decay, self.steps = rate, decay, 0
        self.moments: dict[tuple[int, str], tuple[Floats, Floats]] = {}

    def update(self, network: Network, rate: float) -> None:
        """One step of every parameter that has a gradient; ``decay`` is decoupled, of weights ``W*`` alone."""
        self.steps += 1
        root = np.sqrt(1 - 0.999**self.steps)
        scale = rate * root / (1 - 0.9**self.steps)
        for number, layer in enumerate(network.layers):
            for name, gradient in layer.gradients.items():
                value = layer.parameters[name]
                if (number, name) not in self.moments:
                    self.moments[number, name] = np.zeros_like(value), np.zeros_like(value)
                first, second = self.moments[number, name]
                first *= 0.9
                first += 0.1 * gradient
                second *= 0.999
                second += 0.001 * gradient * gradient
                step = np.sqrt(second)
                step += 1e-8 * root
                np.divide(first, step, out=step)
                step *= scale
                if self.decay and name.startswith("W"):
                    value *= 1 - rate * self.decay
                value -= step
            if isinstance(layer, Linear) and layer.mask is not None:
                layer.weights[...] *= layer.mask  # old moments may not move what does not exist

    def forget(self, number: int, name: str, where: NDArray[np.bool_]) -> None:
        """Set the moments of these entries to zero: new connections have no past."""
        if (number, name) in self.moments:
            for moment in self.moments[number, name]:
                moment[where] = 0


class Rule(Protocol):
    """What changes the connections while a network learns (pruning, RigL, …)."""

    def begin(self, network: Network, steps: int) -> None:
        """Before step 0 of ``steps``."""
        ...

    def before(self, network: Network, step: int) -> None:
        """Before the forward pass of ``step`` (e.g. to ask for dense gradients)."""
        ...

    def after(self, network: Network, step: int, optimiser: Adam) -> float:
        """After the update of ``step``; returns the FLOPs it needed beyond the step's own."""
        ...


@dataclass
class Learning:
    """What training took: wall seconds, FLOPs (see above), steps, and the mean loss of each epoch in nats."""

    seconds: float = 0.0
    flops: float = 0.0
    steps: int = 0
    losses: list[float] = field(default_factory=list)

    def __add__(self, other: "Learning") -> "Learning":
        return Learning(
            self.seconds + other.seconds,
            self.flops + other.flops,
            self.steps + other.steps,
            self.losses + other.losses,
        )


def train(
    network: Network,
    x: Floats,
    labels: NDArray[np.integer[Any]],
    *,
    epochs: int,
    batch: int = 64,
    rate: float = 1e-3,
    decay: float = 0.0,
    rule: Rule | None = None,
    rng: check.Rng,
) -> Learning:
    """Adam on the cross-entropy of shuffled batches; the rate falls from ``rate`` to a twentieth of it by a cosine.

    Returns:
        what it took; the network is changed in place.

    Raises:
        ValueError: there are no samples, or as many labels as samples there are not; a number is out of range.
    """
    check.integer("epochs", epochs, low=0)
    check.integer("batch", batch, low=1)
    if len(x) == 0 or len(x) != len(labels):
        raise ValueError(
            f"labels must be one for each of at least one sample, got {len(labels)} for {len(x)}"
        )
    if not 0 < rate < np.inf:
        raise ValueError(f"rate must be a finite number above 0, got {rate}")
    if not 0 <= decay < np.inf:
        raise ValueError(f"decay must be a finite number, at least 0, got {decay}")
    random, optimiser, took = check.generator(rng), Adam(rate=rate, decay=decay), Learning()
    starts = range(0, len(x), batch)
    steps = epochs * len(starts)
    began = time.perf_counter()
    if rule is not None:
        rule.begin(network, steps)
    for _ in range(epochs):
        order, losses = random.permutation(len(x)), 0.0
        for start in starts:
            chosen = order[start : start + batch]
            if rule is not None:
                rule.before(network, took.steps)
            loss, gradient = cross_entropy(network.forward(x[chosen], training=True), labels[chosen])
            network.backward(gradient)
            took.flops += 6 * len(chosen) * network.cost().macs
            now = rate * (0.05 + 0.95 * (1 + np.cos(np.pi * took.steps / steps)) / 2)
            optimiser.update(network, now)
            if rule is not None:
                took.flops += rule.after(network, took.steps, optimiser)
            took.steps += 1
            losses += loss * len(chosen)
        took.losses.append(losses / len(x))
    took.seconds = time.perf_counter() - began
    return took
