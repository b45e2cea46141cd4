"""Arrays that compute: XOR, majority and search where the bits are stored, with copies, readouts and bit errors.

``array``    rows and subarrays, and what an operation on them is counted as
``errors``   results inverted at random, columns that never work
``logic``    XOR, AND and OR by triple-row activations in DRAM, each with its errors
``count``    ones of vectors in columns, counted by full adders of majorities
``majority`` bundles by a tree of majorities
``search``   a content-addressable memory and a crossbar
``recall``   a whole query of an item memory, on each design, and its law

Everything returns integer counts; :mod:`hdspike.energy` prices them.
"""

from hdspike.in_memory.array import BITLINE, DRAM, Array
from hdspike.in_memory.count import adders, column_distances, columns_of, count_counts
from hdspike.in_memory.errors import Noise, mask, weak_columns
from hdspike.in_memory.law import design_law
from hdspike.in_memory.logic import and_, distances, majority3, or_, xor, xor_errors
from hdspike.in_memory.majority import FANS, lean, majority, tree_agreement
from hdspike.in_memory.recall import (
    DESIGNS,
    Recall,
    processor_counts,
    recall,
    recall_counts,
    recall_law,
)
from hdspike.in_memory.search import cam, cam_counts, crossbar, crossbar_counts, crossbar_law

__all__ = [
    "BITLINE",
    "DESIGNS",
    "DRAM",
    "FANS",
    "Array",
    "Noise",
    "Recall",
    "adders",
    "and_",
    "cam",
    "cam_counts",
    "column_distances",
    "columns_of",
    "count_counts",
    "crossbar",
    "crossbar_counts",
    "crossbar_law",
    "design_law",
    "distances",
    "lean",
    "majority",
    "majority3",
    "mask",
    "or_",
    "processor_counts",
    "recall",
    "recall_counts",
    "recall_law",
    "tree_agreement",
    "weak_columns",
    "xor",
    "xor_errors",
]
