"""How well a decoder foretells a text: losses in the second half of each window, where every token has a context."""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hdspike import check
from hdspike.models.attention import Attention, softmax
from hdspike.models.feed_forward import FeedForward, gated
from hdspike.models.llama import Llama

__all__ = ["perplexity", "second_half", "windows"]


def windows(tokens: Any, context: int, *, count: int | None = None) -> NDArray[np.int64]:
    """``(count, context)``: the text cut into windows that do not overlap; all that are whole if ``count`` is None.

    Raises:
        ValueError: the text is shorter than ``context``, or than ``count`` windows.

    >>> windows(np.arange(7), 3).tolist()
    [[0, 1, 2], [3, 4, 5]]
    """
    row = check.array("tokens", tokens, np.int64, ndim=1)
    context = check.integer("context", context, low=2)
    whole = len(row) // context
    wanted = max(whole, 1) if count is None else check.integer("count", count, low=1)
    if wanted > whole:
        raise ValueError(f"tokens must be at least {wanted} window(s) of {context}, got {len(row)} tokens")
    return row[: wanted * context].reshape(wanted, context)


def second_half(
    model: Llama,
    window: Any,
    attention: Attention = softmax,
    *,
    feed_forward: FeedForward = gated,
    progress: Callable[[int], None] = lambda layer: None,
) -> NDArray[np.float64]:
    """Losses in nats of the tokens from the middle of ``window`` to its end, each given all before it."""
    window = check.array("window", window, np.int64, ndim=1)
    return model.losses(
        window, attention, first=max(1, len(window) // 2), feed_forward=feed_forward, progress=progress
    )


def perplexity(losses: Any) -> float:
    """exp of the mean loss: among how many equally likely tokens one would have to guess.

    >>> round(perplexity([np.log(8), np.log(2)]), 6)
    4.0
    """
    given = np.asarray(losses, dtype=np.float64)
    if not given.size or not np.isfinite(given).all():
        raise ValueError(f"losses must be finite and at least one, got {given.size} of which some may not be")
    return float(np.exp(given.mean()))
