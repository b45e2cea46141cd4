"""A list of words inside a model: whether its predictions follow how often each word stood there.

Words in random order, their frequencies skewed, a comma behind each. Behind a comma nothing foretells the next word but
the counts of those before: a matter of all keys, which the top ones cannot tell.
"""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import t as student

from hdspike import check
from hdspike.models import KWTA, Bundled, Codebook, Llama, softmax
from hdspike.models.attention import Attention
from hdspike.models.codebook import fit, observed
from hdspike.models.sampled import Sampled

__all__ = ["BUNDLES", "RULES", "divergence", "in_model", "listed", "mean_of", "predicted", "zipf"]

BUNDLES = 16
RULES = ("top-k", "bundles", "drawn")
SHARPNESS = (1.0, 0.7, 0.5, 0.35, 0.25, 0.15, 0.1, 0.05)  # of a prediction, as a power


def zipf(count: int) -> NDArray[np.float64]:
    """Frequencies 1/r, normalised."""
    p = 1 / np.arange(1, count + 1)
    return np.asarray(p / p.sum())


def mean_of(values: Sequence[float] | NDArray[Any]) -> dict[str, float]:
    """Mean and half its 95 % interval (Student)."""
    x = np.asarray(values, dtype=np.float64)
    half = float(student.ppf(0.975, len(x) - 1) * x.std(ddof=1) / len(x) ** 0.5) if len(x) > 1 else 0.0
    return {"mean": float(x.mean()), "half": half}


def listed(
    names: NDArray[np.int64], between: int, length: int, random: np.random.Generator
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """A list of names in random order, ``between`` after each, and how often each of them stands in it."""
    frequency = zipf(len(names))
    drawn = random.choice(len(names), size=length // 2, p=frequency)
    tokens = np.column_stack([names[drawn], np.full(len(drawn), between)]).reshape(-1)
    return tokens, frequency


def predicted(
    model: Llama, tokens: NDArray[np.int64], names: NDArray[np.int64], plug: Attention, step: int
) -> NDArray[np.float64]:
    """``ln p`` of the names, behind some of the commas of the second half: ``(positions, names)``."""
    at = np.arange(len(tokens) // 2 + 1, len(tokens), 2 * step)
    logits = model.logits(model.hidden(tokens, plug)[at]).astype(np.float64)
    logits -= logits.max(axis=1, keepdims=True)
    return np.asarray((logits - np.log(np.exp(logits).sum(axis=1, keepdims=True)))[:, names])


def divergence(log_p: NDArray[np.float64], frequency: NDArray[np.float64], power: float = 1.0) -> float:
    """KL(frequencies ‖ predictions among the names, to some power), mean over positions, in nats."""
    x = power * log_p
    x = x - np.log(np.exp(x).sum(axis=1, keepdims=True))
    return float((frequency * (np.log(frequency) - x)).sum(axis=1).mean())


def in_model(
    model: Llama,
    names: NDArray[np.int64],
    between: int,
    *,
    length: int,
    lists: int,
    shares: Sequence[float],
    several: int = 8,
    step: int = 4,
    seed: int = 0,
    progress: Callable[[str], None] = lambda what: None,
) -> dict[str, Any]:
    """Predictions behind commas beside the frequencies of the list, by softmax and by each rule; lists are paired.

    Two more lists than ``lists`` are for development: bundles are learned from one, each rule's own sharpness (a power
    of its predictions) is fitted on the other.

    Args:
        names, between: tokens of the words, of which each list takes ``several``, and of the comma.
        length: tokens of a list. shares: of them, as cells of a rule. step: every so manieth comma is judged.

    Returns:
        ``kl`` of the predictions among the words, in nats, and at the ``own_kl`` sharpness ``power``; ``more_kl`` and
        ``more_loss`` (−Σ frequency · ln p, all tokens) than softmax's: means and half 95 % intervals over lists.
    """
    check.integer("lists", lists, low=2)
    check.integer("several", several, low=2, high=len(names))
    random = np.random.default_rng([seed, length])
    made = []
    for _ in range(lists + 2):
        chosen = random.permutation(names)[:several]
        made.append((chosen, *listed(chosen, between, length, random)))
    keys, moments, _ = observed(model, made[-1][1][None])
    counts = [max(4, round(share * length)) for share in shares]

    def book(entries: int) -> Codebook:
        heads = [
            [fit(layer[g], moments[i, g], entries=entries, rng=seed) for g in range(len(layer))]
            for i, layer in enumerate(keys)
        ]
        return Codebook(*(np.array([[head[j] for head in row] for row in heads]) for j in (0, 1)))

    books = {c: book(c) for c in {min(BUNDLES, k // 2) for k in counts}}
    plugs: dict[str, Callable[[], Attention]] = {"softmax": lambda: softmax}
    for k in counts:
        plugs[f"top-k {k}"] = lambda k=k: KWTA(k, measure=False)  # type: ignore[misc]
        plugs[f"bundles {k}"] = lambda k=k: Bundled(k, books[min(BUNDLES, k // 2)], measure=False)  # type: ignore[misc]
        plugs[f"drawn {k}"] = lambda k=k: Sampled(k, rng=seed + k)  # type: ignore[misc]
    raw: dict[str, list[float]] = {name: [] for name in plugs}
    own: dict[str, list[float]] = {name: [] for name in plugs}
    loss: dict[str, list[float]] = {name: [] for name in plugs}
    powers = {}
    for name, plug in plugs.items():
        chosen, tokens, frequency = made[-2]
        tuning = predicted(model, tokens, chosen, plug(), step)
        powers[name] = min(SHARPNESS, key=lambda x: divergence(tuning, frequency, x))
        for chosen, tokens, frequency in made[:lists]:
            log_p = predicted(model, tokens, chosen, plug(), step)
            raw[name].append(divergence(log_p, frequency))
            own[name].append(divergence(log_p, frequency, powers[name]))
            loss[name].append(float(-(frequency * log_p).sum(axis=1).mean()))
        progress(name)

    def told(name: str) -> dict[str, Any]:
        more = {
            key: mean_of(np.subtract(part[name], part["softmax"]))
            for key, part in (("kl", raw), ("loss", loss))
        }
        return {
            "kl": mean_of(raw[name]),
            "own_kl": mean_of(own[name]),
            "power": powers[name],
            "more_kl": more["kl"],
            "more_loss": more["loss"],
        }

    return {
        "length": length,
        "lists": lists,
        "counts": counts,
        "several": several,
        "uniform": divergence(np.zeros((1, several)), zipf(several)),
        "softmax": told("softmax"),
        "rules": {rule: [told(f"{rule} {k}") for k in counts] for rule in RULES},
    }
