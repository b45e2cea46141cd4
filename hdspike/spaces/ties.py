"""What decides between equals in a bundle of index vectors: a stream whose seed depends on the multiset alone."""

import numpy as np

from hdspike import bits
from hdspike.jit import kernel

LOW, HALF = np.uint64(0xFFFFFFFF), np.uint64(32)


@kernel
def _seed(rows, weights):
    """``Σ_k w_k · hash64(row_k) mod 2⁶⁴`` of index rows (K, w): :func:`hdspike.bits.hash64` without a copy."""
    total = bits.ZERO
    for k in range(rows.shape[0]):
        row = bits.ZERO
        salt = bits.ZERO
        for j in range(rows.shape[1]):
            salt += bits.GOLDEN
            word = np.uint64(rows[k, j]) ^ salt
            row += (word & LOW) * (word >> HALF)
        total += np.uint64(weights[k]) * bits._mix(row)
    return total
