"""The peers, each in its best layout, or ``None`` where it is not installed (`pip install -e ".[bench]"`).

Each is given as many threads as we take.
"""

from typing import Any

import numba


def torchhd() -> Any:
    """torchhd (MIT): PyTorch tensors, one byte or more per bit."""
    try:
        import torch
        import torchhd
    except ImportError:
        return None
    torch.set_num_threads(numba.get_num_threads())
    return torchhd


def faiss() -> Any:
    """faiss (MIT): C++ search of packed bits."""
    try:
        import faiss
    except ImportError:
        return None
    faiss.omp_set_num_threads(numba.get_num_threads())
    return faiss


def cbhv() -> Any:
    """CBHV through PyBHV (``bhv``): C and C++ on packed bits, a fixed dimension of 8,192."""
    try:
        from bhv.cnative import CNativePackedBHV
    except ImportError:
        return None
    return CNativePackedBHV
