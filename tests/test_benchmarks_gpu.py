"""The GPU's energy script without a GPU: a pretended NVML, the kernels on numba's simulator, torch on its CPU."""

import json
import os
import subprocess
import sys
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from types import SimpleNamespace

import pytest

from hdspike import substrate
from tests.boards import FOLDER, GPU, GPU_RATES, H100, Board, loaded, told


@pytest.fixture(scope="module")
def scripts():
    with loaded() as modules:
        yield modules


def test_without_a_gpu_the_script_says_so(tmp_path):
    """In a process of its own."""
    if Path("/dev/nvidia0").exists():
        pytest.skip("there is a GPU here")
    out = tmp_path / "gpu.toml"
    done = subprocess.run(
        [sys.executable, str(FOLDER / "gpu_energy.py"), "--out", str(out)], capture_output=True, text=True, timeout=120,
    )  # fmt: skip
    assert done.returncode == 0 and done.stderr == ""
    assert done.stdout.endswith(": nothing measured; the substrate is absent\n") and done.stdout.startswith(
        "no "
    )
    assert done.stdout.count("\n") == 1 and list(tmp_path.iterdir()) == []


class Nvml(SimpleNamespace):
    """What the script asks of pynvml, about a simulated board."""

    class NVMLError(Exception):
        pass

    NVML_CLOCK_SM, NVML_CLOCK_MEM, NVML_TEMPERATURE_GPU = 1, 2, 0

    def __init__(self, board, *, counter=True):
        super().__init__(board=board, counter=counter)

    def nvmlInit(self):
        if self.board is None:
            raise self.NVMLError("NVML Shared Library Not Found")

    def nvmlDeviceGetCount(self):
        return 0

    def nvmlDeviceGetTotalEnergyConsumption(self, handle):
        if not self.counter:
            raise self.NVMLError("Not Supported")
        return int(self.board.joules() * 1000)

    def nvmlDeviceGetPowerUsage(self, handle):
        return int(self.board.recent[-1] * 1000)

    def nvmlDeviceGetClockInfo(self, handle, kind):
        if kind == self.NVML_CLOCK_MEM:
            raise self.NVMLError("Not Supported")
        return 1980

    def nvmlDeviceGetTemperature(self, handle, kind):
        return 41

    def nvmlDeviceGetName(self, handle):
        return b"NVIDIA H100 80GB HBM3"

    def nvmlSystemGetDriverVersion(self):
        return "550.54.15"

    def nvmlDeviceGetComputeRunningProcesses(self, handle):
        return ["another"]

    def nvmlDeviceGetEnforcedPowerLimit(self, handle):
        return 700_000


@pytest.mark.parametrize("counter", [True, False])
def test_the_gpu_script_from_a_counter_or_a_gauge_to_a_substrate(
    scripts, tmp_path, capsys, monkeypatch, counter
):
    board = Board(GPU, 72.0, GPU_RATES, every=0.05, memory=2)
    nvml = Nvml(board, counter=counter)
    found = SimpleNamespace(L2_cache_size=H100.cache, total_memory=H100.memory)
    torch = SimpleNamespace(
        cuda=SimpleNamespace(get_device_properties=lambda index: found),
        zeros=lambda *a, **o: None,
        __version__="2.9",
    )
    module = scripts.gpu_energy
    monkeypatch.setattr(module, "devices", lambda index: (nvml, "handle", torch))
    monkeypatch.setattr(module, "kernels", lambda index: True)
    monkeypatch.setattr(
        scripts.gpu_work, "Backend", lambda *a, **o: SimpleNamespace(**vars(H100), device="cuda:0")
    )
    listed = [board.simulated(scripts, w) for w in scripts.gpu_work.workloads(H100, quick=True)]
    monkeypatch.setattr(scripts.gpu_work, "workloads", lambda on, quick: listed)
    monkeypatch.setattr(module, "sweep", partial(scripts.joules_sweep.sweep, clock=board.clock(scripts)))
    monkeypatch.setattr(module, "Gauge", partial(module.Gauge, every=60, clock=board.clock(scripts)))
    out = tmp_path / "gpu.toml"
    status, said = told(scripts, capsys, module.main, "--out", str(out), "--repeats", "2")
    assert status == 0 and "idling before: 7" in said
    loaded = substrate.load(out)
    assert (loaded.name, loaded.node, loaded.ledger) == ("nvidia-h100-80gb-hbm3-measured", "4 nm", "board")
    for name, joules in GPU.items():
        assert loaded.si(f"energy.{name}") == pytest.approx(joules, rel=0.08), name
    source = loaded.quantity("energy.macs_bf16").source
    assert source.startswith("measured by benchmarks/gpu_energy.py on NVIDIA H100 80GB HBM3, ")
    assert "driver 550.54.15" in source and "2 repeats" in source and ("integrated" in source) is not counter
    assert loaded.si("peak.bf16") == pytest.approx(2 * GPU_RATES["macs_bf16"], rel=0.05)
    assert loaded.si("topology.l2_memory") == 8 * H100.cache
    raw = json.loads(out.with_suffix(".json").read_text())
    assert raw["other_processes"] == 1 and raw["points"][0]["state"] == {"sm_mhz": 1980.0, "celsius": 41.0}


def test_what_is_missing_is_named(scripts, monkeypatch):
    def without(**modules):
        for name, module in modules.items():
            monkeypatch.setitem(sys.modules, name, module)
        with pytest.raises(scripts.joules.Absent) as why:
            scripts.gpu_energy.devices(0)
        return str(why.value)

    assert without(pynvml=None) == "no NVIDIA management library for Python here (pip install nvidia-ml-py)"
    assert without(pynvml=Nvml(None)) == "no NVIDIA GPU here (NVML Shared Library Not Found)"
    assert without(pynvml=Nvml(1)) == "no NVIDIA GPU here"
    one = Nvml(1)
    one.nvmlDeviceGetCount = lambda: 1
    assert without(pynvml=one, torch=None) == "an NVIDIA GPU, but no torch here (pip install torch)"
    blind = SimpleNamespace(cuda=SimpleNamespace(is_available=lambda: False))
    assert without(torch=blind).startswith("an NVIDIA GPU, but this torch cannot use it")
    small = SimpleNamespace(cuda=SimpleNamespace(is_available=lambda: True, device_count=lambda: 0))
    assert without(torch=small) == "no GPU 0 here, there are 0"


def test_a_gpu_that_shows_no_power(scripts):
    silent = Nvml(Board(GPU, 72.0, GPU_RATES), counter=False)
    silent.nvmlDeviceGetPowerUsage = lambda handle: silent.nvmlDeviceGetTotalEnergyConsumption(handle)
    with (
        pytest.raises(scripts.joules.Absent, match=r"neither its energy nor its power \(Not Supp"),
        ExitStack() as e,
    ):
        scripts.gpu_energy.meter_of(silent, "handle", e)


def test_the_sweep_leaves_out_sizes_of_unknown_traffic(scripts):
    """What fits the last-level cache has no bits from memory, what is twice as large has; nothing is in between."""
    for cache in (6 * 2**20, 40 * 2**20, 50 * 2**20, 126 * 2**20):
        on = SimpleNamespace(cache=cache, memory=80 * 10**9, kernels=True)
        listed = list(scripts.gpu_work.workloads(on))
        names = {name for workload in listed for name in workload.counts}
        assert names == set(GPU)
        for workload in listed:
            bits_read = {"l2_bits", "dram_bits"} & set(workload.counts)
            assert len(bits_read) <= 1
            operations = [n for n in workload.counts if n.startswith("macs")]
            if operations and "dram_bits" in workload.counts:
                assert workload.counts["dram_bits"] / 8 >= 2 * cache
        labels = [workload.label for workload in listed]
        assert len(labels) == len(set(labels))


SIMULATED = """
import sys
import numpy as np
from numba import cuda
sys.path.insert(0, {folder!r})
import gpu_kernels
kernels = gpu_kernels.make()
rng = np.random.default_rng(5)
ones = lambda x: np.bitwise_count(x).sum(axis=-1)
for queries, keys, words in ((8, 1, 1), (16, 37, 3), (8, 33, 5)):
    q = rng.integers(0, 2**64, (queries, words), dtype=np.uint64)
    k = rng.integers(0, 2**64, (words, keys), dtype=np.uint64)
    change = q[:, None] ^ np.ascontiguousarray(k.T)[None]
    grid = (-(-keys // 32), queries // 8)
    out = np.full((queries, keys), -1, dtype=np.int32)
    kernels.distances8[grid, 32](q, k, out)
    assert np.array_equal(out, ones(change)), (out, ones(change))
    out[:] = -1
    kernels.distances1[(grid[0], queries), 32](q, k, out)
    assert np.array_equal(out, ones(change))
    last = np.zeros((queries, keys), dtype=np.uint64)
    kernels.differences8[grid, 32](q, k, last)
    assert np.array_equal(last, np.bitwise_or.reduce(change, axis=2))
for blocks, passes in ((1, 1), (3, 1), (3, 2), (5, 3)):
    words = rng.integers(0, 2**64, blocks * 16 * 2, dtype=np.uint64)
    out = np.zeros(blocks * 16, dtype=np.uint64)
    kernels.read[blocks, 16](words, passes, out)
    whole = np.bitwise_xor.reduce(words)
    assert np.bitwise_xor.reduce(out) == (whole if passes % 2 else 0)
print("as on the CPU")
"""


def test_the_kernels_compute_what_the_cpu_computes():
    """Thread by thread, in numba's simulator of CUDA."""
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", SIMULATED.format(folder=str(FOLDER))], capture_output=True, text=True,
        timeout=120, env=os.environ | {"NUMBA_ENABLE_CUDASIM": "1", "NUMBA_DISABLE_JIT": "0"},
    )  # fmt: skip
    assert done.stdout == "as on the CPU\n", done.stderr


TORCH = """
import sys
sys.path.insert(0, {folder!r})
import numpy as np
import gpu_kernels, gpu_work
from joules import WrongResult
gpu_kernels.THREADS = 16
on = gpu_work.Backend("cpu", gpu_kernels.make(), cache=2**20, memory=2**30)
for precision in gpu_work.PRECISIONS:
    gpu_work.matmul(on, precision, 32, 64, 128)(2)
gpu_work.attention(on, 2, 32, 16)(2)
for kernel in ("distances8", "distances1", "differences8"):
    gpu_work.search(on, kernel, 8, 20, 3)(1)
gpu_work.search_in_torch(on, 50, 7)(2)
gpu_work.read(on, 8 * 2 * 16 * 3, 3, 2)(1)
gpu_work.total(on, 4000)(1)
gpu_work.fill(on, 4000)(2)
x = on.integers(1000)
assert np.array_equal(gpu_work.popcount(on.torch, x).numpy(), np.bitwise_count(x.numpy().view(np.uint64)))
on.torch._int_mm = lambda a, b: (a.int() @ b.int()) + 1
try:
    gpu_work.matmul(on, "int8", 32, 64, 128)
except WrongResult as error:
    print(error)
"""


def test_the_workloads_of_torch_on_its_cpu():
    """Every workload of the GPU at toy size, its check included, and a wrong product that is caught."""
    pytest.importorskip("torch", reason="torch is not installed: the workloads need it anywhere")
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", TORCH.format(folder=str(FOLDER))], capture_output=True, text=True,
        timeout=300, env=os.environ | {"NUMBA_ENABLE_CUDASIM": "1", "NUMBA_DISABLE_JIT": "0"},
    )  # fmt: skip
    assert done.returncode == 0 and done.stdout.startswith("int8 matrix product: its error is"), done.stderr
