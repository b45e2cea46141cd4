"""What ``hdspike params`` says of one model: a dictionary of plain numbers, and the sentence that they support."""

import math
from pathlib import Path
from typing import Any

from hdspike import check
from hdspike.sparsity.parameters.architecture import LARGEST, Architecture
from hdspike.sparsity.parameters.config import convention, read_config
from hdspike.sparsity.parameters.count import CONVENTIONS, count, parts, prediction_parts
from hdspike.sparsity.parameters.decode import CACHE_BYTES, cache, distinct_experts, flops, loaded
from hdspike.sparsity.parameters.published import Model, find
from hdspike.sparsity.parameters.storage import FORMATS, stored

__all__ = ["CONTEXT", "answer", "sentence"]

CONTEXT = 4096
CONTRARY = "Active is not the same as nonzero: every matrix that a token passes is dense inside."


def answer(
    name_or_file: str | Path, *, context: int | None = None, batch: int = 1, bits: float = 16
) -> dict[str, Any]:
    """Count a model known by name, or that of a ``config.json``.

    ``context``: tokens that a new one attends to (4,096, or as many positions as the model has); ``batch``: tokens
    of as many sequences made in one step; ``bits`` of one weight. Cached keys and values have 16 bits;
    a token reads the cache of its own sequence (``cache.bytes``) besides the weights (``bytes``).

    Returns:
        ``total``, ``active`` (as the publisher counts), ``share``; ``active_by_convention``, ``components`` (total, and
        read for one token), ``experts``, ``bytes``, ``flops_per_token``, ``cache`` and ``sentence``.

    Raises:
        ValueError: an unknown name, a bad config, a number out of range.

    >>> found = answer("gpt-oss-120b")
    >>> found["total"], found["active"]
    (116829156672, 5132849472)
    """
    model: Model | None = None
    if str(name_or_file).endswith(".json"):
        family, shape = read_config(name_or_file)
        counted = convention(family)
    else:
        model = find(str(name_or_file))
        family, shape, counted = model.model_type, model.architecture, model.convention
    if context is None:
        context = min(CONTEXT, shape.positions or CONTEXT)
    check.integer("context", context, low=1, high=LARGEST)
    check.integer("batch", batch, low=1, high=LARGEST)
    if isinstance(bits, bool) or not isinstance(bits, int | float):
        raise TypeError(f"bits must be a number, not {bits!r} of type {type(bits).__name__}")
    if not (math.isfinite(bits) and 0 < bits <= 64):
        raise ValueError(f"bits must be above 0 and at most 64, got {bits:g}")
    made = count(shape)
    found: dict[str, Any] = {
        "name": model.name if model else Path(name_or_file).name,
        "title": model.title if model else f"{Path(name_or_file).name}: {family}",
        "total": made.total,
        "active": made.active[counted],
        "share": made.active[counted] / made.total,
        "convention": counted,
        "active_by_convention": {
            each: {"means": meaning, "active": made.active[each], "share": made.active[each] / made.total}
            for each, meaning in CONVENTIONS.items()
        },
        "published": {"total": model.total, "active": model.active, "publisher": model.publisher}
        if model
        else None,
        "notes": list(model.notes) if model else [],
        "source": model.source if model else None,
        "components": {
            name: {"total": total, "read": read} for name, (total, read) in made.components.items()
        },
        "prediction_module": sum(part.copies * part.size for part in prediction_parts(shape)) or None,
        "context": context,
        "batch": batch,
        "experts": _experts(shape, batch),
        "bytes": {
            "given": _bytes(shape, batch, bits, f"{bits:g} bits"),
            "published": _bytes(shape, batch, shape.storage, FORMATS[shape.storage])
            if shape.storage
            else None,
        },
        "flops_per_token": _flops(shape, context),
        "cache": _cache(shape, context),
    }
    found["sentence"] = sentence(found)
    return found


def _experts(a: Architecture, batch: int) -> dict[str, Any] | None:
    e = a.experts
    if e is None:
        return None
    return {
        "count": e.count,
        "active": e.active,
        "shared": e.shared,
        "layers": a.expert_layers,
        "distinct": distinct_experts(e.count, e.active, batch),
    }


def _bytes(a: Architecture, batch: int, storage: str | float, name: str) -> dict[str, Any]:
    whole, read = stored(parts(a), storage), loaded(a, batch=batch, storage=storage)
    return {
        "storage": name,
        "stored": round(whole),
        "loaded_per_step": round(read),
        "loaded_per_token": round(read / batch),
        "share_loaded": read / whole,
    }


def _flops(a: Architecture, context: int) -> dict[str, int]:
    made = flops(a, context=context)
    return {"weights": made.weights, "attention": made.attention, "total": made.total}


def _cache(a: Architecture, context: int) -> dict[str, Any]:
    made = cache(a, context=context)
    return {
        "kind": made.kind,
        "values_per_token": made.token,
        "bytes_per_token": CACHE_BYTES * made.token,
        "values": made.held,
        "bytes": CACHE_BYTES * made.held,
        "windowed_layers": a.windowed,
        "window": a.window,
        "values_per_token_every_head": made.every_head,
    }


def sentence(found: dict[str, Any]) -> str:
    """What share of its weights the model activates, in words."""
    experts, total = found["experts"], found["total"]
    if experts is None:
        row = found["active_by_convention"]["row"]["share"]
        reads = f" (it reads {100 * row:.2f} %: one row of each table)" if row < 0.99995 else ""
        return f"A token passes all {total:,} parameters{reads}: the model is dense. {CONTRARY}"
    beside = f" and {experts['shared']} that all tokens pass" if experts["shared"] else ""
    return (
        f"A token passes {100 * found['share']:.2f} % of the {total:,} parameters: {experts['active']} of "
        f"{experts['count']} experts{beside} in each of {experts['layers']} layers, and all that is no expert. "
        f"{CONTRARY}"
    )
