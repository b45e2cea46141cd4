"""The readout: heads vote with spikes, layer by layer, for symbols; integer errors teach what a vote is worth.

A head gives symbol c the count n of its spikes (the popcount of its bundle with c's item). Which synapse they arrive
on says how much they mean: it is chosen by the head, by how many spikes it gave in all (N), for how many symbols (d),
by how many later heads fired too, by n, and by whether c came first. All symbols share these synapses. N and n are seen
in steps of half an octave, :func:`_level`. The potential of symbol c, the residual of layer ℓ, is

    u_ℓ(c) = u_{ℓ−1}(c) − ⌊u_{ℓ−1}(c) / 2^d⌋ + Σ_{heads h of layer ℓ} (w_h[…, n_h(c)] + v_h[…, n'_h(c)]),

with w for the window's spikes and v for the lifetime's; a layer that is silent lets the residual pass. A symbol
without a spike from a head gets no event from it. ``u₀`` is a synapse for each level of how often c occurred.
Probability is a table of ``2³⁰ e^{−i/256}``: integers again, ``p(c) = q(c) / Σ q``.

Learning needs no gradient through layers: every synapse that had an event moves by ``rate · (1[c = target] − p(c))``,
rounded to integers: the delta rule. A synapse's rate falls as ``rate / √(1 + uses / 64)`` to its floor.
"""

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from hdspike.jit import kernel
from hdspike.transformer.settings import Settings

__all__ = ["ONE", "SHARPS", "UNIT", "Votes", "new_votes"]

UNIT = 1 << 16
"""Potential of one nat."""
STEP = 8
"""A step of the table of exponentials: 2⁻⁸ nat."""
ONE = 1 << 30
"""The exponential of the winner."""
ERROR = 12
"""Errors are in 2⁻¹² of a probability."""
LEVELS = 64
MANY = 1 << 30
GAP = 20 << STEP  # 20 nats below the winner are as good as never
SHARPS = np.array([round(UNIT * s) for s in (0.6, 0.7, 0.8, 0.85, 0.9, 0.95, 1, 1.05, 1.1)], dtype=np.int64)
EVENTS, UPDATES = range(2)


class Votes(NamedTuple):
    """What votes are worth: synapses (heads, longer, totals, distincts, levels, ranks); how often symbols occurred."""

    occurred: NDArray[np.int64]
    """(V,)"""
    prior: NDArray[np.int32]
    """(LEVELS,) the synapse of each level of ``occurred``."""
    prior_uses: NDArray[np.int32]
    window: NDArray[np.int32]
    window_uses: NDArray[np.int32]
    lifetime: NDArray[np.int32]
    lifetime_uses: NDArray[np.int32]
    exponentials: NDArray[np.int64]
    """(GAP,) 2³⁰ e^{−i/256}, at least 1."""
    rates: NDArray[np.int64]
    """(LEVELS,) the rate at each level of uses."""
    layers: NDArray[np.int64]
    """(heads,)"""


def _first(level: int) -> int:
    """The least number of a level."""
    return level if level < 4 else (2 + level % 2) << (level // 2 - 1)


def new_votes(symbols: int, settings: Settings) -> Votes:
    """No vote is worth anything yet."""
    shape = (len(settings.heads), settings.longer, settings.totals, settings.distincts, LEVELS)
    window, lifetime = (*shape, settings.ranks), (*shape, 1)
    rates = [
        max(settings.floor, settings.rate // math.isqrt(1 + _first(level) // 64)) for level in range(LEVELS)
    ]
    return Votes(
        np.zeros(symbols, dtype=np.int64),
        np.zeros(LEVELS, dtype=np.int32),
        np.zeros(LEVELS, dtype=np.int32),
        np.zeros(window, dtype=np.int32),
        np.zeros(window, dtype=np.int32),
        np.zeros(lifetime, dtype=np.int32),
        np.zeros(lifetime, dtype=np.int32),
        np.array([max(1, round(ONE * math.exp(-i / (1 << STEP)))) for i in range(GAP)], dtype=np.int64),
        np.array(rates, dtype=np.int64),
        np.array([head.layer for head in settings.heads], dtype=np.int64),
    )


@kernel
def _level(number):
    """0, 1, 2, 3, 4–5, 6–7, 8–11, 12–15, …: half an octave each."""
    if number < 4:
        return number
    octave = 0
    rest = number
    while rest > 3:
        rest >>= 1
        octave += 1
    return 2 * octave + rest


@kernel
def _ballots(spikes, i, h, longer, shape, out):
    """The flat index of the synapse of each symbol that head h has spikes for; returns how many."""
    found = spikes.distinct[i, h]
    total = np.int64(0)
    for place in range(found):
        total += np.int64(spikes.counts[i, h, place])
    base = (h * shape[1] + min(longer, shape[1] - 1)) * shape[2] + min(_level(total), shape[2] - 1)
    base = (base * shape[3] + min(found, shape[3]) - 1) * shape[4]
    for place in range(found):
        level = _level(np.int64(spikes.counts[i, h, place]))
        out[h, place] = (base + level) * shape[5] + min(place, shape[5] - 1)
    return found


@kernel
def _potentials(votes, window, lifetime, i, decay, in_window, in_lifetime, potentials):
    """Write u(c); and which synapses it came by, into ``in_window`` and ``in_lifetime``. Returns the events."""
    heads = len(votes.layers)
    for c in range(len(potentials)):
        potentials[c] = votes.prior[_level(votes.occurred[c])]
    events = len(potentials)
    longer = 0
    for h in range(heads - 1, -1, -1):
        events += _ballots(window, i, h, longer, votes.window.shape, in_window)
        events += _ballots(lifetime, i, h, longer, votes.lifetime.shape, in_lifetime)
        if window.distinct[i, h] > 0 or lifetime.distinct[i, h] > 0:
            longer += 1
    w, v = votes.window.ravel(), votes.lifetime.ravel()
    layer = np.int64(0)
    for h in range(heads):
        fired = window.distinct[i, h] > 0 or lifetime.distinct[i, h] > 0
        if fired and votes.layers[h] != layer:
            layer = votes.layers[h]
            if decay > 0:
                for c in range(len(potentials)):
                    potentials[c] -= potentials[c] >> decay
        for place in range(window.distinct[i, h]):
            potentials[window.symbols[i, h, place]] += w[in_window[h, place]]
        for place in range(lifetime.distinct[i, h]):
            potentials[lifetime.symbols[i, h, place]] += v[in_lifetime[h, place]]
    return events


@kernel
def _readout(exponentials, potentials, sharp, out):
    """Write q(c) = 2³⁰ exp(sharp·(u(c) − max u)); returns Σ q."""
    most = potentials.max()
    total = np.int64(0)
    for c in range(len(potentials)):
        gap = ((most - potentials[c]) * sharp) >> (32 - STEP)
        out[c] = exponentials[min(gap, len(exponentials) - 1)]
        total += out[c]
    return total


@kernel
def _move(weights, uses, rates, synapse, error):
    """Move one synapse by its rate times the error."""
    if uses[synapse] < MANY:
        uses[synapse] += 1
    weights[synapse] += (error * rates[_level(np.int64(uses[synapse]))] + (1 << (ERROR - 1))) >> ERROR


@kernel
def _teach(votes, window, lifetime, i, in_window, in_lifetime, errors):
    """Move all synapses that had an event; returns how many."""
    moved = len(errors)
    for c in range(len(errors)):
        _move(votes.prior, votes.prior_uses, votes.rates, _level(votes.occurred[c]), errors[c])
    w, w_uses = votes.window.ravel(), votes.window_uses.ravel()
    v, v_uses = votes.lifetime.ravel(), votes.lifetime_uses.ravel()
    for h in range(len(votes.layers)):
        for place in range(window.distinct[i, h]):
            _move(w, w_uses, votes.rates, in_window[h, place], errors[window.symbols[i, h, place]])
        for place in range(lifetime.distinct[i, h]):
            _move(v, v_uses, votes.rates, in_lifetime[h, place], errors[lifetime.symbols[i, h, place]])
        moved += window.distinct[i, h] + lifetime.distinct[i, h]
    return moved


@kernel
def _vote(votes, window, lifetime, targets, decay, sharp, learn, trials, desk, out, seen):
    """Predict ``targets[i]`` from row i of the spikes, and learn from the error.

    ``trials`` (sharps to try,), each tried at every position into ``out[i, 3 + 2·trial …]``. ``desk``: potentials, q,
    errors (V,) each, and two of (heads, most). ``out`` (n, 3 + 2·trials): q of the target, Σ q, the symbol of the
    highest potential, and (q, Σ q) of each trial. Adds events and synapses moved to ``seen``.
    """
    potentials, q, errors, in_window, in_lifetime = desk
    for i in range(len(targets)):
        target = targets[i]
        seen[EVENTS] += _potentials(votes, window, lifetime, i, decay, in_window, in_lifetime, potentials)
        for trial in range(len(trials)):
            out[i, 4 + 2 * trial] = _readout(votes.exponentials, potentials, trials[trial], q)
            out[i, 3 + 2 * trial] = q[target]
        out[i, 2] = potentials.argmax()
        out[i, 1] = _readout(votes.exponentials, potentials, sharp, q)
        out[i, 0] = q[target]
        if learn:
            total = out[i, 1]
            if sharp != UNIT:
                total = _readout(votes.exponentials, potentials, UNIT, q)
            for c in range(len(errors)):
                errors[c] = -(((q[c] << ERROR) + (total >> 1)) // total)
            errors[target] += 1 << ERROR
            seen[UPDATES] += _teach(votes, window, lifetime, i, in_window, in_lifetime, errors)
            votes.occurred[target] += 1
