"""Constant fan-in: the kernels against a slow twin at odd sizes, the condensed form, and what is refused."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hdspike.sparsity import gather as kernels
from hdspike.sparsity.constant_fan_in import ConstantFanIn
from hdspike.sparsity.gather import aligned, gather, index_dtype
from hdspike.sparsity.layer import Linear, Relu
from hdspike.sparsity.programs import programs
from hdspike.sparsity.srigl import constant_fan_in_mask
from hdspike.sparsity.training import Network, cross_entropy
from tests.naive import sparse_fan_in as naive

DTYPES = st.sampled_from([(np.float32, 1e-5), (np.float64, 1e-12)])


def pruned(n_in, n_out, fan_in, *, dtype=np.float64, rng=0):
    """A masked Linear of constant fan-in."""
    layer = Linear(n_in, n_out, dtype=dtype, rng=rng)
    layer.set_mask(constant_fan_in_mask((n_in, n_out), fan_in, rng=rng))
    layer.parameters["b"][...] = np.random.default_rng(rng).standard_normal(n_out)
    return layer


@given(
    n_in=st.sampled_from([1, 2, 63, 64, 65]),
    neurons=st.sampled_from([0, 1, 2, 8, 9]),
    silent=st.integers(0, 2),
    fan_in=st.sampled_from([0, 1, 3, 4, 5, 8, 13]),
    batch=st.sampled_from([0, 1, 2, 3, 8, 9, 16, 17, 33]),
    kind=DTYPES,
    seed=st.integers(0, 99),
)
def test_gather_is_its_slow_twin(n_in, neurons, silent, fan_in, batch, kind, seed) -> None:
    dtype, error = kind
    random = np.random.default_rng(seed)
    values = random.standard_normal((neurons, fan_in)).astype(dtype)
    indices = random.integers(0, n_in, (neurons, fan_in))
    x = random.standard_normal((batch, n_in)).astype(dtype)
    bias = random.standard_normal(neurons + silent).astype(dtype)
    outputs = random.permutation(neurons + silent)[:neurons]
    y, macs = gather(values, indices, x, bias=bias, outputs=outputs)
    expected, products = naive.gather(values, indices.tolist(), x, bias, outputs.tolist())
    assert y.dtype == dtype and macs == products == batch * neurons * fan_in
    np.testing.assert_allclose(y, np.reshape(expected, y.shape), atol=error, rtol=0)


def test_wide_inputs_take_wider_indices() -> None:
    """Above 65,536 inputs an index has four bytes; the last one is reached."""
    assert index_dtype(1 << 16) == np.uint16 and index_dtype((1 << 16) + 1) == np.uint32
    for n_in in (1 << 16, (1 << 16) + 5):
        x = np.zeros((3, n_in))
        x[:, -1], x[:, 0] = 2, 5
        indices = np.array([[n_in - 1, 1, 2, 3, 0]])
        for batch in (1, 3):
            y, _ = gather(np.arange(1.0, 6.0)[None], indices, x[:batch])
            assert y.tolist() == [[2 + 25]] * batch


@given(rows=st.integers(0, 20), columns=st.integers(1, 20), seed=st.integers(0, 9))
def test_transposing_by_blocks(rows, columns, seed) -> None:
    x = np.random.default_rng(seed).standard_normal((rows + 1, columns))
    tile = np.full((columns, 32), 7.0)
    kernels._transpose(x, rows, 1, tile)
    assert tile[:, :rows].tolist() == (naive.transposed(x[1:].tolist()) if rows else [[]] * columns)
    assert not tile[:, rows:].any()
    back = np.full((rows + 1, columns), 9.0)
    kernels._untranspose(tile, rows, 1, back)
    assert (back[1:] == x[1:]).all() and (back[0] == 9).all()


def test_scratch_is_aligned() -> None:
    for n in range(1, 9):
        room = aligned((n, 16), np.float32)
        assert (
            room.shape == (n, 16)
            and room.ctypes.data % 64 == 0
            and room.flags.c_contiguous
            and not room.any()
        )


@given(
    n_in=st.sampled_from([1, 2, 63, 64, 65]), n_out=st.integers(1, 9), batch=st.integers(0, 20),
    kind=DTYPES, seed=st.integers(0, 99),
)  # fmt: skip
def test_the_condensed_layer_is_the_masked_one(n_in, n_out, batch, kind, seed) -> None:
    """Exact part: the same product, to 1e-12 in float64; the same weights, to the bit."""
    dtype, error = kind
    random = np.random.default_rng(seed)
    layer = pruned(n_in, n_out, int(random.integers(1, min(n_in, 12) + 1)), dtype=dtype, rng=seed)
    mask = layer.mask.copy()
    mask[:, random.random(n_out) < 0.3] = False  # ablated
    layer.set_mask(mask)
    condensed = ConstantFanIn.from_linear(layer)
    values, indices, outputs = naive.condensed(layer.weights.tolist(), mask.tolist())
    assert condensed.values.tolist() == values and condensed.indices.tolist() == indices
    assert condensed.outputs.tolist() == outputs and (condensed.dense() == layer.weights).all()
    x = random.standard_normal((batch, n_in)).astype(dtype)
    y = condensed.forward(x)
    np.testing.assert_allclose(y, layer.forward(x), atol=error, rtol=0)
    assert condensed.macs == batch * mask.sum() and condensed.cost().macs == mask.sum()


def test_its_gradients_are_those_of_the_masked_layer() -> None:
    layer, random = pruned(7, 5, 3), np.random.default_rng(1)
    condensed = ConstantFanIn.from_linear(layer)
    x, up = random.standard_normal((4, 7)), random.standard_normal((4, 5))
    for each in (layer, condensed):
        each.forward(x, training=True)
    np.testing.assert_allclose(condensed.backward(up), layer.backward(up), atol=1e-12)
    expected = np.take_along_axis(layer.gradients["W"].T, condensed.indices.astype(np.int64), axis=1)
    np.testing.assert_allclose(condensed.gradients["W"], expected, atol=1e-12)
    np.testing.assert_allclose(condensed.gradients["b"], layer.gradients["b"], atol=1e-12)


def test_it_stands_in_a_network() -> None:
    random = np.random.default_rng(0)
    layers = [pruned(6, 8, 2, rng=1), pruned(8, 3, 4, rng=2)]
    masked = Network([layers[0], Relu(), layers[1]])
    condensed = Network([ConstantFanIn.from_linear(layers[0]), Relu(), ConstantFanIn.from_linear(layers[1])])
    x, labels = random.standard_normal((9, 6)), random.integers(0, 3, 9)
    losses = [cross_entropy(n.forward(x), labels)[0] for n in (masked, condensed)]
    assert losses[0] == pytest.approx(losses[1], abs=1e-12)
    assert condensed.cost().macs == masked.cost().macs == 6 * 2 + 2 + 14


@pytest.mark.parametrize("batch", [1, 5, 17])
def test_all_programs_compute_the_same_network(batch) -> None:
    network = Network([pruned(9, 8, 2, rng=1), Relu(), pruned(8, 3, 4, rng=2)])
    x = np.random.default_rng(0).standard_normal((batch, 9))
    found = programs(network)
    assert list(found) == ["BLAS", "CSR", "constant fan-in"]
    for program in found.values():
        np.testing.assert_allclose(program(x), network.forward(x), atol=1e-12)
    uneven = network.linear[0]
    uneven.set_mask(uneven.mask & (np.arange(72).reshape(9, 8) != np.flatnonzero(uneven.mask)[0]))
    assert list(programs(network)) == ["BLAS", "CSR"]
    np.testing.assert_allclose(programs(network)["CSR"](x), network.forward(x), atol=1e-12)


def test_bytes_by_hand() -> None:
    layer = pruned(64, 10, 4, dtype=np.float32)
    cost = ConstantFanIn.from_linear(layer).cost()
    assert (cost.stored, cost.macs, cost.stored_bytes) == (50, 40, 40 * 6 + 40)
    layer.set_mask(layer.mask & (np.arange(10) > 2))
    cost = ConstantFanIn.from_linear(layer).cost()
    assert (cost.stored, cost.macs, cost.stored_bytes) == (38, 28, 28 * 6 + 40 + 2 * 7)


def test_the_same_call_gives_the_same_bits() -> None:
    layer = ConstantFanIn.from_linear(pruned(64, 9, 13, dtype=np.float32))
    x = np.random.default_rng(0).standard_normal((40, 64)).astype(np.float32)
    assert (layer.forward(x) == layer.forward(x.copy())).all()
    assert (layer.forward(x)[:32] == layer.forward(x[:32])).all()  # a sample's answer is its own
    assert (layer.forward(np.asfortranarray(x)) == layer.forward(x)).all()


V, PLACES, X = np.ones((2, 2)), np.array([[0, 1], [1, 2]]), np.ones((1, 3))


@pytest.mark.parametrize(
    ("arguments", "options", "message"),
    [
        ((V.astype(int), PLACES, X), {}, "^values must be float32 or float64 of 2 dimensions, got int64"),
        ((V[0], PLACES, X), {}, "^values must be .* of 2 dimensions, got float64 of shape"),
        ((V, PLACES, X.astype(np.float32)), {}, "^x must be float64 of 2 dimensions, got float32"),
        ((V, PLACES, X[0]), {}, "^x must be float64 of 2 dimensions"),
        ((V, PLACES.astype(float), X), {}, "^indices must be integers, got float64"),
        ((V, PLACES[:1], X), {}, r"^indices must have shape \(2, 2\), got \(1, 2\)"),
        ((V, PLACES + 1, X), {}, r"^indices must be in \[0, 3\), got values in \[1, 3\]"),
        ((V, PLACES - 1, X), {}, r"^indices must be in \[0, 3\), got values in \[-1, 1\]"),
        ((V, PLACES, X), {"outputs": [0, 1]}, "^bias must be given with outputs"),
        ((V, PLACES, X), {"bias": V}, "^bias must have 1 dimension, got shape"),
        ((V, PLACES, X), {"bias": np.ones(1)}, r"^outputs must be in \[0, 1\), got values in \[0, 1\]"),
        ((V, PLACES, X), {"bias": np.ones(3), "outputs": [1, 1]}, "^outputs must be all different, got"),
        ((V, PLACES, X), {"bias": np.ones(3), "outputs": [1]}, r"^outputs must have shape \(2,\), got \(1,\)"),
    ],
)  # fmt: skip
def test_gather_refuses(arguments, options, message) -> None:
    with pytest.raises((TypeError, ValueError), match=message):
        gather(*arguments, **options)


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"values": V.astype(np.int8)}, "^values must be float32 or float64"),
        ({"bias": np.ones(2, dtype=np.float32)}, "^bias must be float64 of 1 dimension, got float32"),
        ({"indices": [[0, 0], [1, 2]]}, "^indices must be all different in a row"),
        ({"n_in": 2}, r"^indices must be in \[0, 2\), got values in \[0, 2\]"),
        ({"outputs": [0, 0]}, "^outputs must be all different"),
        ({"bias": np.ones(3)}, r"^outputs must have shape \(2,\), got \(3,\)"),
    ],
)
def test_a_condensed_layer_refuses(changed, message) -> None:
    given = {"values": V, "indices": PLACES, "n_in": 3, "bias": np.ones(2), **changed}
    with pytest.raises((TypeError, ValueError), match=message):
        ConstantFanIn(given.pop("values"), given.pop("indices"), **given)


def test_an_uneven_layer_is_refused() -> None:
    layer = pruned(4, 2, 2)
    layer.mask[:, 0] = [True, False, False, False]
    with pytest.raises(
        ValueError, match=r"^layer must have the same fan-in for each output with weights, got 1 to 2"
    ):
        ConstantFanIn.from_linear(layer)
    with pytest.raises(
        ValueError, match=r"^x must be float64 of shape \(batch, 4\), got float64 of shape \(1, 3\)"
    ):
        ConstantFanIn.from_linear(pruned(4, 2, 2)).forward(np.ones((1, 3)))
