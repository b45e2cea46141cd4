"""Item memory: the clean vectors that everything noisy is compared with."""

import hashlib
import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from math import inf
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hdspike import bits, check, files
from hdspike.spaces import BSC, BSDC, SBC, Lists, Space, SparseSpace
from hdspike.theory import memories
from hdspike.theory.interval import number

__all__ = ["ItemMemory"]

SCORES = 2**22
"""Most scores held at once while a memory is searched: 16 MiB of int32."""
FORMAT = "hdspike.item-memory"
KINDS: dict[str, Any] = {kind.name: kind for kind in (BSC, SBC, BSDC)}
INDEXED = 256
"""Items of a sparse space from which an index of inverted lists pays, once 16 queries have come."""


class ItemMemory:
    r"""M vectors of one space, searched by similarity.

    .. math:: \text{cleanup}(q) = \arg\max_m \mathrm{sim}(q, x_m) \qquad z_m = (s(q, x_m) - \mu_0) \div \sigma_0

    where s is the integer score of the space and μ₀, σ₀ are its mean and deviation over random pairs
    (:func:`hdspike.theory.chance_score`). A z-score counts the standard deviations by which a query is nearer
    than chance; the highest of M random items reaches about :func:`hdspike.theory.chance_best`, so a threshold
    ``sigma`` above that tells what is known from what is not.

    Args:
        space: the space of all vectors.
        items: the vectors ``(M, width)``, M ≥ 1. They are copied, unless nothing can write into them; those of a
            memory-mapped file stay there until items are added or removed.
        labels: a distinct name for each item, if wanted.

    Queries are one vector ``(width,)`` or any batch ``(..., width)``; results have the shape of the batch.

    >>> from hdspike.spaces import BSC
    >>> space = BSC(1000)
    >>> memory = ItemMemory(space, space.random(3, rng=0), labels=["apple", "pear", "plum"])
    >>> memory.cleanup(memory.items[[2, 0]]).tolist()
    [2, 0]
    >>> memory.closest(memory.items[1], sigma=5), memory.closest(space.random(1, rng=1)[0], sigma=5)
    ('pear', None)

    Source: Plate 1995; Kanerva 2009. Names as in PyBHV (``closest``, ``top``, ``within``, ``std_apart``).
    """

    def __init__(self, space: Space, items: Any, *, labels: Sequence[str] | None = None) -> None:
        given = check.batch("items", space.checked("items", items), least=1)
        mapped = bits.mapped(given)
        names = None if labels is None else _checked_labels(labels, len(given))
        if not mapped and _writeable(given) and np.may_share_memory(given, np.asarray(items)):
            given = given.copy()
        self._start(space, given, names)
        self._mapped = mapped

    def _start(self, space: Space, items: NDArray[Any], labels: list[str] | None) -> None:
        self.space = space
        self._store, self._count, self._own = items, len(items), False
        self._labels = labels
        self._places: dict[str, int] | None = None
        self._mapped = False
        self._index: Lists | None = None
        self._searched = 0

    def __len__(self) -> int:
        return self._count

    def __repr__(self) -> str:
        return f"<ItemMemory: {len(self)} items of {self.space!r}>"

    @property
    def items(self) -> NDArray[Any]:
        """The vectors ``(M, width)``, read-only; :meth:`add` and :meth:`remove` change them."""
        view = self._store[: self._count]
        view.flags.writeable = False
        return view

    @property
    def labels(self) -> list[str] | None:
        """The name of each item, or None where items have no names."""
        return None if self._labels is None else list(self._labels)

    def index(self, label: str) -> int:
        """Where the item called ``label`` is."""
        if self._labels is None:
            raise ValueError("label must be that of an item, but these items have no labels")
        if self._places is None:
            self._places = {name: i for i, name in enumerate(self._labels)}
        if label not in self._places:
            raise ValueError(f"label must be that of an item, got {label!r}")
        return self._places[label]

    def __getitem__(self, label: str) -> NDArray[Any]:
        """The vector ``(width,)`` of the item called ``label``."""
        return self.items[self.index(label)]

    # --- comparing with all items

    def score(self, queries: Any) -> NDArray[np.int32]:
        """Integer similarity to every item: ``(..., width)`` → ``(..., M)``."""
        return self.space.score(queries, self.items)

    def similarity(self, queries: Any) -> NDArray[np.float64]:
        """Scaled similarity to every item: ``(..., width)`` → ``(..., M)``."""
        return self.space.similarity(queries, self.items)

    def std_apart(self, queries: Any) -> NDArray[np.float64]:
        """Standard deviations above the score of a random pair: ``z = (s − μ₀) ÷ σ₀``, ``(..., M)``."""
        return self._z(self.score(queries))

    def _z(self, scores: NDArray[Any]) -> NDArray[np.float64]:
        mean, deviation = memories.chance_score(self.space)
        return (scores - mean) / deviation

    # --- searching, in bounded memory

    def top(self, queries: Any, k: int) -> NDArray[np.int64]:
        """Indices of the k most similar items, best first, equal ones by index: ``(..., min(k, M))``."""
        return self.nearest(queries, k)[0]

    def nearest(self, queries: Any, k: int) -> tuple[NDArray[np.int64], NDArray[np.int32]]:
        """Indices and scores of the k most similar items, best first, equal ones by index.

        Queries ``(..., width)`` → two arrays ``(..., min(k, M))``. Items are visited in slices, so a memory-mapped
        memory may be larger than RAM.
        """
        check.integer("k", k, low=1)
        given = self.space.checked("queries", queries)
        chosen, scores = self._nearest(given.reshape(-1, given.shape[-1]), k)
        shape = (*given.shape[:-1], chosen.shape[1])
        return chosen.reshape(shape), scores.reshape(shape)

    def _nearest(self, asked: NDArray[Any], k: int) -> tuple[NDArray[np.int64], NDArray[np.int32]]:
        """:meth:`nearest` of a checked batch ``(Q, width)``."""
        if self._worth_an_index(len(asked)):
            return self.space.nearest(asked, self._index, k)
        best = np.empty((len(asked), 0), dtype=np.int64)
        scores = np.empty((len(asked), 0), dtype=np.int32)
        for low, part in self._slices(len(asked), k):
            found, reached = self.space.nearest(asked, part, min(k, len(part)))
            best = np.concatenate([best, found + low], axis=1)
            scores = np.concatenate([scores, reached.astype(np.int32, copy=False)], axis=1)
            if low:  # the slices are in order of index, so a stable sort keeps equal ones by index
                order = np.argsort(-scores, axis=1, kind="stable")[:, :k]
                best = np.take_along_axis(best, order, axis=1)
                scores = np.take_along_axis(scores, order, axis=1)
        return best, scores

    def _worth_an_index(self, queries: int) -> bool:
        """Whether there is, or now is, an index of inverted lists: sparse spaces, not memory-mapped."""
        if not isinstance(self.space, SparseSpace) or self._mapped or len(self) < INDEXED:
            return False
        self._searched += queries
        if self._index is None and self._searched >= 16:
            self._index = self.space.index(self.items)
        return self._index is not None

    def _slices(self, queries: int, k: int = 1) -> Iterator[tuple[int, NDArray[Any]]]:
        """The items in slices that have at most about ``SCORES`` scores with that many queries."""
        step = max(SCORES // max(queries, 1), k, 64)
        for low in range(0, len(self), step):
            yield low, self.items[low : low + step]

    def cleanup(self, queries: Any, *, sigma: float | None = None) -> NDArray[np.int64]:
        """Index of the most similar item, the lowest of equal ones: ``(..., width)`` → ``(...)``.

        With ``sigma``, −1 (unknown) where even that item is less than ``sigma`` standard deviations nearer than
        a random vector is.
        """
        best, scores = self.nearest(queries, 1)
        if sigma is None:
            return best[..., 0]
        known = self._z(scores[..., 0]) >= number("sigma", sigma, -inf, inf)
        return np.where(known, best[..., 0], np.int64(-1))[()]

    def closest(self, query: Any, *, sigma: float | None = None) -> Any:
        """The item most similar to one query ``(width,)``: its label, or its index where items have none.

        None if it is less than ``sigma`` standard deviations nearer than chance. Of a batch ``(..., width)``, a list
        of these (of lists).
        """
        found = self.cleanup(self.space.checked("query", query), sigma=sigma).tolist()
        return _each(self._name, found)

    def _name(self, place: int) -> int | str | None:
        if place < 0:
            return None
        return place if self._labels is None else self._labels[place]

    def within(
        self,
        queries: Any,
        *,
        distance: int | None = None,
        similarity: float | None = None,
        sigma: float | None = None,
    ) -> Any:
        """All items near enough to each query: one array of indices per query, best first, equal ones by index.

        Of one vector ``(width,)`` it is that array, of a batch ``(..., width)`` a list (of lists) of arrays.

        Near enough is one of: at most ``distance`` below the score of a vector with itself (bsc: the Hamming
        distance); a ``similarity`` of at least so much; at least ``sigma`` standard deviations above chance.
        """
        if sum(limit is not None for limit in (distance, similarity, sigma)) != 1:
            raise ValueError("within needs one of distance, similarity and sigma")
        if distance is not None:
            least = self.space.top_score - check.integer("distance", distance, low=0)
            near: Callable[[NDArray[Any]], Any] = lambda scores: scores >= least  # noqa: E731
        elif similarity is not None:
            bound = number("similarity", similarity, -inf, inf)
            near = lambda scores: self.space.scale(scores) >= bound  # noqa: E731
        else:
            apart = number("sigma", sigma, -inf, inf)
            near = lambda scores: self._z(scores) >= apart  # noqa: E731
        given = self.space.checked("queries", queries)
        asked = given.reshape(-1, given.shape[-1])
        found: list[list[NDArray[np.int64]]] = [[np.empty(0, dtype=np.int64)] for _ in asked]
        scores: list[list[NDArray[np.int32]]] = [[np.empty(0, dtype=np.int32)] for _ in asked]
        for low, part in self._slices(len(asked)):
            some = self.space.score(asked, part)
            for q, keep in enumerate(near(some)):
                where = np.flatnonzero(keep)
                found[q].append(where + low)
                scores[q].append(some[q, where])
        out = []
        for indices, reached in zip(found, scores, strict=True):
            order = np.argsort(-np.concatenate(reached), kind="stable")
            out.append(np.concatenate(indices)[order])
        return _each(out.__getitem__, np.arange(len(out)).reshape(given.shape[:-1]).tolist())

    # --- changing

    def add(self, vectors: Any, *, labels: Sequence[str] | None = None) -> NDArray[np.int64]:
        """Append items ``(n, width)``; returns their indices. Costs O(n) on average: room grows by doubling."""
        given = check.batch("vectors", self.space.checked("vectors", vectors))
        if (labels is None) != (self._labels is None) and len(given):
            have = "no labels" if self._labels is None else "labels"
            raise ValueError(f"labels must be given where items have them, and only there: these have {have}")
        if labels is not None:
            new = _checked_labels(labels, len(given))
            self._labels = _checked_labels([*(self._labels or []), *new], self._count + len(given))
            self._places = None
        total = self._count + len(given)
        if not self._own or total > len(self._store):
            room = np.empty((max(total, 2 * self._count), *self._store.shape[1:]), dtype=self._store.dtype)
            room[: self._count] = self.items
            self._store, self._own = room, True
        self._store[self._count : total] = given
        self._index, self._mapped = None, False
        added = np.arange(self._count, total)
        self._count = total
        return added

    def remove(self, indices: Any) -> None:
        """Take items out; those behind them move up. At least one must stay."""
        gone = np.atleast_1d(check.array("indices", indices, np.int64)).ravel()
        if gone.size and not (0 <= gone.min() and gone.max() < len(self)):
            raise ValueError(f"indices must be in [0, {len(self)}), got {gone.min()} … {gone.max()}")
        keep = np.ones(len(self), dtype=bool)
        keep[gone] = False
        if not keep.any():
            raise ValueError(f"indices must leave at least one item, got all {len(self)}")
        self._store, self._own = self.items[keep], True
        self._index, self._mapped = None, False
        self._count = len(self._store)
        if self._labels is not None:
            self._labels = [name for name, stays in zip(self._labels, keep, strict=True) if stays]
            self._places = None

    # --- files

    def save(self, path: str | Path) -> None:
        """Write the memory to one file (:func:`hdspike.files.save_array`); labels to ``path`` + ``.labels.json``.

        The file carries the fingerprint of its labels, so that the two cannot be mixed up.
        """
        meta: dict[str, Any] = {"kind": FORMAT, "space": self.space.name, "settings": _settings(self.space)}
        if self._labels is not None:
            text = json.dumps(self._labels, ensure_ascii=False)
            meta["labels_sha256"] = hashlib.sha256(text.encode()).hexdigest()
            files.write_text(_beside(path), text)
        files.save_array(path, self.items, **meta)

    @classmethod
    def load(cls, path: str | Path, *, mmap: bool = True) -> "ItemMemory":
        """Open what :meth:`save` wrote.

        With ``mmap`` nothing is read but the header: a million items open at once, pages come in as they are
        searched, and values are not checked. With ``mmap=False`` everything is read and checked.

        Raises:
            ValueError: a file that is corrupt, of another kind, or whose labels are not its own.
        """
        array, meta = files.load_array(path, mmap=mmap)
        if meta.get("kind") != FORMAT:
            raise ValueError(f"{path} must be an item memory, its header says {meta.get('kind')!r}")
        space = _space(path, meta)
        dtype = space.dtype
        if array.ndim != 2 or not len(array) or array.shape[1] != space.width or array.dtype != dtype:
            raise ValueError(
                f"{path} must hold items (M ≥ 1, {space.width}) of {dtype} for {space!r}, "
                f"got {array.shape} of {array.dtype}"
            )
        if not mmap:
            array = space.checked(f"items of {path}", array)
        memory = cls.__new__(cls)
        memory._start(space, array, _read_labels(path, meta.get("labels_sha256"), len(array)))
        memory._mapped = mmap
        return memory


def _each(name: Callable[[int], Any], places: Any) -> Any:
    """``name`` of a number, or of each number in a list of lists."""
    return [_each(name, place) for place in places] if isinstance(places, list) else name(places)


def _writeable(array: Any) -> bool:
    """Whether an array, or one that it is a view of, can be written into."""
    while isinstance(array, np.ndarray):
        if array.flags.writeable:
            return True
        array = array.base
    return not (array is None or isinstance(array, bytes))


def _settings(space: Space) -> dict[str, Any]:
    """What a space is made from."""
    names = {BSC: ("dim",), SBC: ("dim", "blocks"), BSDC: ("dim", "ones", "seed")}.get(type(space))
    if names is None:
        raise TypeError(f"space must be one of {', '.join(KINDS)} to be saved, got {space!r}")
    narrow = {"dtype": space.dtype.name} if isinstance(space, SBC) and space.dtype != np.int32 else {}
    return {name: getattr(space, name) for name in names} | narrow


def _space(path: str | Path, meta: dict[str, Any]) -> Space:
    """The space that the header of a file describes."""
    kind, settings = meta.get("space"), meta.get("settings")
    if not isinstance(kind, str) or kind not in KINDS or not isinstance(settings, dict):
        raise ValueError(f"{path} must name a space, one of {', '.join(KINDS)}, its header says {kind!r}")
    try:
        return KINDS[kind](**settings)
    except (TypeError, ValueError, OverflowError) as error:
        raise ValueError(f"{path} must describe a space, its header says {kind} of {settings!r}") from error


def _beside(path: str | Path) -> Path:
    return Path(f"{path}.labels.json")


def _read_labels(path: str | Path, fingerprint: Any, count: int) -> list[str] | None:
    """The labels of a file whose header has their ``fingerprint``."""
    if fingerprint is None:
        return None
    place = _beside(path)
    try:
        text = place.read_bytes()
    except FileNotFoundError as error:
        raise ValueError(f"{path} must have its labels beside it, {place.name} is missing") from error
    if hashlib.sha256(text).hexdigest() != fingerprint:
        raise ValueError(f"{place} must hold the labels that {Path(path).name} was saved with, it has others")
    try:
        names = json.loads(text)
        if not isinstance(names, list):
            raise TypeError(f"labels must be a list, got {type(names).__name__}")
        return _checked_labels(names, count)
    except (TypeError, ValueError, RecursionError) as error:
        raise ValueError(f"{place} must hold a list of {count} distinct strings: {error}") from error


def _checked_labels(labels: Any, count: int) -> list[str]:
    """As many distinct strings as there are items."""
    if isinstance(labels, str) or not isinstance(labels, Iterable):
        raise TypeError(f"labels must be strings, got {labels!r:.80}")
    labels = list(labels)
    if not all(isinstance(name, str) for name in labels):
        raise TypeError(f"labels must be strings, got {labels!r:.80}")
    if len(labels) != count:
        raise ValueError(f"labels must be as many as the {count} items, got {len(labels)}")
    if len(set(labels)) != count:
        raise ValueError("labels must be distinct")
    return labels
