"""The benchmark of ternary products at toy size: every peer, the ratios, the bound."""

import importlib
import json
import sys
from pathlib import Path

import pytest

from hdspike.sparsity.ternary_race import OURS, RIVALS, WHOLE

FOLDER = Path(__file__).resolve().parent.parent / "benchmarks"


@pytest.fixture
def bench(monkeypatch):
    sys.path.insert(0, str(FOLDER))
    try:
        module = importlib.import_module("ternary")
    finally:
        sys.path.remove(str(FOLDER))
    monkeypatch.setattr(module, "SIZES", ((65, 3),))
    monkeypatch.setattr(module, "BATCHES", (2,))
    monkeypatch.setattr(module, "paired", lambda ours, peer, rounds: (2e-6, 6e-6, 3.0))
    monkeypatch.setattr(module, "bounds", lambda rounds: {"popcount": 1e9})
    return module


def test_every_peer_has_a_row(bench):
    rows = list(bench.rows(1, {"popcount": 1e9}, ""))
    assert [(row["workload"], row["peer"]) for row in rows] == [
        *((OURS, name) for name in RIVALS),
        (WHOLE, "float32 BLAS"),
    ]
    ratios = {row["peer"]: row["ratio"] for row in rows if row["workload"] == OURS}
    assert ratios == {"NumPy int8": 6, "NumPy int32": 6, "compiled int8": 3, "float32 BLAS": 3}
    words = 2 * 3 * 2 * 8  # words of inputs, outputs, samples, planes
    assert {row["words"] for row in rows} == {words}
    assert rows[0]["bound_ratio"] == pytest.approx(2e-6 / (8 * words / 1e9))
    assert rows[0]["gmacs"] == pytest.approx(2 * 65 * 3 / 2e-6 / 1e9)
    assert "met" in bench.line(rows[0])


def test_rows_are_written(bench, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["ternary", "--json", str(tmp_path / "rows.json"), "--only", "BLAS"])
    bench.main()
    assert [row["peer"] for row in json.loads((tmp_path / "rows.json").read_text())] == ["float32 BLAS"] * 2
    assert "2 × 65 × 3" in capsys.readouterr().out
