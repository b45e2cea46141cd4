"""Text out of a decoder, one token at a time: the likeliest, or drawn."""

from collections.abc import Iterator
from typing import Any

import numpy as np

from hdspike import check
from hdspike.models.attention import Attention, softmax
from hdspike.models.cache import Cache
from hdspike.models.llama import Llama

__all__ = ["generate"]


def generate(
    model: Llama,
    tokens: Any,
    count: int,
    attention: Attention = softmax,
    *,
    temperature: float = 0.0,
    stop: int | None = None,
    rng: check.Rng = None,
) -> Iterator[int]:
    """Up to ``count`` tokens that follow ``tokens``; ends behind ``stop``.

    Args:
        temperature: 0 takes the likeliest token, the lowest of equals; T > 0 draws with p ∝ exp(logit ÷ T).
        rng: a generator, a seed or None; used where ``temperature`` is above 0.

    Raises:
        ValueError: no tokens, or tokens outside the vocabulary, a negative count or temperature.
    """
    tokens, count = model.tokens(tokens), check.integer("count", count, low=0)
    if not 0 <= temperature < float("inf"):
        raise ValueError(f"temperature must be at least 0 and finite, got {temperature}")
    return _follow(model, tokens, count, attention, temperature, stop, check.generator(rng))


def _follow(
    model: Llama,
    tokens: Any,
    count: int,
    attention: Attention,
    temperature: float,
    stop: int | None,
    rng: np.random.Generator,
) -> Iterator[int]:
    cache = Cache(model.shape, capacity=len(tokens) + count)
    for _ in range(count):
        states = model.hidden(tokens, attention, cache=cache)
        logits = model.logits(states[-1:])[0].astype(np.float64)
        if temperature:
            weights = np.exp((logits - logits.max()) / temperature)
            chosen = int(np.searchsorted(weights.cumsum(), rng.random() * weights.sum(), side="right"))
            chosen = min(chosen, len(logits) - 1)
        else:
            chosen = int(logits.argmax())
        yield chosen
        if chosen == stop:
            return
        tokens = np.array([chosen])
