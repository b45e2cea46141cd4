"""A mixture of experts: E small perceptrons side by side, of which every token uses k.

``y = Σ_{e ∈ S(x)} g_e(x)·(W2ᵉ·max(W1ᵉ·x + b1ᵉ, 0) + b2ᵉ)``, S and g from a router (:mod:`hdspike.sparsity.gating` or
:mod:`hdspike.sparsity.expert_routing`). All E are stored, k of them are computed and loaded: whole blocks of weights
are skipped, others for every token. Shazeer et al. 2017; biases inside of the gate as in gpt-oss.
"""

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hdspike import check
from hdspike.sparsity import expert_kernel, expert_load
from hdspike.sparsity.expert_routing import HashRouter, HypervectorRouter
from hdspike.sparsity.gating import Ints, Router, Routing, SoftmaxRouter
from hdspike.sparsity.layer import Cost, Floats, Layer, Linear, Relu
from hdspike.sparsity.training import Network

__all__ = ["ROUTINGS", "Experts", "experts_perceptron", "hidden_for", "mixture_of", "router"]

ROUTINGS = ("softmax", "hypervectors", "anchors", "hash")
"""softmax: by gradient; hypervectors: learned without; anchors: hypervectors that never move; hash: by chance."""

FEW = 8
"""Tokens up to which they are worked off one by one, in inference."""


class Experts:
    """E perceptrons n_in → hidden → n_out with ReLU, k of them for each token.

    Args:
        n_in, hidden, n_out: the widths of one expert.
        router: which experts a token goes to; its ``experts`` is E and its ``active`` is k.
        capacity_factor: places of an expert as a multiple of its even share; None: without limit. A token that is
            dropped everywhere gives zero: put a residual connection around the layer, or choose no limit.

    Attributes:
        routing: of the last forward pass; ``kept`` (n, k): which of its assignments found a place.

    >>> from hdspike.sparsity.gating import SoftmaxRouter
    >>> layer = Experts(5, 7, 3, router=SoftmaxRouter(5, experts=4, active=2, rng=0), rng=0)
    >>> layer.forward(np.ones((2, 5), dtype=np.float32)).shape, int(layer.cost().active), int(layer.cost().stored)
    ((2, 3), 152, 284)
    """

    def __init__(
        self,
        n_in: int,
        hidden: int,
        n_out: int,
        *,
        router: Router,
        capacity_factor: float | None = None,
        dtype: Any = np.float32,
        rng: check.Rng,
    ) -> None:
        for name, width in (("n_in", n_in), ("hidden", hidden), ("n_out", n_out)):
            check.integer(name, width, low=1)
        if capacity_factor is not None:
            expert_load.capacity(capacity_factor, 1, experts=router.experts, active=router.active)
        random = check.generator(rng)
        count = router.experts
        self.router, self.capacity_factor = router, capacity_factor
        first = random.standard_normal((count, n_in, hidden)) * np.sqrt(2 / n_in)
        second = random.standard_normal((count, hidden, n_out)) * np.sqrt(2 / hidden)
        self.parameters: dict[str, Floats] = {
            "W1": first.astype(dtype),
            "b1": np.zeros((count, hidden), dtype=dtype),
            "W2": second.astype(dtype),
            "b2": np.zeros((count, n_out), dtype=dtype),
        } | {f"{name}_router": array for name, array in router.parameters.items()}
        self.gradients: dict[str, Floats] = {}
        self.routing: Routing | None = None
        self.kept: NDArray[np.bool_] | None = None
        self._used = float(router.active)

    def forward(self, x: Floats, *, training: bool = False) -> Floats:
        w1, b1, w2, b2 = (self.parameters[name] for name in ("W1", "b1", "W2", "b2"))
        self.routing = self.router.route(x, training=training)
        self.kept = self._places(self.routing.experts)
        if self.capacity_factor is not None and len(x):
            self._used = float(self.kept.sum() / len(x))
        if not training and len(x) <= FEW:
            return expert_kernel.mixture(x, *self.routing, self.kept, (w1, b1, w2, b2))[0]
        out = np.zeros((len(x), w2.shape[2]), dtype=w2.dtype)
        groups = []
        for e, tokens, choice in self._groups(self.routing.experts, self.kept):
            rows = x[tokens]
            firing = np.maximum(rows @ w1[e] + b1[e], 0)
            given = firing @ w2[e] + b2[e]
            gate = self.routing.gates[tokens, choice][:, None].astype(w2.dtype, copy=False)
            out[tokens] += gate * given
            if training:
                groups.append((e, tokens, choice, rows, firing, given, gate))
        if training:
            self._saved = x.shape, self.routing.gates.shape, groups
        return out

    def backward(self, upstream: Floats) -> Floats:
        shape, choices, groups = self._saved
        w1, w2 = self.parameters["W1"], self.parameters["W2"]
        found = {name: np.zeros_like(self.parameters[name]) for name in ("W1", "b1", "W2", "b2")}
        down = np.zeros(shape, dtype=w1.dtype)
        onto_gates = np.zeros(choices, dtype=w1.dtype)
        for e, tokens, choice, rows, firing, given, gate in groups:
            above = upstream[tokens]
            onto_gates[tokens, choice] = (above * given).sum(axis=1)
            above = gate * above
            found["W2"][e], found["b2"][e] = firing.T @ above, above.sum(axis=0)
            inner = (above @ w2[e].T) * (firing > 0)
            found["W1"][e], found["b1"][e] = rows.T @ inner, inner.sum(axis=0)
            down[tokens] += inner @ w1[e].T
        through = self.router.backward(onto_gates)
        if through is not None:
            down += through
        self.gradients = found | {f"{name}_router": array for name, array in self.router.gradients.items()}
        return down

    def cost(self) -> Cost:
        """Stored: all experts. Active: those that a token of the last forward pass used, on average; k before one."""
        count, n_in, hidden = self.parameters["W1"].shape
        n_out = self.parameters["W2"].shape[2]
        one = n_in * hidden + hidden + hidden * n_out + n_out
        used = self._used
        own = Cost(count * one, used * one, 4 * count * one, 4 * used * one, used * hidden * (n_in + n_out))
        return own + self.router.cost()

    def _places(self, experts: Ints) -> NDArray[np.bool_]:
        if self.capacity_factor is None:
            return np.ones(experts.shape, dtype=np.bool_)
        count, active = self.router.experts, self.router.active
        places = expert_load.capacity(self.capacity_factor, len(experts), experts=count, active=active)
        return expert_load.kept(experts, places, count)

    def _groups(self, experts: Ints, kept: NDArray[np.bool_]) -> list[tuple[int, Ints, Ints]]:
        """Experts that have work, each with its tokens in order and which of their choices it is."""
        tokens, choices = np.nonzero(kept)
        chosen = experts[tokens, choices]
        order = np.argsort(chosen, kind="stable")
        edges = np.searchsorted(chosen[order], np.arange(self.router.experts + 1))
        return [
            (e, tokens[order[low:high]], choices[order[low:high]])
            for e, (low, high) in enumerate(pairwise(edges))
            if high > low
        ]


def router(
    name: str,
    n_in: int,
    *,
    experts: int,
    active: int,
    dtype: Any = np.float32,
    rng: check.Rng,
    **options: Any,
) -> Router:
    """The router called ``name``, one of :data:`ROUTINGS`; ``options`` go to its class."""
    check.one_of("routing", name, ROUTINGS)
    sizes: dict[str, Any] = {"experts": experts, "active": active, "rng": rng}
    if name == "softmax":
        return SoftmaxRouter(n_in, **sizes, dtype=dtype, **options)
    if name == "hash":
        return HashRouter(n_in, **sizes, **options)
    return HypervectorRouter(n_in, **sizes, learns=name == "hypervectors", **options)


def experts_perceptron(
    widths: Sequence[int],
    *,
    experts: int,
    active: int,
    hidden: int,
    routing: str = "softmax",
    capacity_factor: float | None = None,
    dtype: Any = np.float32,
    rng: check.Rng,
    **options: Any,
) -> Network:
    """A perceptron whose step from ``widths[0]`` to ``widths[1]`` is a mixture; ``hidden`` units in every expert.

    With one expert it is ``perceptron((widths[0], hidden, *widths[1:]))``: the dense (64, 300, 100, 10) is
    ``widths=(64, 100, 10), hidden=300``. :func:`hidden_for` finds the ``hidden`` of an equal budget. ``options`` go to
    the router.

    >>> network = experts_perceptron((64, 100, 10), experts=8, active=2, hidden=145, rng=0)
    >>> int(network.cost().active), int(network.cost().stored)
    (49572, 193722)
    """
    if len(widths) < 2:
        raise ValueError(f"widths must name at least an input and an output, got {list(widths)}")
    random = check.generator(rng)
    chosen = router(routing, widths[0], experts=experts, active=active, dtype=dtype, rng=random, **options)
    layers: list[Layer] = [
        Experts(
            widths[0],
            hidden,
            widths[1],
            router=chosen,
            capacity_factor=capacity_factor,
            dtype=dtype,
            rng=random,
        )
    ]
    for n_in, n_out in pairwise(widths[1:]):
        layers += [Relu(), Linear(n_in, n_out, dtype=dtype, rng=random)]
    return Network(layers)


def hidden_for(
    widths: Sequence[int],
    budget: float,
    *,
    by: str,
    experts: int,
    active: int,
    routing: str = "softmax",
    **options: Any,
) -> int:
    """The largest ``hidden`` of :func:`experts_perceptron` with at most ``budget`` parameters, ``by`` active or
    stored.

    Raises:
        ValueError: even one unit in every expert has more.

    >>> hidden_for((64, 100, 10), 50_610, by="active", experts=8, active=2)
    148
    >>> hidden_for((64, 100, 10), 50_610, by="stored", experts=8, active=2)
    36
    """
    check.one_of("by", by, ("active", "stored"))

    def parameters(hidden: int) -> float:
        sizes: dict[str, Any] = {"experts": experts, "active": active, "hidden": hidden, "routing": routing}
        return float(getattr(experts_perceptron(widths, **sizes, rng=0, **options).cost(), by))

    one, two = parameters(1), parameters(2)
    if not one <= budget < np.inf:
        raise ValueError(
            f"budget must be finite and at least {one:.0f}, of one hidden unit in every expert, got {budget}"
        )
    return 1 + int((budget - one) // (two - one))


def mixture_of(network: Network) -> Experts:
    """The mixture of a network that has one."""
    for layer in network.layers:
        if isinstance(layer, Experts):
            return layer
    raise ValueError(
        f"network must have a layer of experts, got {[type(layer).__name__ for layer in network.layers]}"
    )
