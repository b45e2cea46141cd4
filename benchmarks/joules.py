"""Joules by a meter: what an energy counter is, the power of idling and of work, energy per run.

A counter is read while work goes on without a pause, and the power is the slope of a straight line through its
readings (least squares). Counters move in steps (NVML's every 20 to 100 ms, RAPL's every 1 ms); over a window of
seconds the slope of a staircase is that of the line under it, where the difference of two readings would be wrong by
up to a step. Averaging inside the meter only delays: the window begins after a warm-up that is longer than it.
"""

import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Protocol

import numpy as np

__all__ = [
    "BATCH",
    "Clock",
    "Meter",
    "Point",
    "Sampler",
    "Workload",
    "WrongResult",
    "idle_watts",
    "measure",
    "slope",
]

BATCH = 0.02  # seconds of work between two readings, at least
READINGS = 5  # the least for a slope


class Absent(Exception):
    """What is missing here, so that nothing can be measured."""


class WrongResult(ArithmeticError):
    """A kernel's result is not what it must be, so that its energy means nothing."""


class Meter(Protocol):
    """An energy counter. ``joules()`` since any moment, never falling; ``state()`` clocks and temperatures, if any."""

    name: str

    def joules(self) -> float: ...

    def state(self) -> dict[str, float]: ...


@dataclass(frozen=True)
class Clock:
    """Time and waiting in seconds; the tests bring their own."""

    now: Callable[[], float] = time.perf_counter
    sleep: Callable[[float], Any] = time.sleep


@dataclass(frozen=True)
class Workload:
    """Work whose operations are known: ``counts`` (names of the schema's counters) of one run.

    ``prepare()`` allocates, checks the result of one run (:class:`WrongResult`) and returns ``go``; ``go(n)`` does n
    runs and comes back when they are done. ``priced`` is false for work that is shown but enters no constant.
    """

    name: str
    size: str
    counts: Mapping[str, int]
    prepare: Callable[[], Callable[[int], Any]]
    priced: bool = True

    @property
    def label(self) -> str:
        return f"{self.name}, {self.size}"


@dataclass(frozen=True)
class Point:
    """One measurement: mean ``watts`` (idling included) over ``runs`` runs in ``seconds``."""

    label: str
    repeat: int
    counts: dict[str, int]
    priced: bool
    runs: int
    seconds: float
    watts: float
    state: dict[str, float] = field(default_factory=dict)

    @property
    def joules(self) -> float:
        """Joules of one run, idling included."""
        return self.watts * self.seconds / self.runs

    def net(self, idle: float) -> float:
        """Joules of one run above what idling would have drawn in its time."""
        return (self.watts - idle) * self.seconds / self.runs

    def as_json(self) -> dict[str, Any]:
        return {**asdict(self), "joules_per_run": self.joules}


def slope(times: Any, readings: Any) -> float:
    """The least-squares slope of readings over times: watts from joules and seconds."""
    t, y = np.asarray(times, dtype=np.float64), np.asarray(readings, dtype=np.float64)
    if len(t) < 2 or np.ptp(t) == 0.0:
        raise ValueError(f"times must be at least two moments, got {len(t)}")
    t = t - t.mean()
    return float(t @ (y - y.mean()) / (t @ t))


def idle_watts(meter: Meter, seconds: float, *, settle: float, clock: Clock | None = None) -> float:
    """The power while nothing runs, after ``settle`` seconds of rest."""
    clock = clock or Clock()
    clock.sleep(settle)
    begin, times, readings = clock.now(), [], []
    while clock.now() - begin < seconds or len(times) < READINGS:
        times.append(clock.now())
        readings.append(meter.joules())
        clock.sleep(BATCH)
    return slope(times, readings)


def measure(
    workload: Workload, meter: Meter, *, repeat: int, seconds: float, warm: float, clock: Clock | None = None
) -> Point:
    """Power and time of one workload in steady state.

    Runs go in batches of at least ``BATCH`` seconds, the counter is read after each. ``warm`` seconds of the same
    work go before the first reading.
    """
    clock = clock or Clock()
    go = workload.prepare()
    batch, took = 1, 0.0
    while True:  # how many runs fill a batch
        begin = clock.now()
        go(batch)
        took = clock.now() - begin
        if took >= BATCH:
            break
        batch *= max(2, min(16, int(BATCH / max(took, 1e-6))))
    begin = clock.now()
    while clock.now() - begin < warm:
        go(batch)
    times, readings = [clock.now()], [meter.joules()]
    while times[-1] - times[0] < seconds or len(times) < READINGS:
        go(batch)
        times.append(clock.now())
        readings.append(meter.joules())
    return Point(
        workload.label,
        repeat,
        dict(workload.counts),
        workload.priced,
        batch * (len(times) - 1),
        times[-1] - times[0],
        slope(times, readings),
        meter.state(),
    )


class Sampler:
    """A meter from a gauge of watts: a thread reads it every ``every`` seconds and adds up trapezoids.

    For devices without an energy counter. What the gauge does between two readings is not seen. Use as a context.
    """

    def __init__(
        self, watts: Callable[[], float], name: str, *, every: float = 0.01, clock: Clock | None = None
    ):
        self.name = name
        self._watts, self._every, self._clock = watts, every, clock or Clock()
        self._lock, self._stop = threading.Lock(), threading.Event()
        self._total, self._last = 0.0, (self._clock.now(), watts())
        self._thread: threading.Thread | None = None

    def sample(self) -> None:
        """Read the gauge once."""
        with self._lock:
            now, watts = self._clock.now(), self._watts()
            then, before = self._last
            self._total += 0.5 * (watts + before) * (now - then)
            self._last = now, watts

    def _loop(self) -> None:
        while not self._stop.wait(self._every):
            self.sample()

    def __enter__(self) -> "Sampler":
        self._thread = threading.Thread(target=self._loop, name="watts", daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        if self._thread is not None:
            self._thread.join()

    def joules(self) -> float:
        self.sample()
        return self._total

    def state(self) -> dict[str, float]:
        return {}
