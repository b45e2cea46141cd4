"""Training of the dense decoder: random crops of the text, cross-entropy, a warm-up and a cosine.

    rate(f) = f ÷ w                      f < w, the share of all steps that is past
    rate(f) = ½ (1 + cos π(f−w)/(1−w))   after it

``adamw`` for all weights (Loshchilov and Hutter 2019, arXiv:1711.05101), or ``muon`` (Jordan et al. 2024): the
matrices inside the layers step along their momentum made orthogonal by five Newton–Schulz iterations, all others
by AdamW. Operands of products are bf16, weights and their statistics fp32. The same seed, number of threads and
build of torch give the same weights.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass
from math import cos, pi
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hdspike import check
from hdspike.contestants.decoder import Arithmetic, forward, initial, matrices, torch_module
from hdspike.dense import Shape
from hdspike.theory.interval import number

__all__ = ["OPTIMISERS", "Fit", "Recipe", "fit", "pace"]

OPTIMISERS = ("adamw", "muon")
DECAYS = (0.9, 0.95)  # of AdamW's mean gradient and mean square
CLIP = 1.0  # the longest gradient
LOWEST = 0.01  # share of the rate that is left at the end


@dataclass(frozen=True)
class Recipe:
    """How a decoder is trained: ``steps`` of ``batch`` crops of ``context`` characters.

    ``rate``: AdamW's; ``matrix_rate``: Muon's. ``decay``: of matrices inside the layers. ``warm``: the share of the
    steps in which the rate rises. ``half``: operands of products in bf16.
    """

    steps: int
    batch: int = 16
    context: int = 128
    optimiser: str = "muon"
    rate: float = 0.01
    matrix_rate: float = 0.02
    decay: float = 0.1
    warm: float = 0.1
    dropout: float = 0.0
    half: bool = True
    seed: int = 0

    def __post_init__(self) -> None:
        check.integer("steps", self.steps, low=1)
        check.integer("batch", self.batch, low=1)
        check.integer("context", self.context, low=2)
        check.integer("seed", self.seed, low=0)
        check.one_of("optimiser", self.optimiser, OPTIMISERS)
        for name, high in (("rate", 10), ("matrix_rate", 10), ("decay", 10), ("warm", 1), ("dropout", 0.9)):
            number(name, getattr(self, name), 0, high)


@dataclass(frozen=True)
class Fit:
    """A trained decoder: its weights, wall and processor seconds, and the loss of the last steps in bits."""

    weights: dict[str, Any]
    seconds: float
    processor_seconds: float
    bits: float


def fit(
    shape: Shape,
    tokens: NDArray[np.int64],
    recipe: Recipe,
    arithmetic: Arithmetic,
    *,
    weights: dict[str, Any] | None = None,
    stop_after: int | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Fit:
    """Train on ``tokens``, from ``weights`` where given; ``stop_after`` so many steps of the schedule alone."""
    torch = torch_module()
    torch.manual_seed(recipe.seed)  # dropout
    source = torch.Generator().manual_seed(recipe.seed + 1)
    given = initial(shape, seed=recipe.seed) if weights is None else weights
    own = {name: value.detach().clone().requires_grad_() for name, value in given.items()}
    text = torch.from_numpy(np.ascontiguousarray(tokens))
    crop = torch.arange(recipe.context + 1)
    optimisers = _optimisers(torch, own, recipe)
    full = [[group["lr"] for group in one.param_groups] for one in optimisers]
    losses = []
    start, processor = time.perf_counter(), time.process_time()
    for step in range(recipe.steps if stop_after is None else stop_after):
        scale = _scale((step + 1) / recipe.steps, recipe.warm)
        for one, rates in zip(optimisers, full, strict=True):
            for group, rate in zip(one.param_groups, rates, strict=True):
                group["lr"] = rate * scale
        places = torch.randint(len(text) - recipe.context, (recipe.batch, 1), generator=source)
        piece = text[places + crop]
        logits = forward(own, shape, piece[:, :-1], arithmetic, dropout=recipe.dropout)
        loss = torch.nn.functional.cross_entropy(
            logits.reshape(-1, shape.vocabulary), piece[:, 1:].reshape(-1)
        )
        loss.backward()
        torch.nn.utils.clip_grad_norm_(list(own.values()), CLIP, foreach=True)
        for one in optimisers:
            one.step()
            one.zero_grad(set_to_none=True)
        losses.append(float(loss.detach()))
        if progress is not None:
            progress(step + 1, recipe.steps)
    return Fit(
        {name: value.detach() for name, value in own.items()},
        time.perf_counter() - start,
        time.process_time() - processor,
        float(np.mean(losses[-20:]) / np.log(2)),
    )


def pace(shape: Shape, tokens: NDArray[np.int64], recipe: Recipe, arithmetic: Arithmetic) -> float:
    """Processor seconds of one step, measured on weights that are thrown away."""
    warm = fit(shape, tokens, recipe, arithmetic, stop_after=3)
    steps = max(5, min(30, round(3.0 / max(warm.processor_seconds / 3, 1e-6))))
    return fit(shape, tokens, recipe, arithmetic, stop_after=steps).processor_seconds / steps


def _scale(share: float, warm: float) -> float:
    if share < warm:
        return share / warm
    return max(LOWEST, 0.5 * (1 + cos(pi * (share - warm) / max(1 - warm, 1e-9))))


def _optimisers(torch: Any, weights: dict[str, Any], recipe: Recipe) -> list[Any]:
    inside = set(matrices(weights))
    decayed = [value for name, value in weights.items() if name in inside]
    others = [value for name, value in weights.items() if name not in inside]
    common = {"lr": recipe.rate, "betas": DECAYS, "foreach": True}
    if recipe.optimiser == "adamw":
        groups = [
            {"params": decayed, "weight_decay": recipe.decay},
            {"params": others, "weight_decay": 0.0},
        ]
        return [torch.optim.AdamW(groups, **common)]
    if not hasattr(torch.optim, "Muon"):
        raise ImportError(f"optimiser 'muon' needs torch 2.9 or newer, this is {torch.__version__}")
    return [
        torch.optim.Muon(decayed, lr=recipe.matrix_rate, weight_decay=recipe.decay),
        torch.optim.AdamW(others, weight_decay=0.0, **common),
    ]
