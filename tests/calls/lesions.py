"""Calls of the kernel that takes dead keys out of their lists."""

from collections.abc import Callable
from typing import Any

import numpy as np

from hdspike.transformer import Head, Settings, window

CONFIG = Settings(lines=4, heads=(Head("suffix", 1, 1, 1, 2),), window=3, winners=2)


def relink() -> tuple[Any, ...]:
    held = window.new_window(CONFIG)
    lines = np.zeros(held.newest.shape, dtype=np.bool_)
    return held, 0, 5, np.zeros(held.codes.shape, dtype=np.bool_), lines


CALLS: dict[str, Callable[[], tuple[Any, ...]]] = {"transformer.lesions._relink": relink}
