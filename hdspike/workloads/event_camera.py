"""An event camera through a spiking convolution: oriented lines of ON and of OFF events, and which wins where.

The events of a real 320 × 240 camera (or any :class:`hdspike.events.Recording`), blocks of 4 × 4 pixels taken
together, go step by step of 1 ms through two fixed layers:

``lines``
    a convolution with the even Gabor filter ``exp(−(a² + b²/4) ÷ 2σ²) · cos(2πa ÷ λ)``, a across and b along the
    line, σ = 1.2, λ = 5 pixels, 7 × 7, stride 2, in four orientations, each for the ON events alone and for the OFF
    events alone (Gabor, 1946; Daugman, JOSA A 2, 1985: simple cells of the visual cortex). Weights are int8 with the
    mean taken out, so an even field of events excites next to nothing. A Loihi soma with a leak of 0.9 per step fires
    when it has more than a line through its middle brings with one event per pixel: 120, the sum of the middle row.
``patches``
    the sum of 3 × 3 neighbouring ``lines`` neurons per orientation and polarity, in groups of eight (four
    orientations × two polarities) in which the one that reaches ``VOTES`` spikes wins and silences the others: four,
    more than the three places that one straight line touches at once
    (:class:`hdspike.network.neurons.kwta_group.KWTAGroup`, k = 1).

Channel ``c`` of both layers is orientation ``c % 4`` (the line lies at 0°, 45°, 90°, 135°, anticlockwise as one looks
at the picture) of polarity ``c // 4`` (OFF, ON). Nothing is trained.
"""

import numpy as np
from numpy.typing import NDArray

from hdspike import check, datasets
from hdspike.events import Recording, Sensor
from hdspike.network import Network, Population
from hdspike.network.builders import conv2d, conv2d_shape, sum_pool
from hdspike.network.neurons.kwta_group import KWTAGroup
from hdspike.network.neurons.loihi import LoihiSoma
from hdspike.network.neurons.recorded import Recorded
from hdspike.spikes import EVENT
from hdspike.workloads import Workload

__all__ = ["ORIENTATIONS", "STEP_PS", "build", "filters", "moving_bar", "network"]

ORIENTATIONS = (0, 45, 90, 135)
SIDE, STRIDE, POOL, FACTOR = 7, 2, 3, 4
SIGMA, WAVE, LARGEST = 1.2, 5.0, 24
LEAK, VOTES = 0.9, 4.0
STEP_PS = 1_000_000_000  # 1 ms


def filters() -> NDArray[np.int8]:
    """``(7, 7, 2, 8)`` int8: rows, columns, polarity of the events, channel."""
    middle = SIDE // 2
    y, x = np.mgrid[-middle : middle + 1, -middle : middle + 1].astype(float)
    out = np.zeros((SIDE, SIDE, 2, 2 * len(ORIENTATIONS)), dtype=np.int8)
    for place, degrees in enumerate(ORIENTATIONS):
        angle = np.deg2rad(degrees)
        along, across = x * np.cos(angle) - y * np.sin(angle), x * np.sin(angle) + y * np.cos(angle)
        shape = np.exp(-(across**2 + along**2 / 4) / (2 * SIGMA**2)) * np.cos(2 * np.pi * across / WAVE)
        shape -= shape.mean()
        weights = np.rint(LARGEST * shape / shape.max())
        for polarity in range(2):
            out[:, :, polarity, polarity * len(ORIENTATIONS) + place] = weights
    return out


def network(recording: Recording, *, unit: str = "") -> Network:
    """Populations ``camera`` (rows, columns, polarity), ``lines`` and ``patches`` (rows, columns, 8 channels).

    ``unit`` names the synapse unit of the chip for the convolution and the pooling.

    Raises:
        ValueError: the recording has no sensor, no polarity, or is smaller than the filters.
    """
    if not isinstance(recording, Recording):
        raise TypeError(f"recording must be a Recording, not {type(recording).__name__}")
    sensor = recording.sensor
    if sensor is None or sensor.polarities != 2:
        raise ValueError(f"recording must have a sensor with two polarities, got {sensor}")
    x, y, p = sensor.pixels(recording.events["address"])
    events = np.empty(len(recording), dtype=EVENT)
    events["time"] = recording.events["time"]
    events["address"] = (y * sensor.width + x) * 2 + p
    image = (sensor.height, sensor.width, 2)
    weights = filters()
    above = conv2d_shape(image, SIDE, weights.shape[3], stride=STRIDE)
    top = conv2d_shape(above, POOL, above[2], stride=POOL)
    line = float(
        weights[SIDE // 2, :, 0, 0].sum()
    )  # the slanted filters sample the same curve, more coarsely
    camera = Population("camera", int(np.prod(image)), Recorded(events), image)
    lines = Population("lines", int(np.prod(above)), LoihiSoma(threshold=line, leak_decay=LEAK), above)
    race = KWTAGroup(1, group_size=above[2], threshold=VOTES, decay=LEAK)
    patches = Population("patches", int(np.prod(top)), race, top)
    return Network(
        [camera, lines, patches],
        [
            conv2d(camera, lines, weights, stride=STRIDE, unit=unit),
            sum_pool(lines, patches, POOL, unit=unit),
        ],
    )


def moving_bar(orientation: int, *, steps: int = 200, speed: float = 0.5) -> Recording:
    """Synthetic: a bright bar at ``orientation`` degrees crosses 320 × 240 pixels, ``speed`` of them a step.

    Its front is a line of ON events, its back, 60 pixels behind, of OFF events: one per pixel passed. Not random.
    """
    if orientation not in ORIENTATIONS:
        raise ValueError(f"orientation must be one of {ORIENTATIONS}, got {orientation!r}")
    check.integer("steps", steps, low=1)
    if not 0.0 < speed <= 1e3:
        raise ValueError(f"speed must be in (0, 1000] pixels a step, got {speed}")
    camera, angle = Sensor(320, 240), np.deg2rad(orientation)
    y, x = np.mgrid[: camera.height, : camera.width]
    across = x * np.sin(angle) + y * np.cos(angle)
    parts = []
    for polarity, behind in ((1, 0.0), (0, 60.0)):
        when = np.floor((across - np.median(across) + behind) / speed + steps / 2)
        seen = (when >= 0) & (when < steps)
        part = np.empty(int(seen.sum()), dtype=EVENT)
        part["time"] = when[seen].astype(np.int64) * STEP_PS
        part["address"] = camera.address(x[seen], y[seen], np.full(int(seen.sum()), polarity))
        parts.append(part)
    return Recording(np.concatenate(parts), camera)


def build(seed: int = 0) -> Workload:
    """The first 300 ms of the shorter recording; nothing in it is random."""
    recording = datasets.load("event-camera")["short"].downsample(FACTOR)
    return Workload(
        "event-camera",
        "a real event camera (80 × 60 pixels) through oriented filters",
        network(recording),
        steps=300,
        cores=(16, 16, 2),
    )
