"""Who works: every token goes to the k experts with the highest scores, each weighted by a gate.

Scores are ``z = x W`` and ``p = softmax(z)`` (Shazeer et al. 2017, without their noise). The gates of the chosen S:

* ``"all"``: ``g_e = p_e``, softmax over all experts, then top k (Switch: Fedus et al. 2021);
* ``"renormalised"``: the same, divided by its sum over S (GShard: Lepikhin et al. 2020; Mixtral's code: Jiang et al.
  2024);
* ``"chosen"``: softmax over the k highest scores alone (Shazeer et al. 2017; gpt-oss). It equals the renormalised
  one, as the total of the softmax cancels.

With k = 1 the last two are 1, and the router learns from the balance loss alone: Switch needs ``"all"``.

Against collapse onto a few experts there are two ways. Switch's loss, ``α·E·Σ_e f_e·P_e``, with f the share of the
assignments that e got and P_e the mean of p_e; its gradient goes through P alone, α = .01, and it is α where all get
the same. Or a bias of each expert that is added for the choice and not for the gate, ``b_e ← b_e + u·sign(mean load −
load_e)`` after each batch (Wang et al. 2024; DeepSeek-V3: there with sigmoid scores, u = .001; here with p).
"""

from typing import Any, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from hdspike import check
from hdspike.sparsity.layer import Cost, Floats

__all__ = [
    "GATES",
    "Router",
    "Routing",
    "SoftmaxRouter",
    "balance_loss",
    "balanced",
    "gates_of",
    "softmax",
    "top_k",
]

Ints = NDArray[np.int64]
GATES = ("all", "renormalised", "chosen")
BALANCES = ("none", "loss", "bias")


class Routing(NamedTuple):
    """``experts`` (n, k), the best first; ``gates`` (n, k), their weights."""

    experts: Ints
    gates: Floats


class Router(Protocol):
    """What a mixture asks of its router. ``parameters`` without a gradient are changed by the router itself."""

    experts: int
    active: int
    auxiliary: float
    parameters: dict[str, Floats]
    gradients: dict[str, Floats]

    def route(self, x: Floats, *, training: bool = False) -> Routing:
        """The experts of each row of ``(n, n_in)``."""
        ...

    def backward(self, upstream: Floats) -> Floats | None:
        """∂loss/∂gates (n, k) → ∂loss/∂x, and fills ``gradients``; None: nothing flows back."""
        ...

    def cost(self) -> Cost:
        """Of one token."""
        ...

    def work(self) -> dict[str, float]:
        """Operations of one token by kind: ``macs`` in floating point, ``xors`` of 64-bit words with popcount."""
        ...


def mixture_size(experts: int, active: int) -> tuple[int, int]:
    """``experts`` and ``active`` if ``1 ≤ active ≤ experts``."""
    check.integer("experts", experts, low=1)
    if check.integer("active", active, low=1) > experts:
        raise ValueError(f"active must be at most the number of experts, {experts}, got {active}")
    return int(experts), int(active)


def scores_of(name: str, value: Any) -> Floats:
    """A batch of finite scores ``(n, E)``."""
    given = np.asarray(value)
    if given.dtype.kind not in "fiu" or given.ndim != 2 or given.shape[1] == 0:
        raise ValueError(
            f"{name} must be numbers (n, E) with E ≥ 1, got {given.dtype} of shape {given.shape}"
        )
    if not np.isfinite(given).all():
        raise ValueError(f"{name} must be finite, got {given[~np.isfinite(given)][0]}")
    return given


def top_k(scores: Any, k: int) -> Ints:
    """The k highest of each row of ``(n, E)``, highest first, equal ones by index: ``(n, k)``.

    >>> top_k([[1.0, 3.0, 3.0]], 2).tolist()
    [[1, 2]]
    """
    given = scores_of("scores", scores)
    mixture_size(given.shape[1], k)
    return highest(given, k)


def highest(scores: Floats, k: int) -> Ints:
    """:func:`top_k` of scores that are known to be good."""
    return np.argsort(-scores, axis=1, kind="stable")[:, :k]


def softmax(scores: Floats) -> Floats:
    """``exp(z) ÷ Σ exp(z)`` along the last axis."""
    weights = np.exp(scores - scores.max(axis=-1, keepdims=True))
    return np.asarray(weights / weights.sum(axis=-1, keepdims=True))


def gates_of(scores: Any, experts: Ints, *, gates: str = "chosen") -> Floats:
    """The weights of the chosen ``experts`` (n, k) from all scores (n, E), by one of :data:`GATES`.

    >>> scores = np.log([[1.0, 2.0, 5.0]])
    >>> gates_of(scores, np.array([[2, 1]]), gates="all").round(3).tolist()
    [[0.625, 0.25]]
    >>> gates_of(scores, np.array([[2, 1]]), gates="chosen").round(3).tolist()
    [[0.714, 0.286]]
    """
    check.one_of("gates", gates, GATES)
    return weighted(scores_of("scores", scores), experts, gates)


def weighted(scores: Floats, experts: Ints, gates: str) -> Floats:
    """:func:`gates_of` scores that are known to be good."""
    rows = np.arange(len(scores))[:, None]
    if gates == "chosen":
        return softmax(scores[rows, experts])
    shares = softmax(scores)[rows, experts]
    return shares if gates == "all" else np.asarray(shares / shares.sum(axis=1, keepdims=True))


def balance_loss(probabilities: Floats, experts: Ints, *, alpha: float = 0.01) -> tuple[float, Floats]:
    """Switch's ``α·E·Σ_e f_e·P_e`` and its gradient with respect to ``probabilities`` (n, E); 0 for an empty batch.

    f_e is the share of all n·k assignments that go to e (Switch has k = 1) and has no gradient. The loss is α where
    either is uniform and α·E where one expert gets everything.

    >>> balance_loss(np.eye(4), np.arange(4)[:, None])[0], balance_loss(np.eye(4)[[0, 0]], np.zeros((2, 1), int))[0]
    (0.01, 0.04)
    """
    count = probabilities.shape[1]
    if len(probabilities) == 0:
        return 0.0, np.zeros_like(probabilities)
    share = np.bincount(experts.ravel(), minlength=count) / experts.size
    slope = (alpha * count * share).astype(probabilities.dtype)
    loss = float(slope @ probabilities.mean(axis=0))
    return loss, np.broadcast_to(slope / len(probabilities), probabilities.shape)


def balanced(bias: Floats, experts: Ints, rate: float) -> Floats:
    """The biases after a batch, ``b_e + rate·sign(mean load − load_e)``: who had less than the mean is favoured."""
    load = np.bincount(experts.ravel(), minlength=len(bias))
    return np.asarray(bias + rate * np.sign(load.mean() - load))


class SoftmaxRouter:
    """Learned top-k routing; a token costs ``n_in·E`` multiplications.

    Args:
        n_in: width of a token.
        experts, active: E and k.
        gates: one of :data:`GATES`, see above; None: ``"all"`` for k = 1, ``"chosen"`` for more.
        balance: ``"none"``, ``"loss"`` or ``"bias"``.
        alpha: weight of the balance loss.
        bias_rate: u of the bias.
    """

    def __init__(
        self,
        n_in: int,
        *,
        experts: int,
        active: int,
        gates: str | None = None,
        balance: str = "loss",
        alpha: float = 0.01,
        bias_rate: float = 0.001,
        dtype: Any = np.float32,
        rng: check.Rng,
    ) -> None:
        check.integer("n_in", n_in, low=1)
        self.experts, self.active = mixture_size(experts, active)
        self.gates = check.one_of(
            "gates", ("all" if active == 1 else "chosen") if gates is None else gates, GATES
        )
        self.balance = check.one_of("balance", balance, BALANCES)
        self.alpha, self.bias_rate = positive("alpha", alpha), positive("bias_rate", bias_rate)
        weights = check.generator(rng).standard_normal((n_in, experts)) / np.sqrt(n_in)
        self.parameters: dict[str, Floats] = {"W": weights.astype(dtype), "bias": np.zeros(experts)}
        self.gradients: dict[str, Floats] = {}
        self.auxiliary = 0.0

    def route(self, x: Floats, *, training: bool = False) -> Routing:
        scores = scores_of("scores", x @ self.parameters["W"])
        biased = softmax(scores) + self.parameters["bias"] if self.balance == "bias" else scores
        chosen = highest(biased, self.active)
        gates = weighted(scores, chosen, self.gates)
        if training:
            self._x, self._shares, self._chosen, self._gates = x, softmax(scores), chosen, gates
            if self.balance == "bias":
                self.parameters["bias"][...] = balanced(self.parameters["bias"], chosen, self.bias_rate)
        return Routing(chosen, gates)

    def backward(self, upstream: Floats) -> Floats:
        slope = np.zeros_like(self._shares)
        self.auxiliary = 0.0
        if self.balance == "loss":
            self.auxiliary, onto = balance_loss(self._shares, self._chosen, alpha=self.alpha)
            slope += onto
        down = np.zeros_like(slope)
        if self.gates == "all":
            slope[np.arange(len(slope))[:, None], self._chosen] += upstream
        else:
            inner = self._gates * (upstream - (upstream * self._gates).sum(axis=1, keepdims=True))
            np.put_along_axis(down, self._chosen, inner, axis=1)
        down += self._shares * (slope - (slope * self._shares).sum(axis=1, keepdims=True))
        self.gradients = {"W": self._x.T @ down}
        return np.asarray(down @ self.parameters["W"].T)

    def cost(self) -> Cost:
        """The matrix, and with ``balance="bias"`` the biases: read whole for every token."""
        held = self.parameters["W"].size + (self.experts if self.balance == "bias" else 0)
        return Cost(held, held, 4 * held, 4 * held, self.parameters["W"].size)

    def work(self) -> dict[str, float]:
        return {"macs": float(self.parameters["W"].size), "xors": 0.0}


def positive(name: str, value: float) -> float:
    """``value`` if it is a finite number of at least 0."""
    if isinstance(value, bool) or not isinstance(value, int | float | np.floating) or not 0 <= value < np.inf:
        raise ValueError(f"{name} must be a finite number of at least 0, got {value!r}")
    return float(value)
