"""The other contestants: unigram, neighbours, compressors, PPMd; the contract that all of them keep."""

import bz2
import importlib.util
import lzma

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hdspike.contestants.compressors import LZMA, Bzip2, Lzma
from hdspike.contestants.contract import Contestant, Learning, Reading
from hdspike.contestants.neighbours import Neighbours
from hdspike.contestants.ngrams import Ngrams
from hdspike.contestants.octets import octets
from hdspike.contestants.unigram import Unigram
from hdspike.datasets import builtin_text
from tests.naive import contestants as naive

needs_pyppmd = pytest.mark.skipif(
    importlib.util.find_spec("pyppmd") is None, reason="pyppmd is not installed: pip install 'hdspike[bench]'"
)
SMALL = {"length": 4, "width": 8, "near": 16, "development": 32}
FREEZABLE = {
    "unigram": Unigram,
    "kneser-ney": lambda: Ngrams(3),
    "knn-lm": lambda: Neighbours(**SMALL, sample=None),
}
STREAMING = {"lzma": lambda: Lzma(chunk=200), "bzip2": lambda: Bzip2(chunk=200)}


def english(size: int) -> np.ndarray:
    return np.minimum(builtin_text().tokens[:size], 99)


def ppm(*args, **options):
    from hdspike.contestants.ppm import Ppm

    return Ppm(*args, **options)


@pytest.mark.parametrize("name", [*FREEZABLE, *STREAMING, pytest.param("ppmd", marks=needs_pyppmd)])
def test_contract(name):
    """Each has its name and settings, learns, reads with one figure a character, and refuses what it cannot do."""
    make = {**FREEZABLE, **STREAMING, "ppmd": lambda: ppm(4, chunk=200)}[name]
    model, tokens = make(), english(1_500)
    assert isinstance(model, Contestant)
    assert model.name == name
    with pytest.raises(ValueError, match=f"{name} must learn a text before it reads one"):
        model.read(tokens, streaming=True)
    assert model.learning is None
    model.learn(tokens[:1000], 100)
    assert model.learning is not None and model.learning.seconds > 0
    assert model.stored_bytes() > 0
    ways = (False, True) if name in FREEZABLE else (True,)
    for streaming in ways:
        reading = model.read(tokens[1000:], streaming=streaming)
        assert reading.bits.shape == (500,)
        assert 0 < reading.bits_per_character < 8
        assert (reading.hits is not None) == (name in FREEZABLE)
        assert (reading.accuracy is not None) == (name in FREEZABLE)
        assert reading.microseconds > 0
        assert (model.active_bytes() is not None) == (name in FREEZABLE)
    if name not in FREEZABLE:
        with pytest.raises(ValueError, match=r"streaming must be True: .* learns while it reads, got False"):
            model.read(tokens[1000:], streaming=False)
    for bad, message in (
        ([100], "tokens must be in"),
        ([], "at least one character"),
        ([[1]], "1 dimension"),
    ):
        with pytest.raises(ValueError, match=message):
            model.read(np.array(bad, dtype=np.int64), streaming=True)


@pytest.mark.parametrize("name", FREEZABLE)
def test_learning_again_forgets(name):
    tokens = english(800)
    model, other = FREEZABLE[name](), FREEZABLE[name]()
    model.learn(tokens[:700][::-1], 100)
    model.read(tokens[700:], streaming=True)
    model.learn(tokens[:700], 100)
    other.learn(tokens[:700], 100)
    for streaming in (False, True):
        left, right = (m.read(tokens[700:], streaming=streaming) for m in (model, other))
        np.testing.assert_array_equal(left.bits, right.bits)
        np.testing.assert_array_equal(left.hits, right.hits)
    assert model.stored_bytes() == other.stored_bytes()


@given(
    st.lists(st.integers(0, 3), min_size=1, max_size=20), st.lists(st.integers(0, 3), min_size=1, max_size=20)
)
def test_unigram(past, text):
    frozen, streaming = Unigram(), Unigram()
    for model in (frozen, streaming):
        model.learn(past, 4)
    bits, learned = (m.read(text, streaming=m is streaming) for m in (frozen, streaming))
    for t, symbol in enumerate(text):
        seen = past + text[:t]
        assert bits.bits[t] == pytest.approx(-np.log2((past.count(symbol) + 1) / (len(past) + 4)))
        assert learned.bits[t] == pytest.approx(-np.log2((seen.count(symbol) + 1) / (len(seen) + 4)))
        assert learned.hits[t] == (symbol == max(range(4), key=lambda v: (seen.count(v), -v)))
        assert bits.hits[t] == (symbol == max(range(4), key=lambda v: (past.count(v), -v)))
    np.testing.assert_array_equal(frozen._counts, np.bincount(past, minlength=4))
    np.testing.assert_array_equal(streaming._counts, np.bincount(past + text, minlength=4))


@pytest.mark.parametrize("streaming", [False, True])
@pytest.mark.parametrize("sample", [None, 7])
def test_neighbours_are_the_definition(streaming, sample):
    tokens = english(460)
    past, text = tokens[:400], tokens[400:]
    model = Neighbours(**SMALL, sample=sample, rng=3)
    model.learn(past, 100)
    reading = model.read(text, streaming=streaming)
    whole = np.concatenate([past, text])
    vectors = np.array(
        [naive.context_vector(model._directions, whole, t, 4, model.decay, 100) for t in range(len(whole))]
    )
    assert reading.positions.tolist() == [i * 60 // (sample or 60) for i in range(sample or 60)]
    for i, place in enumerate(reading.positions):
        last = 400 + place if streaming else 400
        prior = (np.bincount(whole[:last], minlength=100) + 1) / (last + 100)
        p = naive.neighbours(
            vectors,
            whole,
            400 + place,
            last,
            near=16,
            inverse=model.inverse,
            share=model.lambda_,
            prior=prior,
        )
        assert sum(p) == pytest.approx(1)
        assert reading.bits[i] == pytest.approx(
            -np.log2(p[text[place]]), rel=2e-3
        )  # float32, ties at the last place
    pairs = sum(400 + place if streaming else 400 for place in reading.positions)
    assert reading.counts["macs_fp32"] == pairs * 4 * 8
    assert reading.counts["exps"] == 16 * len(reading.bits)
    assert model.active_bytes() == pytest.approx(4 * 4 * 8 * pairs / len(reading.bits))
    stored = 460 if streaming else 400
    assert model.stored_bytes() == 4 * stored * 32 + stored + 4 * 101 * 9


def test_neighbours_fit_on_development_alone() -> None:
    """What is read later changes nothing that was fitted; a text too short to fit on is refused."""
    tokens = english(900)
    settings = []
    for end in (tokens[600:], tokens[600:][::-1]):
        model = Neighbours(**SMALL)
        model.learn(tokens[:600], 100)
        model.read(end, streaming=True)
        settings.append(dict(model.settings))
    assert settings[0] == settings[1]
    assert 0 < settings[0]["mixed"] < 1 and settings[0]["decay"] in (0.5, 0.6, 0.7)
    with pytest.raises(ValueError, match="tokens must be at least 20 characters to fit on a tenth, got 19"):
        Neighbours().learn(tokens[:19], 100)


@given(st.lists(st.integers(0, 40_000), min_size=1, max_size=20))
def test_octets(numbers):
    tokens = np.array(numbers)
    assert octets(tokens, 1 << 21) == naive.leb128(numbers)
    assert octets(tokens % 256, 256) == bytes(n % 256 for n in numbers)


@pytest.mark.parametrize("make", [Lzma, Bzip2])
def test_compressors_are_differences(make):
    """The bits of all chunks are 8·(size(both) − size(text learned)), and go on from piece to piece."""
    tokens = english(6_000)
    model = make(chunk=700)
    model.learn(tokens[:4000], 100)
    data = tokens.astype(np.uint8).tobytes()

    def size(part: bytes) -> int:
        if make is Bzip2:
            return len(bz2.compress(part))
        return len(lzma.compress(part, format=lzma.FORMAT_RAW, filters=[LZMA]))

    one = model.read(tokens[4000:5500], streaming=True)
    assert one.bits.sum() == pytest.approx(8 * (size(data[:5500]) - size(data[:4000])))
    assert len(np.unique(one.bits[:700])) == 1
    two = model.read(tokens[5500:], streaming=True)
    assert two.bits.sum() == pytest.approx(8 * (size(data) - size(data[:5500])))
    assert model.stored_bytes() == 6000


@needs_pyppmd
@pytest.mark.parametrize("variant", ["H", "I"])
def test_ppm_is_what_it_writes(variant):
    tokens = english(20_000)
    model = ppm(5, variant=variant)
    model.learn(tokens[:15_000], 100)
    before = model.stored_bytes()
    reading = model.read(tokens[15_000:], streaming=True)
    sizes = [len(model._output(model.memory))]
    model._seen = model._seen[:15_000]
    sizes.append(len(model._output(model.memory)))
    assert abs(reading.bits.sum() / 8 - (sizes[0] - sizes[1])) <= 5  # what waits in the range coder
    assert before % (1 << 16) == 0
    assert model._output(before) == model._output(model.memory) != model._output(before - (1 << 16))


@needs_pyppmd
@pytest.mark.parametrize(("order", "expected"), [(4, 1.54), (5, 1.45), (6, 1.40), (8, 1.33)])
def test_ppm_golden(order, expected):
    """Figures of the project's own trial on this text (another CPython has another text)."""
    tokens, symbols = builtin_text().tokens, len(builtin_text().symbols)
    if len(tokens) != 464_970:
        pytest.skip(
            f"the figures are those of a text of 464,970 characters, this CPython's has {len(tokens)}"
        )
    cut = len(tokens) * 9 // 10
    model = ppm(order)
    model.learn(tokens[:cut], symbols)
    assert model.read(tokens[cut:], streaming=True).bits_per_character == pytest.approx(expected, abs=0.006)


@pytest.mark.skipif(importlib.util.find_spec("pyppmd") is not None, reason="pyppmd is installed")
def test_ppm_names_its_extra() -> None:
    with pytest.raises(ImportError, match=r"PPMd needs pyppmd: pip install 'hdspike\[bench\]'"):
        ppm(4)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: Lzma(chunk=0), "chunk must be at least 1, got 0"),
        (lambda: Neighbours(0), "near must be at least 1, got 0"),
        (lambda: Neighbours(length=65), "length must be at most 64, got 65"),
        (lambda: Neighbours(width=0), "width must be at least 1, got 0"),
        (lambda: Neighbours(sample=0), "sample must be at least 1, got 0"),
        (lambda: Neighbours(development=0), "development must be at least 1, got 0"),
        (lambda: ppm(1), "order must be at least 2, got 1"),
        (lambda: ppm(4, variant="J"), "variant must be one of H, I, got 'J'"),
        (lambda: ppm(4, memory_mib=0), "memory_mib must be at least 1, got 0"),
        (lambda: Reading(np.array([np.inf]), None, 1.0, {}), r"bits must be finite.*1 that are not"),
        (lambda: Reading(np.zeros(0), None, 1.0, {}), r"bits must be finite.*shape \(0,\)"),
        (lambda: Reading(np.ones(2), np.ones(3, dtype=bool), 1.0, {}), "hits must be one for each of 2 bits"),
        (lambda: Reading(np.ones(2), None, 1.0, {"multiplications": 1}), "counts must use the names"),
        (lambda: Learning(1.0, {"gains": 1}), "counts must use the names of the vocabulary, got gains"),
    ],
)
def test_bad_input(call, message):
    with pytest.raises(ValueError, match=message):
        call()
