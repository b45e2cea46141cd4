"""NeuroBench's complexity metrics by their own definitions and names, of a run of ours.

Yik et al., "The neurobench framework for benchmarking neuromorphic computing algorithms and systems", Nature
Communications 16 (2025), and its package ``neurobench`` 2.3. With T steps, B samples and layers l:

==================== ====================================================================================
ActivationSparsity   zeros ÷ all outputs of neurons, over layers, steps and samples (0 where there are none)
Effective_ACs        Σ nonzero input × nonzero weight, of calls whose inputs are all −1, 0 or 1; per sample
Effective_MACs       the same of all other calls; per sample
Dense                Σ every input × every weight; per sample
ConnectionSparsity   zero weights ÷ weights, rounded to 4 decimals
Footprint            bytes of all parameters and buffers before the run
MembraneUpdates      neurons + changes of a potential from one step to the next; per sample
==================== ====================================================================================

What the definitions leave open is settled by what the package does, established by experiment
(``tests/golden/neurobench_oracle.py``):

- A *call* is one layer in one step with the whole batch: a single graded input makes MACs of all its operations, and
  a binary image makes ACs of the first layer of a perceptron. Inputs of all zeros are an AC call with no operation.
- Biases are no synaptic operation and no connection, but they are in the footprint.
- Activations are those of neurons (ReLU, sigmoid, spiking neurons); inputs and bare output layers have none.
- The first step of a sample updates every membrane, changed or not. Later a membrane counts where it is not what it
  was after the step before, so an event that just makes up for the leak counts nothing, and two that cancel neither.
- The package sums in float32, exact up to 2²⁴ operations a call; here all counts are exact integers.

Potentials do not enter the footprint, since the package takes it before they exist. These are counts, not joules:
:mod:`hdspike.energy` prices what a run counted itself (memory traffic and hops included).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hdspike import check
from hdspike.functional import Activity
from hdspike.network import Network, Synapses
from hdspike.network.neurons.base import NeuronModel

__all__ = ["STORED", "LayerRun", "Tally", "feed_forward", "neurobench", "tally", "with_potential"]

STORED = ("matrix", "synapses")


@dataclass(frozen=True)
class Tally:
    """The integers behind the metrics, summed over ``samples`` samples."""

    samples: int
    activations: int
    zero_activations: int
    effective_macs: int
    effective_acs: int
    dense: int
    weights: int
    zero_weights: int
    footprint: int
    membrane_updates: int | None
    """``None`` where potentials were not recorded, or nothing has any."""

    @property
    def activation_sparsity(self) -> float:
        """Zero ÷ all activations; 0 where there are none."""
        return self.zero_activations / self.activations if self.activations else 0.0

    @property
    def connection_sparsity(self) -> float:
        """Zero ÷ all weights, divided in float32 and rounded to 4 decimals as the package does."""
        return round(float(np.float32(self.zero_weights) / np.float32(self.weights)), 4)

    def as_json(self) -> dict[str, int | float | None]:
        """The metrics by NeuroBench's names, operations and updates per sample."""
        updates = self.membrane_updates
        return {
            "Footprint": self.footprint,
            "ConnectionSparsity": self.connection_sparsity,
            "ActivationSparsity": self.activation_sparsity,
            "Effective_MACs": self.effective_macs / self.samples,
            "Effective_ACs": self.effective_acs / self.samples,
            "Dense": self.dense / self.samples,
            "MembraneUpdates": None if updates is None else updates / self.samples,
        }


@dataclass(frozen=True)
class LayerRun:
    """One fully connected layer of a run, and the neurons behind it, as arrays.

    ``weights`` ``(outputs, inputs)``; ``inputs`` ``(steps, samples, inputs)``, or ``(samples, inputs)`` for one step;
    ``activations``: the neurons' outputs in the same form, ``None`` where there are no neurons; ``potentials`` after
    each step ``(steps, samples, neurons)``, ``None`` where neurons have none. ``others`` are further parameters and
    buffers (biases, thresholds, …), for the footprint alone.
    """

    weights: NDArray[Any]
    inputs: NDArray[Any]
    activations: NDArray[Any] | None = None
    potentials: NDArray[Any] | None = None
    others: tuple[NDArray[Any], ...] = ()

    def __post_init__(self) -> None:
        for name, many in (
            ("weights", (2,)),
            ("inputs", (2, 3)),
            ("activations", (2, 3)),
            ("potentials", (3,)),
        ):
            value = getattr(self, name)
            if value is None and name in ("activations", "potentials"):
                continue
            given = np.asarray(value)
            if given.dtype.kind not in "biuf":
                raise TypeError(f"{name} must be numbers, got {given.dtype}")
            if given.ndim not in many:
                raise ValueError(f"{name} must have {many[-1]} dimensions, got shape {given.shape}")
            if given.dtype.kind == "f" and not np.all(np.isfinite(given)):
                raise ValueError(f"{name} must be finite, got NaN or infinity")
            if name != "weights" and given.ndim == 2:
                given = given[None]
            object.__setattr__(self, name, given)
        if 0 in self.weights.shape:
            raise ValueError(f"weights must be at least one, got shape {self.weights.shape}")
        if self.inputs.shape[2] != self.weights.shape[1]:
            raise ValueError(
                f"inputs must be {self.weights.shape[1]} per sample, as weights are, got {self.inputs.shape[2]}"
            )
        for name in ("activations", "potentials"):
            value = getattr(self, name)
            if value is not None and value.shape[:2] != self.inputs.shape[:2]:
                raise ValueError(
                    f"{name} must be of {self.inputs.shape[:2]} (steps, samples), as inputs are, "
                    f"got {value.shape[:2]}"
                )
        object.__setattr__(self, "others", tuple(np.asarray(part) for part in self.others))


def feed_forward(
    inputs: Any, weights: Sequence[Any], *, biases: Sequence[Any] | None = None
) -> tuple[LayerRun, ...]:
    """Run dense layers in NumPy, y = W x + b with a ReLU behind every layer but the last, and keep what they saw.

    ``inputs`` ``(samples, inputs)``; each of ``weights`` ``(outputs, inputs)``, each of ``biases`` ``(outputs,)``.

    >>> layers = feed_forward([[1.0, -2.0, 0.0]], [[[1.0, 1.0, 1.0], [1.0, 0.0, 1.0]], [[1.0, 2.0]]])
    >>> counted = neurobench(layers)
    >>> counted["Effective_MACs"], counted["Effective_ACs"], counted["Dense"], counted["ActivationSparsity"]
    (3.0, 1.0, 8.0, 0.5)
    """
    matrices = [np.asarray(matrix) for matrix in weights]
    if not matrices:
        raise ValueError("weights must be at least one matrix, got none")
    if biases is not None and len(biases) != len(matrices):
        raise ValueError(f"biases must be one row per layer ({len(matrices)}), got {len(biases)}")
    values = np.asarray(inputs)
    layers = []
    for place, matrix in enumerate(matrices):
        others: tuple[NDArray[Any], ...] = ()
        given = LayerRun(matrix, values)  # checks both
        outputs = given.inputs[0] @ matrix.T
        if biases is not None:
            bias = np.asarray(biases[place])
            if bias.shape != (len(matrix),) or bias.dtype.kind not in "biuf":
                raise ValueError(
                    f"biases must be {len(matrix)} numbers in layer {place}, got shape {bias.shape}"
                )
            outputs, others = outputs + bias, (bias,)
        last = place == len(matrices) - 1
        outputs = outputs if last else np.maximum(outputs, 0)
        layers.append(LayerRun(matrix, values, None if last else outputs, None, others))
        values = outputs
    return tuple(layers)


def with_potential(network: Network) -> list[int]:
    """The neurons whose potentials ``MembraneUpdates`` needs: ``simulate(network, …, watch=with_potential(network))``.

    All but those of spike sources, numbered through the network.
    """
    spans = zip(network.populations, network.offsets[:-1], network.offsets[1:], strict=True)
    return [neuron for p, first, end in spans if not p.is_source for neuron in range(int(first), int(end))]


def neurobench(run: Any, *, stored: str = "matrix") -> dict[str, int | float | None]:
    """NeuroBench's metrics of a run, by its names (see the head of the file).

    Args:
        run: what :func:`hdspike.functional.simulate` returned for one sample, or a list of these: one batch, the
            same network with different spike sources; or a list of :class:`LayerRun`.
        stored: what the dense form of a network's projection is. ``"matrix"``: lines × neurons, absent synapses
            are zeros, as in a linear layer. ``"synapses"``: the list of synapses, as a convolution has its taps (but
            without sharing weights: connection sparsity and footprint are then those of the list). Layers are
            matrices.

    ``MembraneUpdates`` is ``None`` unless the run watched the neurons of :func:`with_potential`. A spike is counted
    at all synapses of its neuron in the step in which it falls, whenever it arrives. Plastic weights count as they
    were before the run. Of a run on a chip, give its ``activity``.

    Raises ``ValueError``/``TypeError``: no sample, runs of unlike networks or lengths, a truncated recording, some
    potentials but not all, no connection, parallel synapses in a matrix.
    """
    return tally(run, stored=stored).as_json()


def tally(run: Any, *, stored: str = "matrix") -> Tally:
    """The integers behind :func:`neurobench`, with the same arguments."""
    stored = check.one_of("stored", stored, STORED)
    parts = [run] if isinstance(run, Activity | LayerRun) else list(run) if _listed(run) else []
    if not parts:
        raise ValueError(f"run must be an Activity, or at least one of them or of LayerRun, got {run!r:.60}")
    activities = [part for part in parts if isinstance(part, Activity)]
    layers = [part for part in parts if isinstance(part, LayerRun)]
    if len(activities) == len(parts):
        return _of_activities(activities, stored)
    if len(layers) == len(parts):
        return _of_layers(layers)
    raise TypeError(
        f"run must be Activity, or LayerRun alone, got {sorted({type(p).__name__ for p in parts})}"
    )


def _listed(run: Any) -> bool:
    return isinstance(run, Sequence) and not isinstance(run, str | bytes)


def _of_layers(layers: list[LayerRun]) -> Tally:
    """Layers of one network, over the same samples."""
    samples = layers[0].inputs.shape[1]
    if samples == 0 or any(layer.inputs.shape[1] != samples for layer in layers):
        raise ValueError(
            f"run must have the same samples in every layer, at least one, got "
            f"{[layer.inputs.shape[1] for layer in layers]}"
        )
    macs = acs = dense = activations = active = updates = 0
    for layer in layers:
        fan_out = np.count_nonzero(layer.weights, axis=0)
        for given in layer.inputs:
            operations = int(np.count_nonzero(given, axis=0) @ fan_out)
            binary = bool(np.all((given == 0) | (given == 1) | (given == -1)))
            acs, macs = acs + operations * binary, macs + operations * (not binary)
            dense += samples * layer.weights.size
        if layer.activations is not None:
            activations += layer.activations.size
            active += int(np.count_nonzero(layer.activations))
        if layer.potentials is not None:
            updates += _changes(layer.potentials)
    buffers = [part.nbytes for layer in layers for part in (layer.weights, *layer.others)]
    return Tally(
        samples,
        activations,
        activations - active,
        macs,
        acs,
        dense,
        sum(layer.weights.size for layer in layers),
        sum(int(np.count_nonzero(layer.weights == 0)) for layer in layers),
        sum(buffers),
        updates if any(layer.potentials is not None for layer in layers) else None,
    )


def _changes(potentials: NDArray[Any]) -> int:
    """All of the first step, then those that differ from the step before; ``potentials`` ``(steps, …)``."""
    first = potentials[0].size if len(potentials) else 0
    return first + int(np.count_nonzero(potentials[1:] != potentials[:-1]))


def _of_activities(runs: list[Activity], stored: str) -> Tally:
    """One batch: a run for each sample."""
    network, steps = runs[0].network, runs[0].steps
    neurons = with_potential(network)
    for run in runs:
        if run.steps != steps or not _alike(run.network, network):
            raise ValueError("run must hold samples of the same network and number of steps, got others")
        if run.truncated:
            raise ValueError("run must hold every spike, got a truncated recording (raise max_spikes)")
        if run.potentials.shape[1] not in (0, len(neurons)):
            raise ValueError(
                f"run must hold no potentials or those of all {len(neurons)} neurons "
                f"(watch=with_potential(network)), got {run.potentials.shape[1]}"
            )
    if not network.projections:
        raise ValueError("run must be of a network with at least one projection, got none")

    key = [np.unique(_keys(run), return_counts=True) for run in runs]
    macs = acs = weights = zeros = 0
    for projection in network.projections:
        synapses = projection.synapses
        if stored == "matrix" and synapses.parallel:
            raise ValueError(
                "stored must be 'synapses' for a network in which a line reaches a neuron twice, got 'matrix'"
            )
        fan_out = _fan_out(synapses)
        places = synapses.lines * synapses.neurons if stored == "matrix" else len(synapses)
        weights, zeros = weights + places, zeros + places - int(fan_out.sum())
        place = network.index(projection.source)
        first, end = network.offsets[place], network.offsets[place + 1]
        operations = np.zeros(steps, dtype=np.int64)
        graded = np.zeros(steps, dtype=bool)
        for keys, times in key:
            step, neuron = np.divmod(keys, network.neurons)
            mine = (first <= neuron) & (neuron < end)
            np.add.at(operations, step[mine], fan_out[neuron[mine] - first])
            graded[step[mine & (times > 1)]] = True
        macs += int(operations[graded].sum())
        acs += int(operations[~graded].sum())
    if weights == 0:
        raise ValueError("run must be of a network with at least one synapse, got none")

    activations = len(runs) * steps * len(neurons)
    own = [p.name for p in network.populations if not p.is_source]
    active = sum(run.fired_by[name] for run in runs for name in own)
    watched = neurons and all(run.potentials.shape[1] for run in runs)
    return Tally(
        len(runs),
        activations,
        activations - active,
        macs,
        acs,
        len(runs) * steps * weights,
        weights,
        zeros,
        _footprint(network, stored),
        sum(_changes(run.potentials) for run in runs) if watched else None,
    )


def _keys(run: Activity) -> NDArray[np.int64]:
    """Step × neurons + neuron of every spike: twice where a source emitted twice in a step."""
    return run.spike_steps * run.network.neurons + run.spike_neurons


def _fan_out(synapses: Synapses) -> NDArray[np.int64]:
    """``(lines,)``: the synapses of each line whose weight is not 0."""
    if synapses.weights is None:
        return np.diff(synapses.indptr)
    before = np.concatenate([[0], np.cumsum(synapses.weights != 0)])
    return np.diff(before[synapses.indptr])


def _alike(one: Network, other: Network) -> bool:
    """Whether two networks differ at most in what their spike sources emit."""
    if one is other:
        return True
    if len(one.populations) != len(other.populations) or len(one.projections) != len(other.projections):
        return False
    for p, q in zip(one.populations, other.populations, strict=True):
        if (p.name, p.size, p.is_source) != (q.name, q.size, q.is_source):
            return False
        if isinstance(p.model, NeuronModel) and not (p.model is q.model or _equal(p.model, q.model)):
            return False
    pairs = zip(one.projections, other.projections, strict=True)
    return all(
        a.source == b.source and a.target == b.target and _same(a.synapses, b.synapses) for a, b in pairs
    )


def _equal(one: NeuronModel, other: Any) -> bool:
    same = type(one) is type(other) and one.given.keys() == other.given.keys()
    return same and all(np.array_equal(value, other.given[key]) for key, value in one.given.items())


def _same(one: Synapses, other: Synapses) -> bool:
    if one is other:
        return True
    for name in ("indptr", "targets", "weights", "delays"):
        a, b = getattr(one, name), getattr(other, name)
        if (a is None) != (b is None) or (a is not None and not np.array_equal(a, b)):
            return False
    return True


def _footprint(network: Network, stored: str) -> int:
    """Bytes of weights, delays, the lists of synapses where they are stored as such, and neurons' parameters."""
    total = 0
    for synapses in (projection.synapses for projection in network.projections):
        kept = [part for part in (synapses.weights, synapses.delays) if part is not None]
        if stored == "synapses":
            total += sum(part.nbytes for part in (synapses.indptr, synapses.targets, *kept))
        else:
            width = sum(part.itemsize for part in kept) + (synapses.weights is None)  # +1 is one byte
            total += synapses.lines * synapses.neurons * width
    models = [p.model for p in network.populations if isinstance(p.model, NeuronModel)]
    return total + sum(value.nbytes for model in models for value in model.given.values())
