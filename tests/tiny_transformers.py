"""Small Spiking HD-Transformers: drawn settings and texts, and their arrays as the naive twin holds them."""

import hashlib
from collections import Counter
from typing import Any

import numpy as np
from hypothesis import strategies as st

from hdspike.transformer import Head, Settings, SpikingTransformer
from hdspike.transformer import window as _w
from hdspike.transformer.codes import _codes, new_codes
from hdspike.transformer.lifetime import Lifetime
from hdspike.transformer.votes import Votes
from tests.naive import transformer as naive

ALPHABET = "a .b\nc_7"
STATE = ("codes", "window", "lifetime", "votes", "heard", "recalled")
"""The attributes of a model that are tuples of arrays."""
SPIKES = ("heard", "recalled")
THREE = (Head("suffix", 1, 1, 2, 3), Head("suffix", 3, 2, 2, 2), Head("words", 2, 2, 1, 2))
SMALL = Settings(lines=8, heads=THREE, window=20, winners=4)


def suffixes(*reaches: int, rows: int = 2, fan_out: int = 4) -> tuple[Head, ...]:
    """Suffix heads, each in the lowest layer that reaches so far."""
    return tuple(Head("suffix", n, max(1, (n - 1).bit_length()), rows, fan_out) for n in reaches)


@st.composite
def heads(draw):
    layers = sorted(draw(st.lists(st.integers(1, 3), min_size=1, max_size=3)))
    return tuple(
        Head(
            draw(st.sampled_from(("suffix", "words"))),
            draw(st.integers(1, 1 << layer)),
            layer,
            rows=draw(st.integers(1, 3)),
            fan_out=draw(st.integers(1, 4)),
        )
        for layer in layers
    )


@st.composite
def some_settings(draw):
    synapses, window = draw(st.integers(1, 3)), draw(st.integers(1, 20))
    rate = draw(st.integers(0, 1 << 16))
    return Settings(
        lines=1 << draw(st.integers(1, 6)),
        synapses=synapses,
        threshold=draw(st.none() | st.integers(1, synapses)),
        heads=draw(heads()),
        window=window,
        winners=draw(st.integers(1, 25)),
        delay=draw(st.none() | st.integers(1, window)),
        decay=draw(st.integers(0, 4)),
        totals=draw(st.integers(1, 6)),
        distincts=draw(st.integers(1, 3)),
        longer=draw(st.integers(1, 3)),
        ranks=draw(st.integers(1, 3)),
        rate=rate,
        floor=draw(st.integers(0, rate)),
        seed=draw(st.integers(0, 2**63 - 1)),
    )


@st.composite
def alphabets(draw, settings):
    return ALPHABET[: draw(st.integers(1, min(settings.lines, len(ALPHABET))))]


def texts(alphabet: str, most: int) -> Any:
    return st.lists(st.integers(0, len(alphabet) - 1), max_size=most)


def rhyme(size: int, symbols: int, seed: int = 0) -> np.ndarray:
    """A text that repeats itself, with chance in it."""
    random = np.random.default_rng(seed)
    return np.where(random.random(size) < 0.2, random.integers(symbols, size=size), np.arange(size) % symbols)


def arrays(model: SpikingTransformer) -> dict[str, np.ndarray]:
    """Every array that a model holds, copied."""
    found = {f"{name}.{field}": array for name in STATE for field, array in named(model, name)}
    return {name: array.copy() for name, array in {**found, "lost": model.lost}.items()}


def advance(model: SpikingTransformer, tokens: Any) -> None:
    """Read on; learn nothing, but move."""
    for _ in model._spans(np.asarray(tokens, dtype=np.int64), learn=False):
        pass


def named(model: SpikingTransformer, name: str) -> Any:
    return getattr(model, name)._asdict().items()


def changed(before: dict[str, np.ndarray], after: dict[str, np.ndarray]) -> list[str]:
    """The names of the arrays that differ."""
    assert set(before) == set(after)
    return [name for name in before if not np.array_equal(before[name], after[name])]


def future(model: SpikingTransformer) -> dict[str, Any]:
    """All that what a model does next depends on: of the rows of spikes only those there are in front."""
    found: dict[str, Any] = {
        name: array for name, array in arrays(model).items() if not name.startswith(SPIKES)
    }
    found |= {name: spikes_of(getattr(model, name), 0) for name in SPIKES}
    return {**found, "read_so_far": model.read_so_far, "sharp": model.sharp}


def same(one: SpikingTransformer, other: SpikingTransformer) -> bool:
    """Whether two models go on alike for ever."""
    first, second = future(one), future(other)
    return set(first) == set(second) and all(np.array_equal(first[name], second[name]) for name in first)


def spikes_of(spikes: _w.Spikes, row: int) -> list[dict[int, int]]:
    """Of every head the counts by symbol, in their order."""
    return [
        dict(zip(spikes.symbols[row, h, :n].tolist(), spikes.counts[row, h, :n].tolist(), strict=True))
        for h, n in enumerate(spikes.distinct[row].tolist())
    ]


def put(spikes: _w.Spikes, row: int, given: list[dict[int, int]]) -> None:
    """Write counts by symbol as :func:`spikes_of` reads them."""
    for h, counts in enumerate(given):
        spikes.symbols[row, h, : len(counts)] = list(counts)
        spikes.counts[row, h, : len(counts)] = list(counts.values())
        spikes.distinct[row, h] = len(counts)


def digest(model: SpikingTransformer) -> str:
    """A hash of all that a model is."""
    found = hashlib.sha256()
    for name, array in sorted(arrays(model).items()):
        if not name.startswith(SPIKES):
            found.update(name.encode() + array.astype("<i8").tobytes())
    return found.hexdigest()[:16]


def codes_of(settings: Settings, alphabet: str, tokens: Any, pieces: int = 1) -> tuple[np.ndarray, int]:
    """The codes (T, heads, m) of a text, by the kernel and in pieces; and the additions."""
    held = new_codes(np.array([naive.letter(symbol) for symbol in alphabet]), settings)
    given = np.asarray(tokens, dtype=np.int64)
    ring = 1 << max(len(given) - 1, 0).bit_length()
    out = np.zeros((len(settings.heads), ring, settings.synapses), dtype=np.uint16)
    reaches = np.array([h.reach if h.kind == "suffix" else -h.reach for h in settings.heads], dtype=np.int64)
    added = start = 0
    for part in np.array_split(given, pieces):
        added += _codes(held, part, start, reaches, settings.lines, out)
        start += len(part)
    return out.transpose(1, 0, 2)[: len(given)], added


def pools_of(settings: Settings) -> list[naive.Pools]:
    """An empty lifetime memory of the twin."""
    return [naive.Pools(head.rows, head.fan_out, settings.needed) for head in settings.heads]


def same_pools(held: Lifetime, twins: list[naive.Pools], settings: Settings) -> None:
    """Every row, use and counter; the fans of every line; nothing besides."""
    row = synapse = 0
    for h, (head, twin) in enumerate(zip(settings.heads, twins, strict=True)):
        assert held.shapes[h].tolist() == [row, head.rows, synapse, head.fan_out]
        for line in range(settings.lines):
            pool = twin.pools.get(line, [])
            for other in pool + [None] * (head.rows - len(pool)):
                at = slice(synapse, synapse + head.fan_out)
                counts = held.counts[at].tolist()
                if other is None:
                    assert held.uses[row] == 0 and not any(counts)
                else:
                    assert (held.uses[row], held.tags[row].tolist()) == (other.uses, other.lines)
                    found = zip(held.symbols[at].tolist(), counts, strict=True)
                    assert [[c, n] if n else None for c, n in found] == other.synapses
                row, synapse = row + 1, at.stop
        for b in range(settings.synapses):
            fans = [twin.fan(b, line) for line in range(settings.lines)]
            assert held.fans[h * settings.synapses + b].tolist() == fans
    assert (len(held.uses), len(held.counts)) == (row, synapse)


def same_votes(held: Votes, twin: naive.Votes) -> None:
    """Every weight and use; what the twin never moved is zero."""
    expected = {key: Counter(getattr(twin, key)) for key in ("weights", "uses")}
    found = {"weights": Counter(), "uses": Counter()}
    for name in ("prior", "window", "lifetime"):
        for key, array in (("weights", getattr(held, name)), ("uses", getattr(held, f"{name}_uses"))):
            for place in zip(*(axis.tolist() for axis in np.nonzero(array)), strict=True):
                found[key][name, *place] = int(array[place])
    assert found == expected
    assert held.occurred.tolist() == [twin.occurred[c] for c in range(len(held.occurred))]
