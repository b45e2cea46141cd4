"""A gated feed-forward that learns, small enough for the digits: what the rules of :mod:`.gated` may be tried on."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from hdspike import check
from hdspike.models.feed_forward import silu
from hdspike.sparsity.gated import Kept
from hdspike.sparsity.layer import Cost, Floats, Linear
from hdspike.sparsity.task import Task
from hdspike.sparsity.training import Network, train

__all__ = ["Gated", "learned"]


class Gated:
    """A gated feed-forward that learns: ``y = W_down (a(W_gate x) · (W_up x))`` with a = silu or, relufied, ReLU.

    At inference it may be worked by a plug such as :class:`Kept`. Weights begin at deviation 1 ÷ √fan-in.

    Args:
        n_in, hidden, n_out: widths. relu: whether a is ReLU.
    """

    def __init__(
        self,
        n_in: int,
        hidden: int,
        n_out: int,
        *,
        relu: bool = False,
        dtype: Any = np.float32,
        rng: check.Rng,
    ) -> None:
        random = check.generator(rng)
        shapes = {"W_gate": (hidden, n_in), "W_up": (hidden, n_in), "W_down": (n_out, hidden)}
        for name, value in (("n_in", n_in), ("hidden", hidden), ("n_out", n_out)):
            check.integer(name, value, low=1)
        self.parameters: dict[str, Floats] = {
            name: (random.standard_normal(shape) / np.sqrt(shape[1])).astype(dtype)
            for name, shape in shapes.items()
        }
        self.gradients: dict[str, Floats] = {}
        self.relu = relu
        self.plug: Any = None

    def forward(self, x: Floats, *, training: bool = False) -> Floats:
        gate, up, down = self.parameters.values()
        if self.plug is not None and not training:
            return np.asarray(self.plug(x, gate, up, down, layer=0))
        before, lifted = x @ gate.T, x @ up.T
        if self.relu:
            opened, slope = np.maximum(before, 0), (before > 0).astype(before.dtype)
        else:
            opened = silu(before)
            soft = np.divide(opened, before, out=np.full_like(before, 0.5), where=before != 0)
            slope = soft + opened * (1 - soft)
        h = opened * lifted
        if training:
            self._held = x, opened, slope, lifted, h
        return np.asarray(h @ down.T)

    def backward(self, upstream: Floats) -> Floats:
        gate, up, down = self.parameters.values()
        x, opened, slope, lifted, h = self._held
        inner = upstream @ down
        toward_gate, toward_up = inner * lifted * slope, inner * opened
        self.gradients = {"W_gate": toward_gate.T @ x, "W_up": toward_up.T @ x, "W_down": upstream.T @ h}
        return np.asarray(toward_gate @ gate + toward_up @ up)

    def cost(self) -> Cost:
        """All weights are stored; the plug, if it counts, says which share of them a sample reads."""
        size = float(sum(weights.size for weights in self.parameters.values()))
        used = size * (self.plug.read if isinstance(self.plug, Kept) and self.plug.neurons else 1.0)
        return Cost(stored=size, active=used, stored_bytes=4 * size, active_bytes=4 * used, macs=used)


def learned(
    task: Task, rules: Mapping[str, Sequence[float]], *, hidden: int, epochs: int, rng: int
) -> dict[str, Any]:
    """Train a gated layer and a readout, then let some neurons speak, and relufy.

    Args:
        rules: of :data:`hdspike.sparsity.gated.RULES` but ``relu``, with the shares to be kept.

    Returns:
        accuracies: ``dense``; ``rules``, a list for each; ``relufied``: ReLU in the place of SiLU; ``retrained``: that
        for a quarter of the epochs; ``from scratch``: ReLU from the start. ``zeros``: of the last three, the shares of
        neurons that are zero.
    """
    width = task.inputs

    def made(*, relu: bool = False) -> tuple[Gated, Network]:
        random = np.random.default_rng(rng)
        layer = Gated(width, hidden, width, relu=relu, rng=random)
        return layer, Network([layer, Linear(width, 10, rng=random)])

    def accuracy(layer: Gated, network: Network, plug: Kept | None) -> float:
        layer.plug = plug
        found = network.accuracy(task.test_x, task.test_y)
        layer.plug = None
        return found

    def taught(network: Network, some: int) -> None:
        train(network, task.train_x, task.train_y, epochs=some, rng=rng)

    layer, network = made()
    taught(network, epochs)
    out: dict[str, Any] = {
        "dense": accuracy(layer, network, None),
        "rules": {
            by: [accuracy(layer, network, Kept(share, by=by, rng=rng)) for share in shares]
            for by, shares in rules.items()
        },
    }
    plugs = [Kept(by="relu") for _ in range(3)]
    out["relufied"] = accuracy(layer, network, plugs[0])
    layer.relu = True
    taught(network, max(1, epochs // 4))
    out["retrained"] = accuracy(layer, network, plugs[1])
    layer, network = made(relu=True)
    taught(network, epochs)
    out["from scratch"] = accuracy(layer, network, plugs[2])
    return out | {"zeros": [1 - plug.found_share for plug in plugs]}
