"""A model in a file: the same after as before, stopped anywhere; never trusted, however it was changed."""

import dataclasses
import json
import mmap
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hdspike.arrays import load_arrays, save_arrays
from hdspike.files import ALIGN
from hdspike.transformer import HEADS, Head, Settings, SpikingTransformer
from hdspike.transformer import memory as sizes
from hdspike.transformer.saved import load_model, save_model

SYMBOLS = "ab c"
PARTS = ("codes", "window", "lifetime", "votes", "heard", "recalled")
TWO = (Head("suffix", 1, 1, 2, 3), Head("suffix", 3, 2, 2, 2), Head("words", 2, 2, 1, 4))
SMALL = Settings(lines=8, heads=TWO, window=6, winners=3, totals=3, distincts=2, longer=2, ranks=2)
TEXT = "abba cab abc abba cab ba abc cab abba"

heads = st.builds(
    lambda kind, layer, reach, rows, fan_out: Head(kind, min(reach, 1 << layer), layer, rows, fan_out),
    st.sampled_from(["suffix", "words"]), st.integers(1, 3), st.integers(1, 8), st.integers(1, 3), st.integers(1, 5),
)  # fmt: skip
settings = st.builds(
    lambda lines, given, more: Settings(
        lines=1 << lines, heads=tuple(sorted(given, key=lambda head: head.layer)), **more
    ),
    st.integers(2, 5),
    st.lists(heads, min_size=1, max_size=3),
    st.fixed_dictionaries(
        {
            "synapses": st.integers(1, 3),
            "window": st.sampled_from([1, 5, 40, 1024, 1025]),
            "winners": st.integers(1, 9),
            "memories": st.sampled_from(["both", "window", "lifetime"]),
            "totals": st.integers(1, 3),
            "distincts": st.integers(1, 3),
            "longer": st.integers(1, 3),
            "ranks": st.integers(1, 3),
            "seed": st.integers(0, 5),
        }
    ),
)
texts = st.text(alphabet=SYMBOLS, max_size=40)


def taught(text: str = TEXT, config: Settings = SMALL) -> SpikingTransformer:
    model = SpikingTransformer(SYMBOLS, config)
    model.learn(text)
    return model


TAUGHT = taught()


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """A model file."""
    path = tmp_path_factory.mktemp("saved") / "model"
    size = save_model(path, taught(), notes={"by": "test"})
    assert path.stat().st_size == size
    return path.read_bytes()


@given(settings, texts, texts, st.booleans())
def test_it_goes_on_as_if_it_had_never_stopped(
    tmp_path_factory: pytest.TempPathFactory, config: Settings, before: str, after: str, mapped: bool
) -> None:
    folder = tmp_path_factory.mktemp("on")
    model = taught(before, config)
    save_model(folder / "stopped", model, notes={"at": len(before)})
    held = (folder / "stopped").read_bytes()
    back, notes = load_model(folder / "stopped", mapped=mapped)
    assert notes == {"at": len(before)} and back.symbols == SYMBOLS and back.settings == config
    ours, theirs = model.read(after, streaming=True), back.read(after, streaming=True)
    np.testing.assert_array_equal(theirs.bits, ours.bits)
    assert theirs.counts == ours.counts
    assert back.generate(5, rng=1) == model.generate(5, rng=1)
    ours, theirs = model.learn(after), back.learn(after)
    np.testing.assert_array_equal(theirs.bits, ours.bits)
    save_model(folder / "one", model)
    save_model(folder / "two", back)
    save_model(folder / "three", taught(before + after, config))
    assert (folder / "one").read_bytes() == (folder / "two").read_bytes() == (folder / "three").read_bytes()
    assert (folder / "stopped").read_bytes() == held  # learning on a mapping does not reach the file
    assert sorted(path.name for path in folder.iterdir()) == ["one", "stopped", "three", "two"]


@given(settings, st.integers(1, 4))
def test_sizes_are_known_before_a_model_is_made(
    tmp_path_factory: pytest.TempPathFactory, config: Settings, symbols: int
) -> None:
    model = SpikingTransformer(SYMBOLS[:symbols], config)
    found = {part: sum(array.nbytes for array in getattr(model, part)) for part in PARTS}
    found["spikes"] = found.pop("heard") + found.pop("recalled")
    assert sizes.memory_bytes(config, symbols) == found
    assert sizes.check_memory(config, symbols) == sum(found.values())
    path = tmp_path_factory.mktemp("size") / "model"
    save_model(path, model)
    arrays, _ = load_arrays(path)
    assert sizes.stored_bytes(config, symbols) == sum(array.nbytes for array in arrays.values())


def test_the_standard_model_is_not_made_to_know_its_size() -> None:
    assert len(HEADS) == 14
    assert sum(sizes.memory_bytes(Settings(), 103).values()) == 88_203_376


def test_a_model_beyond_all_memory_is_refused(tmp_path: Path) -> None:
    vast = dataclasses.replace(SMALL, lines=1 << 16, heads=(Head("suffix", 1, 1, 1 << 12, 1 << 16),))
    with pytest.raises(
        ValueError, match=r"settings must .* GB of this machine's memory, it would take .*life"
    ):
        sizes.check_memory(vast, 4)
    with pytest.raises(ValueError, match="symbols must be at least 1"):
        sizes.memory_bytes(SMALL, 0)
    _, header = reopened(tmp_path)
    save_arrays(tmp_path / "m", {"a": np.zeros(1)}, **{**header, "settings": vast.as_json()})
    with pytest.raises(ValueError, match="settings must describe the 8 bytes of its arrays"):
        load_model(tmp_path / "m")


def test_a_mapping_is_shared_until_it_is_written_to(tmp_path: Path) -> None:
    save_model(tmp_path / "m", taught())
    model, _ = load_model(tmp_path / "m")
    owner: Any = model.lifetime.symbols
    while isinstance(owner, np.ndarray):
        owner = owner.base
    assert isinstance(owner.obj if isinstance(owner, memoryview) else owner, mmap.mmap)
    assert model.lifetime.symbols.flags.writeable


@given(
    st.sampled_from([0, 1, 16, 17, 33]),
    st.sampled_from([0.0, 0.5, 1.0]),
    st.none() | st.text(SYMBOLS, min_size=1, max_size=9),
)
def test_what_grows_is_what_is_generated(length: int, temperature: float, prompt: str | None) -> None:
    model = TAUGHT
    asked: dict[str, Any] = {"prompt": prompt, "temperature": temperature}
    pieces = list(model.writing(length, rng=3, **asked))
    assert "".join(pieces) == model.generate(length, rng=3, **asked)
    assert len(pieces) == length


def test_only_what_it_can_bring_back_is_saved(tmp_path: Path) -> None:
    class Other(SpikingTransformer):
        pass

    with pytest.raises(TypeError, match="model must be a SpikingTransformer, not Other"):
        save_model(tmp_path / "m", Other(SYMBOLS, SMALL))
    with pytest.raises(TypeError, match="JSON"):
        save_model(tmp_path / "m", taught(), notes={"a": object()})
    assert list(tmp_path.iterdir()) == []


# --- never trusted


@given(st.data())
def test_any_byte_that_was_changed_is_noticed(
    tmp_path_factory: pytest.TempPathFactory, saved: bytes, data: st.DataObject
) -> None:
    path = tmp_path_factory.getbasetemp() / "changed"
    for at in (
        data.draw(st.integers(0, ALIGN - 1)),
        data.draw(st.integers(0, len(saved) - 1)),
    ):
        change = data.draw(st.integers(1, 255))
        path.write_bytes(saved[:at] + bytes([saved[at] ^ change]) + saved[at + 1 :])
        for mapped in (True, False):
            with pytest.raises(ValueError, match="changed") as caught:
                load_model(path, mapped=mapped)
            assert str(path) in str(caught.value)


@given(st.data())
def test_a_file_cut_short_or_too_long_is_noticed(
    tmp_path_factory: pytest.TempPathFactory, saved: bytes, data: st.DataObject
) -> None:
    path = tmp_path_factory.getbasetemp() / "cut"
    for content in (
        saved[: data.draw(st.integers(0, len(saved) - 1))],
        saved[: data.draw(st.integers(0, 2 * ALIGN))],
        saved + data.draw(st.binary(min_size=1, max_size=9)),
    ):
        path.write_bytes(content)
        with pytest.raises(ValueError, match=r"cut (is|must)"):
            load_model(path)


def reopened(tmp_path: Path) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
    """The arrays of a model file, and its header, to be changed."""
    save_model(tmp_path / "good", taught())
    return load_arrays(tmp_path / "good", mapped=False)


def _settings(**changed: Any) -> dict[str, Any]:
    return {**SMALL.as_json(), **changed}


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"kind": "willshaw"}, "must hold a spiking-transformer, its header says 'willshaw'"),
        ({"model_version": 2}, "version 1, its header says 2"),
        ({"more": 1}, "must say kind, model_version"),
        ({"settings": {}}, "settings must name exactly"),
        ({"settings": _settings(lines=16)}, "settings must describe the [0-9]+ bytes of its arrays"),
        ({"settings": _settings(lines=7)}, "lines must be a power of two"),
        ({"settings": _settings(lines=1 << 70)}, "lines must be at most"),
        ({"settings": _settings(heads=5)}, "settings must describe a model"),
        ({"settings": _settings(window=2000)}, "settings must describe"),
        ({"settings": _settings(lines=4, synapses=4)}, r"settings must describe"),
        ({"symbols": "abc"}, "settings must describe the"),
        ({"symbols": "abcdefghi"}, "symbols must be 1 to 8 characters"),
        ({"symbols": "aabb"}, "symbols must be different characters"),
        ({"symbols": 5}, "symbols must be 1 to 8 characters"),
        ({"read_so_far": -1}, "read_so_far must be a whole number"),
        ({"read_so_far": 1 << 40}, "read_so_far must be a whole number"),
        ({"read_so_far": 3}, r"votes.occurred must be in \[0, 4\)"),
        ({"sharp": 12345}, "sharp must be one of"),
        ({"sharp": None}, "sharp must be a whole number"),
        ({"lost": [0]}, "lost must be 9 numbers"),
        ({"lost": [0.5] * 9}, "lost must be a whole number"),
        ({"notes": []}, "notes must be an object"),
    ],
    ids=str,
)
def test_a_header_that_describes_another_model(tmp_path: Path, changed: dict[str, Any], message: str) -> None:
    arrays, header = reopened(tmp_path)
    save_arrays(tmp_path / "m", arrays, **{**header, **changed})
    with pytest.raises(ValueError, match=message) as caught:
        load_model(tmp_path / "m")
    assert str(tmp_path / "m") in str(caught.value)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("codes.residual", 8),
        ("codes.words", 8),
        ("window.codes", 9),
        ("window.values", 4),
        ("window.newest", len(TEXT)),
        ("window.newest", -2),
        ("window.older", -2),
        ("window.older", len(TEXT)),
        ("lifetime.tags", 8),
        ("lifetime.symbols", 4),
        ("votes.occurred", -1),
        ("votes.occurred", 1 << 62),
        ("votes.prior_uses", -1),
        ("votes.window_uses", -5),
        ("votes.lifetime_uses", 2**31 - 1),
        ("heard.symbols", 4),
        ("heard.distinct", -1),
        ("recalled.symbols", 4),
        ("recalled.distinct", 6),
    ],
)
def test_no_index_leads_out_of_an_array(tmp_path: Path, name: str, value: int) -> None:
    """Checksums agree, for the file was made so."""
    arrays, header = reopened(tmp_path)
    arrays[name] = arrays[name].copy()
    arrays[name].flat[-1] = value
    save_arrays(tmp_path / "m", arrays, **header)
    with pytest.raises(ValueError, match=f"{name} must be"):
        load_model(tmp_path / "m")


def test_no_chain_of_keys_goes_round_in_a_circle(tmp_path: Path) -> None:
    arrays, header = reopened(tmp_path)
    last = len(TEXT) - 1
    arrays["window.older"] = arrays["window.older"].copy()
    assert arrays["window.older"].shape[1] == len(arrays["window.values"])
    arrays["window.older"][0, last, 0] = last  # a key that is older than itself
    save_arrays(tmp_path / "m", arrays, **header)
    with pytest.raises(ValueError, match=r"window\.older must be older"):
        load_model(tmp_path / "m")


@pytest.mark.parametrize("change", ["less", "more", "shape", "dtype"])
def test_arrays_that_the_settings_do_not_have(tmp_path: Path, change: str) -> None:
    arrays, header = reopened(tmp_path)
    if change == "less":
        array = arrays.pop("codes.words")
        arrays["codes.others"] = array
    elif change == "more":
        arrays["more"] = np.zeros(0)
    elif change == "shape":
        arrays["codes.words"] = arrays["codes.words"].reshape(-1)
    else:
        arrays["codes.words"] = arrays["codes.words"].view(np.int16)
    save_arrays(tmp_path / "m", arrays, **header)
    rule = (
        "codes.words must be uint16" if change in ("shape", "dtype") else "missing or unknown: .*(words|more)"
    )
    with pytest.raises(ValueError, match=rule):
        load_model(tmp_path / "m")


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)  # fmt: skip


@given(st.data())
def test_any_header_is_a_model_or_a_clear_error(
    tmp_path_factory: pytest.TempPathFactory, saved: bytes, data: st.DataObject
) -> None:
    folder = tmp_path_factory.getbasetemp()
    (folder / "fuzzed").write_bytes(saved)
    arrays, header = load_arrays(folder / "fuzzed")
    name = data.draw(st.sampled_from(sorted(header)))
    if name == "settings" and data.draw(st.booleans()):
        field = data.draw(st.sampled_from(sorted(header["settings"])))
        header["settings"] = {**header["settings"], field: data.draw(json_values | st.integers(0, 99))}
    else:
        header[name] = data.draw(json_values)
    save_arrays(folder / "fuzzed", arrays, **json.loads(json.dumps(header)))
    try:
        model, _ = load_model(folder / "fuzzed")
    except ValueError as error:
        said = str(error)
    else:
        said = f"fuzzed: {len(model.generate(2, rng=0))} symbols"
    assert "fuzzed" in said
