"""The soma of Intel's Loihi as SANA-FE models it: a leaky neuron whose potential is cut to 1/64.

In every step, with ``I`` the sum of the weights that arrived for it and ``left`` the count of refractoriness,

    left ← max(left − 1, 0),   u ← u · input_decay,   v ← trunc(64 · v · leak_decay) ÷ 64
    left = 0:   v ← v + bias,   u ← u + I,   v ← v + u,   a spike if v > threshold:
                v ← reset ("hard"), v − threshold ("soft") or v ("none", "saturate"),   left ← refractory_delay
    and then:   if v < reverse_threshold:   v ← reverse_reset ("hard"), v − reverse_threshold ("soft"),
                reverse_threshold ("saturate") or v ("none"), without a spike

where v is the potential and u the current. In words: while a neuron is refractory its current only fades, what
arrives is lost, v only leaks, and it cannot fire; ``refractory_delay = 1`` is no refractoriness (the neuron may fire
in the next step), 2 is one silent step. The threshold is compared in every step, so a neuron at rest with a threshold
below 0 fires without end.

A neuron is *updated* in a step if v was not 0 before it, if an event arrived (of weight 0 too, or while it is
refractory), if its bias is not 0, if it fires, or always with ``force_update``. A current that still fades does not
count: with v = 0 and u ≠ 0 the neuron is computed, but not counted.

Parameters and weights given to the tool in Python are single-precision numbers, those of its YAML files and its v and
u double ones: with ``single``, ``parameters`` rounds alike, and for the same last bit the weights must be float32.
The tool cuts v through a 32-bit integer, which overflows where |v| ≥ 2²⁵; here it does not.

Source: Boyle et al., SANA-FE, IEEE TCAD 2025; the rules above were established by experiment with SANA-FE 2.2.9: 300
random neurons, 16 steps each: potentials to 1e-12, spikes and updates equal. Loihi: Davies et al., IEEE Micro 38,
2018.
"""

from collections.abc import Callable
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from hdspike import check
from hdspike.jit import kernel
from hdspike.network.neurons.base import NeuronModel, _collect

__all__ = ["MODES", "LoihiSoma"]

MODES = ("hard", "soft", "none", "saturate")


@kernel
def _step(parameters, state, drive, updated, fired):
    """One step of every neuron: see the head of the file. Resets are v ← v · share + reset."""
    threshold, reset, share, bias = parameters[0], parameters[1], parameters[2], parameters[3]
    leak, decay, period, force = parameters[4], parameters[5], parameters[6], parameters[7]
    low, low_reset, low_share = parameters[8], parameters[9], parameters[10]
    potential, current, left = state[0], state[1], state[2]
    for n in range(len(drive)):  # two loops: more rows in one than LLVM is willing to tell apart
        arrived = drive[n]
        was = potential[n]
        wait = max(left[n] - 1.0, 0.0)
        free = wait == 0.0
        v = np.trunc(was * leak[n] * 64.0) / 64.0
        u = current[n] * decay[n]
        u = u + arrived if free else u
        v = v + bias[n] + u if free else v
        fires = free & (v > threshold[n])
        heard = (arrived != 0.0) | (not np.signbit(arrived))
        active = fires | heard | (was != 0.0) | (bias[n] != 0.0)
        potential[n] = v
        current[n] = u + 0.0
        left[n] = wait
        updated[n] = np.uint8(active) | (np.uint8(fires) << np.uint8(1))
        drive[n] = -0.0
    for n in range(len(drive)):
        fires = updated[n] & 2 != 0
        v = potential[n]
        v = v * share[n] + reset[n] if fires else v
        v = v * low_share[n] + low_reset[n] if (left[n] == 0.0) & (v < low[n]) else v
        potential[n] = v
        left[n] = period[n] if fires else left[n]
        updated[n] |= np.uint8(force[n] != 0.0)
    return _collect(updated, fired)


@kernel
def _step_plain(parameters, state, drive, updated, fired):
    """The same with one set of parameters, a hard reset, no refractoriness and no reverse threshold."""
    threshold, reset, bias = parameters[0, 0], parameters[1, 0], parameters[3, 0]
    leak, decay, force = parameters[4, 0], parameters[5, 0], parameters[7, 0]
    potential, current = state[0], state[1]
    always = (bias != 0.0) | (force != 0.0)
    for n in range(len(drive)):
        arrived = drive[n]
        was = potential[n]
        u = current[n] * decay + arrived
        v = np.trunc(was * leak * 64.0) / 64.0 + bias + u
        fires = v > threshold
        active = fires | always | (was != 0.0) | (arrived != 0.0) | (not np.signbit(arrived))
        potential[n] = reset if fires else v
        current[n] = u + 0.0
        updated[n] = np.uint8(active) | (np.uint8(fires) << np.uint8(1))
        drive[n] = -0.0
    return _collect(updated, fired)


class LoihiSoma(NeuronModel):
    """Loihi's soma as in SANA-FE (see the head of the file); parameters have that tool's names.

    Args:
        threshold, reset, bias, leak_decay, input_decay: one number each, or one per neuron.
        refractory_delay: whole steps; 0 and 1 are none.
        reset_mode: ``"hard"``, ``"soft"``, ``"none"`` or ``"saturate"``.
        reverse_threshold: ``None`` for none; with ``reverse_reset`` and ``reverse_reset_mode``.
        force_update: whether a neuron counts as updated in every step.
        single: round all parameters to single precision, as the tool's Python interface does; its YAML reader does not.
    """

    name: ClassVar[str] = "loihi"
    PARAMETERS: ClassVar[tuple[str, ...]] = (
        *("threshold", "reset", "bias", "leak_decay", "input_decay"),
        *("refractory_delay", "reverse_reset", "force_update"),
    )
    STATE: ClassVar[tuple[str, ...]] = ("potential", "current", "left")

    def __init__(
        self,
        *,
        threshold: Any = 1.0,
        reset: Any = 0.0,
        bias: Any = 0.0,
        leak_decay: Any = 1.0,
        input_decay: Any = 0.0,
        refractory_delay: Any = 0,
        reset_mode: str = "hard",
        reverse_threshold: Any = None,
        reverse_reset: Any = 0.0,
        reverse_reset_mode: str = "none",
        force_update: Any = False,
        single: bool = True,
    ) -> None:
        super().__init__(
            threshold=threshold,
            reset=reset,
            bias=bias,
            leak_decay=leak_decay,
            input_decay=input_decay,
            refractory_delay=refractory_delay,
            reverse_reset=reverse_reset,
            force_update=force_update,
        )
        self.single = bool(single)
        self.reset_mode = check.one_of("reset_mode", reset_mode, MODES)
        self.reverse_reset_mode = check.one_of("reverse_reset_mode", reverse_reset_mode, MODES)
        steps = self["refractory_delay"]
        self.require(
            "refractory_delay", "a whole number of steps of at least 0", (steps >= 0) & (steps % 1 == 0)
        )
        low = np.asarray(-np.inf if reverse_threshold is None else reverse_threshold)
        if low.dtype.kind not in "biuf" or low.ndim > 1:
            raise TypeError(f"reverse_threshold must be a number or one row, got {reverse_threshold!r}")
        if np.any(np.isnan(low)):
            raise ValueError(f"reverse_threshold must be a number, got {reverse_threshold!r}")
        self.reverse_threshold = low.astype(np.float64)

    def parameters(self, size: int, step_s: float) -> NDArray[np.float64]:
        given = super().parameters(size, step_s)
        kind = np.float32 if self.single else np.float64  # as the tool stores them
        threshold, reset, bias, leak, decay, period, low_reset, force = given.astype(kind).astype(np.float64)
        if self.reverse_threshold.ndim and len(self.reverse_threshold) != size:
            raise ValueError(
                f"reverse_threshold must be one value or {size}, got {len(self.reverse_threshold)}"
            )
        low = np.broadcast_to(self.reverse_threshold, size).astype(kind).astype(np.float64)
        rows = np.zeros((11, size))
        rows[0], rows[3], rows[4], rows[5], rows[6], rows[7] = threshold, bias, leak, decay, period, force
        rows[8] = low
        rows[1], rows[2] = {"hard": (reset, 0.0), "soft": (-threshold, 1.0)}.get(self.reset_mode, (0.0, 1.0))
        if self.reverse_reset_mode == "hard":
            rows[9] = low_reset
        elif self.reverse_reset_mode == "saturate":
            rows[9] = low
        elif self.reverse_reset_mode == "soft":
            rows[9], rows[10] = -low, 1.0
        else:
            rows[8] = -np.inf
        rows[9] = np.where(np.isinf(rows[8]), 0.0, rows[9])
        return rows

    @property
    def step(self) -> Callable[..., tuple[int, int]]:
        plain = self.alike and self.reset_mode == "hard" and float(self["refractory_delay"].max()) <= 1
        return _step_plain if plain and np.all(np.isneginf(self.reverse_threshold)) else _step
