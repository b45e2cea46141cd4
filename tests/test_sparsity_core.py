"""The core that all forms share: gradients by finite differences, masks that hold, costs by hand, training."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hdspike.sparsity.layer import Cost, Linear, Relu
from hdspike.sparsity.task import digits, mnist, task
from hdspike.sparsity.training import Adam, Network, cross_entropy, perceptron, train

WIDTHS = st.sampled_from([1, 2, 63, 64, 65])


def slow_linear(x, weights, bias, mask):
    """``y_o = b_o + Σ_i x_i W_io`` over the weights that exist."""
    return [
        [
            bias[o] + sum(row[i] * weights[i, o] for i in range(len(row)) if mask[i, o])
            for o in range(len(bias))
        ]
        for row in x
    ]


@given(n_in=WIDTHS, n_out=st.integers(1, 4), batch=st.integers(0, 3), seed=st.integers(0, 99))
def test_linear_is_its_slow_twin(n_in: int, n_out: int, batch: int, seed: int) -> None:
    random = np.random.default_rng(seed)
    mask = random.random((n_in, n_out)) < 0.4
    layer = Linear(n_in, n_out, dtype=np.float64, rng=random)
    weights = layer.weights.copy()
    layer.set_mask(mask)
    layer.parameters["b"][...] = random.standard_normal(n_out)
    x = random.standard_normal((batch, n_in))
    expected = np.reshape(slow_linear(x, weights, layer.parameters["b"], mask), (batch, n_out))
    np.testing.assert_allclose(layer.forward(x), expected, atol=1e-12)
    assert layer.cost().macs == mask.sum()


def loss_at(network: Network, x, labels) -> float:
    return cross_entropy(network.forward(x), labels)[0]


def test_gradients_are_finite_differences() -> None:
    random = np.random.default_rng(0)
    network = perceptron((5, 4, 3), rng=1, dtype=np.float64)
    network.linear[0].set_mask(random.random((5, 4)) < 0.6)
    x, labels = random.standard_normal((7, 5)), random.integers(0, 3, 7)
    _, gradient = cross_entropy(network.forward(x, training=True), labels)
    down = network.backward(gradient)
    step = 1e-6
    for layer in network.linear:
        for name, array in layer.parameters.items():
            exists = np.ones_like(array) if name == "b" or layer.mask is None else layer.mask
            for place in np.ndindex(array.shape):
                held = array[place]
                array[place] = held + step
                high = loss_at(network, x, labels)
                array[place] = held - step
                low = loss_at(network, x, labels)
                array[place] = held
                assert layer.gradients[name][place] == pytest.approx(
                    exists[place] * (high - low) / (2 * step), abs=1e-7
                )
    for place in np.ndindex(x.shape):
        high, low = x.copy(), x.copy()
        high[place] += step
        low[place] -= step
        slope = (loss_at(network, high, labels) - loss_at(network, low, labels)) / (2 * step)
        assert down[place] == pytest.approx(slope, abs=1e-7)


def test_explore_keeps_the_gradient_of_absent_weights() -> None:
    layer = Linear(2, 1, mask=np.array([[True], [False]]), rng=0)
    layer.explore = True
    layer.forward(np.array([[1.0, 2.0]], dtype=np.float32), training=True)
    layer.backward(np.array([[3.0]], dtype=np.float32))
    assert layer.gradients["W"].ravel().tolist() == [3, 0]
    assert layer.dense_gradient is not None
    assert layer.dense_gradient.ravel().tolist() == [3, 6]


def test_absent_weights_stay_zero_whatever_adam_remembers() -> None:
    random = np.random.default_rng(3)
    network = perceptron((6, 5, 3), rng=2)
    x, y = random.standard_normal((40, 6)).astype(np.float32), random.integers(0, 3, 40)

    class Late:
        """Takes half of the weights away after ten steps, and gives some back after twenty."""

        def begin(self, network: Network, steps: int) -> None:
            self.steps = steps

        def before(self, network: Network, step: int) -> None:
            for layer in network.linear:
                if step == 10:
                    layer.set_mask(np.arange(layer.weights.size).reshape(layer.weights.shape) % 2 == 0)
                elif layer.mask is not None:
                    assert not layer.weights[~layer.mask].any()

        def after(self, network: Network, step: int, optimiser: Adam) -> float:
            return 5.0

    took = train(network, x, y, epochs=10, batch=8, rule=Late(), rng=0)
    assert took.steps == 50
    dense, half = 6 * 8 * (30 + 15), 6 * 8 * (15 + 8)  # the odd 15 keep eight
    assert took.flops == 10 * dense + 40 * half + 50 * 5
    assert all(not layer.weights[~layer.mask].any() for layer in network.linear)


def test_costs_by_hand() -> None:
    dense = Linear(10, 4, rng=0)
    assert dense.cost() == Cost(44, 44, 176, 176, 40)
    mask = np.zeros((10, 4), dtype=bool)
    mask[0, :] = mask[1, 0] = True
    few = Linear(10, 4, mask=mask, skips_zeros=True, rng=0)
    assert few.cost() == Cost(9, 9, 36 + 5, 36 + 5, 5)  # a bit map of 40 bits is cheaper than five indices
    x = np.zeros((2, 10), dtype=np.float32)
    x[0, 0] = 1
    few.forward(x)
    assert few.cost().active == 2 + 4  # four weights of row 0, in one of two samples
    assert Network([dense, Relu(), Linear(4, 1, rng=0)]).cost() == Cost(49, 49, 196, 196, 44)


def test_rescale_restores_the_variance() -> None:
    mask = np.random.default_rng(0).random((1000, 50)) < 0.1
    layer = Linear(1000, 50, mask=mask, rng=1)
    layer.rescale()
    assert layer.weights[mask].var() * mask.sum(axis=0).mean() == pytest.approx(2, rel=0.05)


def test_rewinding_is_exact() -> None:
    network = perceptron((8, 6, 3), rng=0)
    before = network.state()
    random = np.random.default_rng(0)
    x, y = random.standard_normal((30, 8)).astype(np.float32), random.integers(0, 3, 30)
    train(network, x, y, epochs=2, rng=1)
    assert not np.array_equal(network.linear[0].weights, before[0]["W"])
    mask = random.random((8, 6)) < 0.5
    network.linear[0].set_mask(mask)
    network.restore(before)
    np.testing.assert_array_equal(network.linear[0].weights, before[0]["W"] * mask)
    np.testing.assert_array_equal(network.linear[1].weights, before[2]["W"])


def test_digits_are_learned_and_runs_are_the_same() -> None:
    data = digits(rng=0)
    assert data.inputs == 64
    assert len(data.train_x) + len(data.test_x) == 1797
    found = []
    for _ in range(2):
        network = perceptron((64, 64, 10), rng=0)
        took = train(network, data.train_x, data.train_y, epochs=15, rng=0)
        found.append((network.accuracy(data.test_x, data.test_y), took.losses))
    assert found[0] == found[1]
    assert found[0][0] > 0.9
    assert took.losses[0] > took.losses[-1]


@pytest.mark.parametrize(
    ("call", "says"),
    [
        (lambda: Linear(0, 3, rng=0), "n_in must be at least 1"),
        (lambda: Linear(3, 2, mask=np.ones((2, 3), dtype=bool), rng=0), "mask must be bool of shape"),
        (lambda: Linear(3, 2, mask=np.ones((3, 2)), rng=0), "mask must be bool of shape"),
        (lambda: perceptron((4,), rng=0), "widths must name at least"),
        (lambda: Network([]), "layers must hold at least one"),
        (
            lambda: train(perceptron((2, 2), rng=0), np.zeros((0, 2)), np.zeros(0, int), epochs=1, rng=0),
            "labels",
        ),
        (
            lambda: train(perceptron((2, 2), rng=0), np.zeros((3, 2)), np.zeros(2, int), epochs=1, rng=0),
            "labels",
        ),
        (
            lambda: train(
                perceptron((2, 2), rng=0), np.zeros((3, 2)), np.zeros(3, int), epochs=1, rate=np.nan, rng=0
            ),
            "rate must be",
        ),
        (
            lambda: train(
                perceptron((2, 2), rng=0), np.zeros((3, 2)), np.zeros(3, int), epochs=1, decay=np.nan, rng=0
            ),
            "decay must be",
        ),
        (lambda: digits(rng=0, held_out=1.0), "held_out must be inside"),
        (lambda: task("cifar", rng=0), "name must be one of"),
        (lambda: mnist("digits"), "name must be one of"),
    ],
)
def test_bad_input_is_named(call, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        call()
