"""RigL, SET, static masks and SRigL: the steps against slow twins, what never changes, FLOPs by hand, and learning."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hdspike.sparsity.constant_fan_in import ConstantFanIn
from hdspike.sparsity.layer import Linear
from hdspike.sparsity.rigl import (
    RigL,
    drop_and_grow,
    erk_densities,
    mean_step_flops,
    nonzeros,
    random_mask,
)
from hdspike.sparsity.srigl import SRigL, ablated, constant_fan_in_mask, drop_and_grow_evenly, fan_ins
from hdspike.sparsity.task import digits
from hdspike.sparsity.training import Adam, perceptron, train
from tests.naive import sparse_rigl as naive

WIDTHS = st.sampled_from([1, 2, 3, 7, 8, 9])
SHAPES = st.lists(st.tuples(st.integers(1, 70), st.integers(1, 70)), min_size=1, max_size=4)
LENET = [(784, 300), (300, 100), (100, 10)]


def coarse(random, shape):
    """Numbers with many ties."""
    return random.integers(-2, 3, shape).astype(float)


@given(n_in=WIDTHS, n_out=WIDTHS, share=st.floats(0, 1), ties=st.booleans(), seed=st.integers(0, 999))
def test_drop_and_grow_is_its_slow_twin(n_in, n_out, share, ties, seed) -> None:
    random, shape = np.random.default_rng(seed), (n_in, n_out)
    draw = coarse if ties else lambda random, shape: random.standard_normal(shape)
    mask = random.random(shape) < random.random()
    weights, grow = draw(random, shape) * mask, np.abs(draw(random, shape))
    many = int(share * mask.sum()) + (seed % 5 == 0)  # at times more than there are
    found = drop_and_grow(weights, mask, grow, many)
    flat = [a.ravel().tolist() for a in (weights, mask, grow)]
    assert found.ravel().tolist() == naive.drop_and_grow(*flat, many)
    assert found.sum() == mask.sum()


@given(shapes=SHAPES, sparsity=st.floats(0, 0.999))
def test_erk_densities_sum_to_the_total(shapes, sparsity) -> None:
    """Exact part: what is asked for is what there is, whatever is capped."""
    found, sizes = erk_densities(shapes, sparsity), [a * b for a, b in shapes]
    assert all(0 < d <= 1 for d in found)
    assert np.dot(found, sizes) == pytest.approx((1 - sparsity) * sum(sizes), rel=1e-12)
    np.testing.assert_allclose(found, naive.erk_densities(shapes, sparsity), rtol=1e-9)
    for distribution in ("erk", "uniform"):
        counts = nonzeros(shapes, sparsity, distribution)
        assert sum(counts) == round((1 - sparsity) * sum(sizes))
        assert all(0 <= c <= n for c, n in zip(counts, sizes, strict=True))
    assert all(
        abs(c - d * n) < 1 + 1e-6 for c, d, n in zip(nonzeros(shapes, sparsity), found, sizes, strict=True)
    )


def test_erk_of_lenet_by_hand() -> None:
    """At 98 %: ε = 5,324 ÷ (1,084 + 400 + 110); at 90 % the last layer is full and ε is solved for the others."""
    scale = 0.02 * 266_200 / (1_084 + 400 + 110)
    assert erk_densities(LENET, 0.98) == pytest.approx(
        [scale * 1_084 / 235_200, scale * 400 / 30_000, scale * 0.11]
    )
    scale = (26_620 - 1_000) / (1_084 + 400)
    assert erk_densities(LENET, 0.9) == pytest.approx([scale * 1_084 / 235_200, scale * 400 / 30_000, 1])


@given(shapes=SHAPES, sparsity=st.floats(0, 0.99), distribution=st.sampled_from(["erk", "uniform"]))
def test_fan_ins_stay_in_the_budget(shapes, sparsity, distribution) -> None:
    found = fan_ins(shapes, sparsity, distribution)
    assert all(1 <= f <= n_in for f, (n_in, _) in zip(found, shapes, strict=True))
    total = sum(f * n_out for f, (_, n_out) in zip(found, shapes, strict=True))
    most = round((1 - sparsity) * sum(a * b for a, b in shapes))
    if min(found) > 1:  # one weight is the least, even where the budget has none
        assert total <= most


@given(n_in=WIDTHS, n_out=WIDTHS, ties=st.booleans(), seed=st.integers(0, 999))
def test_the_steps_of_srigl_are_their_slow_twins(n_in, n_out, ties, seed) -> None:
    random, shape = np.random.default_rng(seed), (n_in, n_out)
    draw = coarse if ties else lambda random, shape: random.standard_normal(shape)
    mask = constant_fan_in_mask(shape, int(random.integers(1, n_in + 1)), rng=random)
    mask[:, random.random(n_out) < 0.2] = False
    weights, gradient = draw(random, shape) * mask, draw(random, shape)
    many, least = int(random.random() * mask.sum()), int(random.integers(0, 4))
    budget = int(random.integers(1, n_in * n_out + 1))
    dead = ablated(weights, mask, gradient, many, least=least, budget=budget)
    lists = [a.tolist() for a in (weights, mask, gradient)]
    assert dead.tolist() == naive.ablated(*lists, many, least, budget)
    silent, fan_in = random.random(n_in) < 0.3, int(random.integers(1, n_in + 1))
    found = drop_and_grow_evenly(weights, mask, gradient, many, fan_in=fan_in, dead=dead, silent=silent)
    assert found.tolist() == naive.drop_and_grow_evenly(*lists, many, fan_in, dead, silent)
    assert (found.sum(axis=0) == np.where(dead, 0, fan_in)).all()


class Watched:
    """A rule with its masks and FLOPs written down after every step."""

    def __init__(self, rule):
        self.rule, self.masks, self.extra = rule, [], []

    def begin(self, network, steps):
        self.rule.begin(network, steps)
        self.masks.append([layer.mask.copy() for layer in network.linear])

    def before(self, network, step):
        self.rule.before(network, step)

    def after(self, network, step, optimiser):
        before = [layer.weights.copy() for layer in network.linear]
        extra = self.rule.after(network, step, optimiser)
        self.extra.append(extra)
        for layer, old, held in zip(network.linear, self.masks[-1], before, strict=True):
            kept = layer.mask & old
            assert (layer.weights[kept] == held[kept]).all() and not layer.weights[~kept].any()
            first, second = optimiser.moments[network.layers.index(layer), "W"]
            assert not first[layer.mask & ~old].any() and not second[layer.mask & ~old].any()
        self.masks.append([layer.mask.copy() for layer in network.linear])
        return extra


def watched(rule, *, epochs=4, samples=48, batch=16, widths=(12, 9, 4)):
    random = np.random.default_rng(0)
    x, labels = (
        random.standard_normal((samples, widths[0])).astype(np.float32),
        random.integers(0, 4, samples),
    )
    network, watch = perceptron(widths, rng=1), Watched(rule)
    took = train(network, x, labels, epochs=epochs, batch=batch, rate=1e-2, rule=watch, rng=2)
    return network, watch, took


@pytest.mark.parametrize("grow", ["gradient", "random", "nothing"])
@pytest.mark.parametrize("distribution", ["erk", "uniform"])
def test_the_number_of_weights_never_changes(grow, distribution) -> None:
    """Exact part: every layer keeps its count at every step; what is grown is zero and has no moments (Watched)."""
    _, watch, took = watched(RigL(0.7, grow=grow, every=2, distribution=distribution, rng=0))
    counts = [[int(mask.sum()) for mask in masks] for masks in watch.masks]
    assert counts == [nonzeros([(12, 9), (9, 4)], 0.7, distribution)] * 13
    moves = [
        any((a != b).any() for a, b in zip(now, then, strict=True))
        for now, then in zip(watch.masks[1:], watch.masks, strict=False)
    ]
    due = [grow != "nothing" and (step + 1) % 2 == 0 and step + 1 <= 9 for step in range(took.steps)]
    assert not any(moved and not d for moved, d in zip(moves, due, strict=True))
    assert any(moves) == (grow != "nothing") and not any(moves[9:])  # 75 % of 12 steps
    assert (watch.rule.moved > 0) == (grow != "nothing")


def test_what_is_grown_has_the_largest_gradient() -> None:
    """One move by hand: the least |w| goes, the largest gradient of what does not exist comes."""
    network = perceptron((2, 2), rng=0)
    (layer,) = network.linear
    layer.set_mask(np.array([[True, False], [True, False]]))
    layer.weights[...] = [[0.1, 0], [2, 0]]
    rule = RigL(0.5, every=1, fraction=1.0, rng=0)
    rule.last = 4
    rule.before(network, 0)
    assert layer.explore
    layer.forward(np.array([[3, 1]], dtype=np.float32), training=True)
    layer.backward(np.array([[0.5, -1]], dtype=np.float32))
    assert rule.share(0) == pytest.approx(0.5 * (1 + np.cos(np.pi / 4)))
    rule.share = lambda step: 0.5
    assert rule.after(network, 0, Adam()) == 2 * 1 * 2  # a dense gradient: two products more, of 2 FLOPs
    assert layer.mask.tolist() == [[False, True], [True, False]] and layer.weights.tolist() == [
        [0, 0],
        [2, 0],
    ]
    assert not layer.explore and layer.dense_gradient is None


def test_the_fraction_decays_by_a_cosine() -> None:
    rule = RigL(0.5, fraction=0.3, rng=0)
    rule.last = 300
    assert rule.share(-1) == pytest.approx(0.3) and rule.share(149) == pytest.approx(0.15)
    assert rule.share(299) == pytest.approx(0, abs=1e-12)


@pytest.mark.parametrize(("grow", "every"), [("gradient", 3), ("random", 3), ("nothing", 3)])
def test_flops_follow_the_convention(grow, every) -> None:
    """(3 f_S ΔT + 2 f_S + f_D) ÷ (ΔT + 1) while connections move, 3 f_S after; f = 2 · products · batch."""
    _, watch, took = watched(RigL(0.7, grow=grow, every=every, rng=0), epochs=4, samples=48, batch=16)
    sparse, dense = 2 * 43 * 16, 2 * (12 * 9 + 9 * 4) * 16
    assert nonzeros([(12, 9), (9, 4)], 0.7)[0] + nonzeros([(12, 9), (9, 4)], 0.7)[1] == 43
    moving = mean_step_flops(sparse, dense, every) if grow == "gradient" else 3 * sparse
    assert took.steps == 12 and took.flops == pytest.approx(9 * moving + 3 * 3 * sparse)
    assert sum(extra > 0 for extra in watch.extra) == (3 if grow == "gradient" else 0)


def test_flops_of_a_dense_step_by_hand() -> None:
    assert mean_step_flops(20, 100, 1) == 2 * 20 + 100
    assert mean_step_flops(20, 100, 101) == (3 * 20 * 100 + 2 * 20 + 100) / 101


@pytest.mark.parametrize(
    "options", [{}, {"grow": "random"}, {"grow": "nothing"}, {"gamma": 0}, {"gamma": 0.9}]
)
def test_fan_in_is_constant_under_srigl(options) -> None:
    """Exact part: after every step each neuron of a layer has the same fan-in, or none; never more than the budget."""
    rule = SRigL(0.6, every=2, fraction=0.5, rng=0, **options)
    network, watch, _ = watched(rule, widths=(12, 9, 6, 4), epochs=6)
    most = round(0.4 * (12 * 9 + 9 * 6 + 6 * 4))
    for masks in watch.masks:
        for mask in masks:
            fan_in = mask.sum(axis=0)
            assert len(set(fan_in[fan_in > 0].tolist())) == 1
        assert masks[-1].any(axis=0).all()  # no class is lost
        assert sum(int(mask.sum()) for mask in masks) <= most
    for layer, dead, fan_in in zip(network.linear, rule.dead, rule.fan_in, strict=True):
        assert (layer.mask.sum(axis=0) == np.where(dead, 0, fan_in)).all()
        assert not layer.parameters["b"][dead].any()
        ConstantFanIn.from_linear(layer)
    if options.get("gamma") == 0.9:
        assert any(dead.any() for dead in rule.dead)
        for dead, layer in zip(rule.dead, network.linear[1:], strict=False):
            if (~dead).sum() >= layer.mask.sum(axis=0).max():
                assert not layer.mask[dead].any()  # nothing listens to what is gone
    else:
        assert options != {"gamma": 0} or not any(dead.any() for dead in rule.dead)


def test_what_rounding_leaves_is_for_ablation() -> None:
    """At 98 % the digits' first layer asks for 1.4 weights a neuron: 300 exist, and 74 more may."""
    rule = SRigL(0.98, rng=0)
    rule.masks([(64, 300), (300, 100), (100, 10)])
    assert rule.fan_in == [1, 5, 13] and rule.budgets == [374, 500, 130] and sum(rule.budgets) == 1004


def test_masks_are_random_and_of_their_size() -> None:
    drawn = np.stack([random_mask((3, 4), 5, rng=seed) for seed in range(400)])
    assert (drawn.sum(axis=(1, 2)) == 5).all() and abs(drawn.mean(axis=0) - 5 / 12).max() < 0.12
    drawn = np.stack([constant_fan_in_mask((3, 4), 2, rng=seed) for seed in range(400)])
    assert (drawn.sum(axis=1) == 2).all() and abs(drawn.mean(axis=0) - 2 / 3).max() < 0.12


def test_sparse_training_learns_and_moving_helps() -> None:
    """Digits at 97 %: RigL far above a static mask of the same cost, both above chance."""
    data = digits(rng=1)
    rules = {
        "rigl": RigL(0.97, every=10, rng=1),
        "srigl": SRigL(0.97, every=10, rng=1),
        "static": RigL(0.97, grow="nothing", rng=1),
    }
    found = {}
    for name, rule in rules.items():
        network = perceptron((64, 100, 50, 10), rng=1)
        train(network, data.train_x, data.train_y, epochs=6, rate=4e-3, rule=rule, rng=1)
        found[name] = network.accuracy(data.test_x, data.test_y)
    assert found["rigl"] > found["static"] + 0.15 and found["srigl"] > found["static"] + 0.05
    assert found["static"] > 0.15


def test_the_same_seed_gives_the_same_network() -> None:
    for make in (RigL, SRigL):
        a, b = (watched(make(0.6, every=2, rng=5))[0] for _ in range(2))
        assert all((x.weights == y.weights).all() for x, y in zip(a.linear, b.linear, strict=True))


def test_a_dense_sparsity_of_zero() -> None:
    network, _, took = watched(RigL(0.0, every=2, rng=0))
    assert all(isinstance(layer, Linear) and layer.mask.all() for layer in network.linear)
    assert took.flops == 12 * 6 * 16 * (12 * 9 + 9 * 4)


@pytest.mark.parametrize("make", [RigL, SRigL])
@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"sparsity": 1.0}, ValueError, "^sparsity must be .* got 1.0"),
        ({"sparsity": -0.1}, ValueError, "^sparsity must be .* got -0.1"),
        ({"sparsity": float("nan")}, ValueError, "^sparsity must be .* got nan"),
        ({"sparsity": "most"}, TypeError, "^sparsity must be a number, not 'most'"),
        ({"sparsity": True}, TypeError, "^sparsity must be a number"),
        ({"grow": "magic"}, ValueError, "^grow must be one of gradient, random, nothing, got 'magic'"),
        ({"every": 0}, ValueError, "^every must be at least 1, got 0"),
        ({"every": 1.5}, TypeError, "^every must be an integer"),
        ({"fraction": 1.1}, ValueError, r"^fraction must be in \[0, 1\], got 1.1"),
        ({"fraction": None}, TypeError, "^fraction must be a number"),
        ({"stop": float("nan")}, ValueError, r"^stop must be in \[0, 1\], got nan"),
        ({"distribution": "normal"}, ValueError, "^distribution must be one of erk, uniform, got 'normal'"),
        ({"rng": -1}, ValueError, "^rng must be a seed of at least 0"),
    ],
)
def test_bad_rules_are_refused(make, arguments, error, message) -> None:
    with pytest.raises(error, match=message):
        make(**{"sparsity": 0.9, "rng": 0, **arguments})


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: SRigL(0.9, gamma=2, rng=0), ValueError, r"^gamma must be in \[0, 1\], got 2"),
        (lambda: erk_densities([], 0.5), ValueError, "^shapes must name at least one layer"),
        (lambda: erk_densities([(0, 5)], 0.5), ValueError, "^n_in must be at least 1, got 0"),
        (lambda: erk_densities([(5, 5)], 1.0), ValueError, "^sparsity must be"),
        (lambda: fan_ins([(5, 5)], 0.5, "even"), ValueError, "^distribution must be one of erk, uniform"),
        (lambda: random_mask((2, 2), 5, rng=0), ValueError, "^ones must be at most 4, got 5"),
        (lambda: constant_fan_in_mask((2, 2), 3, rng=0), ValueError, "^fan_in must be at most 2, got 3"),
        (lambda: constant_fan_in_mask((2, 2), 0, rng=0), ValueError, "^fan_in must be at least 1, got 0"),
        (lambda: mean_step_flops(1, 2, 0), ValueError, "^every must be at least 1"),
        (
            lambda: drop_and_grow(np.ones((2, 2)), np.ones((2, 2), bool), np.ones(2), 1), ValueError,
            r"^grow must have the shape \(2, 2\) of the layer, got \(2,\)",
        ),
        (
            lambda: drop_and_grow(np.ones((2, 2)), np.ones((2, 2), bool), np.ones((2, 2)), -1), ValueError,
            "^many must be at least 0",
        ),
    ],
)  # fmt: skip
def test_bad_calls_are_refused(call, error, message) -> None:
    with pytest.raises(error, match=message):
        call()
