"""Activation sparsity: k-winner-take-all beside its slow twin, gradients, relufication, noise, what is refused."""

import doctest
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import special

from hdspike.sparsity import activations, noise
from hdspike.sparsity.activations import (
    KWTA,
    Dropout,
    Gelu,
    ShiftedRelu,
    Silu,
    fan_in_mask,
    kwta_perceptron,
    relufied,
    winners,
    zero_shares,
)
from hdspike.sparsity.layer import Linear, Relu
from hdspike.sparsity.noise import LEVELS, PUBLISHED, Form, bright, correct, matched_widths, noisy, tried
from hdspike.sparsity.task import Task, digits
from hdspike.sparsity.training import Network, perceptron, train
from tests.naive import sparse_activations as naive

WIDTHS = st.sampled_from([1, 2, 3, 63, 64, 65])


def test_the_examples():
    for module in (activations, noise):
        assert doctest.testmod(module).failed == 0


@given(
    n=WIDTHS, k=st.integers(1, 70), batch=st.integers(0, 4), levels=st.integers(1, 5), seed=st.integers(0, 99)
)
def test_winners_are_those_of_the_twin(n, k, batch, levels, seed):
    """Few levels: many ties, of which the lower index wins."""
    x = np.random.default_rng(seed).integers(-levels, levels, (batch, n)).astype(np.float32)
    found = winners(x, k)
    assert found.tolist() == [naive.winners(row, k) for row in x.tolist()]
    assert (found.sum(axis=1) == min(n, k)).all()


@given(
    n=WIDTHS, k=st.integers(1, 70), boost=st.sampled_from([0.0, 1.5, 4.0]), epoch=st.sampled_from([None, 5]),
    inference=st.sampled_from([1.0, 1.5]), period=st.sampled_from([1, 6, 1000]), seed=st.integers(0, 99),
)  # fmt: skip
def test_the_layer_is_its_twin(n, k, boost, epoch, inference, period, seed):
    """Outputs, duty cycles and β over batches of several sizes, in training and at inference."""
    given = {"boost": boost, "decay": 0.85, "epoch": epoch, "inference": inference, "period": period}
    layer, twin = KWTA(n, k, **given), naive.Layer(n, k, **given)
    rng = np.random.default_rng(seed)
    for step, batch in enumerate((1, 3, 0, 8, 2)):
        x = rng.normal(size=(batch, n))
        training = step != 3
        wanted = twin.forward(x.tolist(), training=training)
        assert np.allclose(layer.forward(x, training=training), np.array(wanted).reshape(batch, n))
        assert np.allclose(layer.duty, twin.duty)
        assert math.isclose(layer.strength, twin.strength(), rel_tol=1e-12)
    assert layer.seen == twin.seen == 6


def test_boosting_lets_the_silent_speak():
    """Two units, one always a little stronger: without boosting it alone speaks, with it they take turns."""
    x = np.array([[1.0, 0.9]])
    spoken = {}
    for boost in (0.0, 1.5):
        layer = KWTA(2, 1, boost=boost)
        outputs = [layer.forward(x, training=True)[0] for _ in range(50)]
        spoken[boost] = np.count_nonzero(outputs, axis=0).tolist()
        assert np.allclose(layer.duty, np.array(spoken[boost]) / 50)
    assert spoken[0.0] == [50, 0]
    assert min(spoken[1.5]) >= 20 and sum(spoken[1.5]) == 50
    layer = KWTA(2, 1)
    assert layer.forward(x)[0].tolist() == layer.forward(x)[0].tolist() == [1.0, 0.0]
    assert layer.seen == 0, "inference changes nothing"


def test_entropy_of_even_duty_is_the_most():
    layer = KWTA(10, 2)
    layer.duty[:] = 0.2
    even = layer.entropy()
    assert math.isclose(even, 10 * -(0.2 * math.log2(0.2) + 0.8 * math.log2(0.8)))
    layer.duty[:] = [1, 1] + [0] * 8
    assert layer.entropy() < 1e-6 < even


def test_costs_count_who_fires():
    """Three of ten fire, so that three tenths of the weights behind them are read; the boost factors are counted."""
    network = kwta_perceptron((6, 10, 4), share=0.3, rng=0)
    network.forward(np.random.default_rng(0).normal(size=(20, 6)).astype(np.float32))
    kwta, last = network.layers[1].cost(), network.layers[2].cost()
    assert kwta.stored == kwta.macs == 10 and kwta.stored_bytes == 40
    assert last.stored == 44 and math.isclose(last.macs, 12) and math.isclose(last.active, 16)
    assert kwta_perceptron((6, 10, 4), share=1, rng=0).layers[1].cost().stored == 0


def finite(layer, x, upstream, step=1e-6):
    """∂ Σ upstream · y ÷ ∂x by differences."""
    out = np.zeros_like(x)
    for place in np.ndindex(x.shape):
        for sign in (1, -1):
            moved = x.copy()
            moved[place] += sign * step
            out[place] += sign * (upstream * layer.forward(moved)).sum() / (2 * step)
    return out


@pytest.mark.parametrize(
    "layer",
    [KWTA(7, 3, boost=0), KWTA(7, 9), ShiftedRelu(0.3), Silu(), Gelu(), Relu()],
    ids=lambda x: type(x).__name__,
)
def test_gradients_are_those_of_differences(layer):
    rng = np.random.default_rng(0)
    x, upstream = rng.normal(size=(4, 7)), rng.normal(size=(4, 7))
    layer.forward(x, training=True)
    assert np.allclose(layer.backward(upstream), finite(layer, x, upstream), atol=1e-6)


def test_smooth_activations_are_their_equations():
    x = np.linspace(-30, 30, 61)
    assert np.allclose(Silu().forward(x), x / (1 + np.exp(-x)))
    assert np.allclose(Gelu().forward(x), x * 0.5 * (1 + special.erf(x / np.sqrt(2))))
    assert (
        Silu().forward(x.astype(np.float32)).dtype == Gelu().forward(x.astype(np.float32)).dtype == np.float32
    )
    assert ShiftedRelu(1).forward(np.array([[0.5, 3.0]])).tolist() == [[0.0, 2.0]]


def test_relufication_keeps_weights_and_makes_zeros():
    rng = np.random.default_rng(0)
    smooth = Network(
        [Linear(5, 40, rng=rng), Silu(), Linear(40, 40, rng=rng), Gelu(), Linear(40, 3, rng=rng)]
    )
    x = rng.normal(size=(50, 5)).astype(np.float32)
    zeros = [zero_shares(relufied(smooth, shift=shift), x) for shift in (0.0, 0.5)]
    assert zero_shares(smooth, x) == [0, 0]
    assert all(0.35 < share < 0.65 for share in zeros[0])
    assert all(low < high for low, high in zip(*zeros, strict=True))
    changed = relufied(smooth)
    assert changed.linear == smooth.linear and changed.linear[0] is smooth.linear[0]
    inner = np.maximum(x @ smooth.linear[0].weights, 0)
    assert np.allclose(changed.layers[1].forward(changed.layers[0].forward(x)), inner)
    with pytest.raises(ValueError, match="network must have a SiLU or GELU"):
        relufied(perceptron((5, 4, 3), rng=0))


def test_natural_zeros_are_counted():
    network = Network([ShiftedRelu(), Linear(4, 4, rng=0), Relu()])
    network.linear[0].weights[...] = -np.eye(4)
    x = np.array([[1.0, -1.0, 2.0, 0.05]], dtype=np.float32)
    assert zero_shares(network, x) == [0.25, 1.0]
    assert zero_shares(network, x, threshold=0.1) == [0.5, 1.0]


@given(n_in=st.integers(1, 70), n_out=st.integers(1, 5), density=st.floats(0.01, 1), seed=st.integers(0, 99))
def test_every_unit_has_as_many_weights(n_in, n_out, density, seed):
    mask = fan_in_mask(n_in, n_out, density, rng=seed)
    wanted = max(1, n_in - math.floor((1 - density) * n_in + 0.5))
    assert mask.shape == (n_in, n_out) and (mask.sum(axis=0) == wanted).all()


def test_dropout_keeps_the_mean():
    layer = Dropout(0.25, rng=0)
    x = np.ones((400, 50), dtype=np.float32)
    y = layer.forward(x, training=True)
    assert set(np.unique(y).tolist()) == {0.0, float(np.float32(1 / 0.75))}
    assert abs(np.mean(y == 0) - 0.25) < 4 * math.sqrt(0.25 * 0.75 / x.size)
    assert np.array_equal(layer.backward(x), y) and layer.forward(x) is x


def test_the_sparse_perceptron_begins_and_learns_as_the_dense():
    given = digits(rng=0)
    dense = perceptron((64, 60, 40, 10), rng=3)
    sparse = kwta_perceptron((64, 60, 40, 10), share=0.2, density=0.5, epoch=len(given.train_x), rng=3)
    for a, b in zip(dense.linear, sparse.linear, strict=True):
        assert np.allclose(
            b.weights[b.weights != 0] ** 2 * (b.weights != 0).mean(), a.weights[b.weights != 0] ** 2
        )
    assert [np.count_nonzero(layer.weights) for layer in sparse.linear] == [32 * 60, 30 * 40, 400]
    train(sparse, given.train_x, given.train_y, epochs=8, rate=4e-3, rng=3)
    assert sparse.accuracy(given.test_x, given.test_y) > 0.75
    hidden = sparse.layers[1].forward(sparse.layers[0].forward(given.test_x))
    assert (np.count_nonzero(hidden, axis=1) == 12).all()
    kwta = sparse.layers[1]
    assert kwta.seen == 8 * len(given.train_x) and math.isclose(kwta.strength, 1.5 * 0.85**8)
    one = kwta_perceptron((4, 1, 2), share=0.01, rng=0)
    assert one.layers[1].k == 1


# --- noise --------------------------------------------------------------------------------------------


@given(n=WIDTHS, rows=st.integers(0, 3), percent=st.integers(0, 100), seed=st.integers(0, 99))
def test_noise_hits_as_many_pixels_as_it_says(n, rows, percent, seed):
    x = np.random.default_rng(seed).random((rows, n)).astype(np.float32)
    before = x.copy()
    found = noisy(x, percent / 100, value=7.0, rng=seed)
    assert np.array_equal(x, before) and found.dtype == np.float32
    assert ((found == 7).sum(axis=1) == percent * n // 100).all()
    assert np.array_equal(found[found != 7], before[found != 7])


def test_noise_falls_everywhere_alike():
    hits = sum((noisy(np.zeros((1, 20)), 0.25, value=1.0, rng=seed)[0] for seed in range(800)), np.zeros(20))
    assert hits.sum() == 800 * 5 and abs(hits - 200).max() < 5 * math.sqrt(800 * 0.25 * 0.75)
    rows = noisy(np.zeros((50, 20)), 0.25, value=1.0, rng=0)
    assert len(np.unique(rows, axis=0)) > 45, "each image has its own noise"


def test_constants_are_the_papers():
    assert LEVELS == (0, 0.05, 0.1, 0.15, 0.2, 0.25, 0.3, 0.35, 0.4, 0.45, 0.5)
    assert PUBLISHED["Dense CNN-2"][:2] == (0.9931, 97_040)
    assert PUBLISHED["Sparse CNN-2"][:2] == (0.9909, 103_764)
    x = np.array([[0.0, 0.0, 0.0, 1.0]] * 25)
    assert bright(x) == 1.0 and math.isclose(bright(x / 2), min(1, 0.125 + 2 * math.sqrt(3) / 8))


class Nearest:
    """As a network: says whether the left half is the brighter one."""

    def accuracy(self, x, labels):
        half = x.shape[1] // 2
        return float(np.mean((x[:, :half].sum(axis=1) > x[:, half:].sum(axis=1)) == labels))


def test_scores_count_correct_answers_by_level():
    x = np.zeros((40, 100), dtype=np.float32)
    labels = np.arange(40) % 2
    x[labels == 1, :5], x[labels == 0, 50:55] = 1, 1
    counts = correct(Nearest(), x, labels, value=1.0, rng=0)
    assert counts[0] == 40 and 10 < counts[-1] < 36 and len(counts) == 11
    assert counts == correct(Nearest(), x, labels, value=1.0, rng=0)


@given(inputs=st.integers(1, 900), h=st.integers(1, 300), density=st.sampled_from([0.1, 0.3, 1.0]))
def test_widths_are_matched_by_weights(inputs, h, density):
    h *= 3
    weights = round(density * (inputs * h + h * h / 3) + 10 * h / 3)
    assert abs(matched_widths(inputs, weights, density)[0] - h) <= 1


def small():
    whole = digits(rng=0)
    return Task("digits", whole.train_x[:600], whole.train_y[:600], whole.test_x[:100], whole.test_y[:100])


FORMS = [
    Form(hidden=(60, 30)),
    Form(hidden=(60, 30), density=0.3),
    Form(hidden=(60, 30), share=0.2),
    Form(hidden=(60, 30), density=0.3, share=0.2, dropout=0.2, augment=True, centred=True),
]


@pytest.mark.parametrize("form", FORMS)
def test_a_form_is_tried(form):
    found = tried(form, small(), epochs=8, batch=12, rng=1)
    assert found.tested == 100 and len(found.correct) == 11 and max(found.correct) <= 100
    assert found.correct[0] > (20 if form.augment else 40), "chance is 10"
    whole = 64 * 60 + 60 * 30
    assert found.weights == (whole + 300 if form.density == 1 else 19 * 60 + 18 * 30 + 300)
    zeros = 0.8 if form.share < 1 else found.zeros[0]
    assert found.zeros[0] == pytest.approx(zeros) and 0.1 < found.zeros[0] < 0.9
    assert found.duty == sorted(found.duty) and len(found.duty) == 60


def test_a_form_is_tried_again_to_the_same_end():
    one, two = (tried(FORMS[3], small(), epochs=1, batch=100, rng=2) for _ in range(2))
    assert one == two != tried(FORMS[3], small(), epochs=1, batch=100, rng=3)


def test_forms_of_one_seed_begin_with_the_same_weights():
    task = small()
    networks = [form.network(task, value=1.0, rng=4) for form in FORMS[:3]]
    for one, two in zip(networks[0].linear, networks[2].linear, strict=True):
        assert np.array_equal(one.weights, two.weights)
    assert np.array_equal(networks[0].linear[-1].weights, networks[1].linear[-1].weights)


def test_a_centred_network_does_not_feel_a_brighter_image():
    task = small()
    network = Form(hidden=(60, 30), centred=True).network(task, value=1.0, rng=4)
    assert np.allclose(network.forward(task.test_x), network.forward(task.test_x + 1), atol=1e-3)
    plain = Form(hidden=(60, 30)).network(task, value=1.0, rng=4)
    assert not np.allclose(plain.forward(task.test_x), plain.forward(task.test_x + 1), atol=1e-3)


NAN = float("nan")
X = np.zeros((1, 4))
BAD = [
    (lambda: winners(X, 0), ValueError, "k must be at least 1, got 0"),
    (lambda: KWTA(0, 1), ValueError, "n must be at least 1, got 0"),
    (lambda: KWTA(3, 0), ValueError, "k must be at least 1, got 0"),
    (lambda: KWTA(3, 1.5), TypeError, "k must be an integer"),
    (lambda: KWTA(3, 1, boost=-1), ValueError, r"boost must be in \[0, 100\], got -1"),
    (lambda: KWTA(3, 1, boost=NAN), ValueError, "boost must be in"),
    (lambda: KWTA(3, 1, decay=1.1), ValueError, r"decay must be in \[0, 1\], got 1.1"),
    (lambda: KWTA(3, 1, inference=0.5), ValueError, "inference must be in"),
    (lambda: KWTA(3, 1, period=0), ValueError, "period must be at least 1"),
    (lambda: KWTA(3, 1, epoch=0), ValueError, "epoch must be at least 1"),
    (lambda: ShiftedRelu(NAN), ValueError, "shift must be in"),
    (lambda: Dropout(1, rng=0), ValueError, "share must be below 1, got 1"),
    (lambda: Dropout(-0.1, rng=0), ValueError, "share must be in"),
    (lambda: fan_in_mask(3, 3, 0, rng=0), ValueError, "density must be above 0"),
    (lambda: fan_in_mask(3, 3, NAN, rng=0), ValueError, "density must be in"),
    (lambda: kwta_perceptron((3,), share=0.5, rng=0), ValueError, "widths must name at least"),
    (lambda: kwta_perceptron((3, 2), share=0, rng=0), ValueError, "share must be above 0"),
    (lambda: kwta_perceptron((3, 2), share=1.2, rng=0), ValueError, r"share must be in \[0, 1\], got 1.2"),
    (lambda: kwta_perceptron((3, 2, 2), share=1, density=2, rng=0), ValueError, "density must be in"),
    (lambda: zero_shares(perceptron((4, 2), rng=0), X, threshold=-1), ValueError, "threshold must be in"),
    (lambda: noisy(X, 1.5, value=1.0, rng=0), ValueError, r"share must be in \[0, 1\], got 1.5"),
    (lambda: noisy(X, 0.5, value=NAN, rng=0), ValueError, "value must be in"),
    (lambda: Form(density=NAN), ValueError, r"density must be in \[0, 1\], got nan"),
    (lambda: Form(share=NAN), ValueError, r"share must be in \[0, 1\], got nan"),
    (lambda: Form(dropout=1.1), ValueError, r"dropout must be in \[0, 1\], got 1.1"),
    (lambda: Form(hidden=()), ValueError, "hidden must name at least one layer"),
    (lambda: matched_widths(0, 5), ValueError, "inputs must be at least 1"),
    (lambda: matched_widths(5, 0), ValueError, "weights must be at least 1"),
]  # fmt: skip


@pytest.mark.parametrize(("call", "kind", "message"), BAD)
def test_what_is_refused(call, kind, message):
    with pytest.raises(kind, match=message):
        call()
