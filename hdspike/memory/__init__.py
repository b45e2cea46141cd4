"""Memories: what was stored is found again by similarity, one kind of memory per file.

``item`` clean vectors, searched · ``willshaw`` pairs of sparse patterns in one-bit synapses · ``sdm`` Kanerva's sparse
distributed memory · ``hopfield`` the softmax-weighted bundle, iterated · ``resonator`` the factors of a product.
"""

from hdspike.memory.hopfield import Hopfield
from hdspike.memory.item import ItemMemory
from hdspike.memory.resonator import Factors, Resonator
from hdspike.memory.sdm import SparseDistributedMemory
from hdspike.memory.willshaw import Willshaw

__all__ = ["Factors", "Hopfield", "ItemMemory", "Resonator", "SparseDistributedMemory", "Willshaw"]
