"""Images encoded from the equations, one pixel and one bit at a time."""

from collections.abc import Callable, Sequence
from typing import Any

Bits = list[int]


def pixels(
    places: Any, levels: Any, image: Any, quantised: Callable[[float], int], bind: Any, bundle: Any
) -> Any:
    """``[Σ_p place_p ⊗ level(v_p)]`` of one image."""
    pairs = []
    for y, row in enumerate(image):
        for x, value in enumerate(row):
            pairs.append(bind(places[y][x], levels[quantised(value)]))
    return bundle(pairs)


def symbol(image: Any, y: int, x: int, edge: float | None, levels: Sequence[float]) -> Bits:
    """The bits of the pixel (y, x) of an image (H, W, C); all 0 outside of it."""
    high, wide, channels = len(image), len(image[0]), len(image[0][0])
    inside = 0 <= y < high and 0 <= x < wide

    def value(b: int, a: int, c: int) -> float:
        return float(image[b][a][c]) if 0 <= b < high and 0 <= a < wide else 0.0

    tests: list[Callable[[int], bool]] = []
    if edge is not None:

        def across(c: int) -> float:
            return (
                sum(
                    w * (value(y + d, x + 1, c) - value(y + d, x - 1, c))
                    for d, w in ((-1, 1), (0, 2), (1, 1))
                )
                / 4
            )

        def down(c: int) -> float:
            return (
                sum(
                    w * (value(y + 1, x + d, c) - value(y - 1, x + d, c))
                    for d, w in ((-1, 1), (0, 2), (1, 1))
                )
                / 4
            )

        tests += [lambda c: across(c) > edge, lambda c: across(c) < -edge]
        tests += [lambda c: down(c) > edge, lambda c: down(c) < -edge]
    tests += [lambda c, limit=limit: value(y, x, c) > limit for limit in levels]
    return [int(inside and test(c)) for test in tests for c in range(channels)]


def code(
    image: Any, y: int, x: int, patch: int, stride: int, edge: float | None, levels: Sequence[float]
) -> Bits:
    """The code of the patch at place (y, x): place 0 lies ``⌈(patch − 1)·stride ÷ 2⌉`` pixels outside the image."""
    pad = ((patch - 1) * stride + 1) // 2
    out: Bits = []
    for a in range(patch):
        for b in range(patch):
            out += symbol(image, y - pad + a * stride, x - pad + b * stride, edge, levels)
    return out


def nearest(
    codes: Sequence[Sequence[Bits]], corner: Sequence[int], high: int, wide: int, wanted: Bits
) -> int:
    """How near any code of the window comes to the one wanted."""
    return min(
        sum(p != q for p, q in zip(codes[y][x], wanted, strict=True))
        for y in range(corner[0], corner[0] + high)
        for x in range(corner[1], corner[1] + wide)
    )


def radius(distances: Sequence[int], density: float) -> int:
    """The least r at which at least ``density`` of the distances are ≤ r."""
    return next(r for r in range(256) if sum(d <= r for d in distances) >= density * len(distances))
