"""One mixture or dense perceptron of a given budget, trained once and looked at: what the sim of experts is made of.

The dense network is n_in → 300 → 100 → 10; a mixture takes the place of its n_in → 300 → 100 and has as many parameters
active, or stored, as the whole dense network (:func:`hdspike.sparsity.experts.hidden_for`).
"""

from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hdspike import check
from hdspike.sparsity import expert_load
from hdspike.sparsity.experts import experts_perceptron, hidden_for, mixture_of, router
from hdspike.sparsity.task import Task, task
from hdspike.sparsity.training import Network, perceptron, train

__all__ = [
    "EXPERTS",
    "FORMS",
    "TOKENS",
    "WIDTHS",
    "dense_trial",
    "dropped",
    "law",
    "mixture_trial",
    "router_work",
]

EXPERTS, TOKENS = 8, 64
"""Experts, and tokens of a batch in which places are counted."""
WIDTHS = {"digits": (64, 300, 100, 10), "mnist": (784, 300, 100, 10)}
FORMS: dict[str, dict[str, Any]] = {
    "softmax, no balance": {"routing": "softmax", "balance": "none"},
    "softmax, α = .01": {"routing": "softmax", "balance": "loss"},
    "softmax, α = .1": {"routing": "softmax", "balance": "loss", "alpha": 0.1},
    "softmax, α = .1, capacity 1": {
        "routing": "softmax",
        "balance": "loss",
        "alpha": 0.1,
        "capacity_factor": 1.0,
    },
    "softmax, bias": {"routing": "softmax", "balance": "bias", "bias_rate": 0.01},
    "hypervectors": {"routing": "hypervectors"},
    "hypervectors, no boost": {"routing": "hypervectors", "boost": 0.0},
    "hypervectors, projected": {"routing": "hypervectors", "encoder": "projection"},
    "anchors that never move": {"routing": "anchors"},
    "hash of the image": {"routing": "hash"},
}
"""Ways of routing by name: the arguments of :func:`hdspike.sparsity.experts.experts_perceptron`."""


def form(name: str) -> dict[str, Any]:
    """The arguments of one of :data:`FORMS`."""
    return dict(FORMS[check.one_of("form", name, tuple(FORMS))])


def _learned(network: Network, data: Task, *, epochs: int, batch: int, seed: int) -> dict[str, Any]:
    took = train(network, data.train_x, data.train_y, epochs=epochs, batch=batch, rng=seed)
    cost = network.cost()
    return {
        "accuracy": network.accuracy(data.test_x, data.test_y),
        "active": cost.active,
        "stored": cost.stored,
        "macs": cost.macs,
        "seconds": took.seconds,
        "flops": took.flops,
    }


def dense_trial(name: str, *, hidden: int, epochs: int, batch: int, seed: int) -> dict[str, Any]:
    """The dense perceptron with ``hidden`` units in its widest layer: accuracy and cost on the task called ``name``."""
    wide = WIDTHS[check.one_of("name", name, tuple(WIDTHS))]
    made = perceptron((wide[0], hidden, *wide[2:]), rng=seed)
    return _learned(made, task(name, rng=seed), epochs=epochs, batch=batch, seed=seed)


def mixture_trial(
    name: str,
    routing: str,
    *,
    by: str,
    active: int,
    factors: Iterable[float],
    epochs: int,
    batch: int,
    seed: int,
) -> dict[str, Any]:
    """A mixture routed by one of :data:`FORMS`, of the dense network's budget ``by`` active or stored parameters.

    Returns:
        accuracy and cost; the router's work; the ``share`` of the experts on held-out data, most first, ``effective``
        number, ``variation``, ``idle``; ``dropped`` and its ``law`` at each capacity factor.
    """
    wide, options = WIDTHS[check.one_of("name", name, tuple(WIDTHS))], form(routing)
    narrow, limit = (wide[0], *wide[2:]), options.pop("capacity_factor", None)
    sizes = {"experts": EXPERTS, "active": active, **options}
    hidden = hidden_for(narrow, perceptron(wide, rng=0).cost().stored, by=by, **sizes)
    made = experts_perceptron(narrow, hidden=hidden, capacity_factor=limit, rng=seed, **sizes)
    data = task(name, rng=seed)
    found = _learned(made, data, epochs=epochs, batch=batch, seed=seed)
    layer, factors = mixture_of(made), list(factors)
    chosen = layer.router.route(data.test_x).experts
    used = expert_load.utilisation(chosen, EXPERTS)
    return found | {
        "hidden": hidden,
        "experts_macs": layer.cost().macs - layer.router.cost().macs,
        "share": sorted(used.share.tolist(), reverse=True),
        "effective": used.effective,
        "variation": used.variation,
        "idle": used.idle,
        "dropped": dropped(chosen, factors),
        "law": law(used.share, active, factors),
        "work": layer.router.work(),
    }


def dropped(chosen: NDArray[np.int64], factors: Iterable[float]) -> list[float]:
    """The share of assignments ``(n, k)`` without a place at each factor, in whole batches of :data:`TOKENS`."""
    if len(chosen) < TOKENS:
        raise ValueError(f"chosen must hold at least {TOKENS} tokens, got {len(chosen)}")
    batches = [chosen[i : i + TOKENS] for i in range(0, len(chosen) - TOKENS + 1, TOKENS)]
    found = []
    for factor in factors:
        places = expert_load.capacity(factor, TOKENS, experts=EXPERTS, active=chosen.shape[1])
        found.append(1 - float(np.mean([expert_load.kept(part, places, EXPERTS).mean() for part in batches])))
    return found


def law(share: Any, active: int, factors: Iterable[float]) -> list[float]:
    """The same by the binomial law, with these shares of the experts, or at random where ``share`` is None."""
    sizes = {"experts": EXPERTS, "active": active}
    return [
        expert_load.expected_dropped(TOKENS, expert_load.capacity(f, TOKENS, **sizes), share=share, **sizes)
        for f in factors
    ]


def router_work(routing: str, n_in: int, experts: int) -> dict[str, float]:
    """The operations by which one of :data:`FORMS` routes one token to one expert."""
    options = form(routing)
    options.pop("capacity_factor", None)
    return router(options.pop("routing"), n_in, experts=experts, active=1, rng=0, **options).work()
