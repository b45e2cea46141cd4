"""Arrays that compute against a slow readable twin, against closed forms, and what they count."""

import doctest
import sys

import numba
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hdspike import bits, energy, faults, in_memory
from hdspike.in_memory import DRAM, Array, Noise, errors, logic
from tests.naive import in_memory as naive

JIT = not numba.config.DISABLE_JIT
DIMS = st.sampled_from([1, 2, 63, 64, 65, 130] if JIT else [1, 63, 65])
RATES = st.sampled_from([0.0, 0.0029, 0.0601, 0.3, 0.5, 1.0])
MODULES = ("array", "count", "errors", "logic", "majority", "recall", "search")


def drawn(dim, rows, seed):
    return np.random.default_rng(seed).integers(0, 2, size=(rows, dim), dtype=np.uint8)


def noisy(dim, rate, kind, seed):
    """A noise, and the same for the twin: the threshold, the weak columns and what they write."""
    weak, stuck = drawn(dim, 2, seed + 99) if kind != "none" else (None, None)
    if kind == "coin":
        stuck = None
    made = Noise(rate, *(None if row is None else bits.pack(row) for row in (weak, stuck)))
    return made, (int(errors.threshold(rate)), weak, stuck)


def rows_of(given):
    """Words of rows of bits, of none too."""
    rows, dim = given.shape
    return bits.pack(given) if rows else np.empty((0, bits.word_count(dim)), dtype=np.uint64)


def packed_seed(seed):
    return int(errors.seed_of(np.random.default_rng(seed)))


@pytest.mark.parametrize("name", MODULES)
def test_doctests(name) -> None:
    found = doctest.testmod(sys.modules[f"hdspike.in_memory.{name}"])
    assert found.attempted or name == "majority"
    assert not found.failed


# --- the operations against their twin


@given(DIMS, RATES, st.sampled_from(["none", "coin", "stuck"]), st.integers(0, 3), st.integers(0, 9))
def test_xor_is_the_sequence_of_three_activations(dim, rate, kind, rows, seed) -> None:
    a, b = drawn(dim, rows, seed), drawn(dim, rows, seed + 1)
    noise, twin = noisy(dim, rate, kind, seed)
    x, y = (rows_of(one) for one in (a, b))
    before = x.copy(), y.copy()
    found = in_memory.xor(x, y, dim, noise=noise, rng=seed)
    expected = [naive.xor(a[r], b[r], r, *twin, packed_seed(seed)) for r in range(rows)]
    assert bits.unpack(found, dim).tolist() == expected
    assert np.array_equal(x, before[0]) and np.array_equal(y, before[1])


@given(DIMS, RATES, st.sampled_from(["none", "coin", "stuck"]), st.integers(0, 9))
def test_and_or_majority_are_one_activation(dim, rate, kind, seed) -> None:
    rows = drawn(dim, 3, seed)
    noise, twin = noisy(dim, rate, kind, seed)
    a, b, c = bits.pack(rows)
    zeros, ones = np.zeros(dim, dtype=np.uint8), np.ones(dim, dtype=np.uint8)
    for found, third in (
        (in_memory.majority3(a, b, c, dim, noise=noise, rng=seed), rows[2]),
        (in_memory.and_(a, b, dim, noise=noise, rng=seed), zeros),
        (in_memory.or_(a, b, dim, noise=noise, rng=seed), ones),
    ):
        expected = naive.majority3(rows[0], rows[1], third, 0, *twin, packed_seed(seed))
        assert bits.unpack(found, dim).tolist() == expected


@given(DIMS, RATES, st.sampled_from(["none", "coin", "stuck"]), st.integers(0, 3), st.integers(0, 9))
def test_worn_results(dim, rate, kind, rows, seed) -> None:
    right = drawn(dim, rows, seed)
    noise, twin = noisy(dim, rate, kind, seed)
    found = noise.of(rows_of(right), dim, rng=seed)
    expected = [naive.wear(row, r, *twin, packed_seed(seed)) for r, row in enumerate(right)]
    assert bits.unpack(found, dim).tolist() == expected


@given(DIMS, RATES, st.integers(0, 3), st.integers(0, 3), st.integers(0, 9))
def test_distances_are_the_ones_of_noisy_xors(dim, rate, queries, items, seed) -> None:
    a, b = drawn(dim, queries, seed), drawn(dim, items, seed + 1)
    noise, twin = noisy(dim, rate, "coin", seed)
    x, y = rows_of(a), rows_of(b)
    found = in_memory.distances(x, y, dim, noise=noise, rng=seed)
    for q in range(queries):
        for m in range(items):
            assert found[q, m] == sum(naive.xor(a[q], b[m], q * items + m, *twin, packed_seed(seed)))
    exact = in_memory.distances(x, y, dim)
    assert np.array_equal(exact, bits.hamming(x, y, dim))


def test_distances_do_not_depend_on_threads() -> None:
    items = bits.random(5, 130, rng=0)
    found = []
    before = numba.get_num_threads()
    for threads in (1, 2):
        numba.set_num_threads(min(threads, numba.config.NUMBA_NUM_THREADS))
        found.append(in_memory.distances(items, items, 130, noise=Noise(0.2), rng=3))
    numba.set_num_threads(before)
    assert np.array_equal(*found)


@settings(max_examples=20 if JIT else 10)
@given(
    st.sampled_from([1, 2, 7, 20, 65] if JIT else [1, 7, 17]),
    RATES,
    st.sampled_from(["none", "coin", "stuck"]),
    st.integers(0, 2),
    st.sampled_from([1, 3, 64, 65] if JIT else [1, 65]),
    st.integers(0, 9),
)
def test_counting_in_columns(dim, rate, kind, queries, items, seed) -> None:
    a, b = drawn(dim, queries, seed), drawn(dim, items, seed + 1)
    noise, twin = noisy(items, rate, kind, seed)
    x, y = rows_of(a), rows_of(b)
    before = y.copy()
    height = 6 if seed % 2 else 1000
    array = Array(1, height + 2 * height.bit_length())
    found = in_memory.column_distances(x, y, dim, noise=noise, array=array, rng=seed)
    for q in range(queries):
        counts, used = naive.counted(a[q], b, q, *twin, packed_seed(seed), height)
        assert found[q].tolist() == counts
        assert (
            14 * used + dim // 2
            == in_memory.count_counts(1, dim, 1, array=array)["in_memory_copy_bits"]
            + (in_memory.count_counts(1, dim, 1, array=array)["in_memory_majority_bits"])
        )
    assert np.array_equal(in_memory.column_distances(x, y, dim, array=array), bits.hamming(x, y, dim))
    assert np.array_equal(y, before)


def test_a_wrong_carry_weighs_more_than_a_wrong_bit() -> None:
    """The error of a count grows as D√p; that of wrong bits as √(Dp)."""
    dim, items = 986, 500 if JIT else 64
    rows, query = bits.random(items, dim, rng=0), bits.random(1, dim, rng=1)
    exact = bits.hamming(query, rows, dim)
    inside = in_memory.column_distances(query, rows, dim, noise=Noise(0.001), rng=2) - exact
    outside = in_memory.distances(query, rows, dim, noise=Noise(0.001), rng=2) - exact
    assert 0.3 * dim * np.sqrt(0.001) < inside.std() < 3 * dim * np.sqrt(0.001)
    assert outside.std() < 3 * np.sqrt(dim * 0.001) < inside.std() / 3


@given(DIMS, st.integers(1, 13), st.sampled_from(in_memory.FANS), st.integers(0, 9))
def test_a_tree_of_majorities(dim, members, fan, seed) -> None:
    rows = drawn(dim, members, seed)
    random = np.random.default_rng(seed)

    class Order:
        """Draws as ``majority`` does: coins for the last two, a seed for the errors of each level."""

        def __call__(self):
            return bits.unpack(bits.random(1, dim, rng=random), dim)[0]

    found = in_memory.majority(bits.pack(rows), dim, fan=fan, rng=_like(seed, members, fan, random))
    assert bits.unpack(found, dim).tolist() == naive.tree(list(rows), fan, Order()).tolist()
    if members == fan:
        assert np.array_equal(found, bits.majority(bits.pack(rows), dim))


def _like(seed, members, fan, random):
    """A generator at the same place as ``random`` once the levels above the last two have drawn their seeds."""
    count = members
    while count > 2:
        size = min(fan, count if count % 2 else count - 1)
        count = count // size + count % size
        random.integers(0, 2**64, dtype=np.uint64)
    return np.random.default_rng(seed)


@given(
    st.sampled_from([1, 64, 65, 130]),
    st.sampled_from([64, 128]),
    st.sampled_from([1, 8, None]),
    st.integers(0, 9),
)
def test_cam_without_noise(dim, segment, limit, seed) -> None:
    queries, items = drawn(dim, 2, seed), drawn(dim, 3, seed + 1)
    found = in_memory.cam(bits.pack(queries), bits.pack(items), dim, segment=segment, limit=limit)
    most = float("inf") if limit is None else limit
    assert found.tolist() == [[naive.cam(q, m, segment, most) for m in items] for q in queries]


def test_inputs_without_rows() -> None:
    none = np.empty((0, 2), dtype=np.uint64)
    some = bits.random(3, 100, rng=0)
    assert in_memory.xor(none, none, 100).shape == (0, 2)
    assert in_memory.distances(none, some, 100).shape == (0, 3)
    assert in_memory.cam(none, some, 100, segment=64).shape == (0, 3)
    for design in in_memory.DESIGNS:
        assert in_memory.recall(none, some, 100, design=design).answers.shape == (0,)


# --- against closed forms


@pytest.mark.parametrize("rate", [0.0029, 0.0601, 0.3])
def test_errors_of_an_xor_follow_from_those_of_its_activations(rate) -> None:
    """Within four standard errors, and far from the p of a single activation."""
    dim, rows = 4096, 40 if JIT else 6
    a, b = bits.random(rows, dim, rng=0), bits.random(rows, dim, rng=1)
    wrong = in_memory.xor(a, b, dim, noise=Noise(rate), rng=2) ^ a ^ b
    for law, where in zip(in_memory.xor_errors(rate), (~(a ^ b), a ^ b), strict=True):
        count = int(bits.popcount(where, dim).sum())
        share = int(bits.popcount(wrong & where, dim).sum()) / count
        error = np.sqrt(law * (1 - law) / count)
        assert abs(share - law) < 4 * error
        assert abs(share - rate) > 4 * error or rate == 0.3
    equal, different = in_memory.xor_errors(rate)
    assert equal > different > rate


@pytest.mark.parametrize("rate", [0.0, 0.001, 0.0601, 0.5, 1.0])
def test_masks_have_their_rate(rate) -> None:
    dim = 100_000 if JIT else 10_000
    ones = int(bits.popcount(in_memory.mask(1, dim, rate, rng=5), dim)[0])
    assert abs(ones - rate * dim) <= 4 * np.sqrt(dim * rate * (1 - rate))


@pytest.mark.parametrize(("members", "fan"), [(2, 3), (9, 3), (10, 3), (27, 3), (25, 5), (9, 9), (11, 7)])
@pytest.mark.parametrize(("rate", "weak"), [(0.0, 0.0), (0.06, 0.0), (0.0, 0.2)])
def test_agreement_of_a_tree(members, fan, rate, weak) -> None:
    dim = 20_000 if JIT else 3_000
    rows = bits.random(members, dim, rng=1)
    noise = Noise(rate, in_memory.weak_columns(dim, weak, rng=2))
    bundle = in_memory.majority(rows, dim, fan=fan, noise=noise, rng=3)
    share = 1 - bits.hamming(bundle[None], rows, dim).mean() / dim
    law = in_memory.tree_agreement(members, fan=fan, rate=rate, weak=weak)
    assert abs(share - law) < 4 * 0.5 / np.sqrt(dim)


def test_a_tree_is_not_the_majority() -> None:
    dim = 20_000 if JIT else 5_000
    rows = bits.random(81, dim, rng=1)
    tree, whole = in_memory.majority(rows, dim, rng=0), bits.majority(rows, dim)
    leads = [1 - 2 * bits.hamming(one[None], rows, dim).mean() / dim for one in (tree, whole)]
    assert leads[0] == pytest.approx(2**-4, abs=0.006 if JIT else 0.012)
    assert leads[1] == pytest.approx(np.sqrt(2 / (81 * np.pi)), abs=0.006 if JIT else 0.012)


@pytest.mark.parametrize(
    ("design", "error", "errors_"),
    [
        ("dram", 0.0601, in_memory.xor_errors(0.0601)),
        ("bitline", 0.1, (0.1, 0.1)),
        ("cam", 0.1, (0.1, 0.1)),
        ("processor", 0.0, (0.0, 0.0)),
    ],
)
def test_recall_follows_the_law(design, error, errors_) -> None:
    dim, items, asked, changed = 256, 50 if JIT else 20, 400 if JIT else 30, 0.38
    memory = bits.random(items, dim, rng=0)
    right = np.arange(asked) % items
    found = []
    for seed in range(2):
        queries = faults.flip(memory[right], changed, dim=dim, rng=10 + seed)
        answers = in_memory.recall(queries, memory, dim, design=design, error=error, rng=20 + seed).answers
        found.append((answers == right).mean())
    law = in_memory.recall_law(dim, items, changed, errors=errors_)
    assert 0.3 < law < 0.99
    assert abs(np.mean(found) - law) < 4 * np.sqrt(law * (1 - law) / (asked * 2)) + 0.02


def test_stuck_columns_cost_dimension_and_coins_cost_more() -> None:
    """A column that always writes the same tells nothing; one that tosses coins adds noise too."""
    dim, items, asked, share = (512, 60, 300, 0.6) if JIT else (256, 20, 40, 0.6)
    memory = bits.random(items, dim, rng=0)
    right = np.arange(asked) % items
    changed = 0.35
    queries = faults.flip(memory[right], changed, dim=dim, rng=1)
    weak = in_memory.weak_columns(dim, share, rng=2)
    stuck = bits.random(1, dim, rng=3)[0]
    rates = []
    for noise in (Noise(0.0, weak, stuck), Noise(0.0, weak)):
        answers = in_memory.recall(queries, memory, dim, noise=noise, rng=4).answers
        rates.append((answers == right).mean())
    left = bits.popcount(weak, dim) / dim
    laws = [
        in_memory.recall_law(dim, items, changed, stuck=float(left)),
        in_memory.recall_law(dim, items, changed, errors=(float(left) / 2,) * 2),
    ]
    assert laws[0] > laws[1] + 0.1
    for rate, law in zip(rates, laws, strict=True):
        assert abs(rate - law) < 4 * np.sqrt(law * (1 - law) / asked) + 0.02
    assert in_memory.recall_law(dim, items, changed, stuck=0.5) == in_memory.recall_law(
        dim // 2, items, changed
    )
    assert in_memory.recall_law(dim, items, changed, stuck=1.0) == 1.0 / items


def test_sensing_and_conductance_noise_have_their_spread() -> None:
    dim = 640
    a, b = bits.random(60, dim, rng=0), bits.random(60, dim, rng=1)
    exact = bits.hamming(a, b, dim)
    told = in_memory.cam(a, b, dim, sigma=5.0, segment=64, rng=2) - exact
    assert told.std() == pytest.approx(5 * np.sqrt(10), rel=0.06)
    assert abs(told.mean()) < 4 * told.std() / 60
    current = in_memory.crossbar(a, b, dim, sigma=0.3, rng=3) - (dim - exact)
    assert current.std() == pytest.approx(0.3 * np.sqrt(dim / 2), rel=0.06)
    assert np.array_equal(in_memory.crossbar(a, b, dim), dim - exact)


@pytest.mark.parametrize("sigma", [0.0, 1.0])
def test_the_law_of_the_crossbar(sigma) -> None:
    dim, items, asked = 512, 100, 400 if JIT else 100
    memory = bits.random(items, dim, rng=0)
    right = np.arange(asked) % items
    queries = faults.flip(memory[right], 0.42, dim=dim, rng=1)
    found = in_memory.recall(queries, memory, dim, design="crossbar", error=sigma, rng=2).answers == right
    law = in_memory.crossbar_law(dim, items, 0.42, sigma)
    assert 0.3 < law < 0.95
    assert abs(found.mean() - law) < 4 * np.sqrt(law * (1 - law) / asked) + 0.02


# --- counts


@given(
    st.integers(0, 30),
    st.integers(1, 70),
    st.integers(1, 40),
    st.integers(3, 9),
    st.booleans(),
    st.integers(0, 3),
)
def test_xors_are_counted_in_whole_rows(items, dim, row_bits, rows, packed, queries) -> None:
    array = Array(row_bits, rows, packed=packed)
    twin = naive.xored(items, dim, row_bits, rows, packed)
    assert array.xored(items, dim, queries) == {
        "in_memory_xor_bits": queries * twin["xors"],
        "dram_bits_written": queries * twin["written"],
    }


@given(st.integers(1, 200), st.integers(1, 70))
def test_bundles_are_counted_node_by_node(members, dim) -> None:
    array = Array(32, 100)
    found = array.bundled(members, dim)
    nodes = naive.bundled(members)
    assert found["in_memory_majority_bits"] == nodes * 32 * -(-dim // 32)
    assert found["in_memory_copy_bits"] == 3 * found["in_memory_majority_bits"]


def test_counts_of_a_query_by_hand() -> None:
    """1,000 vectors of 10,000 bits: a row of 65,536 each; every result is read out, in bursts of 512, and counted."""
    assert in_memory.recall_counts(1000, 10_000, 2) == {
        "in_memory_xor_bits": 2 * 1000 * 65_536,
        "dram_bits_written": 2 * 65_536,
        "dram_bits": 2 * 1000 * 20 * 512,
        "popcounts": 2 * 1000 * 157,
    }
    assert in_memory.recall_counts(70_000, 7, 2, design="columns") == {
        "in_memory_majority_bits": 2 * 3 * (4 + 2 + 1) * 131_072,
        "in_memory_copy_bits": 2 * (11 * (4 + 2 + 1) + 3) * 131_072,
        "dram_bits": 2 * 3 * 70_144,
        "adds_int32": 2 * 70_000,
    }
    packed = Array(65_536, 1006, 512, packed=True)
    assert in_memory.recall_counts(1000, 10_000, 1, array=packed)["in_memory_xor_bits"] == 167 * 65_536
    assert in_memory.recall_counts(255, 512, 1, design="bitline") == {
        "in_memory_xor_bits": 255 * 512,
        "sram_bits_written": 4 * 256,
        "sram_bits": 255 * 512,
        "popcounts": 255 * 8,
    }
    assert in_memory.recall_counts(10, 100, 3, design="cam") == {"cam_bits": 3000}
    assert in_memory.crossbar_counts(10, 100, 3, encoded=True) == {
        "crossbar_bits": 3000,
        "encoded_queries": 3,
    }
    assert in_memory.processor_counts(10, 100, 65, batch=64) == {
        "dram_bits": 2000,
        "word_xors": 1300,
        "popcounts": 1300,
    }


@pytest.mark.parametrize("design", in_memory.DESIGNS)
def test_every_count_has_a_component_of_the_bill(design) -> None:
    counts = in_memory.recall_counts(7, 100, 2, design=design)
    assert set(counts) <= set(energy.COMPONENTS)
    assert all(isinstance(value, int) for value in counts.values())


def test_reading_the_results_is_as_dear_as_reading_the_items() -> None:
    """Why a search in DRAM does not pay: what the processor would have read is read all the same."""
    inside = in_memory.recall_counts(100, 10_240, 1)
    outside = in_memory.processor_counts(100, 10_240, 1)
    assert inside["dram_bits"] == outside["dram_bits"]
    assert inside["popcounts"] == outside["popcounts"]


# --- arguments

WORDS = bits.random(3, 100, rng=0)


@pytest.mark.parametrize(
    ("call", "starts"),
    [
        (lambda: Noise(1.5), "rate must be in [0, 1], got 1.5"),
        (lambda: Noise(float("nan")), "rate must be in [0, 1], got nan"),
        (lambda: Noise("0.1"), "rate must be a number"),
        (lambda: Noise(0.1, stuck=WORDS[0]), "stuck must come with weak"),
        (lambda: Noise(0.1, WORDS).tables(100), "weak must be one row"),
        (lambda: Noise(0.1, WORDS[0]).tables(200), "weak must have 4 words"),
        (lambda: Noise().of(WORDS[0], 100), "rows must be a batch"),
        (lambda: in_memory.mask(-1, 10, 0.1), "rows must be at least 0, got -1"),
        (lambda: in_memory.mask(1, 10, 2), "rate must be in [0, 1], got 2"),
        (lambda: in_memory.weak_columns(0, 0.1), "dim must be at least 1"),
        (lambda: in_memory.xor(WORDS, WORDS[:2], 100), "a and b must broadcast"),
        (lambda: in_memory.xor(WORDS, WORDS, 64), "a must have 1 words"),
        (lambda: in_memory.xor(WORDS, WORDS.astype(float), 100), "b must be uint64"),
        (lambda: in_memory.xor(WORDS, WORDS, 100, rng=-1), "rng must be a seed"),
        (lambda: in_memory.xor_errors(-0.1), "rate must be in [0, 1], got -0.1"),
        (lambda: in_memory.distances(WORDS[0], WORDS, 100), "queries must be a batch"),
        (lambda: in_memory.majority(WORDS[0], 100), "words must be (..., K, 2)"),
        (lambda: in_memory.majority(WORDS[:0], 100), "words must be (..., K, 2)"),
        (lambda: in_memory.majority(WORDS, 100, fan=4), "fan must be one of 3, 5, 7, 9, got 4"),
        (lambda: in_memory.tree_agreement(0), "members must be at least 1"),
        (lambda: in_memory.tree_agreement(3, fan=11), "fan must be one of 3, 5, 7, 9, got 11"),
        (lambda: in_memory.tree_agreement(3, weak=2), "weak must be in [0, 1]"),
        (lambda: in_memory.lean(4), "fan must be odd, got 4"),
        (lambda: in_memory.cam(WORDS, WORDS, 100, sigma=-1), "sigma must be in [0, inf]"),
        (lambda: in_memory.cam(WORDS, WORDS, 100, segment=65), "segment must be a multiple of 64, got 65"),
        (lambda: in_memory.cam(WORDS, WORDS, 100, limit=0), "limit must be at least 1"),
        (lambda: in_memory.crossbar(WORDS, WORDS, 100, sigma=-0.1), "sigma must be in [0, inf]"),
        (lambda: in_memory.crossbar_law(8, 2, 0.1, -1.0), "sigma must be in [0, inf]"),
        (lambda: in_memory.crossbar_law(8, 0, 0.1, 1.0), "items must be at least 1"),
        (lambda: in_memory.cam_counts(-1, 10, 1), "items must be at least 0"),
        (lambda: Array(0, 10), "row_bits must be at least 1"),
        (lambda: Array(8, 10, memory="l2"), "memory must be one of dram, sram"),
        (lambda: Array(8, 2).xored(1, 8, 1), "guests must leave a row"),
        (lambda: DRAM.rows_of(-1, 8), "vectors must be at least 0"),
        (lambda: DRAM.rows_of(1, 0), "dim must be at least 1"),
        (lambda: DRAM.bundled(0, 8), "members must be at least 1"),
        (lambda: DRAM.read_out(-1, 8), "vectors must be at least 0"),
        (lambda: in_memory.adders(0), "rows must be at least 1"),
        (lambda: in_memory.count_counts(1, 8, 1, array=Array(8, 2)), "array must have rows"),
        (lambda: in_memory.column_distances(WORDS, WORDS[:0], 100), "items must be a batch"),
        (lambda: in_memory.column_distances(WORDS[0], WORDS, 100), "queries must be a batch"),
        (lambda: in_memory.count_counts(-1, 8, 1), "items must be at least 0"),
        (lambda: in_memory.count_counts(1, 8, -1), "queries must be at least 0"),
        (lambda: DRAM.xored(1, 8, -1), "queries must be at least 0"),
        (lambda: in_memory.recall(WORDS, WORDS, 100, design="gpu"), "design must be one of processor"),
        (lambda: in_memory.recall(WORDS, WORDS, 100, error=1.5), "error must be in [0, 1], got 1.5"),
        (lambda: in_memory.recall(WORDS, WORDS[:0], 100), "items must be a batch"),
        (lambda: in_memory.recall(WORDS, WORDS, 100, design="cam", noise=Noise()), "noise must be given"),
        (lambda: in_memory.recall(WORDS, WORDS, 100, sigma=1.0), "options must be those of cam"),
        (lambda: in_memory.recall_counts(1, 8, 1, design="cam", array=DRAM), "array must be given"),
        (lambda: in_memory.processor_counts(1, 8, 1, batch=0), "batch must be at least 1"),
        (lambda: in_memory.processor_counts(1, 8, 1, memory="tape"), "memory must be one of"),
        (lambda: in_memory.recall_law(8, 0, 0.1), "items must be at least 1"),
        (lambda: in_memory.recall_law(8, 2, 1.1), "changed must be in [0, 1]"),
        (lambda: in_memory.recall_law(8, 2, 0.1, errors=(0.1, 2.0)), "errors must be in [0, 1]"),
    ],
)
def test_bad_arguments(call, starts) -> None:
    with pytest.raises((ValueError, TypeError)) as error:
        call()
    assert str(error.value).startswith(starts)


def test_the_same_seed_gives_the_same_errors() -> None:
    a, b = bits.random(2, 100, rng=0)
    first, again = (in_memory.xor(a, b, 100, noise=Noise(0.2), rng=4) for _ in range(2))
    assert np.array_equal(first, again)
    assert not np.array_equal(first, in_memory.xor(a, b, 100, noise=Noise(0.2), rng=5))
    assert logic.EXACT.rate == 0.0
