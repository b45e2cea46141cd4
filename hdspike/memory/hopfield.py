"""Modern Hopfield networks on binary hypervectors: the similarity-weighted bundle of what is stored, iterated."""

from math import inf
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hdspike import check
from hdspike.memory.item import ItemMemory
from hdspike.spaces import Space
from hdspike.theory.interval import number

__all__ = ["Hopfield"]

SCALE = 2**20
"""What the weight of the most similar item is rounded to; weights below ½ of 1/SCALE vanish."""
NUMBERS = 2**22
"""Most numbers of gathered items held at once."""


class Hopfield:
    r"""A dense associative memory: items stored as they are, recalled by a sharpened vote of all.

    .. math:: \xi \leftarrow \Bigl[\sum_m w_m x_m\Bigr] \qquad
              w_m = e^{\beta (s_m - \max s)} \ \text{ or } \ \max(s_m, 0)^{n-1}

    where [ ] is the bundle of the space (majority, per-block mode), s the scaled similarity of state and items,
    and the weights are rounded to integers, 2²⁰ for the most similar item. With the exponential this is softmax
    attention with a threshold (Ramsauer et al. 2020; capacity exponential in D); with degree n = 2 the classical
    Hopfield network, with n > 2 the dense associative memory of Krotov & Hopfield 2016 (capacity about D^{n−1}). As
    β → ∞ it is the cleanup of :class:`hdspike.memory.ItemMemory`; with small β near items mix, which is wanted
    where they are examples of one thing.

    Args:
        space: of items and states.
        items: the vectors ``(M, width)``.
        beta: inverse temperature β > 0 on the scaled similarity (bsc: −1 … 1). On random items β ≫ ln M is needed
            for one item to win over all others together.
        degree: instead of β, the degree n ≥ 2 of a polynomial.
        winners: only so many most similar items vote (all by default): sparse attention.

    >>> from hdspike.spaces import BSC
    >>> space = BSC(1000)
    >>> memory = Hopfield(space, space.random(50, rng=0), beta=20)
    >>> noisy = space.bundle(np.stack([memory.items[3], *space.random(2, rng=1)]))
    >>> state, steps, settled = memory.recall(noisy[None])
    >>> bool(np.all(state == memory.items[3])), steps.tolist(), settled.tolist()
    (True, [2], [True])
    """

    def __init__(
        self,
        space: Space,
        items: Any,
        *,
        beta: float | None = None,
        degree: int | None = None,
        winners: int | None = None,
    ) -> None:
        self.memory = ItemMemory(space, items)
        if (beta is None) == (degree is None):
            raise ValueError("beta or degree must be given, one of them")
        self.beta = None if beta is None else number("beta", beta, 0, inf, open_=True)
        self.degree = None if degree is None else check.integer("degree", degree, low=2, high=2**31)
        most = len(self.memory)
        self.winners = most if winners is None else check.integer("winners", winners, low=1, high=most)

    def __repr__(self) -> str:
        rule = f"beta={self.beta:g}" if self.degree is None else f"degree={self.degree}"
        return f"<Hopfield: {len(self.memory)} items of {self.space!r}, {rule}, {self.winners} winners>"

    @property
    def space(self) -> Space:
        """The space of items and states."""
        return self.memory.space

    @property
    def items(self) -> NDArray[Any]:
        """The stored vectors ``(M, width)``."""
        return self.memory.items

    def weights(self, scores: Any) -> NDArray[np.int64]:
        """Integer votes of items from their scores ``(Q, k)``; the most similar has 2²⁰, none is all zero."""
        similarity = self.space.scale(np.asarray(scores)).astype(np.float64)
        best = similarity.max(axis=1, keepdims=True)
        if self.beta is not None:
            share = np.exp(self.beta * (similarity - best))
        else:
            above = np.maximum(similarity, 0.0)
            top = np.maximum(best, np.finfo(np.float64).tiny)
            share = np.where(best > 0, (above / top) ** (int(self.degree or 2) - 1), similarity == best)
        return np.rint(share * SCALE).astype(np.int64)

    def step(self, states: Any) -> NDArray[Any]:
        """One update of each state: ``(Q, width)`` → ``(Q, width)``."""
        given = check.batch("states", self.space.checked("states", states))
        out = np.empty_like(given)
        size = max(1, NUMBERS // (self.winners * given.shape[1]))
        for low in range(0, len(given), size):
            chosen, scores = self.memory.nearest(given[low : low + size], self.winners)
            votes = self.weights(scores)
            needed = int(
                np.count_nonzero(votes, axis=1).max()
            )  # best first, so the zero votes are at the end
            out[low : low + size] = self.space.bundle(
                self.items[chosen[:, :needed]], weights=votes[:, :needed]
            )
        return out

    def recall(
        self, states: Any, *, most: int = 20
    ) -> tuple[NDArray[Any], NDArray[np.int64], NDArray[np.bool_]]:
        """Update until a state stays: states ``(Q, width)``, updates ``(Q,)``, and which are at a fixed point."""
        check.integer("most", most, low=1)
        state = check.batch("states", self.space.checked("states", states)).copy()
        steps = np.zeros(len(state), dtype=np.int64)
        settled = np.zeros(len(state), dtype=bool)
        for _ in range(most):
            going = np.flatnonzero(~settled)
            if not len(going):
                break
            following = self.step(state[going])
            steps[going] += 1
            settled[going] = np.all(following == state[going], axis=1)
            state[going] = following
        return state, steps, settled
