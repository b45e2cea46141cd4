"""The chip's benchmarks at toy size and without peers: every row can be computed, and each check can fail."""

import importlib
import sys
from pathlib import Path

import numba
import numpy as np
import pytest
from matplotlib import pyplot as plt

from hdspike import datasets, functional

FOLDER = Path(__file__).resolve().parent.parent / "benchmarks"
JIT = not numba.config.DISABLE_JIT
PEERS = {"sanafe": None, "nest": None, "brian": None}


@pytest.fixture(scope="module")
def chip():
    sys.path.insert(0, str(FOLDER))
    try:
        yield importlib.import_module("chip")
    finally:
        sys.path.remove(str(FOLDER))


@pytest.fixture
def quick(chip, monkeypatch):
    """Very little of everything, bounds too."""
    for module in (chip, sys.modules["chip_events"]):
        for name in ("add_ns", "stream_ns"):
            whole = getattr(sys.modules["chip_bounds"], name)
            monkeypatch.setattr(module, name, lambda n, whole=whole: whole(n, operations=256, rounds=1))
    monkeypatch.setattr(chip, "hold_ns", lambda pending=0: 10.0)
    return chip.Settings(
        rounds=1, steps=3, layer=(30, 200, 6, 5), mesh=(3, 40), pending=(), sizes=(20,), events=200
    )


def test_every_row_is_whole_and_says_that_its_peer_is_absent(chip, quick):
    rows = [row for work in (chip.sparse, chip.mesh, chip.events) for row in work(quick, PEERS)]
    assert [row["peer"] for row in rows[:3]] == [
        "NEST",
        "Brian2 Cython, run()",
        "Brian2 Cython, its loop alone",
    ]
    for row in rows:
        assert row["ours_s"] > 0 and row["bound_ratio"] > 0 and row["rate"] > 0
        assert row["peer_s"] is None and row["ratio"] is None
        assert ("peer absent" in chip.line(row)) == bool(row["peer"])
    figure = sys.modules["chip_events"].draw([row["point"] for row in rows if "point" in row])
    assert figure.axes[0].get_xlabel() and len(figure.axes[0].lines) == 6
    plt.close(figure)


@pytest.mark.skipif(not JIT, reason="18,678 neurons are far too slow un-jitted")
def test_the_rows_of_the_gestures(chip, quick):
    try:
        datasets.load("dvs-gesture")
    except datasets.Absent:
        pytest.skip("the data set has not been fetched")
    rows = list(chip.gesture(quick, PEERS))
    assert [row["peer"] for row in rows] == ["SANA-FE simple", "SANA-FE detailed", "SANA-FE load"]
    assert [(row["bar"], row["aim"]) for row in rows] == [(10.0, None), (3.0, 8.0), (10.0, None)]


def test_a_row_is_refused_where_the_peer_did_other_work(chip):
    chip.must_agree(
        "x",
        {"fired": 3, "energy_j": 1.0, "steps": [1, 2]},
        {"fired": 3, "energy_j": 1.0 + 1e-9, "steps": [1, 2]},
    )
    for ours, theirs in (
        ({"fired": 3}, {"fired": 4}),
        ({"j": 1.0}, {"j": 1.001}),
        ({"steps": [1]}, {"steps": [1, 2]}),
    ):
        with pytest.raises(AssertionError, match="must agree"):
            chip.must_agree("x", ours, theirs)


def test_ratios_are_medians_of_pairs_that_alternate(chip):
    mine, theirs = iter([9.0, 1.0, 2.0, 4.0]), iter([3.0, 4.0, 40.0])
    assert chip.paired(lambda: next(mine), lambda: next(theirs), 3) == {
        "ours_s": 2.0,
        "peer_s": 4.0,
        "ratio": 3.0,
    }


def test_the_bound_counts_every_event_and_update(chip, monkeypatch):
    monkeypatch.setattr(chip, "add_ns", lambda neurons: 2.0)
    monkeypatch.setattr(chip, "stream_ns", lambda octets: 0.1)
    layer = sys.modules["chip_layer"]
    made = layer.network(layer.layer(30, 200, 6, 5))
    run = functional.simulate(made, 6)
    fired = np.bincount(run.spike_neurons, minlength=made.neurons)
    seconds, octets = chip.work_bound(made, fired, 6)
    events, updates = run.counts["synaptic_events"], 6 * 30 * chip.NEURON_BYTES
    assert octets == 5 * events + updates
    assert seconds == pytest.approx((2.0 * events + 0.1 * updates) * 1e-9)


def test_a_layer_has_distinct_pairs_and_distinct_spikes(chip):
    given = sys.modules["chip_layer"].layer(30, 200, 6, 5)
    assert len(set(zip(given["line"].tolist(), given["target"].tolist(), strict=True))) == 200
    spikes = list(zip(given["spike_step"].tolist(), given["spike_line"].tolist(), strict=True))
    assert len(set(spikes)) == len(spikes) == 30


def test_a_peer_that_cannot_be_imported_is_absent(chip, tmp_path):
    python = tmp_path / "python"
    python.write_text("#!/bin/sh\nexit 1\n")
    python.chmod(0o755)
    assert chip.find("nest", str(python)) is None
