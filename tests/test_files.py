"""Arrays on disk: whole, versioned, memory-mapped, and never trusted."""

import json
import mmap
from pathlib import Path

import numpy as np
import pytest

from hdspike import files


@pytest.mark.parametrize("mapped", [True, False])
@pytest.mark.parametrize(
    "array",
    [
        np.arange(12, dtype=np.uint64).reshape(3, 4),
        np.array([True, False]),
        np.zeros((0, 5), dtype=np.int32),
        np.array(2.5),
        np.arange(6, dtype=">i4"),
        np.asfortranarray(np.arange(6.0).reshape(2, 3)),
    ],
    ids=lambda a: f"{a.dtype}{a.shape}",
)
def test_what_is_saved_is_loaded(tmp_path: Path, array: np.ndarray, mapped: bool) -> None:
    path = tmp_path / "x.hdv"
    files.save_array(path, array, dim=7, names=["a", "é"])
    back, meta = files.load_array(path, mmap=mapped)
    np.testing.assert_array_equal(back, array)
    assert back.shape == array.shape
    assert meta == {"dim": 7, "names": ["a", "é"]}
    assert [p.name for p in tmp_path.iterdir()] == ["x.hdv"]


def test_a_mapped_array_is_not_read_and_cannot_be_changed(tmp_path: Path) -> None:
    files.save_array(tmp_path / "x", np.arange(4))
    back, _ = files.load_array(tmp_path / "x")
    owner = back
    while isinstance(owner, np.ndarray):
        owner = owner.base
    assert isinstance(owner, mmap.mmap)
    with pytest.raises(ValueError, match="read-only"):
        back[0] = 1


def test_blocks_are_written_one_by_one(tmp_path: Path) -> None:
    blocks = (np.full((n, 3), n, dtype=np.int32) for n in (2, 0, 5))
    files.save_array(tmp_path / "x", blocks, of="blocks")
    back, meta = files.load_array(tmp_path / "x")
    assert back[:, 0].tolist() == [2, 2, 5, 5, 5, 5, 5]
    assert meta == {"of": "blocks"}


def test_a_failed_write_leaves_what_was_there(tmp_path: Path) -> None:
    path = tmp_path / "x"
    files.save_array(path, np.arange(3))

    def broken():
        yield np.zeros((2, 3))
        yield np.zeros((2, 4))

    with pytest.raises(ValueError, match="array must come in blocks of one dtype and width"):
        files.save_array(path, broken())
    with pytest.raises(TypeError, match="array must hold booleans, integers or floats"):
        files.save_array(path, np.array(["text"]))
    with pytest.raises(TypeError, match="JSON"):
        files.save_array(path, np.arange(3), what=object())
    with pytest.raises(ValueError, match="meta must fit"):
        files.save_array(path, np.arange(3), what="x" * 5000)
    assert files.load_array(path)[0].tolist() == [0, 1, 2]
    assert [p.name for p in tmp_path.iterdir()] == ["x"]
    with pytest.raises(IsADirectoryError):
        files.save_array(tmp_path, np.arange(3))


def header(**changes: object) -> bytes:
    good = {"format": "hdspike-array", "version": 1, "dtype": "<i8", "shape": [3], "meta": {}}
    return json.dumps({**good, **changes}).encode().ljust(files.ALIGN)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "no header"),
        (b"\x80\x04N.", "no header"),  # a pickle
        (b"[" * 4096, "no header"),
        (b"[1]".ljust(4096), "no header"),
        (header(format="other"), "no header"),
        (header(version=2) + bytes(24), "version 1, its header says version 2"),
        (header() + bytes(23), "must hold 24 bytes of values, it has 23"),
        (header() + bytes(25), "must hold 24 bytes of values, it has 25"),
        (header(dtype="|O8") + bytes(24), "describes no array"),
        (header(shape=[-3]) + bytes(24), "describes no array"),
        (header(shape=[10**30]) + bytes(24), "must hold"),
        (header(shape="3") + bytes(24), "describes no array"),
        (header(meta=[]) + bytes(24), "describes no array"),
        (header()[:100], "must hold"),
    ],
)
@pytest.mark.parametrize("mapped", [True, False])
def test_a_bad_file_is_a_clear_error(tmp_path: Path, content: bytes, message: str, mapped: bool) -> None:
    path = tmp_path / "bad"
    path.write_bytes(content)
    with pytest.raises(ValueError, match=message) as caught:
        files.load_array(path, mmap=mapped)
    assert str(path) in str(caught.value)
