"""The contestants that a language model of hypervectors has to beat: one file = one contestant.

Each learns the training text in one pass and predicts the next text character by character
(:mod:`hdspike.contestants.contract`); :mod:`hdspike.contestants.interval` says how sure the figures are.
"""

from hdspike.contestants.contract import Contestant, Learning, Reading

__all__ = ["Contestant", "Learning", "Reading"]
