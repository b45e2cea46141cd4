"""How long a trained network takes for a sample, by each kernel that can compute it: paired, interleaved, the median.

Seconds of two programs are only comparable where both ran in the same moments. Every candidate is called in turn, in
every round, in another order; its time is the median over the rounds, and its ratio to the reference the median of the
rounds' ratios.
"""

import time
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from hdspike import check

__all__ = ["paired"]


def paired(
    candidates: Mapping[str, Callable[[], Any]], *, rounds: int = 15, least: float = 2e-4, rng: check.Rng = 0
) -> dict[str, dict[str, float]]:
    """Seconds of one call and the ratio to the candidate that is named first, each with its quartiles over rounds.

    Args:
        candidates: what to call, by name; the first is the reference.
        rounds: every one of them is timed once in each.
        least: seconds that one timing lasts at least, by as many calls as that takes.

    >>> found = paired({"a": lambda: sum(range(50)), "b": lambda: sum(range(5000))}, rounds=5)
    >>> found["a"]["ratio"], found["b"]["ratio"] > 2
    (1.0, True)
    """
    if not candidates:
        raise ValueError("candidates must name at least one function, got none")
    check.integer("rounds", rounds, low=1)
    if not 0 <= least < np.inf:
        raise ValueError(f"least must be a number of seconds, at least 0, got {least}")
    names, random = list(candidates), check.generator(rng)
    calls = {name: _calls(candidates[name], least) for name in names}
    took = {name: np.empty(rounds) for name in names}
    for number in range(rounds):
        for place in random.permutation(len(names)):
            name = names[place]
            call, many = candidates[name], calls[name]
            call()  # untimed: the others have had the caches meanwhile
            began = time.perf_counter()
            for _ in range(many):
                call()
            took[name][number] = (time.perf_counter() - began) / many
    reference = took[names[0]]
    out = {}
    for name in names:
        ratios = took[name] / reference
        low, high = np.percentile(ratios, [25, 75])
        out[name] = {
            "seconds": float(np.median(took[name])),
            "ratio": float(np.median(ratios)),
            "low": float(low),
            "high": float(high),
        }
    return out


def _calls(call: Callable[[], Any], least: float) -> int:
    """How many calls last ``least`` seconds; it also warms up."""
    call()
    began = time.perf_counter()
    call()
    once = time.perf_counter() - began
    return max(1, int(np.ceil(least / max(once, 1e-9)))) if least else 1
