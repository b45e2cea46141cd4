"""Pair-based spike-timing-dependent plasticity (being written)."""

from dataclasses import dataclass

__all__ = ["STDP"]


@dataclass(frozen=True)
class STDP:
    """Parameters of the pair rule."""

    potentiation: float
    depression: float
    tau_plus_s: float
    tau_minus_s: float
    low: float = 0.0
    high: float = 1.0
