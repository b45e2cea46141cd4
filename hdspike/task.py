"""The main job's question: which character comes next? Text, keys, values and queries, ready to attend."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hdspike import check, encode, language
from hdspike.datasets import Text, builtin_text, read_text
from hdspike.memory import ItemMemory
from hdspike.spaces import Space, make

__all__ = ["DEFAULT_DIM", "LEAST_DIM", "ORDER", "Settings", "Task", "prepare"]

DEFAULT_DIM = {"sbc": 131_072, "bsc": 10_240}
ORDER = {"sbc": 8, "bsc": 5}  # the longest suffix that a context codes
LEAST_DIM = 64


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
        queries, development, chip_queries = (256, 256, 8) if self.quick else (1024, 512, 32)
        return replace(
            self,
            queries=check.integer("queries", self.queries or queries, low=1),
            development=check.integer("development", self.development or development, low=1),
            chip_queries=check.integer("chip_queries", self.chip_queries or chip_queries, low=1),
        )


def parse_winners(text: str, keys: int) -> int:
    """``"40"`` or ``"1%"`` of the keys as a count from 1 to ``keys``."""
    share = text.endswith("%")
    try:
        number = float(text[:-1]) if share else int(text)
    except ValueError:
        raise ValueError(f"winners must be a count such as 40 or a share such as 1%, got {text!r}") from None
    if share and not 0 < number <= 100:
        raise ValueError(f"winners must be above 0% and at most 100% of the keys, got {text}")
    count = max(1, round(keys * number / 100)) if share else int(number)
    if not 1 <= count <= keys:
        raise ValueError(f"winners must be at least 1 and at most the number of keys, {keys}, got {text}")
    return count


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
    """The dimension of a run: at least 64."""
    chosen = DEFAULT_DIM[check.one_of("space", space, tuple(DEFAULT_DIM))] if dim is None else dim
    if check.integer("dim", chosen) < LEAST_DIM:
        raise ValueError(f"dim must be at least {LEAST_DIM} for a run, got {chosen}")
    return chosen


def prepare(settings: Settings) -> Task:
    """Read the text, split it, and encode every position's context.

    Without ``keys``, a text too short for the default number of keys gives as many as it holds.
    """
    sizes = settings.sized()
    assert sizes.queries is not None
    assert sizes.development is not None
    space = make(settings.space, check_dim(settings.space, settings.dim))
    order = ORDER[settings.space]
    text = builtin_text() if settings.text is None else read_text(Path(settings.text))
    keys = settings.keys
    if keys is None:
        room = len(text) - order - sizes.queries - sizes.development
        keys = max(64, min(4096 if settings.quick else 32_768, room, (len(text) - order) * 2 // 3))
    check.integer("keys", keys, low=1)
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
