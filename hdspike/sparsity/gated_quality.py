"""What a language model loses when few of its feed-forward neurons speak, and how long such a token takes."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hdspike import check
from hdspike.models import Llama, second_half
from hdspike.models.feed_forward import silu
from hdspike.sparsity.active_product import sparse_gated
from hdspike.sparsity.gated import Kept, Natural, bars, share_read
from hdspike.sparsity.timing import paired

__all__ = ["Judge", "time_of_token"]


class Judge:
    """Windows of text under a rule of :mod:`hdspike.sparsity.gated`.

    Args:
        model: called when the model is needed, then held.
        learned: tokens of another text, from which thresholds are learned.
        asked: for each rule, the shares for which thresholds will be asked, so that one pass learns them all.
    """

    def __init__(
        self, model: Callable[[], Llama], learned: NDArray[np.int64], asked: dict[str, Sequence[float]]
    ) -> None:
        self._open = model
        self._model: Llama | None = None
        self.learned, self.asked = learned, asked
        self._bars: dict[str, dict[float, NDArray[np.float32]]] = {}

    @property
    def model(self) -> Llama:
        if self._model is None:
            self._model = self._open()
        return self._model

    def plug(self, by: str, *, share: float | None = None, bar: float | None = None) -> Kept:
        """The rule: of each token the same ``share``, or by thresholds that ``bar`` of the other text's reach."""
        if bar is None:
            return Kept(share, by=by, rng=0)
        if by not in self._bars:
            self._bars[by] = bars(self.model, self.learned, tuple(self.asked[by]), by=by)
        return Kept(by=by, bars=self._bars[by][bar])

    def lost(self, window: NDArray[np.int64], *, by: str, **asked: float) -> dict[str, Any]:
        """``losses`` in nats of the window's second half and the ``share`` of neurons kept; ``by`` dense: all."""
        if by == "dense":
            return {"losses": second_half(self.model, window), "share": 1.0}
        plug = self.plug(by, **asked)
        losses = second_half(self.model, window, feed_forward=plug)
        return {"losses": losses, "share": plug.found_share}

    def natural(self, rows: NDArray[np.int64]) -> dict[str, Any]:
        """How sparse each layer is by itself, over windows ``(n, context)``."""
        plug = Natural(self.model.shape.layers)
        for row in rows:
            self.model.hidden(row, feed_forward=plug)
        names = ("thresholds", "parts", "below", "holding", "closed")
        return {name: getattr(plug, name) for name in names}


def time_of_token(
    layers: int, hidden: int, width: int, *, shares: Sequence[float], rounds: int, rng: check.Rng
) -> dict[str, Any]:
    """One token through ``layers`` random gated feed-forwards: dense by BLAS, and with shares of the neurons by gate.

    Returns:
        ``dense_seconds``, and for each share the row of :func:`hdspike.sparsity.timing.paired` and the bytes read.
    """
    random = check.generator(rng)
    blocks = [
        tuple(random.standard_normal((hidden, width), dtype=np.float32) / np.sqrt(width) for _ in range(3))
        for _ in range(layers)
    ]
    blocks = [tuple(weights.astype(np.float32) for weights in block) for block in blocks]
    x = random.standard_normal(width, dtype=np.float32)

    def dense() -> None:
        for gate, up, down in blocks:
            _ = (silu(gate @ x) * (up @ x)) @ down

    def sparse(share: float) -> None:
        for gate, up, down in blocks:
            sparse_gated(x, gate, up, down, max(1, round(share * hidden)))

    calls: dict[str, Callable[[], Any]] = {"dense": dense}
    found = paired(
        calls | {str(share): partial(sparse, share) for share in shares}, rounds=rounds, rng=random
    )
    rows = [{"share": share, "read": share_read("gate", share), **found[str(share)]} for share in shares]
    return {"layers": layers, "dense_seconds": found["dense"]["seconds"], "rows": rows}
