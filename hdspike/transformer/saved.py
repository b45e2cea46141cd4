"""A model in one file: its settings and its symbols in the header, then its memories as they are, each on its own page.

What follows from settings and symbols (items, exponentials, rates) is not stored. The arrays lie in the file as in
memory, so that a model is opened by mapping it: rows are scattered over the lifetime memory by their codes, hardly a
page of it stays empty, and a compact form would have to be unpacked. The same model gives the same bytes.
"""

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hdspike.arrays import load_arrays, save_arrays
from hdspike.transformer import votes as _v
from hdspike.transformer.memory import check_memory, stored_bytes
from hdspike.transformer.model import LAST, SpikingTransformer
from hdspike.transformer.settings import Settings

__all__ = ["load_model", "save_model"]

KIND, VERSION = "spiking-transformer", 1
FOLLOWS = {
    "codes": ("items", "letters"),
    "window": (),
    "lifetime": ("shapes",),
    "votes": ("exponentials", "rates", "layers"),
}
"""Of each part, what follows from the settings and the symbols."""
SPIKES = ("heard", "recalled")
HEADER = ("kind", "model_version", "settings", "symbols", "read_so_far", "sharp", "lost", "notes")
MOST_LOST = 1 << 62


def save_model(path: str | Path, model: SpikingTransformer, *, notes: dict[str, Any] | None = None) -> int:
    """Write a model, whole or not at all; returns the bytes of the file.

    ``notes`` are the writer's own, and must be JSON.

    Raises:
        TypeError: a model of another class, or notes that JSON cannot hold.
    """
    if type(model) is not SpikingTransformer:
        raise TypeError(f"model must be a SpikingTransformer, not {type(model).__name__}")
    return save_arrays(
        path,
        _state(model),
        kind=KIND,
        model_version=VERSION,
        settings=model.settings.as_json(),
        symbols=model.symbols,
        read_so_far=model.read_so_far,
        sharp=model.sharp,
        lost=model.lost.tolist(),
        notes=notes or {},
    )


def load_model(path: str | Path, *, mapped: bool = True) -> tuple[SpikingTransformer, dict[str, Any]]:
    """What :func:`save_model` wrote: a model that goes on as if it had never stopped, and the notes.

    With ``mapped`` its memories are a private mapping of the file: pages that are only read are shared between all who
    read them, and what is learned never reaches the file. All checksums and all indices are checked first.

    Raises:
        ValueError: no file, a file of another format, kind or version, cut short or damaged; a header that describes no
            model, one larger than this machine's memory, or other arrays than the file has.
    """
    if not Path(path).is_file():
        raise ValueError(
            f"model must be an existing file, {path} {'is a folder' if Path(path).is_dir() else 'does not exist'}"
        )
    arrays, header = load_arrays(path, mapped=mapped)
    if header.get("kind") != KIND:
        raise ValueError(f"{path} must hold a {KIND}, its header says {header.get('kind')!r}")
    if header.get("model_version") != VERSION:
        raise ValueError(
            f"{path} must be {KIND} version {VERSION}, its header says {header.get('model_version')!r}"
        )
    if set(header) != set(HEADER):
        raise ValueError(f"{path} must say {', '.join(HEADER)}, its header says {', '.join(sorted(header))}")
    try:
        model = _made(header, sum(array.nbytes for array in arrays.values()))
        _fill(model, arrays)
        _check(model)
    except (ValueError, TypeError) as error:
        raise ValueError(f"{path} does not hold a model: {error}") from error
    notes = header["notes"]
    if not isinstance(notes, dict):
        raise ValueError(f"{path} does not hold a model: notes must be an object, got {notes!r}")
    return model, notes


def _state(model: SpikingTransformer) -> dict[str, NDArray[Any]]:
    """All that reading and learning change, by name; of the spikes, those of the last position."""
    state = {}
    for part, follows in FOLLOWS.items():
        for name, array in getattr(model, part)._asdict().items():
            if name not in follows:
                state[f"{part}.{name}"] = array
    for part in SPIKES:
        spikes = getattr(model, part)
        there = np.arange(spikes.symbols.shape[2]) < spikes.distinct[0][:, None]
        state[f"{part}.symbols"] = np.where(there, spikes.symbols[0], 0)
        state[f"{part}.counts"] = np.where(there, spikes.counts[0], 0)
        state[f"{part}.distinct"] = spikes.distinct[0]
    return state


def _made(header: dict[str, Any], there: int) -> SpikingTransformer:
    """An empty model of these settings; not one byte of it before they agree with the size of what is ``there``."""
    settings, symbols = Settings.from_json(header["settings"]), header["symbols"]
    if not isinstance(symbols, str) or not 1 <= len(symbols) <= settings.lines:
        raise ValueError(f"symbols must be 1 to {settings.lines} characters, got {symbols!r}")
    described = stored_bytes(settings, len(symbols))
    if described != there:
        raise ValueError(f"settings must describe the {there} bytes of its arrays, they describe {described}")
    check_memory(settings, len(symbols))
    model = SpikingTransformer(symbols, settings)
    model.read_so_far = _whole("read_so_far", header["read_so_far"], LAST)
    model.sharp = _whole("sharp", header["sharp"], _v.MANY)
    if model.sharp not in _v.SHARPS:
        raise ValueError(f"sharp must be one of {_v.SHARPS.tolist()}, got {model.sharp}")
    lost = header["lost"]
    if not isinstance(lost, list) or len(lost) != len(_v.SHARPS):
        raise ValueError(f"lost must be {len(_v.SHARPS)} numbers, got {lost!r}")
    model.lost[:] = [_whole("lost", value, MOST_LOST) for value in lost]
    return model


def _whole(name: str, value: Any, high: int) -> int:
    if type(value) is not int or not 0 <= value <= high:
        raise ValueError(f"{name} must be a whole number in [0, {high}], got {value!r}")
    return value


def _fill(model: SpikingTransformer, arrays: dict[str, NDArray[Any]]) -> None:
    """Put the arrays of a file into a model of their settings."""
    expected = _state(model)
    if set(arrays) != set(expected):
        odd = sorted(set(arrays) ^ set(expected))
        raise ValueError(f"arrays must be those of a model, missing or unknown: {', '.join(odd)}")
    for name, array in arrays.items():
        if array.shape != expected[name].shape or array.dtype != expected[name].dtype:
            raise ValueError(
                f"{name} must be {expected[name].dtype} {expected[name].shape} with these settings, "
                f"got {array.dtype} {array.shape}"
            )
    for part in FOLLOWS:
        held = {
            name.partition(".")[2]: array for name, array in arrays.items() if name.startswith(f"{part}.")
        }
        setattr(model, part, getattr(model, part)._replace(**held))
    for part in SPIKES:
        for name, array in getattr(model, part)._asdict().items():
            array[0] = arrays[f"{part}.{name}"]


def _check(model: SpikingTransformer) -> None:
    """Raise where a number would lead a kernel out of an array, or round in a circle."""
    settings, read, symbols = model.settings, model.read_so_far, len(model.symbols)
    codes, window, lifetime, votes = model.codes, model.window, model.lifetime, model.votes
    bounds: tuple[tuple[str, NDArray[Any], int], ...] = (
        ("codes.residual", codes.residual, settings.lines),
        ("codes.words", codes.words, settings.lines),
        ("window.codes", window.codes, settings.lines),
        ("lifetime.tags", lifetime.tags, settings.lines),
        ("window.values", window.values, symbols),
        ("lifetime.symbols", lifetime.symbols, symbols),
        ("votes.occurred", votes.occurred, read + 1),
        ("votes.prior_uses", votes.prior_uses, _v.MANY + 1),
        ("votes.window_uses", votes.window_uses, _v.MANY + 1),
        ("votes.lifetime_uses", votes.lifetime_uses, _v.MANY + 1),
        ("heard.symbols", model.heard.symbols[0], symbols),
        ("heard.distinct", model.heard.distinct[0], model.heard.symbols.shape[2] + 1),
        ("recalled.symbols", model.recalled.symbols[0], symbols),
        ("recalled.distinct", model.recalled.distinct[0], model.recalled.symbols.shape[2] + 1),
    )
    for name, array, high in bounds:
        _below(name, array, high)
    ring = len(window.values)
    last = read - 1 - (read - 1 - np.arange(ring)) % ring
    older = window.older
    if (older < -1).any() or (older >= np.maximum(last, 0)[:, None]).any():
        raise ValueError("window.older must be older than the keys that they belong to")
    if window.newest.min() < -1 or window.newest.max() >= read:
        raise ValueError(f"window.newest must be positions below {read}, got {window.newest.max()}")


def _below(name: str, array: NDArray[Any], high: int) -> None:
    if array.size and not (array.min() >= 0 and array.max() < high):
        raise ValueError(f"{name} must be in [0, {high}), got values in [{array.min()}, {array.max()}]")
