"""The k-nearest-neighbour language model with float vectors (Khandelwal et al. 2020, arXiv:1911.00172), exact search.

Each place of the text is a key, the float32 vector of the n characters before it, and carries the character there:

    x = (√w_1·e(s_1), …, √w_n·e(s_n)),   w_i ∝ ρ^i,   Σ w_i = 1,   e: unit vectors, random Gaussian directions,

s_i being the i-th character back. A query takes its K nearest keys and the unigram:

    p(v) = λ·Σ_{k: v_k = v} exp(−‖x − x_k‖² ÷ T) ÷ Σ_k exp(−‖x − x_k‖² ÷ T) + (1 − λ)·p_1(v)

ρ, T and λ are those of least bits per character on development places: of the last tenth of the training text, with
the nine tenths before it as keys. Khandelwal's keys are a transformer's states; these are made of the characters
alone, so that nothing is trained.
"""

import time
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hdspike import check
from hdspike.contestants.contract import Learning, Reading, text, untaught

__all__ = ["Neighbours"]

DECAYS = (0.5, 0.6, 0.7)
INVERSE = (2.0, 4.0, 6.0, 8.0, 10.0, 12.0, 15.0, 20.0, 25.0, 30.0, 40.0, 60.0)  # 1 ÷ T
LAMBDAS = (0.2, 0.4, 0.6, 0.7, 0.8, 0.85, 0.9, 0.95, 0.97, 0.98, 0.99, 0.995)
BLOCK = 64  # queries that share one pass over the keys


class Neighbours:
    """``near`` neighbours of contexts of ``length`` characters, ``width`` floats for each of them.

    ``sample``: how many evenly spaced characters of a text are predicted (None: all of it). ``development``: how many
    places ρ, T and λ are fitted on. ``rng`` draws the Gaussian directions.
    """

    def __init__(
        self,
        near: int = 1024,
        *,
        length: int = 10,
        width: int = 16,
        development: int = 512,
        sample: int | None = 4096,
        rng: check.Rng = 0,
    ) -> None:
        self.near = check.integer("near", near, low=1)
        self.length = check.integer("length", length, low=1, high=64)
        self.width = check.integer("width", width, low=1, high=4096)
        self.development = check.integer("development", development, low=1)
        self.sample = None if sample is None else check.integer("sample", sample, low=1)
        self.name = "knn-lm"
        self.settings: dict[str, int | float | str] = {
            "near": self.near, "length": self.length, "width": self.width, "sample": self.sample or "all",
        }  # fmt: skip
        self.learning: Learning | None = None
        check.generator(rng)
        self._rng = rng
        self._symbols, self._active = 0, 0.0
        self._text = np.zeros(0, dtype=np.int64)
        self._keys = np.zeros((0, self.length * self.width), dtype=np.float32)
        self._prior = np.zeros(0)

    def learn(self, tokens: Any, symbols: int) -> None:
        """One pass makes the keys; ρ, T and λ are fitted on its last tenth, for each ρ with keys of their own.

        Raises:
            ValueError: the text has fewer than 20 characters.
        """
        given = text("tokens", tokens, symbols)
        if len(given) < 20:
            raise ValueError(f"tokens must be at least 20 characters to fit on a tenth, got {len(given)}")
        start = time.perf_counter()
        self._symbols, self._text = symbols, given
        drawn = check.generator(self._rng).standard_normal(
            (symbols + 1, self.width)
        )  # one more stands before the text
        drawn /= np.linalg.norm(drawn, axis=1, keepdims=True)
        self._directions = drawn.astype(np.float32)
        cut = len(given) - len(given) // 10
        places = cut + np.arange(min(self.development, len(given) - cut)) * (len(given) - cut) // min(
            self.development, len(given) - cut
        )
        prior = self._unigram(given[:cut])
        work = {"macs_fp32": 0, "exps": 0, "dram_bits": 0, "dram_bits_written": 0}
        best = (np.inf, 0.0, 0.0, 0.0)
        for decay in DECAYS:
            keys = self._vectors(given, decay)
            work["dram_bits_written"] += 32 * keys.size
            distance, carried = [], []
            for low in range(0, len(places), BLOCK):
                block = places[low : low + BLOCK]
                d, v = self._search(keys, given, block, np.full(len(block), cut), work)
                distance.append(d)
                carried.append(v)
            found = self._fit(np.concatenate(distance), np.concatenate(carried), given[places], prior, work)
            best = min(best, (found[0], decay, *found[1:]))
        _, self.decay, self.inverse, self.lambda_ = best
        self._keys = self._vectors(given, self.decay)
        work["dram_bits_written"] += 32 * self._keys.size
        self._prior = self._unigram(given)
        self.settings.update(decay=self.decay, temperature=1 / self.inverse, mixed=self.lambda_)
        self.learning = Learning(time.perf_counter() - start, work)

    def read(self, tokens: Any, *, streaming: bool) -> Reading:
        """Streaming, every character before a query is a key, predicted or not; the unigram counts them too."""
        if self.learning is None:
            raise untaught(self.name)
        given = text("tokens", tokens, self._symbols)
        start = time.perf_counter()
        old, size = len(self._text), len(given)
        count = size if self.sample is None else min(self.sample, size)
        places = np.arange(count) * size // count
        whole = np.concatenate([self._text, given])
        fresh = self._vectors(whole[old - min(old, self.length) :], self.decay)[min(old, self.length) :]
        keys = np.concatenate([self._keys, fresh])
        work = {"macs_fp32": 0, "exps": 0, "dram_bits": 0, "dram_bits_written": 32 * fresh.size}
        own, best = np.empty(count), np.empty(count, dtype=np.int64)
        for low in range(0, count, BLOCK):
            at = places[low : low + BLOCK] + old
            ends = at if streaming else np.full(len(at), old)
            distance, carried = self._search(keys, whole, at, ends, work)
            weight = np.exp(-self.inverse * distance)
            weight /= weight.sum(axis=1, keepdims=True)
            work["exps"] += weight.size
            for row, place in enumerate(at):
                prior = self._unigram(whole[:place]) if streaming else self._prior
                p = self.lambda_ * np.bincount(carried[row], weight[row], minlength=self._symbols)
                p += (1 - self.lambda_) * prior
                own[low + row], best[low + row] = p[whole[place]], p.argmax()
        self._active = 4.0 * work["macs_fp32"] / count
        if streaming:
            self._text, self._keys, self._prior = whole, keys, self._unigram(whole)
        hits = best == whole[places + old]
        return Reading(-np.log2(own), hits, time.perf_counter() - start, work, places)

    def stored_bytes(self) -> int:
        """The keys as float32, a symbol of 1 byte each (4 with more than 256), directions and unigram."""
        symbol = 1 if self._symbols <= 256 else 4
        return 4 * self._keys.size + symbol * len(self._text) + 4 * (self._symbols + 1) * (self.width + 1)

    def active_bytes(self) -> float:
        """Every key, once for each character: the reuse within a block of queries is not taken off."""
        return self._active

    def _unigram(self, tokens: NDArray[np.int64]) -> NDArray[np.float64]:
        counts = np.bincount(tokens, minlength=self._symbols) + 1.0
        return counts / counts.sum()

    def _vectors(self, tokens: NDArray[np.int64], decay: float) -> NDArray[np.float32]:
        """``(n, length·width)``: row t is made of the characters before t."""
        weights = decay ** np.arange(self.length)
        weights = np.sqrt(weights / weights.sum()).astype(np.float32)
        padded = np.concatenate([np.full(self.length, self._symbols), tokens])
        out = np.empty((len(tokens), self.length, self.width), dtype=np.float32)
        for i in range(self.length):
            out[:, i] = weights[i] * self._directions[padded[self.length - 1 - i : len(padded) - 1 - i]]
        return out.reshape(len(tokens), -1)

    def _search(
        self,
        keys: NDArray[np.float32],
        whole: NDArray[np.int64],
        places: NDArray[np.int64],
        ends: NDArray[np.int64],
        work: dict[str, int],
    ) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
        """‖x − x_k‖² = 2 − 2·x·x_k of each query's nearest among the keys before its end, and what they carry."""
        last = int(ends.max())
        similar = keys[places] @ keys[:last].T
        work["macs_fp32"] += int(ends.sum()) * keys.shape[1]
        work["dram_bits"] += 32 * (last + len(places)) * keys.shape[1]
        for row in np.flatnonzero(ends < last):
            similar[row, ends[row] :] = -np.inf
        near = min(self.near, int(ends.min()))
        if near < last:
            nearest = np.argpartition(similar, last - near, axis=1)[:, last - near :]
            similar = np.take_along_axis(similar, nearest, axis=1)
        else:
            nearest = np.broadcast_to(np.arange(last), similar.shape)
        return 2.0 - 2.0 * similar.astype(np.float64), whole[nearest]

    def _fit(
        self,
        distance: NDArray[np.float64],
        carried: NDArray[np.int64],
        truth: NDArray[np.int64],
        prior: NDArray[np.float64],
        work: dict[str, int],
    ) -> tuple[float, float, float]:
        """(bits per character, 1 ÷ T, λ) of the best pair."""
        right, base = carried == truth[:, None], prior[truth]
        best = (np.inf, 0.0, 0.0)
        for inverse in INVERSE:
            weight = np.exp(-inverse * distance)
            work["exps"] += weight.size
            hit = (weight * right).sum(axis=1) / weight.sum(axis=1)
            for share in LAMBDAS:
                cost = float(-np.log2(share * hit + (1 - share) * base).mean())
                best = min(best, (cost, inverse, share))
        return best
