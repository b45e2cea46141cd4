"""The Spiking HD-Transformer: reads a text symbol by symbol, predicts each before it sees it, and learns from it."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hdspike import check
from hdspike.jit import spread
from hdspike.transformer import codes as _c
from hdspike.transformer import lifetime as _l
from hdspike.transformer import votes as _v
from hdspike.transformer import window as _w
from hdspike.transformer.settings import LIFETIME, WINDOW, Settings

__all__ = ["Prediction", "SpikingTransformer"]

LAST = 2**31 - 2 * _w.SPAN
WEIGH = 1 << 16
"""Positions after which what the trials of sharpness lost counts half."""


@dataclass(frozen=True)
class Prediction:
    """What a model said of a text before it read it.

    Attributes:
        bits: ``(n,)`` −log₂ p of each symbol.
        hits: ``(n,)`` whether the likeliest symbol was the true one.
        counts: integer counters of the reading; see :meth:`SpikingTransformer.read`.
    """

    bits: NDArray[np.float64]
    hits: NDArray[np.bool_]
    counts: dict[str, int]


class SpikingTransformer:
    """A stack of layers of spiking attention heads and winner-take-all rows over symbols, all in integers.

    >>> model = SpikingTransformer("abc", Settings(lines=16, window=64, winners=4))
    >>> _ = model.learn("abc" * 40)
    >>> model.generate(5, prompt="ab", rng=0)
    'cabca'

    Args:
        symbols: the alphabet; a symbol's number is its place.
        settings: what the model is made of.

    Raises:
        ValueError: an empty alphabet, a symbol twice, or more symbols than lines.
    """

    def __init__(self, symbols: str, settings: Settings | None = None) -> None:
        if not isinstance(symbols, str):
            raise TypeError(f"symbols must be a str, not {type(symbols).__name__}")
        if not symbols or len(set(symbols)) != len(symbols):
            raise ValueError(f"symbols must be different characters, at least one, got {symbols!r}")
        if not isinstance(settings, Settings | None):
            raise TypeError(f"settings must be Settings or None, not {type(settings).__name__}")
        self.symbols = symbols
        self.settings = settings if settings is not None else Settings()
        heads = self.settings.heads
        letters = np.array([symbol.isalnum() or symbol == "_" for symbol in symbols])
        self.codes = _c.new_codes(letters, self.settings)
        self.window = _w.new_window(self.settings)
        self.lifetime = _l.new_lifetime(self.settings)
        self.votes = _v.new_votes(len(symbols), self.settings)
        self.heard = _w.new_spikes(len(heads), min(self.settings.winners, len(symbols)))
        self.recalled = _w.new_spikes(len(heads), max(head.fan_out for head in heads))
        self.read_so_far = 0
        self.sharp = _v.UNIT
        self.lost = np.zeros(len(_v.SHARPS), dtype=np.int64)

    def tokens(self, text: Any, name: str = "text") -> NDArray[np.int64]:
        """The numbers of the symbols of a ``str``, or checked numbers.

        Raises:
            ValueError: characters that are not in the alphabet, or numbers out of range.
        """
        if isinstance(text, str):
            unknown = sorted(set(text) - set(self.symbols))
            if unknown:
                raise ValueError(
                    f"{name} must consist of the {len(self.symbols)} symbols that the model knows, it has "
                    f"{''.join(unknown[:20])!r}"
                )
            place = {symbol: number for number, symbol in enumerate(self.symbols)}
            return np.array([place[symbol] for symbol in text], dtype=np.int64)
        given = check.array(name, text, np.int64, ndim=1)
        if given.size and not (given.min() >= 0 and given.max() < len(self.symbols)):
            raise ValueError(
                f"{name} must be numbers of symbols in [0, {len(self.symbols)}), got {given.min()} … {given.max()}"
            )
        return given

    def learn(self, text: Any, *, progress: Callable[[int], None] | None = None) -> Prediction:
        """Read on and learn from every symbol: predicted, then counted. One pass; may be continued at any time.

        Args:
            text: a ``str``, or numbers of symbols.
            progress: called with the number of symbols read since the last call.

        Returns:
            What the model predicted before it learned each symbol.
        """
        said = _joined(self._spans(self.tokens(text), learn=True), progress)
        if self.lost.any():
            self.sharp = int(_v.SHARPS[int(np.argmin(self.lost))])
        return said

    def read(
        self, text: Any, *, streaming: bool = False, progress: Callable[[int], None] | None = None
    ) -> Prediction:
        """Predict every symbol of a text that goes on where the model stopped; the model itself stays as it is.

        Args:
            streaming: learn every symbol after it was predicted. Otherwise only the window moves on.
            progress: called with the number of symbols read since the last call.
        """
        given = self.tokens(text)
        return _joined(self.copy(shared=not streaming)._spans(given, learn=streaming), progress)

    def next(self) -> NDArray[np.int64]:
        """``(V,)`` whole numbers proportional to the probability of each symbol to come."""
        potentials, q, _, *synapses = self._desk()
        _v._potentials(self.votes, self.heard, self.recalled, 0, self.settings.decay, *synapses, potentials)
        _v._readout(self.votes.exponentials, potentials, self.sharp, q)
        return q

    def generate(
        self, length: int, *, prompt: Any = None, rng: check.Rng = None, temperature: float = 1.0
    ) -> str:
        """Go on writing: draw a symbol from the distribution, read it, and so on. The model stays as it is.

        Args:
            length: symbols to write.
            prompt: read before (at least one symbol); by default it goes on after what it has read.
            temperature: the sharpness is divided by it; 0 always takes the likeliest symbol.

        Raises:
            ValueError: an empty prompt, unknown characters, or a temperature below 0.
        """
        return "".join(self.writing(length, prompt=prompt, rng=rng, temperature=temperature))

    def writing(
        self, length: int, *, prompt: Any = None, rng: check.Rng = None, temperature: float = 1.0
    ) -> Iterator[str]:
        """The symbols of :meth:`generate` as they come; its arguments are checked at once."""
        check.integer("length", length, low=0)
        if not isinstance(temperature, int | float):
            raise TypeError(f"temperature must be a number, not {type(temperature).__name__}")
        if not 0 <= temperature < float("inf"):
            raise ValueError(f"temperature must be at least 0 and finite, got {temperature}")
        given = None if prompt is None else self.tokens(prompt, "prompt")
        if given is not None and not given.size:
            raise ValueError("prompt must have at least one symbol, it is empty")
        return self._write(length, given, check.generator(rng), temperature)

    def _write(
        self, length: int, prompt: NDArray[np.int64] | None, draw: np.random.Generator, temperature: float
    ) -> Iterator[str]:
        twin = self.copy(shared=True)
        if prompt is not None:
            for _ in twin._spans(prompt, learn=False):
                pass
        if temperature > 0:
            twin.sharp = round(min(self.sharp / temperature, 1 << 30))
        for _ in range(length):
            q = twin.next()
            if temperature > 0:
                symbol = int(np.searchsorted(np.cumsum(q), draw.integers(int(q.sum())), side="right"))
            else:
                symbol = int(q.argmax())
            yield self.symbols[symbol]
            twin._absorb(np.array([symbol], dtype=np.int64), learn=False)
            twin._shift(1)

    def copy(self, *, shared: bool = False) -> "SpikingTransformer":
        """A model that goes on from here by itself. ``shared``: what only learning changes is not copied."""
        twin = object.__new__(type(self))
        vars(twin).update(vars(self))
        for name in ("codes", "window", "heard", "recalled", *(() if shared else ("lifetime", "votes"))):
            state = getattr(self, name)
            setattr(twin, name, type(state)(*(array.copy() for array in state)))
        twin.lost = self.lost.copy()
        return twin

    def _spans(self, tokens: NDArray[np.int64], *, learn: bool) -> Iterator[Prediction]:
        if self.read_so_far + len(tokens) > LAST:
            end = self.read_so_far + len(tokens)
            raise ValueError(f"text must end within {LAST} symbols of a model's life, it would end at {end}")
        for low in range(0, len(tokens), _w.SPAN):
            part = tokens[low : low + _w.SPAN]
            counts = self._absorb(part, learn=learn)
            yield self._predict(part, counts, learn=learn)

    def _absorb(self, tokens: NDArray[np.int64], *, learn: bool) -> dict[str, int]:
        """Codes, attention and lifetime memory for the next positions; rows 1 … of the spikes."""
        config, start, count = self.settings, self.read_so_far, len(tokens)
        ring = len(self.window.values) - 1
        reaches = _c.reaches(config.heads)
        added = _c._codes(self.codes, tokens, start, reaches, config.lines, self.window.codes)
        self.window.values[np.arange(start - 1, start + count - 1) & ring] = tokens
        self._sent(start, count)
        heads = len(config.heads)
        raced = np.zeros((heads, 3), dtype=np.int64)
        stored = np.zeros((heads, 5), dtype=np.int64)
        heard, recalled = _after(self.heard), _after(self.recalled)

        def work(low: int, high: int) -> None:
            seen = np.full(len(self.symbols), -1, dtype=np.int64)
            if config.memories != LIFETIME:
                _w._attend(
                    self.window,
                    *(start, count, low, high, config.needed, config.window, config.winners),
                    *(heard, seen, raced),
                )
            if config.memories != WINDOW:
                _l._remember(
                    self.lifetime,
                    self.window,
                    *(start, count, low, high, config.waits, learn, config.needed, recalled, stored),
                )

        spread(work, heads)
        self.read_so_far += count
        names = ("window_events", "window_touched", "window_fired")
        more = ("lifetime_events", "lifetime_fired", "lifetime_written", "recruited", "replaced")
        return {
            "tokens": count,
            "encoder_adds": int(added),
            **dict(zip(names, map(int, raced.sum(axis=0)), strict=True)),
            **dict(zip(more, map(int, stored.sum(axis=0)), strict=True)),
        }

    def _sent(self, start: int, count: int) -> None:
        """The codes of positions ``start …`` are on their way to both memories: nothing befalls them here."""

    def _predict(self, tokens: NDArray[np.int64], counts: dict[str, int], *, learn: bool) -> Prediction:
        """Votes for each of ``tokens``, from the spikes of the position before it."""
        trials = _v.SHARPS if learn else _v.SHARPS[:0]
        out = np.zeros((len(tokens), 3 + 2 * len(trials)), dtype=np.int64)
        seen = np.zeros(2, dtype=np.int64)
        sharp = _v.UNIT if learn else self.sharp
        _v._vote(
            *(self.votes, self.heard, self.recalled, tokens, self.settings.decay),
            *(sharp, learn, trials, self._desk(), out, seen),
        )
        self._shift(len(tokens))
        tried = np.log2(out[:, 4::2] / out[:, 3::2])
        lost = np.rint(tried * _v.UNIT).astype(np.int64)
        if learn:
            self._weigh(lost)
        bits = np.log2(out[:, 1] / out[:, 0])
        counts = {**counts, "vote_events": int(seen[0]), "weight_updates": int(seen[1])}
        return Prediction(bits, out[:, 2] == tokens, counts)

    def _desk(self) -> tuple[NDArray[np.int64], ...]:
        """Room for potentials, exponentials and errors, and for the synapses that a vote comes by."""
        wide = [(len(self.settings.heads), spikes.symbols.shape[2]) for spikes in (self.heard, self.recalled)]
        return tuple(np.zeros(shape, dtype=np.int64) for shape in (*3 * [len(self.symbols)], *wide))

    def _shift(self, count: int) -> None:
        """The spikes of the last position become those of the position before the next span."""
        for spikes in (self.heard, self.recalled):
            for array in spikes:
                array[0] = array[count]

    def _weigh(self, lost: NDArray[np.int64]) -> None:
        """Add what each trial of sharpness lost; at every multiple of WEIGH positions, halve the past."""
        end = self.read_so_far
        start = end - len(lost)
        turn = -(-start // WEIGH) * WEIGH
        if turn < end:
            self.lost += lost[: turn - start].sum(axis=0)
            self.lost >>= 1
            lost = lost[turn - start :]
        self.lost += lost.sum(axis=0)


def _after(spikes: _w.Spikes) -> _w.Spikes:
    """The rows of a span, without the one of the position before it."""
    return _w.Spikes(spikes.symbols[1:], spikes.counts[1:], spikes.distinct[1:])


def _joined(spans: Iterable[Prediction], progress: Callable[[int], None] | None) -> Prediction:
    parts: list[Prediction] = []
    counts: dict[str, int] = {}
    for part in spans:
        parts.append(part)
        if progress is not None:
            progress(len(part.bits))
        for name, count in part.counts.items():
            counts[name] = counts.get(name, 0) + count
    return Prediction(
        np.concatenate([np.zeros(0), *(part.bits for part in parts)]),
        np.concatenate([np.zeros(0, dtype=np.bool_), *(part.hits for part in parts)]),
        counts,
    )
