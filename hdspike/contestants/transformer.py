"""The dense twin: a small causal character transformer in torch, trained by backpropagation, frozen or dynamic.

Reading frozen: windows of C characters, of which the last S ≤ C ÷ 2 are predicted, so that every character is
predicted from at least C − S + 1 characters before it. Reading streaming is dynamic evaluation (Krause et al. 2018,
arXiv:1709.07432): after a segment is predicted, one step along its gradient, divided by the root of the mean square
gradient of the training text, with a pull back to the weights as trained:

    w ← w − η g ÷ (√m + ε) + λ (w₀ − w)

It needs the extra ``bench``. The text may be read more than once in training: ``passes`` says how often.
"""

import time
from collections.abc import Callable
from dataclasses import asdict
from math import log
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from hdspike import check
from hdspike.contestants import decoder_counts
from hdspike.contestants.contract import Learning, Reading, text, untaught
from hdspike.contestants.decoder import Arithmetic, Floats, forward, torch_module
from hdspike.contestants.fitting import Fit, Recipe, fit
from hdspike.dense import Shape
from hdspike.theory.interval import number

__all__ = ["Transformer"]

TOGETHER = 1 << 13  # characters of windows that are worked on at once
SEGMENT = 16
SAMPLES = 64  # segments that the mean square gradient is taken from
EPSILON = 0.1  # of the mean root of the mean squares


class Transformer:
    """A decoder of ``layers`` blocks of width ``dim`` with ``heads`` heads and ``hidden`` units (4·dim unless given).

    Args:
        recipe: how it is trained; its ``context`` C is the window, in reading too.
        stride: S, characters predicted in each window (C ÷ 2 unless given).
        segment: characters between two steps of dynamic evaluation, at most ``stride`` (16 unless given).
        step: η of dynamic evaluation.
        pull: λ of dynamic evaluation.

    Attributes:
        weights: name → tensor, once learned.
        passes: characters seen in training ÷ characters of the text.

    Raises:
        ImportError: when torch is needed and the extra ``bench`` is not installed.
    """

    precision = "fp32"

    def __init__(
        self,
        *,
        recipe: Recipe,
        layers: int = 2,
        dim: int = 128,
        heads: int = 2,
        hidden: int = 0,
        stride: int = 0,
        segment: int = 0,
        step: float = 1e-4,
        pull: float = 0.0,
    ) -> None:
        self.name = "dense transformer"
        self.recipe = recipe
        self.stride = check.integer("stride", stride, low=0, high=recipe.context // 2) or recipe.context // 2
        self.segment = check.integer("segment", segment, low=0, high=self.stride) or min(SEGMENT, self.stride)
        self.step, self.pull = number("step", step, 0, 10), number("pull", pull, 0, 1)
        self._sizes = Shape(layers, dim, heads, hidden=hidden, activation="relu", tied=True)
        self.settings: dict[str, int | float | str] = {
            "layers": layers,
            "dim": dim,
            "heads": heads,
            "hidden": self._sizes.hidden,
            "stride": self.stride,
            "segment": self.segment,
            "step": self.step,
            "pull": self.pull,
            **asdict(recipe),
        }
        self.learning: Learning | None = None
        self.weights: dict[str, Any] = {}
        self.training: Fit | None = None
        self.passes = 0.0
        self._history = np.zeros(0, dtype=np.int64)
        self._squares: dict[str, Any] = {}
        self._trained: dict[str, Any] = {}
        self._text = self._history

    @property
    def shape(self) -> Shape:
        """The decoder with the symbols it learned; ``ValueError`` before."""
        if self.learning is None:
            raise untaught(self.name)
        return self._shape

    def learn(self, tokens: Any, symbols: int, *, progress: Callable[[int, int], None] | None = None) -> None:
        """Train from the beginning on random crops of the text."""
        self._fit(self._checked(tokens, symbols), symbols, None, progress)

    def continue_on(self, tokens: Any, *, progress: Callable[[int, int], None] | None = None) -> None:
        """Train on another text from the weights as they are, by the same recipe."""
        shape = self.shape
        self._fit(self._checked(tokens, shape.vocabulary), shape.vocabulary, self.weights, progress)

    def adopt(self, weights: dict[str, Any], tokens: Any, symbols: int, learning: Learning) -> Self:
        """Take over weights that were trained on ``tokens`` before, as if learned here."""
        given = self._checked(tokens, symbols)
        self._shape = self._with(symbols)
        held = sum(int(np.prod(value.shape)) for value in weights.values())
        if held != self._shape.parameters:
            raise ValueError(f"weights must be {self._shape.parameters} parameters of this shape, got {held}")
        self._own(weights, given)
        self.learning = learning
        return self

    def read(self, tokens: Any, *, streaming: bool) -> Reading:
        shape = self.shape
        given = text("tokens", tokens, shape.vocabulary)
        return self._stream(given) if streaming else self._frozen(given)

    def stored_bytes(self) -> int:
        """All weights in fp32 (the embedding is the output head)."""
        return 4 * self.shape.parameters

    def active_bytes(self) -> float:
        """One character of a text by itself: every weight, and the cache of a mean context, 3⁄4 C."""
        mean = self.recipe.context - self.stride // 2
        return self.stored_bytes() + self.shape.cache_bytes(mean, precision=self._counted())

    def arithmetic(self) -> Arithmetic:
        """How it multiplies when it reads."""
        return Floats()

    def generation_counts(self, *, batch: int = 1) -> dict[str, int]:
        """The counts of ``stride`` characters of each of ``batch`` texts, one at a time with a cache."""
        return decoder_counts.generating(
            self.shape,
            context=self.recipe.context,
            stride=self.stride,
            batch=batch,
            precision=self._counted(),
        )

    def generate(self, prompt: Any, length: int, *, batch: int = 1) -> tuple[NDArray[np.int64], float]:
        """The most probable ``length`` characters after the prompt, by a cache, and the seconds they took.

        The cache is dropped when it holds C characters, and the last C − S are read again.
        """
        torch, shape = torch_module(), self.shape
        given = text("prompt", prompt, shape.vocabulary)
        length = check.integer("length", length, low=1)
        arithmetic, most = self.arithmetic(), self.recipe.context
        out = torch.from_numpy(np.tile(given, (check.integer("batch", batch, low=1), 1)))
        cache: list[tuple[Any, Any]] = []
        new = out[:, -min(most - self.stride, len(given)) :]
        start = time.perf_counter()
        with torch.no_grad():
            for _ in range(length):
                if cache and cache[0][0].shape[-2] >= most:
                    cache, new = [], out[:, -(most - self.stride) :]
                logits = forward(self.weights, shape, new, arithmetic, cache=cache, keep=1)
                new = logits.argmax(-1)
                out = torch.cat((out, new), 1)
        return out[:, len(given) :].numpy(), time.perf_counter() - start

    def _checked(self, tokens: Any, symbols: int) -> NDArray[np.int64]:
        given = text("tokens", tokens, symbols)
        if len(given) <= self.recipe.context + 1:
            raise ValueError(
                f"tokens must be longer than the context of {self.recipe.context} and 1, got {len(given)}"
            )
        return given

    def _with(self, symbols: int) -> Shape:
        sizes = asdict(self._sizes) | {"vocabulary": symbols}
        return Shape(**sizes)

    def _training_arithmetic(self) -> Arithmetic:
        return Floats(half=self.recipe.half)

    def _counted(self) -> str:
        return self.precision

    def _fit(
        self,
        tokens: NDArray[np.int64],
        symbols: int,
        weights: dict[str, Any] | None,
        progress: Callable[[int, int], None] | None,
    ) -> None:
        recipe = self.recipe
        self._shape = self._with(symbols)
        done = fit(
            self._shape, tokens, recipe, self._training_arithmetic(), weights=weights, progress=progress
        )
        self.training = done
        self.passes = recipe.steps * recipe.batch * recipe.context / len(tokens)
        counts = decoder_counts.training(
            self._shape,
            steps=recipe.steps,
            batch=recipe.batch,
            context=recipe.context,
            optimiser=recipe.optimiser,
            precision="bf16" if recipe.half else "fp32",
        )
        self.learning = Learning(done.seconds, counts)
        self._own(done.weights, tokens)

    def _own(self, weights: dict[str, Any], tokens: NDArray[np.int64]) -> None:
        self.weights = {name: value.detach().clone() for name, value in weights.items()}
        self._history = tokens[-self.recipe.context :].copy()
        self._text, self._squares, self._trained = tokens, {}, {}

    def _windows(self, full: NDArray[np.int64], start: int, stride: int) -> tuple[Any, NDArray[np.int64]]:
        """Windows of C + 1 characters whose last ones are predicted, and how many of each: all from ``start``."""
        torch = torch_module()
        ends = np.minimum(np.arange(start + stride, len(full) + stride, stride), len(full))
        kept = np.diff(ends, prepend=start)
        places = ends[:, None] - self.recipe.context - 1 + np.arange(self.recipe.context + 1)
        return torch.from_numpy(full[places]), kept

    def _frozen(self, given: NDArray[np.int64]) -> Reading:
        torch, shape, context = torch_module(), self.shape, self.recipe.context
        start = time.perf_counter()
        full = np.concatenate((self._history, given))
        # The window of the earliest characters begins one character before the history: it is never needed.
        full = np.concatenate((full[:1], full))
        windows, kept = self._windows(full, len(full) - len(given), self.stride)
        arithmetic = self.arithmetic()
        own, hits = [], []
        each = max(1, TOGETHER // context)
        with torch.no_grad():
            for first in range(0, len(windows), each):
                part = windows[first : first + each]
                logits = forward(self.weights, shape, part[:, :-1], arithmetic, keep=self.stride)
                bits, right = _judged(torch, logits, part[:, -self.stride :])
                for row, count in enumerate(kept[first : first + each]):
                    own.append(bits[row, -count:])
                    hits.append(right[row, -count:])
        seconds = time.perf_counter() - start
        counts = decoder_counts.reading(
            shape, windows=len(windows), context=context, predicted=len(given), precision=self._counted()
        )
        return Reading(np.concatenate(own).astype(np.float64), np.concatenate(hits), seconds, counts)

    def _stream(self, given: NDArray[np.int64]) -> Reading:
        torch, shape, context = torch_module(), self.shape, self.recipe.context
        arithmetic = Floats(half=self.recipe.half)
        start = time.perf_counter()
        if not self._squares:
            self._trained = {name: value.clone() for name, value in self.weights.items()}
            self._squares = self._mean_squares(arithmetic)
        full = np.concatenate((self._history[:1], self._history, given))
        windows, kept = self._windows(full, len(full) - len(given), self.segment)
        names = list(self.weights)
        live = {name: self.weights[name].clone().requires_grad_() for name in names}
        floor = EPSILON * torch.cat([self._squares[name].flatten() for name in names]).mean()
        slopes = [self.step / (self._squares[name] + floor) for name in names]
        own, hits = [], []
        for window, count in zip(windows, kept, strict=True):
            logits = forward(live, shape, window[None, :-1], arithmetic, keep=int(count))
            truth = window[None, -int(count) :]
            bits, right = _judged(torch, logits.detach(), truth)
            own.append(bits[0])
            hits.append(right[0])
            loss = torch.nn.functional.cross_entropy(logits[0], truth[0])
            gradients = torch.autograd.grad(loss, [live[name] for name in names])
            with torch.no_grad():
                for name, slope, gradient in zip(names, slopes, gradients, strict=True):
                    weight = live[name]
                    if self.pull:
                        weight.lerp_(self._trained[name], self.pull)
                    weight.addcmul_(slope, gradient, value=-1)
        read = np.concatenate(own).astype(np.float64)
        if not np.isfinite(read).all():
            raise ValueError(f"step must be small enough that the weights stay finite, got {self.step}")
        self.weights = {name: value.detach() for name, value in live.items()}
        self._history = full[-context:].copy()
        seconds = time.perf_counter() - start
        counts = self._stream_counts(len(windows), len(given))
        return Reading(read, np.concatenate(hits), seconds, counts)

    def _mean_squares(self, arithmetic: Arithmetic) -> dict[str, Any]:
        """√ of the mean square gradient of segments of the training text, for every weight."""
        torch, shape = torch_module(), self.shape
        live = {name: value.detach().clone().requires_grad_() for name, value in self.weights.items()}
        names, context = list(live), self.recipe.context
        sums = [torch.zeros_like(live[name]) for name in names]
        for place in np.linspace(0, len(self._text) - context - 1, SAMPLES).astype(np.int64):
            piece = torch.from_numpy(self._text[place : place + context + 1])[None]
            logits = forward(live, shape, piece[:, :-1], arithmetic, keep=self.segment)
            loss = torch.nn.functional.cross_entropy(logits[0], piece[0, -self.segment :])
            for total, gradient in zip(
                sums, torch.autograd.grad(loss, [live[name] for name in names]), strict=True
            ):
                total.addcmul_(gradient, gradient)
        return {name: (total / SAMPLES).sqrt() for name, total in zip(names, sums, strict=True)}

    def _stream_counts(self, segments: int, predicted: int) -> dict[str, int]:
        """Every segment: its window forwards and backwards, and one product and sum for each weight."""
        context, weights = self.recipe.context, self.shape.parameters
        precision = "bf16" if self.recipe.half else "fp32"
        once = decoder_counts.reading(
            self.shape, windows=1, context=context, predicted=self.segment, precision=precision
        )
        each = {
            f"macs_{precision}": 3 * once[f"macs_{precision}"],
            "exps": once["exps"] + self.segment * self.shape.vocabulary,
            "weight_updates": weights,
            "dram_bits": 2 * once["dram_bits"] + 3 * 32 * weights,
            "dram_bits_written": once["dram_bits_written"] + 2 * 32 * weights,
        }
        total = {name: segments * value for name, value in each.items()}
        total["macs_fp32"] = total.get("macs_fp32", 0) + segments * weights * (2 if self.pull else 1)
        return total


def _judged(torch: Any, logits: Any, truth: Any) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    """Bits of the true characters, and whether the most probable character was it."""
    chances = torch.log_softmax(logits.float(), -1)
    bits = chances.gather(-1, truth[..., None])[..., 0] * (-1 / log(2))
    return bits.numpy(), (logits.argmax(-1) == truth).numpy()
