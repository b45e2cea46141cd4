"""Dense attention: counts against a pencil, the roofline against its definition."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hdspike import dense, substrate
from hdspike.vocabulary import COUNTERS
from tests.naive import dense as naive


@settings(max_examples=40, deadline=None)
@given(
    keys=st.integers(1, 20),
    dim=st.integers(1, 6),
    value_dim=st.integers(1, 6),
    precision=st.sampled_from(dense.PRECISIONS),
    batch=st.sampled_from([1, 2, 63, 64, 65, 130]),
    resident=st.booleans(),
)
def test_counts_against_the_naive_twin(keys, dim, value_dim, precision, batch, resident):
    cost = dense.attention(
        keys, dim, value_dim=value_dim, precision=precision, batch=batch, resident=resident
    )
    tile = dense.REGISTER_TILE
    assert cost.totals == naive.attention(keys, dim, value_dim, precision, batch, tile, resident)
    assert set(cost.totals) <= set(COUNTERS)
    for name, total in cost.totals.items():
        assert cost.counts[name] * batch == pytest.approx(total, rel=1e-12)


def test_counts_of_one_query_by_hand():
    counts = dense.attention(32_768, 256, precision="int8").counts
    assert counts == {
        "macs_int8": 32_768 * 512,
        "exps": 32_768,
        "dram_bits": 8 * 512 * 32_769,
        "sram_bits": 8 * 512 * 32_769,
    }


def test_a_batch_shares_the_fetch():
    one = dense.attention(32_768, 256, precision="fp16").counts
    many = dense.attention(32_768, 256, precision="fp16", batch=64).counts
    assert many["macs_fp16"] == one["macs_fp16"]
    assert many["dram_bits"] == pytest.approx(one["dram_bits"] / 64, rel=0.01)


def test_roofline_of_one_query_is_its_bytes():
    chip = substrate.load("a100-circuit")
    cost = dense.attention(32_768, 256, precision="fp16")
    assert cost.seconds(chip) == pytest.approx(2 * 512 * 32_769 / 1.555e12, rel=1e-12)


def test_roofline_of_a_large_fp32_batch_is_its_operations():
    chip = substrate.load("a100-circuit")
    cost = dense.attention(32_768, 256, precision="fp32", batch=4096)
    operations = 2 * 512 * 32_768 + dense.EXP_OPERATIONS * 32_768
    assert cost.seconds(chip) == pytest.approx(operations / 19.5e12, rel=1e-12)


def test_roofline_is_the_same_in_every_ledger_of_the_chip():
    cost = dense.attention(1000, 64, precision="int8", batch=8)
    times = {cost.seconds(substrate.load(f"a100-{ledger}")) for ledger in ("circuit", "path", "board")}
    assert len(times) == 1


def test_a_substrate_without_a_peak_has_no_roofline():
    with pytest.raises(ValueError, match=r"must state peak\.fp16 .* got 'loihi'"):
        dense.attention(10, 4).seconds(substrate.load("loihi"))


@pytest.mark.parametrize(
    ("given", "error", "text"),
    [
        ({"keys": 0, "dim": 4}, ValueError, "keys must be at least 1, got 0"),
        ({"keys": 4, "dim": -1}, ValueError, "dim must be at least 1, got -1"),
        ({"keys": 4, "dim": 4, "value_dim": 0}, ValueError, "value_dim must be at least 1, got 0"),
        ({"keys": 4, "dim": 4, "batch": 0}, ValueError, "batch must be at least 1, got 0"),
        ({"keys": 4, "dim": 4, "precision": "fp64"}, ValueError, "precision must be one of .* got 'fp64'"),
        ({"keys": 4.0, "dim": 4}, TypeError, "keys must be an integer"),
        ({"keys": 2**41, "dim": 4}, ValueError, "keys must be at most"),
    ],
)
def test_errors_name_the_argument(given, error, text):
    with pytest.raises(error, match=text):
        dense.attention(**given)
