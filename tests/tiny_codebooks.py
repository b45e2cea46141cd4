"""Random codebooks, and queries, keys and values for one layer."""

import numpy as np

from hdspike.models import Codebook


def book(rng, *, layers=1, groups=2, entries=3, dim=8, aware=True):
    """A codebook of random centroids."""
    turns = (
        rng.normal(size=(layers, groups, dim, dim))
        if aware
        else np.eye(dim) * np.ones((layers, groups, 1, 1))
    )
    return Codebook(
        turns.astype(np.float32), rng.normal(size=(layers, groups, entries, dim)).astype(np.float32)
    )


def parts(rng, *, heads=4, groups=2, count=9, size=13, dim=8, width=8):
    """Queries, keys, values and a causal ``seen``."""
    made = (
        rng.normal(size=shape).astype(np.float32)
        for shape in ((heads, count, dim), (groups, size, dim), (groups, size, width))
    )
    return (*made, np.arange(size - count + 1, size + 1))
