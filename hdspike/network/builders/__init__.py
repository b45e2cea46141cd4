"""Builders: the usual patterns of synapses between two populations, each returned as a projection."""

from hdspike.network.builders.chance import random
from hdspike.network.builders.convolution import average_pool, conv2d, conv2d_shape, sum_pool
from hdspike.network.builders.dense import dense, one_to_one
from hdspike.network.builders.given import from_edges, from_sparse

__all__ = [
    "average_pool",
    "conv2d",
    "conv2d_shape",
    "dense",
    "from_edges",
    "from_sparse",
    "one_to_one",
    "random",
    "sum_pool",
]
