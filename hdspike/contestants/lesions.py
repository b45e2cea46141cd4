"""What the dense transformer loses: weights, hidden units, bits.

``without_weights``   a share of all weights is 0, the embedding's too
``without_neurons``   a share of the hidden units of every layer is silent: their rows of W₁ and columns of W₂ are 0
``with_flipped_bits`` every bit of the int8 weights is inverted with a chance, the scales are not touched
"""

from typing import Any

import numpy as np

from hdspike import check
from hdspike.contestants.decoder import MATRICES, torch_module
from hdspike.contestants.quantising import int8_rows
from hdspike.faults import Faults
from hdspike.theory.interval import number

__all__ = ["with_flipped_bits", "without_neurons", "without_weights"]


def without_weights(weights: dict[str, Any], share: float, *, rng: check.Rng = None) -> dict[str, Any]:
    """New weights; round(share · n) of the n weights of all matrices together are 0. Norms stay whole."""
    torch, random = torch_module(), check.generator(rng)
    share = number("share", share, 0, 1)
    names = [name for name in weights if _stored(name)]
    sizes = [weights[name].numel() for name in names]
    dead = np.zeros(sum(sizes), dtype=bool)
    dead[random.choice(len(dead), round(share * len(dead)), replace=False)] = True
    out = dict(weights)
    for name, part in zip(names, np.split(dead, np.cumsum(sizes)[:-1]), strict=True):
        out[name] = weights[name].masked_fill(torch.from_numpy(part.reshape(weights[name].shape)), 0.0)
    return out


def without_neurons(weights: dict[str, Any], share: float, *, rng: check.Rng = None) -> dict[str, Any]:
    """New weights; round(share · hidden) hidden units of every layer are silent."""
    torch, random = torch_module(), check.generator(rng)
    share = number("share", share, 0, 1)
    out = dict(weights)
    for name in weights:
        layer, _, kind = name.rpartition(".")
        if kind != "up":
            continue
        hidden = len(weights[name])
        dead = np.zeros(hidden, dtype=bool)
        dead[random.choice(hidden, round(share * hidden), replace=False)] = True
        silent = torch.from_numpy(dead)
        out[name] = weights[name].masked_fill(silent[:, None], 0.0)
        out[f"{layer}.down"] = weights[f"{layer}.down"].masked_fill(silent, 0.0)
    return out


def with_flipped_bits(
    weights: dict[str, Any], rate: float, *, rng: check.Rng = None
) -> tuple[dict[str, Any], int]:
    """New weights, as floats of the faulty integers times their scales, and how many bits were flipped.

    Quantising them again would fit the scales to the faults: multiply them as they are
    (:class:`hdspike.contestants.decoder.Floats`).
    """
    torch, random = torch_module(), check.generator(rng)
    out, flipped = dict(weights), 0
    for name in weights:
        if _stored(name):
            values, scale = int8_rows(weights[name].numpy())
            faults = Faults(values, rate, kind="flip", rng=random)
            flipped += faults.count
            out[name] = torch.from_numpy(faults(values).astype(np.float32) * scale)
    return out, flipped


def _stored(name: str) -> bool:
    return name == "embedding" or name.rpartition(".")[2] in MATRICES
