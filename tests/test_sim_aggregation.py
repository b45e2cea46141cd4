"""Counting: plugs on tasks whose answer is known, the list inside a tiny model, and what the sim finds."""

import doctest
import json

import numpy as np
import pytest
from matplotlib import pyplot as plt

from hdspike import sim
from hdspike.models import KWTA, Llama, sampled, softmax
from hdspike.models.sampled import Sampled
from hdspike.workloads import counting
from tests import tiny_models as tiny
from tests.conftest import JIT

jitted = pytest.mark.skipif(not JIT, reason="whole sims, far too slow un-jitted")


def parts(seed, size=12, heads=4, groups=2, count=3):
    random = np.random.default_rng(seed)
    shapes = (heads, count), (groups, size), (groups, size)
    made = [random.normal(size=(*shape, 8)).astype(np.float32) for shape in shapes]
    return (*made, np.array([1, size // 2, size]))


def test_draws_are_right_in_the_mean_and_spread_as_the_law_says():
    queries, keys, values, seen = parts(0)
    exact = softmax(queries, keys, values, seen=seen)
    k, trials = 4, 1500
    plug = Sampled(k, rng=1)
    read = np.array([plug(queries, keys, values, layer=0, seen=seen) for _ in range(trials)])
    assert np.array_equal(read[:, :, 0], np.broadcast_to(values[[0, 0, 1, 1], 0], read[:, :, 0].shape))
    squares = softmax(queries, keys, values**2, seen=seen)
    kept = np.minimum(k, seen)[:, None]
    deviation = np.sqrt(np.maximum(squares - exact**2, 0) / kept)
    assert np.abs(read.mean(axis=0) - exact).max() < 4.5 * deviation.max() / trials**0.5
    assert read.std(axis=0, dtype=float) == pytest.approx(deviation, rel=0.12, abs=1e-4)
    assert (plug.rows, plug.kept, plug.cells) == (trials * 12, trials * 4 * (1 + 4 + 4), trials * 4 * 19)
    assert np.isnan(plug.captured_mass)


def test_the_same_seed_draws_the_same():
    given = parts(2)
    one, two = (Sampled("50%", rng=7)(*given[:3], layer=0, seen=given[3]) for _ in range(2))
    assert np.array_equal(one, two)
    given[1][0, 3, 0] = np.nan
    with pytest.raises(ValueError, match="queries and keys must give finite scores, got nan"):
        Sampled(2, rng=0)(*given[:3], layer=0, seen=given[3])


def test_lists_and_divergence():
    tokens, frequency = counting.listed(np.array([5, 9, 7]), 2, 6000, np.random.default_rng(0))
    assert (tokens[1::2] == 2).all()
    assert np.bincount(tokens[::2], minlength=10)[[5, 9, 7]] / 3000 == pytest.approx(frequency, abs=0.03)
    assert frequency.tolist() == pytest.approx([6 / 11, 3 / 11, 2 / 11])
    assert counting.divergence(np.log(frequency)[None] - 3.0, frequency) == pytest.approx(0, abs=1e-12)
    by_hand = sum(f * np.log(f / (1 / 3)) for f in frequency)
    assert counting.divergence(np.zeros((4, 3)), frequency) == pytest.approx(by_hand)
    assert counting.divergence(np.log(frequency)[None], frequency, 0.0) == pytest.approx(by_hand)


def test_a_list_inside_a_tiny_model(tmp_path):
    weights = tiny.llama_weights(np.random.default_rng(0))
    model = Llama(tiny.write_llama(tmp_path / "m.gguf", weights))
    names = np.arange(10, 16)
    told = []
    found = counting.in_model(
        model,
        names,
        3,
        length=60,
        lists=3,
        shares=(0.1, 1.0),
        several=4,
        step=2,
        seed=1,
        progress=told.append,
    )
    assert found["counts"] == [6, 60]
    assert len(told) == 7
    assert found["uniform"] == pytest.approx(counting.divergence(np.zeros((1, 4)), counting.zipf(4)))
    rules = found["rules"]
    for rule in ("top-k", "bundles"):  # all keys, or all cells, is softmax
        assert rules[rule][1]["more_kl"]["mean"] == pytest.approx(0, abs=1e-3)
        assert rules[rule][1]["more_loss"]["mean"] == pytest.approx(0, abs=1e-3)
    assert abs(rules["top-k"][0]["more_kl"]["mean"]) > 1e-3
    for entry in (found["softmax"], *rules["top-k"]):
        assert entry["own_kl"]["mean"] <= max(entry["kl"]["mean"], found["uniform"]) + 0.1
        assert entry["kl"]["mean"] > 0
    # the losses by hand, of softmax on one list
    tokens, _ = counting.listed(names[:4], 3, 60, np.random.default_rng(5))
    log_p = counting.predicted(model, tokens, names[:4], softmax, 2)
    at = range(31, 60, 4)
    whole = model.logits(model.hidden(tokens)).astype(float)
    wanted = [[whole[i, n] - np.log(np.exp(whole[i]).sum()) for n in names[:4]] for i in at]
    assert log_p == pytest.approx(np.array(wanted), abs=1e-5)
    assert (tokens[list(at)] == 3).all()
    with pytest.raises(ValueError, match="several must be at most 6"):
        counting.in_model(model, names, 3, length=60, lists=3, shares=(0.1,))
    with pytest.raises(ValueError, match="lists must be at least 2, got 1"):
        counting.in_model(model, names, 3, length=60, lists=1, shares=(0.1,), several=4)


def test_doctests():
    results = doctest.testmod(sampled)
    assert results.attempted > 0 == results.failed


def test_errors_of_a_right_and_a_wrong_answer():
    module = sim.load("aggregation")
    world = module.World(3, 0)
    keys, values, true = world.text(200)
    assert keys.shape == (1, 200, module.DIM)
    assert values.shape == (1, 200, module.WORDS + module.SIDES + 1)
    assert true[0, : module.WORDS].sum() == pytest.approx(1)
    assert set(module.errors(true, true).values()) == {0.0}
    wrong = np.zeros_like(true)
    wrong[0, int(np.argmin(true[0, : module.WORDS]))] = 1
    found = module.errors(wrong, true)
    assert found["majority"] == 1
    assert found["count"] == pytest.approx(1 - true[0, : module.WORDS].min())
    few, many = (module.drawn_law("count", k, true) for k in (4, 400))
    draws = np.random.default_rng(0).multinomial(
        4, true[0, : module.WORDS] / true[0, : module.WORDS].sum(), size=4000
    )
    assert few == pytest.approx(np.abs(draws / 4 - true[0, : module.WORDS]).sum(axis=1).mean() / 2, rel=0.01)
    assert many < few / 5


@pytest.fixture(scope="module")
def numbers():
    return sim.plain(sim.load("aggregation").simulate(quick=True, seed=0))


@jitted
def test_top_keys_fail_and_bundles_count(numbers):
    few, many = numbers["codes"]
    one = numbers["shares"].index(0.01)
    for entry in (few, many):
        rules = entry["rules"]
        for task, least in (("count", 0.4), ("majority", 0.15)):
            assert entry["softmax"][task]["mean"] < 0.02
            assert rules["bundles"][task][one]["mean"] < 0.02
            assert rules["top-k"][task][one]["mean"] > least
            assert rules["drawn"][task][-1]["mean"] < rules["top-k"][task][-1]["mean"]
        assert rules["top-k"]["missed"][one]["mean"] > 0.3 > rules["bundles"]["missed"][one]["mean"]
        assert entry["identity"]["worst"] < 1e-12
    # what bundles do not bring back: a part that none of them singles out
    assert few["rules"]["bundles"]["mean"][-2]["mean"] < 1.3 * few["softmax"]["mean"]["mean"]
    assert many["rules"]["bundles"]["mean"][one]["mean"] > 1.3 * many["softmax"]["mean"]["mean"]


@jitted
def test_draws_follow_their_law(numbers):
    rules = numbers["codes"][0]["rules"]
    for i in range(len(numbers["shares"])):
        assert rules["drawn"]["count"][i]["mean"] == pytest.approx(rules["law"]["count"][i]["mean"], rel=0.35)


@jitted
def test_a_figure_is_drawn_from_the_written_numbers_alone(numbers):
    module = sim.load("aggregation")
    told = {"mean": 0.5, "half": 0.1}
    row = {"kl": told, "own_kl": told, "power": 0.5, "more_kl": told, "more_loss": told}
    rules = {rule: [row, row] for rule in module.RULES}
    model = {
        "length": 100,
        "lists": 3,
        "counts": [4, 10],
        "several": 4,
        "uniform": 0.2,
        "softmax": row,
        "rules": rules,
    }
    for found in (None, model):
        drawn = module.draw(json.loads(json.dumps(numbers | {"model": found}, allow_nan=False)))
        assert len(drawn.axes) == 6
        assert all(ax.get_title() and ax.get_xlabel() and ax.get_ylabel() for ax in drawn.axes)
        plt.close(drawn)


def test_top_k_reads_the_winners_alone():
    """The task's own premise: of equal scores the k earliest win, whatever the others say."""
    keys, values = np.zeros((1, 50, 4), np.float32), np.zeros((1, 50, 1), np.float32)
    values[0, 5:] = 1
    read = KWTA(5)(np.ones((1, 1, 4), np.float32), keys, values, seen=np.array([50]))
    assert read[0, 0, 0] == 0
