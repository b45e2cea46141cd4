"""A text as the bytes that a compressor reads: one byte a character where there are at most 256 symbols.

With more, the symbol's number in base 128, low digits leading, the top bit set on all bytes but the last (LEB128): one
byte for the 128 lowest code points of the text, two for the others up to 16,384 symbols.
"""

import numpy as np
from numpy.typing import NDArray

__all__ = ["octets"]


def octets(tokens: NDArray[np.int64], symbols: int) -> bytes:
    """
    >>> octets(np.array([1, 200]), 256), octets(np.array([1, 200]), 300)
    (b'\\x01\\xc8', b'\\x01\\xc8\\x01')
    """
    if symbols <= 256:
        return tokens.astype(np.uint8).tobytes()
    digits = np.stack([tokens >> shift & 127 for shift in (0, 7, 14)], axis=1)
    wanted = np.stack([np.ones(len(tokens), dtype=bool), tokens >= 1 << 7, tokens >= 1 << 14], axis=1)
    more = np.concatenate([wanted[:, 1:], np.zeros((len(tokens), 1), dtype=bool)], axis=1)
    return (digits + 128 * more)[wanted].astype(np.uint8).tobytes()
