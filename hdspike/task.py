"""The main job's question: which character comes next? Text, keys, values and queries, ready to attend."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hdspike import check, encode, language
from hdspike.attention import select
from hdspike.check import parse_winners
from hdspike.datasets import Text, builtin_text, read_text
from hdspike.memory import ItemMemory
from hdspike.spaces import Space, make
from hdspike.spaces.sbc import BLOCKS

__all__ = ["DEFAULT_DIM", "LEAST_DIM", "ORDER", "Settings", "Task", "prepare"]

DEFAULT_DIM = {"sbc": 131_072, "bsc": 10_240}
ORDER = {"sbc": 8, "bsc": 5}  # the longest suffix that a context codes
LEAST_DIM, LARGEST_DIM = 64, 2**27
LEAST_KEYS = 64


@dataclass(frozen=True)
class Settings:
    """What a run is asked to do; ``None`` leaves the choice to the run."""

    text: str | None = None
    space: str = "sbc"
    dim: int | None = None
    keys: int | None = None
    winners: str = "64"
    select: str = "exact"
    theta: int | None = None
    chip: str = "loihi"
    chip_keys: int | None = None
    start: int | None = None
    seed: int = 0
    quick: bool = False
    queries: int | None = None
    development: int | None = None
    chip_queries: int | None = None

    def sized(self) -> "Settings":
        """The same settings with every size that was left open filled in, except the number of keys."""
        queries, development, chip_queries = (256, 256, 16) if self.quick else (1024, 512, 64)
        return replace(
            self,
            queries=_given("queries", self.queries, queries),
            development=_given("development", self.development, development),
            chip_queries=_given("chip_queries", self.chip_queries, chip_queries),
        )


def _given(name: str, value: int | None, default: int) -> int:
    """``value``, or the default where it was left open."""
    return check.integer(name, default if value is None else value, low=1)


@dataclass(frozen=True)
class Task:
    """Everything that the attention and its rivals are given."""

    text: Text
    split: language.Split
    space: Space
    memory: ItemMemory
    k: int
    order: int
    vectors: dict[str, NDArray[Any]]
    """Context hypervectors of ``keys``, ``development`` and ``queries``."""
    targets: dict[str, NDArray[np.int64]]
    """The next token of each position, under the same names."""
    prior: NDArray[np.float64]

    @property
    def values(self) -> NDArray[Any]:
        """The value hypervector of every key: the item of its next token."""
        return self.memory.items[self.targets["keys"]]


def check_dim(space: str, dim: int | None) -> int:
    """The dimension of a run, from 64 to 2²⁷ bits (the order of the lines is held in memory)."""
    chosen = DEFAULT_DIM[check.one_of("space", space, tuple(DEFAULT_DIM))] if dim is None else dim
    if not LEAST_DIM <= check.integer("dim", chosen) <= LARGEST_DIM:
        blocks = f", and for sbc a multiple of {BLOCKS}, at least {2 * BLOCKS}" if space == "sbc" else ""
        raise ValueError(
            f"dim must be at least {LEAST_DIM} and at most {LARGEST_DIM} for a run{blocks}, got {chosen}"
        )
    return chosen


def most_keys(length: int, sizes: Settings, order: int) -> int:
    """The most keys for which a text of ``length`` characters is long enough (0: for none)."""
    low, high = 0, length
    while low < high:
        middle = (low + high + 1) // 2
        if language.needed(middle, sizes.development or 1, sizes.queries or 1, order) <= length:
            low = middle
        else:
            high = middle - 1
    return low


def validate(settings: Settings) -> None:
    """Check what can be checked before anything is read.

    Raises:
        ValueError: naming the setting, its rule and the value.
    """
    check.integer("seed", settings.seed, low=0)
    make(settings.space, check_dim(settings.space, settings.dim))
    check.one_of("select", settings.select, select.RULES)
    if settings.theta is not None and not select.needs_theta(settings.select):
        raise ValueError(
            f"theta must not be given with select exact, which has no threshold; got {settings.theta}"
        )
    if settings.keys is not None:
        check.integer("keys", settings.keys, low=1)
    if settings.chip_keys is not None:
        check.integer("chip-keys", settings.chip_keys, low=1)
    parse_winners(settings.winners, settings.keys or LARGEST_DIM)


def prepare(settings: Settings) -> Task:
    """Read the text, split it, and encode every position's context.

    Keys, development and queries are positions t in the order of the text; the vector of t is the context that
    ends there, its target is token t + 1. Without ``keys``, a text too short for the default number gives as
    many as it holds. Symbols are those of the whole text; the unigram prior counts those of the memory.

    Raises:
        ValueError: a setting breaks its rule, or the text is too short.
    """
    validate(settings)
    sizes = settings.sized()
    assert sizes.queries is not None
    assert sizes.development is not None
    space = make(settings.space, check_dim(settings.space, settings.dim))
    order = ORDER[settings.space]
    text = builtin_text() if settings.text is None else read_text(Path(settings.text))
    most = most_keys(len(text), sizes, order)
    keys = settings.keys
    if keys is None:
        keys = max(LEAST_KEYS, min(4096 if settings.quick else 32_768, most))
    elif keys > most >= LEAST_KEYS:
        raise ValueError(f"keys must be at most {most} for this text of {len(text)} characters, got {keys}")
    k = parse_winners(settings.winners, keys)
    split = language.split(
        len(text), keys=keys, development=sizes.development, queries=sizes.queries, order=order,
        start=settings.start,
    )  # fmt: skip
    places = {"keys": split.keys, "development": split.development, "queries": split.queries}
    items = encode.symbols(space, len(text.symbols), rng=settings.seed)
    targets = {name: text.tokens[t + 1] for name, t in places.items()}
    return Task(
        text=text,
        split=split,
        space=space,
        memory=ItemMemory(space, items),
        k=k,
        order=order,
        vectors={
            name: encode.contexts(space, items, text.tokens, t, order=order) for name, t in places.items()
        },
        targets=targets,
        prior=language.unigram(targets["keys"], len(text.symbols)),
    )
