"""Random product codebooks, and queries, keys and values for one layer."""

import numpy as np

from hdspike.models.product import ProductBook


def product(rng, *, layers=1, groups=1, share=2, dim=4, blocks=2, lines=3):
    """A codebook of random centroids."""
    made = (
        rng.normal(size=shape).astype(np.float32)
        for shape in (
            (layers, groups, dim, dim),
            (layers, groups, dim),
            (layers, groups, blocks, lines, dim // blocks),
            (layers, groups, share, dim),
        )
    )
    return ProductBook(*made)


def parts(rng, heads=2, groups=1, count=4, size=9, dim=4):
    """Queries, keys, values and a causal ``seen``."""
    made = [rng.normal(size=(h, n, dim)) for h, n in ((heads, count), (groups, size), (groups, size))]
    return (*(x.astype(np.float32) for x in made), np.arange(size - count + 1, size + 1))
