"""The design calculator: what it says is enough is enough, and a tenth less is not."""

import json

import numpy as np
import pytest

from hdspike import bits, cli, theory
from hdspike.design import design, table
from hdspike.spaces import BSC, SBC
from hdspike.vocabulary import COUNTERS
from tests.conftest import JIT
from tests.test_theory_points import found

heavy = pytest.mark.skipif(not JIT, reason="statistics of many bundles, too slow un-jitted")


def missed(code, places, request, random, length):
    """Share of members missed in one bundle of fresh items."""
    items, k = request["items"], request["bundle"]
    space = BSC(places) if code == "bsc" else SBC(places * length, blocks=places)
    memory = space.random(items, rng=random)
    if request["members"] == "set":
        chosen = random.permutation(items)[:k]
        bundle, rivals = memory[chosen], ~np.isin(np.arange(items), chosen)[None]
    else:
        chosen = random.integers(items, size=k)
        roles, rivals = space.random(k, rng=random), np.arange(items) != chosen[:, None]
        bundle = space.bind(roles, memory[chosen])
    if code == "or":
        filled = np.bitwise_or.reduce(space.to_words(bundle))
        scores = bits.popcount(space.to_words(memory) & filled, space.dim)[None]
    else:
        query = space.bundle(bundle)[None]
        if request["bit_errors"]:
            hit = random.random(places) < request["bit_errors"]
            query = query ^ bits.pack(hit) if code == "bsc" else np.where(
                hit, (query + random.integers(1, length, places)) % length, query
            )  # fmt: skip
        if request["members"] == "sequence":
            query = space.bind(query, space.inverse(roles))
        scores = space.score(query, memory)
    scores = np.broadcast_to(scores, (k, items)).astype(np.int64)
    return 1 - found(scores, chosen, np.broadcast_to(rivals, scores.shape))


REQUESTS = [
    ("bsc", {}, 400), ("sbc", {}, 300), ("sbc_events", {"block_length": None}, 300), ("or", {}, 2000),
    ("bsc", {"bit_errors": 0.1}, 300), ("sbc", {"bit_errors": 0.3, "block_length": 64}, 300),
    ("bsc", {"members": "sequence"}, 120), ("sbc", {"members": "sequence", "block_length": 128}, 120),
]  # fmt: skip


@heavy
@pytest.mark.parametrize(("code", "options", "bundles"), REQUESTS, ids=lambda value: str(value))
def test_the_designed_dimension_is_enough_and_a_tenth_less_is_not(code, options, bundles):
    made = design(300, 20, 0.02, **options)
    plan, request, random = made["codes"][code], made["request"], np.random.default_rng(7)
    kind, length = code.split("_")[0], plan["block_length"]
    for share, enough in ((1.0, True), (0.9, False)):
        places = int(plan["places"] * share)
        errors = [missed(kind, places, request, random, length) for _ in range(bundles)]
        mean, spread = np.mean(errors), np.std(errors, ddof=1) / bundles**0.5
        if enough:
            assert mean <= 0.02 + 3 * spread
            assert abs(mean - plan["error"]) < 3 * spread
        else:
            assert mean - 2 * spread > 0.02


def test_the_smallest_that_the_law_allows():
    made = design(1000, 50, 1e-2)
    request, codes = made["request"], made["codes"]
    assert made["impossible"] == {}
    for name, code in codes.items():
        assert code["error"] <= request["error"]
        length = max(2, code["block_length"])
        smaller = (code["places"] - 1, 1000, 50)
        if name == "or":
            assert theory.or_error(code["places"] - 1, length, 1000, 50) > 1e-2
        else:
            assert theory.retrieval_error(*smaller, members="set", length=length) > 1e-2
    assert codes["sbc_events"]["events_per_pair"] <= 1 < codes["sbc"]["events_per_pair"]
    assert codes["sbc"]["bits_per_vector"] < codes["sbc_events"]["bits_per_vector"]


def test_what_it_costs():
    made = design(1000, 50, 1e-2, members="sequence", block_length=64)
    dense, sparse = made["codes"]["bsc"], made["codes"]["sbc"]
    words = bits.word_count(dense["dim"])
    items = BSC(dense["dim"]).random(1000, rng=0)
    assert dense["bytes_of_items"] == items.nbytes == 1000 * dense["bytes_per_vector"]
    assert dense["per_query"] == {"word_xors": 1001 * words, "popcounts": 1000 * words}
    assert dense["per_bundle"] == {"word_xors": 3 * 50 * words}
    space = SBC(sparse["dim"], blocks=sparse["places"])
    items = space.random(1000, rng=0)
    assert space.length == sparse["block_length"] == 64
    assert sparse["bytes_of_items"] == items.nbytes
    assert sparse["bits_per_vector"] == 6 * sparse["places"]
    assert sparse["per_bundle"] == {"synaptic_events": 50 * sparse["places"]}
    events = space.score(space.random(10, rng=1), items).sum() / 10
    assert events == pytest.approx(sparse["per_query"]["synaptic_events"], rel=0.02)
    assert "sbc_events" not in made["codes"]


def test_the_numbers_are_json_in_the_words_of_the_vocabulary():
    made = design(100, 5, 0.05, bit_errors=0.05)
    assert made == json.loads(json.dumps(made, allow_nan=False))
    for code in made["codes"].values():
        assert set(code["per_query"]) | set(code["per_bundle"]) <= set(COUNTERS)
    assert "changed place" in made["impossible"]["or"]
    shown = table(made)
    assert len(shown.columns) == 1 + len(made["codes"])
    assert "5 % of the places changed" in shown.title


@pytest.mark.parametrize(
    ("arguments", "options", "error", "message"),
    [
        ((1, 1, 0.1), {}, ValueError, "items must be at least 2, got 1"),
        ((10, 10, 0.1), {}, ValueError, "bundle must be at most 9, got 10"),
        ((10, 0, 0.1), {}, ValueError, "bundle must be at least 1, got 0"),
        ((10, 10**6, 0.1), {"members": "sequence"}, ValueError, "bundle must be at most 10000"),
        ((10, 2.0, 0.1), {}, TypeError, "bundle must be an integer"),
        ((10, 2, 0.0), {}, ValueError, r"error must be in \(0, 1\), got 0"),
        ((10, 2, float("nan")), {}, ValueError, "error must be in"),
        ((10, 2, 0.1), {"bit_errors": -0.1}, ValueError, r"bit_errors must be in \[0, 1\], got -0.1"),
        ((10, 2, 0.1), {"bit_errors": 1.0}, ValueError, "error must be one that some code can reach"),
        ((10, 2, 0.1), {"members": "bag"}, ValueError, "members must be one of set, sequence"),
        ((10, 2, 0.1), {"block_length": 1}, ValueError, "block_length must be at least 2, got 1"),
    ],
)
def test_impossible_requests_are_clear(arguments, options, error, message):
    with pytest.raises(error, match=message):
        design(*arguments, **options)


def test_a_code_that_cannot_is_left_out_with_its_reason():
    made = design(1000, 5, 0.01, bit_errors=0.6)
    assert list(made["codes"]) == ["sbc", "sbc_events"]
    assert "bit_errors must be below 0.5" in made["impossible"]["bsc"]
    full = design(1000, 200, 0.01, block_length=2)  # an OR of 200 in blocks of two is full
    assert "length must be above 2" in full["impossible"]["or"]


def call(*arguments, capsys):
    try:
        cli.main(["design", *arguments])
    except SystemExit as stop:
        return stop.code, *capsys.readouterr()
    return 0, *capsys.readouterr()


def test_the_command(tmp_path, capsys):
    file = tmp_path / "design.json"
    asked = ("--items", "1000", "--bundle", "50", "--error", "1e-2")
    code, shown, _ = call(*asked, "--json", str(file), capsys=capsys)
    made = json.loads(file.read_text())
    assert code == 0
    assert made == design(1000, 50, 1e-2)
    assert "\x1b" not in shown
    for entry in made["codes"].values():
        assert f"{entry['dim']:,}" in shown
    code, shown, _ = call(*asked, "--json", "-", capsys=capsys)
    assert json.loads(shown) == made
    code, shown, _ = call(*asked, "--bit-errors", "0.05", "--block-length", "1024", capsys=capsys)
    assert code == 0
    assert "or is left out: bit_errors must be 0" in shown


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--bundle", "5"], "--items"),
        (["--items", "10", "--bundle", "50"], "bundle must be at most 9, got 50"),
        (["--items", "10", "--bundle", "5", "--error", "2"], "error must be in (0, 1), got 2"),
        (["--items", "10", "--bundle", "5", "--json", "{d}/no/x.json"], "json must be a file in an existing folder"),
        (["--items", "10", "--bundle", "5", "--json", "{d}"], "must be a file, it is a folder"),
        (["--items", "ten", "--bundle", "5"], "--items"),
    ],
)  # fmt: skip
def test_bad_arguments_are_one_line(arguments, message, tmp_path, capsys):
    code, shown, error = call(*(a.format(d=tmp_path) for a in arguments), capsys=capsys)
    assert (code, shown) == (2, "")
    assert message in error
    assert len([line for line in error.splitlines() if line.startswith("hdspike: error:")]) == 1
    assert list(tmp_path.iterdir()) == []
