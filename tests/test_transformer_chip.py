"""A forward pass as one network: the same integers as the model on every runner; times, books and bills of a token."""

import json
from functools import cache

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from matplotlib import pyplot as plt

from hdspike import chip, sim, substrate
from hdspike.energy import by_unit
from hdspike.transformer import Head, Settings, SpikingTransformer
from hdspike.transformer.network import FORMS, narrowed, potentials, token_network
from hdspike.workloads import transformer_bills as bills
from hdspike.workloads import transformer_chip as on_chip
from tests.conftest import JIT

jitted = pytest.mark.skipif(not JIT, reason="whole sims, far too slow un-jitted")
BLIND = {"totals": 1, "distincts": 1, "longer": 1, "ranks": 1, "decay": 0}
HEADS = (Head("suffix", 1, 1, 1, 4), Head("suffix", 2, 1, 3, 3), Head("words", 1, 2, 2, 2))
TEXT = "abba cab abc ba abba bac cab abba ab cab " * 3


def tiny(text=TEXT, *, window=12, winners=3, heads=HEADS, lines=8, synapses=2, **more):
    config = Settings(
        lines=lines, heads=heads, window=window, winners=winners, synapses=synapses, **BLIND | more
    )
    model = SpikingTransformer("abc ", config)
    if text:
        model.learn(text)
    return model


@cache
def sheet(name):
    return substrate.load(name)


@cache
def architecture(name="loihi-sanafe"):
    return chip.Architecture.from_substrate(sheet(name))


def right(one, model):
    u = potentials(model)
    return one.potentials.tolist() == u.tolist() and one.symbol == u.argmax()


# --- the same integers ---------------------------------------------------------------------------------


@given(st.data())
@settings(max_examples=12 if JIT else 4, deadline=None)
def test_every_network_gives_the_potentials_of_the_model(data) -> None:
    heads = data.draw(
        st.lists(
            st.builds(Head, st.sampled_from(("suffix", "words")), st.integers(1, 2), st.just(1), st.integers(1, 3),
                      st.integers(1, 3)), min_size=1, max_size=3))  # fmt: skip
    text = data.draw(st.text("abc ", min_size=1, max_size=60))
    model = tiny(
        text,
        heads=tuple(heads),
        lines=data.draw(st.sampled_from((4, 8))),
        synapses=data.draw(st.integers(1, 3)),
        window=data.draw(st.integers(1, 9)),
        winners=data.draw(st.integers(1, 5)),
        delay=1,
        rate=1 << 15,
    )
    for form in FORMS:
        assert right(on_chip.functional_pass(model, form=form), model)


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("each", [7, 64])
def test_the_chip_with_a_barrier_is_the_functional_runner(form, each) -> None:
    model = tiny()
    for letter in "abba":
        model.learn(letter)
        one = on_chip.barrier_pass(model, architecture(), each=each, form=form)
        other = on_chip.functional_pass(model, form=form)
        assert right(one, model)
        assert right(other, model)
        assert one.fired == other.fired
        assert 0 < one.settled_ps <= one.run.simulated_ps


def test_votes_matter() -> None:
    """The potentials differ between symbols, and a network made earlier in the text gives others."""
    model = tiny()
    before = potentials(model)
    assert len(set(before.tolist())) > 2
    model.learn("b")
    assert on_chip.functional_pass(model).potentials.tolist() != before.tolist()


def test_the_events_are_those_that_the_model_counts() -> None:
    """With as many winners as keys no race ends early, and each memory's events are the model's own."""
    model = tiny(window=12, winners=12)
    counts = model.learn("a").counts
    network = token_network(model)
    lines = np.flatnonzero(
        np.bincount(network["lines"].model.events["address"], minlength=network["lines"].size)
    )
    events = {
        p.target: int(np.diff(p.synapses.indptr)[lines].sum())
        for p in network.projections
        if p.source == "lines"
    }
    assert events == {"keys": counts["window_events"], "rows": counts["lifetime_events"]}
    fired = on_chip.functional_pass(model).fired
    assert (fired["keys"], fired["rows"]) == (counts["window_fired"], counts["lifetime_fired"])


@pytest.mark.parametrize("bits", [2, 4, 8, 32])
def test_votes_of_few_bits(bits) -> None:
    model = tiny()
    before = potentials(model)
    twin = narrowed(model, bits)
    assert potentials(model).tolist() == before.tolist()
    for p in token_network(twin).projections:
        if p.source in ("heard", "recalled"):
            weights = np.abs(p.synapses.weights[p.synapses.weights != 0]).astype(np.int64)
            unit = int(np.gcd.reduce(weights)) if len(weights) else 1
            assert weights.max(initial=0) // unit < 2 ** (bits - 1)
    assert (potentials(twin).tolist() == before.tolist()) == (bits == 32)
    assert right(on_chip.functional_pass(twin), twin)


# --- the race ------------------------------------------------------------------------------------------


def alike(text="a" * 40):
    """The keys of one head that looks at the last symbol alone."""
    return tiny(text, heads=(Head("suffix", 1, 1, 1, 2),), window=20, winners=3)


def test_inhibition_comes_one_key_late_where_ages_are_one_step_apart() -> None:
    model = alike()
    for spacing, fires in ((1, 4), (2, 3), (3, 3)):
        one = on_chip.functional_pass(model, form="race", spacing=spacing)
        assert one.fired["keys"] == fires
        assert one.fired["inhibitors"] == 1
        assert right(one, model) or spacing == 1


def test_a_race_without_a_clock_is_right_where_ages_are_further_apart_than_inhibition_takes() -> None:
    model = alike("abac" * 10 + "a")  # every second key is like the query, and they followed by turns
    network = token_network(model, form="race", spacing=1)
    for each in (4, 20):
        placed = on_chip.place(network, architecture(), each=each)
        takes = int(on_chip.inhibition_ps(network, architecture(), placed).max())
        slow = on_chip.free_pass(network, architecture(), 2 * takes, each=each)
        assert right(slow, model)
        assert slow.fired["keys"] == 3
        assert slow.settled_ps < slow.run.simulated_ps
        fast = on_chip.free_pass(network, architecture(), 1, each=each)
        assert fast.fired["keys"] == 10
        assert not right(fast, model)
        assert fast.run.simulated_ps < slow.run.simulated_ps
        between = on_chip.free_pass(network, architecture(), takes // 4, each=each)
        assert 3 < between.fired["keys"] < 10


# --- where, how long, how much -------------------------------------------------------------------------


def test_groups_share_a_core_and_inhibitors_lie_with_the_newest_keys() -> None:
    model = tiny()
    for form, each in (("groups", 5), ("race", 5), ("race", 100)):
        network = token_network(model, form=form)
        core = on_chip.place(network, architecture(), each=each).core
        parts = {
            p.name: core[network.offsets[i] : network.offsets[i + 1]]
            for i, p in enumerate(network.populations)
        }
        keys = parts["keys"].reshape(len(HEADS), -1)
        assert set(parts["lines"]) == {0}
        if form == "groups" or each == 100:
            assert [len(set(some)) for some in keys.tolist()] == [1] * 3
        else:
            assert [np.bincount(some - some.min()).tolist() for some in keys] == [[4, 4, 4]] * 3
        if form == "race":
            assert parts["inhibitors"].tolist() == keys[:, 0].tolist()
        held = np.bincount(parts["recalled"])
        assert held.max() <= each
        alone = set(core.tolist()) - {0}
        assert alone == set(range(1, max(alone) + 1))


def test_homes_and_visits() -> None:
    model = tiny()
    one = on_chip.barrier_pass(model, architecture(), each=40)
    rows = one.network["rows"].size  # 8 lines · (1 + 3 + 2) rows in a pool
    assert rows == 48
    names = on_chip.homes(one)
    assert names[0] == ["lines", "go"]
    assert [some[0] for some in names[1:6]] == ["keys"] * 3 + ["rows"] * 2
    assert names[-1] == ["symbols"]
    assert on_chip.homes(on_chip.functional_pass(model)) == []
    soma = next(unit for unit in architecture().units if unit.kind == "soma")
    most = max(np.bincount(one.run.placement.core)[1:])
    tiles = {int(architecture().tile_of_core[core]) for core in range(len(names))}
    assert on_chip.visits_ps(one) == 4 * (most * soma.access_ps + architecture().barrier_ps(len(tiles)))
    assert on_chip.visits_ps(one) < one.run.simulated_ps


def test_many_lines_enter_at_several_cores() -> None:
    model = tiny(lines=256)
    one = on_chip.barrier_pass(model, architecture(), each=256)
    assert [some for some in on_chip.homes(one) if "lines" in some] == [["lines", "go"], ["lines"], ["lines"]]
    assert right(one, model)
    with pytest.raises(ValueError, match="must hold at most 1024 neurons"):
        on_chip.place(token_network(tiny(window=1025)), architecture(), each=256)


@pytest.mark.parametrize("clock", ["barrier", "free"])
def test_utilisation_is_the_time_of_all_units(clock) -> None:
    model = tiny()
    if clock == "barrier":
        run = on_chip.barrier_pass(model, architecture(), each=16).run
    else:
        network = token_network(model, form="race", spacing=1)
        run = on_chip.free_pass(network, architecture(), 1000, each=16).run
    shares = on_chip.utilisation(run)
    busy = sum(float(part.sum()) for part in shares.values()) * run.simulated_ps
    times = [[unit.access_ps, unit.update_ps, unit.event_ps] for unit in architecture().units]
    assert busy == pytest.approx(float((run.units * np.array(times)).sum()))
    assert all(0 <= part.min() and part.max() <= 1 for part in shares.values())
    used = np.isin(np.arange(architecture().cores), run.placement.cores_used)
    assert not any(part[~used].any() for part in shares.values())


@pytest.mark.parametrize("clock", ["barrier", "free"])
def test_the_bill_is_that_of_the_units(clock) -> None:
    model = tiny()
    network = token_network(model, form="race", spacing=1)
    passes = [
        on_chip.barrier_pass(model, architecture(), each=each)
        if clock == "barrier"
        else on_chip.free_pass(network, architecture(), 1000, each=each)
        for each in (16, 64)
    ]
    bill = bills.bill(passes, sheet("loihi-sanafe"))
    expected = np.mean([by_unit(one.run)["total"] for one in passes])
    assert bill["nominal"] == pytest.approx(expected, rel=1e-5)
    seconds = np.mean([one.run.simulated_ps for one in passes]) * 1e-12
    static = bills.bill(passes, sheet("loihi"))["components"]["static"]
    assert static == pytest.approx(0.104 * seconds, rel=1e-5)


def test_rivals_count_the_same_synapses() -> None:
    model = tiny()
    one = on_chip.barrier_pass(model, architecture(), each=32)
    told = bills.rival_counts([one, one], batch=4)
    spikes = one.run.fired
    products = synapses = events = touched = 0
    for p in one.network.projections:
        if p.source == "go":
            continue
        low = one.network.offsets[one.network.index(p.source)]
        width = 1 if p.synapses.weights is None else len(bin(int(max(abs(p.synapses.weights))))) - 1
        synapses += len(p.synapses)
        products += width * len(p.synapses)
        reached = set()
        for line in range(p.synapses.lines):
            if spikes[low + line]:
                some = p.synapses.targets[p.synapses.indptr[line] : p.synapses.indptr[line + 1]].tolist()
                events += len(some)
                reached |= set(some)
        touched += len(reached)
    assert told["twin"]["bit_products"] == products
    assert told["twin"]["adds_int32"] == synapses
    assert told["lists"]["adds_int32"] == events + 2 * touched
    assert told["twin_batch"]["bit_products"] == told["twin"]["bit_products"]
    assert told["twin_batch"]["sram_bits"] < told["twin"]["sram_bits"]
    go = len(model.symbols)
    assert events == one.run.counts["synaptic_events"] - go
    priced = bills.rivals([one], sheet("a100-circuit"), batch=4)
    assert 0 < priced["twin_batch"]["nominal"] < priced["twin"]["nominal"]
    assert set(priced["lists"]["components"]) == {"compute", "SRAM read", "SRAM write"}


# --- errors --------------------------------------------------------------------------------------------


BAD = [
    (lambda: token_network("model"), TypeError, "^model must be a SpikingTransformer"),
    (lambda: token_network(tiny("")), ValueError, "^model must have read"),
    *((lambda name=name: token_network(tiny("ab", **{name: 2})), ValueError, f"^model must have {name} = ")
      for name in BLIND),
    (lambda: token_network(tiny("ab", threshold=1)), ValueError, "^model must have threshold = synapses = 2"),
    (lambda: token_network(tiny("ab", memories="window")), ValueError, "^model must have memories = 'both'"),
    (lambda: token_network(tiny("ab"), form="sprint"), ValueError, "^form"),
    (lambda: token_network(tiny("ab"), form="race", spacing=0), ValueError, "^spacing"),
    (lambda: on_chip.barrier_pass(tiny("ab"), architecture(), each=0), ValueError, "^each"),
    (lambda: on_chip.barrier_pass(tiny("ab"), architecture(), each=1), ValueError, "^each must be larger"),
    (lambda: on_chip.free_pass(token_network(tiny("ab")), architecture(), 1, each=9), ValueError, "^network must be a"),
    (lambda: on_chip.free_pass(token_network(tiny("ab"), form="race"), architecture(), 0, each=9), ValueError, "^age"),
    (lambda: on_chip.inhibition_ps(token_network(tiny("ab")), architecture(), None), ValueError, "^network must be a"),
    (lambda: on_chip.visits_ps(on_chip.functional_pass(tiny("ab"))), ValueError, "^one must be a pass on a chip"),
    (lambda: narrowed(tiny("ab"), 1), ValueError, "^bits"),
    (lambda: bills.bill([on_chip.functional_pass(tiny("ab"))], sheet("loihi")), ValueError, "^passes must be made on"),
    (lambda: bills.bill([], sheet("loihi")), ValueError, "^passes must be made on"),
    (lambda: bills.rival_counts([on_chip.functional_pass(tiny("ab"))]), ValueError, "^passes must be made on"),
]  # fmt: skip


@pytest.mark.parametrize(("call", "kind", "words"), BAD)
def test_bad_input(call, kind, words) -> None:
    with pytest.raises(kind, match=words):
        call()


# --- the sim -------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def numbers():
    return sim.plain(sim.load("token_on_chip").simulate(quick=True, seed=0))


@jitted
def test_what_the_sim_finds(numbers) -> None:
    n = numbers["positions"]
    assert set(numbers["same"].values()) == {n}
    for paces in numbers["paces"].values():
        keys = [one["keys_fired"] for one in paces]
        times = [one["mean_us"] for one in paces]
        assert keys == sorted(keys, reverse=True)
        assert times == sorted(times)
        assert paces[-1]["other_potentials"]["mean"] == 0
    assert numbers["paces"]["64"][0]["other_potentials"]["mean"] > 0
    groups, race = numbers["counts"]["groups 64"], numbers["counts"]["race"]
    assert groups["accesses"] == 4 * (sum(numbers["neurons"].values()) - numbers["neurons"]["lines"] - 4)
    assert race["synaptic_events"] > groups["synaptic_events"]
    assert min(numbers["latency"]["groups 64"]["quiet_us"]) > numbers["visits_us"]
    assert numbers["bits"]["streaming"] < 4.2
    assert len(numbers["homes"]) == numbers["used"]["256"]


@jitted
def test_the_figure_says_who_wins(numbers) -> None:
    module = sim.load("token_on_chip")
    told = json.loads(json.dumps(numbers))
    figure = module.draw(told)
    plt.close(figure)
    text = module.words(told)
    assert f"on the chip with barriers {told['positions']}, {told['positions']}" in text
    assert "less is needed by all synapses as products" in text.replace("\n", " ")
    told["same"]["race"] -= 1
    assert module.barrier_words(told) == "barrier: 1 passes differ"
    assert module.barrier_words(numbers) == "barrier: 0, bit for bit"
