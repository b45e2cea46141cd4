"""Attention as an event-driven spiking layer: k-winner-take-all over address lines instead of softmax."""

from hdspike.attention.latency import LatencyAttention
from hdspike.attention.layer import SpikingAttention
from hdspike.attention.output import bundle_winners, winner_weights

__all__ = ["LatencyAttention", "SpikingAttention", "bundle_winners", "winner_weights"]
