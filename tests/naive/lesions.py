"""The lists of a window some of whose keys are dead, in plain Python."""

from typing import Any


def lists(codes: Any, end: int, dead: Any, dead_lines: Any) -> list[list[dict[int, list[int]]]]:
    """Of each head and block: line → positions of the living keys in the ring, the newest before older ones."""
    heads, ring, blocks = len(codes), len(codes[0]), len(codes[0][0])
    out: list[list[dict[int, list[int]]]] = []
    for h in range(heads):
        out.append([])
        for b in range(blocks):
            found: dict[int, list[int]] = {}
            for t in range(end - 1, max(end - ring, 0) - 1, -1):
                line = int(codes[h][t % ring][b])
                if not dead[h][t % ring][b] and not dead_lines[h][b][line]:
                    found.setdefault(line, []).append(t)
            out[h].append(found)
    return out


def walked(window: Any, end: int) -> list[list[dict[int, list[int]]]]:
    """The same, by walking the lists that the window holds, as far as the ring reaches."""
    heads, ring, blocks = window.codes.shape
    out: list[list[dict[int, list[int]]]] = []
    for h in range(heads):
        out.append([])
        for b in range(blocks):
            found: dict[int, list[int]] = {}
            for line in range(window.newest.shape[2]):
                key = int(window.newest[h, b, line])
                while key >= max(end - ring, 0):
                    found.setdefault(line, []).append(key)
                    key = int(window.older[h, key % ring, b])
            out[h].append(found)
    return out
