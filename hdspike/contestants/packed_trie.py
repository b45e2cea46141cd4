"""N-gram counts packed for reading alone: a trie in level order, no pointers, counts of one byte.

Contexts are numbered level by level, and within a level by their parent and their symbol, so that the children of a
context lie together, sorted, and begin where those of the context before it end. What is kept of a context is its
symbol, how many children and how many followers it has; the sums of these before every 32nd context say where they
lie (a rank directory: Jacobson 1989). Each follower is a symbol and a count; 0 stands for a count above 255, found in
a short sorted list. So are the counts that were dropped, where any were.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from hdspike.contestants.ngram_store import EMPTY, PROBES, WALKED, NgramStore
from hdspike.jit import kernel

__all__ = ["PackedTrie"]

STEP = 32  # contexts per entry of a directory


@kernel
def _owners(head, link, out):
    """``out[entry]`` = the context whose list it is in."""
    for node in range(len(head)):
        entry = head[node]
        while entry != EMPTY:
            out[entry] = node
            entry = link[entry]
    return len(head)


@kernel
def _before(sizes, directory, i, work):
    """Σ sizes[:i]."""
    work[WALKED] += i % STEP
    total = np.int64(directory[i // STEP])
    for j in range(i // STEP * STEP, i):
        total += np.int64(sizes[j])
    return total


@kernel
def _full(small, places, large, i):
    """The i-th count: its byte, or what the list of large ones has at its place."""
    if small[i] != 0:
        return np.int64(small[i])
    low, high = 0, len(places)
    while low < high:
        middle = (low + high) // 2
        if places[middle] < i:
            low = middle + 1
        else:
            high = middle
    if low < len(places) and places[low] == i:
        return np.int64(large[low])
    return np.int64(0)


@kernel
def _child(tree, node, symbol, work):
    """The child of ``node`` by ``symbol``, or −1."""
    symbols, children, directory = tree[:3]
    low = 1 + _before(children, directory, node, work)
    high = low + np.int64(children[node])
    end = high
    while low < high:
        middle = (low + high) // 2
        work[PROBES] += 1
        if symbols[middle] < symbol:
            low = middle + 1
        else:
            high = middle
    if low < end and symbols[low] == symbol:
        return low
    return np.int64(-1)


def _directory(sizes: NDArray[Any]) -> NDArray[np.uint32]:
    sums = np.concatenate([[0], np.cumsum(sizes, dtype=np.int64)])
    return sums[::STEP].astype(np.uint32)


def _bytes(counts: NDArray[np.int32]) -> tuple[NDArray[np.uint8], NDArray[np.uint32], NDArray[np.uint32]]:
    """Counts as bytes, and the places and values of those above 255."""
    places = np.flatnonzero(counts > 255)
    small = np.where(counts > 255, 0, counts).astype(np.uint8)
    return small, places.astype(np.uint32), counts[places].astype(np.uint32)


class PackedTrie:
    """The contexts and counts of a store, which may then be thrown away."""

    def __init__(self, store: NgramStore) -> None:
        keys, values, _, lost, head, symbol, count, link = store.arrays
        nodes, entries = store.contexts, store.ngrams
        parent, by = np.full(nodes, -1), np.zeros(nodes, dtype=np.int64)
        there = keys != EMPTY
        parent[values[there]], by[values[there]] = keys[there] // store.base, keys[there] % store.base
        order = np.zeros(nodes, dtype=np.int64)  # old numbers in new order
        place = np.full(nodes, -1)
        place[0], made, level = 0, 1, np.zeros(1, dtype=np.int64)
        children = np.bincount(parent[1:], minlength=nodes)
        by_parent = np.argsort(parent, kind="stable")[1:]
        starts = np.cumsum(children) - children
        while len(level):
            sizes = children[level]
            offset = np.arange(sizes.sum()) - np.repeat(np.cumsum(sizes) - sizes, sizes)
            found = by_parent[np.repeat(starts[level], sizes) + offset]
            found = found[np.lexsort((by[found], place[parent[found]]))]
            order[made : made + len(found)] = found
            place[found] = made + np.arange(len(found))
            made, level = made + len(found), found
        owner = np.zeros(entries, dtype=np.int64)
        _owners(head[:nodes], link[:entries], owner)
        sorted_ = np.lexsort((symbol[:entries], place[owner]))
        narrow = np.min_scalar_type(store.base)
        followers = np.bincount(owner, minlength=nodes)[order].astype(narrow)
        fewer = children[order].astype(narrow)
        self.tree = (by[order].astype(narrow), fewer, _directory(fewer), followers, _directory(followers))
        self.lists = (symbol[:entries][sorted_].astype(narrow), *_bytes(count[:entries][sorted_]))
        gone = lost[:nodes][order] if lost[:nodes].any() else lost[:0]
        self.dropped = _bytes(gone)

    def stored_bytes(self) -> int:
        """All arrays: 3¼ bytes a context (4¼ where counts were dropped), 2 an n-gram, 8 more for a count above 255.

        With more than 254 symbols, a symbol and a number of children take 2 bytes each.
        """
        return sum(array.nbytes for array in (*self.tree, *self.lists, *self.dropped))
