"""Several arrays in one file: what is saved is loaded, and nothing else."""

import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from hdspike.arrays import MOST_PAGES, load_arrays, save_arrays
from hdspike.files import ALIGN

dtypes = st.sampled_from(["?", "u1", "i1", "<u2", ">i2", "<i4", ">u8", "<f4", "<f8"]).map(np.dtype)
some = st.dictionaries(
    st.text(max_size=8), dtypes.flatmap(lambda d: hnp.arrays(d, hnp.array_shapes(min_dims=0, min_side=0))), max_size=4
)  # fmt: skip


@given(some, st.dictionaries(st.sampled_from(["a", "é"]), st.integers() | st.text(max_size=5)), st.booleans())
def test_what_is_saved_is_loaded(
    tmp_path_factory: pytest.TempPathFactory,
    arrays: dict[str, np.ndarray],
    meta: dict[str, Any],
    mapped: bool,
) -> None:
    path = tmp_path_factory.getbasetemp() / "arrays"
    size = save_arrays(path, arrays, **meta)
    held = path.read_bytes()
    assert len(held) == size and size % ALIGN == 0
    found, said = load_arrays(path, mapped=mapped)
    assert said == meta and list(found) == list(arrays)
    for name, array in arrays.items():
        assert found[name].dtype == array.dtype.newbyteorder("=") and found[name].shape == array.shape
        np.testing.assert_array_equal(found[name], array)
        found[name][...] = 0  # a copy of one's own, even where it is mapped
    assert path.read_bytes() == held
    save_arrays(path, arrays, **meta)
    assert path.read_bytes() == held


def test_columns_and_pages(tmp_path: Path) -> None:
    turned = np.asfortranarray(np.arange(6.0).reshape(2, 3))
    save_arrays(tmp_path / "x", {"a": np.arange(3), "b": turned, "none": np.zeros((0, 4)), "c": np.ones(600)})
    content = (tmp_path / "x").read_bytes()
    assert len(content) == ALIGN * (1 + 1 + 1 + 0 + 2)
    assert content[ALIGN : ALIGN + 24] == np.arange(3).tobytes()
    found, _ = load_arrays(tmp_path / "x")
    np.testing.assert_array_equal(found["b"], turned)
    assert all(array.ctypes.data % ALIGN == 0 for name, array in found.items() if name != "none")


def test_a_failed_write_leaves_what_was_there(tmp_path: Path) -> None:
    path = tmp_path / "x"
    save_arrays(path, {"a": np.arange(3)})
    with pytest.raises(TypeError, match="b must hold booleans, integers or floats, got dtype"):
        save_arrays(path, {"b": np.array(["text"])})
    with pytest.raises(TypeError, match="JSON"):
        save_arrays(path, {}, what=object())
    with pytest.raises(ValueError, match="meta must fit 1048576 bytes"):
        save_arrays(path, {}, what="x" * (1 << 20))
    with pytest.raises(IsADirectoryError):
        save_arrays(tmp_path, {})
    assert load_arrays(path)[0]["a"].tolist() == [0, 1, 2]
    assert [p.name for p in tmp_path.iterdir()] == ["x"]
    long = "x" * (MOST_PAGES * ALIGN - 1000)  # the longest header that there may be
    save_arrays(path, {}, long=long)
    assert load_arrays(path)[1] == {"long": long}


ENTRY = {"name": "a", "dtype": "<i8", "shape": [3], "sha256": "?"}


def made(
    content: bytes = bytes(ALIGN), meta: Any = None, pages: Any = 1, version: Any = 1, **entry: Any
) -> bytes:
    """A file whose checksums agree."""
    one = {**ENTRY, "sha256": hashlib.sha256(content).hexdigest(), **entry}
    return whole({"meta": {} if meta is None else meta, "arrays": [one]}, pages, version) + content


def whole(header: Any, pages: Any = 1, version: Any = 1) -> bytes:
    line = f"hdspike-arrays {version} {pages} ".encode()
    body = (header if isinstance(header, bytes) else json.dumps(header).encode()).ljust(
        ALIGN - len(line) - 65
    )
    return line + hashlib.sha256(body).hexdigest().encode() + b"\n" + body


def test_the_files_made_here_are_good(tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes(made())
    assert load_arrays(tmp_path / "x")[0]["a"].tolist() == [0, 0, 0]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "no header"),
        (b"\x80\x04N.", "no header"),
        (made()[:100], "cut short within its header"),
        (made()[:-1], "must have 8192 bytes, it has 8191"),
        (made() + b"\0", "must have 8192 bytes, it has 8193"),
        (made(version=2), "must be hdspike-arrays version 1, it says version 2"),
        (made(version="1 "), "no header"),
        (made(pages=0), "no header"),
        (made(pages=2), "checksum of its header"),
        (made(pages=257), "at most 256 pages, it says 257"),
        (made(pages=255), "cut short within its header"),
        (made(pages=10**9), "no header"),
        (made().replace(b'"a"', b'"b"'), "checksum of its header"),
        (made(sha256="0" * 64), "checksum of a does not agree"),
        (made(sha256=5), "describes no arrays"),
        (made(meta=[]), "describes no arrays"),
        (made(dtype="|O8"), "describes no arrays"),
        (made(dtype=["<i8"]), "describes no arrays"),
        (made(shape=[-3]), "describes no arrays"),
        (made(shape=[True]), "describes no arrays"),
        (made(shape=3), "describes no arrays"),
        (made(shape=[1] * 17), "describes no arrays"),
        (made(shape=[10**30]), "describes no arrays"),
        (made(shape=[0, 1 << 62]), "describes no arrays"),
        (made(shape=[1 << 40]), "must have 8796093026304 bytes, it has 8192"),
        (made(shape=[3000]), "must have 28672 bytes, it has 8192"),
        (made(name=[1]), "describes no arrays"),
        (made(name=1), "describes no arrays"),
        (made(b"\2" * ALIGN, dtype="|b1"), "must hold booleans in a, it holds 2"),
        (whole({"meta": {}, "arrays": [{**ENTRY, "shape": [0]}] * 2}), "describes no arrays"),
        (whole({"meta": {}, "arrays": 5}), "describes no arrays"),
        (whole({"meta": {}}), "describes no arrays"),
        (whole(b"[" * 3000), "describes no arrays"),
        (whole(b"\xff"), "describes no arrays"),
        (whole(5), "describes no arrays"),
    ],
)
@pytest.mark.parametrize("mapped", [True, False])
def test_a_bad_file_is_a_clear_error(tmp_path: Path, content: bytes, message: str, mapped: bool) -> None:
    path = tmp_path / "bad"
    path.write_bytes(content)
    with pytest.raises(ValueError, match=message) as caught:
        load_arrays(path, mapped=mapped)
    assert str(path) in str(caught.value)
