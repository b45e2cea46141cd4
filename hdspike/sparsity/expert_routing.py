"""Routing without a gradient: a token and an expert are hypervectors, and the k nearest experts win (k-WTA).

A token becomes bits, t = enc(x); expert e has an anchor a_e, the bundle (majority) of the tokens that it won, as in
online k-means (MacQueen 1967) in Hamming space. Winners are the k experts of least ``d(t, a_e) − b_e`` with d the
Hamming distance and b_e a *boost* in bits, ``b_e ← b_e + u·sign(mean load − load_e)`` after each batch: who won less
than others is favoured, so that no expert dies (homeostasis; DeSieno 1988, "Adding a conscience to competitive
learning"). It is the rule by which Wang et al. (2024) balance softmax routing, in bits. Gates are 1 ÷ k: nothing is
differentiated.

A token costs ``E·⌈D ÷ 64⌉`` XORs of words with their popcounts, and its encoding: none where the token is a
hypervector already, comparisons alone by thermometer, ``n_in·D`` multiplications by sign random projection.

:class:`HashRouter` is the control: experts by a hash of the token (Roller et al. 2021), the same for the same token
and without regard to what it is like. There a token is a word, which comes back; here it is an image, which does not.
"""

from typing import Protocol

import numpy as np

from hdspike import bits, check
from hdspike.encode import Projector, quantise, thermometer
from hdspike.spaces import BSC
from hdspike.sparsity.gating import Routing, balanced, highest, mixture_size, positive, scores_of
from hdspike.sparsity.layer import Cost, Floats

__all__ = ["ENCODERS", "Encoder", "HashRouter", "HypervectorRouter", "Projected", "Thermometers"]

ENCODERS = ("thermometer", "projection")


class Encoder(Protocol):
    """Rows of floats → rows of ``dim`` bits in words; ``macs`` and ``bytes``: what one row costs."""

    dim: int
    macs: float
    bytes: float

    def fit(self, x: Floats) -> None:
        """Take what it needs from the tokens seen in the beginning."""
        ...

    def __call__(self, x: Floats) -> bits.Words:
        """``(n, n_in)`` → words ``(n, ⌈dim/64⌉)``."""
        ...


class Thermometers:
    """Every feature in [low, high] as the unary code of its nearest of ``levels`` levels (Rachkovskij et al. 2005).

    ``D = n_in·(levels − 1)``, and the Hamming distance of two tokens is the sum of the steps between their features.

    >>> code = Thermometers(3, levels=3)
    >>> bits.unpack(code(np.array([[0.0, 0.6, 1.0]])), code.dim).tolist()
    [[0, 0, 1, 0, 1, 1]]
    """

    macs, bytes = 0.0, 0.0

    def __init__(self, n_in: int, *, levels: int = 3, low: float = 0.0, high: float = 1.0) -> None:
        check.integer("n_in", n_in, low=1)
        step = BSC(check.integer("levels", levels, low=2) - 1)
        self.levels, self.low, self.high = levels, low, high
        self.dim = n_in * step.dim
        self.table = bits.unpack(thermometer(step, levels), step.dim)
        quantise(low, levels, low=low, high=high)

    def fit(self, x: Floats) -> None:
        """Nothing: the range is given."""

    def __call__(self, x: Floats) -> bits.Words:
        found = quantise(x, self.levels, low=self.low, high=self.high)
        return bits.pack(self.table[found].reshape(len(x), self.dim))


class Projected:
    """The signs of ``dim`` random projections about the mean of the tokens seen in the beginning (Charikar 2002)."""

    def __init__(self, n_in: int, *, dim: int = 512, seed: int = 0) -> None:
        self.projector = Projector(BSC(dim), n_in, seed=seed)
        self.dim = dim
        self.macs, self.bytes = float(n_in * dim), 4.0 * n_in * dim

    def fit(self, x: Floats) -> None:
        """Their mean becomes the centre."""
        self.projector.fit(x)

    def __call__(self, x: Floats) -> bits.Words:
        return np.asarray(self.projector(x), dtype=np.uint64)


class HypervectorRouter:
    """The k experts whose anchors are nearest, by Hamming distance.

    Args:
        n_in: width of a token.
        experts, active: E and k.
        encoder: ``"thermometer"`` (of features in [0, 1]), ``"projection"``, or an :class:`Encoder`.
        learns: whether anchors move; otherwise they stay random: hashing that keeps neighbours together.
        boost: u, bits by which a boost changes after a batch; 0: no homeostasis.

    Attributes:
        parameters: ``anchors`` (E, D), +1 per one and −1 per zero of every token won, whose sign is the anchor, and
            ``bias`` (E,), the boosts; the router changes both.
    """

    def __init__(
        self,
        n_in: int,
        *,
        experts: int,
        active: int,
        encoder: str | Encoder = "thermometer",
        learns: bool = True,
        boost: float = 1.0,
        rng: check.Rng,
    ) -> None:
        check.integer("n_in", n_in, low=1)
        self.experts, self.active = mixture_size(experts, active)
        random = check.generator(rng)
        self.learns, self.boost = bool(learns), positive("boost", boost)
        if not isinstance(encoder, str):
            self.encoder = encoder
        elif check.one_of("encoder", encoder, ENCODERS) == "thermometer":
            self.encoder = Thermometers(n_in)
        else:
            self.encoder = Projected(n_in, seed=int(random.integers(2**63)))
        anchors = 2.0 * bits.unpack(bits.random(experts, self.encoder.dim, rng=random), self.encoder.dim) - 1
        self.parameters: dict[str, Floats] = {"anchors": anchors, "bias": np.zeros(experts)}
        self.gradients: dict[str, Floats] = {}
        self.auxiliary = 0.0
        self._fitted = False

    def route(self, x: Floats, *, training: bool = False) -> Routing:
        scores_of("x", x)
        if training and not self._fitted and len(x):
            self.encoder.fit(x)
            self._fitted = True
        words, anchors = self.encoder(x), self.parameters["anchors"]
        distance = bits.hamming(words, bits.pack(anchors > 0), self.encoder.dim)
        chosen = highest(self.parameters["bias"] - distance, self.active)
        if training and len(x):
            if self.learns:
                won = (chosen[:, :, None] == np.arange(self.experts)).any(axis=1).astype(np.float64)
                anchors += 2 * (won.T @ bits.unpack(words, self.encoder.dim)) - won.sum(axis=0)[:, None]
            self.parameters["bias"][...] = balanced(self.parameters["bias"], chosen, self.boost)
        return Routing(chosen, np.full(chosen.shape, 1 / self.active, dtype=np.result_type(x, np.float32)))

    def backward(self, upstream: Floats) -> None:
        """Nothing is differentiated."""

    def cost(self) -> Cost:
        """Anchors are E·D numbers of one bit; the encoder's matrix, made from a seed, is bytes alone.

        A word XOR with its popcount and addition is counted among the ``macs``; :meth:`work` tells them apart.
        """
        held = self.experts * self.encoder.dim + self.experts
        size = self.experts * (self.encoder.dim / 8 + 4) + self.encoder.bytes
        work = self.work()
        return Cost(held, held, size, size, work["macs"] + work["xors"])

    def work(self) -> dict[str, float]:
        return {"macs": self.encoder.macs, "xors": float(self.experts * bits.word_count(self.encoder.dim))}


class HashRouter:
    """k experts by a hash of the token's bits: nothing to learn, equal tokens to equal experts.

    >>> chosen = HashRouter(2, experts=8, active=2, rng=0).route(np.array([[0.5, 1.0], [0.5, 1.0]])).experts
    >>> bool((chosen[0] == chosen[1]).all())
    True
    """

    def __init__(self, n_in: int, *, experts: int, active: int, rng: check.Rng) -> None:
        check.integer("n_in", n_in, low=1)
        self.experts, self.active = mixture_size(experts, active)
        self.salts = check.generator(rng).integers(2**64, size=experts, dtype=np.uint64)
        self.parameters: dict[str, Floats] = {}
        self.gradients: dict[str, Floats] = {}
        self.auxiliary = 0.0

    def route(self, x: Floats, *, training: bool = False) -> Routing:
        given = scores_of("x", x).astype(np.float64) + 0.0  # −0 is 0
        own = bits.hash64(np.ascontiguousarray(given).view(np.uint64))
        draws = bits.hash64((own[:, None] ^ self.salts)[..., None])
        chosen = np.argsort(draws, axis=1, kind="stable")[:, : self.active].astype(np.int64)
        return Routing(chosen, np.full(chosen.shape, 1 / self.active, dtype=np.result_type(x, np.float32)))

    def backward(self, upstream: Floats) -> None:
        """Nothing is differentiated."""

    def cost(self) -> Cost:
        return Cost()

    def work(self) -> dict[str, float]:
        return {"macs": 0.0, "xors": 0.0}
