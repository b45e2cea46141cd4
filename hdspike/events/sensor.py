"""A camera's pixels as addresses, and a recording: events with what is known of their origin."""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hdspike import check
from hdspike.spikes import EVENT

__all__ = ["Recording", "Sensor"]

INT32, INT64 = 2**31 - 1, 2**63 - 1


@dataclass(frozen=True)
class Sensor:
    """The pixels of an event camera as addresses, ``(p · height + y) · width + x``: an image (p, y, x) in C order.

    With ``polarities=1`` ON and OFF events of a pixel share its address.

    >>> Sensor(34, 34).address([3], [1], [1])
    array([1193], dtype=int32)
    """

    width: int
    height: int
    polarities: int = 2

    def __post_init__(self) -> None:
        check.integer("width", self.width, low=1, high=1 << 16)
        check.integer("height", self.height, low=1, high=1 << 16)
        check.integer("polarities", self.polarities, low=1, high=2)
        if self.size > INT32:
            raise ValueError(f"width × height × polarities must be below 2^31, got {self.size}")

    @property
    def shape(self) -> tuple[int, int, int]:
        """``(polarities, height, width)``: channels, rows, columns, as NIR has them."""
        return self.polarities, self.height, self.width

    @property
    def size(self) -> int:
        """Number of addresses."""
        return self.polarities * self.height * self.width

    def address(self, x: Any, y: Any, p: Any) -> NDArray[np.int32]:
        """The addresses of pixels ``x``, ``y`` and polarities ``p`` (0 is OFF, 1 is ON)."""
        columns, rows = check.array("x", x, np.int64), check.array("y", y, np.int64)
        sign = check.array("p", p, np.int64)
        for name, value, end in (("x", columns, self.width), ("y", rows, self.height), ("p", sign, 2)):
            if value.size and not (value.min() >= 0 and value.max() < end):
                raise ValueError(f"{name} must be in [0, {end}), got {value.min()} … {value.max()}")
        channel = sign if self.polarities == 2 else np.zeros_like(sign)
        return ((channel * self.height + rows) * self.width + columns).astype(np.int32)

    def pixels(self, address: Any) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
        """``x``, ``y`` and ``p`` of addresses: the inverse of :meth:`address` (``p`` is 1 where there is one)."""
        given = check.array("address", address, np.int64)
        if given.size and not (given.min() >= 0 and given.max() < self.size):
            raise ValueError(f"address must be in [0, {self.size}), got {given.min()} … {given.max()}")
        rows, x = np.divmod(given, self.width)
        p, y = np.divmod(rows, self.height)
        return x, y, p if self.polarities == 2 else np.ones_like(p)


@dataclass(frozen=True, eq=False)
class Recording:
    """Events (dtype ``EVENT``, ordered by time, then address) with the sensor or population that sent them.

    ``origin_ps`` is what a time of 0 ps stands for on the clock of the file: a camera may count the time since
    1970, which does not fit 64 bits of picoseconds. ``name`` is the population's, where a file has one.
    """

    events: NDArray[Any]
    sensor: Sensor | None = None
    origin_ps: int = 0
    name: str = ""

    def __post_init__(self) -> None:
        given = np.asarray(self.events)
        if given.dtype != EVENT or given.ndim != 1:
            raise TypeError(
                f"events must be one row of dtype {EVENT}, got {given.dtype} of shape {given.shape}"
            )
        if self.sensor is not None and not isinstance(self.sensor, Sensor):
            raise TypeError(f"sensor must be a Sensor or None, not {type(self.sensor).__name__}")
        check.integer("origin_ps", self.origin_ps)
        if given.size and given["address"].min() < 0:
            raise ValueError(f"events must have addresses of at least 0, got {given['address'].min()}")
        if self.sensor is not None and given.size and given["address"].max() >= self.sensor.size:
            raise ValueError(
                f"events must have addresses below {self.sensor.size}, got {given['address'].max()}"
            )
        time, address = given["time"], given["address"]
        if np.any((time[1:] < time[:-1]) | ((time[1:] == time[:-1]) & (address[1:] < address[:-1]))):
            given = given[np.lexsort((address, time))]
        object.__setattr__(self, "events", given)

    def __len__(self) -> int:
        return len(self.events)

    def _camera(self, verb: str) -> Sensor:
        if self.sensor is None:
            raise ValueError(f"sensor must be known to {verb}, these events have none")
        return self.sensor

    def between(self, first_ps: int, last_ps: int) -> "Recording":
        """The events of ``first_ps ≤ time < last_ps``, with times from ``first_ps``."""
        check.integer("first_ps", first_ps)
        check.integer("last_ps", last_ps, low=first_ps)
        low, high = np.searchsorted(self.events["time"], [first_ps, last_ps])
        events = self.events[low:high].copy()
        events["time"] -= first_ps
        return replace(self, events=events, origin_ps=self.origin_ps + first_ps)

    def crop(self, *, x: tuple[int, int], y: tuple[int, int]) -> "Recording":
        """The events of columns ``x[0] … x[1] − 1`` and rows ``y[0] … y[1] − 1``, on a sensor of that size."""
        sensor = self._camera("crop")
        for name, pair, end in (("x", x, sensor.width), ("y", y, sensor.height)):
            check.integer(name, pair[0], low=0, high=end - 1)
            check.integer(name, pair[1], low=pair[0] + 1, high=end)
        column, row, p = sensor.pixels(self.events["address"])
        inside = (column >= x[0]) & (column < x[1]) & (row >= y[0]) & (row < y[1])
        smaller = Sensor(x[1] - x[0], y[1] - y[0], sensor.polarities)
        return self._moved(smaller, inside, column - x[0], row - y[0], p)

    def downsample(self, factor: int) -> "Recording":
        """Blocks of ``factor × factor`` pixels become one; every event stays, a rest of pixels makes a block."""
        sensor = self._camera("downsample")
        check.integer("factor", factor, low=1)
        column, row, p = sensor.pixels(self.events["address"])
        smaller = Sensor(-(-sensor.width // factor), -(-sensor.height // factor), sensor.polarities)
        return self._moved(smaller, np.ones(len(self), dtype=bool), column // factor, row // factor, p)

    def merged(self) -> "Recording":
        """The same events without polarity."""
        sensor = self._camera("merge polarities")
        column, row, p = sensor.pixels(self.events["address"])
        return self._moved(
            Sensor(sensor.width, sensor.height, 1), np.ones(len(self), dtype=bool), column, row, p
        )

    def _moved(self, sensor: Sensor, kept: Any, x: Any, y: Any, p: Any) -> "Recording":
        events = self.events[kept].copy()
        events["address"] = sensor.address(x[kept], y[kept], p[kept])
        return replace(self, events=events, sensor=sensor)
