"""Experts: slow twins, finite differences, the block view to 1e-12, exact drops, routers that learn, bad sizes."""

import doctest
import importlib
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hdspike import bits
from hdspike.sparsity import expert_load, gating
from hdspike.sparsity.block_view import block_view
from hdspike.sparsity.expert_routing import HashRouter, HypervectorRouter, Projected, Thermometers
from hdspike.sparsity.experts import ROUTINGS, Experts, experts_perceptron, hidden_for, mixture_of, router
from hdspike.sparsity.gating import GATES, SoftmaxRouter
from hdspike.sparsity.layer import Linear
from hdspike.sparsity.task import digits
from hdspike.sparsity.training import Network, cross_entropy, perceptron, train
from tests.naive import sparse_experts as naive

SIZES = st.integers(1, 5).flatmap(lambda experts: st.tuples(st.just(experts), st.integers(1, experts)))
BATCH = st.integers(0, 5)
SEEDS = st.integers(0, 999)
MODULES = ("gating", "expert_load", "experts", "expert_routing", "block_view")


def assignments(random: np.random.Generator, tokens: int, experts: int, active: int) -> np.ndarray:
    """Every token draws its experts at random."""
    return random.random((tokens, experts)).argsort(axis=1)[:, :active]


@given(size=SIZES, tokens=BATCH, gates=st.sampled_from(GATES), seed=SEEDS)
def test_routing_is_its_slow_twin(size: tuple[int, int], tokens: int, gates: str, seed: int) -> None:
    experts, active = size
    scores = np.random.default_rng(seed).integers(-2, 3, (tokens, experts)) / 2  # with ties
    chosen = gating.top_k(scores, active)
    assert chosen.shape == (tokens, active)
    assert chosen.tolist() == [naive.top_k(row, active) for row in scores]
    expected = [naive.gates(row, own, gates) for row, own in zip(scores, chosen, strict=True)]
    np.testing.assert_allclose(
        gating.gates_of(scores, chosen, gates=gates), np.reshape(expected, chosen.shape), atol=1e-14
    )
    if tokens:
        loss, _ = gating.balance_loss(gating.softmax(scores), chosen, alpha=0.3)
        shares = [naive.softmax(row) for row in scores]
        assert loss == pytest.approx(naive.balance_loss(shares, chosen.tolist(), 0.3), abs=1e-14)


@given(size=SIZES, tokens=BATCH, seed=SEEDS)
def test_softmax_of_the_chosen_is_the_renormalised_softmax(
    size: tuple[int, int], tokens: int, seed: int
) -> None:
    scores = np.random.default_rng(seed).standard_normal((tokens, size[0])) * 5
    chosen = gating.top_k(scores, size[1])
    one, other = (gating.gates_of(scores, chosen, gates=gates) for gates in ("renormalised", "chosen"))
    np.testing.assert_allclose(one, other, rtol=1e-12)


@given(size=SIZES, tokens=BATCH, places=st.integers(0, 4), seed=SEEDS)
def test_places_are_taken_in_turn(size: tuple[int, int], tokens: int, places: int, seed: int) -> None:
    experts, active = size
    chosen = assignments(np.random.default_rng(seed), tokens, experts, active)
    found = expert_load.kept(chosen, places, experts)
    assert found.shape == chosen.shape
    assert found.tolist() == naive.kept(chosen.tolist(), places, experts)


@given(size=SIZES, tokens=st.integers(1, 5), seed=SEEDS)
def test_utilisation_is_its_slow_twin(size: tuple[int, int], tokens: int, seed: int) -> None:
    chosen = assignments(np.random.default_rng(seed), tokens, *size)
    found = expert_load.utilisation(chosen, size[0])
    share, effective, variation, idle = naive.utilisation(chosen.tolist(), size[0])
    np.testing.assert_allclose(found.share, share)
    assert found.effective == pytest.approx(effective)
    assert found.variation == pytest.approx(variation, abs=1e-12)
    assert found.idle == idle


@pytest.mark.parametrize("size", [(1, 1), (2, 1), (3, 1), (3, 2), (4, 2), (4, 3), (4, 4)])
def test_expected_drops_are_those_of_all_ways_to_choose(size: tuple[int, int]) -> None:
    for tokens in (1, 2, 3):
        for places in range(5):
            exact = float(naive.expected_dropped(tokens, places, *size))
            law = expert_load.expected_dropped(tokens, places, experts=size[0], active=size[1])
            assert law == pytest.approx(exact, abs=1e-14)


@pytest.mark.parametrize("share", [[1.0], [0.5, 0.5], [0.7, 0.2, 0.1], [1.0, 0.0, 0.0]])
def test_expected_drops_of_uneven_shares_are_those_of_all_ways_to_choose(share: list[float]) -> None:
    for tokens in (1, 2, 4):
        for places in range(5):
            law = expert_load.expected_dropped(tokens, places, experts=len(share), active=1, share=share)
            assert law == pytest.approx(naive.expected_dropped_by_share(tokens, places, share), abs=1e-14)


def test_random_routing_drops_what_is_expected() -> None:
    random = np.random.default_rng(0)
    dropped = [1 - expert_load.kept(assignments(random, 64, 8, 2), 20, 8).mean() for _ in range(400)]
    law = expert_load.expected_dropped(64, 20, experts=8, active=2)
    assert np.mean(dropped) == pytest.approx(law, abs=4 * np.std(dropped) / 20)
    assert expert_load.expected_dropped(0, 0, experts=3, active=1) == 0
    assert expert_load.expected_dropped(7, 0, experts=3, active=1) == pytest.approx(1)


ROUTERS = st.sampled_from(ROUTINGS)


@given(
    size=SIZES, tokens=BATCH, name=ROUTERS, factor=st.sampled_from([None, 0.1, 1.0]), n_in=st.sampled_from([1, 3, 8]),
    seed=SEEDS,
)  # fmt: skip
def test_layer_is_its_slow_twin(
    size: tuple[int, int], tokens: int, name: str, factor: float | None, n_in: int, seed: int
) -> None:
    random = np.random.default_rng(seed)
    chosen = router(name, n_in, experts=size[0], active=size[1], dtype=np.float64, rng=random)
    layer = Experts(n_in, 3, 2, router=chosen, capacity_factor=factor, dtype=np.float64, rng=random)
    for bias in ("b1", "b2"):
        layer.parameters[bias][...] = random.standard_normal(layer.parameters[bias].shape)
    x = random.random((tokens, n_in))
    y = layer.forward(x)
    assert layer.routing is not None
    assert layer.kept is not None
    weights = [layer.parameters[part].tolist() for part in ("W1", "b1", "W2", "b2")]
    own = layer.routing.experts.tolist(), layer.routing.gates.tolist(), layer.kept.tolist()
    expected = np.reshape(naive.forward(x.tolist(), weights, *own), y.shape)
    np.testing.assert_allclose(y, expected, atol=1e-12)  # one token after the other
    np.testing.assert_allclose(layer.forward(x, training=True), expected, atol=1e-12)  # expert by expert
    if factor is not None:
        places = expert_load.capacity(factor, tokens, experts=size[0], active=size[1])
        assert layer.kept.tolist() == naive.kept(own[0], places, size[0])
    else:
        assert layer.kept.all()


@given(size=SIZES, tokens=BATCH, name=ROUTERS, factor=st.sampled_from([None, 0.5]), seed=SEEDS)
def test_a_mixture_is_one_matrix_times_a_block_sparse_vector(
    size: tuple[int, int], tokens: int, name: str, factor: float | None, seed: int
) -> None:
    random = np.random.default_rng(seed)
    chosen = router(name, 5, experts=size[0], active=size[1], dtype=np.float64, rng=random)
    layer = Experts(5, 7, 3, router=chosen, capacity_factor=factor, dtype=np.float64, rng=random)
    for bias in ("b1", "b2"):
        layer.parameters[bias][...] = random.standard_normal(layer.parameters[bias].shape)
    x = random.random((tokens, 5))
    view, y = block_view(layer, x), layer.forward(x)
    assert view.vector.shape == (tokens, 8 * size[0])
    assert np.abs(view.product - y).max(initial=0) <= 1e-12
    assert np.abs(view.product - layer.forward(x, training=True)).max(initial=0) <= 1e-12
    blocks = view.vector[:, : 7 * size[0]].reshape(tokens, size[0], 7).any(axis=2)
    assert (blocks.sum(axis=1) <= size[1]).all()
    if factor is None and tokens:
        assert view.nonzero_blocks == pytest.approx(size[1] / size[0])


@pytest.mark.parametrize(
    ("gates", "balance", "factor", "active"),
    [("all", "loss", None, 1), ("all", "none", 0.8, 2), ("renormalised", "loss", None, 2), ("chosen", "loss", 0.8, 3),
     ("chosen", "bias", None, 2), ("all", "loss", None, 4)],
)  # fmt: skip
def test_gradients_are_finite_differences(
    gates: str, balance: str, factor: float | None, active: int
) -> None:
    random = np.random.default_rng(1)
    chosen = SoftmaxRouter(
        5,
        experts=4,
        active=active,
        gates=gates,
        balance=balance,
        alpha=0.7,
        bias_rate=0,
        dtype=np.float64,
        rng=random,
    )
    layer = Experts(5, 3, 6, router=chosen, capacity_factor=factor, dtype=np.float64, rng=random)
    network = Network([layer, Linear(6, 3, dtype=np.float64, rng=random)])
    x, labels = random.standard_normal((9, 5)), random.integers(0, 3, 9)

    def loss() -> float:
        total = cross_entropy(network.forward(x), labels)[0]
        if balance == "loss":
            shares = gating.softmax(x @ chosen.parameters["W"])
            total += gating.balance_loss(shares, gating.top_k(shares, active), alpha=0.7)[0]
        return total

    _, slope = cross_entropy(network.forward(x, training=True), labels)
    assert factor is None or (layer.kept is not None and not layer.kept.all())
    layer.forward(x[:2])  # what is asked in between does not disturb
    down = network.backward(slope)
    assert set(layer.gradients) == {"W1", "b1", "W2", "b2", "W_router"}
    step = 1e-6
    for array, gradient in [(layer.parameters[name], layer.gradients[name]) for name in layer.gradients] + [
        (x, down)
    ]:
        for place in np.ndindex(array.shape):
            held = array[place]
            array[place] = held + step
            high = loss()
            array[place] = held - step
            low = loss()
            array[place] = held
            assert gradient[place] == pytest.approx((high - low) / (2 * step), abs=2e-8)


def test_one_expert_is_the_dense_perceptron() -> None:
    dense = perceptron((6, 9, 5, 3), rng=0, dtype=np.float64)
    mixed = experts_perceptron(
        (6, 5, 3), experts=1, active=1, hidden=9, gates="chosen", dtype=np.float64, rng=1
    )
    own, last = mixed.layers[0].parameters, mixed.linear[0].parameters
    own["W1"][0], own["W2"][0], last["W"][...] = (layer.weights for layer in dense.linear)
    x = np.random.default_rng(2).standard_normal((4, 6))
    np.testing.assert_allclose(mixed.forward(x), dense.forward(x), atol=1e-13)
    assert mixed.cost().macs == dense.cost().macs + 6  # the router's


def test_the_balance_loss_is_alpha_where_all_is_even() -> None:
    even = np.full((8, 4), 0.25)
    assert gating.balance_loss(even, np.arange(8)[:, None] % 4)[0] == pytest.approx(0.01)
    assert gating.balance_loss(even, np.zeros((8, 1), dtype=int))[0] == pytest.approx(0.01)
    one = np.zeros((8, 4))
    one[:, 2] = 1
    loss, slope = gating.balance_loss(one, np.full((8, 1), 2), alpha=0.01)
    assert loss == pytest.approx(0.04)
    np.testing.assert_allclose(slope[0], [0, 0, 0.01 * 4 / 8, 0])
    assert gating.balance_loss(np.zeros((0, 4)), np.zeros((0, 2), dtype=int))[0] == 0


def test_the_bias_evens_out_what_the_scores_do_not() -> None:
    """Scores that favour expert 0: the bias sends the others their share, and leaves the gates alone."""
    random = np.random.default_rng(0)
    made = SoftmaxRouter(4, experts=4, active=1, balance="bias", bias_rate=0.004, rng=0)
    made.parameters["W"][...] = 0.3 * random.standard_normal((4, 4))
    made.parameters["W"][:, 0] += 1
    x = random.random((256, 4)).astype(np.float32)
    before = expert_load.utilisation(made.route(x).experts, 4)
    for _ in range(300):
        made.route(x, training=True)
    routing = made.route(x)
    after = expert_load.utilisation(routing.experts, 4)
    assert before.effective < 1.5 < 3.5 < after.effective
    shares = gating.softmax(x @ made.parameters["W"])
    np.testing.assert_allclose(routing.gates, np.take_along_axis(shares, routing.experts, 1))


@given(
    size=SIZES,
    code=st.sampled_from([(1, 2), (9, 8), (8, 9), (13, 6), (16, 9)]),
    tokens=BATCH,
    boost=st.sampled_from([0.0, 1.0, 2.5]),
    seed=SEEDS,
)
def test_routing_by_hypervectors_is_its_slow_twin(
    size: tuple[int, int], code: tuple[int, int], tokens: int, boost: float, seed: int
) -> None:
    """Features and levels that make 1, 63, 64, 65 and 128 bits."""
    random = np.random.default_rng(seed)
    n_in, levels = code
    encoder = Thermometers(n_in, levels=levels)
    made = HypervectorRouter(n_in, experts=size[0], active=size[1], encoder=encoder, boost=boost, rng=random)
    assert made.parameters["anchors"].shape[1] == n_in * (levels - 1)
    slow = naive.HypervectorRouter(made.parameters["anchors"].tolist(), boost)
    for _ in range(3):
        x = random.random((tokens, n_in))
        coded = [naive.thermometer(row, levels) for row in x.tolist()]
        found = made.route(x, training=True)
        expected = slow.route(coded, size[1])
        assert found.experts.tolist() == expected
        assert (found.gates == 1 / size[1]).all()
        if tokens:
            slow.learn(coded, expected)
        assert made.parameters["anchors"].tolist() == slow.counters
        assert made.parameters["bias"].tolist() == slow.bias
        assert made.route(x).experts.tolist() == slow.route(coded, size[1])  # without training nothing moves


def test_an_anchor_is_the_bundle_of_the_tokens_it_won() -> None:
    x = np.random.default_rng(0).random((41, 64))
    made = HypervectorRouter(64, experts=1, active=1, rng=1)
    made.parameters["anchors"][...] = 0
    made.route(x, training=True)
    ones = bits.unpack(made.encoder(x), 128).sum(axis=0)
    assert ((made.parameters["anchors"] > 0) == (ones > 20)).all()
    assert made.backward(np.zeros((41, 1))) is None
    assert made.gradients == {}


def test_boosting_keeps_experts_alive() -> None:
    """Two clusters, six experts: without homeostasis most never win; with it all do, in turns."""
    random = np.random.default_rng(3)
    centres = random.random((2, 20))
    x = np.clip(centres[random.integers(2, size=300)] + 0.1 * random.standard_normal((300, 20)), 0, 1)
    found = {}
    for boost in (0.0, 1.0):
        made = HypervectorRouter(
            20, experts=6, active=1, encoder=Thermometers(20, levels=9), boost=boost, rng=4
        )
        won = [made.route(x[low % 300 : low % 300 + 30], training=True).experts for low in range(0, 6000, 30)]
        found[boost] = expert_load.utilisation(np.concatenate(won[100:]), 6)
    assert found[0.0].idle >= 3
    assert found[1.0].idle == 0
    assert found[1.0].effective > found[0.0].effective + 2


def test_neighbours_share_experts_by_hypervectors_and_not_by_hash() -> None:
    random = np.random.default_rng(5)
    x = random.random((200, 30))
    near = np.clip(x + 0.01 * random.standard_normal(x.shape), 0, 1)
    made = {name: router(name, 30, experts=8, active=1, rng=6) for name in ("anchors", "hash")}
    same = {name: float((r.route(x).experts == r.route(near).experts).mean()) for name, r in made.items()}
    assert same["anchors"] > 0.8
    assert same["hash"] < 0.3
    assert (made["hash"].route(x).experts == made["hash"].route(x.astype(np.float64)).experts).all()
    for one in made.values():
        assert (one.route((x > 0.5).astype(np.int64)).gates == 1).all()
    before = made["anchors"].parameters["anchors"].copy()
    made["anchors"].route(x, training=True)
    assert (made["anchors"].parameters["anchors"] == before).all()


def test_projections_are_about_the_mean_of_the_beginning() -> None:
    """Far from the origin all signs agree; about the mean they tell the tokens apart."""
    x = 1000 + np.random.default_rng(0).standard_normal((50, 8))
    made = HypervectorRouter(8, experts=4, active=1, encoder="projection", rng=0)
    assert expert_load.utilisation(made.route(x).experts, 4).effective < 1.1
    made.route(x, training=True)
    assert expert_load.utilisation(made.route(x).experts, 4).effective > 2
    code = Projected(8, dim=64, seed=3)
    assert HypervectorRouter(8, experts=4, active=1, encoder=code, rng=0).encoder is code
    assert (code.macs, code.bytes) == (512, 2048)


def test_costs_by_hand() -> None:
    layer = Experts(5, 7, 3, router=SoftmaxRouter(5, experts=4, active=2, rng=0), rng=0)
    one = 5 * 7 + 7 + 7 * 3 + 3
    cost = layer.cost()
    assert (cost.stored, cost.active) == (4 * one + 20, 2 * one + 20)
    assert (cost.stored_bytes, cost.active_bytes) == (4 * cost.stored, 4 * cost.active)
    assert cost.macs == 2 * 7 * 8 + 20
    layer.capacity_factor = 0.5
    layer.forward(
        np.ones((8, 5), dtype=np.float32)
    )  # all alike: two of eight find a place at each of two experts
    assert layer.cost().active == 4 / 8 * one + 20
    assert SoftmaxRouter(5, experts=4, active=2, balance="bias", rng=0).cost().stored == 24
    made = HypervectorRouter(16, experts=4, active=2, rng=0)
    assert made.work() == {"macs": 0, "xors": 4}
    assert (made.cost().stored, made.cost().stored_bytes, made.cost().macs) == (4 * 33, 4 * 4 + 16, 4)
    made = HypervectorRouter(16, experts=4, active=2, encoder="projection", rng=0)
    assert made.work() == {"macs": 16 * 512, "xors": 32}
    assert made.cost().active_bytes == 4 * 64 + 16 + 4 * 16 * 512
    assert SoftmaxRouter(5, experts=4, active=2, rng=0).work() == {"macs": 20, "xors": 0}
    assert HashRouter(5, experts=4, active=2, rng=0).cost().stored == 0


@pytest.mark.parametrize("routing", ROUTINGS)
@pytest.mark.parametrize("by", ["active", "stored"])
def test_hidden_for_fills_the_budget_and_no_more(routing: str, by: str) -> None:
    size = {"experts": 8, "active": 2, "routing": routing}
    hidden = hidden_for((64, 100, 10), 50_610, by=by, **size)
    made = [
        getattr(experts_perceptron((64, 100, 10), hidden=h, rng=0, **size).cost(), by)
        for h in (hidden, hidden + 1)
    ]
    assert made[0] <= 50_610 < made[1]


@pytest.mark.parametrize("routing", ROUTINGS)
def test_mixtures_learn_and_come_back(routing: str) -> None:
    task = digits(rng=0)
    network = experts_perceptron((64, 40, 10), experts=4, active=2, hidden=24, routing=routing, rng=0)
    begun = network.state()
    took = train(network, task.train_x, task.train_y, epochs=4, rate=5e-3, rng=1)
    assert took.losses[-1] < took.losses[0] / 2.5
    assert took.flops > 0
    accuracy = network.accuracy(task.test_x, task.test_y)
    assert accuracy > (0.7 if routing == "hash" else 0.85)
    moved = [k for k, v in begun[0].items() if (v != mixture_of(network).parameters[k]).any()]
    own = {
        "softmax": {"W_router"},
        "hypervectors": {"anchors_router", "bias_router"},
        "anchors": {"bias_router"},
    }
    assert set(moved) == {"W1", "b1", "W2", "b2"} | own.get(routing, set())
    held, scores = network.state(), network.forward(task.test_x)
    network.restore(begun)
    assert (network.forward(task.test_x) != scores).any()
    network.restore(held)
    assert (network.forward(task.test_x) == scores).all()


def test_the_same_seed_gives_the_same_mixture() -> None:
    x = np.random.default_rng(0).random((3, 6)).astype(np.float32)
    for routing in ROUTINGS:
        made = [
            experts_perceptron((6, 5, 2), experts=3, active=1, hidden=4, routing=routing, rng=7)
            for _ in range(2)
        ]
        assert all((one.forward(x) == other.forward(x)).all() for one, other in pairwise(made))


SOFTMAX = {"experts": 4, "active": 2, "rng": 0}


@pytest.mark.parametrize(
    ("call", "kind", "message"),
    [
        (
            lambda: SoftmaxRouter(3, experts=2, active=3, rng=0),
            ValueError,
            "active must be at most .* 2, got 3",
        ),
        (
            lambda: SoftmaxRouter(3, experts=2, active=0, rng=0),
            ValueError,
            "active must be at least 1, got 0",
        ),
        (
            lambda: SoftmaxRouter(3, experts=0, active=1, rng=0),
            ValueError,
            "experts must be at least 1, got 0",
        ),
        (lambda: SoftmaxRouter(3, experts=2.0, active=1, rng=0), TypeError, "experts must be an integer"),
        (lambda: HypervectorRouter(3, experts=2, active=3, rng=0), ValueError, "active must be at most"),
        (lambda: HashRouter(3, experts=2, active=3, rng=0), ValueError, "active must be at most"),
        (lambda: SoftmaxRouter(0, **SOFTMAX), ValueError, "n_in must be at least 1"),
        (lambda: SoftmaxRouter(3, gates="most", **SOFTMAX), ValueError, "gates must be one of all"),
        (lambda: SoftmaxRouter(3, balance="", **SOFTMAX), ValueError, "balance must be one of"),
        (lambda: SoftmaxRouter(3, alpha=-1, **SOFTMAX), ValueError, "alpha must be a finite number"),
        (lambda: SoftmaxRouter(3, bias_rate=np.nan, **SOFTMAX), ValueError, "bias_rate must be a finite"),
        (lambda: HypervectorRouter(3, boost=np.inf, **SOFTMAX), ValueError, "boost must be a finite number"),
        (lambda: HypervectorRouter(3, encoder="eye", **SOFTMAX), ValueError, "encoder must be one of"),
        (lambda: Thermometers(3, levels=1), ValueError, "levels must be at least 2"),
        (lambda: Thermometers(3, low=1, high=0), ValueError, "low must be below high"),
        (lambda: gating.top_k([[np.nan, 1.0]], 1), ValueError, "scores must be finite, got nan"),
        (lambda: gating.top_k([[np.inf, 1.0]], 1), ValueError, "scores must be finite, got inf"),
        (lambda: gating.top_k([1.0, 2.0], 1), ValueError, r"scores must be numbers \(n, E\)"),
        (lambda: gating.top_k([["a"]], 1), ValueError, "scores must be numbers"),
        (lambda: gating.top_k([[1.0, 2.0]], 3), ValueError, "active must be at most"),
        (
            lambda: expert_load.capacity(0, 5, experts=2, active=1),
            ValueError,
            "factor must be a finite number",
        ),
        (
            lambda: expert_load.capacity(-1.0, 5, experts=2, active=1),
            ValueError,
            "factor must be .*above 0, got -1",
        ),
        (lambda: expert_load.capacity(np.nan, 5, experts=2, active=1), ValueError, "factor must be"),
        (lambda: expert_load.capacity(True, 5, experts=2, active=1), ValueError, "factor must be"),
        (lambda: expert_load.kept(np.array([[2]]), 1, 2), ValueError, r"experts must be in \[0, 2\), got 2"),
        (lambda: expert_load.kept(np.array([[0.5]]), 1, 2), TypeError, "experts must have dtype int64"),
        (lambda: expert_load.kept(np.array([[0]]), -1, 2), ValueError, "places must be at least 0"),
        (
            lambda: expert_load.utilisation(np.zeros((0, 2), int), 2),
            ValueError,
            "experts must hold at least one",
        ),
        (
            lambda: expert_load.expected_dropped(5, 1, experts=2, active=3),
            ValueError,
            "active must be at most",
        ),
        (
            lambda: Experts(3, 0, 2, router=SoftmaxRouter(3, **SOFTMAX), rng=0),
            ValueError,
            "hidden must be at least 1",
        ),
        (
            lambda: Experts(3, 1, 2, router=SoftmaxRouter(3, **SOFTMAX), capacity_factor=0, rng=0),
            ValueError,
            "factor must be",
        ),
        (lambda: router("best", 3, **SOFTMAX), ValueError, "routing must be one of softmax"),
        (lambda: experts_perceptron((3,), hidden=2, **SOFTMAX), ValueError, "widths must name"),
        (
            lambda: hidden_for((3, 2), 5, by="active", experts=4, active=2),
            ValueError,
            "budget must be finite and at least 28, .*got 5",
        ),
        (lambda: hidden_for((3, 2), 500, by="bytes", experts=4, active=2), ValueError, "by must be one of"),
        (lambda: mixture_of(perceptron((3, 2), rng=0)), ValueError, "network must have a layer of experts"),
        (
            lambda: router("softmax", 3, **SOFTMAX).route(np.full((1, 3), np.nan)),
            ValueError,
            "scores must be finite",
        ),
        (lambda: router("hash", 3, **SOFTMAX).route(np.full((1, 3), np.nan)), ValueError, "x must be finite"),
        (
            lambda: router("anchors", 3, **SOFTMAX).route(np.full((1, 3), np.nan)),
            ValueError,
            "x must be finite",
        ),
    ],
)
def test_bad_sizes_are_refused(call, kind: type[Exception], message: str) -> None:
    with pytest.raises(kind, match=message):
        call()


@pytest.mark.parametrize("module", MODULES)
def test_doctests(module: str) -> None:
    results = doctest.testmod(importlib.import_module(f"hdspike.sparsity.{module}"))
    assert results.attempted > 0
    assert results.failed == 0
