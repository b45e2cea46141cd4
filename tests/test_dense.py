"""Dense attention: counts against a pencil, the roofline against its definition."""

import doctest
import importlib
from pathlib import Path

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
    appended=st.integers(0, 1),
    on_chip=st.booleans(),
)
def test_counts_against_the_naive_twin(keys, dim, value_dim, precision, batch, resident, appended, on_chip):
    cost = dense.attention(
        keys,
        dim,
        value_dim=value_dim,
        precision=precision,
        batch=batch,
        resident=resident,
        appended=appended,
        on_chip=on_chip,
    )
    tile = dense.REGISTER_TILE
    assert cost.totals == naive.attention(
        keys, dim, value_dim, precision, batch, tile, resident, appended, on_chip
    )
    assert set(cost.totals) <= set(COUNTERS)
    for name, total in cost.totals.items():
        assert cost.counts[name] * batch == pytest.approx(total, rel=1e-12)


@settings(max_examples=40, deadline=None)
@given(
    tokens=st.sampled_from([1, 2, 5, 16, 31, 32, 33, 65]),
    dim=st.integers(1, 4),
    value_dim=st.integers(1, 4),
    group=st.sampled_from([1, 2, 3, 63, 64, 65]),
    precision=st.sampled_from(dense.PRECISIONS),
    resident=st.booleans(),
)
def test_causal_counts_against_the_naive_twin(tokens, dim, value_dim, group, precision, resident):
    cost = dense.causal_attention(
        tokens, dim, value_dim=value_dim, group=group, precision=precision, resident=resident
    )
    assert cost.totals == naive.causal_attention(tokens, dim, value_dim, group, precision, resident)
    assert cost.units == tokens * group


def test_a_prompt_of_one_token_is_one_query_that_appends_itself():
    prompt = dense.causal_attention(1, 8, group=3, precision="int8")
    assert prompt.totals == dense.attention(1, 8, batch=3, appended=1, precision="int8").totals


def test_counts_of_one_query_by_hand():
    counts = dense.attention(32_768, 256, precision="int8").counts
    assert counts == {
        "macs_int8": 32_768 * 512,
        "exps": 32_768,
        "dram_bits": 8 * (512 * 32_768 + 256),
        "dram_bits_written": 8 * 256,
        "sram_bits": 8 * (512 * 32_768 + 256),
        "sram_bits_written": 8 * 256,
    }


def test_ternary_weights_change_nothing_in_attention():
    """Both factors of its products are activations."""
    assert (
        dense.attention(99, 7, precision="ternary").totals == dense.attention(99, 7, precision="int8").totals
    )


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


PEAKS = """format = 1
name = "mine"
title = "My chip"
kind = "processor"
node = "7 nm"
ledger = "path"
notes = "made up"
[peak]
"""


def sheet(folder: Path, **peaks: float) -> substrate.Substrate:
    """A substrate with these peaks: operations (bytes for memories) a second."""
    lines = [
        f'{name} = {{ value = {value}, unit = "{unit}", verified = true, source = "me" }}'
        for name, value in peaks.items()
        for unit in ["byte/s" if name in ("dram", "l2", "sram") else "op/s"]
    ]
    path = folder / "mine.toml"
    path.write_text(PEAKS + "\n".join(lines), encoding="utf-8")
    return substrate.load(path)


def test_pipes_of_the_roofline_by_hand(tmp_path):
    chip = sheet(tmp_path, fp32=100.0, fp16=1000.0, int8=2000.0, dram=8.0, sram=4.0)
    counts = {
        "macs_fp32": 10,
        "exps": 5,
        "macs_fp16": 7,
        "macs_bf16": 9,
        "macs_int8": 11,
        "macs_int4": 13,
        "adds_int32": 3,
        "bit_products": 640,
        "dram_bits": 64,
        "dram_bits_written": 16,
        "l2_bits": 10**9,  # no peak stated: bounds nothing
        "sram_bits": 24,
        "sram_bits_written": 8,
        "hops": 10**9,  # no work of a pipe
    }
    line = dense.roofline(counts, chip)
    assert line.pipes == pytest.approx(
        {
            "fp32": (2 * 10 + 16 * 5) / 100,
            "fp16": 2 * (7 + 9) / 1000,
            "int8": 2 * (11 + 13 + 10) / 2000,
            "dram": 10 / 8,
            "sram": 4 / 4,
        }
    )
    assert (line.seconds, line.pipe, line.bound) == (1.25, "dram", "dram")
    assert line.operations == 2 * (10 + 7 + 9 + 11 + 13 + 10) + 80
    assert line.intensity == pytest.approx(line.operations / 10)


def test_a_peak_of_its_own_is_preferred(tmp_path):
    chip = sheet(tmp_path, fp16=10.0, bf16=20.0, int8=30.0, int4=40.0, ternary=50.0)
    line = dense.roofline({"macs_bf16": 10, "macs_int4": 10, "adds_int32": 10}, chip)
    assert line.pipes == pytest.approx({"bf16": 1.0, "int4": 0.5, "ternary": 0.4})
    assert (line.pipe, line.bound, line.intensity) == ("bf16", "compute", float("inf"))


def test_no_work_takes_no_time(tmp_path):
    line = dense.roofline({}, sheet(tmp_path, fp32=1.0))
    assert (line.seconds, line.pipe, line.bound) == (0.0, "", "")


@pytest.mark.parametrize(
    ("counts", "text"),
    [
        ({"macs_bf16": 1}, "must state peak.bf16 or peak.fp16 for a roofline, got 'mine'"),
        ({"macs_int4": 1}, "must state peak.int4 or peak.int8"),
        ({"adds_int32": 1}, "must state peak.ternary or peak.int8"),
        ({"dram_bits_written": 8}, "must state peak.dram"),
        ({"nonsense": 1}, "vocabulary, got nonsense"),
    ],
)
def test_a_missing_peak_is_named(tmp_path, counts, text):
    with pytest.raises(ValueError, match=text):
        dense.roofline(counts, sheet(tmp_path, fp32=1.0))
    with pytest.raises(TypeError, match="substrate must be a Substrate"):
        dense.roofline(counts, "a100-circuit")


@settings(max_examples=30, deadline=None)
@given(batch=st.integers(1, 300), more=st.integers(1, 300), precision=st.sampled_from(dense.PRECISIONS))
def test_a_longer_batch_takes_longer_but_less_a_query(batch, more, precision):
    chip = substrate.load("a100-circuit")
    one, other = (dense.linear(64, 96, precision=precision, batch=b) for b in (batch, batch + more))
    assert one.roofline(chip).seconds <= other.roofline(chip).seconds
    assert other.seconds(chip) <= one.seconds(chip) * (1 + 1e-12)


@pytest.mark.parametrize(
    ("given", "error", "text"),
    [
        ({"keys": 0, "dim": 4}, ValueError, "keys must be at least 1, got 0"),
        ({"keys": 4, "dim": -1}, ValueError, "dim must be at least 1, got -1"),
        ({"keys": 4, "dim": 4, "value_dim": 0}, ValueError, "value_dim must be at least 1, got 0"),
        ({"keys": 4, "dim": 4, "batch": 0}, ValueError, "batch must be at least 1, got 0"),
        ({"keys": 4, "dim": 4, "precision": "fp64"}, ValueError, "precision must be one of .* got 'fp64'"),
        ({"keys": 4, "dim": 4, "appended": 5}, ValueError, "appended must be at most 4, got 5"),
        ({"keys": 4, "dim": 4, "appended": True}, TypeError, "appended must be an integer"),
        ({"keys": 4.0, "dim": 4}, TypeError, "keys must be an integer"),
        ({"keys": 2**41, "dim": 4}, ValueError, "keys must be at most"),
    ],
)
def test_errors_name_the_argument(given, error, text):
    with pytest.raises(error, match=text):
        dense.attention(**given)


@pytest.mark.parametrize(
    ("given", "error", "text"),
    [
        ({"tokens": 0, "dim": 4}, ValueError, "tokens must be at least 1, got 0"),
        ({"tokens": 4, "dim": 4, "group": 0}, ValueError, "group must be at least 1, got 0"),
        ({"tokens": "4", "dim": 4}, TypeError, "tokens must be an integer"),
        ({"tokens": 4, "dim": 4, "precision": 8}, ValueError, "precision must be one of .* got 8"),
    ],
)
def test_errors_of_causal_attention(given, error, text):
    with pytest.raises(error, match=text):
        dense.causal_attention(**given)


@pytest.mark.parametrize(
    "module", ["attention", "feed_forward", "quantised", "shape", "spiking", "transformer"]
)
def test_doctests(module):
    results = doctest.testmod(importlib.import_module(f"hdspike.dense.{module}"))
    assert results.attempted
    assert not results.failed


def test_parts_must_be_over_the_same_units():
    parts = {"a": dense.attention(3, 2, batch=2), "b": dense.attention(3, 2)}
    with pytest.raises(ValueError, match="parts must be over the same units, got"):
        dense.combine("both", "fp16", parts)


def test_work_done_several_times():
    one = dense.attention(3, 2, batch=2)
    many = one.times(5, unit="token", units=10)
    assert many.totals == {name: 5 * total for name, total in one.totals.items()}
    assert (many.macs, many.unit, many.units) == (5 * one.macs, "token", 10)
    assert one.times(5).units == 2
    with pytest.raises(ValueError, match="factor must be at least 1, got 0"):
        one.times(0)
