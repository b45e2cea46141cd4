"""Pruning by magnitude and the lottery ticket: masks counted exactly, schedules, rewinding to the bit, controls."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hdspike.sparsity.lottery import kept_after, lottery_ticket, random_masks, reinitialise, rewind
from hdspike.sparsity.pruning import (
    GradualMagnitude,
    apply_masks,
    magnitude_masks,
    one_shot,
    sparsity_of,
)
from hdspike.sparsity.training import perceptron, train
from hdspike.sparsity.watch import Watch
from tests.naive import sparse_pruning as slow

WIDTHS = st.sampled_from([(1, 1), (2, 1), (3, 5), (7, 1, 3), (5, 4, 3), (9, 7, 2)])
SPARSITIES = st.sampled_from([0.0, 0.1, 0.2, 1 / 3, 0.5, 0.8, 0.9, 0.98, 0.999])
RNG = np.random.default_rng(0)
X = RNG.standard_normal((40, 6)).astype(np.float32)
Y = RNG.integers(0, 3, 40)


def net(*widths: int, dtype=np.float32):
    return perceptron(widths or (6, 8, 5, 3), rng=0, dtype=dtype)


@given(
    widths=WIDTHS,
    sparsity=SPARSITIES,
    scope=st.sampled_from(["global", "layer"]),
    values=st.integers(1, 4),
    density=st.sampled_from([1.0, 0.6]),
    seed=st.integers(0, 99),
)
def test_masks_are_their_slow_twin(widths, sparsity, scope, values, density, seed) -> None:
    """Few distinct magnitudes, so that there are ties; of one value, nothing but ties."""
    random, network = np.random.default_rng(seed), perceptron(widths, rng=0, dtype=np.float64)
    exists = []
    for layer in network.linear:
        layer.weights[...] = random.integers(0, values, layer.weights.shape) * random.choice([-1, 1])
        exists.append(random.random(layer.weights.shape) < density)
        layer.set_mask(exists[-1] if density < 1 else None)
        if density == 1:
            exists[-1][...] = True
    before = [layer.weights.copy() for layer in network.linear]
    masks = magnitude_masks(network, sparsity, scope)
    expected = slow.magnitude_masks([w.tolist() for w in before], exists, sparsity, scope)
    for mask, wanted, layer, weights in zip(masks, expected, network.linear, before, strict=True):
        assert mask.tolist() == wanted
        np.testing.assert_array_equal(layer.weights, weights)


@given(sparsity=st.floats(0, 0.999), scope=st.sampled_from(["global", "layer"]))
def test_exactly_the_wanted_number_stays(sparsity: float, scope: str) -> None:
    network = net(11, 13, 7, 3)
    masks = magnitude_masks(network, sparsity, scope)
    sizes = [layer.weights.size for layer in network.linear]
    if scope == "global":
        assert sum(int(m.sum()) for m in masks) == sum(sizes) - math.floor(sparsity * sum(sizes) + 0.5)
    else:
        assert [int(m.sum()) for m in masks] == [n - math.floor(sparsity * n + 0.5) for n in sizes]


def test_each_layer_may_have_its_own_sparsity() -> None:
    network = net(10, 10, 10)
    masks = magnitude_masks(network, [0.0, 0.75], "layer")
    assert [int(mask.sum()) for mask in masks] == [100, 25]
    apply_masks(network, masks)
    assert sparsity_of(network) == pytest.approx(0.375)
    smallest_kept = np.abs(network.linear[1].weights[masks[1]]).min()
    assert smallest_kept > np.abs(net(10, 10, 10).linear[1].weights[~masks[1]]).max()


def test_one_shot_holds_its_masks_through_fine_tuning() -> None:
    network = net()
    train(network, X, Y, epochs=2, batch=8, rng=0)
    before = [layer.weights.copy() for layer in network.linear]
    masks = magnitude_masks(network, 0.7)
    took = one_shot(network, X, Y, 0.7, epochs=3, batch=8, rng=1)
    for layer, mask, old in zip(network.linear, masks, before, strict=True):
        np.testing.assert_array_equal(layer.weights != 0, mask)
        assert not np.array_equal(layer.weights[mask], old[mask])
    assert took.flops == 6 * 40 * 3 * sum(int(mask.sum()) for mask in masks)


@given(
    sparsity=st.sampled_from([0.0, 0.5, 0.9]),
    initial=st.sampled_from([0.0, 0.4]),
    every=st.integers(1, 40),
    span=st.sampled_from([(0, 1), (0.1, 0.7), (0.98, 1), (0, 0.01)]),
    steps=st.integers(1, 60),
)
def test_the_schedule_is_cubic_and_ends_at_the_sparsity(sparsity, initial, every, span, steps) -> None:
    initial = min(initial, sparsity)
    network = net(6, 5)
    rule = GradualMagnitude(sparsity, initial=initial, begin=span[0], end=span[1], every=every)
    rule.begin(network, steps)
    assert rule.prunings >= 1
    assert rule.start + rule.prunings * rule.every <= steps
    expected = 0.0
    for step in range(steps):
        rule.before(network, step)
        assert rule.after(network, step, None) == 0  # type: ignore[arg-type]
        done = step + 1
        wanted = slow.schedule(done, sparsity, initial, rule.start, rule.prunings, rule.every)
        assert rule.sparsity_at(done) == pytest.approx(wanted)
        if done >= rule.start and (done - rule.start) % rule.every == 0:
            expected = max(expected, math.floor(wanted * 30 + 0.5) / 30)
        assert sparsity_of(network) == pytest.approx(expected)
    assert sparsity_of(network) == pytest.approx(math.floor(sparsity * 30 + 0.5) / 30)


def test_gradual_pruning_in_training() -> None:
    network = net()
    took = train(network, X, Y, epochs=10, batch=8, rule=GradualMagnitude(0.8, every=3), rng=0)
    total = sum(layer.weights.size for layer in network.linear)
    assert sum(int(layer.mask.sum()) for layer in network.linear) == total - math.floor(0.8 * total + 0.5)
    dense = 6 * 40 * 10 * total
    assert 0.3 * dense < took.flops < 0.8 * dense


def test_the_papers_shares_remain() -> None:
    """LeNet-300-100, 20 % a round and 10 % in the output layer: 51.3, 21.1, 13.5, 3.6 % (Frankle and Carbin 2019)."""
    network = perceptron((784, 300, 100, 10), rng=0)
    sizes = [layer.weights.size for layer in network.linear]
    for rounds, percent in ((3, 51.3), (7, 21.1), (9, 13.5), (15, 3.6)):
        kept = kept_after(network, rounds)
        assert round(100 * np.dot(sizes, kept) / sum(sizes), 1) == percent


@pytest.mark.parametrize(("scope", "rewind_to"), [("layer", 0), ("global", 0), ("layer", 3)])
def test_a_search_prunes_rewinds_and_pays(scope: str, rewind_to: int) -> None:
    network, seen = net(), []
    started = network.state()
    total = sum(layer.weights.size for layer in network.linear)

    def each(one, trained) -> None:
        seen.append((one.pruned, one.remaining, trained.state()))

    found = lottery_ticket(
        network, X, Y, 0.7, epochs=2, batch=8, scope=scope, rewind_to=rewind_to, each=each, rng=5
    )
    assert [one.pruned for one in found.rounds[:-1]] == list(range(len(found.rounds) - 1))
    assert found.rounds[-1].remaining == pytest.approx(0.3, abs=1.5 / total)
    for one, (_, remaining, _) in zip(found.rounds, seen, strict=True):
        assert one.remaining == remaining == sum(int(m.sum()) for m in one.masks) / total
        assert one.learning.flops == pytest.approx(6 * 40 * 2 * total * remaining)
    assert found.learning.flops == pytest.approx(sum(one.learning.flops for one in found.rounds))
    for early, late in zip(found.rounds, found.rounds[1:], strict=False):
        assert all(not (b & ~a).any() for a, b in zip(early.masks, late.masks, strict=True))
    same = all(
        np.array_equal(a[name], b[name]) for a, b in zip(started, found.start, strict=True) for name in a
    )
    assert same == (rewind_to == 0)
    # the masks of round 1 are those of the dense network as it was trained
    again = net()
    again.restore(seen[0][2])
    zeros = [1 - kept for kept in kept_after(again, 1, output=0.5 if scope == "layer" else 1)]
    expected = magnitude_masks(again, zeros if scope == "layer" else zeros[0], scope)
    assert all(np.array_equal(a, b) for a, b in zip(found.rounds[1].masks, expected, strict=True))


def test_rewinding_is_exact_to_the_bit() -> None:
    network = net()
    start = network.state()
    train(network, X, Y, epochs=2, batch=8, rng=0)
    masks = magnitude_masks(network, 0.6)
    rewind(network, start, masks)
    for layer, held, mask in zip(network.linear, start[::2], masks, strict=True):
        np.testing.assert_array_equal(layer.weights, np.where(mask, held["W"], 0))
        np.testing.assert_array_equal(layer.parameters["b"], held["b"])


def test_rewinding_to_step_k_is_the_network_after_k_steps() -> None:
    class Stop:
        state = None

        def begin(self, network, steps) -> None: ...

        def before(self, network, step) -> None:
            if step == 7:
                self.state = network.state()

        def after(self, network, step, optimiser) -> float:
            return 0.0

    network, stop = net(), Stop()
    train(network, X, Y, epochs=3, batch=8, rule=stop, rng=3)
    found = lottery_ticket(net(), X, Y, 0.3, epochs=3, batch=8, rewind_to=7, rng=3)
    for held, wanted in zip(found.start, stop.state, strict=True):
        for name in wanted:
            np.testing.assert_array_equal(held[name], wanted[name])


def test_the_controls_keep_what_they_should() -> None:
    network = net(30, 40, 10)
    masks = magnitude_masks(network, [0.9, 0.5], "layer")
    apply_masks(network, masks)
    before = [layer.weights.copy() for layer in network.linear]
    reinitialise(network, rng=3)
    for layer, mask, old in zip(network.linear, masks, before, strict=True):
        np.testing.assert_array_equal(layer.weights != 0, mask)
        assert not np.isin(layer.weights[mask], old).any()
        assert layer.weights[mask].std() == pytest.approx(np.sqrt(2 / len(mask)), rel=0.25)
    others = random_masks(masks, rng=4)
    assert [mask.sum() for mask in others] == [mask.sum() for mask in masks]
    # as many in common as chance has it
    common = [(a & b).sum() / a.sum() for a, b in zip(masks, others, strict=True)]
    assert common == pytest.approx([0.1, 0.5], abs=0.12)


def test_watching_changes_nothing_and_sees_everything() -> None:
    class Steps:
        seen = 0

        def begin(self, network, steps) -> None: ...

        def before(self, network, step) -> None: ...

        def after(self, network, step, optimiser) -> float:
            self.seen += 1
            return 2.0

    plain, watched = net(), net()
    train(plain, X, Y, epochs=2, batch=8, rng=0)
    watch = Watch(X, Y, every=4, inner=Steps())
    took = train(watched, X, Y, epochs=2, batch=8, rule=watch, rng=0)
    np.testing.assert_array_equal(plain.linear[0].weights, watched.linear[0].weights)
    assert watch.steps == [0, 4, 8, 10]
    assert watch.accuracies[-1] == watched.accuracy(X, Y)
    assert watch.early_stop == watch.steps[watch.losses.index(min(watch.losses))]
    assert watch.reached(watch.accuracies[0]) == 0
    assert watch.reached(1.1) is None
    assert took.flops == 6 * 40 * 2 * plain.cost().macs + 2 * 10
    train(watched, X, Y, epochs=1, batch=20, rule=watch, rng=0)
    assert watch.steps == [0, 2]


@pytest.mark.parametrize(
    ("call", "error", "says"),
    [
        (lambda: magnitude_masks(net(), 1.0), ValueError, "sparsity must be at least 0 and below 1"),
        (lambda: magnitude_masks(net(), -0.1), ValueError, "sparsity must be at least 0"),
        (lambda: magnitude_masks(net(), np.nan), ValueError, "sparsity must be at least 0"),
        (lambda: magnitude_masks(net(), "0.5"), TypeError, "sparsity must be a number"),
        (lambda: magnitude_masks(net(), True), TypeError, "sparsity must be a number"),
        (lambda: magnitude_masks(net(), 0.5, "rows"), ValueError, "scope must be one of"),
        (lambda: magnitude_masks(net(), [0.5] * 3), ValueError, "sparsity must be one number"),
        (lambda: magnitude_masks(net(), [0.5] * 2, "layer"), ValueError, "sparsity must be one number"),
        (lambda: apply_masks(net(), []), ValueError, "masks must be one for each of 3"),
        (lambda: GradualMagnitude(0.5, initial=0.6), ValueError, "initial must be at most"),
        (lambda: GradualMagnitude(0.5, begin=0.7, end=0.7), ValueError, "begin must be below end"),
        (lambda: GradualMagnitude(0.5, every=0), ValueError, "every must be at least 1"),
        (lambda: GradualMagnitude(2.0), ValueError, "sparsity must be"),
        (lambda: GradualMagnitude(0.5, scope="no"), ValueError, "scope must be"),
        (lambda: GradualMagnitude(0.5).begin(net(), 0), ValueError, "steps must be at least 1"),
        (lambda: lottery_ticket(net(), X, Y, 1.0, epochs=1, rng=0), ValueError, "sparsity must be"),
        (lambda: lottery_ticket(net(), X, Y, 0.5, epochs=1, share=1.0, rng=0), ValueError, "share must be"),
        (lambda: lottery_ticket(net(), X, Y, 0.5, epochs=1, output=0, rng=0), ValueError, "output must be"),
        (lambda: lottery_ticket(net(), X, Y, 0.5, epochs=1, scope="x", rng=0), ValueError, "scope must be"),
        (
            lambda: lottery_ticket(net(), X, Y, 0.5, epochs=1, rewind_to=9, rng=0),
            ValueError,
            "rewind must be at most the 1 steps",
        ),
        (lambda: Watch(X, Y, every=0), ValueError, "every must be at least 1"),
    ],
)
def test_bad_input_is_named(call, error, says: str) -> None:
    with pytest.raises(error, match=says):
        call()


def test_what_cannot_be_pruned_is_refused() -> None:
    network = net()
    network.linear[1].weights[0, 0] = np.nan
    with pytest.raises(ValueError, match="network must have finite weights, got others in layer 1"):
        magnitude_masks(network, 0.5)
    network = net()
    apply_masks(network, magnitude_masks(network, 0.5))
    with pytest.raises(ValueError, match="network must be dense"):
        lottery_ticket(network, X, Y, 0.9, epochs=1, rng=0)
