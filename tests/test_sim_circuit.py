"""The circuit of a head: its parts against naive twins, and the whole sim on keys that nobody had to fetch."""

import json
from dataclasses import replace
from types import SimpleNamespace

import numba
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from matplotlib import pyplot as plt

from hdspike import chip, datasets, sim, substrate
from hdspike.network import Outcome
from hdspike.workloads import circuit, circuit_bills, circuit_chip, circuit_heads
from tests.naive import latency as naive
from tests.tiny_models import llama_weights, write_llama

CIRCUIT = sim.load("circuit")
LOIHI = chip.ChipConfig.from_substrate(substrate.load("loihi"))
SLOW = bool(numba.config.DISABLE_JIT)
jitted = pytest.mark.skipif(SLOW, reason="whole sims, far too slow un-jitted")


def head_of(keys, queries, *, blocks=4, entries=6, seed=0):
    """Keys that are entries, queries that want some of them."""
    rng = np.random.default_rng(seed)
    codes = rng.integers(entries, size=(keys, blocks))
    parts = rng.normal(size=(queries, blocks, entries)) ** 3
    parts -= parts.mean(axis=2, keepdims=True)
    exact = parts[:, np.arange(blocks), codes].sum(axis=2)
    return circuit.Head("0.0", 8, codes, parts, exact + 0.3 * rng.normal(size=exact.shape))


def outcome_of(winners):
    indptr = np.concatenate([[0], np.cumsum([len(w) for w in winners])]).astype(np.int64)
    flat = np.array([i for some in winners for i in some], dtype=np.int32)
    return Outcome(indptr, flat, np.zeros_like(flat), np.zeros_like(flat))


# --- parts ---------------------------------------------------------------------------------------------


@given(st.integers(1, 9), st.integers(1, 4), st.integers(0, 99), st.data())
def test_what_winners_capture_agrees_with_naive(keys, queries, seed, data):
    head = head_of(keys, queries, seed=seed)
    k = data.draw(st.integers(1, keys))
    subset = st.lists(st.integers(0, keys - 1), unique=True)
    one, other = ([data.draw(subset) for _ in range(queries)] for _ in range(2))
    mass = circuit.captured(head, outcome_of(one), k)
    expected = [naive.captured(row.tolist(), won, k) for row, won in zip(head.scores, one, strict=True)]
    np.testing.assert_allclose(mass, expected, rtol=1e-12)
    best = [sorted(range(keys), key=lambda i, row=row: (-row[i], i))[:k] for row in head.scores]
    found = circuit.found(head, outcome_of(one), k)
    np.testing.assert_allclose(found, [len({*b} & {*w}) / k for b, w in zip(best, one, strict=True)])
    apart = [
        1 - len({*a} & {*b}) / max(len(a), len(b), 1) if a or b else 0.0
        for a, b in zip(one, other, strict=True)
    ]
    np.testing.assert_allclose(circuit.other_winners(outcome_of(one), outcome_of(other)), apart)


def test_theta_takes_the_fewest_events_that_keep_enough():
    head = head_of(120, 25, seed=3)
    layer = circuit.layer_of(head, fire=8, spikes=24)
    fractions = (0.3, 0.5, 0.7, 0.9, 1.0)
    theta, fraction = circuit.choose_theta(head, layer, k=4, fractions=fractions, keep=0.8)
    assert (layer.rule, layer.theta) == ("exact", None)
    whole = circuit.captured(head, layer.attend(head.contributions), 4).mean()
    full = layer.calibrate(head.contributions)
    assert theta == max(1, round(fraction * full))
    layer.rule = "race"
    tried = {}
    for one in fractions:
        layer.theta = max(1, round(one * full))
        outcome = layer.attend(head.contributions)
        tried[one] = circuit.captured(head, outcome, 4).mean(), outcome.total("synaptic_events")
    enough = {one: events for one, (mass, events) in tried.items() if mass >= 0.8 * whole}
    assert enough
    assert tried[fraction][1] == min(enough.values())
    best = max(mass for mass, _ in tried.values())
    theta, fraction = circuit.choose_theta(head, replaced(layer), k=4, fractions=fractions, keep=9.0)
    assert tried[fraction][0] == best


def replaced(layer):
    layer.rule, layer.theta = "exact", None
    return layer


def test_curves_leave_the_layer_as_it_came_and_more_spikes_capture_more():
    head = head_of(120, 25, seed=4)
    layer = circuit.layer_of(head, fire=6, spikes=24)
    curves = circuit.curves(head, layer, k=6, thetas=(2, 40), cuts=(1, 24))
    assert (layer.rule, layer.theta, layer.order, layer.spikes) == ("exact", None, "strongest", 24)
    assert curves["exact"][0]["captured_mass"] < curves["exact"][1]["captured_mass"]
    for order in ("strongest", "seeded"):
        low, high = curves[order]
        assert (low["theta"], high["theta"]) == (2, 40)
        assert low["synaptic_events_per_query_key"] < high["synaptic_events_per_query_key"]
        assert low["delivered_share"] < high["delivered_share"] <= 1
    assert curves["exact"][1]["touched_fraction"] <= 1


def test_the_chip_is_timed_and_its_books_say_what_it_saved():
    head = head_of(60, 5, seed=5)
    layer = circuit.layer_of(head, fire=5, spikes=20)
    layer.rule, layer.theta = "race", 16
    mapping = chip.place(layer.network, LOIHI)
    ran, changed = circuit_chip.every_clock(head, layer, LOIHI, mapping=mapping)
    assert changed["differing"] == 0
    stopped, whole = ran["async_race"], ran["async_all"]
    assert np.all(stopped.won_ps <= stopped.end_ps)
    assert np.all(stopped.last_ps <= whole.last_ps)
    assert stopped.run.counts["synaptic_events"] <= whole.run.counts["synaptic_events"]
    in_time, all_steps = (ran[name].run.counts for name in ("barrier_race", "barrier_all"))
    assert in_time["synaptic_events"] < all_steps["synaptic_events"]
    sent = layer.stimuli(head.contributions)
    assert in_time["steps"] < all_steps["steps"] == sum(-(-np.diff(sent.indptr) // 2))  # two spikes a step
    assert np.array_equal(stopped.won_ps[stopped.complete], whole.won_ps[stopped.complete])
    for run in ran.values():
        assert run.bound_ps(LOIHI) <= run.end_ps.mean()
    spikes = whole.run.spikes[whole.run.spikes_indptr[0] : whole.run.spikes_indptr[1]]["time"]
    assert whole.complete[0] == (len(spikes) >= 5)
    assert whole.won_ps[0] == (sorted(spikes)[4] if whole.complete[0] else whole.last_ps[0])
    course = circuit_chip.time_course(layer, ran)
    assert len(course["delivered"]) + len(course["cancelled"]) <= 20
    assert len(course["fired_us"]) >= 5
    steps = circuit_chip.by_steps(head, layer, LOIHI, mapping=mapping, ticks=(1, 20))
    assert steps[1].run.counts["steps"] == 5 <= steps[20].run.counts["steps"]
    layer.rule = "exact"
    with pytest.raises(ValueError, match="stop must be True"):
        circuit_chip.timed(layer, head.contributions, LOIHI, mapping=mapping, clock="barrier", stop=False)


def test_a_bill_is_counts_times_constants():
    head = head_of(40, 4, seed=6)
    layer = circuit.layer_of(head, fire=4, spikes=20)
    layer.rule, layer.theta = "race", 16
    sheet = substrate.load("loihi")
    run = circuit_chip.timed(
        layer, head.contributions, LOIHI, mapping=chip.place(layer.network, LOIHI), clock="async"
    )
    bill = circuit_bills.bill([run, run], sheet)
    dynamic = sum(run.run.counts[c] * sheet.si(f"energy.{c}") for c in circuit_bills.CHARGED) / 4
    static = sheet.si("power.static") * run.end_ps.sum() * 1e-12 / 4
    assert bill["nominal"] == pytest.approx(dynamic + static, rel=1e-5)
    assert bill["ledger"] == "circuit"


def test_dense_counts_by_hand():
    plain = circuit_bills.dense_search(1000, 64, 10)
    found = 57  # ⌈10·(1 + ln 100)⌉
    assert plain == {
        "macs_int8": 64_000,
        "adds_int32": 1000 + found * 4,
        "dram_bits": 512_000,
        "sram_bits": 512_000 + 512,
    }
    shared = circuit_bills.dense_search(1000, 64, 10, batch=128)
    assert (shared["dram_bits"], shared["sram_bits"]) == (4000, 2 * 4000 + 512)
    kept = circuit_bills.dense_search(1000, 64, 10, batch=4, resident=True)
    assert (kept["l2_bits"], kept["sram_bits"], "dram_bits" in kept) == (128_000, 512, False)
    head = head_of(40, 2, blocks=4, entries=6)
    encode = circuit_bills.around(head, fire=4, k=4)
    assert encode == {"encode": {"macs_int8": 8 * 8 + 6 * 8, "adds_int32": 24, "sram_bits": 8 * (112 + 8)}}
    both = circuit_bills.around(head, fire=8, k=4)["rescore"]
    assert (both["macs_int8"], both["l2_bits"]) == (64, 512)
    twin = circuit_bills.twin_of(head, circuit.layer_of(head, fire=4, spikes=20), 4)
    assert twin["bit_products"] == 40 * 4 * 5  # 5 bits count to the weight 16


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"dim": 0}, "dim"),
        ({"scores": np.zeros((2, 3))}, r"scores must be .*\(2, 4\)"),
        ({"scores": np.full((2, 4), np.inf)}, "scores must be finite.*inf"),
        ({"keys": np.zeros((4, 5), dtype=int)}, "contributions of 5"),
    ],
)
def test_bad_heads(change, message):
    head = head_of(4, 2)
    with pytest.raises(ValueError, match=message):
        replace(head, **change)


def test_bad_k():
    with pytest.raises(ValueError, match="k must"):
        circuit.captured(head_of(4, 1), outcome_of([[0]]), 5)


# --- the sim -------------------------------------------------------------------------------------------


def synthetic(context, layers, shape, *, seed):
    """Two heads whose queries look for some keys, on two texts."""
    rng = np.random.default_rng(seed)
    out = []
    for group in range(2):
        texts = []
        for _ in range(2):
            keys = rng.normal(size=(2, 364, 64)).astype(np.float32)
            near = keys[:, rng.integers(300, size=364)]
            queries = np.repeat(6 * near + 2 * rng.normal(size=near.shape), 3, axis=0)
            texts.append((queries.astype(np.float32), keys))
        out.append(circuit_heads.heads_of(f"0.{group}", *texts, group, shape, seed=seed))
    return out


@pytest.fixture(scope="module")
def numbers():
    if SLOW:
        pytest.skip("a whole sim, far too slow un-jitted")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(circuit_heads, "heads_of_smollm2", synthetic)
        for name, value in {"STEPS": (1, 128), "FRACTIONS": (0.3, 0.6, 0.9)}.items():
            patch.setattr(CIRCUIT, name, value)
        return json.loads(json.dumps(sim.plain(CIRCUIT.simulate(quick=True, seed=0)), allow_nan=False))


@jitted
def test_strongest_at_the_head_captures_more_with_fewer_events(numbers):
    for study in numbers["candidates"].values():
        mean, each = study["mean"], CIRCUIT.EACH
        strongest, seeded = mean["async_race"], mean["async_seeded"]
        assert strongest[each]["mean"] < seeded[each]["mean"] < mean["exact"][each]["mean"]
        assert strongest["captured_mass"]["mean"] > seeded["captured_mass"]["mean"]
        assert mean["exact"]["captured_mass"]["mean"] >= strongest["captured_mass"]["mean"]
        assert study["barrier_differing"] == 0


@jitted
def test_nothing_beats_the_busiest_link_and_a_stop_comes_sooner(numbers):
    for study in numbers["candidates"].values():
        for found in study["latency_us"].values():
            assert found["bound_mean"]["mean"] <= found["end_mean"]["mean"]
            assert found["won"] == sorted(found["won"])
        times = study["latency_us"]
        assert times["async_race"]["last_mean"]["mean"] < times["async_all"]["last_mean"]["mean"]
        assert times["async_race"]["won_mean"]["mean"] < times["barrier_race"]["won_mean"]["mean"]
        assert study["steps"][-1]["joules"] > study["steps"][0]["joules"]


@jitted
def test_bills_are_of_one_ledger_and_words_say_who_wins(numbers):
    study = numbers["candidates"]["4"]
    bills = study["bills"]
    assert {bill["ledger"] for bill in bills.values()} == {"circuit"}
    assert {bill["ledger"] for bill in study["path"].values()} == {"path"}
    assert bills["dense_resident"]["nominal"] < bills["dense_dram"]["nominal"]
    assert "rescore" in bills
    assert "rescore" not in numbers["candidates"]["1"]["bills"]
    race = sum(bills[name]["nominal"] for name in ("async_race", "encode", "rescore"))
    said = CIRCUIT.words(numbers).replace("\n", " ")
    less, more = said.split("less is needed by")[1].split("more by")[:2]
    assert ("the quantised twin" in less) == (bills["twin"]["nominal"] < race)
    assert ("int8 from DRAM (" in more.split("In the ledger")[0]) == (bills["dense_dram"]["nominal"] >= race)
    assert CIRCUIT.against(2.0, {"twin": 1.0, "lists": 4.0}) == (
        "less is needed by the quantised twin (2×); more by the same events on a processor (2×)"
    )


@jitted
def test_the_figure_is_drawn_from_the_numbers_alone(numbers):
    figure = CIRCUIT.draw(numbers)
    assert sum(bool(ax.get_title() or ax.get_title(loc="left")) for ax in figure.axes) == 7
    plt.close(figure)


def test_events_at_a_mass_lie_between_points():
    points = [
        {CIRCUIT.EACH: {"mean": x}, "captured_mass": {"mean": y}}
        for x, y in ((2.0, 0.9), (1.0, 0.5), (0.5, 0.4))
    ]
    assert CIRCUIT.at_mass(points, 0.7) == pytest.approx(1.5)
    assert CIRCUIT.at_mass(points, 0.3) == 0.5
    assert CIRCUIT.at_mass(points, 0.95) is None


def test_heads_of_a_model(tmp_path, monkeypatch):
    """Read as a real one would be: the keys of a layer, coded by a book of the other text."""
    pytest.importorskip("gguf")
    pytest.importorskip("tokenizers")
    write_llama(tmp_path / "tiny.gguf", llama_weights(np.random.default_rng(0)))
    texts = {"news": "the cat sat on the mat, " * 40, "lore": "there was a time when all was well; " * 40}
    monkeypatch.setattr(datasets, "path", lambda name: tmp_path)
    monkeypatch.setattr(
        datasets,
        "load",
        lambda name: [SimpleNamespace(genre=genre, text=text) for genre, text in texts.items()],
    )
    shape = circuit_heads.Shape(blocks=4, lines=8, recent=16, every=4)
    pairs = circuit_heads.heads_of_smollm2(48, (1,), shape, seed=0)
    assert [judged.name for judged, _ in pairs] == ["1.0", "1.1"]
    for judged, other in pairs:
        assert judged.keys.shape == other.keys.shape == (32, 4)
        assert judged.scores.shape == (
            2 * 4,
            32,
        )  # two heads of queries share keys, every fourth of 16 positions
        assert judged.dim == 8
        parts = judged.contributions[:, np.arange(4), judged.keys].sum(axis=2)
        left = judged.scores - parts
        left -= left.mean(axis=1, keepdims=True)
        spread = (judged.scores - judged.scores.mean(axis=1, keepdims=True)).std()
        assert left.std() < 0.9 * spread  # the code tells something of the scores
        assert not np.array_equal(judged.keys, other.keys)


def test_absent_data_are_said(monkeypatch):
    def absent(name):
        raise datasets.Absent(f"{name} is not there: run `hdspike data fetch {name}`")

    monkeypatch.setattr(datasets, "path", absent)
    with pytest.raises(datasets.Absent, match="smollm2"):
        CIRCUIT.simulate(quick=True, seed=0)
