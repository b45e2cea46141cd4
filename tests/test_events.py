"""Event files: every format in and out, damaged files, and the results of a run as tables."""

import csv
import importlib.util
import json
import random
import struct
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hdspike import events
from hdspike.events import CAMERA, Recording, Sensor, apart, from_structured, nmnist, prophesee, to_structured
from hdspike.spikes import EVENT
from tests import fuzz_events

NEEDS = {"aedat4": "faery", "evt": "faery", "dat": "faery", "es": "faery", "h5": "h5py", "sonata": "h5py",
         "parquet": "pyarrow"}  # fmt: skip
SENSOR = Sensor(34, 30)


def needs(*modules: str) -> pytest.MarkDecorator:
    missing = [m for m in modules if importlib.util.find_spec(m) is None]
    return pytest.mark.skipif(bool(missing), reason=f"{', '.join(missing)} not installed")


def rows(events_of: list[tuple[int, int]]) -> np.ndarray:
    return np.array(events_of, dtype=EVENT)


# Structured arrays and sensors


@pytest.mark.parametrize(
    "dtype",
    [
        CAMERA,
        [("t", "<u8"), ("x", "<u2"), ("y", "<u2"), ("on", "?")],
        [("p", "i1"), ("y", "i8"), ("timestamp", "i4"), ("x", "u1")],
        [("x", "<i2"), ("y", "<i2"), ("ts", ">i8"), ("polarity", "u1")],
    ],
)
def test_fields_go_by_name(dtype: object) -> None:
    array = np.zeros(3, dtype=dtype)
    names = {n[0]: n for n in array.dtype.names}
    array[names["x"]], array[names["y"]] = [5, 0, 33], [1, 29, 0]
    array[names["t"]] = [7, 9, 8]
    array[names.get("p") or names["o"]] = [1, 0, 1]
    recording = from_structured(array, SENSOR)
    assert recording.events["time"].tolist() == [7_000_000, 8_000_000, 9_000_000]
    on = 34 * 30
    assert recording.events["address"].tolist() == [on + 34 + 5, on + 33, 29 * 34]
    back = to_structured(recording, dtype=dtype)
    assert np.array_equal(back, array[[0, 2, 1]])


def test_minus_one_is_off_and_no_polarity_is_one_polarity() -> None:
    signed = np.array(
        [(1, 0, 0, -1), (1, 0, 1, 1)], dtype=[("x", "i2"), ("y", "i2"), ("t", "i8"), ("p", "i1")]
    )
    assert from_structured(signed).events["address"].tolist() == [1, 3]
    bare = np.array([(1, 0, 0)], dtype=[("x", "i2"), ("y", "i2"), ("t", "i8")])
    assert from_structured(bare).sensor == Sensor(2, 1, 1)


@given(st.integers(1, 40), st.integers(1, 40), st.integers(1, 2), st.data())
def test_addresses_and_pixels_are_inverse(
    width: int, height: int, polarities: int, data: st.DataObject
) -> None:
    sensor = Sensor(width, height, polarities)
    address = np.array(data.draw(st.lists(st.integers(0, sensor.size - 1), max_size=20)), dtype=np.int32)
    x, y, p = sensor.pixels(address)
    assert np.array_equal(sensor.address(x, y, p), address)
    image = np.arange(sensor.size).reshape(sensor.shape)
    channel = p if polarities == 2 else 0 * p
    assert np.array_equal(image[channel, y, x], address)


@pytest.mark.parametrize("unsigned", [True, False])
def test_a_clock_since_1970_gets_an_origin(unsigned: bool) -> None:
    array = np.zeros(2, dtype=[("x", "i2"), ("y", "i2"), ("t", "<u8" if unsigned else "<i8"), ("p", "?")])
    array["t"] = [1_605_537_493_718_345, 1_605_537_493_718_350]
    recording = from_structured(array)
    assert recording.origin_ps == 1_605_537_493_718_345 * 10**6
    assert recording.events["time"].tolist() == [0, 5_000_000]
    assert to_structured(recording)["t"].tolist() == array["t"].tolist()
    again = from_structured(array, origin_ps=1_605_537_493_000_000 * 10**6 + 7)
    assert again.events["time"].tolist() == [718_344_999_993, 718_349_999_993]
    assert to_structured(again)["t"].tolist() == array["t"].tolist()


def test_cutting_time_and_space() -> None:
    array = np.array([(0, 0, 0, 0), (4, 4, 10, 1), (5, 2, 20, 1)], dtype=CAMERA)
    whole = from_structured(array, Sensor(7, 5))
    late = whole.between(10_000_000, 20_000_000)
    assert late.events["time"].tolist() == [0]
    assert to_structured(late)["t"].tolist() == [10]
    corner = to_structured(whole.crop(x=(4, 7), y=(2, 5)))
    assert corner[["x", "y"]].tolist() == [(0, 2), (1, 0)]
    half = whole.downsample(2)
    assert half.sensor == Sensor(4, 3)
    assert to_structured(half)[["x", "y", "p"]].tolist() == [(0, 0, False), (2, 2, True), (2, 1, True)]
    assert whole.merged().events["address"].tolist() == [0, 32, 19]


BAD = [
    (lambda: Sensor(0, 3), "width must be at least 1"),
    (lambda: Sensor(3, 3, 3), "polarities must be at most 2"),
    (lambda: Sensor(65536, 65536), "width × height × polarities must be below"),
    (lambda: SENSOR.address([34], [0], [0]), "x must be in"),
    (lambda: SENSOR.address([0], [-1], [0]), "y must be in"),
    (lambda: SENSOR.pixels([34 * 60]), "address must be in"),
    (lambda: Recording(rows([(0, -1)])), "events must have addresses of at least 0"),
    (lambda: Recording(rows([(0, 2)]), Sensor(1, 1)), "events must have addresses below 2"),
    (lambda: Recording(np.zeros(3)), "events must be one row of dtype"),
    (lambda: Recording(rows([])).crop(x=(0, 1), y=(0, 1)), "sensor must be known to crop"),
    (lambda: Recording(rows([]), SENSOR).crop(x=(3, 3), y=(0, 1)), "x must be at least 4"),
    (lambda: Recording(rows([]), SENSOR).downsample(0), "factor must be at least 1"),
    (lambda: Recording(rows([])).between(5, 4), "last_ps must be at least 5"),
    (lambda: from_structured(np.zeros(3)), "array must be one row with fields"),
    (lambda: from_structured(np.zeros(1, dtype=[("x", "i2"), ("t", "i8")])), "array must have the field y"),
    (lambda: from_structured(np.zeros(1, dtype=[("x", "f4"), ("y", "i2"), ("t", "i8")])), "array must have integers"),
    (lambda: from_structured(np.zeros(1, CAMERA), tick_ps=0), "tick_ps must be at least 1"),
    (lambda: from_structured(np.array([(0, 0, 2**62, 0)], CAMERA), origin_ps=0), "t must lie within"),
    (lambda: to_structured(Recording(rows([]))), "sensor must be known"),
    (lambda: to_structured(Recording(rows([(10**17, 0)]), SENSOR), dtype=[("t", "i4")]), "dtype must hold t"),
    (lambda: to_structured(Recording(rows([]), SENSOR), dtype=[("q", "i4")]), "dtype must have fields"),
    (lambda: to_structured(Recording(rows([(0, 0)]), SENSOR, 2**90)), "origin_ps must leave times that fit"),
]  # fmt: skip


@pytest.mark.parametrize(("call", "message"), BAD)
def test_bad_arguments(call, message: str) -> None:
    with pytest.raises((ValueError, TypeError), match=message):
        call()


# Formats


FILES = [
    ("a.bin", None), ("a.csv", None), ("a.npy", None), ("a.events", None), ("a.raw", "evt2.1"),
    *(pytest.param(name, version, marks=needs(NEEDS[kind])) for name, version, kind in (
        ("a.aedat4", None, "aedat4"), ("a.raw", "evt2", "evt"), ("a.raw", None, "evt"), ("a.dat", "dat1", "dat"),
        ("a.dat", None, "dat"), ("a.es", None, "es"), ("a.h5", None, "h5"), ("a.parquet", None, "parquet"),
        ("a.sonata", None, "sonata"))),
]  # fmt: skip


@pytest.mark.parametrize(("name", "version"), FILES)
def test_what_is_written_is_read(name: str, version: str | None, tmp_path: Path) -> None:
    """All events come back; so does an empty recording; nothing else is left in the folder."""
    whole = fuzz_events.recording(500, seed=3)
    path = tmp_path / name
    events.write(path, whole, version=version)
    back = events.read(path, sensor=fuzz_events.SENSOR if name == "a.npy" else None)
    assert np.array_equal(back.events, whole.events)
    assert back.sensor == (None if name in ("a.events", "a.sonata") else fuzz_events.SENSOR)
    assert [p.name for p in tmp_path.iterdir()] == [name]
    if name.split(".")[1] not in NEEDS:
        events.write(path, Recording(whole.events[:0], SENSOR), version=version)
        assert len(events.read(path)) == 0


@pytest.mark.parametrize("name", ["a.csv", pytest.param("a.h5", marks=needs("h5py")),
                                  pytest.param("a.parquet", marks=needs("pyarrow"))])  # fmt: skip
def test_tables_keep_origin_and_negative_times(name: str, tmp_path: Path) -> None:
    odd = Recording(rows([(-(2**62), 2**31 - 1), (5, 0), (5, 0)]), None, 2**90)
    events.write(tmp_path / name, odd)
    back = events.read(tmp_path / name)
    assert np.array_equal(back.events, odd.events)
    assert (back.origin_ps, back.sensor) == (2**90, None)


def test_n_mnist_by_hand(tmp_path: Path) -> None:
    """Bytes as Orchard et al. (2015) state them, the overflow included."""
    (tmp_path / "a.bin").write_bytes(bytes([7, 9, 0x81, 2, 3, 0, 240, 0, 0, 0, 1, 2, 0, 0, 5]))
    back = events.read(tmp_path / "a.bin")
    assert back.sensor == Sensor(34, 34)
    assert to_structured(back).tolist() == [(1, 2, 8192 + 5, False), (7, 9, 0x10203, True)]


@given(
    st.lists(
        st.tuples(st.integers(0, 255), st.integers(0, 239), st.integers(0, 30_000_000), st.booleans()),
        max_size=30,
    )
)
def test_n_mnist_goes_round(found: list[tuple[int, int, int, bool]]) -> None:
    whole = from_structured(np.array(found, dtype=CAMERA), Sensor(256, 240))
    x, y, t, p = nmnist.decode(nmnist.encode(whole))
    assert [*zip(x.tolist(), y.tolist(), t.tolist(), p.astype(bool).tolist(), strict=True)] == to_structured(
        whole
    ).tolist()


@needs("faery")
@pytest.mark.parametrize(
    ("name", "pixel", "time"), [("a.raw", 33, 20_000_000), ("a.raw", 2500, 3), ("a.dat", 33, 2**32 + 5)]
)
def test_what_overflows_a_camera_format_is_an_error(name: str, pixel: int, time: int, tmp_path: Path) -> None:
    """The encoders of the library wrap it round without a word; nothing is written."""
    odd = from_structured(np.array([(0, 0, 1, 1), (pixel, 0, time, 1)], dtype=CAMERA), Sensor(pixel + 1, 30))
    with pytest.raises(ValueError, match=r"events must fit the format .*, read back they differ"):
        events.write(tmp_path / name, odd)
    assert not list(tmp_path.iterdir())


def evt21(words: list[int], legacy: bool = False) -> bytes:
    head = (
        f"% evt 2.1\n% format EVT21;endianness={'legacy' if legacy else 'little'};height=30;width=40\n% end\n"
    )
    halves = [(w >> 32 | w << 32) & (2**64 - 1) if legacy else w for w in words]
    return head.encode() + struct.pack(f"<{len(words)}Q", *halves)


@pytest.mark.parametrize("legacy", [False, True])
def test_evt21_by_hand(legacy: bool, tmp_path: Path) -> None:
    """Words as Prophesee's page lays them out: 4 bits type, 6 of time, 11 of x, 11 of y, 32 pixels."""
    early = 1 << 60 | 1  # before the first time: of no known time
    high, trigger = 8 << 60 | 5 << 32, 10 << 60 | 1
    on = 1 << 60 | 3 << 54 | 32 << 43 | 7 << 32 | 0b10000101
    off = 9 << 54 | 0 << 43 | 29 << 32 | 1 << 31
    (tmp_path / "a.raw").write_bytes(evt21([early, high, on, trigger, off], legacy))
    back = events.read(tmp_path / "a.raw")
    assert back.sensor == Sensor(40, 30)
    assert to_structured(back).tolist() == [
        (32, 7, 323, True), (34, 7, 323, True), (39, 7, 323, True), (31, 29, 329, False)
    ]  # fmt: skip


def test_evt21_time_overflows(tmp_path: Path) -> None:
    words = [8 << 60 | (2**28 - 1) << 32, 1, 8 << 60, 1]
    (tmp_path / "a.raw").write_bytes(evt21(words))
    assert to_structured(events.read(tmp_path / "a.raw"))["t"].tolist() == [(2**28 - 1) << 6, 2**34]


@given(
    st.lists(
        st.tuples(st.integers(0, 69), st.integers(0, 2), st.integers(0, 300), st.booleans()), max_size=40
    )
)
def test_evt21_goes_round(found: list[tuple[int, int, int, bool]]) -> None:
    whole = from_structured(np.array(found, dtype=CAMERA), Sensor(70, 3))
    data = prophesee.encode_evt21(whole)
    words = np.frombuffer(data[data.index(b"% end\n") + 6 :], dtype="<u8")
    x, y, t, p = prophesee._decode(words, Path("a.raw"), 1000)
    again = Recording(np.array([*zip(t * 10**6, whole.sensor.address(x, y, p), strict=True)], dtype=EVENT))
    assert np.array_equal(again.events, whole.events)


def test_csv_of_other_tools(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    for text in (
        "t,x,y,p\n3,1,2,0\n5,0,0,1\n",
        "3,1,2,0\n5,0,0,1",
        "# a comment\n\n",
        "p, y, t, x\n\n0,2,3,1\n#\n1,0,5,0\n",
    ):
        path.write_text(text)
        if "comment" in text:
            with pytest.raises(ValueError, match="path must have 2 to 64 named columns"):
                events.read(path)
            continue
        assert to_structured(events.read(path)).tolist() == [(1, 2, 3, False), (0, 0, 5, True)]


@needs("h5py")
def test_hdf5_of_other_tools(tmp_path: Path) -> None:
    """DSEC has its events in a group, and an offset beside it."""
    import h5py

    with h5py.File(tmp_path / "a.h5", "w") as file:
        for name, values in {"x": [3, 1], "y": [0, 2], "t": [10, 4], "p": [1, 0]}.items():
            file.create_dataset(f"events/{name}", data=np.array(values), compression="gzip")
        file["t_offset"] = 1000
    back = events.read(tmp_path / "a.h5")
    assert to_structured(back).tolist() == [(1, 2, 1004, False), (3, 0, 1010, True)]


@needs("h5py")
def test_sonata_as_the_specification_has_it(tmp_path: Path) -> None:
    import h5py

    path = tmp_path / "a.sonata"
    late = 2250 * 10**12 + 1  # ps: about the last that a float64 of ms holds exactly
    events.write(path, Recording(rows([(0, 5), (1_234_567, 2), (late, 0)]), name="cells"))
    with h5py.File(path) as file:
        assert (file.attrs["magic"], file.attrs["version"].tolist()) == (0x0A7A, [0, 1])
        group = file["spikes/cells"]
        kind = h5py.check_enum_dtype(group.attrs.get_id("sorting").dtype)
        assert kind == {"none": 0, "by_id": 1, "by_time": 2}
        assert group.attrs["sorting"] == kind["by_time"]
        assert group["timestamps"].attrs["units"] == "ms"
        assert group["timestamps"].dtype == np.float64
        assert group["node_ids"].dtype == np.uint64
        assert group["timestamps"][:2].tolist() == [0, 0.001234567]
    back = events.read(path)
    assert back.name == "cells"
    assert back.events["time"].tolist() == [0, 1_234_567, late]
    with h5py.File(path, "a") as file:
        file["spikes/more/timestamps"] = [1.5]
        file["spikes/more/node_ids"] = [3]
    with pytest.raises(ValueError, match=r"population must be given, a\.sonata has cells, more"):
        events.read(path)
    assert events.read(path, population="more").events.tolist() == [(1_500_000_000, 3)]
    with pytest.raises(ValueError, match="population must be one of"):
        events.read(path, population="none")


@needs("h5py")
def test_hdf5_that_points_elsewhere_is_refused(tmp_path: Path) -> None:
    import h5py

    secret = tmp_path / "secret"
    secret.write_bytes(bytes(80))
    path = tmp_path / "a.h5"
    for build in (
        lambda f: f.create_dataset("x", (10,), "i8", external=[(str(secret), 0, 80)]),
        lambda f: f.__setitem__("x", h5py.ExternalLink("other.h5", "/x")),
        lambda f: f.create_dataset("x", (10**12,), "i8", chunks=(1024,), compression="gzip"),
    ):
        with h5py.File(path, "w") as file:
            build(file)
        with pytest.raises(ValueError, match=r"path must be well-formed, a\.h5"):
            events.read(path)


# Damage


@pytest.mark.parametrize(("name", "version"), [("a.bin", None), ("a.csv", None), ("a.npy", None), ("a.events", None),
                                               ("a.raw", "evt2.1")])  # fmt: skip
def test_damaged_files_are_an_answer_or_a_value_error(name: str, version: str | None, tmp_path: Path) -> None:
    path = tmp_path / name
    events.write(path, fuzz_events.recording(60), version=version)
    whole = path.read_bytes()
    said = []
    for case in range(150):
        path.write_bytes(fuzz_events.damaged(whole, random.Random(f"{name} {case}")))
        try:
            events.read(path, most=10_000)
        except ValueError as error:
            said.append(str(error))
    assert len(said) > 20
    assert all(line.startswith("path") or name in line for line in said), said


NATIVE = [pytest.param(name, version, marks=needs(NEEDS[kind])) for name, version, kind in (
    ("a.aedat4", None, "aedat4"), ("a.raw", "evt3", "evt"), ("a.h5", None, "h5"),
    ("a.parquet", None, "parquet"))]  # fmt: skip


@pytest.mark.parametrize(("name", "version"), NATIVE)
def test_native_decoders_fail_apart(name: str, version: str | None, tmp_path: Path) -> None:
    """A file that is cut short, through the real decoders."""
    path = tmp_path / name
    events.write(path, fuzz_events.recording(60), version=version)
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 3])
    with pytest.raises(ValueError, match=f"path must.*{name}"):
        events.read(path, most=1)


@pytest.mark.skipif(sys.platform == "win32", reason="limits of memory and signals are POSIX")
@pytest.mark.parametrize(
    ("code", "message"),
    [
        ("import os; os.abort()", "the decoder died of a.h5 .exit code -6"),
        ("import no_such_library", "failed, a library cannot be imported: No module named"),
        ("bytes(1 << 34)", "must be decodable in bounded memory"),
        ("raise KeyboardInterrupt", "must be well-formed, a.h5: it is not: KeyboardInterrupt"),
        ("while True: pass", "must be decodable within 1 s"),
        ("import os; os._exit(0)", "the decoder died of a.h5 .exit code 0"),
    ],
)
def test_a_child_that_fails_is_a_value_error(
    code: str, message: str | None, tmp_path: Path, monkeypatch
) -> None:
    child = tmp_path / "child.py"
    body = apart.CHILD.read_text().replace("    import h5py\n    import numpy as np\n", f"    {code}\n")
    child.write_text(body)
    monkeypatch.setattr(apart, "CHILD", child)
    (tmp_path / "a.h5").write_bytes(b"")
    call = {"most": 10, "megabytes": 2048, "patience": 1 if code.startswith("while") else 60}
    with pytest.raises((ValueError, ImportError), match=message):
        apart.run("hdf5", tmp_path / "a.h5", tmp_path / "out", **call)


REFUSED = [
    ("a.xyz", b"", "format must be given where the suffix is none of"),
    ("a.bin", b"1234", "path must be whole records of 5 bytes, a.bin has 4 bytes"),
    ("a.bin", bytes(5 * 11), "path must hold at most 10 events"),
    ("a.csv", b"t,x,y\n1,2\n", "path must have 3 distinct columns|path must hold rows of whole numbers"),
    ("a.csv", b"t,x,y\n1,2,1e3\n", "path must hold rows of whole numbers, a.csv"),
    ("a.csv", b"t,x\n1,2\n", "path must have the columns time_ps, address or x, y, t, p, a.csv"),
    ("a.csv", b"time_ps,address\n1,-2\n", "path must hold address in"),
    ("a.csv", b"t,x,y,p\n" + b"1,1,1,1\n" * 11, "path must hold at most 10 events"),
    ("a.csv", b"\xff\xfe,2\n", "path must be text with commas"),
    ("a.csv", b'# {"format": "hdspike.events", "version": 9}\nx,y,t\n', "path must be hdspike.events version 1"),
    ("a.csv", b'# {"format": "hdspike.events", "version": 1, "origin_ps": "x"}\ntime_ps,address\n', "whole origin_ps"),
    ("a.csv", b'# {"format": "hdspike.events", "version": 1, "width": -1}\ntime_ps,address\n', "describe its sensor"),
    ("a.events", b"nothing\n", "path must hold events as hdspike writes them, a.events"),
    ("a.npy", b"\x93NUMPY", "path must be a whole .npy file"),
    ("a.raw", b"% evt 2.1\n% width 99999\n% end\n", "path must have a width of 1 to 2048"),
    ("a.raw", b"% evt 2.1\n% endianness big\n% end\n", "path must be of endianness little or legacy"),
    ("a.raw", b"% evt 2.1\n% end\n123", "path must be whole words of 8 bytes"),
    ("a.raw", b"% " + b"x" * 5000, "path must have header lines below 4096 bytes"),
    ("a.raw", evt21([8 << 60, 2**32 - 1]), "path must hold at most 10 events"),
]  # fmt: skip


@pytest.mark.parametrize(("name", "data", "message"), REFUSED)
def test_files_that_break_a_rule(name: str, data: bytes, message: str, tmp_path: Path) -> None:
    (tmp_path / name).write_bytes(data)
    with pytest.raises(ValueError, match=message):
        events.read(tmp_path / name, most=10)


def test_pickles_are_never_opened(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", np.array([{}], dtype=object), allow_pickle=True)
    with pytest.raises(ValueError, match=r"path must be a whole \.npy file of plain values"):
        events.read(tmp_path / "a.npy")


def test_bad_calls(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="path must be an existing file"):
        events.read(tmp_path / "a.csv")
    with pytest.raises(ValueError, match="path must be a file"):
        events.read(tmp_path, "csv")
    with pytest.raises(ValueError, match="format must be one of"):
        events.read(tmp_path, "tiff")
    with pytest.raises(ValueError, match="version must be left out"):
        events.write(tmp_path / "a.csv", rows([]), version="evt3")
    with pytest.raises(ValueError, match="sensor must be known"):
        events.write(tmp_path / "a.bin", rows([]))
    with pytest.raises(ValueError, match="sensor must be at most 256 × 240"):
        events.write(tmp_path / "a.bin", rows([]), sensor=Sensor(300, 10))
    with pytest.raises(ValueError, match="events must have times of at least 0"):
        events.write(tmp_path / "a.bin", rows([(-1, 0)]), sensor=SENSOR)
    with pytest.raises(ValueError, match="events must have origin_ps 0"):
        events.write(tmp_path / "a.events", Recording(rows([]), None, 5))
    with pytest.raises(IsADirectoryError, match="must be a file, it is a folder"):
        events.write(tmp_path, rows([]), "csv")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(("name", "module", "extra"), [("a.aedat4", "faery", "events"), ("a.h5", "h5py", "export"),
                                                       ("a.parquet", "pyarrow", "export")])  # fmt: skip
def test_a_missing_library_names_the_extra(
    name: str, module: str, extra: str, tmp_path: Path, monkeypatch
) -> None:
    monkeypatch.setattr(apart.importlib.util, "find_spec", lambda wanted: None)
    (tmp_path / name).write_bytes(b"")
    with pytest.raises(ImportError, match=rf"needs {module}: pip install hdspike\[{extra}\]"):
        events.read(tmp_path / name)
    with pytest.raises(ImportError, match=rf"needs {module}: pip install hdspike\[{extra}\]"):
        events.write(tmp_path / name, Recording(rows([]), SENSOR))


@needs("h5py")
def test_a_write_that_fails_leaves_the_old_file(tmp_path: Path, monkeypatch) -> None:
    import h5py

    path = tmp_path / "a.h5"
    events.write(path, rows([(1, 2)]))
    before = path.read_bytes()
    monkeypatch.setattr(h5py.Group, "create_dataset", lambda *_, **__: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        events.write(path, rows([(3, 4)]))
    assert path.read_bytes() == before
    assert [p.name for p in tmp_path.iterdir()] == ["a.h5"]


# Results as tables


TABLES = {
    "spikes": {"time_ps": np.array([0, 10, 10]), "neuron": np.array([4, 0, 2], dtype=np.int32)},
    "cores": {"core": [0, 1], "energy_j": [1e-9, 0.1], "dead": [False, True], "unit": ["a,b", "☃"]},
}  # fmt: skip


def test_results_as_csv(tmp_path: Path) -> None:
    files = events.export(tmp_path / "run.csv", TABLES, meta={"seed": 3}, units={"unit": "name"})
    assert [f.name for f in files] == ["run.spikes.csv", "run.cores.csv"]
    assert sorted(p.name for p in tmp_path.iterdir()) == ["run.cores.csv", "run.spikes.csv"]
    note, *lines = files[1].read_text(encoding="utf-8").splitlines()
    said = json.loads(note[1:])
    assert (said["format"], said["version"], said["meta"]) == ("hdspike.results", 1, {"seed": 3})
    assert said["units"] == {"core": "", "energy_j": "J", "dead": "", "unit": "name"}
    assert [*csv.DictReader(lines)][1] == {"core": "1", "energy_j": "0.1", "dead": "True", "unit": "☃"}
    assert files[0].read_text().splitlines()[1:] == ["time_ps,neuron", "0,4", "10,0", "10,2"]


@needs("pyarrow")
def test_results_as_parquet(tmp_path: Path) -> None:
    import pyarrow.parquet

    files = events.export(tmp_path / "run.parquet", TABLES)
    table = pyarrow.parquet.read_table(files[1])
    assert table.to_pydict() == {k: list(v) for k, v in TABLES["cores"].items()}
    assert table.schema.field("energy_j").metadata == {b"unit": b"J"}
    assert json.loads(table.schema.metadata[b"hdspike"])["format"] == "hdspike.results"


@needs("h5py")
def test_results_as_hdf5_and_sonata(tmp_path: Path) -> None:
    import h5py

    (path,) = events.export(tmp_path / "run.h5", TABLES, meta={"a": [1]})
    with h5py.File(path) as file:
        assert (file.attrs["format"], file.attrs["version"]) == ("hdspike.results", 1)
        assert json.loads(file["cores"].attrs["meta"]) == {"a": [1]}
        assert file["cores/energy_j"].attrs["units"] == "J"
        assert file["cores/unit"].asstr()[:].tolist() == ["a,b", "☃"]
        assert file["spikes/neuron"].dtype == np.int32
    events.export(tmp_path / "run.sonata", TABLES, populations={"in": (0, 3), "out": (3, 5)})
    assert events.read(tmp_path / "run.sonata", population="in").events.tolist() == [(10, 0), (10, 2)]
    assert events.read(tmp_path / "run.sonata", population="out").events.tolist() == [(0, 1)]
    with pytest.raises(ValueError, match="populations must hold every spike once, 2 of 3"):
        events.export(tmp_path / "run.sonata", TABLES, populations={"in": (0, 3)})


@pytest.mark.parametrize(
    ("tables", "options", "message"),
    [
        ({}, {}, "tables must be a non-empty mapping"),
        ({"a b": {"x": [1]}}, {}, "tables must have plain names"),
        ({"a": {}}, {}, "tables must map names to columns"),
        ({"a": {"../x": [1]}}, {}, "columns must have plain names"),
        ({"a": {"x": [[1]]}}, {}, "column a.x must be one row"),
        ({"a": {"x": [1], "y": [1, 2]}}, {}, "columns of a must have one length"),
        ({"a": {"x": [object()]}}, {}, "column a.x must be one row of numbers or texts"),
        ({"a": {"x": [1]}}, {"units": {"z": "s"}}, "units must be of columns that are there"),
        ({"a": {"x": [1]}}, {"meta": {"k": object()}}, "meta must be JSON"),
        ({"a": {"x": [1]}}, {"format": "xml"}, "format must be one of"),
        ({"a": {"x": [1]}}, {"format": "sonata"}, "tables must have spikes"),
    ],
)
def test_bad_tables(tables, options, message: str, tmp_path: Path) -> None:
    with pytest.raises((ValueError, TypeError), match=message):
        events.export(tmp_path / "run.csv", tables, **options)
    assert not list(tmp_path.iterdir())
