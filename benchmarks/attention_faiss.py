"""A library of approximate nearest neighbours at the same work: faiss finds the winners, we read their values.

Inner products, trained on the keys themselves; probes are tuned on development queries as ours are. What is timed is
the search for k keys and softmax over their values, by our kernel.
"""

import math
import time
from collections.abc import Callable
from typing import Any

import numpy as np
from attention_keys import Head
from attention_ours import SAFE
from numpy.typing import NDArray

from hdspike.models.stream_keys import halved
from hdspike.models.stream_search import _blend

__all__ = ["INDEXES", "attend", "build", "faiss_or_none", "tuned"]

INDEXES = ("IVF flat", "IVF PQ fast scan", "HNSW")
PROBES = (4, 8, 16, 32, 48, 64, 96, 128, 192, 256, 384, 512)
BEAMS = (1.0, 1.5, 2.0, 3.0, 4.0, 6.0)  # of HNSW, times k
REFINED = 4  # candidates that are scored exactly for each winner, of the fast scan


def faiss_or_none() -> Any:
    """The package, or None where it is not installed."""
    try:
        import faiss
    except ImportError:
        return None
    return faiss


def build(faiss: Any, name: str, keys: NDArray[np.float32], lists: int) -> tuple[Any, float, float]:
    """An index that holds the keys, the seconds of its training, and those of one insertion."""
    dim, inner = keys.shape[1], faiss.METRIC_INNER_PRODUCT
    if name == "HNSW":
        index: Any = faiss.IndexHNSWFlat(dim, 16, inner)
        index.hnsw.efConstruction = 40
    else:
        spec = f"IVF{lists},Flat" if name == "IVF flat" else f"IVF{lists},PQ{dim // 2}x4fs,RFlat"
        index = faiss.index_factory(dim, spec, inner)
    begun = time.perf_counter()
    index.train(keys)
    trained = time.perf_counter()
    index.add(keys)
    return index, trained - begun, (time.perf_counter() - trained) / len(keys)


def setting(faiss: Any, index: Any, name: str, value: float, winners: int) -> None:
    """Probes, or the beam."""
    if name == "HNSW":
        index.hnsw.efSearch = int(value * winners)
    elif name == "IVF flat":
        index.nprobe = int(value)
    else:
        index.k_factor = REFINED
        faiss.downcast_index(index.base_index).nprobe = int(value)


def share(index: Any, true: Any, winners: int) -> tuple[float, float]:
    """Mass of what it finds ÷ that of the exact winners: mean and deviation over the queries."""
    rows = np.ascontiguousarray(true.queries.reshape(-1, true.queries.shape[2]))
    _, places = index.search(rows, winners)
    there = places >= 0
    mass = np.take_along_axis(true.mass, np.where(there, places, 0), axis=1)
    found = np.where(there, mass, 0).sum(axis=1, dtype=np.float64) / true.best
    return float(found.mean()), float(found.std(ddof=1))


def tuned(faiss: Any, index: Any, name: str, true: Any, winners: int, wanted: float) -> float:
    """The least setting with which ``true`` surely finds ``wanted``, as we are tuned; the most if none does."""
    values = BEAMS if name == "HNSW" else PROBES
    for value in values:
        setting(faiss, index, name, value, winners)
        mean, deviation = share(index, true, winners)
        if mean - SAFE * deviation / math.sqrt(len(true.mass)) >= wanted:
            break
    return value


def attend(index: Any, head: Head, winners: int) -> Callable[[NDArray[np.float32]], NDArray[np.float32]]:
    """Attention of queries ``(n, d)`` by the winners that the index finds."""
    values, scale = halved(head.values), np.float32(head.keys.shape[1] ** -0.5)

    def read(queries: NDArray[np.float32]) -> NDArray[np.float32]:
        scores, places = index.search(queries, winners)
        out = np.empty((len(queries), values.shape[1]), dtype=np.float32)
        for row in range(len(queries)):
            count = int((places[row] >= 0).sum())
            _blend(scores[row] * scale, values, places[row].astype(np.int32), count, out[row])
        return out

    return read
