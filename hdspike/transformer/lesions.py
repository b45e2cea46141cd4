"""What a learned model loses: dead neurons, synapses, lines and cores; flipped bits; codes that arrive wrong.

Each function gives an injured copy, which reads (frozen) and does not learn. Neurons are the rows of the lifetime
memory and the keys of the window. What is dead stays dead: a new key that comes to lie where a dead one was is dead,
and so is what is on a dead line. New keys are struck in pieces of :data:`PIECE` positions; until then they live.

A row is found through the line of its first block alone: without that line, or that synapse, it never fires, whatever
θ is. Its other synapses, and all of a key's, are as good as each other: θ < m makes up for m − θ of them.
"""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from hdspike import check
from hdspike.faults import flip
from hdspike.jit import kernel
from hdspike.theory.interval import number
from hdspike.transformer.lifetime import Lifetime
from hdspike.transformer.model import Prediction, SpikingTransformer

__all__ = [
    "Injured",
    "with_flipped_rows",
    "with_flipped_votes",
    "with_noisy_lines",
    "without_cores",
    "without_lines",
    "without_neurons",
    "without_synapses",
    "without_votes",
]

PIECE = 16
CORES = 64


@kernel
def _relink(window, start, count, dead, dead_lines):
    """Take the keys of positions ``start … start + count − 1`` out of their lists, and put back those that live.

    ``dead`` (heads, R, m), ``dead_lines`` (heads, m, E). Returns how many synapses of keys are out of their lists.
    """
    codes, older, newest = window.codes, window.older, window.newest
    heads, places, synapses = codes.shape
    ring = places - 1
    out = 0
    for h in range(heads):
        for b in range(synapses):
            for t in range(start + count - 1, start - 1, -1):
                line = codes[h, t & ring, b]
                if newest[h, b, line] == t:
                    newest[h, b, line] = older[h, t & ring, b]
            for t in range(start, start + count):
                line = codes[h, t & ring, b]
                if dead[h, t & ring, b] or dead_lines[h, b, line]:
                    out += 1
                else:
                    older[h, t & ring, b] = newest[h, b, line]
                    newest[h, b, line] = t
    return out


class Injured(SpikingTransformer):
    """A model some of whose parts are dead. It reads; it does not learn."""

    dead: NDArray[np.bool_]
    """(heads, R, m) the synapses of keys."""
    dead_lines: NDArray[np.bool_]
    """(heads, m, E)"""
    noise: float
    noise_seed: int

    @classmethod
    def copy_of(cls, model: SpikingTransformer) -> "Injured":
        """A copy, as yet whole.

        Raises:
            ValueError: 2¹⁶ lines, which leave no number for a synapse that listens to none.
        """
        if model.settings.lines > np.iinfo(np.uint16).max:
            raise ValueError(
                f"lines must be below 65,536 in a model with lesions, got {model.settings.lines}"
            )
        twin = model.copy()
        twin.__class__ = cls
        assert isinstance(twin, cls)
        if not isinstance(model, cls):
            twin.dead = np.zeros(twin.window.codes.shape, dtype=np.bool_)
            twin.dead_lines = np.zeros(twin.window.newest.shape, dtype=np.bool_)
            twin.noise, twin.noise_seed = 0.0, 0
        return twin

    def strike_keys(self, dead: NDArray[np.bool_], lines: NDArray[np.bool_] | None = None) -> None:
        """These synapses of keys die too, and these lines."""
        self.dead = self.dead | dead
        if lines is not None:
            self.dead_lines = self.dead_lines | lines
        count = min(self.read_so_far, len(self.window.values))
        _relink(self.window, self.read_so_far - count, count, self.dead, self.dead_lines)

    def strike_rows(self, rows: NDArray[np.bool_], inputs: NDArray[np.bool_] | None = None) -> None:
        """These rows ``(rows,)`` die too, and these of their synapses ``(rows, m)``."""
        tags, uses = self.lifetime.tags, self.lifetime.uses
        if inputs is not None:
            rows = rows | inputs[:, 0]
            tags[:, 1:][inputs[:, 1:]] = self.settings.lines  # a line that is none
        uses[rows] = 0
        _count_fans(self.lifetime, self.settings.lines)

    def _sent(self, start: int, count: int) -> None:
        if self.noise:
            random = np.random.default_rng([self.noise_seed, start])
            places = np.arange(start, start + count) & len(self.window.values) - 1
            codes = self.window.codes[:, places]
            wrong = random.random(codes.shape) < self.noise
            codes[wrong] = random.integers(self.settings.lines, size=int(wrong.sum()), dtype=np.uint16)
            self.window.codes[:, places] = codes

    def _spans(self, tokens: NDArray[np.int64], *, learn: bool) -> Iterator[Prediction]:
        if learn:
            raise ValueError("streaming must be False: an injured model does not learn")
        for low in range(0, len(tokens), PIECE):
            for part in super()._spans(tokens[low : low + PIECE], learn=False):
                start = self.read_so_far - len(part.bits)
                _relink(self.window, start, len(part.bits), self.dead, self.dead_lines)
                yield part


def _count_fans(lifetime: Lifetime, lines: int) -> None:
    """A spike goes to the rows that live, over the synapses that they have."""
    synapses = lifetime.tags.shape[1]
    ends = [*lifetime.shapes[1:, 0], len(lifetime.uses)]
    for head, (start, end) in enumerate(zip(lifetime.shapes[:, 0], ends, strict=True)):
        alive = lifetime.tags[start:end][lifetime.uses[start:end] > 0]
        for b in range(synapses):
            lifetime.fans[head * synapses + b] = np.bincount(alive[:, b], minlength=lines + 1)[:lines]


def without_neurons(model: SpikingTransformer, share: float, *, rng: check.Rng = None) -> Injured:
    """Each row and each key is dead with the chance ``share``."""
    share, random, twin = number("share", share, 0, 1), check.generator(rng), Injured.copy_of(model)
    twin.strike_rows(random.random(len(twin.lifetime.uses)) < share)
    heads, ring, _ = twin.dead.shape
    twin.strike_keys((random.random((heads, ring)) < share)[..., None])
    return twin


def without_synapses(model: SpikingTransformer, share: float, *, rng: check.Rng = None) -> Injured:
    """Each synapse of rows and keys, from lines and to symbols, is dead with the chance ``share``."""
    share, random, twin = number("share", share, 0, 1), check.generator(rng), Injured.copy_of(model)
    rows = twin.lifetime
    rows.counts[random.random(len(rows.counts), dtype=np.float32) < share] = 0
    twin.strike_rows(np.zeros(len(rows.uses), dtype=np.bool_), random.random(rows.tags.shape) < share)
    heads, ring, _ = twin.dead.shape
    twin.strike_keys((random.random(twin.dead.shape) < share) | (random.random((heads, ring, 1)) < share))
    return twin


def without_votes(model: SpikingTransformer, share: float, *, rng: check.Rng = None) -> Injured:
    """Each synapse of the readout has weight 0 with the chance ``share``."""
    share, random, twin = number("share", share, 0, 1), check.generator(rng), Injured.copy_of(model)
    for weights in (twin.votes.prior, twin.votes.window, twin.votes.lifetime):
        weights[random.random(weights.shape) < share] = 0
    return twin


def without_lines(model: SpikingTransformer, share: float, *, rng: check.Rng = None) -> Injured:
    """Each line, one bit of the code, is dead with the chance ``share``: no spike goes along it."""
    share, random, twin = number("share", share, 0, 1), check.generator(rng), Injured.copy_of(model)
    lines = random.random(twin.dead_lines.shape) < share
    rows = twin.lifetime
    gone = np.zeros(rows.tags.shape, dtype=np.bool_)
    ends = [*rows.shapes[1:, 0], len(rows.uses)]
    for head, (start, end) in enumerate(zip(rows.shapes[:, 0], ends, strict=True)):
        tags = rows.tags[start:end]
        listening = np.minimum(tags, twin.settings.lines - 1)
        for b in range(tags.shape[1]):
            gone[start:end, b] = lines[head, b][listening[:, b]] | (tags[:, b] == twin.settings.lines)
    twin.strike_rows(np.zeros(len(rows.uses), dtype=np.bool_), gone)
    twin.strike_keys(np.zeros_like(twin.dead), lines)
    return twin


def without_cores(
    model: SpikingTransformer, share: float, *, cores: int = CORES, rng: check.Rng = None
) -> Injured:
    """round(share · cores) cores are dead; each holds rows that lie side by side, and places of the window."""
    share, random, twin = number("share", share, 0, 1), check.generator(rng), Injured.copy_of(model)
    cores = check.integer("cores", cores, low=1)
    dead = np.zeros(cores, dtype=np.bool_)
    dead[random.choice(cores, round(share * cores), replace=False)] = True
    rows, ring = len(twin.lifetime.uses), len(twin.window.values)
    twin.strike_rows(dead[np.arange(rows) * cores // max(rows, 1)])
    twin.strike_keys(dead[np.arange(ring) * cores // ring][None, :, None])
    return twin


def with_flipped_votes(model: SpikingTransformer, rate: float, *, rng: check.Rng = None) -> Injured:
    """Each bit of the readout's weights is inverted with the chance ``rate``; all have the bits of the largest."""
    random, twin = check.generator(rng), Injured.copy_of(model)
    votes = twin.votes
    weights = (votes.prior, votes.window, votes.lifetime)
    width = max(max(int(w.max()), ~int(w.min())).bit_length() for w in weights) + 1
    prior, window, lifetime = (flip(w, rate, width=max(width, 2), rng=random) for w in weights)
    twin.votes = votes._replace(prior=prior, window=window, lifetime=lifetime)
    return twin


def with_flipped_rows(model: SpikingTransformer, rate: float, *, rng: check.Rng = None) -> Injured:
    """Each bit of the rows' counters, and of the symbols that they project to, is inverted with the chance ``rate``.

    A synapse that then projects to no symbol is silent.
    """
    random, twin = check.generator(rng), Injured.copy_of(model)
    rows, known = twin.lifetime, len(twin.symbols)
    counts = flip(rows.counts, rate, rng=random)
    symbols = flip(rows.symbols, rate, width=max((known - 1).bit_length(), 1), rng=random)
    counts[symbols >= known] = 0
    twin.lifetime = rows._replace(counts=counts, symbols=symbols)
    return twin


def with_noisy_lines(model: SpikingTransformer, rate: float, *, rng: check.Rng = None) -> Injured:
    """Each line of each code that is read is another with the chance ``rate``: for the query and the key to come."""
    twin = Injured.copy_of(model)
    twin.noise = number("rate", rate, 0, 1)
    twin.noise_seed = int(check.generator(rng).integers(1 << 62))
    return twin
