"""What a spiking run comes down to: synapses, neurons, steps, and its own counts on plain hardware.

A chip's own constants price a chip. Beside its quantised twin (:mod:`hdspike.dense.quantised`) a run is counted on the
hardware of the twin, adders and SRAM of one node, so that the networks are compared and not two laboratories.
"""

from dataclasses import dataclass
from numbers import Real
from typing import TYPE_CHECKING, Any

import numpy as np

from hdspike import check
from hdspike.dense.cost import LARGEST
from hdspike.dense.precision import share

if TYPE_CHECKING:
    from hdspike.functional import Activity, DenseLayer
    from hdspike.network import Layer, Outcome, Synapses

__all__ = ["STATE_BITS", "SpikingRun", "activation_bits", "event_driven"]

STATE_BITS = 16
"""Bits of a neuron's state where nothing is said; assumed."""


def activation_bits(steps: int) -> int:
    """Bits of the activation that says as much as ``steps`` time steps of spikes: ⌈log₂(T + 1)⌉.

    >>> [activation_bits(steps) for steps in (1, 3, 4, 7, 8, 60)]
    [1, 2, 3, 3, 4, 6]
    """
    return check.integer("steps", steps, low=1, high=LARGEST).bit_length()


@dataclass(frozen=True)
class SpikingRun:
    """What a spiking run comes down to, for one inference.

    ``synapses`` (S) from ``inputs`` (I) lines to ``neurons`` (N) that are updated in each of ``steps`` (T).
    ``weight_bits``: the width of a stored weight. ``weights``: how many are stored, where synapses share them
    (convolutions), else one a synapse. ``synaptic_events``: those counted in the run, a mean if need be.
    """

    synapses: int
    inputs: int
    neurons: int
    steps: int
    weight_bits: int = 8
    weights: int | None = None
    synaptic_events: float | None = None

    def __post_init__(self) -> None:
        for name in ("synapses", "inputs", "neurons", "steps"):
            check.integer(name, getattr(self, name), low=1, high=LARGEST)
        check.integer("weight_bits", self.weight_bits, low=1, high=64)
        if self.weights is not None:
            check.integer("weights", self.weights, low=1, high=self.synapses)
        events = self.synaptic_events
        if events is not None:
            if isinstance(events, bool) or not isinstance(events, Real):
                raise TypeError(f"synaptic_events must be a number, not {type(events).__name__}")
            if not 0 <= float(events) < float("inf"):
                raise ValueError(f"synaptic_events must be finite and at least 0, got {events}")

    @property
    def activation_bits(self) -> int:
        """Bits of an activation of the twin, ⌈log₂(T + 1)⌉."""
        return activation_bits(self.steps)

    @property
    def rate(self) -> float:
        """Spikes per input line and step, as the synapses see them: events ÷ (synapses · steps)."""
        if self.synaptic_events is None:
            raise ValueError("synaptic_events must be given for a rate, got None")
        return float(self.synaptic_events) / (self.synapses * self.steps)

    @classmethod
    def of_layer(
        cls,
        layer: "Layer | DenseLayer",
        outcome: "Outcome | None" = None,
        *,
        steps: int,
        weight_bits: int | None = None,
    ) -> "SpikingRun":
        """One query of a layer of keys, spiking attention among them; ``outcome`` gives its mean events.

        ``steps`` is for the caller to say: how many times of a spike *mean* something. Where the order of the
        lines is arbitrary a line is active or not, which is 1 step, whatever time the chip takes. Synapses of
        packed keys are all ±1, of 1 bit.
        """
        from hdspike.functional import DenseLayer
        from hdspike.network import Layer

        if not isinstance(layer, Layer | DenseLayer):
            raise TypeError(f"layer must be a Layer or a DenseLayer, not {type(layer).__name__}")
        events = None if outcome is None else float(np.mean(outcome.counts["synaptic_events"]))
        if isinstance(layer, Layer):
            lines, neurons, synapses = layer.lines, layer.neurons, len(layer.synapses)
            width = _weight_bits([layer.synapses]) if weight_bits is None else weight_bits
        else:
            lines, neurons, synapses = layer.dim, len(layer.keys), layer.dim * len(layer.keys)
            width = 1 if weight_bits is None else weight_bits
        return cls(synapses, lines, neurons, steps, width, synaptic_events=events)

    @classmethod
    def of_activity(
        cls,
        activity: "Activity",
        *,
        inferences: int = 1,
        weight_bits: int | None = None,
        weights: int | None = None,
    ) -> "SpikingRun":
        """One of ``inferences`` equally long ones of a network's run: all its projections together.

        Inputs are the lines of every projection, neurons all that are no sources. ``weight_bits`` is needed
        where the weights are floats of more than int8; ``weights`` where a convolution shares them.
        """
        from hdspike.functional import Activity

        if not isinstance(activity, Activity):
            raise TypeError(f"activity must be an Activity, not {type(activity).__name__}")
        network = activity.network
        inferences = check.integer("inferences", inferences, low=1)
        if activity.steps % inferences:
            raise ValueError(
                f"inferences must divide the {activity.steps} steps of the run, got {inferences}"
            )
        every = [projection.synapses for projection in network.projections]
        return cls(
            network.synapses,
            sum(synapses.lines for synapses in every),
            sum(p.size for p in network.populations if not p.is_source),
            activity.steps // inferences,
            _weight_bits(every) if weight_bits is None else weight_bits,
            weights,
            activity.counts["synaptic_events"] / inferences,
        )


def event_driven(
    run: SpikingRun, *, rate: float | None = None, state_bits: int = STATE_BITS
) -> dict[str, float]:
    """The spiking run's own counts for one inference on the twin's hardware: the same adders and the same SRAM.

    With r spikes per input and step (the run's own unless ``rate`` is given): ``adds_int32`` = r·T·S + 2·N·T (leak
    and threshold), ``sram_bits`` = r·T·(S·b_w + I·a) + N·T·v, ``sram_bits_written`` = r·T·I·a + N·T·v, where
    a = ⌈log₂ I⌉. The sums of one step rest in registers, which favours the spiking side.
    """
    run = checked(run)
    rate = run.rate if rate is None else share("rate", rate)
    state_bits = check.integer("state_bits", state_bits, low=1, high=64)
    address = max(1, (run.inputs - 1).bit_length())
    events, spikes = rate * run.steps * run.synapses, rate * run.steps * run.inputs
    updates = run.neurons * run.steps
    return {
        "adds_int32": events + 2 * updates,
        "sram_bits": events * run.weight_bits + spikes * address + updates * state_bits,
        "sram_bits_written": spikes * address + updates * state_bits,
    }


def checked(run: Any) -> SpikingRun:
    """``run`` if it is one."""
    if not isinstance(run, SpikingRun):
        raise TypeError(f"run must be a SpikingRun, not {type(run).__name__}")
    return run


def _weight_bits(every: "list[Synapses]") -> int:
    """The narrowest width that holds all weights: 1 where they are all ±1 or all +1, else two's complement."""
    low, high, signs = 1, 1, True
    for synapses in every:
        weights = synapses.weights
        if weights is None or not len(weights):
            continue
        if weights.dtype != np.int8:
            raise ValueError(f"weight_bits must be given where weights are {weights.dtype}, got None")
        low, high = min(low, int(weights.min())), max(high, int(weights.max()))
        signs = signs and bool(np.all(np.abs(weights.astype(np.int16)) == 1))
    return 1 if signs else max(high.bit_length(), (-low - 1).bit_length() if low < 0 else 0) + 1
