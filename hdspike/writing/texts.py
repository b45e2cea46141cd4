"""The text of a command, cut where learning ends and judging begins, and what a model file says of it."""

import hashlib
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hdspike.datasets import builtin_text, read_text
from hdspike.datasets.text import Text
from hdspike.theory.interval import number
from hdspike.transformer import SpikingTransformer

__all__ = ["described", "given_text", "records", "start_of", "tokens_for", "until"]

WHOLE = ("characters", "until", "learned", "lost", "hits")


def given_text(name: str | None) -> Text:
    """The text of a file, or the built-in one."""
    return builtin_text() if name is None else read_text(name)


def until(name: str, share: float, characters: int) -> int:
    """How many characters a leading share is; at least one.

    >>> until("first", 0.9, 464_970)
    418473
    """
    count = _count(number(name, share, 0, 1), characters)
    if count < 1:
        raise ValueError(f"{name} must leave at least one of {characters} characters, got {share}")
    return count


def start_of(name: str, share: float, characters: int) -> int:
    """Where the last ``share`` of a text begins: where the first 1 − ``share`` ends.

    >>> start_of("last", 0.1, 464_970)
    418473
    """
    start = _count(1 - number(name, share, 0, 1), characters)
    if start >= characters:
        raise ValueError(f"{name} must leave at least one of {characters} characters, got {share}")
    return start


def _count(share: float, characters: int) -> int:
    return round(round(share, 12) * characters)


def described(text: Text) -> dict[str, Any]:
    """Where a text is from, and what it can be known by again."""
    digest = hashlib.sha256(text.content.encode()).hexdigest()
    return {"source": text.source, "characters": len(text), "sha256": digest}


def tokens_for(model: SpikingTransformer, text: Text) -> NDArray[np.int64]:
    """The text in the symbols of a model.

    Raises:
        ValueError: characters that it does not know.
    """
    return model.tokens(text.symbols)[text.tokens]


def records(place: str | Path, notes: dict[str, Any]) -> list[dict[str, Any]]:
    """What a model file says of the texts that it has learned, one after the other; none where it says nothing.

    Raises:
        ValueError: notes of another shape than `hdspike train` writes.
    """
    texts = notes.get("texts", [])
    if not isinstance(texts, list) or not all(map(_is_record, texts)):
        raise ValueError(f"{place} must say which texts it has learned, and how far")
    return texts


def _is_record(given: Any) -> bool:
    return (
        isinstance(given, dict)
        and set(given) == {"source", "sha256", "counts", *WHOLE}
        and all(type(given[name]) is int and given[name] >= 0 for name in WHOLE)
        and isinstance(given["source"], str)
        and isinstance(given["counts"], dict)
        and all(type(count) is int for count in given["counts"].values())
    )
