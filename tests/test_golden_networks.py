"""Goldens of other simulators: NEST and Brian2 on the same random networks with delays, SANA-FE's Loihi soma."""

import importlib.util
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from hdspike.functional import simulate
from hdspike.network import Network, Population
from hdspike.network.builders import from_edges
from hdspike.network.neurons import CurrentLeaky, Leaky, LoihiSoma, Recorded
from tests.conftest import JIT
from tests.golden.random_network import CASES, DELTA, EXCITED, EXPONENTIAL, STEP_MS, STEPS, network, summary

FOLDER = Path(__file__).parent / "golden"
STEP_PS = round(STEP_MS * 1e9)
NAMES = {
    "delta": {"nest": "iaf_psc_delta", "brian2": "delta"},
    "exponential": {"nest": "iaf_psc_exp", "brian2": "exponential"},
}
slow = pytest.mark.skipif(not JIT, reason="NUMBA_DISABLE_JIT=1: half a million neuron steps in plain Python")


def ours(name: str, kind: str, shift: float = 0.0) -> tuple[np.ndarray, np.ndarray]:
    """(step, neuron) of all spikes; ``shift`` moves the threshold."""
    given = network(name)
    p = EXPONENTIAL if kind == "exponential" else DELTA
    common: dict[str, Any] = {
        "tau_s": p["tau_ms"] * 1e-3,
        "threshold": p["threshold"] + shift,
        "reset": p["reset"],
        "refractory_s": p["refractory_ms"] * 1e-3,
    }
    model = (
        Leaky(**common)
        if kind == "delta"
        else CurrentLeaky(tau_synapse_s=p["tau_synapse_ms"] * 1e-3, **common)
    )
    lines = Recorded.in_steps(given["input_step"], given["input_line"], step_ps=STEP_PS)
    source = Population("in", given["lines"], lines)
    target = Population("n", given["neurons"], model)
    scale = EXCITED if kind == "exponential" else 1.0
    wires = [
        from_edges(
            *(end, target, given[key + "source"], given[key + "target"], given[key + "weight"] * scale),
            delays=given[key + "delay"],
        )
        for key, end in (("input_", source), ("", target))
    ]
    events = simulate(Network([source, target], wires), STEPS, step_s=STEP_MS * 1e-3).spikes("n")
    return events["time"] // STEP_PS, events["address"].astype(np.int64)


def golden(tool: str) -> Any:
    return json.loads((FOLDER / f"{tool}.json").read_text())


@pytest.mark.parametrize("kind", ["delta", "exponential"])
@pytest.mark.parametrize(
    "name", ["small", pytest.param("middle", marks=slow), pytest.param("large", marks=slow)]
)
def test_every_spike_is_that_of_nest_and_of_brian2(name: str, kind: str) -> None:
    told = json.loads(json.dumps(summary(*ours(name, kind))))
    for tool in ("nest", "brian2"):
        expected = golden(tool)["cases"][f"{name} {NAMES[kind][tool]}"]
        assert told["first"] == expected["first"]
        assert told == expected


@slow
@pytest.mark.parametrize("kind", ["delta", "exponential"])
def test_no_spike_hangs_on_a_rounding(kind: str) -> None:
    """A threshold a little higher or lower gives the same spikes, so equality is no luck; a much higher one not."""
    name = "large"
    spikes = summary(*ours(name, kind))
    assert summary(*ours(name, kind, 1e-11)) == summary(*ours(name, kind, -1e-11)) == spikes
    assert summary(*ours(name, kind, 1e-2)) != spikes


def test_the_networks_are_active_and_recurrent() -> None:
    for tool in ("nest", "brian2"):
        read = golden(tool)
        assert read["version"]
        for case, told in read["cases"].items():
            neurons = CASES[case.split()[0]][1]
            assert told["neurons_that_fired"] > neurons / 2, "most are reached by other neurons only"
            assert told["spikes"] > 10 * neurons


@pytest.mark.parametrize("tool", ["nest", "brian2"])
def test_the_tool_still_says_so(tool: str, tmp_path: Path) -> None:
    """Ask the tool itself, in a process of its own."""
    if importlib.util.find_spec(tool) is None:
        pytest.skip(f"{tool} is not installed: the committed golden stands for it")
    out = tmp_path / "told.json"
    command = [sys.executable, "-m", f"tests.golden.{tool}", str(out)]
    subprocess.run(command, check=True, cwd=FOLDER.parent.parent, capture_output=True, timeout=600)
    assert json.loads(out.read_text())["cases"] == golden(tool)["cases"]


def test_the_loihi_soma_is_that_of_sanafe() -> None:
    """90 neurons with all of their options: every potential to the last bit, every spike, the updates of each step."""
    read = golden("soma")
    updated = np.zeros(len(read["updated"]), dtype=np.int64)
    for case in read["cases"]:
        model = LoihiSoma(**case["attributes"])
        parameters, state = model.parameters(1, 1.0), model.state(1)
        flag, who = np.zeros(1, dtype=np.uint8), np.zeros(1, dtype=np.int32)
        potentials, fired = [], []
        for t in range(len(updated)):
            drive = np.array([-0.0])
            for spikes, weight in zip(case["input"], case["weights"], strict=True):
                if t and spikes[t - 1]:
                    drive[0] += np.float64(np.float32(weight))
            count, active = model.step(parameters, state, drive, flag, who)
            potentials.append(float(state[0, 0]))
            fired += [t] * count
            updated[t] += active
        assert fired == case["fired"], case["attributes"]
        assert potentials == case["potential"], case["attributes"]
    assert updated.tolist() == read["updated"]


def test_the_soma_golden_uses_every_option() -> None:
    """So that the test above cannot pass for want of cases."""
    attributes = [case["attributes"] for case in golden("soma")["cases"]]
    assert {a.get("reset_mode", "hard") for a in attributes} == {"hard", "soft", "none", "saturate"}
    assert {a.get("reverse_reset_mode", "none") for a in attributes} == {"hard", "soft", "none", "saturate"}
    for key in ("refractory_delay", "input_decay", "leak_decay", "bias", "reset", "force_update"):
        assert sum(key in a for a in attributes) >= 5
    assert sum(len(case["fired"]) for case in golden("soma")["cases"]) > 100
