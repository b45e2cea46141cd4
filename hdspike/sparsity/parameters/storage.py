"""How many bytes a tensor takes, in a number of bits or in the format of a publisher.

``fp32``, ``fp16``, ``bf16``  every number alike
``mxfp4``  the matrices of the experts as blocks of 32 numbers in a row: 4 bits each and 8 for a common scale, 4.25
           bits a weight (OCP Microscaling Formats 1.0, 2023; gpt-oss, arXiv:2508.10925); everything else bf16
``fp8``    the matrices of attention, experts and feed-forward parts as e4m3, one byte each, with one fp32 scale for
           each block of 128 × 128; the router's correction fp32; everything else bf16 (DeepSeek-AI 2024,
           arXiv:2412.19437, README_WEIGHTS)
"""

import math
from collections.abc import Iterable

from hdspike.sparsity.parameters.count import MATRIX, Part

__all__ = ["FORMATS", "bytes_of", "stored"]

PLAIN = {"fp32": 4, "fp16": 2, "bf16": 2}
FORMATS = {
    "fp32": "fp32, 32 bits",
    "fp16": "fp16, 16 bits",
    "bf16": "bf16, 16 bits",
    "mxfp4": "experts MXFP4, 4.25 bits; the rest bf16",
    "fp8": "matrices fp8 with a scale per 128 × 128; tables, router, norms bf16",
}
EIGHT_BITS = ("attention", "experts", "shared experts", "feed-forward")


def bytes_of(part: Part, storage: str | float) -> float:
    """Bytes of one copy of ``part``: in a format of :data:`FORMATS`, or at so many bits a number."""
    if not isinstance(storage, str):
        return part.size * storage / 8
    if storage in PLAIN:
        return part.size * PLAIN[storage]
    if storage == "mxfp4" and part.component == "experts" and part.kind == MATRIX:
        return part.size / 2 + part.rows * math.ceil(part.columns / 32)
    if storage == "fp8" and part.component in EIGHT_BITS and part.kind == MATRIX:
        return part.size + 4 * math.ceil(part.rows / 128) * math.ceil(part.columns / 128)
    if storage == "fp8" and part.name == "correction":
        return 4 * part.size
    if storage not in FORMATS:
        raise ValueError(f"storage must be a number of bits or one of {', '.join(FORMATS)}, got {storage!r}")
    return 2 * part.size


def stored(parts: Iterable[Part], storage: str | float) -> float:
    """Bytes of all copies of ``parts``.

    >>> from hdspike.sparsity.parameters import find, parts
    >>> stored(parts(find("gpt-oss-20b").architecture), "mxfp4")  # the total size that its checkpoint states
    13761264768.0
    """
    return float(sum(part.copies * bytes_of(part, storage) for part in parts))
