"""Keys, values and queries of a real transformer over many documents, kept on disk; or made ones where it is absent.

    python benchmarks/attention_keys.py [--windows 512]

SmolLM2-135M reads the Brown corpus, its documents in a drawn order, in windows of 2,064 tokens; the first 16 keys of
each window are left out, so that no window brings an attention sink: a long context has one sink, not one each two
thousand tokens. All is taken after the rotary embedding. Windows 0 to 3 are queries that are judged, 4 to 11 are
development (codes are learned and settings tuned there), the others are keys: at least 64 windows for the four heads
of ``HEADS``, more for the one of ``LONG``, which needs three layers of the model only. Work that is done is kept in the
user's cache folder, and taken up where it stopped.
"""

import argparse
import contextlib
import json
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import platformdirs
from numpy.typing import NDArray

from hdspike import datasets
from hdspike.files import write_text

__all__ = ["HEADS", "LONG", "Head", "made", "real"]

HEADS = {2: 1, 8: 0, 15: 2, 22: 1}  # layer → key head
LONG = 2  # the layer of which there are up to a million keys
SKIP, WINDOW = 16, 2048
JUDGED, DEVELOPMENT, KEYS, MOST = 4, 8, 64, 512  # windows
BEFORE = JUDGED + DEVELOPMENT
WIDTH, SHARE = 64, 3  # numbers in a key; query heads of a key head


@dataclass(frozen=True)
class Head:
    """One key head: development keys and queries, keys and values in order, and the queries that are judged.

    ``real`` keys lead; behind them are made ones.
    """

    name: str
    learn_keys: NDArray[np.float32]
    learn_queries: NDArray[np.float32]
    keys: NDArray[np.float32]
    values: NDArray[np.float32]
    queries: NDArray[np.float32]
    real: int


class Enough(Exception):
    """No layer behind this one is asked for."""


def folder() -> Path:
    """Where the keys are kept: 9 MB a window of keys, at most 1.3 GB."""
    return platformdirs.user_cache_path("hdspike") / "bench" / "attention"


def _open(place: Path) -> dict[str, NDArray[np.float32]]:
    """The arrays on disk, made where they are absent: ``(windows · 2048, 64)``, queries of the leading windows only."""
    place.mkdir(parents=True, exist_ok=True)
    out = {}
    for layer in HEADS:
        rows = WINDOW * (BEFORE + (MOST if layer == LONG else KEYS))
        for part in "qkv":
            path = place / f"{layer}_{part}.npy"
            shape = (SHARE, WINDOW * BEFORE, WIDTH) if part == "q" else (rows, WIDTH)
            mode = "r+" if path.exists() else "w+"
            out[f"{layer}{part}"] = np.lib.format.open_memmap(
                path, mode=mode, dtype=np.float32, shape=None if mode == "r+" else shape
            )
    return out


def _done(place: Path) -> int:
    """Windows that are whole."""
    path = place / "done.json"
    return int(json.loads(path.read_text())["windows"]) if path.exists() else 0


def collect(windows: int) -> Iterator[str]:
    """Run the model until there are so many windows of keys; a line for each.

    Raises:
        datasets.Absent: the model or the corpus has not been fetched.
    """
    from hdspike.models import Llama, softmax

    (path,) = datasets.path("smollm2").glob("*.gguf")
    documents = datasets.load("brown")
    place = folder()
    done, total = _done(place), BEFORE + min(windows, MOST)
    if done >= total:
        return
    model = Llama(path)
    tokenizer = model.file.tokenizer()
    order = np.random.default_rng(0).permutation(len(documents))
    tokens = np.concatenate([np.array(tokenizer.encode(documents[i].text + "\n").ids) for i in order])
    held, size = _open(place), WINDOW + SKIP
    for window in range(done, total):
        begun = time.perf_counter()
        last = LONG if window >= BEFORE + KEYS else max(HEADS)
        rows = slice(WINDOW * window, WINDOW * (window + 1))

        def plug(
            q: Any, k: Any, v: Any, *, layer: int, seen: Any, rows=rows, last=last, window=window
        ) -> Any:
            if layer in HEADS and layer <= last:
                head = HEADS[layer]
                held[f"{layer}k"][rows], held[f"{layer}v"][rows] = k[head, SKIP:], v[head, SKIP:]
                if window < BEFORE:
                    held[f"{layer}q"][:, rows] = q[SHARE * head : SHARE * (head + 1), SKIP:]
            if layer == last:
                raise Enough
            return softmax(q, k, v, layer=layer, seen=seen)

        with contextlib.suppress(Enough):
            model.hidden(tokens[size * window : size * (window + 1)], plug)
        write_text(place / "done.json", json.dumps({"windows": window + 1}) + "\n")
        yield f"window {window + 1} of {total}, {time.perf_counter() - begun:.1f} s"


def _drawn(queries: NDArray[np.float32], low: int, high: int, count: int) -> NDArray[np.float32]:
    """``count`` queries of each query head from windows ``low`` to ``high``, the same each time."""
    places = np.random.default_rng(low).choice(WINDOW * (high - low), count, replace=False)
    return np.ascontiguousarray(queries[:, WINDOW * low + np.sort(places)])


def _longer(numbers: NDArray[np.float32], size: int, rng: np.random.Generator) -> NDArray[np.float32]:
    """``numbers`` and, behind them, the same over again with a tenth of their deviation as noise."""
    if size <= len(numbers):
        return numbers[:size]
    again = numbers[np.arange(size - len(numbers)) % len(numbers)]
    noise = rng.normal(size=again.shape).astype(np.float32) * (numbers.std(axis=0) / 10)
    return np.concatenate([numbers, again + noise])


def real(layer: int, size: int, queries: int = 64) -> Head | None:
    """``size`` keys of a head; None where not even ``KEYS`` windows have been collected.

    Keys beyond those collected are these over again with noise, and do not count as ``real``.
    """
    place = folder()
    done = _done(place) - BEFORE
    if done < KEYS:
        return None
    held = {part: np.load(place / f"{layer}_{part}.npy", mmap_mode="r") for part in "qkv"}
    there = WINDOW * (done if layer == LONG else KEYS)
    rows = slice(WINDOW * BEFORE, WINDOW * BEFORE + min(size, there))
    learn = slice(WINDOW * JUDGED, WINDOW * BEFORE)
    rng = np.random.default_rng(1)
    return Head(
        f"SmolLM2-135M layer {layer}, key head {HEADS[layer]}",
        np.array(held["k"][learn]),
        _drawn(held["q"], JUDGED, BEFORE, 1024),
        _longer(np.array(held["k"][rows]), size, rng),
        _longer(np.array(held["v"][rows]), size, rng),
        _drawn(held["q"], 0, JUDGED, queries),
        min(size, there),
    )


def made(size: int, queries: int = 64, *, width: int = WIDTH, learn: int = 8192, seed: int = 0) -> Head:
    """Keys and queries around 64 centres each, scores of deviation about 2.7: no transformer's, but of its kind."""
    rng = np.random.default_rng(seed)
    centres = rng.normal(size=(64, width))

    def draw(count: int) -> NDArray[np.float32]:
        near = centres[rng.integers(0, len(centres), count)] + 0.6 * rng.normal(size=(count, width))
        return (near * np.sqrt(2.7 / 1.36)).astype(np.float32)

    asked = [draw(SHARE * n).reshape(SHARE, n, width) for n in (min(1024, learn), queries)]
    values = rng.normal(size=(size, width)).astype(np.float32)
    return Head("made of 64 clusters", draw(learn), asked[0], draw(size), values, asked[1], 0)


def main() -> None:
    """Collect the keys."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument(
        "--windows", type=int, default=KEYS, help=f"of keys, {WINDOW:,} each, {KEYS} to {MOST}"
    )
    given = parser.parse_args()
    for line in collect(max(KEYS, given.windows)):
        print(line, flush=True)


if __name__ == "__main__":
    main()
