"""Product codebooks: lines of keys, contributions to scores, what is learned of a tiny model, files."""

import doctest
import io
import re

import numpy as np
import pytest

from hdspike.models import Shape, codebook, learned, product
from hdspike.models.codebook import observed
from hdspike.models.product import ProductBook, fit_product, learn_product, load_product
from tests.naive import evented as naive
from tests.tiny_products import product as random_book


@pytest.mark.parametrize(("dim", "blocks", "lines"), [(1, 1, 1), (4, 2, 3), (6, 6, 2), (6, 1, 5)])
def test_lines_and_contributions_are_those_of_the_twin(dim, blocks, lines):
    rng = np.random.default_rng(dim)
    book = random_book(rng, layers=2, groups=2, dim=dim, blocks=blocks, lines=lines)
    keys, queries = rng.normal(size=(2, 7, dim)).astype(np.float32)
    for layer, group in ((0, 1), (1, 0)):
        turn, centre, centroids = (x[layer, group] for x in (book.transforms, book.centres, book.centroids))
        codes = book.keys(layer, group, keys)
        assert codes.dtype == np.uint8
        assert codes.tolist() == [naive.code(key, turn, centre.astype(float), centroids) for key in keys]
        found = book.contributions(layer, group, queries)
        wanted = [naive.contributions(query, turn, centroids) for query in queries]
        assert found.dtype == np.float32 and np.allclose(found, wanted, rtol=1e-4, atol=1e-4)
    rests = book.rests(1, np.stack([keys, keys]))
    assert rests.shape == (2, 2, 7) and np.allclose(rests[1, 0], keys @ book.means[1, 1, 0] / dim**0.5)
    asked = rng.normal(size=(4, 3, dim)).astype(np.float32)
    assert np.allclose(book.surprise(1, 1, asked[2:])[1], asked[3] - book.means[1, 1, 1])


def test_as_many_lines_as_keys_give_the_scores_back():
    """Every key its own centroid: rest and contributions add up to the score, but for a share of the query's own."""
    rng = np.random.default_rng(3)
    keys = rng.normal(size=(30, 8)).astype(np.float32) + 1
    queries = rng.normal(size=(5, 8)).astype(np.float32) * np.arange(1, 9, dtype=np.float32) + 2
    mean = queries.mean(axis=0, dtype=float)
    moment = (queries.T @ queries / 5).astype(float)[None, None]
    book = learn_product([keys[None]], moment, mean[None, None], blocks=4, lines=30, iterations=1, rng=0)
    codes, surprise = book.keys(0, 0, keys), book.surprise(0, 0, queries[None])[0]
    assert np.unique(codes, axis=0).shape == (30, 4)
    heard = book.contributions(0, 0, surprise)[:, np.arange(4), codes].sum(axis=2)
    estimates = heard + book.rests(0, keys[None])[0, 0]
    apart = queries @ keys.T / 8**0.5 - estimates
    assert np.allclose(apart, apart[:, :1], atol=1e-3)
    assert np.allclose(apart[:, 0], surprise @ keys.mean(axis=0) / 8**0.5, atol=1e-3)


def test_lines_go_where_queries_look():
    """Keys differ most along an axis that no query reads: few lines follow the axis that they do."""
    rng = np.random.default_rng(4)
    keys = (rng.normal(size=(400, 2)) * [1, 30]).astype(np.float32)
    queries = rng.normal(size=(50, 2)) * [1, 1e-3]
    errors = []
    for moment in (None, queries.T @ queries / 50):
        turn, centre, centroids = fit_product(keys, moment, blocks=1, lines=4, rng=0)
        book = ProductBook(
            turn[None, None], centre[None, None], centroids[None, None], np.zeros((1, 1, 1, 2), "f4")
        )
        heard = book.contributions(0, 0, queries.astype(np.float32))[:, 0][:, book.keys(0, 0, keys)[:, 0]]
        errors.append(np.square(heard - queries @ (keys - centre).T / 2**0.5).mean())
    assert errors[1] < 0.2 * errors[0]
    order = product._dealt(np.array([8.0, 4.0, 2.0, 1.0]), 2)
    assert sorted(order.tolist()) == [0, 1, 2, 3] and set(order[:2].tolist()) == {0, 3}
    same = fit_product(keys, blocks=2, lines=8, rng=5), fit_product(keys, blocks=2, lines=8, rng=5)
    assert all(np.array_equal(a, b) for a, b in zip(*same, strict=True))


def test_of_a_tiny_model(tmp_path):
    pytest.importorskip("gguf")
    from hdspike.models import Llama, softmax
    from tests.tiny_models import llama_weights, write_llama

    model = Llama(write_llama(tmp_path / "tiny.gguf", llama_weights(np.random.default_rng(0))))
    tokens = np.random.default_rng(1).integers(0, 256, size=(2, 12))
    keys, moments, means = observed(model, tokens)
    asked = []

    def watch(queries, k, v, *, layer, seen):
        asked.append((queries, k))
        return softmax(queries, k, v, layer=layer, seen=seen)

    for row in tokens:
        model.hidden(row, watch)
    queries = np.concatenate([q for q, _ in asked[1::2]], axis=1).astype(float)
    assert np.array_equal(keys[1], np.concatenate([k for _, k in asked[1::2]], axis=1))
    assert np.allclose(means[1], queries.mean(axis=1), atol=1e-5)
    rows = queries[2:4].reshape(-1, 8)
    assert np.allclose(moments[1, 1], rows.T @ rows / len(rows), atol=1e-4)
    book = learn_product(keys, moments, means, blocks=4, lines=5, rng=2)
    assert (book.layers, book.key_heads, book.blocks, book.lines, book.dim) == (2, 2, 4, 5, 8)
    book.require(model.shape)
    apart = queries[2:4] - queries[2:4].mean(axis=1, keepdims=True)
    spread = apart.reshape(-1, 8).T @ apart.reshape(-1, 8) / len(rows)
    turn = book.transforms[1, 1].astype(float)
    assert np.allclose(turn @ turn.T, spread, atol=1e-3 * np.abs(spread).max())


def test_as_a_file(tmp_path):
    given, path = random_book(np.random.default_rng(13), layers=2), tmp_path / "book.npz"
    given.save(path)
    back, names = load_product(path), ("transforms", "centres", "centroids", "means")
    assert all(np.array_equal(getattr(back, name), getattr(given, name)) for name in names)
    whole = path.read_bytes()
    for cut in (0, 10, len(whole) // 2, len(whole) - 5):
        path.write_bytes(whole[:cut])
        with pytest.raises(ValueError, match=re.escape("book.npz is not a product codebook")):
            load_product(path)
    arrays = {"head": np.array(["hdspike-product", "1"])} | {name: getattr(given, name) for name in names}
    for changed, message in (
        (
            {"head": np.array(["hdspike-codebook", "1"])},
            "must be hdspike-product version 1, it says hdspike-c",
        ),
        ({"means": np.array([{}], dtype=object)}, "is not a product codebook: Object arrays"),
        ({"centres": given.centres[:1]}, "holds no product codebook: centres must have shape"),
        ({"transforms": given.transforms * 0}, "holds no product codebook: transforms must have inverses"),
    ):
        buffer = io.BytesIO()
        np.savez(buffer, **(arrays | changed))
        path.write_bytes(buffer.getvalue())
        with pytest.raises(ValueError, match=message):
            load_product(path)
    with pytest.raises(FileNotFoundError):
        load_product(tmp_path / "absent.npz")


BOOK = random_book(np.random.default_rng(0))
KEYS = np.random.default_rng(1).normal(size=(6, 4)).astype(np.float32)


def book(**changed):
    names = ("transforms", "centres", "centroids", "means")
    return ProductBook(**{name: getattr(BOOK, name) for name in names} | changed)


@pytest.mark.parametrize(
    ("call", "kind", "message"),
    [
        (lambda: book(transforms=BOOK.transforms.astype(float)), TypeError, "transforms must have dtype float32"),
        (lambda: book(transforms=BOOK.transforms[..., :2]), ValueError, "transforms must have shape .1, 1, 4, 4"),
        (lambda: book(transforms=BOOK.transforms * np.float32(np.nan)), ValueError, "transforms must be finite"),
        (lambda: book(centres=BOOK.centres[..., :2]), ValueError, "centres must have shape .1, 1, 4."),
        (lambda: book(centroids=BOOK.centroids[..., :0]), ValueError, "centroids must be .layers, G, B, 1 to 256"),
        (lambda: book(centroids=BOOK.centroids[0]), ValueError, "centroids must have 5 dimension"),
        (lambda: book(means=BOOK.means[..., :2]), ValueError, "means must have shape"),
        (lambda: BOOK.require(Shape(2, 32, 64, 4, 2, 8, 260, 64, 1e-5, 1e4, 1.0)), ValueError,
         r"product codebook must be of the model's .* = \(2, 2, 8\), it is of \(1, 1, 4\)"),
        (lambda: fit_product(KEYS, blocks=2, lines=7), ValueError, "keys must be at least as many as the lines, 7"),
        (lambda: fit_product(KEYS, blocks=3, lines=2), ValueError, "blocks must divide the 4 numbers of a key, got 3"),
        (lambda: fit_product(KEYS, blocks=5, lines=2), ValueError, "blocks must be at most 4"),
        (lambda: fit_product(KEYS, blocks=2, lines=257), ValueError, "lines must be at most 256"),
        (lambda: fit_product(KEYS * np.float32(np.inf), blocks=2, lines=2), ValueError, "keys must be finite"),
        (lambda: fit_product(KEYS, np.eye(3), blocks=2, lines=2), ValueError, "moment must be finite and of shape"),
        (lambda: learn_product([KEYS[None]], means=[1.0]), ValueError, "means must have 3 dimension"),
        (lambda: learn_product([]), ValueError, "keys must be those of one layer at least"),
        (lambda: learn_product([KEYS]), ValueError, "keys must have 3 dimension"),
        (lambda: learn_product([KEYS[None], KEYS[None, :, :1]]), ValueError, "keys must be of the same heads"),
        (lambda: learn_product([KEYS[None]], np.zeros((2, 1, 1, 1))), ValueError, "moments must have shape"),
        (lambda: learn_product([KEYS[None]], means=np.zeros((2, 1, 1))), ValueError, "means must have shape"),
    ],
)  # fmt: skip
def test_bad_input(call, kind, message):
    with pytest.raises(kind, match=f"^{message}"), np.errstate(invalid="ignore"):
        call()


def test_doctests():
    assert doctest.testmod(product).attempted and not doctest.testmod(product).failed
    assert not doctest.testmod(learned).failed and not doctest.testmod(codebook).failed
