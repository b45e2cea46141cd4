"""Calls of the kernels of networks: neuron models, builders, plasticity."""

from collections.abc import Callable
from typing import Any

import numpy as np

from hdspike.network import STDP, Synapses
from hdspike.network.neurons import CurrentLeaky, IntegrateAndFire, KWTAGroup, LoihiInteger, LoihiSoma

SYNAPSES = Synapses(np.array([0, 2, 3]), np.array([0, 1, 1], dtype=np.int32), None, 2)
ONE = np.ones(1, dtype=np.int32)
KERNEL = np.ones((1, 1, 1, 2), dtype=np.float32)


def step(model: Any) -> tuple[Any, ...]:
    return (
        *(model.parameters(3, 1e-3), model.state(3), np.full(3, -0.0)),
        *(np.zeros(3, dtype=np.uint8), np.zeros(3, dtype=np.int32)),
    )


def learn() -> tuple[Any, ...]:
    traces = STDP(0.1, 0.1, 0.02, 0.02).prepare(SYNAPSES, 1e-3)
    return (
        *(traces.rule, traces.indptr, traces.targets, traces.starts, traces.places, traces.lines),
        *(traces.weights, traces.before, traces.after, ONE, 1, ONE, 1),
    )


NEURONS = "network.neurons."
CALLS: dict[str, Callable[[], tuple[Any, ...]]] = {
    NEURONS + "base._collect": lambda: (np.zeros(3, dtype=np.uint8), np.zeros(3, dtype=np.int32)),
    NEURONS + "membrane._step": lambda: step(IntegrateAndFire()),
    NEURONS + "membrane._step_alike": lambda: step(IntegrateAndFire()),
    NEURONS + "membrane._event": lambda: (*step(IntegrateAndFire())[:2], 0, 0.0, 1.0),
    NEURONS + "current_leaky._step": lambda: step(CurrentLeaky()),
    NEURONS + "kwta_group._before": lambda: (np.zeros(2), 0, 1),
    NEURONS + "kwta_group._strongest": lambda: (
        *(np.zeros(3), np.full(3, 3, dtype=np.uint8), 0, 3, 1, np.zeros(3, dtype=np.int32)),
    ),
    NEURONS + "kwta_group._step": lambda: step(KWTAGroup(1)),
    NEURONS + "loihi._step": lambda: step(LoihiSoma()),
    NEURONS + "loihi._step_plain": lambda: step(LoihiSoma()),
    NEURONS + "loihi_integer._step": lambda: step(LoihiInteger()),
    "network.builders.convolution._convolve": lambda: (
        *(KERNEL, np.full((1, 1, 1), 2), (2, 2, 1), (2, 2), (1, 1), (0, 0), np.zeros(5, dtype=np.int64)),
        *(np.zeros(8, dtype=np.int32), np.zeros(8, dtype=np.float32)),
    ),
    "network.plasticity._transpose": lambda: (
        *(SYNAPSES.indptr, SYNAPSES.targets, np.zeros(3, dtype=np.int64), np.zeros(3, dtype=np.int64)),
        np.zeros(3, dtype=np.int32),
    ),
    "network.plasticity._learn": learn,
}

FLOATS = set(CALLS) - {NEURONS + "base._collect", "network.plasticity._transpose"}
"""The dynamics of neurons, weights and traces are real numbers; finding who fired and transposing synapses are not."""
