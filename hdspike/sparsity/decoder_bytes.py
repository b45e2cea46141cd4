"""A decoder's projections at a share of their float16 bytes, by four methods: what the outputs lose, and the model."""

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hdspike import check
from hdspike.models import Llama
from hdspike.sparsity import equal_bytes
from hdspike.sparsity.low_rank import effective_rank, random_energy_share
from hdspike.sparsity.projections import KINDS, Moments, Place, watched, weights_of

__all__ = ["METHODS", "curve", "exchanged_weights", "moments_of", "projection_errors", "smaller"]

METHODS = ("low rank", "low rank, inputs known", "sparse", "sparse, inputs known")
"""By the weights alone, or by the inputs' moments as well."""


def moments_of(
    model: Llama, windows: Iterable[NDArray[np.int64]], *, layers: Iterable[int] | None = None
) -> Moments:
    """Second moments of what goes into the projections when the model reads these windows of tokens."""
    with watched(model, None if layers is None else list(layers)) as moments:
        for window in windows:
            model.hidden(window)
    return moments


def smaller(weights: Any, method: str, share: float, moments: Any) -> equal_bytes.Kept:
    """One matrix by one of :data:`METHODS` in ``share`` of its float16 bytes; ``moments`` for those that know them."""
    check.one_of("method", method, METHODS)
    if not 0 < share <= 1:
        raise ValueError(f"share must be in (0, 1], got {share}")
    room = int(share * equal_bytes.WIDTH * np.size(weights))
    make = equal_bytes.low_rank if method.startswith("low rank") else equal_bytes.sparse
    return make(weights, room, moments=moments if method.endswith("known") else None)


def projection_errors(
    model: Llama, layers: Iterable[int], share: float, known: Moments, judged: Moments
) -> list[dict[str, Any]]:
    """Relative errors of weights and of outputs, for each layer, projection and method.

    ``known`` are moments of other text, for the methods that use them; ``judged`` those of the text of the outputs.
    """
    rows = []
    for layer in layers:
        for kind in KINDS:
            weights = weights_of(model, layer, kind)
            for method in METHODS:
                kept = smaller(weights, method, share, known.of(layer, kind))
                rows.append(
                    {
                        "layer": layer,
                        "kind": kind,
                        "method": method,
                        "bytes": kept.bytes,
                        "numbers": kept.numbers,
                        "weights": equal_bytes.relative_error(weights, kept.weights),
                        "outputs": equal_bytes.relative_error(
                            weights, kept.weights, moments=judged.of(layer, kind)
                        ),
                    }
                )
    return rows


def exchanged_weights(
    model: Llama, kind: str, method: str, share: float, known: Moments
) -> dict[Place, NDArray[np.float32]]:
    """All layers' projections of a kind, made smaller: what :func:`hdspike.sparsity.projections.exchanged` takes."""
    return {
        (layer, kind): smaller(
            weights_of(model, layer, kind), method, share, known.of(layer, kind)
        ).weights.astype(np.float32)
        for layer in range(len(model.blocks))
    }


def curve(weights: Any, shares: Sequence[float], *, known: Any, judged: Any) -> dict[str, Any]:
    """Errors of one matrix over the share of its bytes, and the laws of a matrix without structure."""
    n_in, n_out = weights.shape
    out: dict[str, Any] = {
        "shape": [n_in, n_out],
        "shares": list(shares),
        "methods": {},
        "effective_rank": effective_rank(np.linalg.svd(weights, compute_uv=False)),
    }
    law: dict[str, list[float]] = {"low rank": [], "sparse": []}
    for share in shares:
        for method in METHODS:
            kept = smaller(weights, method, share, known)
            entry = out["methods"].setdefault(method, {"weights": [], "outputs": []})
            entry["weights"].append(equal_bytes.relative_error(weights, kept.weights))
            entry["outputs"].append(equal_bytes.relative_error(weights, kept.weights, moments=judged))
        room = int(share * equal_bytes.WIDTH * weights.size)
        rank = room // (equal_bytes.WIDTH * (n_in + n_out))
        count = equal_bytes.weights_of_bytes(n_in, n_out, room)
        law["low rank"].append(float(np.sqrt(1 - random_energy_share(n_in, n_out, rank))))
        law["sparse"].append(float(np.sqrt(1 - equal_bytes.random_kept_share(count / weights.size))))
    return out | {"law": law}
