"""Context growth: the closed form against every code there is and against the chip; the sim says what it must."""

import json

import numpy as np
import pytest
from matplotlib import pyplot as plt

from hdspike import dense, sim, substrate
from hdspike.chip import ChipConfig
from hdspike.dense import Shape
from hdspike.energy import price
from hdspike.schedules import brain, events
from hdspike.workloads import growing, hybrid
from tests.conftest import JIT
from tests.naive import growing as naive

LOIHI = substrate.load("loihi")
jitted = pytest.mark.skipif(not JIT, reason="a whole sim, far too slow un-jitted")


@pytest.mark.parametrize(("blocks", "length"), [(1, 2), (2, 2), (2, 5), (3, 3)])
def test_events_and_touched_keys_are_the_mean_over_all_codes(blocks, length):
    job = growing.closed_form(1000, dim=blocks * length, blocks=blocks, winners=1)
    each, touched = naive.matches(blocks, length)
    assert job.synaptic_events == pytest.approx(1000 * each, rel=1e-12)
    assert job.touched == pytest.approx(1000 * touched, rel=1e-12)


def test_events_grow_with_the_context_unless_the_dimension_does():
    sizes = [2**p for p in range(10, 21)]
    constant = [growing.closed_form(n, dim=131_072, blocks=128, winners=64).synaptic_events for n in sizes]
    growing_dim = [growing.closed_form(n, dim=4 * n, blocks=128, winners=64).synaptic_events for n in sizes]
    assert constant == [n / 8 for n in sizes]
    assert growing_dim == [4096] * len(sizes)


@pytest.mark.parametrize(
    ("rule", "clock"), [("exact", "barrier"), ("threshold", "barrier"), ("race", "async")]
)
def test_the_closed_form_is_what_the_chip_does(rule, clock):
    size = {"dim": 16_384, "blocks": 32} if JIT else {"dim": 2048, "blocks": 16}
    keys = 2048 if JIT else 64
    run = growing.measured(keys, **size, winners=16, rule=rule, clock=clock, queries=8, on=LOIHI, rng=1)
    law = growing.closed_form(keys, **size, winners=16, rule=rule, clock=clock, on=LOIHI)
    assert law.timed is not None
    counts = run["counts"]
    few = 0.2 if JIT else 0.6
    assert counts["synaptic_events"] == pytest.approx(law.synaptic_events, rel=few)
    assert counts["updates_active"] == pytest.approx(law.timed.counts["updates_active"], rel=few)
    if clock == "barrier":
        assert counts["steps"] == pytest.approx(law.steps, rel=0.15)
        assert counts["updates_inactive"] == pytest.approx(law.timed.counts["updates_inactive"], rel=0.15)
    else:
        assert counts["updates_inactive"] == law.timed.counts["updates_inactive"] == 0
    sent = counts["packets"] - counts["fired"]
    assert sent == pytest.approx(law.timed.counts["packets"] - law.fired, rel=0.5 if JIT else 1.0)
    assert run["seconds"] == pytest.approx(law.timed.seconds, rel=0.25 if JIT else 0.6)


@pytest.mark.parametrize(("dim", "blocks"), [(131_072, 128), (32_768, 32), (4096, 128), (262_144, 512)])
def test_keys_to_a_core_reach_a_limit_and_pass_none(dim, blocks):
    config = ChipConfig.from_substrate(LOIHI)
    keys = growing.keys_per_core(dim, blocks, config)

    def need(n):
        lines = dim * (1 - (1 - blocks / dim) ** n)
        return (
            lines / config.input_axons,
            n / config.neurons_per_core,
            n * blocks * 11 / config.synaptic_memory_bits,
        )

    assert max(need(keys)) <= 1 + 1e-9
    assert max(need(keys + 1)) > 1


def test_more_keys_than_a_chip_holds_take_more_chips_and_no_more_time():
    one, many = (
        growing.closed_form(n, dim=131_072, blocks=128, winners=64, rule="threshold", on=LOIHI).timed
        for n in (4096, 40_960)
    )
    assert (one.chips, many.chips) == (1, 10)
    assert many.seconds == pytest.approx(one.seconds, rel=1e-9)


@pytest.mark.parametrize(
    ("heads", "kv_heads", "head_dim", "length"), [(4, 2, 6, 5), (2, 2, 3, 2), (66, 3, 2, 9)]
)
def test_the_partner_against_a_pencil(heads, kv_heads, head_dim, length):
    shape = Shape(1, heads * head_dim, heads, kv_heads=kv_heads)
    job = growing.closed_form(100, dim=3 * length, blocks=3, winners=7)
    assert hybrid.partner_work(shape, job).totals == naive.partner(heads, kv_heads, head_dim, 3, length, 7)


def test_the_bill_of_a_row_is_that_of_its_jobs():
    shape, circuit = Shape(1, 64, 4, kv_heads=2), substrate.load("a100-circuit")
    jobs = [
        growing.closed_form(n, dim=8192, blocks=64, winners=8, rule="threshold", on=LOIHI)
        for n in (256, 1024)
    ]
    row = hybrid.spiking_attention(shape, jobs, LOIHI, circuit).joules
    for joules, job in zip(row, jobs, strict=True):
        plan, work = events.plan(job, LOIHI), hybrid.partner_work(shape, job)
        search = price(plan.counts, LOIHI, seconds=plan.seconds, chips=plan.chips, charge=plan.charge)
        rest = price(work.counts, circuit, seconds=work.seconds(circuit))
        writes = 2 * 64 * 120e-12  # an STDP update, for each key head and block
        assert joules == pytest.approx(4 * search.nominal + rest.nominal + writes, rel=1e-9)
    with pytest.raises(ValueError, match=r"^bills must be of one ledger"):
        hybrid.spiking_attention(shape, jobs, LOIHI, substrate.load("a100-path"))


@pytest.mark.parametrize(
    ("call", "error", "text"),
    [
        (lambda: growing.closed_form(0, dim=64, blocks=4, winners=1), ValueError, "keys must be at least 1"),
        (lambda: growing.closed_form(9, dim=66, blocks=4, winners=1), ValueError, "dim must be a multiple"),
        (lambda: growing.closed_form(9, dim=64, blocks=4, winners=10), ValueError, "winners must be at most"),
        (
            lambda: growing.closed_form(9, dim=64, blocks=4, winners=1, rule="best"),
            ValueError,
            "rule must be one",
        ),
        (
            lambda: growing.closed_form(9, dim=64, blocks=4, winners=1, clock="no"),
            ValueError,
            "clock must be one",
        ),
        (lambda: growing.steps_of("best", 4), ValueError, "rule must be one of"),
        (lambda: hybrid.along([]), ValueError, "plans must be of one substrate, got none"),
        (
            lambda: hybrid.along(
                [
                    brain.plan(growing.closed_form(9, dim=64, blocks=4, winners=1), substrate.load(name))
                    for name in ("brain-marginal", "brain-all-in")
                ]
            ),
            ValueError,
            "plans must be of one substrate, got brain-all-in, brain-marginal",
        ),
    ],
)
def test_bad_arguments(call, error, text):
    with pytest.raises(error, match=f"^{text}"):
        call()


@pytest.fixture(scope="module")
def numbers():
    return sim.plain(sim.load("context_growth").simulate(quick=True, seed=0))


def lines(numbers, ledger, panel, shape="llama3-8b"):
    return {line["name"]: line for line in numbers["shapes"][shape][ledger]["panels"][panel]}


@jitted
def test_every_line_is_of_its_panels_ledger_and_inside_its_band(numbers):
    for shape in numbers["shapes"].values():
        for ledger, one in shape.items():
            for panel in one["panels"].values():
                for line in panel:
                    assert line["ledger"] == ledger
                    assert {substrate.load(name).ledger for name in line["substrates"]} == {ledger}
                    low, joules, high = (np.array(line[name]) for name in ("low", "joules", "high"))
                    assert (low <= joules).all()
                    assert (joules <= high).all()


@jitted
def test_dense_lines_by_hand_and_growing_with_the_context(numbers):
    contexts, found = np.array(numbers["contexts"]), lines(numbers, "circuit", "constant")
    n = contexts[-1]
    macs, bits = 32 * n * 256, 8 * 8 * n * 256
    by_hand = macs * 0.1e-12 + 32 * n * 13.52e-12 + bits * (3.92e-12 + 8.5e-12 / 64)
    assert found["int8"]["joules"][-1] == pytest.approx(by_hand, rel=1e-3)
    for name in ("bf16", "int8", "int8_resident", "int8_shared"):
        growth = np.diff(np.log(found[name]["joules"])) / np.diff(np.log(contexts))
        assert growth == pytest.approx(1.0, abs=0.05)
    assert (
        found["int8_shared"]["joules"][-1]
        < found["int8_resident"]["joules"][-1]
        < found["int8"]["joules"][-1]
    )


@jitted
def test_updates_under_the_ramp_dominate_and_touched_only_needs_least(numbers):
    shares = numbers["search_shares"]
    for i in range(len(numbers["contexts"])):
        assert shares["exact"]["update"][i] > 0.5
        assert sum(part[i] for part in shares["exact"].values()) == pytest.approx(1.0, abs=1e-4)
        assert (
            shares["touched"]["update"][i] < shares["threshold"]["update"][i] < shares["exact"]["update"][i]
        )
    for panel in ("constant", "growing"):
        found = lines(numbers, "circuit", panel)
        for exact, one, touched in zip(
            *(found[f"loihi_{way}"]["joules"] for way in ("exact", "threshold", "touched")), strict=True
        ):
            assert exact > one > touched


@jitted
def test_a_crossing_is_where_the_lines_meet(numbers):
    contexts, met = np.log(numbers["contexts"]), 0
    for ledger in ("circuit", "path"):
        for c in numbers["shapes"]["llama3-8b"][ledger]["crossings"]:
            found = lines(numbers, ledger, c["dim"])
            dense_side = np.log(found[c["rival"]]["joules"])
            spiking = np.log(found[f"{c['chip']}_{c['way']}"]["joules"])
            assert c["above"] == ("spiking" if dense_side[-1] > spiking[-1] else "dense")
            if c["nominal"] is not None:
                at = np.log(c["nominal"])
                assert np.interp(at, contexts, dense_side - spiking) == pytest.approx(0.0, abs=2e-3)
                assert (c["low"] or 0) <= c["nominal"] <= (c["high"] or np.inf)
                met += 1
    assert met >= 5


@jitted
def test_the_chip_anchors_the_curves(numbers):
    found = lines(numbers, "circuit", "constant")
    for a in numbers["anchors"]:
        if a["way"] != "touched":
            assert a["events"] == pytest.approx(a["events_by_law"], rel=0.25)
        if a["joules"] is not None:
            curve = np.interp(a["keys"], numbers["contexts"], found[f"loihi_{a['way']}"]["joules"])
            assert a["joules"] == pytest.approx(curve, rel=0.15)


@jitted
def test_the_whole_layer_adds_what_stays_dense(numbers):
    whole = dense.transformer_layer(dense.SHAPES["llama3-8b"], context=1, precision="int8", batch=64)
    rest = sum(
        price(whole.parts[part].counts, substrate.load("a100-circuit"), seconds=0).nominal
        for part in ("projections", "feed_forward")
    )
    for name, line in lines(numbers, "circuit", "layer").items():
        if line["side"] == "spiking":
            alone = lines(numbers, "circuit", "constant")[name]["joules"]
            np.testing.assert_allclose(np.array(line["joules"]) - alone, rest, rtol=0.01)


@jitted
def test_the_figure_is_drawn_from_the_written_numbers_alone(numbers):
    module = sim.load("context_growth")
    drawn = module.draw(json.loads(json.dumps(numbers, allow_nan=False)))
    assert len(drawn.axes) == 8
    said = " ".join(module.words(numbers))
    assert "neuron updates" in said
    assert "need less than int8, cache on chip" in said
    plt.close(drawn)


@jitted
def test_words_count_lower_bounds_and_waiting_chips_apart(numbers):
    module = sim.load("context_growth")
    search, circuit, path, _ = module.words(numbers)
    ends = [
        c
        for c in numbers["shapes"]["llama3-8b"]["path"]["crossings"]
        if (c["rival"], c["dim"], c["above"]) == ("bf16", "constant", "spiking")
    ]
    firm = [c for c in ends if not c["bound"]]
    assert {c["chip"] for c in ends if c["bound"]} == {"spinnaker2"}
    assert f"{len(firm)} (and 1 lower bound) need less than bf16" in path
    assert "of 4 ways to spike and 1 lower bound" in path
    assert "of 3 ways to spike and 1 lower bound" in circuit
    contexts, shares = numbers["contexts"], numbers["search_shares"]["threshold"]
    at = min(range(len(contexts)), key=lambda i: abs(contexts[i] - 32_768))
    times = 1 + 31 * shares["static"][at]  # the chips of 31 other layers of Llama 3 8B
    assert times > 10
    assert f"threshold (1 step) {times:.0f} times" in search
    assert "hypothetical" in search


def test_words_say_who_wins_and_how_sure():
    module = sim.load("context_growth")
    base = {"low": None, "nominal": None, "high": None, "above": "dense", "spiking_at_end": 0.0}
    contexts = [1024, 2**20]
    assert module.verdict(base, contexts) == "dense throughout"
    assert module.verdict(base | {"spiking_at_end": 0.4}, contexts) == "dense throughout (60 % at 1M)"
    crossed = base | {"nominal": 24_576, "low": 6144, "above": "spiking", "spiking_at_end": 0.9}
    assert module.verdict(crossed, contexts) == "spikes above 24k (6k … > 1M)"
