"""NIR's neuron nodes as the models of this package, and back.

NIR writes the equations of time; a spike of weight w is a Dirac impulse of current (``convention="dirac"``), which
jumps a ``LIF`` by R·w/τ, an ``IF`` by R·w and the current of a ``CubaLIF`` by w_in·w/τ_syn. Frameworks with a clock
hold the current for one step instead (``"clocked"``): the same times the step. A constant input b shifts the resting
potential by R·b (a ``CubaLIF``: by R·w_in·b, its current being settled). NIR's thresholds are strict, v > θ.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from hdspike import check
from hdspike.network.neurons.base import NeuronModel
from hdspike.network.neurons.current_leaky import CurrentLeaky
from hdspike.network.neurons.integrate_and_fire import IntegrateAndFire
from hdspike.network.neurons.leaky import Leaky

__all__ = ["CONVENTIONS", "NEURONS", "SILENT", "Built", "Written", "build", "describe"]

CONVENTIONS = ("dirac", "clocked")
SHAPES = {"IF": "r", "LIF": "r", "CubaLIF": "r", "I": "r", "LI": "r", "CubaLI": "r", "Threshold": "threshold"}
NEURONS = tuple(SHAPES)
SILENT = ("I", "LI", "CubaLI")  # these integrate and never spike
INSTANT = 1e4  # a membrane this much faster than the step forgets all: e^(−INSTANT) is 0
Values = NDArray[np.float64]


class Built(NamedTuple):
    """A model, and by what the weights that reach each neuron are multiplied."""

    model: NeuronModel
    scale: Values


def _row(name: str, node: Any, field: str, size: int) -> Values:
    value = np.asarray(getattr(node, field))
    if value.dtype.kind not in "biuf" or not np.all(np.isfinite(value)):
        raise ValueError(f"node {name} must have finite numbers in {field}, got {value.dtype}")
    if value.size not in (1, size):
        raise ValueError(f"node {name} must have {size} values of {field}, got {value.size}")
    return np.ascontiguousarray(np.broadcast_to(value.astype(np.float64).ravel(), size))


def _shared(row: Values) -> Any:
    """One value where all are the same."""
    return row[0] if np.all(row == row[0]) else row


def build(
    name: str, node: Any, size: int, constant: Values | None, *, step_s: float, convention: str
) -> Built:
    """The model of a neuron node with ``size`` neurons and a constant input.

    Raises:
        ValueError: a value is not finite, or a time constant not above 0; the message names the node.
    """
    kind = type(node).__name__
    hold = step_s if convention == "clocked" else 1.0
    given = np.zeros(size) if constant is None else constant
    if kind == "Threshold":
        model: NeuronModel = Leaky(
            tau_s=step_s / INSTANT, threshold=_shared(_row(name, node, "threshold", size)),
            bias=_shared(given), strict=True,
        )  # fmt: skip
        return Built(model, np.ones(size))
    r = _row(name, node, "r", size)
    spiking = kind not in SILENT
    settings: dict[str, Any] = {"threshold": np.inf, "reset": 0.0, "strict": True}
    if spiking:
        settings["threshold"] = _shared(_row(name, node, "v_threshold", size))
        settings["reset"] = _shared(_row(name, node, "v_reset", size))
    if kind in ("IF", "I"):
        return Built(IntegrateAndFire(**settings, bias=_shared(r * given * step_s)), r * hold)
    settings["rest"] = _shared(_row(name, node, "v_leak", size))
    if kind in ("LIF", "LI"):
        tau = _time(name, node, "tau", size)
        return Built(Leaky(tau_s=_shared(tau), bias=_shared(r * given), **settings), r * hold / tau)
    tau, synapse = _time(name, node, "tau_mem", size), _time(name, node, "tau_syn", size)
    w_in = _row(name, node, "w_in", size)
    model = CurrentLeaky(
        tau_s=_shared(tau), tau_synapse_s=_shared(synapse), resistance=_shared(r),
        bias=_shared(r * w_in * given), **settings,
    )  # fmt: skip
    return Built(model, w_in * hold / synapse)


def _time(name: str, node: Any, field: str, size: int) -> Values:
    row = _row(name, node, field, size)
    if np.any(row <= 0):
        raise ValueError(f"node {name} must have {field} above 0 s, got {row.min():g}")
    return row


def shape_of(name: str, node: Any) -> tuple[int, ...]:
    """The shape of a neuron node's parameters."""
    return np.shape(getattr(node, SHAPES[type(node).__name__]))


class Written(NamedTuple):
    """A NIR node as its name and fields; ``gain``: the constant input b is the bias divided by it."""

    kind: str
    fields: dict[str, Values]
    bias: Values
    gain: Values


def describe(name: str, model: NeuronModel, size: int, *, step_s: float, convention: str) -> Written:
    """The NIR node of a model, such that weights keep their values.

    Raises:
        ValueError: NIR has no node that does the same; the message names the population.
    """
    hold = step_s if convention == "clocked" else 1.0
    writer = WRITERS.get(type(model))
    if writer is None:
        known = ", ".join(kind.__name__ for kind in WRITERS)
        raise ValueError(f"population {name} must be of a model that NIR has ({known}), got {model.name}")
    rows = {key: np.broadcast_to(model[key], size).astype(np.float64) for key in model.PARAMETERS}
    return writer(name, model, rows, hold, step_s)


def _spiking(name: str, model: Any, rows: dict[str, Values], refractory: str) -> dict[str, Values]:
    """Threshold and reset, or nothing for neurons that never fire."""
    if model.subtract or np.any(rows[refractory]):
        what = "subtract the threshold" if model.subtract else "are refractory"
        raise ValueError(f"population {name} must have neurons that NIR has, these {what}")
    never = np.isinf(rows["threshold"])
    if np.all(never):
        return {}
    if np.any(never):
        raise ValueError(f"population {name} must have neurons that all can fire, or none")
    threshold = rows["threshold"] if model.strict else np.nextafter(rows["threshold"], -np.inf)
    return {"v_threshold": threshold, "v_reset": rows["reset"].copy()}


def _integrate(name: str, model: Any, rows: dict[str, Values], hold: float, step_s: float) -> Written:
    spiking = _spiking(name, model, rows, "refractory")
    r = np.full(len(rows["bias"]), 1.0 / hold)
    return Written("IF" if spiking else "I", {"r": r, **spiking}, rows["bias"], r * step_s)


def _leaky(name: str, model: Any, rows: dict[str, Values], hold: float, step_s: float) -> Written:
    spiking = _spiking(name, model, rows, "refractory_s")
    tau = rows["tau_s"].copy()
    if not np.all(np.isfinite(tau)):
        raise ValueError(f"population {name} must have finite time constants, got {tau.max():g} s")
    still = not (np.any(rows["rest"]) or np.any(rows["reset"]))
    if spiking and still and not np.any(np.exp(-step_s / tau)):
        return Written("Threshold", {"threshold": spiking["v_threshold"]}, rows["bias"], np.ones(len(tau)))
    fields = {"tau": tau, "r": tau / hold, "v_leak": rows["rest"].copy(), **spiking}
    return Written("LIF" if spiking else "LI", fields, rows["bias"], fields["r"])


def _current(name: str, model: Any, rows: dict[str, Values], hold: float, step_s: float) -> Written:
    spiking = _spiking(name, model, rows, "refractory_s")
    r, synapse = rows["resistance"].copy(), rows["tau_synapse_s"].copy()
    fields = {
        "tau_mem": rows["tau_s"].copy(), "tau_syn": synapse, "r": r, "v_leak": rows["rest"].copy(),
        "w_in": synapse / hold, **spiking,
    }  # fmt: skip
    return Written("CubaLIF" if spiking else "CubaLI", fields, rows["bias"], r * fields["w_in"])


WRITERS: dict[type, Callable[[str, Any, dict[str, Values], float, float], Written]] = {
    IntegrateAndFire: _integrate,
    Leaky: _leaky,
    CurrentLeaky: _current,
}


def convention_of(value: Any) -> str:
    """``value`` if it is one of the conventions."""
    return check.one_of("convention", value, CONVENTIONS)
