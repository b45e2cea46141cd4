"""`hdspike chip run`: the commands of the issue, by their numbers, and every bad argument in one line."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from hdspike import datasets
from hdspike.datasets import store
from hdspike.network import Network, Population, Projection, Synapses, nir
from hdspike.network.neurons import IntegrateAndFire, Recorded
from hdspike.spikes import EVENT, save_events
from tests.conftest import JIT
from tests.test_cli import call

HERE = store.present(datasets.available()["dvs-gesture"])
fetched = pytest.mark.skipif(not HERE, reason="the data set dvs-gesture has not been fetched")
jitted = pytest.mark.skipif(not JIT, reason="NUMBA_DISABLE_JIT=1: four million synaptic events take minutes")


def chip_run(folder: Path, capsys: Any, *options: str) -> dict[str, Any]:
    """The numbers of one run."""
    file = folder / "run.json"
    code, _, errors = call("chip", "run", "dvs-gesture", *options, "--json", str(file), capsys=capsys)
    assert code == 0, errors
    found: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
    return found


@fetched
@jitted
@pytest.mark.parametrize("noc", ["simple", "exact"])
def test_dvs_gesture_100_steps(noc: str, tmp_path: Path, capsys: Any) -> None:
    """Equal to SANA-FE 2.2.9 (golden G3): spikes, packets, events, updates, and joules by component."""
    found = chip_run(tmp_path, capsys, "--cores", "1,4,16,16,4,1", "--steps", "100", "--noc", noc)
    assert (found["fired"], found["packets"]) == (29_252, 198_161)
    assert (found["synaptic_events"], found["updates"]) == (4_172_959, 919_404)
    golden = {
        "total": 0.0002890621194999991,
        "synapse": 0.00014814004449999923,
        "soma": 0.00011751764999999974,
        "network": 2.3404425000000004e-05,
    }
    for name, joules in golden.items():
        assert found["energy"][name] == pytest.approx(joules, rel=1e-9)
    if noc == "simple":
        assert found["simulated_s"] == pytest.approx(0.0019491053999999976, rel=1e-6)
    else:  # our own mesh: no shorter than the slowest core, no longer than one packet at a time
        assert found["simulated_s"] > 0.0019491053999999976
        assert found["network"]["latency_ps"]["max"] >= found["network"]["latency_ps"]["p50"] > 0
    assert found["audit"]["injected"] == found["audit"]["delivered"] == found["packets"]
    assert found["hops"] == found["hops_east_west"] + found["hops_north_south"]
    assert found["wall_s"] > 0 and found["load_s"] > 0


@fetched
@jitted
def test_placement_moves_packets_and_not_spikes(tmp_path: Path, capsys: Any) -> None:
    hand = chip_run(tmp_path, capsys, "--steps", "40")
    near = chip_run(tmp_path, capsys, "--steps", "40", "--place", "traffic")
    assert near["fired_by"] == hand["fired_by"] and near["packets"] == hand["packets"]
    assert near["hops"] < hand["hops"]


@jitted
def test_a_nir_graph_with_an_event_file_on_both_clocks(tmp_path: Path, capsys: Any) -> None:
    """Three events into one of two Input cells: weights of 2 over a threshold of 1 are three spikes."""
    network = Network(
        [
            Population("in", 2, Recorded.in_steps([], [], step_ps=10**9)),
            Population("out", 1, IntegrateAndFire(threshold=1.0)),
        ],
        [Projection("in", "out", Synapses.from_pairs([0, 1], [0, 0], shape=(2, 1), weights=[2.0, 0.25]))],
    )
    nir.write(network, tmp_path / "net.nir", step_s=1e-3)
    save_events(tmp_path / "in.events", np.array([(0, 0), (10**9, 0), (3 * 10**9, 0)], dtype=EVENT))
    common = ("chip", "run", str(tmp_path / "net.nir"), "--steps", "8", "--json", str(tmp_path / "n.json"))
    for clock in ("barrier", "async"):
        given = ("--input", f"in={tmp_path / 'in.events'}")
        code, _, errors = call(*common, "--clock", clock, *given, capsys=capsys)
        assert code == 0, errors
        found = json.loads((tmp_path / "n.json").read_text(encoding="utf-8"))
        assert found["fired_by"] == {"in": 3, "out": 3} and found["clock"] == clock
    code, _, errors = call(*common, "--input", "in", capsys=capsys)
    assert code == 2 and "input must be NODE=FILE" in errors
    code, _, errors = call(*common, "--input", f"in={tmp_path / 'net.nir'}", capsys=capsys)
    assert code == 2


BAD = [
    (["walrus"], "workload must be one of dvs-gesture"),
    (["walrus.txt"], "workload must be one of"),
    (["missing.yaml"], "missing.yaml"),
    (["dvs-gesture", "--cores", "1,x"], "cores must be whole numbers"),
    (["dvs-gesture", "--chip", "walrus"], "substrate must be"),
    (["dvs-gesture", "--chip", "horowitz-45nm"], "topology"),
    (["dvs-gesture", "--noc", "magic"], "noc must be one of"),
    (["dvs-gesture", "--policy", "drop"], "noc must be 'exact'"),
    (["dvs-gesture", "--json", "/nowhere/at/all.json"], "json must be a file in an existing folder"),
    (["dvs-gesture", "--steps", "x"], "steps"),
    (["dvs-gesture", "--input", "a=b.events"], "input must be for the Input nodes"),
    (["dvs-gesture", "--max-events", "5"], "max-events must be left out"),
]


@pytest.mark.parametrize("index", range(len(BAD)), ids=lambda i: " ".join(BAD[i][0])[:40])
def test_bad_arguments(index: int, capsys: Any) -> None:
    arguments, message = BAD[index]
    code, out, errors = call("chip", "run", *arguments, capsys=capsys)
    assert code == 2 and out == ""
    (line,) = [line for line in errors.splitlines() if line.startswith("hdspike: error: ")]
    assert message in line
