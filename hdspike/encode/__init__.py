"""Encoders: things of every kind become hypervectors, one family per file.

Binding is ``⊗``, the bundle ``[ + ]``, the permutation ``ρ``, of the space in use (:mod:`hdspike.spaces`), which is
the first argument of all but the encoders of floats. Axes before those named in a docstring are batches.

Names are singular and those of torchhd where it has the encoder: ``random``, ``level``, ``thermometer``,
``circular``, ``multiset``, ``multibind``, ``bundle_sequence``, ``bind_sequence``, ``hash_table``, ``graph``,
``tree``. ``ngrams`` and ``contexts`` are plural because each returns one vector for every place of a text.
``symbols`` is another name of ``random``, ``levels`` of ``level``.
"""

from hdspike.encode.automata import automaton, step
from hdspike.encode.fields import ReceptiveFields
from hdspike.encode.fractional import fractional
from hdspike.encode.grams import ngrams
from hdspike.encode.graphs import graph, neighbours
from hdspike.encode.hashed import HashedItems
from hdspike.encode.images import grid, pixels
from hdspike.encode.items import random, symbols
from hdspike.encode.locality import FlyHash, SimHash, WinnerHash, fly_match, simhash_match, winner_match
from hdspike.encode.profiles import profile
from hdspike.encode.projection import Projector, project
from hdspike.encode.records import hash_table, lookup, record
from hdspike.encode.scalars import circular, level, levels, quantise, thermometer
from hdspike.encode.sequences import bind_sequence, bundle_sequence, element, placed, position
from hdspike.encode.series import time_series
from hdspike.encode.sets import multibind, multiset
from hdspike.encode.suffixes import contexts
from hdspike.encode.trees import leaf, tree

__all__ = [
    "FlyHash",
    "HashedItems",
    "Projector",
    "ReceptiveFields",
    "SimHash",
    "WinnerHash",
    "automaton",
    "bind_sequence",
    "bundle_sequence",
    "circular",
    "contexts",
    "element",
    "fly_match",
    "fractional",
    "graph",
    "grid",
    "hash_table",
    "leaf",
    "level",
    "levels",
    "lookup",
    "multibind",
    "multiset",
    "neighbours",
    "ngrams",
    "pixels",
    "placed",
    "position",
    "profile",
    "project",
    "quantise",
    "random",
    "record",
    "simhash_match",
    "step",
    "symbols",
    "thermometer",
    "time_series",
    "tree",
    "winner_match",
]
