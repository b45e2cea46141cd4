"""What a character costs: counts against a slow walk and by hand, bills, bytes and the five rows."""

import io
import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.console import Console

from hdspike import dense, substrate
from hdspike.energy import price
from hdspike.transformer import Head, Settings, SpikingTransformer
from hdspike.transformer.codes import items
from hdspike.transformer.votes import SHARPS
from hdspike.vocabulary import check_counters
from hdspike.workloads import language_bill as bill
from hdspike.workloads import language_counts as counting
from hdspike.workloads import language_memory as memory
from hdspike.workloads import language_rows as rows
from tests.naive import language_bill as naive
from tests.tiny_transformers import SMALL, alphabets, rhyme, some_settings, texts

TWO = Settings(lines=8, heads=(Head("suffix", 1, 1, 2, 3), Head("suffix", 3, 2, 4, 2)), window=16, winners=4)
RUN = {
    "tokens": 10, "encoder_adds": 100, "window_events": 60, "window_touched": 40, "window_fired": 15,
    "lifetime_events": 30, "lifetime_fired": 6, "lifetime_written": 20, "recruited": 4, "replaced": 1,
    "vote_events": 72, "weight_updates": 72,
}  # fmt: skip
FROZEN = RUN | {"lifetime_written": 0, "recruited": 0, "replaced": 0, "weight_updates": 0}
TWIN = dense.Shape(2, 16, 2, vocabulary=5, activation="relu", tied=True)


# --- counts ----------------------------------------------------------------------------------------------


def test_a_chip_counts_what_one_adds_up_by_hand():
    found = counting.chip_counts(RUN, TWO, 5)
    assert found == {
        "input_events": 10 * 4,
        "synaptic_events": 60 + 30 + (15 + 22) + (15 + 6) + 2 * 22 + 50,
        "touched": 40,
        "updates_active": 242 - 60 + 40 + 10 * 5 * 2,
        "fired": 10 * 5 + 15 + 6 + 22 + 2 * (15 + 6),
        "weight_updates": 10 * 2 * 3 + 20 + 2 * 4 + 3 * 1 + 72,
        "encoder_adds": 100,
    }
    check_counters(found)


def test_a_processor_counts_what_one_adds_up_by_hand():
    found = counting.packed_counts(RUN, TWO, 5)
    scanned, synapses_read, synapses_searched = 20 * 6, 6 * 3, 10 * 5
    learning = 32 * 50 + 2 * 72
    assert found == {
        "encoder_adds": 100,
        "adds_int32": 40 * 5
        + 2 * 15
        + 3 * scanned
        + 4 * 5
        + synapses_read
        + 2 * (synapses_searched + 20)
        + 3 * 22
        + 50 * (8 + 3 * len(SHARPS))
        + learning,
        "bit_products": 1024 * (50 * (1 + len(SHARPS)) + 72),
        "sram_bits": 16 * 130 + 50 * (32 + 64 * 24) + 64 * 22,
        "sram_bits_written": 16 * 115 + 50 * 64 * 13 + 64 * 22,
        "l2_bits": 32 * 40 + 32 * (22 + 144),
        "l2_bits_written": 32 * 40 + 32 * 144,
        "dram_bits": 256 * 55 + 20 * 4 * 256 + 6 * 512 + 10 * (1024 + 256 + 256),
        "dram_bits_written": 10 * 768 + 3 * 256 * 20 + 256 * 4 + 256,
    }
    near = counting.packed_counts(RUN, TWO, 5, far="l2")
    assert "dram_bits" not in near
    window, lifetime = 32 * 60 + 16 * 15 + 16 * 20 * 3, 32 * scanned + 8 * 18 + 16 * 18 + 24 * 50
    assert near["l2_bits"] - found["l2_bits"] == window + lifetime
    written = 10 * (4 * 48 + 16) + 40 * 20 + 32 * 4 + 16 * 4 + 8 * 3
    assert near["l2_bits_written"] - found["l2_bits_written"] == written
    check_counters({**found, **near})


def test_reading_without_learning_moves_nothing_but_keys():
    chip, packed = (count(FROZEN, TWO, 5) for count in (counting.chip_counts, counting.packed_counts))
    assert chip["weight_updates"] == 10 * 2 * 3
    assert packed["bit_products"] == 1024 * 50
    assert packed["l2_bits_written"] == 32 * 40
    assert packed["adds_int32"] == 40 * 5 + 2 * 15 + 3 * 60 + 18 + 3 * 22 + 50 * 8


def test_a_memory_that_is_not_there_costs_nothing():
    window = Settings(lines=8, heads=TWO.heads, window=16, memories="window")
    lifetime = Settings(lines=8, heads=TWO.heads, window=16, memories="lifetime")
    blind = FROZEN | {"lifetime_events": 0, "lifetime_fired": 0}
    deaf = FROZEN | {"window_events": 0, "window_touched": 0, "window_fired": 0}
    assert counting.active_bytes(blind, window, 5)["lifetime"] == 0
    assert (
        counting.active_bytes(deaf, lifetime, 5)["window"] == (16 * 10 * 5) / 8 / 10
    )  # codes and values wait
    assert counting.chip_counts(deaf, lifetime, 5)["weight_updates"] == 0
    assert bill.neurons(window, 5) == 16 * 2 + 2 * 2 * 6 + 5
    assert bill.neurons(lifetime, 5) == 8 * 6 + 2 * 2 * 6 + 5


@settings(max_examples=25, deadline=None)
@given(st.data())
def test_counts_are_those_of_a_walk_event_by_event(data):
    config = data.draw(some_settings())
    alphabet = data.draw(alphabets(config))
    taught, told = (data.draw(texts(alphabet, most)) for most in (30, 12))
    model = SpikingTransformer(alphabet, config)
    walk = naive.Walk(alphabet, config, items(len(alphabet), config).tolist(), SHARPS.tolist())
    learn = data.draw(st.booleans())
    model.learn(taught)
    walk.read(taught, learn=True)
    walk.events.clear()
    said = model.read(told, streaming=learn)
    walk.read(told, learn=learn)
    if not told:
        return
    found, seen = counting.chip_counts(said.counts, config, len(alphabet)), walk.events
    assert found["input_events"] == seen["lines"]
    assert found["synaptic_events"] == naive.synaptic_events(walk) + seen["heard_units"]  # the stated bound
    reached = naive.synaptic_events(walk) - seen["key_events"] + seen["keys_reached"]
    leaks = seen["priors"] * len({head.layer for head in config.heads})
    assert found["updates_active"] == reached + leaks + seen["heard_units"]
    written = seen["keys_written"] + seen["tags_written"] + seen["counters_written"] + seen["votes_moved"]
    spare = found["weight_updates"] - written
    assert 0 <= spare == max(head.fan_out for head in config.heads) * seen["replaced"]
    searched = counting._scans(said.counts, config) * len(config.heads)
    assert searched == seen["pools_searched"]


@given(st.lists(st.integers(1, 9), min_size=1, max_size=5), st.integers(1, 6), st.data())
def test_rows_that_fire_have_at_most_so_many_synapses(sizes, tokens, data):
    fired = [data.draw(st.integers(0, tokens)) for _ in sizes]
    exact = sum(size * many for size, many in zip(sizes, fired, strict=True))
    assert exact <= counting._widest(sizes, sum(fired), tokens) <= max(sizes) * sum(fired)


def test_bytes_of_a_token_are_those_of_the_stored_parts():
    found = counting.active_bytes(RUN, TWO, 5)
    near = counting.packed_counts(RUN, TWO, 5, far="l2")
    stored = near["l2_bits"] + near["l2_bits_written"]
    assert found["codes"] == 2 * 16 * 100 / 80
    assert found["total"] * 80 == pytest.approx(stored + 2 * 16 * 100)
    assert found["votes"] == (32 * (22 + 144) + 32 * 144) / 80


# --- memory ----------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def model():
    made = SpikingTransformer("abcde", TWO)
    made.learn(rhyme(120, 5))
    return made


def test_bytes_held_are_those_of_the_arrays(model):
    found = memory.held_bytes(model)
    arrays = [array for part in (model.codes, model.window, model.lifetime, model.votes) for array in part]
    assert found["total"] == sum(array.size * array.itemsize for array in arrays)
    less = memory.held_bytes(model, learning=False)
    assert found["window"] - less["window"] == model.window.codes.nbytes
    assert found["codes"] == less["codes"]
    assert less["total"] < found["total"]


@pytest.mark.parametrize("learning", [True, False])
def test_packed_bytes_agree_with_naive(model, learning):
    found = memory.packed_bytes(model, learning=learning)
    assert (found["window"], found["lifetime"]) == naive.packed(model, learning=learning)
    assert found["total"] == sum(amount for name, amount in found.items() if name != "total")


def test_packed_leaves_out_what_is_free():
    model = SpikingTransformer("abcde", SMALL)
    empty = memory.packed_bytes(model)
    assert memory.occupied(model) == memory.Occupied(0, 0, 0, 0)
    model.learn(rhyme(60, 5))
    used = memory.occupied(model)
    assert used.keys == 20 * 3
    assert used.rows == sum(uses > 0 for uses in model.lifetime.uses.tolist()) > 0
    assert 0 < used.synapses < len(model.lifetime.counts)
    assert empty["lifetime"] < memory.packed_bytes(model)["lifetime"] < memory.held_bytes(model)["lifetime"]
    assert bill.neurons(SMALL, 5, used) == used.keys + used.rows + 2 * 3 * 6 + 5


@pytest.mark.parametrize("values", [1, 2, 255, 256, 257, 65_536, 65_537, 2**24 + 1])
def test_whole_bytes_agree_with_naive(values):
    assert memory._bytes(values) == naive.whole_bytes(values)


# --- bills -----------------------------------------------------------------------------------------------


def test_loihi_pays_events_visits_writes_and_static_power():
    sheet = substrate.load("loihi")
    plan = bill.chip_plan(FROZEN, TWO, 5, sheet)
    counts, neurons = counting.chip_counts(FROZEN, TWO, 5), bill.neurons(TWO, 5)
    assert bill.steps(TWO) == 5  # two layers
    assert plan.counts["updates_active"] + plan.counts["updates_inactive"] == pytest.approx(5 * neurons)
    assert plan.counts["synaptic_events"] == counts["synaptic_events"] / 10
    assert plan.counts["updates_active"] == counts["updates_active"] / 10
    assert plan.counts["weight_updates"] == 6
    assert not plan.bound
    priced = sum(plan.counts[name] * sheet.si(f"energy.{name}") for name in plan.charge)
    static = sheet.si("power.static") * plan.seconds * plan.chips
    assert plan.bill().nominal == pytest.approx(priced + static)
    assert {"weight_updates", "updates_inactive", "synaptic_events", "packets"} <= set(plan.charge)


def test_neurons_without_events_cost_where_there_is_a_clock_and_nowhere_else():
    tiny, huge = (memory.Occupied(keys, keys, 1, 1) for keys in (100, 1_000_000))
    for name, grows in (("loihi", True), ("seneca", False), ("spinnaker", True), ("spinnaker2", False)):
        few, many = (
            bill.chip_plan(FROZEN, TWO, 5, substrate.load(name), used=used).bill().nominal
            for used in (tiny, huge)
        )
        assert (many > 100 * few) == grows, name


def test_a_chip_that_prices_bits_pays_for_states_and_writes():
    plan = bill.chip_plan(FROZEN, TWO, 5, substrate.load("seneca"))
    active = counting.chip_counts(FROZEN, TWO, 5)["updates_active"] / 10
    assert plan.counts["sram_bits"] == pytest.approx(16 * active)
    assert plan.counts["updates_active"] == active and plan.counts["updates_inactive"] == pytest.approx(0)
    wrote = 16 * active + 16 * 6
    assert plan.counts["sram_bits_written"] == pytest.approx(wrote)


def test_what_a_chip_has_no_constant_for_makes_a_lower_bound():
    for name in ("spinnaker2", "truenorth", "odin", "dynap-se", "loihi-silicon"):
        assert "writing synapses" in bill.chip_plan(FROZEN, TWO, 5, substrate.load(name)).bound
    assert "no constant" not in bill.chip_plan(FROZEN, TWO, 5, substrate.load("loihi")).bound
    entries = bill.bills(FROZEN, TWO, 5, stored=1000, substrates=["spinnaker2", "loihi"])
    assert [one["label"].startswith("≥ ") for one in entries] == [True, False]


def test_packed_arrays_stay_on_the_chip_only_where_they_fit():
    sheet = substrate.load("cpu-7nm")
    room = int(sheet.si("topology.l2_memory")) // 8
    both = bill.packed_plans(FROZEN, TWO, 5, sheet, stored=room)
    assert [plan.name for plan in both] == ["packed_dram", "packed_l2"]
    assert [plan.name for plan in bill.packed_plans(FROZEN, TWO, 5, sheet, stored=room + 1)] == [
        "packed_dram"
    ]
    for plan, far in zip(both, counting.FAR, strict=True):
        counts = counting.packed_counts(FROZEN, TWO, 5, far=far)
        expected = sum(amount / 10 * sheet.si(f"energy.{name}") for name, amount in counts.items())
        assert plan.bill().nominal == pytest.approx(expected)
    assert both[0].bill().nominal > both[1].bill().nominal
    assert (
        bill.packed_plans(FROZEN, TWO, 5, substrate.load("gh200-path"), stored=1) == ()
    )  # no additions there
    assert bill.packed_plans(FROZEN, TWO, 5, substrate.load("loihi"), stored=1) == ()


@pytest.mark.parametrize("precision", bill.PRECISIONS)
@pytest.mark.parametrize("batch", bill.BATCHES)
def test_the_dense_side_takes_the_cheaper_of_its_two_memories(precision, batch):
    sheet = substrate.load("a100-circuit")
    (plan,) = bill.dense_plans(TWIN, 8, sheet, precisions=[precision], batches=[batch])
    ways = [
        dense.transformer(TWIN, context=8, precision=precision, batch=batch, resident=resident)
        for resident in (False, True)
    ]
    prices = [price(cost.counts, sheet, seconds=0.0, samples=100).nominal for cost in ways]
    assert plan.bill(samples=100).nominal == pytest.approx(min(prices))
    assert plan.seconds == pytest.approx(ways[int(np.argmin(prices))].seconds(sheet))


def test_a_dense_model_that_does_not_fit_comes_from_dram():
    wide = dense.Shape(4, 4096, 32, vocabulary=5, activation="relu", tied=True)
    (plan,) = bill.dense_plans(wide, 8, substrate.load("a100-circuit"), precisions=["int8"], batches=[1])
    assert plan.counts["dram_bits"] > 8 * 4 * wide.layer_weights
    assert "l2_bits" not in plan.counts and "DRAM" in plan.label
    one, many = bill.dense_plans(wide, 8, substrate.load("a100-circuit"), precisions=["int8"])
    assert many.bill().nominal < one.bill().nominal / 10  # weights are shared


def test_the_dense_side_is_left_out_where_it_has_no_price():
    names = {
        name: [plan.name for plan in bill.dense_plans(TWIN, 8, substrate.load(name), batches=[1])]
        for name in ("a100-path", "northpole", "loihi", "h100-board", "tcam-65nm")
    }
    assert names["a100-path"] == ["dense_fp16_resident", "dense_int8_resident"]
    assert names["northpole"] == ["dense_int4"]
    assert not names["loihi"] and not names["tcam-65nm"]
    assert len(names["h100-board"]) == 4


def test_any_counted_work_has_a_bill_for_one_token():
    sheet = substrate.load("a100-circuit")
    plan = bill.counted_plan("training", {"macs_bf16": 640, "dram_bits": 64, "weight_updates": 9}, 8, sheet)
    assert plan is not None
    expected = 80 * sheet.si("energy.macs_bf16") + 8 * sheet.si("energy.dram_bits")
    assert plan.bill().nominal == pytest.approx(expected)
    assert plan.seconds == pytest.approx(max(2 * 80 / sheet.si("peak.bf16"), 1 / sheet.si("peak.dram")))
    assert bill.counted_plan("x", {"macs_fp32": 1}, 1, substrate.load("a100-path")) is None
    assert bill.counted_plan("x", {"macs_int8": 1}, 1, substrate.load("loihi")) is None


@pytest.fixture(scope="module")
def entries():
    return bill.bills(FROZEN, TWO, 5, stored=10_000, shape=TWIN, context=8)


def test_every_bill_is_of_a_token_in_the_ledger_of_its_substrate(entries):
    for one in entries:
        sheet = substrate.load(one["substrate"])
        assert one["ledger"] == sheet.ledger
        assert one["per"] == "token"
        assert 0 < one["low"] <= one["nominal"] <= one["high"]
        assert sum(one["components"].values()) == pytest.approx(one["nominal"], rel=1e-4)
    sides = {(one["ledger"], one["side"]) for one in entries}
    assert {
        ("circuit", "spiking"),
        ("circuit", "packed"),
        ("circuit", "dense"),
        ("circuit", "brain"),
    } <= sides
    assert {("path", "spiking"), ("path", "dense"), ("board", "dense"), ("board", "static")} <= sides
    assert len({(one["substrate"], one["plan"]) for one in entries}) == len(entries)
    json.dumps(entries, allow_nan=False)


def test_every_chip_that_prices_an_event_is_shown(entries):
    known = {
        name
        for name in substrate.available()
        if any(key.startswith("synaptic_events") for key in substrate.load(name).priced())
    }
    assert {one["substrate"] for one in entries if one["side"] in ("spiking", "brain")} == known


# --- the five rows ---------------------------------------------------------------------------------------


def test_the_five_rows_are_counters(entries):
    found = {
        row["row"]: row["numbers"]
        for row in rows.five_rows(RUN, TWO, 5, TWIN, context=8, bills=entries, keys=12, rows=30)
    }
    assert list(found) == ["dimension", "operation", "attention", "activation", "hardware"]
    assert found["dimension"] == {"dim": 32, "ones": 4, "dense_dim": 16}
    cost = dense.transformer(TWIN, context=8, precision="fp32")
    assert found["operation"]["dense_macs"] == cost.macs
    assert found["operation"]["coincidences"] == 9
    assert found["operation"]["float_products"] == 0
    assert found["operation"]["integer_products"] == (50 * 10 + 72) / 10
    assert found["attention"]["nonzero_fraction"] == 15 / 240
    assert found["attention"]["touched_fraction"] == 40 / 240
    assert found["attention"]["synaptic_events_per_query_key"] == 60 / 240
    assert found["attention"]["dense_cells"] == 2 * 2 * 8
    assert found["activation"]["rows_fired_share"] == 6 / 300
    assert found["activation"]["dense_values"] == 2 * 64
    for place, best in found["hardware"].items():
        ledger, side, name = place.split()
        sides = ("dense", "static") if side == "dense" else ("spiking", "packed", "brain")
        own = [one for one in entries if one["substrate"] == name and one["side"] in sides]
        assert best["joules"] == min(one["nominal"] for one in own)
        assert {one["ledger"] for one in own} == {ledger}


def test_the_five_rows_can_be_read(entries):
    found = rows.five_rows(RUN, TWO, 5, TWIN, context=8, bills=entries, zeros=0.9)
    page = rows.markdown(found)
    assert page.count("\n") == 7
    assert "90 % of them zero" in page
    assert "6.25 %" not in page and "4.69 %" in page  # all 16 keys of the window, both heads: 15 ÷ 320
    console = Console(width=200, record=True, file=io.StringIO())
    console.print(rows.table(found))
    shown = console.export_text()
    assert all(row["row"] in shown for row in found)
    without = rows.five_rows(RUN, TWO, 5, TWIN, context=8)[-1]
    assert "bytes" in without["dense"] and without["numbers"] == {}


# --- bad input -------------------------------------------------------------------------------------------

LACKING = {name: value for name, value in RUN.items() if name != "lifetime_fired"}


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        (lambda: counting.chip_counts(LACKING, TWO, 5), ValueError, "counts must be those.*lacks lifetime_fired"),
        (lambda: counting.chip_counts(RUN | {"tokens": 0}, TWO, 5), ValueError, "counts must be of at least one"),
        (lambda: counting.chip_counts(RUN | {"tokens": -1}, TWO, 5), ValueError, r"counts\['tokens'\]"),
        (lambda: counting.chip_counts(RUN, TWO, 8), ValueError, r"counts\['vote_events'\] must be at least .* 80"),
        (lambda: counting.chip_counts(RUN, None, 5), TypeError, "settings must be Settings"),
        (lambda: counting.chip_counts(RUN, TWO, 0), ValueError, "symbols"),
        (lambda: counting.packed_counts(RUN, TWO, 5, far="disk"), ValueError, "far must be"),
        (lambda: counting.active_bytes(LACKING, TWO, 5), ValueError, "counts must be those"),
        (lambda: bill.packed_plans(RUN, TWO, 5, substrate.load("cpu-7nm"), stored=0), ValueError, "stored"),
        (lambda: bill.dense_plans(TWIN, 0, substrate.load("cpu-7nm")), ValueError, "context"),
        (lambda: bill.counted_plan("x", {}, 0, substrate.load("cpu-7nm")), ValueError, "tokens"),
        (lambda: rows.five_rows(RUN, TWO, 5, TWIN, context=8, zeros=1.5), ValueError, "zeros must be in"),
        (lambda: rows.five_rows(RUN, TWO, 5, TWIN, context=8, keys=0), ValueError, "keys"),
        (lambda: rows.five_rows(RUN, TWO, 5, TWIN, context=8, rows=-1), ValueError, "rows"),
    ],
)  # fmt: skip
def test_bad_input_says_what_is_wrong(call, error, words):
    with pytest.raises(error, match=words):
        call()
