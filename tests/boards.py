"""A simulated board with an energy counter, for the tests of measured energy; and the scripts under test."""

import importlib
import sys
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from types import SimpleNamespace

import numpy as np

FOLDER = Path(__file__).resolve().parent.parent / "benchmarks"
NAMES = (
    "joules",
    "joules_fit",
    "joules_sweep",
    "gpu_kernels",
    "gpu_work",
    "gpu_energy",
    "cpu_work",
    "cpu_energy",
)


@contextmanager
def loaded():
    """The modules of the folder, by name."""
    sys.path.insert(0, str(FOLDER))
    try:
        yield SimpleNamespace(**{name: importlib.import_module(name) for name in NAMES})
    finally:
        sys.path.remove(str(FOLDER))


class Board:
    """A simulated board: true energies per count and true rates, a counter that is late, rough and noisy.

    The counter shows the energy of the last update, ``every`` seconds apart, in whole millijoules; the power of each
    interval is seen through a mean over ``memory`` intervals and an error of ``noise``.
    """

    name = "simulated counter"

    def __init__(self, joules, idle, rates, *, every=0.1, memory=3, noise=0.01, seed=0):
        self.truth, self.rates, self.every, self.noise = joules, rates, every, noise
        self.idle, self.time, self.energy = idle, 0.0, 0.0
        self.shown, self.updates, self.before = 0.0, 0, 0.0
        self.recent, self.random = [idle] * memory, np.random.default_rng(seed)

    def advance(self, seconds, watts):
        """Draw ``watts`` for ``seconds``, updates of the counter on the way."""
        end = self.time + seconds
        while (self.updates + 1) * self.every <= end:
            moment = (self.updates + 1) * self.every
            self.energy += watts * (moment - self.time)
            self.time, self.updates = moment, self.updates + 1
            self.recent = [*self.recent[1:], (self.energy - self.before) / self.every]
            self.before = self.energy
            seen = np.mean(self.recent) * (1.0 + self.noise * self.random.standard_normal())
            self.shown += seen * self.every
        self.energy += watts * (end - self.time)
        self.time = end

    def clock(self, scripts):
        return scripts.joules.Clock(now=lambda: self.time, sleep=lambda s: self.advance(s, self.idle))

    def joules(self):
        return np.floor(self.shown * 1e3) / 1e3

    def state(self):
        return {"celsius": 40.0}

    def simulated(self, scripts, workload):
        """The workload, with its time and energy instead of its work."""
        seconds = max(count / self.rates[name] for name, count in workload.counts.items()) + 3e-6
        joules = sum(count * self.truth[name] for name, count in workload.counts.items())

        def prepare():
            return lambda times: self.advance(times * seconds, self.idle + joules / seconds)

        given = (workload.name, workload.size, workload.counts, prepare, workload.priced)
        return scripts.joules.Workload(*given)


PJ = 1e-12
GPU = {
    "macs_bf16": 0.9 * PJ, "macs_fp16": 1.0 * PJ, "macs_fp32": 9.0 * PJ, "macs_int8": 0.5 * PJ, "exps": 14.0 * PJ,
    "word_xors": 25.0 * PJ, "popcounts": 60.0 * PJ, "l2_bits": 4.0 * PJ, "dram_bits": 9.0 * PJ,
    "dram_bits_written": 11.0 * PJ,
}  # fmt: skip
GPU_RATES = {
    "macs_bf16": 3.5e14, "macs_fp16": 3.5e14, "macs_fp32": 2.5e13, "macs_int8": 7e14, "exps": 4e12,
    "word_xors": 7e12, "popcounts": 1.8e12, "l2_bits": 4e13, "dram_bits": 2.4e13, "dram_bits_written": 2.2e13,
}  # fmt: skip
CPU = {
    "word_xors": 40.0 * PJ, "popcounts": 70.0 * PJ, "l2_bits": 6.0 * PJ, "dram_bits": 25.0 * PJ,
    "dram_bits_written": 33.0 * PJ, "encoder_adds": 3.0 * PJ, "macs_fp32": 30.0 * PJ, "macs_int8": 4000.0 * PJ,
}  # fmt: skip
CPU_RATES = {
    "word_xors": 2e11, "popcounts": 1e11, "l2_bits": 4e12, "dram_bits": 1e12, "dram_bits_written": 4e11,
    "encoder_adds": 1e12, "macs_fp32": 5e11, "macs_int8": 5e9,
}  # fmt: skip
H100 = SimpleNamespace(cache=50 * 2**20, memory=80 * 10**9, kernels=True)


def measured(scripts, board, workloads, *, repeats=3, seconds=2.0):
    work = [board.simulated(scripts, workload) for workload in workloads]
    return scripts.joules_sweep.sweep(
        work, board, repeats=repeats, seconds=seconds, warm=1.0, settle=5.0, clock=board.clock(scripts),
        say=lambda line: None,
    )  # fmt: skip


def told(scripts, capsys, main, *arguments, **options):
    status = scripts.joules_sweep.run(partial(main, [*arguments], **options))
    return status, capsys.readouterr().out
