"""Attention over a stream of keys beside its slow twin: codes, lines, distances, winners, memory and errors."""

import math

import numba
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hdspike.models import stream_keys, stream_search
from hdspike.models.stream import KeyStream
from hdspike.models.stream_code import StreamCode, dealt, learn_stream, load_stream
from hdspike.models.stream_keys import HeadKeys, halved
from tests.naive import stream as naive

JIT = not numba.config.DISABLE_JIT


def book(rng, dim=4, lines=3, bits=None, groups=1):
    """A code of whole numbers, so that the twin's sums are the kernel's whatever the order: d is a square."""
    many = rng.integers(0, 4, size=(groups, dim)) if bits is None else np.resize(bits, (groups, dim))
    turn = np.zeros((groups, dim, dim), dtype=np.float32)
    for g in range(groups):
        turn[g, np.arange(dim), rng.permutation(dim)] = rng.choice([-1, 1], dim)
    return StreamCode(
        turn,
        (turn / math.sqrt(dim)).astype(np.float32),
        rng.integers(-2, 3, size=(groups, dim)).astype(np.float32),
        rng.integers(-4, 5, size=(groups, lines, dim)).astype(np.float32),
        rng.choice([0.5, 1, 2], size=(groups, dim)).astype(np.float32),
        many.astype(np.int64),
    )


def numbers(rng, *shape):
    return rng.integers(-6, 7, size=shape).astype(np.float32)


@given(
    dim=st.sampled_from([1, 4, 16]),
    lines=st.integers(1, 5),
    size=st.sampled_from([1, 2, 63, 64, 65, 130] if JIT else [1, 2, 65]),
    winners=st.sampled_from([1, 3, 64, 500]),
    share=st.sampled_from([0.01, 0.4, 1.0]),
    candidates=st.sampled_from([1.0, 2.5, 50.0]),
    seed=st.integers(0, 99),
)
@settings(max_examples=40 if JIT else 8, deadline=None)
def test_a_stream_reads_what_its_twin_reads(dim, lines, size, winners, share, candidates, seed):
    """k above N, one key, blocks that are full or one short, and equal scores, which whole numbers make often."""
    rng = np.random.default_rng(seed)
    code = book(rng, dim, lines)
    keys, values, queries = numbers(rng, 1, size, dim), numbers(rng, 1, size, 3), numbers(rng, 2, 1, dim)
    stream = KeyStream(code, winners=winners, share=share, candidates=candidates, value_dim=3, capacity=1)
    stream.insert(keys, values)
    found = stream.search(queries)
    tallies = np.zeros(4, dtype=np.int64)
    for head in range(2):
        out, best, tally, log_sum = naive.attend(
            queries[head, 0], keys[0], values[0], code, 0, winners=winners, share=share, candidates=candidates
        )
        assert found.places[head, 0, : found.kept[head, 0]].tolist() == best
        assert np.allclose(found.outputs[head, 0], out, atol=1e-5)
        assert math.isclose(found.log_sums[head, 0], log_sum, rel_tol=1e-5, abs_tol=1e-5)
        tallies += tally
    assert list(stream.tally.values()) == tallies.tolist()
    assert stream.touched_fraction == tallies[1] / (2 * size) and stream.rows == 2


@pytest.mark.parametrize("total", [1, 63, 64, 65, 128, 129, 300])
def test_codes_of_any_number_of_bits(total):
    """Words come in pairs, and each bit is where the twin has it."""
    rng = np.random.default_rng(total)
    bits = np.zeros(64, dtype=np.int64)
    for place in range(total):
        bits[place % 64] += 1
    code = book(rng, 64, 2, bits)
    keys = numbers(rng, 3, 64)
    head = HeadKeys(code, 0, 2)
    chosen = head.insert(keys, numbers(rng, 3, 2))
    assert code.words == 2 * math.ceil(total / 128) and head.length == 3
    for j, (line, wanted) in enumerate(naive.held(keys, code, 0)):
        assert chosen[j] == line
        block, slot = np.argwhere(head.places[: head.blocks] == j)[0]
        word = [int(head.words[block, b // 64, slot]) >> (b % 64) & 1 for b in range(total)]
        assert word == wanted
    found = KeyStream(code, winners=2, share=1.0, candidates=1.0, value_dim=2)
    found.insert(keys[None], numbers(rng, 1, 3, 2))
    query = numbers(rng, 1, 1, 64)
    best = naive.attend(query[0, 0], keys, keys[:, :2], code, 0, winners=2, share=1.0, candidates=1.0)[1]
    assert found.search(query).places[0, 0].tolist() == best


def test_all_that_is_touched_and_scored_is_exact_attention_over_the_winners():
    rng = np.random.default_rng(0)
    keys, values = rng.normal(size=(2, 2, 90, 8)).astype(np.float32)
    queries = rng.normal(size=(4, 3, 8)).astype(np.float32)
    stream = KeyStream(learn_stream(keys, queries, lines=4, rng=0), winners=90, share=1.0, value_dim=8)
    stream.insert(keys, values)
    read = stream.attend(queries)
    for head in range(4):
        scores = queries[head] @ keys[head // 2].T / math.sqrt(8)
        weights = np.exp(scores - scores.max(axis=1, keepdims=True))
        wanted = weights @ values[head // 2] / weights.sum(axis=1, keepdims=True)
        assert np.abs(read[head] - wanted).max() < 0.03  # keys and values in bfloat16
    assert stream.touched_fraction == 1


def test_a_key_is_searchable_as_it_arrives_and_none_before():
    """Causal by construction: after each insertion the newest key, made the best of all, wins."""
    rng = np.random.default_rng(1)
    code, query = book(rng, 16, 4), np.ones((1, 1, 16), dtype=np.float32)
    stream = KeyStream(code, winners=1, share=1.0, capacity=1)
    for turn in range(70 if JIT else 5):
        key = np.full((1, 1, 16), turn + 1, dtype=np.float32)
        stream.insert(key, key)
        assert stream.length == turn + 1
        assert stream.search(query).places.ravel().tolist() == [turn]
        assert stream.attend(query)[0, 0].tolist() == [turn + 1] * 16


def test_neither_the_dealing_nor_the_threads_change_anything():
    rng = np.random.default_rng(2)
    code = book(rng, 16, 5, groups=2)
    keys, values, queries = numbers(rng, 2, 300, 16), numbers(rng, 2, 300, 4), numbers(rng, 4, 5, 16)
    reads = []
    for dealt_out in ((300,), (1, 0, 64, 65, 170), (7,) * 42 + (6,)):
        stream = KeyStream(code, winners=9, share=0.5, value_dim=4, capacity=3)
        at = 0
        for count in dealt_out:
            stream.insert(keys[:, at : at + count], values[:, at : at + count])
            at += count
        reads.append(stream.search(queries))
    before = numba.get_num_threads()
    try:
        numba.set_num_threads(1)
        reads.append(stream.search(queries))
    finally:
        numba.set_num_threads(before)
    for read in reads[1:]:
        assert all(np.array_equal(a, b) for a, b in zip(read, reads[0], strict=True))


def test_memory_grows_with_the_keys_alone():
    """Keys and values of 16 bits, a code and its chain; at most a quarter of room, and a block begun on each line."""
    rng = np.random.default_rng(3)
    size, dim = (4096, 16) if JIT else (300, 16)
    code = book(rng, dim, 8)
    stream = KeyStream(code, winners=4, share=0.2, capacity=64)
    keys = numbers(rng, 1, size, dim)
    for low in range(0, size, 128):
        stream.insert(keys[:, low : low + 128], keys[:, low : low + 128])
        stream.attend(keys[:, :1])
        block = 8 * 64 * code.words + 4 * 64 + 8
        least = stream.length * (4 * dim + block / 64)
        assert least <= stream.bytes - code.bytes <= 1.25 * (least + (8 + stream_keys.CHUNK) * block + 8 * 16)
    held = stream.bytes
    for _ in range(3):
        stream.attend(keys[:, :5])
    assert stream.bytes == held


def test_learned_lines_and_codes_find_the_winners_of_clusters():
    """Half of the keys touched, one and a half candidates a winner: nearly all of the exact mass."""
    rng = np.random.default_rng(4)
    centres = rng.normal(size=(12, 16))
    sizes = (600, 400, 60) if JIT else (120, 80, 4)

    def draw(count):
        return (1.5 * (centres[rng.integers(0, 12, count)] + 0.5 * rng.normal(size=(count, 16)))).astype(
            np.float32
        )

    learn, keys, queries = (draw(n)[None] for n in sizes)
    code = learn_stream(learn, queries[:, ::-1], lines=12, bits=64, rng=0)
    assert code.bits.sum() == 64 and code.bits[0, -1] >= code.bits[0, 0]
    stream = KeyStream(code, winners=20, share=0.5, candidates=1.5)
    stream.insert(keys, keys)
    read = stream.search(queries)
    scores = queries[0] @ keys[0].T / 4
    mass = np.exp(scores - scores.max(axis=1, keepdims=True))
    best = np.sort(mass, axis=1)[:, -20:].sum(axis=1)
    found = np.take_along_axis(mass, read.places[0].astype(np.int64), axis=1).sum(axis=1)
    assert (found / best).mean() > 0.97 and stream.touched_fraction < 0.75
    stream.share, stream.candidates = 0.05, 1.0
    fewer = np.take_along_axis(mass, stream.search(queries).places[0].astype(np.int64), axis=1).sum(axis=1)
    assert (fewer / best).mean() < (found / best).mean()


def test_turns_keep_scores_and_weigh_keys_by_queries():
    """y·x is q·(k − c)/√d, and squared lengths of x are what scores differ by."""
    rng = np.random.default_rng(5)
    keys, queries = (
        rng.normal(size=(1, 80, 6)).astype(np.float32),
        rng.normal(size=(2, 90, 6)).astype(np.float32),
    )
    code = learn_stream(keys, queries, lines=5, bits=20, rng=1)
    x = (keys[0] - code.centres[0]) @ code.key_turns[0]
    y = queries.reshape(-1, 6) @ code.query_turns[0]
    assert np.allclose(
        y @ x.T, queries.reshape(-1, 6) @ (keys[0] - code.centres[0]).T / math.sqrt(6), atol=1e-4
    )
    gaps = ((queries.reshape(-1, 6) @ (keys[0, 0] - keys[0, 1])) ** 2).mean()
    assert math.isclose(((x[0] - x[1]) ** 2).sum(), gaps, rel_tol=1e-3)


@pytest.mark.parametrize(("variances", "total"), [([4.0, 1.0], 0), ([1.0], 9), ([9.0, 1.0, 1e-9], 5)])
def test_bits_go_where_they_take_most_error_away(variances, total):
    given = dealt(variances, total)
    assert given.sum() == min(total, 6 * len(variances)) and list(given) == sorted(given, reverse=True)


def test_bfloat16_is_rounded_as_the_twin_rounds():
    rng = np.random.default_rng(6)
    given = np.concatenate([rng.normal(size=60), [0, -0.0, 1 + 2**-8, 1 + 3 * 2**-8, 255.5]]).astype(
        np.float32
    )
    made = halved(given[None])[0]
    wide = [float(stream_keys._wide(half)) for half in made]
    assert wide == [naive.bfloat16(float(x)) for x in given]


def test_distances_are_those_of_weighed_bits():
    """The planes of a block, two words and four."""
    rng = np.random.default_rng(7)
    words = rng.integers(0, 2**64, size=(4, 64), dtype=np.uint64)
    signs, masks = (rng.integers(0, 2**64, size=shape, dtype=np.uint64) for shape in ((4,), (4, 4)))
    out = np.zeros(64, dtype=np.uint16)
    base = np.uint64(100)
    stream_search._pair(words[0], words[1], signs[0], signs[1], masks[0], masks[1], base, out)
    stream_search._pair_more(words[2], words[3], signs[2], signs[3], masks[2], masks[3], out)
    for r in (0, 1, 63):
        wanted = 100
        for w in range(4):
            for p in range(4):
                wanted += 2**p * bin((int(words[w, r]) ^ int(signs[w])) & int(masks[w, p])).count("1")
        assert out[r] == wanted


def test_a_code_is_saved_and_loaded(tmp_path):
    code = book(np.random.default_rng(8), 4, 3)
    code.save(tmp_path / "code.npz")
    again = load_stream(tmp_path / "code.npz")
    assert all(
        np.array_equal(getattr(code, name), getattr(again, name)) for name in ("lines", "bits", "steps")
    )
    assert again.bytes == code.bytes == 4 * (16 + 16 + 4 + 12 + 4) + 8 * 4
    (tmp_path / "bad.npz").write_bytes((tmp_path / "code.npz").read_bytes()[:-40])
    with pytest.raises(ValueError, match=r"bad\.npz is not a stream code"):
        load_stream(tmp_path / "bad.npz")


CODE = book(np.random.default_rng(9), 4, 3)
KEYS = np.zeros((1, 5, 4), dtype=np.float32)
NAN = np.full((1, 1, 4), np.nan, dtype=np.float32)


def parts(**changed):
    """The arrays of a code, some of them others."""
    names = ("key_turns", "query_turns", "centres", "lines", "steps", "bits")
    return StreamCode(**({name: getattr(CODE, name) for name in names} | changed))


def filled():
    stream = KeyStream(CODE, winners=2)
    stream.insert(KEYS, KEYS)
    return stream


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: KeyStream(None), "code must be a StreamCode"),
        (lambda: KeyStream(CODE, winners=0), "winners must be at least 1, got 0"),
        (lambda: KeyStream(CODE, winners="0%"), "winners must be above 0%"),
        (lambda: KeyStream(CODE, share=0), "share must be above 0 and at most 1, got 0"),
        (lambda: KeyStream(CODE, share=math.nan), "share must be above 0"),
        (lambda: KeyStream(CODE, candidates=0.5), "candidates must be a finite number of at least 1"),
        (lambda: KeyStream(CODE, value_dim=0), "value_dim must be at least 1"),
        (lambda: KeyStream(CODE, capacity=0), "capacity must be at least 1"),
        (lambda: KeyStream(CODE).attend(KEYS), "keys must be inserted before"),
        (lambda: filled().insert(KEYS[0], KEYS), "keys must have 3 dimension"),
        (lambda: filled().insert(KEYS.astype(float), KEYS), "keys must have dtype float32"),
        (lambda: filled().insert(KEYS[..., :3], KEYS), "keys must have shape"),
        (lambda: filled().insert(KEYS, KEYS[:, :2]), "values must have shape"),
        (lambda: filled().insert(NAN, KEYS[:, :1]), "keys must be finite"),
        (lambda: filled().insert(KEYS[:, :1], NAN), "values must be finite"),
        (lambda: filled().attend(NAN), "queries must be finite"),
        (lambda: filled().attend(KEYS[..., :3]), "queries must have shape"),
        (lambda: parts(lines=np.zeros((1, 0, 4), np.float32)), "lines must be"),
        (lambda: parts(lines=np.full((1, 3, 4), np.inf, np.float32)), "lines must be finite"),
        (lambda: parts(centres=np.zeros((1, 3), np.float32)), "centres must have shape"),
        (lambda: parts(bits=np.full((1, 4), 7)), "bits must be from 0 to 6"),
        (lambda: parts(bits=np.full((1, 4), 1), steps=np.zeros((1, 4), np.float32)), "steps must be above 0"),
        (lambda: learn_stream(KEYS, KEYS, lines=6), "keys must be at least as many as the lines, 6"),
        (lambda: learn_stream(KEYS, KEYS[..., :3], lines=2), "queries must have shape"),
        (lambda: learn_stream(KEYS, NAN, lines=2), "queries must be finite"),
        (lambda: learn_stream(KEYS, KEYS, lines=2, bits=0), "bits must be at least 1"),
        (lambda: learn_stream(KEYS, KEYS, lines=2, bits=513), "bits must be at most 512"),
        (lambda: halved([1.0]), "numbers must have dtype float32|numbers must have 2 dim"),
    ],
)
def test_bad_input_is_named(call, message):
    with pytest.raises((TypeError, ValueError), match=message):
        call()


@pytest.mark.filterwarnings("ignore::RuntimeWarning")  # un-jitted, NumPy says that it overflows
def test_scores_that_are_no_numbers_are_refused():
    """Finite numbers whose products are not: an error, and no memory is touched that is not there."""
    rng = np.random.default_rng(10)
    stream = KeyStream(book(rng, 16, 3), winners=3, share=0.5)
    large = np.full((1, 70, 16), 1e30, dtype=np.float32) * rng.choice([-1, 1], (1, 70, 16)).astype(np.float32)
    stream.insert(large, large)
    with pytest.raises(ValueError, match="finite scores"):
        stream.attend(large[:, :2])


def test_nothing_is_taken_in_where_a_key_is_bad():
    stream = filled()
    with pytest.raises(ValueError, match="keys must be finite"):
        stream.insert(np.concatenate([KEYS, NAN], axis=1), np.concatenate([KEYS, KEYS[:, :1]], axis=1))
    assert stream.length == 5
