"""Spiking data sets: what is in them where they are, the readers on small files, and fetching without running."""

import hashlib
import importlib.util
import io
import os
import tarfile

import numpy as np
import pytest

from hdspike import datasets
from hdspike.datasets import Absent, client, gesture, recordings
from hdspike.datasets.source import Package


def fetched(name: str):
    """The data of a set, or a skip that says why."""
    try:
        return datasets.load(name)
    except Absent as error:
        pytest.skip(str(error))


def test_the_gesture_network():
    arrays = fetched("dvs-gesture")
    assert {name: array.shape for name, array in arrays.items()} == {
        "conv1": (3, 3, 1, 16), "conv2": (3, 3, 16, 32), "conv3": (3, 3, 32, 64), "conv4": (3, 3, 64, 11),
        "dense1": (891, 11), "inputs": (1024,), "thresholds": (6,),
    }  # fmt: skip
    assert (arrays["inputs"].min(), arrays["inputs"].max()) == (0, 255)
    assert arrays["thresholds"].dtype == np.int64
    folder = datasets.path("dvs-gesture")
    assert "architecture:" in (folder / "loihi.yaml").read_text(encoding="utf-8")
    assert len([p for p in folder.iterdir() if p.suffix == ".yaml"]) == 6


def test_the_worm():
    worm = fetched("c-elegans")
    assert (len(worm.names), int(worm.is_neuron.sum())) == (473, 302)
    assert (len(worm.chemical), int(worm.chemical.weights.sum())) == (4879, 28113)
    assert len(worm.gap) == 2883
    pairs = set(
        zip(worm.gap.sources.tolist(), worm.gap.targets.tolist(), worm.gap.weights.tolist(), strict=True)
    )
    assert {(b, a, w) for a, b, w in pairs} == pairs
    place = {name: i for i, name in enumerate(worm.names)}
    first = worm.chemical.sources == place["I1L"]
    names = [worm.names[t] for t in worm.chemical.targets[first]]
    found = dict(zip(names, worm.chemical.weights[first].tolist(), strict=True))
    assert (found["I2L"], found["I3"], found["I5"]) == (10, 3, 2)
    gaba = {worm.names[i] for i in np.flatnonzero(worm.signs == -1)}
    assert {f"DD{k}" for k in range(1, 7)} | {f"VD{k}" for k in range(1, 14)} <= gaba  # McIntire et al. 1993
    assert not {"AVAL", "AVAR", "PVCL"} & gaba
    assert worm.transmitters[place["ASHL"]] == "Glutamate"


@pytest.mark.skipif(importlib.util.find_spec("faery") is None, reason="faery not installed")
def test_the_event_camera():
    found = fetched("event-camera")
    assert {name: len(recording) for name, recording in found.items()} == {"short": 111_954, "long": 323_963}
    for recording in found.values():
        assert recording.sensor is not None
        assert (recording.sensor.width, recording.sensor.height) == (320, 240)
        assert recording.events["time"][0] == 0
        assert 10**11 < recording.events["time"][-1] < 10**13  # 0.1 s to 10 s


def test_the_receptors():
    receptors = fetched("spiking-receptors")
    assert [len(r.times_ps) for r in receptors] == [929, 868]
    for receptor in receptors:
        assert len(receptor.stimulus) * receptor.sample_ps == 10 * 10**12
        assert 0 <= receptor.times_ps[0] <= receptor.times_ps[-1] <= 10 * 10**12
        assert np.all(np.diff(receptor.times_ps) >= 1_000 * 10**6)  # no two spikes within a millisecond


def test_spike_times_of_a_file(tmp_path):
    (tmp_path / "a.txt").write_text("# note: 3\n6700\n\n 13900.5 # late\n9900\n")
    assert recordings.read_spike_times(tmp_path / "a.txt").tolist() == [
        6_700_000_000,
        9_900_000_000,
        13_900_500_000,
    ]


@pytest.mark.parametrize("text", ["x", "-1", "nan", "inf", "1 2", "1e30"])
def test_bad_spike_times(text, tmp_path):
    (tmp_path / "a.txt").write_text(f"1\n{text}\n")
    with pytest.raises(ValueError, match=r"path must hold times of at least 0, a\.txt line 2"):
        recordings.read_spike_times(tmp_path / "a.txt")


@pytest.mark.parametrize("damage", ["cut", "noise", "objects", "text"])
def test_arrays_that_are_none(damage, tmp_path):
    path = tmp_path / "a.npz"
    if damage == "objects":
        np.savez(path, a=np.array([{}], dtype=object))
    else:
        np.savez(path, a=np.arange(300))
        whole = path.read_bytes()
        path.write_bytes({"cut": whole[:200], "noise": b"PK\x03\x04" + bytes(50), "text": b"hello"}[damage])
    with pytest.raises(ValueError, match=r"path must be a (whole )?\.npz file"):
        gesture.read_arrays(path)


# Fetching


def test_a_wheel_of_one_tag_is_the_same_everywhere(monkeypatch, tmp_path):
    """pip is asked for that wheel whatever machine and Python this is."""
    package = Package("pip", "small", "1.0", "0" * 64, 1, tag="cp311-cp311-manylinux_2_28_x86_64")
    command = client._command(package, tmp_path)
    for option, value in {"--python-version": "311", "--abi": "cp311", "--implementation": "cp",
                          "--platform": "manylinux_2_28_x86_64", "--only-binary": ":all:"}.items():  # fmt: skip
        assert command[command.index(option) + 1] == value
    assert command[-1] == "small==1.0"


@pytest.mark.skipif(importlib.util.find_spec("pip") is None, reason="pip not installed")
def test_a_source_distribution_is_fetched_and_nothing_of_it_is_run(monkeypatch, tmp_path):
    """A package whose build leaves a mark is downloaded by the real pip, from a folder: there is no mark."""
    shop, mark, place = tmp_path / "shop", tmp_path / "mark", tmp_path / "place"
    shop.mkdir()
    place.mkdir()
    setup = f"open({str(mark)!r}, 'w').close()\nfrom setuptools import setup\nsetup(name='odd-one', version='1.0')\n"
    with tarfile.open(shop / "odd-one-1.0.tar.gz", "w:gz") as archive:
        for name, text in {"setup.py": setup, "data.bin": "data"}.items():
            info = tarfile.TarInfo(f"odd-one-1.0/{name}")
            info.size = len(text)
            archive.addfile(info, io.BytesIO(text.encode()))
    sha = hashlib.sha256((shop / "odd-one-1.0.tar.gz").read_bytes()).hexdigest()
    for name in [name for name in os.environ if name.startswith("PIP_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(shop))
    package = Package("pip", "odd-one", "1.0", sha, 1, tag="sdist")
    assert client.download(package, place) == place / "odd-one-1.0.tar.gz"
    assert not mark.exists()
