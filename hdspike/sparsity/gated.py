"""Activation sparsity inside the gated feed-forward of a language model, without retraining.

A gated feed-forward (Shazeer 2020) makes ``h = silu(W_gate x) · (W_up x)`` and ``y = W_down h``. A neuron whose h is
zero needs neither its row of W_up nor its column of W_down: but who is zero must be known before they are read. The
rules differ in what they look at, and so in what they can leave unread:

=========  ============================================  =========================================  ==================
rule       keeps the neurons (of each token)              source                                     share of bytes read
=========  ============================================  =========================================  ==================
product    of the largest ``|h|``: an oracle             D-CountDown, Cheon and Kang 2025, its limit  (2 + s) ÷ 3
gate       of the largest ``|silu(W_gate x)|``            CATS, Lee et al. 2024                      (1 + 2s) ÷ 3
up         of the largest ``|W_up x|``                    the other half of the product              (1 + 2s) ÷ 3
input      as product; and the largest ``|x|`` alone      TEAL, Liu et al. 2024                      (2s + s) ÷ 3
random     any                                           control                                    s
relu       whose gate is above zero: ``relu`` for silu    Mirzadeh et al. 2023, without retraining    (1 + 2s) ÷ 3
=========  ============================================  =========================================  ==================

``s`` is the share that is kept. ``input`` leaves columns of W_gate and W_up unread. CATS and TEAL use a threshold for
each layer, learned from a text, so that a token may keep more or fewer: :func:`bars` learns it.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hdspike import check
from hdspike.models import Llama
from hdspike.models.feed_forward import silu
from hdspike.sparsity.activations import winners
from hdspike.sparsity.layer import Floats
from hdspike.theory.interval import number

__all__ = ["RULES", "Kept", "Natural", "bars", "share_read"]

RULES = ("product", "gate", "up", "input", "random", "relu")
SCORED = {"product": 2, "gate": 0, "up": 1}


def share_read(by: str, share: float) -> float:
    """Of a gated feed-forward's weights, the share that one token alone reads under a rule that keeps ``share``.

    >>> round(share_read("gate", 0.25), 3), round(share_read("product", 0.25), 3)
    (0.5, 0.75)
    """
    check.one_of("by", by, RULES)
    number("share", share, 0, 1)
    fixed, free = {"product": (2, 1), "input": (0, 3), "random": (0, 3)}.get(by, (1, 2))
    return (fixed + free * share) / 3


class Kept:
    """A feed-forward plug (:mod:`hdspike.models.feed_forward`) that keeps some neurons of each token and counts them.

    Args:
        share: of the neurons, in (0, 1]: ``⌊share · hidden + ½⌋`` of each token, at least one; of ``relu``: not given.
        by: one of :data:`RULES`.
        bars: instead of ``share``, a threshold for each layer: neurons at or above it are kept (product, gate, up).
        rng: of ``random``.

    Raises:
        ValueError: neither or both of share and bars, or one that the rule has no use for.
    """

    def __init__(
        self,
        share: float | None = None,
        *,
        by: str = "product",
        bars: NDArray[np.floating[Any]] | None = None,
        rng: check.Rng = 0,
    ) -> None:
        self.by = check.one_of("by", by, RULES)
        if (share is None) + (bars is None) != (2 if by == "relu" else 1):
            wanted = "neither share nor bars" if by == "relu" else "share or bars, not both"
            raise ValueError(f"{by} must be given {wanted}, got share {share}, bars {bars}")
        if bars is not None and by not in SCORED:
            raise ValueError(f"bars must be of {', '.join(SCORED)}, got by {by!r}")
        if share is not None and number("share", share, 0, 1) == 0:
            raise ValueError("share must be above 0, got 0")
        self.share, self.bars = share, None if bars is None else np.asarray(bars, dtype=np.float32)
        self.random = check.generator(rng)
        self.kept = self.neurons = 0

    @property
    def found_share(self) -> float:
        """Of all neurons of all tokens so far, the share kept."""
        return self.kept / self.neurons if self.neurons else float("nan")

    @property
    def read(self) -> float:
        """The share of the weights that a token read, a mean."""
        return share_read(self.by, self.found_share)

    def _chosen(self, score: Floats, layer: int) -> NDArray[np.bool_]:
        if self.bars is not None:
            return score >= self.bars[layer]
        assert self.share is not None
        return winners(score, max(1, int(self.share * score.shape[1] + 0.5)))

    def __call__(self, x: Floats, gate: Floats, up: Floats, down: Floats, *, layer: int) -> Floats:
        if self.by == "input":
            x = x * self._chosen(np.abs(x), layer)
        before = x @ gate.T
        opened = np.maximum(before, 0) if self.by == "relu" else silu(before)
        lifted = x @ up.T
        h = opened * lifted
        if self.by == "relu":
            chosen = opened > 0
        elif self.by == "random":
            chosen = self._chosen(self.random.random(h.shape, dtype=np.float32), layer)
        else:
            score = {"gate": opened, "up": lifted}.get(self.by, h)
            chosen = self._chosen(np.abs(score), layer)
        self.kept += int(np.count_nonzero(chosen))
        self.neurons += chosen.size
        return np.asarray((h * chosen) @ down.T)


class _Scores:
    """A plug that is dense, and hands what it saw to ``see(layer, |silu(gate)|, |up|, |h|, gate)``."""

    def __init__(self, see: Callable[..., None]) -> None:
        self.see = see

    def __call__(self, x: Floats, gate: Floats, up: Floats, down: Floats, *, layer: int) -> Floats:
        before, lifted = x @ gate.T, x @ up.T
        opened = silu(before)
        h = opened * lifted
        self.see(layer, np.abs(opened), np.abs(lifted), np.abs(h), before)
        return np.asarray(h @ down.T)


def bars(
    model: Llama, tokens: Any, shares: tuple[float, ...], *, by: str
) -> dict[float, NDArray[np.float32]]:
    """For each share, thresholds ``(layers,)`` that this share of the scores of a text reaches; one pass."""
    place = SCORED[check.one_of("by", by, tuple(SCORED))]
    for share in shares:
        number("share", share, 0, 1)
    held: dict[int, list[Floats]] = {}
    model.hidden(
        tokens, feed_forward=_Scores(lambda layer, *seen: held.setdefault(layer, []).append(seen[place]))
    )
    rows = [np.concatenate(held[layer]) for layer in sorted(held)]
    return {
        share: np.array([np.quantile(row, 1 - share) for row in rows], dtype=np.float32) for share in shares
    }


@dataclass
class Natural:
    """How sparse the dense feed-forward is by itself, ``(layers,)`` means over all tokens seen; a plug.

    Attributes:
        below: for each of ``thresholds``, the share of neurons with ``|h|`` at most that part of the token's largest.
        holding: for each of ``parts``, the smallest share of neurons that holds this part of ``Σ h²``.
        closed: the share of neurons whose gate is not above zero: ReLU's zeros.
    """

    layers: int
    thresholds: tuple[float, ...] = (0.001, 0.01, 0.1)
    parts: tuple[float, ...] = (0.5, 0.9, 0.99)

    def __post_init__(self) -> None:
        check.integer("layers", self.layers, low=1)
        self._tokens = np.zeros(self.layers)
        self._below = np.zeros((len(self.thresholds), self.layers))
        self._holding = np.zeros((len(self.parts), self.layers))
        self._closed = np.zeros(self.layers)
        self._plug = _Scores(self._see)

    def __call__(self, x: Floats, gate: Floats, up: Floats, down: Floats, *, layer: int) -> Floats:
        return self._plug(x, gate, up, down, layer=layer)

    def _see(self, layer: int, opened: Floats, lifted: Floats, h: Floats, before: Floats) -> None:
        self._tokens[layer] += len(h)
        top = h.max(axis=1, keepdims=True)
        for i, threshold in enumerate(self.thresholds):
            self._below[i, layer] += np.mean(h <= np.float32(threshold) * top, axis=1).sum()
        squares = -np.sort(-(h.astype(np.float64) ** 2), axis=1)
        running = np.cumsum(squares, axis=1)
        for i, part in enumerate(self.parts):
            enough = 1 + np.count_nonzero(running < part * running[:, -1:], axis=1)
            self._holding[i, layer] += (enough / h.shape[1]).sum()
        self._closed[layer] += np.mean(before <= 0, axis=1).sum()

    @property
    def below(self) -> NDArray[np.float64]:
        return self._below / self._tokens

    @property
    def holding(self) -> NDArray[np.float64]:
        return self._holding / self._tokens

    @property
    def closed(self) -> NDArray[np.float64]:
        return self._closed / self._tokens
