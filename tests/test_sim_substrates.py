"""One query on every substrate: what the sim's bars hold, who wins in words, and a figure from the numbers alone."""

import json
from dataclasses import replace

import pytest
from matplotlib import pyplot as plt

from hdspike import schedules, sim, substrate
from hdspike.schedules import Job, Timed
from hdspike.substrate import LEDGERS
from tests.conftest import JIT

substrates = sim.load("substrates")
LOIHI = substrate.load("loihi")
COUNTS = {
    "synaptic_events": 5400.0, "updates_active": 800.0, "updates_inactive": 460_000.0, "packets": 2500.0,
    "hops_east_west": 7800.0, "hops_north_south": 3500.0,
}  # fmt: skip
SPARSE = Job(
    4096, 131_072, "sbc", 128, 64, 512, 128.0, 5400.0, 834.0, 156.0, 112.0,
    encoder=schedules.encoding.suffixes("sbc", 131_072, 128, order=8), timed=Timed(LOIHI, COUNTS, 99e-6, 1),
)  # fmt: skip
RULED = replace(
    SPARSE, rule="threshold", steps=1.0, fired=57.0,
    timed=Timed(LOIHI, COUNTS | {"updates_inactive": 3300.0}, 8e-6, 1),
)  # fmt: skip
DENSE = Job(4096, 10_240, "bsc", 10_240, 64, 512, 5120.0, 5120.0 * 4096, 4096.0, 90.0, 43.0)


@pytest.fixture(scope="module")
def bars():
    return substrates.bars({"sparse": SPARSE, "threshold": RULED, "dense": DENSE}, 0)


def test_every_substrate_has_a_bar_and_every_bar_its_sources(bars):
    sheets = {name: substrate.load(name) for name in substrate.available()}
    without = {
        n for n, s in sheets.items() if not (s.priced() or s.has("power.board") or s.has("power.static"))
    }
    chips = {name for name, sheet in sheets.items() if sheet.kind != "table"}
    assert {bar["substrate"] for bar in bars} == chips - without
    assert set(substrates.unpriced(SPARSE)) == chips & without
    for bar in bars:
        sheet = substrate.load(bar["substrate"])
        assert (bar["ledger"], bar["node"]) == (sheet.ledger, sheet.node)
        assert bar["sources"] and 0 < bar["low"] <= bar["nominal"] <= bar["high"]
        assert 0.0 <= bar["verified_share"] <= 1.0 + 1e-12
        assert ("threshold" in bar) == (sheet.kind == "neuromorphic")
        if sheet.has("power.static") or sheet.has("power.board"):
            assert bar["seconds"] > 0
    assert len({(bar["substrate"], bar["plan"], bar["what"]) for bar in bars}) == len(bars)


def test_bars_are_sorted_within_their_ledger_and_ledgers_do_not_mix(bars):
    for ledger in LEDGERS:
        nominal = [bar["nominal"] for bar in bars if bar["ledger"] == ledger]
        assert nominal == sorted(nominal) and len(nominal) > 3
    assert [bar["ledger"] for bar in bars] == sorted((bar["ledger"] for bar in bars), key=LEDGERS.index)


def test_the_timed_chip_has_its_own_bill(bars):
    loihi = next(bar for bar in bars if bar["substrate"] == "loihi")
    pico = 5400 * 23.6 + 800 * 81 + 460_000 * 52 + 2500 * 1.7 + 7800 * 3.0 + 3500 * 4.0
    assert loihi["nominal"] == pytest.approx(pico * 1e-12 + 0.104 * 99e-6, rel=1e-5)
    ruled = loihi["threshold"]["nominal"]
    assert ruled == pytest.approx(loihi["nominal"] - 456_700 * 52e-12 - 0.104 * 91e-6, rel=1e-4)
    assert loihi["bound"] == "" and loihi["seconds"] == pytest.approx(99e-6)


def test_estimates_and_bounds_are_marked(bars):
    by_name = {bar["substrate"]: bar for bar in bars}
    assert by_name["spinnaker"]["verified_share"] == pytest.approx(1.0)
    assert by_name["dynap-se"]["verified_share"] == 0.0 and by_name["loihi-silicon"]["verified_share"] == 0.0
    static = 0.104 * 99e-6 / by_name["loihi"]["nominal"]  # derived; all else was read
    assert by_name["loihi"]["verified_share"] == pytest.approx(1 - static, rel=1e-4)
    for name in ("hd-cam", "odin", "truenorth-inclusive", "dynap-se", "seneca"):
        assert by_name[name]["bound"]
    for name in ("loihi", "loihi-silicon", "truenorth", "northpole", "a100-path", "cpu-7nm"):
        assert by_name[name]["bound"] == ""


def bar(substrate_, side, nominal, *, bound="", verified=1.0, threshold=None):
    made = {
        "ledger": "path", "substrate": substrate_, "what": "w", "side": side, "nominal": nominal,
        "bound": bound, "verified_share": verified, "components": {"compute": 0.5 * nominal, "static": 0.5 * nominal},
    }  # fmt: skip
    return made if threshold is None else made | {"threshold": {"nominal": threshold}}


def test_words_follow_the_numbers():
    found = [
        bar("bounded", "spiking", 1e-9, bound="no price", threshold=1e-9),
        bar("gpu", "dense", 2e-6),
        bar("chip", "spiking", 1e-5, threshold=1e-6),
        bar("brain", "brain", 1e-12),
    ]
    said = substrates.verdict(found, "path")
    assert said.startswith("Cheapest whole answer: gpu, w, 2 µJ. Best spiking chip: chip, 5 times as much")
    assert "Spiking against dense: the dense side wins, 5 times" in said
    del found[2]["components"]["static"]
    assert "Best spiking chip: chip, whose table has no static power, 5 times" in substrates.verdict(
        found, "path"
    )
    assert "by the threshold rule the spiking side wins, 2 times." in said
    assert said.endswith("1 lower bound (≥) lies below it.")
    found.append(bar("gpu", "dense", 1e-3) | {"what": "one query"})
    found[1]["what"] = "batch of 64"
    assert "with no batch to share a fetch the spiking side wins, 100 times." in substrates.verdict(
        found, "path"
    )
    found[2] = bar("chip", "spiking", 1e-6, verified=0.2, threshold=1e-7)
    said = substrates.verdict(found, "path")
    assert said.startswith(
        "Cheapest whole answer: chip, w, 1 µJ (an estimate: derived or recalled constants)."
    )
    assert "the spiking side wins, 2 times" in said
    assert "No spiking chip has a table in this ledger." in substrates.verdict(found[1:2], "path")


def numbers_of(bars):
    sizes = ("keys", "winners")
    return {
        "jobs": {"sparse": {key: getattr(SPARSE, key) for key in sizes}},
        "top1": {"sparse code": 0.5, "dense twin": 0.6},
        "bars": bars,
        "words": {ledger: substrates.verdict(bars, ledger) for ledger in LEDGERS},
    }


def test_the_figure_has_a_panel_for_each_ledger_and_the_brain_as_a_line(bars):
    drawn = substrates.draw(json.loads(json.dumps(numbers_of(bars), allow_nan=False)))
    assert len(drawn.axes) == 3
    for ax, ledger in zip(drawn.axes, LEDGERS, strict=True):
        here = [bar for bar in bars if bar["ledger"] == ledger]
        shown = [bar for bar in here if bar["side"] != "brain"]
        assert [label.get_text() for label in ax.get_yticklabels()] == [
            f"{bar['substrate']} ({bar['node']}): {bar['what']}" for bar in shown
        ]
        dashed = [line for line in ax.lines if line.get_linestyle() == "--"]
        assert len(dashed) == len(here) - len(shown) == (0 if ledger == "path" else 1)
    plt.close(drawn)


@pytest.mark.skipif(not JIT, reason="a whole run, far too slow un-jitted")
def test_a_quick_run_has_three_jobs_that_answer_alike():
    asked, right = substrates.jobs(quick=True, seed=0)
    assert asked["sparse"].keys == asked["dense"].keys == 4096
    assert asked["sparse"].timed.seconds > asked["threshold"].timed.seconds
    assert asked["dense"].synaptic_events == asked["dense"].active * 4096
    assert asked["threshold"].steps == 1.0 < asked["sparse"].steps <= 130
    assert max(right.values()) - min(right.values()) < 0.1
