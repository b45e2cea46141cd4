"""Codebooks: k-means in the space of the queries, of a tiny model, as files."""

import doctest
import io
import re

import numpy as np
import pytest

from hdspike.models import Bundled, Cache, Codebook, Shape, codebook, softmax
from hdspike.models.codebook import fit, learn_codebook, load_codebook
from tests.naive import bundles as naive
from tests.tiny_codebooks import book, parts


def test_kmeans_finds_the_groups_and_queries_turn_it():
    """Two groups along the axis that queries look at, wider apart along one they do not."""
    rng = np.random.default_rng(12)
    near, far = rng.integers(0, 2, size=(2, 60))
    keys = np.stack([near, 9 * far], axis=1).astype(np.float32)
    keys += rng.normal(size=keys.shape).astype(np.float32) * np.float32(0.05)

    def split(transform, centroids):
        return np.array([np.argmin(naive.distances(k, transform, centroids)) for k in keys])

    plain, aware = (split(*fit(keys, m, entries=2, rng=0)) for m in (None, np.diag([1.0, 1e-6])))
    assert len(set(zip(plain, far, strict=True))) == len(set(zip(aware, near, strict=True))) == 2
    transform, centroids = fit(keys, np.diag([4.0, 9.0]), entries=3, rng=3)
    assert np.allclose(transform @ transform.T, np.diag([4, 9]), atol=1e-5)
    again = fit(keys, np.diag([4.0, 9.0]), entries=3, rng=3)
    assert np.array_equal(centroids, again[1]) and centroids.dtype == np.float32
    same, _ = fit(np.ones((4, 2), np.float32), entries=3, rng=0)  # all but one of the bundles stay empty
    assert np.array_equal(same, np.eye(2))


def test_a_codebook_of_a_model_and_one_token_at_a_time(tmp_path):
    pytest.importorskip("gguf")
    from hdspike.models import Llama
    from tests.tiny_models import llama_weights, write_llama

    model = Llama(write_llama(tmp_path / "tiny.gguf", llama_weights(np.random.default_rng(0))))
    rng = np.random.default_rng(1)
    given, tokens = rng.integers(0, 256, size=(2, 12)), rng.integers(0, 256, size=14)
    learned = learn_codebook(model, given, entries=4, rng=2)
    assert (learned.layers, learned.key_heads, learned.entries, learned.dim) == (2, 2, 4, 8)
    learned.require(model.shape)
    keys = []

    def watch(queries, k, v, *, layer, seen):
        keys.append((queries, k))
        return softmax(queries, k, v, layer=layer, seen=seen)

    for row in given:
        model.hidden(row, watch)
    moment = sum((q[2:4].reshape(-1, 8).T @ q[2:4].reshape(-1, 8)).astype(float) for q, _ in keys[1::2]) / 48
    turn = learned.transforms[1, 1].astype(float)
    assert np.allclose(turn @ turn.T, moment, atol=1e-4)
    turned = np.concatenate([k[1] for _, k in keys[1::2]]) @ turn
    mine = np.array([np.argmin(((x - learned.centroids[1, 1]) ** 2).sum(axis=1)) for x in turned])
    for c in set(mine):  # Lloyd's iterations have come to rest
        assert np.allclose(turned[mine == c].mean(axis=0), learned.centroids[1, 1, c], atol=1e-3)
    assert np.array_equal(learn_codebook(model, given, entries=4, rng=2).centroids, learned.centroids)
    plain = learn_codebook(model, given, entries=4, query_aware=False, rng=2)
    assert np.array_equal(plain.transforms[1, 0], np.eye(8))

    plug, step = Bundled(6, learned), Bundled(6, learned)
    whole, cache = model.hidden(tokens, plug), Cache(model.shape, capacity=2)
    one = np.concatenate([model.hidden([token], step, cache=cache) for token in tokens])
    assert np.allclose(one, whole, atol=1e-3)
    assert (step.kept, step.bundles, step.inserted) == (plug.kept, plug.bundles, plug.inserted)
    assert step.inserted == 2 * 2 * 14 and plug.bundles > 0
    assert not np.allclose(whole, model.hidden(tokens), atol=1e-2)
    chunks, cache = Bundled(6, learned), Cache(model.shape)
    two = np.concatenate(
        [model.hidden(tokens[part], chunks, cache=cache) for part in (slice(9), slice(9, 14))]
    )
    assert np.allclose(two, whole, atol=1e-3)


def test_a_codebook_as_a_file(tmp_path):
    given, path = book(np.random.default_rng(13), layers=2), tmp_path / "book.npz"
    given.save(path)
    back = load_codebook(path)
    assert np.array_equal(back.transforms, given.transforms) and np.array_equal(
        back.centroids, given.centroids
    )
    assert [p.name for p in tmp_path.iterdir()] == ["book.npz"]
    whole = path.read_bytes()
    for cut in (0, 10, len(whole) // 2, len(whole) - 5):
        path.write_bytes(whole[:cut])
        with pytest.raises(ValueError, match=re.escape("book.npz is not a codebook")):
            load_codebook(path)
    turns, centroids = given.transforms, given.centroids
    for changed, message in (
        (
            {"head": np.array(["hdspike-codebook", "2"])},
            "must be hdspike-codebook version 1, it says .* version 2",
        ),
        ({"head": np.array([])}, "must be hdspike-codebook version 1"),
        ({"transforms": np.array([{}], dtype=object)}, "is not a codebook: Object arrays"),
        ({"transforms": turns[:1]}, "holds no codebook: transforms must have shape"),
        ({"centroids": centroids.astype(float)}, "holds no codebook: centroids must have dtype float32"),
        (
            {"centroids": centroids * np.float32(np.nan)},
            "holds no codebook: centroids must be finite, got nan",
        ),
    ):
        arrays = {"head": np.array(["hdspike-codebook", "1"]), "transforms": turns, "centroids": centroids}
        buffer = io.BytesIO()
        np.savez(buffer, **(arrays | changed))
        path.write_bytes(buffer.getvalue())
        with pytest.raises(ValueError, match=message):
            load_codebook(path)
    with pytest.raises(FileNotFoundError):
        load_codebook(tmp_path / "absent.npz")


def test_a_codebook_of_another_model():
    shape = Shape(1, 32, 64, 4, 2, 8, 260, 64, 1e-5, 1e4, 1.0)
    book(np.random.default_rng(1)).require(shape)
    with pytest.raises(
        ValueError, match=r"codebook must be of the model's .* = \(1, 2, 8\), it is of \(2, 2, 8\)"
    ):
        book(np.random.default_rng(0), layers=2).require(shape)


_, K, _, _ = parts(np.random.default_rng(0))
NAN = K.copy()
NAN[1, 4, 0] = np.nan
EYE, SOME = np.eye(8, dtype=np.float32)[None, None], np.ones((1, 1, 2, 8), np.float32)


@pytest.mark.parametrize(
    ("call", "kind", "message"),
    [
        (lambda: Codebook(EYE, SOME.astype(float)), TypeError, "centroids must have dtype float32"),
        (lambda: Codebook(EYE, SOME[0]), ValueError, "centroids must have 4 dimension"),
        (lambda: Codebook(EYE, SOME[:, :, :0]), ValueError, "centroids must be .layers, G, 1 to 256, d"),
        (lambda: Codebook(EYE, np.ones((1, 1, 257, 8), np.float32)), ValueError, "centroids must be .layers, G, 1 to"),
        (lambda: Codebook(EYE[..., :4], SOME), ValueError, "transforms must have shape .1, 1, 8, 8., got"),
        (lambda: Codebook(EYE / np.float32("inf") * np.inf, SOME), ValueError, "transforms must be finite, got nan"),
        (lambda: fit(K[0], entries=14), ValueError, "keys must be at least as many as the entries, 14, got 13"),
        (lambda: fit(K[0], entries=257), ValueError, "entries must be at most 256"),
        (lambda: fit(K[0], entries=2, iterations=0), ValueError, "iterations must be at least 1"),
        (lambda: fit(NAN[1], entries=2), ValueError, "keys must be finite"),
        (lambda: fit(K[0], np.eye(7), entries=2), ValueError, "moment must be finite and of shape .8, 8."),
        (lambda: fit(K[0], np.eye(8) * np.nan, entries=2), ValueError, "moment must be finite"),
        (lambda: learn_codebook(None, [1, 2]), ValueError, "windows must have 2 dimension"),
        (lambda: learn_codebook(None, [[1, 2]]), ValueError, "windows must hold at least as many tokens as ent"),
    ],
)  # fmt: skip
def test_bad_input(call, kind, message):
    with pytest.raises(kind, match=message), np.errstate(invalid="ignore"):
        call()


def test_doctests():
    results = doctest.testmod(codebook)
    assert results.attempted > 0 == results.failed
