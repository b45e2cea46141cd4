"""Measured energy without a meter: the constants of a simulated board must be found again, and written with sources."""

import json
import tomllib
from functools import partial
from types import SimpleNamespace

import numpy as np
import pytest

from hdspike import substrate
from hdspike.energy import price
from tests.boards import GPU, GPU_RATES, H100, PJ, Board, loaded, measured


@pytest.fixture(scope="module")
def scripts():
    with loaded() as modules:
        yield modules


@pytest.mark.parametrize("quick", [False, True])
@pytest.mark.parametrize(("every", "memory"), [(0.02, 1), (0.1, 5)])
def test_the_constants_of_a_simulated_gpu_are_found_again(scripts, quick, every, memory):
    """By the very sweep that the script does, through a late, rough and noisy counter."""
    board = Board(GPU, 72.0, GPU_RATES, every=every, memory=memory)
    points, before, after = measured(scripts, board, scripts.gpu_work.workloads(H100, quick=quick))
    fitted = scripts.joules_fit.fit(points, before, after)
    assert not fitted.unresolved and fitted.idle[0] == pytest.approx(72.0, rel=0.02)
    assert set(fitted.constants) == set(GPU)
    for name, (value, low, high) in fitted.constants.items():
        assert value == pytest.approx(GPU[name], rel=0.08 if name == "exps" else 0.05), name
        assert low <= value <= high and low < high
        assert low <= 1.02 * GPU[name] and high >= 0.98 * GPU[name], f"{name}: its range misses the truth"
    assert max(map(abs, fitted.residuals.values())) < 0.03


def test_without_kernels_there_is_no_price_of_a_popcount(scripts):
    board = Board(GPU, 72.0, GPU_RATES)
    plain = SimpleNamespace(cache=H100.cache, memory=H100.memory, kernels=None)
    points, before, after = measured(scripts, board, scripts.gpu_work.workloads(plain), repeats=2)
    fitted = scripts.joules_fit.fit(points, before, after)
    assert set(fitted.constants) == set(GPU) - {"word_xors", "popcounts", "l2_bits"}
    assert any("not a measure of popcount" in point.label for point in points), "it is shown"
    assert fitted.constants["dram_bits"][0] == pytest.approx(GPU["dram_bits"], rel=0.05)


def test_a_constant_power_of_being_busy_widens_the_range_and_is_told(scripts):
    """What goes with time and not with counts cannot be told from slow operations by one fit: both are tried."""

    class Busy(Board):
        def simulated(self, module, workload):
            made = super().simulated(module, workload)
            inner = made.prepare()

            def prepare():
                def go(times):
                    self.idle += 30.0
                    inner(times)
                    self.idle -= 30.0

                return go

            return module.joules.Workload(made.name, made.size, made.counts, prepare)

    board = Busy(GPU, 72.0, GPU_RATES)
    points, before, after = measured(scripts, board, scripts.gpu_work.workloads(H100), repeats=2)
    fitted = scripts.joules_fit.fit(points, before, after)
    assert before == pytest.approx(72.0, rel=0.02)
    assert fitted.busy == pytest.approx(30.0, rel=0.25)
    for name, (_, low, high) in fitted.constants.items():
        assert 0.9 * low <= GPU[name] <= 1.05 * high, name


def test_the_slope_of_a_staircase_is_that_of_the_line(scripts):
    times = np.arange(0.0, 2.0, 0.02)
    stairs = np.floor(times / 0.1) * 0.1 * 350.0
    assert scripts.joules.slope(times, stairs) == pytest.approx(350.0, rel=0.01)
    assert scripts.joules.slope(times + 1e6, stairs + 1e9) == pytest.approx(350.0, rel=0.01)
    with pytest.raises(ValueError, match=r"^times must be at least two moments, got 1"):
        scripts.joules.slope([1.0], [2.0])


def test_a_gauge_of_watts_is_added_up(scripts):
    board = Board({}, 0.0, {})
    with scripts.joules.Sampler(
        lambda: 100.0 + 10.0 * board.time, "gauge", every=60, clock=board.clock(scripts)
    ) as m:
        for _ in range(100):
            board.advance(0.05, 0.0)
            m.sample()
        assert m.joules() == pytest.approx(100.0 * 5 + 10.0 * 25 / 2, rel=1e-9)
    thread = scripts.joules.Sampler(lambda: 50.0, "gauge", every=1e-3)
    with thread:
        begin, first = scripts.joules.Clock().now(), thread.joules()
        while scripts.joules.Clock().now() - begin < 0.05:
            pass
        passed = scripts.joules.Clock().now() - begin
        assert thread.joules() - first == pytest.approx(50.0 * passed, rel=0.1)
    assert not thread._thread.is_alive()


def test_workloads_that_cannot_be_told_apart_are_an_error(scripts):
    point = partial(scripts.joules.Point, repeat=0, priced=True, runs=10, seconds=1.0, watts=100.0)
    one = [point("a", counts={"word_xors": 10**9, "popcounts": 10**9})]
    two = [*one, point("b", counts={"word_xors": 2 * 10**9, "popcounts": 2 * 10**9})]
    for points in (one, two):
        with pytest.raises(ValueError, match=r"^points must tell popcounts, word_xors apart, got"):
            scripts.joules_fit.fit(points, 10.0, 10.0)


def test_what_costs_nothing_that_can_be_seen_is_not_resolved(scripts):
    board = Board(GPU | {"exps": 0.0}, 72.0, GPU_RATES, noise=0.0)
    points, before, after = measured(scripts, board, scripts.gpu_work.workloads(H100), repeats=2)
    fitted = scripts.joules_fit.fit(points, before, after)
    assert set(fitted.constants) == set(GPU) - {"exps"}
    assert fitted.unresolved["exps"].endswith("nothing can be seen")
    content = documented(scripts, fitted)
    assert "exps" not in content["energy"] and "exps (" in content["notes"]
    noisy = Board(GPU | {"exps": 0.0}, 72.0, GPU_RATES, noise=0.05)
    points, before, after = measured(scripts, noisy, scripts.gpu_work.workloads(H100), repeats=2)
    fitted = scripts.joules_fit.fit(points, before, after)
    low = fitted.constants.get("exps", (0.0, 0.0, 0.0))[1]
    assert low < 0.1 * PJ, (
        "where noise makes something of nothing, the range reaches down to what can be seen"
    )


def documented(scripts, fitted, **changed):
    given = {
        "name": "board-measured", "title": "A board", "node": "4 nm", "ledger": "board", "notes": "Made up.",
        "source": "measured by a test; simulated", "peaks": {"bf16": (7e14, "op/s")}, "sizes": {"l2_memory": 2**20},
    }  # fmt: skip
    return scripts.joules_fit.document(fitted, **(given | changed))


def test_the_file_is_a_substrate_with_a_source_beside_every_number(scripts, tmp_path):
    board = Board(GPU, 72.0, GPU_RATES)
    points, before, after = measured(scripts, board, scripts.gpu_work.workloads(H100, quick=True), repeats=2)
    fitted = scripts.joules_fit.fit(points, before, after)
    hard = 'a "quoted" name\\ of a board, µ'
    content = documented(scripts, fitted, title=hard)
    loaded = scripts.joules_fit.write(tmp_path / "b.toml", content, {"points": [p.as_json() for p in points]})
    again = substrate.load(tmp_path / "b.toml")
    assert again == loaded and again.title == hard
    assert (again.kind, again.ledger) == ("measured", "board")
    assert set(again.priced()) == set(GPU)
    for name, joules in GPU.items():
        quantity = again.quantity(f"energy.{name}")
        assert quantity.si == pytest.approx(joules, rel=0.05) and quantity.verified
        assert (
            quantity.low <= quantity.value <= quantity.high
            and quantity.source == "measured by a test; simulated"
        )
    assert again.si("power.static") == again.si("power.idle") == pytest.approx(72.0, rel=0.02)
    bill = price({"macs_bf16": 10**12, "dram_bits": 10**9}, again, seconds=0.01)
    assert bill.nominal == pytest.approx(0.9 + 0.009 + 0.72, rel=0.05)
    raw = json.loads((tmp_path / "b.json").read_text())
    assert len(raw["points"]) == len(points) and raw["points"][0]["joules_per_run"] > 0
    assert tomllib.loads(scripts.joules_fit.toml(content)) == {k: v for k, v in content.items() if v != {}}


def test_nothing_is_written_that_does_not_load(scripts, tmp_path):
    fitted = scripts.joules_fit.Fit({"macs_bf16": (PJ, PJ, PJ)}, {"a": 0.0}, {}, (1.0, 1.0, 1.0), 0.0)
    with pytest.raises(ValueError, match="ledger must be one of"):
        scripts.joules_fit.write(tmp_path / "b.toml", documented(scripts, fitted, ledger="wall"), {})
    with pytest.raises(ValueError, match="JSON compliant"):
        scripts.joules_fit.write(tmp_path / "b.toml", documented(scripts, fitted), {"watts": float("nan")})
    assert list(tmp_path.iterdir()) == []


def test_a_workload_that_fails_is_left_out_and_a_wrong_result_stops(scripts):
    board, said = Board(GPU, 72.0, GPU_RATES), []
    workload = scripts.joules.Workload
    good = board.simulated(scripts, workload("good", "1", {"macs_bf16": 10**12}, None))

    def fails(error):
        raise error

    broken = workload("broken", "1", {"macs_int8": 1}, partial(fails, RuntimeError("out of memory\nmore")))
    wrong = workload("wrong", "1", {"macs_int8": 1}, partial(fails, scripts.joules.WrongResult("not equal")))
    sweep = partial(
        scripts.joules_sweep.sweep, meter=board, repeats=2, seconds=1.0, warm=0.1, settle=1.0,
        clock=board.clock(scripts), say=said.append,
    )  # fmt: skip
    points, _, _ = sweep([good, broken])
    assert [point.label for point in points] == ["good, 1"] * 2
    assert [line for line in said if "left out: broken, 1 (RuntimeError: out of memory)" in line]
    with pytest.raises(scripts.joules.WrongResult, match="not equal"):
        sweep([good, wrong])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--seconds", "0.5"], "--seconds must be in [1, 600], got 0.5"),
        (["--seconds", "nan"], "--seconds must be in [1, 600], got nan"),
        (["--repeats", "0"], "--repeats must be in [1, 1000], got 0"),
        (["--out", "x.json"], "--out must be a .toml file in an existing folder, got 'x.json'"),
        (["--out", "/no/where/x.toml"], "--out must be a .toml file in an existing folder"),
    ],
)
def test_bad_arguments(scripts, capsys, arguments, message):
    for main in (scripts.gpu_energy.main, scripts.cpu_energy.main):
        with pytest.raises(SystemExit) as status:
            main(arguments)
        assert status.value.code == 2 and message in capsys.readouterr().err


def test_joules_of_a_run_with_and_without_idling(scripts):
    point = scripts.joules.Point("x", 0, {"popcounts": 8}, True, runs=50, seconds=2.0, watts=75.0)
    assert (point.joules, point.net(25.0)) == (3.0, 2.0)


def test_a_folder_that_cannot_be_written_to_is_told_before_measuring(scripts, capsys, monkeypatch, tmp_path):
    asked = ["--out", str(tmp_path / "x.toml")]
    monkeypatch.setattr(scripts.joules_sweep.os, "access", lambda folder, mode: folder != tmp_path.resolve())
    for main in (scripts.gpu_energy.main, scripts.cpu_energy.main):
        with pytest.raises(SystemExit) as status:
            main(asked)
        assert (
            status.value.code == 2
            and "--out must be in a folder that can be written" in capsys.readouterr().err
        )
