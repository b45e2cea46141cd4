"""Joules per operation of this machine's NVIDIA GPU, measured: ``python benchmarks/gpu_energy.py --out FILE.toml``.

Matrix products in bf16, int8, fp16 and fp32, softmax attention, packed XOR + popcount, reading and writing, each over
sizes from the last-level cache to memory; a regression (``joules_fit.py``) tells operations from bits moved. Writes a
substrate of kind *measured*, ledger *board*, and every raw point as JSON beside it. Idling is measured before and
after, subtracted and shown. Without an NVIDIA GPU, ``nvidia-ml-py`` or a CUDA build of torch it says so, writes
nothing and exits with 0: there is then no such substrate. Needs ``pip install nvidia-ml-py torch "numba-cuda[cu12]"``
(``[cu13]`` for a driver of CUDA 13); without numba-cuda there is no popcount kernel and no price of it.

What the meter is. ``nvmlDeviceGetTotalEnergyConsumption``: millijoules since the driver was loaded, Volta and newer,
of the GPU and its associated circuitry, memory for one (NVML's reference). Where on the board the sensor sits NVML
does not say: at its input, the losses of the voltage regulators are inside. The host and its power supply are not.
Readings change every 20 to 100 ms (PETSc's manual, ``PetscLogGpuEnergyMeter``). On A100 and H100 the sensor looks at
the power during only a quarter of the time (Yang et al., "Part-time power measurements", arXiv:2312.02741, SC'24): a
load must be steady, so each workload runs seconds without a pause, and its power is the slope of the counter. The
sensor's own calibration is not in the ranges. Where the counter is not supported, ``nvmlDeviceGetPowerUsage`` (a mean
over 1 s on Ampere and newer but GA100, says the reference) is integrated instead, after a longer warm-up, and the
source of every number says so.

Nothing is changed: clocks, power limits and other processes stay as they are, and are recorded.
"""

import re
import sys
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import date
from types import SimpleNamespace
from typing import Any

import gpu_work
from joules import Absent, Meter, Point, Sampler
from joules_fit import Fit, document
from joules_sweep import finish, options, peaks, run, sweep

NODES = {"V100": "12 nm", "T4": "12 nm", "A100": "7 nm", "H100": "4 nm", "H200": "4 nm", "GH200": "4 nm"}
WARM, WARM_AVERAGED = 1.0, 3.0  # seconds, by the counter and by a mean over 1 s
NOTES = """\
Measured with the counter of the board, so memory and control are inside every number, and the losses of the voltage
regulators as far as its sensor sees them.
Registers, shared memory, first-level caches and the cache traffic of a product's own reuse are inside the operations;
a word's XOR and popcount also hold the read of the query's word from a first-level cache. Static power is that of
idling with a CUDA context open; the host is not in it."""


@dataclass
class Counter:
    """NVML's energy counter of one device."""

    nvml: Any
    handle: Any
    name: str = "NVML total energy counter"

    def joules(self) -> float:
        return float(self.nvml.nvmlDeviceGetTotalEnergyConsumption(self.handle)) * 1e-3

    def state(self) -> dict[str, float]:
        return state(self.nvml, self.handle)


class Gauge(Sampler):
    """NVML's power gauge of one device, integrated."""

    def __init__(self, nvml: Any, handle: Any, **options: Any) -> None:
        self.nvml, self.handle = nvml, handle
        gauge = lambda: float(nvml.nvmlDeviceGetPowerUsage(handle)) * 1e-3  # noqa: E731
        super().__init__(gauge, "NVML power usage, integrated (no energy counter on this device)", **options)

    def state(self) -> dict[str, float]:
        return state(self.nvml, self.handle)


def state(nvml: Any, handle: Any) -> dict[str, float]:
    """Clocks (MHz) and temperature (°C), as far as the device tells them."""
    asked: dict[str, Callable[[], Any]] = {
        "sm_mhz": lambda: nvml.nvmlDeviceGetClockInfo(handle, nvml.NVML_CLOCK_SM),
        "memory_mhz": lambda: nvml.nvmlDeviceGetClockInfo(handle, nvml.NVML_CLOCK_MEM),
        "celsius": lambda: nvml.nvmlDeviceGetTemperature(handle, nvml.NVML_TEMPERATURE_GPU),
    }
    told = {}
    for name, ask in asked.items():
        try:
            told[name] = float(ask())
        except nvml.NVMLError:
            continue
    return told


def meter_of(nvml: Any, handle: Any, stack: ExitStack) -> tuple[Meter, float]:
    """The best meter of the device, and the seconds of warm-up that it needs."""
    try:
        nvml.nvmlDeviceGetTotalEnergyConsumption(handle)
        return Counter(nvml, handle), WARM
    except nvml.NVMLError:
        pass
    try:
        return stack.enter_context(Gauge(nvml, handle)), WARM_AVERAGED
    except nvml.NVMLError as error:
        raise Absent(f"an NVIDIA GPU, but it shows neither its energy nor its power ({error})") from None


def text(value: Any) -> str:
    return value.decode() if isinstance(value, bytes) else str(value)


def devices(index: int) -> tuple[Any, Any, Any]:
    """(pynvml, its handle, torch) of GPU ``index`` of torch, or :class:`Absent`."""
    try:
        import pynvml
    except ImportError:
        raise Absent("no NVIDIA management library for Python here (pip install nvidia-ml-py)") from None
    try:
        pynvml.nvmlInit()
        if pynvml.nvmlDeviceGetCount() == 0:
            raise Absent("no NVIDIA GPU here")
    except pynvml.NVMLError as error:
        raise Absent(f"no NVIDIA GPU here ({error})") from None
    try:
        import torch
    except ImportError:
        raise Absent("an NVIDIA GPU, but no torch here (pip install torch)") from None
    if not torch.cuda.is_available():
        raise Absent(
            "an NVIDIA GPU, but this torch cannot use it (its build has no CUDA, or the driver is too old)"
        )
    if not 0 <= index < torch.cuda.device_count():
        raise Absent(f"no GPU {index} here, there are {torch.cuda.device_count()}")
    torch.cuda.set_device(index)
    found = torch.cuda.get_device_properties(index)
    identity = str(getattr(found, "uuid", ""))  # torch numbers what CUDA_VISIBLE_DEVICES leaves, NVML all
    if identity:
        identity = identity if identity.startswith(("GPU-", "MIG-")) else f"GPU-{identity}"
        return pynvml, pynvml.nvmlDeviceGetHandleByUUID(identity.encode()), torch
    return pynvml, pynvml.nvmlDeviceGetHandleByIndex(index), torch


def kernels(index: int) -> SimpleNamespace | None:
    """The CUDA kernels on GPU ``index``, or ``None`` (and why, on stderr) where numba cannot make them."""
    try:
        from gpu_kernels import make
        from numba import cuda

        if cuda.is_available():
            cuda.select_device(index)
            return make()
        why = "numba finds no CUDA"
    except Exception as error:  # numba raises many kinds where the toolkit is half there
        why = f"{type(error).__name__}: {error}"
    print(f'no XOR + popcount kernel ({why}); pip install "numba-cuda[cu12]"', file=sys.stderr)
    return None


def describe(
    points: list[Point],
    fitted: Fit,
    meter: Meter,
    *,
    device: str,
    driver: str,
    day: str,
    repeats: int,
    cache: int,
) -> dict[str, Any]:
    """The substrate of one device."""
    slug = re.sub(r"[^a-z0-9]+", "-", device.lower()).strip("-")
    labels = {point.label for point in points if point.priced}
    source = (
        f"measured by benchmarks/gpu_energy.py on {device}, {day}, driver {driver}; {meter.name}; {repeats} repeats of "
        f"{len(labels)} workloads and sizes, nonnegative regression, idling subtracted"
    )
    return document(
        fitted,
        name=f"{slug}-measured",
        title=f"{device}, measured on {day}",
        node=next((node for chip, node in NODES.items() if chip in device), "not stated"),
        ledger="board",
        notes=NOTES,
        source=source,
        peaks=peaks(points),
        sizes={"l2_memory": cache},
    )


def main(arguments: list[str] | None = None) -> None:
    given = options(
        __doc__, "gpu-measured.toml", arguments,
        device={"type": int, "default": 0, "help": "which GPU, as torch numbers them"},
    )  # fmt: skip
    nvml, handle, torch = devices(given.device)
    found = torch.cuda.get_device_properties(given.device)
    device, driver = text(nvml.nvmlDeviceGetName(handle)), text(nvml.nvmlSystemGetDriverVersion())
    others = len(nvml.nvmlDeviceGetComputeRunningProcesses(handle))
    if others:
        print(
            f"{others} other processes are on this GPU: their energy would be in the numbers", file=sys.stderr
        )
    on = gpu_work.Backend(
        f"cuda:{given.device}", kernels(given.device), cache=found.L2_cache_size, memory=found.total_memory
    )
    torch.zeros(1, device=on.device)  # a context, so that idling is idling with one
    with ExitStack() as stack:
        meter, warm = meter_of(nvml, handle, stack)
        print(f"{device}, driver {driver}, {meter.name}")
        work = gpu_work.workloads(on, quick=given.quick)
        points, before, after = sweep(work, meter, repeats=given.repeats, seconds=given.seconds, warm=warm)
    day, cache = date.today().isoformat(), found.L2_cache_size
    record = {
        "device": device, "driver": driver, "date": day, "meter": meter.name, "torch": torch.__version__,
        "power_limit_watts": nvml.nvmlDeviceGetEnforcedPowerLimit(handle) * 1e-3, "other_processes": others,
    }  # fmt: skip
    finish(
        given.out, points, before, after,
        lambda fitted: describe(
            points, fitted, meter, device=device, driver=driver, day=day, repeats=given.repeats, cache=cache
        ),
        record,
    )  # fmt: skip


if __name__ == "__main__":
    sys.exit(run(main))
