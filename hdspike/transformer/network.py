"""A whole forward pass as one network of spiking neurons: lines → keys and rows → counters → symbols.

A model stands at a position of its text; the network has the code of that position as its input, and every neuron
that the model's two memories hold then:

``lines``
    B·E address lines, of which the B of the position's code spike; ``go``, one spike per token.
``keys``
    W of each head, the newest of a head at its front, with one synapse on each of the m lines of their code. A key
    that gets m spikes may fire; the k newest do.
``rows``
    of the lifetime memory, free ones too, with m synapses each. No two rows of a pool have the same m lines: at most
    one fires.
``heard``, ``recalled``
    counters: for each head, symbol and level ℓ one neuron, that fires at the least number of spikes of that level. A
    key brings 1 to its symbol's counters, a row what it has counted to those that this reaches.
``symbols``
    V potentials. The counter of level ℓ brings ``w_h[ℓ] − w_h[ℓ−1]``, so that the sum over the levels that fired is
    ``w_h[level(n)]``; ``go`` brings the prior. ``u(c) = prior(c) + Σ_h (w_h[level(n_h(c))] + v_h[level(n'_h(c))])``.

The k newest keys are found in one of two forms.

``groups``
    k-winner-take-all groups (:class:`~hdspike.network.neurons.KWTAGroup`: among equals the lower index), a step for
    each layer, four in all; the symbol of the highest potential fires. A barrier is what makes it right.
``race``
    integrate-and-fire neurons alone. The synapses of a key of age a are ``spacing · a`` steps late, and an inhibitory
    neuron of each head fires at the k-th spike and silences the rest. With a spacing of 2 steps the inhibition
    arrives with the next key's spikes, and the race is exact; it takes ``2 W`` steps. Without a barrier the spacing
    is a time, and the race is right where that exceeds what inhibition takes. The symbol is read off the potentials.

All sums are integers, so nothing depends on the order in which spikes arrive but who wins the race.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from hdspike import check
from hdspike.network import Network, Population, Projection, Synapses
from hdspike.network.neurons import IntegrateAndFire, KWTAGroup, Recorded
from hdspike.transformer import votes as _v
from hdspike.transformer.lifetime import FULL
from hdspike.transformer.model import SpikingTransformer
from hdspike.transformer.settings import BOTH

__all__ = ["FORMS", "narrowed", "potentials", "token_network"]

FORMS = ("groups", "race")
DEPTH = 4
"""Steps of a token with groups: lines, keys and rows, counters, symbols."""
NEVER = -(1 << 20)
"""Below what a neuron's synapses can bring: it has fired, and does not again."""


def potentials(model: SpikingTransformer) -> NDArray[np.int64]:
    """``(V,)`` what the model itself gives its symbols at the position where it stands."""
    out, _, _, *synapses = model._desk()
    _v._potentials(model.votes, model.heard, model.recalled, 0, model.settings.decay, *synapses, out)
    return out


def token_network(
    model: SpikingTransformer, *, form: str = "groups", spacing: int = 2, listening: bool = False
) -> Network:
    """The network that predicts the symbol after the last one that ``model`` has read.

    Args:
        model: its votes must depend on head and level alone (``totals``, ``distincts``, ``longer`` and ``ranks`` 1,
            ``decay`` 0), its neurons need all their m synapses (``threshold`` m), and it must have read something.
        form: ``"groups"`` or ``"race"``.
        spacing: in a race, how many steps the spikes of a key come after those of the next newer one.
        listening: no symbol fires, so that the potentials stay to be seen (those of a race always do).

    Returns:
        The network; in its ``metadata`` the ``steps`` after which nothing can happen any more, and the ``base`` that
        all potentials of symbols are above u(c).

    Raises:
        ValueError: an argument breaks its rule.
    """
    check_model(model)
    check.one_of("form", form, FORMS)
    check.integer("spacing", spacing, low=1)
    settings, counts = model.settings, len(model.symbols)
    heads, race = len(settings.heads), form == "race"
    window, lifetime = tables(model.votes.window), tables(model.votes.lifetime)
    heard = window[:, : _v._level(min(settings.winners, settings.window)) + 1]
    recalled = lifetime[:, : _v._level(FULL) + 1]
    prior = model.votes.prior[[_v._level(int(number)) for number in model.votes.occurred]].astype(np.int64)
    most = int(np.abs(prior).max()) + int(
        np.abs(heard).max(axis=1).sum() + np.abs(recalled).max(axis=1).sum()
    )
    base = 0 if race else 4 << most.bit_length()

    active = lines_at(model, np.array([model.read_so_far - 1]))[0]
    needed = float(settings.synapses)
    cell: Any = IntegrateAndFire(threshold=needed)
    keys: Any = cell
    winner: Any = IntegrateAndFire(threshold=np.inf)
    if not race:
        keys = KWTAGroup(settings.winners, settings.window, threshold=needed, decay=0.0, carry=False)
        winner = KWTAGroup(1, threshold=np.inf if listening else base / 2, decay=0.0, carry=False)
    sizes = {
        "lines": settings.blocks * settings.lines,
        "go": 1,
        "keys": heads * settings.window,
        "rows": len(model.lifetime.uses),
        "heard": heads * counts * (heard.shape[1] - 1),
        "recalled": heads * counts * (recalled.shape[1] - 1),
        "symbols": counts,
    }
    models = {
        "lines": Recorded.in_steps(np.zeros(len(active)), active),
        "go": Recorded.in_steps([0], [0]),
        "keys": keys,
        "rows": cell,
        "heard": counter(heard, counts),
        "recalled": counter(recalled, counts),
        "symbols": winner,
    }
    late = DEPTH - 1 if not race else 1
    wires = {
        ("lines", "keys"): listen_keys(model, spacing if race else 0),
        ("lines", "rows"): listen_rows(model),
        ("go", "symbols"): (
            np.zeros(counts, dtype=np.int64),
            np.arange(counts),
            base + prior,
            np.full(counts, late),
        ),
        ("keys", "heard"): count_keys(model, heard.shape[1] - 1),
        ("rows", "recalled"): count_rows(model, recalled.shape[1] - 1),
        ("heard", "symbols"): vote(heard, counts),
        ("recalled", "symbols"): vote(recalled, counts),
    }
    if race:
        sizes["inhibitors"], models["inhibitors"] = heads, once(float(settings.winners))
        key, head = np.arange(sizes["keys"]), np.repeat(np.arange(heads), settings.window)
        wires["keys", "inhibitors"] = key, head, None, None
        wires["inhibitors", "keys"] = head, key, np.full(len(key), -settings.synapses), None
    return Network(
        [Population(name, size, models[name]) for name, size in sizes.items()],
        [
            Projection(
                *ends,
                Synapses.from_pairs(
                    source, target, shape=(sizes[ends[0]], sizes[ends[1]]), weights=weights, delays=delays
                ),
            )
            for ends, (source, target, weights, delays) in wires.items()
        ],
        {
            "form": form,
            "steps": DEPTH + (spacing * (settings.window - 1) if race else 0),
            "base": base,
            "heads": heads,
        },
    )


def narrowed(model: SpikingTransformer, bits: int) -> SpikingTransformer:
    """The same model, its votes rounded to multiples of one power of two, so that synapses of ``bits`` bits do.

    A copy. Of the network's synapses those of the counters, and the prior, then fit ``bits`` bits with their sign.
    """
    check.integer("bits", bits, low=2, high=32)
    check_model(model)
    twin = model.copy()
    prior, window, lifetime = twin.votes.prior, twin.votes.window, twin.votes.lifetime
    steps = [np.diff(tables(votes), axis=1) for votes in (window, lifetime)]
    most = max(int(np.abs(part).max()) for part in (prior, *steps))
    shift = max(0, most.bit_length() + 1 - bits)
    while True:  # rounding may carry
        rounded = [(part.astype(np.int64) + (1 << shift >> 1)) >> shift for part in (prior, window, lifetime)]
        steps = [rounded[0], *(np.diff(tables(part), axis=1) for part in rounded[1:])]
        if all(int(np.abs(part).max()) < 1 << (bits - 1) for part in steps):
            break
        shift += 1
    for part, value in zip((prior, window, lifetime), rounded, strict=True):
        part[...] = value << shift
    return twin


def check_model(model: SpikingTransformer) -> None:
    """Raise where a forward pass of the model is not sums of synapses that depend on head and level alone."""
    if not isinstance(model, SpikingTransformer):
        raise TypeError(f"model must be a SpikingTransformer, not {type(model).__name__}")
    settings = model.settings
    if settings.memories != BOTH:
        raise ValueError(f"model must have memories = {BOTH!r}, got {settings.memories!r}")
    for name, needed in (("totals", 1), ("distincts", 1), ("longer", 1), ("ranks", 1), ("decay", 0)):
        value = getattr(settings, name)
        if value != needed:
            raise ValueError(
                f"model must have {name} = {needed}, so that a vote depends on head and level alone, got {value}"
            )
    if settings.needed != settings.synapses:
        raise ValueError(
            f"model must have threshold = synapses = {settings.synapses}, so that equal keys differ in age alone, "
            f"got {settings.needed}"
        )
    if model.read_so_far < 1:
        raise ValueError("model must have read at least one symbol, it has read none")


def tables(votes: NDArray[Any]) -> NDArray[np.int64]:
    """``(heads, LEVELS)`` what a level of a head's spikes is worth; nothing at level 0."""
    out = votes.reshape(len(votes), _v.LEVELS).astype(np.int64)
    out[:, 0] = 0
    return out


def once(threshold: Any) -> IntegrateAndFire:
    """Neurons that add up what they get and fire once."""
    return IntegrateAndFire(threshold=threshold, reset=float(NEVER))


def counter(worth: NDArray[np.int64], symbols: int) -> IntegrateAndFire:
    """A neuron for each head, symbol and level above 0, that fires at the least number of its level."""
    least = [float(_v._first(level)) for level in range(1, worth.shape[1])]
    return once(np.tile(least, len(worth) * symbols))


Wires = tuple[Any, Any, Any, Any]
"""Lines, targets, weights, delays."""


def lines_at(model: SpikingTransformer, positions: NDArray[np.int64]) -> NDArray[np.int64]:
    """``(n, B)`` the lines of the codes at these positions, in the numbering of all lines."""
    settings = model.settings
    codes = model.window.codes[:, positions & (len(model.window.values) - 1)]  # (heads, n, m)
    blocks = codes.transpose(1, 0, 2).reshape(len(positions), settings.blocks).astype(np.int64)
    return np.arange(settings.blocks) * settings.lines + blocks


def listen_keys(model: SpikingTransformer, spacing: int) -> Wires:
    """Synapses of the keys on the lines of their codes, ``spacing`` steps later for each position of age."""
    settings = model.settings
    last = model.read_so_far - 1
    ages = np.arange(min(settings.window, last))
    head = np.arange(settings.blocks) // settings.synapses
    keys = head * settings.window + ages[:, None]
    delays = np.repeat(1 + spacing * ages, settings.blocks) if spacing else None
    return lines_at(model, last - 1 - ages).ravel(), keys.ravel(), None, delays


def listen_rows(model: SpikingTransformer) -> Wires:
    """Synapses of the rows that were recruited on the lines of their tags."""
    settings, lifetime = model.settings, model.lifetime
    rows = np.flatnonzero(lifetime.uses)
    head = np.searchsorted(lifetime.shapes[:, 0], rows, side="right") - 1
    block = head[:, None] * settings.synapses + np.arange(settings.synapses)
    lines = block * settings.lines + lifetime.tags[rows].astype(np.int64)
    return lines.ravel(), np.repeat(rows, settings.synapses), None, None


def count_keys(model: SpikingTransformer, levels: int) -> Wires:
    """Each key excites all counters of the symbol that followed it."""
    settings, counts = model.settings, len(model.symbols)
    last = model.read_so_far - 1
    ages = np.arange(min(settings.window, last))
    values = model.window.values[(last - 1 - ages) & (len(model.window.values) - 1)].astype(np.int64)
    head = np.arange(len(settings.heads))[:, None]
    keys, first = head * settings.window + ages, (head * counts + values) * levels
    targets = first.ravel()[:, None] + np.arange(levels)
    return np.repeat(keys.ravel(), levels), targets.ravel(), None, None


def count_rows(model: SpikingTransformer, levels: int) -> Wires:
    """Each row excites the counters of its symbols that what it has counted reaches, with that count."""
    lifetime, counts = model.lifetime, len(model.symbols)
    reached = np.array([_v._level(number) for number in range(FULL + 1)])
    parts = []
    ends = np.append(lifetime.shapes[1:, 2], len(lifetime.counts))
    for head, ((row, _, low, fan_out), high) in enumerate(zip(lifetime.shapes, ends, strict=True)):
        some = low + np.flatnonzero(lifetime.counts[low:high])
        first = (head * counts + lifetime.symbols[some].astype(np.int64)) * levels
        number = lifetime.counts[some].astype(np.int64)
        above = reached[number]
        places = np.arange(above.sum()) - np.repeat(np.cumsum(above) - above, above)  # 0, 1, … of each
        parts.append(
            (np.repeat(row + (some - low) // fan_out, above), np.repeat(first, above) + places,
             np.repeat(number, above))
        )  # fmt: skip
    rows, targets, number = (np.concatenate([part[i] for part in parts]) for i in range(3))
    return rows, targets, number, None


def vote(worth: NDArray[np.int64], symbols: int) -> Wires:
    """Each counter brings its symbol what its level is worth beyond the one below."""
    levels = worth.shape[1] - 1
    steps = np.repeat(np.diff(worth, axis=1), symbols, axis=0)  # (heads · symbols, levels)
    symbol = np.tile(np.repeat(np.arange(symbols), levels), len(worth))
    return np.arange(steps.size), symbol, steps.ravel(), None
