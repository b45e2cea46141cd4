"""The learners: their rules against naive twins, scikit-learn's contract, files, bad input."""

import doctest
import importlib
import json
import subprocess
import sys

import numba
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.datasets import load_iris, make_regression
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.utils.estimator_checks import estimator_checks_generator

from hdspike import bits, files, learn
from hdspike.hypervector import Hypervectors
from hdspike.learn import (
    CentroidClassifier,
    HDCluster,
    HDRegressor,
    HypervectorEncoder,
    LeHDCClassifier,
    OnlineHDClassifier,
    RetrainingClassifier,
    compare,
    regressor,
)
from hdspike.learn.cluster import k_majority
from hdspike.learn.lehdc import _Descent
from hdspike.learn.prototypes import Prototypes
from tests.conftest import JIT
from tests.naive import learn as naive

DIM = 200 if JIT else 64
slow = pytest.mark.skipif(not JIT, reason="thousands of vectors are too many for un-jitted kernels")

CLASSIFIERS = [
    CentroidClassifier(DIM, random_state=0),
    CentroidClassifier(DIM, binary=False, encoder="record", random_state=0),
    RetrainingClassifier(DIM, epochs=3, random_state=0),
    RetrainingClassifier(DIM, epochs=3, prototypes=2, early_stopping=True, random_state=0),
    RetrainingClassifier(DIM, epochs=3, binary=False, encoder="projection", random_state=0),
    OnlineHDClassifier(DIM, epochs=3, random_state=0),
    OnlineHDClassifier(DIM, epochs=3, binary=True, random_state=0),
    LeHDCClassifier(DIM, epochs=3, random_state=0),
    LeHDCClassifier(DIM, epochs=3, prototypes=2, dropout=0.2, weight_decay=0.1, random_state=0),
]
OTHERS = [HDCluster(3, DIM, random_state=0), HDRegressor(DIM, epochs=5, random_state=0)]
ENCODERS = [HypervectorEncoder(DIM, method=m) for m in ("fourier", "projection", "record")]

X, Y = load_iris(return_X_y=True)


def blobs(dim: int, classes: int, each: int, noise: float, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Noisy copies of one random vector per class."""
    random = np.random.default_rng(seed)
    clean = bits.random(classes, dim, rng=random)
    labels = np.repeat(np.arange(classes), each)
    flips = bits.pack(random.random((len(labels), dim)) < noise)
    return clean[labels] ^ flips, labels


# --- scikit-learn's contract ---------------------------------------------------------------------------

# Un-jitted, the checks of iterative learners take minutes; with every index checked they would only repeat
# what the other tests of the kernels do. There a part of them runs.
CHECKED = [*ENCODERS[::2], *CLASSIFIERS[:4], CLASSIFIERS[5], CLASSIFIERS[8], *OTHERS]
CHECKED = CHECKED if JIT and not numba.config.BOUNDSCHECK else [ENCODERS[0], CLASSIFIERS[0]]


def checks() -> list[object]:
    return [
        pytest.param(check, estimator, id=f"{i}-{getattr(check, 'func', check).__name__}")
        for i, made in enumerate(CHECKED)
        for estimator, check in estimator_checks_generator(made)
    ]


@pytest.mark.parametrize(("check", "estimator"), checks())
@pytest.mark.filterwarnings("ignore")
def test_scikit_learn_contract(check, estimator) -> None:
    """No check is expected to fail."""
    check(estimator)


def test_importing_without_scikit_learn_says_what_to_install() -> None:
    code = "import sys; sys.modules['sklearn'] = None; import hdspike.learn"
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert ran.returncode == 1
    assert "pip install hdspike[learn]" in ran.stderr.splitlines()[-1]


@pytest.mark.parametrize("name", learn.__all__)
def test_examples_in_docstrings(name: str) -> None:
    module = importlib.import_module(getattr(learn, name).__module__)
    if not JIT and name in ("HDRegressor", "RetrainingClassifier", "OnlineHDClassifier", "LeHDCClassifier"):
        pytest.skip("a thousand bits for many epochs are too much for un-jitted kernels")
    assert doctest.testmod(module).failed == 0


# --- rules ---------------------------------------------------------------------------------------------


def started(
    seed: int, dim: int, owners: list[int], *, binary: bool
) -> tuple[Prototypes, np.ndarray, np.ndarray]:
    """Prototypes with something in them, and a batch with labels."""
    random = np.random.default_rng(seed)
    words = bits.random(7, dim, rng=random)
    model = Prototypes(owners, dim, binary=binary)
    targets, weights = random.integers(len(owners), size=7), random.integers(1, 4, size=7)
    model.add(words, bits.hash64(words), np.arange(7), targets, weights)
    return model, words, random.integers(max(owners) + 1, size=7)


@given(st.sampled_from([1, 63, 65]), st.booleans(), st.integers(1, 9), st.integers(0, 2**32))
def test_a_batch_of_retraining(dim: int, binary: bool, alpha: int, seed: int) -> None:
    model, words, labels = started(seed, dim, [0, 0, 1, 2], binary=binary)
    plain = bits.unpack(words, dim).tolist()
    seeds = [int(s) for s in model.seeds]
    expected = naive.retrain(
        *(model.counters.tolist(), seeds, [0, 0, 1, 2], plain, labels, alpha, 0.1), binary=binary
    )
    learner = RetrainingClassifier(dim, margin=0.1)
    learner._correct(model, words, bits.hash64(words), labels, np.arange(7), alpha)
    assert model.counters.tolist() == expected


@given(st.sampled_from([1, 63, 65]), st.booleans(), st.integers(0, 2**32))
def test_a_batch_of_online_hd(dim: int, every: bool, seed: int) -> None:
    model, words, labels = started(seed, dim, [0, 1, 2], binary=False)
    plain = bits.unpack(words, dim).tolist()
    expected = naive.online(model.counters.tolist(), plain, labels, 0.5, every=every)
    learner = OnlineHDClassifier(dim, learning_rate=0.5)
    learner._update(model, words, bits.hash64(words), labels, np.arange(7), every=every)
    assert np.abs(model.counters - expected).max() <= 1  # a weight at x.5 may round either way


@given(st.sampled_from([3, 64, 65]), st.integers(0, 2**32))
def test_a_step_of_lehdc(dim: int, seed: int) -> None:
    """Adam's first step moves each latent weight by the rate against its gradient; the moments hold the gradient."""
    model, words, labels = started(seed, dim, [0, 1, 2], binary=True)
    descent = _Descent(LeHDCClassifier(dim, temperature=2.0), model, words, labels, np.random.default_rng(0))
    before = descent.latent.copy()
    vectors = bits.unpack(model.words(), dim).tolist()
    assert ((before > 0) == vectors).all()
    expected = np.array(naive.gradient(bits.unpack(words, dim).tolist(), labels, vectors, 2.0))
    descent.step(np.arange(7), 0.01)
    assert np.allclose(descent.first, 0.1 * expected, atol=0.1 / 4096)
    clear = np.abs(expected) > 1e-3
    moved = np.clip(before - 0.01 * np.sign(expected), -1, 1)
    assert np.allclose(descent.latent[clear], moved[clear], atol=1e-5)


@given(st.sampled_from([1, 32, 65]), st.integers(1, 1024), st.integers(0, 2**32))
def test_a_pass_of_regression(dim: int, rate: int, seed: int) -> None:
    random = np.random.default_rng(seed)
    words, targets = bits.random(6, dim, rng=random), random.integers(-(2**18), 2**18, size=6)
    order, model, total = (
        random.permutation(6),
        random.integers(-99, 99, size=dim),
        np.zeros(dim, dtype=np.int64),
    )
    plain = bits.unpack(words, dim)[order].tolist()
    expected = naive.descend(plain, targets[order].tolist(), rate, model.tolist())
    wrong = regressor._descend(words.view(np.uint32), order, targets, rate, dim, model, total)
    assert (model.tolist(), total.tolist(), wrong) == expected


@given(
    st.sampled_from([1, 64, 65]), st.lists(st.integers(0, 2), min_size=1, max_size=9), st.integers(0, 2**32)
)
def test_a_centroid_is_the_majority(dim: int, labels: list[int], seed: int) -> None:
    """Bit for bit, ties too, in one call or two, in any order."""
    words, y = bits.random(len(labels), dim, rng=seed), np.array(labels)
    model = CentroidClassifier(dim, encoder="words").fit(words, y)
    expected = [bits.majority(words[y == k], dim) for k in np.unique(y)]
    assert np.array_equal(model.prototypes_, expected)
    assert np.array_equal(model.similarity(words), 1 - 2 * bits.hamming(words, model.prototypes_, dim) / dim)
    parts = (
        CentroidClassifier(dim, encoder="words").partial_fit(words[1:][::-1], y[1:][::-1], y)
        if len(y) > 1
        else model
    )
    if len(y) > 1:
        parts.partial_fit(words[:1], y[:1])
    assert np.array_equal(parts.prototypes_, model.prototypes_)


@slow
def test_retraining_and_more_prototypes_help() -> None:
    """XOR of two bits: one prototype a class cannot hold it, two can; corrections cannot replace them."""
    random = np.random.default_rng(0)
    corners = bits.random(4, 1000, rng=random)
    which = random.integers(4, size=400)
    words = corners[which] ^ bits.pack(random.random((400, 1000)) < 0.3)
    y = (which == 0) | (which == 3)
    made = RetrainingClassifier(1000, encoder="words", prototypes=2, random_state=0).fit(words, y)
    assert made.score(words, y) == 1.0
    assert made.owners_.tolist() == [0, 0, 1, 1]


@slow
@pytest.mark.parametrize("made", CLASSIFIERS[2:], ids=lambda m: type(m).__name__)
def test_training_beats_bundling(made) -> None:
    """On iris, held out half: well above chance, and no worse than 4 errors behind a logistic regression."""
    model = made.__class__(**(made.get_params() | {"dim": 2000, "encoder": "fourier", "epochs": 20}))
    score = model.fit(X[::2], Y[::2]).score(X[1::2], Y[1::2])
    assert score >= LogisticRegression(max_iter=1000).fit(X[::2], Y[::2]).score(X[1::2], Y[1::2]) - 4 / 75
    assert model.n_iter_ == len(model.errors_) <= 20


@pytest.mark.parametrize(
    ("scores", "stopped", "kept"),
    [
        ([0.5, 0.6, 0.9, 0.8, 0.9, 0.1], 4, 2),  # two epochs without a gain
        ([0.9, 0.6, 0.8], 2, 0),  # the start was best
        ([0.1, 0.2, 0.3, 0.4, 0.5, 0.6], 5, 5),  # it ran out of epochs
    ],
)
def test_early_stopping_keeps_the_best_epoch(scores: list[float], stopped: int, kept: int) -> None:
    """``scores[i]`` is the accuracy after i epochs."""
    model = RetrainingClassifier(DIM, epochs=5, early_stopping=True, n_iter_no_change=2)
    done = [0]

    def epoch(number: int) -> int:
        done[0] = number + 1
        return 1

    assert model._epochs(epoch, lambda: done[0], lambda state: scores[state]) == kept
    assert (model.n_iter_, model.validation_scores_) == (stopped, scores[1 : stopped + 1])


def test_what_is_held_out() -> None:
    """A share of each class, never all of it, nothing twice."""
    labels = np.array([0] * 10 + [1] * 3 + [2])
    model = RetrainingClassifier(DIM, early_stopping=True, validation_fraction=0.3)
    train, valid = model._hold_out(labels, np.random.default_rng(0))
    assert np.bincount(labels[valid], minlength=3).tolist() == [3, 1, 0]
    assert sorted([*train, *valid]) == list(range(14))


def test_no_epochs_is_the_centroid() -> None:
    words, y = blobs(65, 3, 6, 0.3, seed=2)
    base = CentroidClassifier(65, encoder="words").fit(words, y).prototypes_
    assert np.array_equal(RetrainingClassifier(65, encoder="words", epochs=0).fit(words, y).prototypes_, base)
    assert np.array_equal(LeHDCClassifier(65, encoder="words", epochs=0).fit(words, y).prototypes_, base)


@pytest.mark.parametrize("made", [*CLASSIFIERS, *OTHERS], ids=lambda m: type(m).__name__)
def test_seed_alone_decides(made) -> None:
    """Twice the same, on one thread too; another seed gives another model."""
    held = []
    most = numba.config.NUMBA_NUM_THREADS
    for threads, seed in ((most, 3), (1, 3), (most, 4)):
        numba.set_num_threads(min(threads, most))
        model = made.__class__(**(made.get_params() | {"random_state": seed}))
        model.fit(X[::5], Y[::5])
        held.append([np.asarray(getattr(model, name)) for name in model._saved()])
    numba.set_num_threads(most)
    assert all(np.array_equal(a, b) for a, b in zip(held[0], held[1], strict=True))
    assert not all(np.array_equal(a, b) for a, b in zip(held[0], held[2], strict=True))


# --- words in ------------------------------------------------------------------------------------------


def test_words_and_hypervectors_and_a_pipeline() -> None:
    words, y = blobs(65, 3, 4, 0.1, seed=0)
    given_words = CentroidClassifier(65, encoder="words").fit(words, y)
    batch = Hypervectors(words, 65)
    given_batch = CentroidClassifier(encoder="words").fit(batch, y)  # the batch says its own dim
    assert given_batch.dim_ == 65
    assert np.array_equal(given_words.predict(words), given_batch.predict(batch))
    assert np.array_equal(given_words.predict(words), y)
    piped = make_pipeline(HypervectorEncoder(DIM, random_state=7), CentroidClassifier(DIM, encoder="words"))
    inside = CentroidClassifier(encoder=HypervectorEncoder(DIM, random_state=7))
    assert np.array_equal(piped.fit(X, Y).predict(X), inside.fit(X, Y).predict(X))


# --- encoders ------------------------------------------------------------------------------------------


def test_projection_law() -> None:
    """Hamming distance ÷ D is θ/π within 4 standard errors."""
    dim, angles = 20_000, np.array([0.2, 1.0, 2.0, 3.0])
    points = np.stack([np.cos(angles), np.sin(angles)], axis=1)
    made = HypervectorEncoder(dim, method="projection", random_state=0).fit(points)
    z = (points - made.mean_) / made.scale_
    turn = np.arctan2(z[:, 1], z[:, 0])
    theta = np.abs((turn - turn[0] + np.pi) % (2 * np.pi) - np.pi) / np.pi
    words = made.transform(points)
    measured = bits.hamming(words[:1], words, dim)[0] / dim
    assert np.all(np.abs(measured - theta) <= 4 * np.sqrt(theta * (1 - theta) / dim) + 1e-3)


def test_fourier_law() -> None:
    """Similarity is 8/π² Σ e^(−m²γd²)/m² within 4 standard errors."""
    dim, steps = 20_000, np.linspace(0, 2, 6)[:, None]
    made = HypervectorEncoder(dim, gamma=0.7, random_state=0).fit(steps)
    distance = (steps[:, 0] - steps[0, 0]) / made.scale_[0]
    odd = np.arange(1, 200, 2)[:, None]
    law = 8 / np.pi**2 * (np.exp(-(odd**2) * 0.7 * distance**2) / odd**2).sum(axis=0)
    words = made.transform(steps)
    measured = 1 - 2 * bits.hamming(words[:1], words, dim)[0] / dim
    assert np.all(np.abs(measured - law) <= 4 / np.sqrt(dim) * np.sqrt(1 - np.minimum(law, 1) ** 2) + 3e-3)


@pytest.mark.parametrize("method", ["fourier", "projection", "record"])
def test_bits_do_not_depend_on_the_batch(method: str) -> None:
    random = np.random.default_rng(0)
    points = random.standard_normal((9, 13)) * 1e3
    made = HypervectorEncoder(130, method=method, random_state=0).fit(points)
    whole = made.transform(points)
    assert np.array_equal(whole, np.concatenate([made.transform(row[None]) for row in points]))
    assert not np.any(whole[:, -1] & ~bits.tail_mask(130))
    assert np.isfinite(made.scale_).all()


def test_a_record_prefers_its_own_levels() -> None:
    points = np.linspace(0, 1, 20)[:, None] * np.ones(5)
    words = HypervectorEncoder(2000, method="record", levels=20, random_state=0).fit_transform(points)
    distance = bits.hamming(words[:1], words, 2000)[0]
    assert distance[0] == 0 < distance[5] < distance[10] < distance[19]
    assert abs(distance[19] / 2000 - 0.5) < 0.06


# --- clusters, regression ------------------------------------------------------------------------------


def test_clusters_are_found() -> None:
    words, y = blobs(DIM * 3, 4, 8, 0.15, seed=5)
    model = HDCluster(4, DIM * 3, encoder="words", random_state=0).fit(words)
    found = {(int(a), int(b)) for a, b in zip(y, model.labels_, strict=True)}
    assert len(found) == 4
    assert model.inertia_ == bits.hamming(words, model.centres_, DIM * 3).min(axis=1).sum()
    assert model.score(words) == -model.inertia_
    assert np.array_equal(model.predict(words), model.labels_)
    assert model.transform(words).shape == (32, 4)


@given(st.sampled_from([1, 2, 64, 65]), st.integers(1, 7), st.integers(0, 2**32))
def test_no_cluster_is_empty_where_vectors_differ(dim: int, k: int, seed: int) -> None:
    """Tiny dimensions repeat vectors: fewer distinct ones than clusters must not fail."""
    words = bits.random(7, dim, rng=seed)
    made = k_majority(words, dim, k, rng=np.random.default_rng(seed))
    assert made.inertia == bits.hamming(words, made.centres, dim).min(axis=1).sum()
    assert made.labels.shape == (7,)
    if k == 7 and len(np.unique(words, axis=0)) == 7:
        assert made.inertia == 0


@slow
def test_regression_follows_a_plane_and_a_wave() -> None:
    A, b = make_regression(200, 3, noise=1.0, random_state=0)
    assert HDRegressor(4000, random_state=0).fit(A[::2], b[::2]).score(A[1::2], b[1::2]) > 0.8
    wave = np.linspace(-3, 3, 200)[:, None]
    model = HDRegressor(4000, random_state=0).fit(wave[::2], 5 + 1e-3 * np.sin(2 * wave[::2, 0]))
    assert model.score(wave[1::2], 5 + 1e-3 * np.sin(2 * wave[1::2, 0])) > 0.9
    assert model.errors_[-1] < model.errors_[0]


def test_a_constant_target() -> None:
    model = HDRegressor(DIM, epochs=2, random_state=0).fit(X[:5], np.full(5, 3.5))
    assert model.predict(X[:5]).tolist() == [3.5] * 5


# --- files ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("made", [*CLASSIFIERS, *OTHERS], ids=lambda m: type(m).__name__)
@pytest.mark.parametrize("text", [False, True])
def test_save_and_load(made, text: bool, tmp_path) -> None:
    y = np.array(["rose", "iris", "ölbaum"])[Y] if text and not isinstance(made, HDRegressor) else Y
    model = made.__class__(**made.get_params()).fit(X[::3], y[::3])
    path = tmp_path / "flowers.model"
    model.save(path)
    back = learn.load(path)
    assert type(back) is type(model)
    assert np.array_equal(back.predict(X), model.predict(X))
    assert back.get_params() == model.get_params()
    if isinstance(model, CentroidClassifier):
        again = [m.partial_fit(X[1::3], y[1::3]).prototypes_ for m in (back, model) if m.binary]
        assert len(again) in (0, 2)
        assert not again or np.array_equal(*again)
    back.save(tmp_path / "again.model")
    assert (tmp_path / "again.model").read_bytes() == path.read_bytes() or isinstance(
        model, CentroidClassifier
    )


def test_words_models_are_small(tmp_path) -> None:
    words, y = blobs(65, 3, 4, 0.1, seed=0)
    model = RetrainingClassifier(65, encoder="words", epochs=1).fit(words, y)
    model.save(tmp_path / "m")
    assert np.array_equal(learn.load(tmp_path / "m").predict(words), model.predict(words))
    assert (tmp_path / "m").stat().st_size < 10_000


def test_damaged_files(tmp_path) -> None:
    path, bad = tmp_path / "m", tmp_path / "bad"
    CentroidClassifier(65, random_state=0).fit(X[::9], Y[::9]).save(path)
    body, meta = files.load_array(path, mmap=False)
    head = json.loads(body[: meta["head"]].tobytes())
    rest = body[meta["head"] :]

    def write(changed: dict | None = None, cut: int = 0, **other) -> None:
        text = json.dumps(head | (changed or {})).encode()
        whole = np.concatenate([np.frombuffer(text, dtype=np.uint8), rest[: len(rest) - cut]])
        files.save_array(bad, whole, **(meta | {"head": len(text)} | other))

    write()
    assert len(learn.load(bad).classes_) == 3  # undamaged, it loads
    for change in (
        *({"cut": 1}, {"model": "BaseEstimator"}, {"model": None}, {"model_version": 2}, {"head": 3}),
        *(
            {"changed": {"dim": 64}},
            {"changed": {"arrays": []}},
            {"changed": {"arrays": [["classes_", "O", [3]]]}},
        ),
        *({"changed": {"params": {"dim": 65, "shell": 1}}}, {"changed": {"encoding": {"seed": -1}}}),
        {"changed": {"arrays": [["classes_", "<i8", [2**62]], *head["arrays"][1:]]}},
    ):
        write(**change)
        with pytest.raises(ValueError, match="bad"):
            learn.load(bad)
    path.write_bytes(b"junk")
    with pytest.raises(ValueError, match="not an hdspike array file"):
        learn.load(path)


DAMAGED = {
    "shape": lambda h: h["arrays"][0].__setitem__(2, [10**30]),
    "negative": lambda h: h["arrays"][0].__setitem__(2, [-1]),
    "dtype": lambda h: h["arrays"][0].__setitem__(1, "<i8,("),
    "owners": lambda h: h["arrays"][1].__setitem__(1, "<f8"),
    "prototypes": lambda h: h["arrays"][2].__setitem__(1, "<f8"),
    "dim 0": lambda h: h["encoding"].__setitem__("dim", 0),
    "another dim": lambda h: h["encoding"].__setitem__("dim", 66),
    "no entries": lambda h: h["arrays"].__setitem__(0, []),
    "binary": lambda h: h["params"].__setitem__("binary", "no"),
    "encoder": lambda h: h.__setitem__("encoder", "words"),
}


@pytest.mark.parametrize("damage", [*DAMAGED, "nested"])
def test_a_damaged_head(damage: str, tmp_path) -> None:
    path, bad = tmp_path / "m", tmp_path / "bad"
    RetrainingClassifier(65, epochs=1, random_state=0).fit(X[::9], Y[::9]).save(path)
    body, meta = files.load_array(path, mmap=False)
    head = json.loads(body[: meta["head"]].tobytes())
    DAMAGED.get(damage, len)(head)
    text = b"[" * 200_000 if damage == "nested" else json.dumps(head).encode()
    whole = np.concatenate([np.frombuffer(text, dtype=np.uint8), body[meta["head"] :]])
    files.save_array(bad, whole, **(meta | {"head": len(text)}))
    with pytest.raises(ValueError, match="bad holds a damaged model"):
        learn.load(bad)


def test_labels_of_objects_are_saved_as_text(tmp_path) -> None:
    y = np.array(["rose", "iris", "ölbaum"], dtype=object)[Y]
    model = CentroidClassifier(65, random_state=0).fit(X, y)
    model.save(tmp_path / "m")
    assert learn.load(tmp_path / "m").predict(X[:3]).tolist() == model.predict(X[:3]).tolist()


@pytest.mark.parametrize("method", ["fourier", "projection", "record"])
def test_the_largest_numbers_there_are(method: str) -> None:
    """Their range and their sum are beyond doubles; the halves are not. Bits are those of smaller numbers."""
    points = np.array([[1.7], [-1.7], [0.0], [1.6]])
    large = HypervectorEncoder(100, method=method, random_state=0).fit_transform(points * 1e308)
    assert np.array_equal(large, HypervectorEncoder(100, method=method, random_state=0).fit_transform(points))


@slow
def test_retraining_of_vectors_that_share_much() -> None:
    """Records of pictures that are mostly background: a similarity of 0.9; before, 13 % were right."""
    from sklearn.datasets import load_digits

    from hdspike import encode
    from hdspike.spaces import BSC

    pictures, y = load_digits(return_X_y=True)
    space = BSC(2048)
    places, levels = encode.grid(space, 16, 16, rng=1), encode.level(space, 17, rng=2)
    words = encode.pixels(
        space, places, levels, np.pad(pictures.reshape(-1, 8, 8), ((0, 0), (4, 4), (4, 4))), high=16
    )
    model = RetrainingClassifier(2048, encoder="words", random_state=0)
    assert model.fit(words[::2], y[::2]).score(words[1::2], y[1::2]) > 0.4


# --- bad input -----------------------------------------------------------------------------------------

W, WY = blobs(70, 2, 3, 0.1, seed=0)
NAN = float("nan")


def words_model(**changed) -> RetrainingClassifier:
    return RetrainingClassifier(**({"dim": 70, "encoder": "words"} | changed))


CASES = [
    (lambda: CentroidClassifier(0).fit(X, Y), ValueError, "dim must be at least 1, got 0"),
    (lambda: CentroidClassifier(1.5).fit(X, Y), TypeError, "dim must be an integer"),
    (lambda: CentroidClassifier(encoder="hash").fit(X, Y), ValueError, "encoder must be one of"),
    (lambda: CentroidClassifier(binary=2).fit(X, Y), TypeError, "binary must be True or False"),
    (lambda: CentroidClassifier(64).fit(X * NAN, Y), ValueError, "Input X contains NaN"),
    (lambda: words_model().fit(W.astype(float), WY), TypeError, "X must be uint64 words"),
    (lambda: words_model().fit(W[:, :1], WY), ValueError, "X must have 2 words for dim 70"),
    (lambda: words_model().fit(W[:0], WY[:0]), ValueError, "X must be a batch"),
    (lambda: words_model().fit(~W, WY), ValueError, "X must have zero bits beyond dim 70"),
    (lambda: words_model().fit(W, WY[:2]), ValueError, "y must have one label per row of X, 6, got 2"),
    (lambda: words_model().fit(W, WY + 0.5), ValueError, "Unknown label type"),
    (lambda: words_model(early_stopping="a").fit(W, WY), TypeError, "early_stopping must be True or False"),
    (lambda: words_model(average=1).fit(W, WY), TypeError, "average must be True or False"),
    (lambda: words_model(verbose="yes").fit(W, WY), TypeError, "verbose must be True or False"),
    (lambda: HypervectorEncoder(64, verbose="yes").fit(X), TypeError, "verbose must be True or False"),
    (lambda: words_model(epochs=-1).fit(W, WY), ValueError, "epochs must be at least 0"),
    (lambda: words_model(learning_rate=-1.0).fit(W, WY), ValueError, "learning_rate must be in"),
    (lambda: words_model(learning_rate="fast").fit(W, WY), TypeError, "learning_rate must be a number"),
    (lambda: words_model(margin=NAN).fit(W, WY), ValueError, "margin must be in"),
    (lambda: words_model(prototypes=0).fit(W, WY), ValueError, "prototypes must be at least 1"),
    (lambda: words_model(batch_size=0).fit(W, WY), ValueError, "batch_size must be at least 1"),
    (lambda: words_model(batch_size="all").fit(W, WY), ValueError, "batch_size must be one of auto"),
    (lambda: words_model(validation_fraction=1.0).fit(W, WY), ValueError, "validation_fraction must be in"),
    (lambda: words_model(n_iter_no_change=0).fit(W, WY), ValueError, "n_iter_no_change must be at least 1"),
    (
        lambda: words_model().fit(W, WY).predict(bits.random(9, 71, rng=0)),
        ValueError,
        "X must have zero bits",
    ),
    (lambda: words_model().fit(W, WY).predict(Hypervectors(W[:, :1], 64)), ValueError, "X must have 70 bits"),
    (
        lambda: OnlineHDClassifier(64, learning_rate=0.0).fit(X, Y),
        ValueError,
        "learning_rate must be at least",
    ),
    (lambda: LeHDCClassifier(64, dropout=1.0).fit(X, Y), ValueError, "dropout must be in"),
    (lambda: LeHDCClassifier(64, temperature=0).fit(X, Y), ValueError, "temperature must be above 0"),
    (lambda: CentroidClassifier(64).partial_fit(X, Y), ValueError, "classes must be passed"),
    (lambda: CentroidClassifier(64).partial_fit(X, Y, [0, 1]), ValueError, "y must be one of the classes"),
    (lambda: HDCluster(0, 64).fit(X), ValueError, "n_clusters must be at least 1"),
    (lambda: HDCluster(200, 64).fit(X), ValueError, "n_clusters must be at most the 150 rows"),
    (lambda: HDCluster(2, 64, n_init=0).fit(X), ValueError, "n_init must be at least 1"),
    (lambda: HDRegressor(64, epochs=0).fit(X, Y), ValueError, "epochs must be at least 1"),
    (lambda: HDRegressor(64, learning_rate=1.0005).fit(X, Y), ValueError, "learning_rate must be in"),
    (lambda: HDRegressor(64).fit(X, Y * NAN), ValueError, "Input y contains NaN"),
    (lambda: HypervectorEncoder(64, method="hash").fit(X), ValueError, "method must be one of"),
    (lambda: HypervectorEncoder(64, gamma=0).fit(X), ValueError, "gamma must be a number above 0"),
    (lambda: HypervectorEncoder(64, gamma="scale").fit(X), (ValueError, TypeError), "gamma must be a number"),
    (lambda: HypervectorEncoder(64, levels=1).fit(X), ValueError, "levels must be at least 2"),
]


@pytest.mark.parametrize("index", range(len(CASES)), ids=lambda i: f"{i}-{CASES[i][2][:24]}")
def test_bad_input(index: int) -> None:
    call, kind, message = CASES[index]
    with pytest.raises(kind, match="^" + message):
        call()


# --- waiting, comparing --------------------------------------------------------------------------------


def test_progress_appears_after_a_second_and_only_when_asked(monkeypatch, capsys) -> None:
    from hdspike.learn import progress

    clock = iter(range(100))
    monkeypatch.setattr(progress.time, "monotonic", lambda: float(next(clock)))
    assert list(progress.track(range(3), "train", verbose=False)) == [0, 1, 2]
    assert capsys.readouterr().out == ""
    shown = []
    monkeypatch.setattr(progress.Progress, "start", lambda self: shown.append(self.tasks[0].description))
    assert list(progress.track(range(4), "train", verbose=True)) == [0, 1, 2, 3]
    assert shown == ["train"]


@slow
@pytest.mark.filterwarnings("ignore")
def test_the_comparison_has_every_learner(monkeypatch) -> None:
    """Also where some sets have not been fetched, or all."""
    monkeypatch.setattr(compare, "TUNED", ("iris",))

    class Table:
        x, y = X, Y

    def load(name: str) -> type[Table]:
        if name not in ("letter", "optdigits"):
            raise ValueError("not there")
        return Table

    rows = compare.compare(load, dim=256, folds=3, rows=90)
    assert len(rows) == 9
    assert all(0.6 < row[data][0] <= 1 for row in rows for data in ("iris", "letter") if data in row)
    text = compare.markdown(rows)
    assert "| accuracy, % | iris |" in text
    assert "| accuracy, % | letter | optdigits |" in text
    assert "have not been fetched (`hdspike data fetch …`): penbased, satimage, splice." in text
    assert [row["rows"] for row in rows if "letter" in row] == [90] * 5
    assert next(row["learned"] for row in rows if "LeHDC" in row["learner"]) == 2 * 4 * 8 + 3 * 4 * 8
    few = compare.markdown(
        [{k: v for k, v in row.items() if k not in ("letter", "optdigits")} for row in rows]
    )
    assert "Sets on which nothing" not in few
