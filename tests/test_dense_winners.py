"""k-winner-take-all attention on a processor: counts against a pencil, and what it saves beside softmax."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hdspike import dense
from hdspike.dense.winners import insertions
from hdspike.vocabulary import COUNTERS
from tests.naive import attend as naive


@given(
    keys=st.integers(1, 20),
    share=st.floats(0, 1),
    dim=st.integers(1, 6),
    value_dim=st.sampled_from([1, 5, 40]),
    precision=st.sampled_from(dense.PRECISIONS),
    batch=st.sampled_from([1, 2, 63, 64, 65]),
    appended=st.integers(0, 1),
    on_chip=st.booleans(),
)
def test_counts_against_the_naive_twin(keys, share, dim, value_dim, precision, batch, appended, on_chip):
    winners = max(1, round(share * keys))
    cost = dense.winners_attention(
        keys, dim, winners, value_dim=value_dim, precision=precision, batch=batch, appended=appended, on_chip=on_chip
    )  # fmt: skip
    wanted = naive.winners_attention(
        keys, dim, value_dim, winners, precision, batch, appended, on_chip, dense.REGISTER_TILE
    )
    assert cost.totals == wanted
    assert set(cost.totals) <= set(COUNTERS)
    assert cost.units == batch
    common = {
        "value_dim": value_dim,
        "precision": precision,
        "batch": batch,
        "appended": appended,
        "on_chip": on_chip,
    }
    same = (precision, batch, appended, on_chip, dense.REGISTER_TILE)
    for bundles in (1, 3):
        found = dense.bundled_attention(keys, dim, winners, bundles, **common)
        assert found.totals == naive.bundled_attention(keys, dim, value_dim, winners, bundles, *same)
    for bits, candidates in ((1, winners), (65, keys), (64, (winners + keys) // 2)):
        found = dense.coded_attention(keys, dim, winners, bits, candidates, **common)
        assert found.totals == naive.coded_attention(keys, dim, value_dim, winners, bits, candidates, *same)
        assert set(found.totals) <= set(COUNTERS)
        found = dense.coded_attention(keys, dim, winners, bits, candidates, scored=False, **common)
        wanted = naive.coded_attention(keys, dim, value_dim, winners, bits, candidates, *same, scored=False)
        assert found.totals == wanted
    for blocks, lines, events, candidates in (
        (1, 1, 0, winners),
        (3, 7, 0.5, keys),
        (2, 256, 2.3, (winners + keys) // 2),
    ):
        given = (blocks, lines, events, candidates)
        found = dense.event_attention(keys, dim, winners, *given, **common)
        wanted = naive.event_attention(keys, dim, value_dim, winners, *given, *same)
        assert found.totals == wanted and set(wanted) <= set(COUNTERS)
        found = dense.event_attention(keys, dim, winners, *given, scored=False, **common)
        wanted_unscored = naive.event_attention(keys, dim, value_dim, winners, *given, *same, scored=False)
        assert found.totals == wanted_unscored
        found = dense.event_attention(keys, dim, winners, *given, bundles=3, **common)
        assert found.totals == naive.with_bundles(
            wanted, keys, dim, value_dim, winners, 3, *same[:3], same[-1]
        )


def test_insertions_bound_the_mean_of_random_orders():
    rng = np.random.default_rng(0)
    for keys, winners in ((200, 1), (200, 5), (50, 50), (60, 30)):
        drawn = np.mean([naive.entered(rng.permutation(keys).tolist(), winners) for _ in range(100)])
        assert drawn * 0.97 <= insertions(keys, winners) <= drawn + winners + 1


def test_beside_softmax_the_winners_save_values_and_exponentials_but_no_score():
    common = {"precision": "int8", "batch": 3, "appended": 1, "on_chip": True}
    soft = dense.attention(4096, 64, **common).totals
    few, all_ = (dense.winners_attention(4096, 64, k, **common).totals for k in (41, 4096))
    assert few["exps"] * 4096 == soft["exps"] * 41
    assert soft["macs_int8"] / 2 < few["macs_int8"] < soft["macs_int8"] * 0.51
    assert soft["dram_bits"] / 2 < few["dram_bits"] < soft["dram_bits"] * 0.52
    assert all_["macs_int8"] == soft["macs_int8"] and all_["dram_bits"] == soft["dram_bits"]
    assert "adds_int32" not in all_


def test_events_save_the_keys_that_winners_alone_must_read():
    """Two words for a rest and a share of an entry in place of a key of 64 numbers."""
    common = {"precision": "int8", "appended": 1, "on_chip": True}
    few = dense.winners_attention(4096, 64, 41, **common).totals
    found = dense.event_attention(4096, 64, 41, 4, 256, 0.5, 164, **common).totals
    assert found["macs_int8"] < few["macs_int8"] / 4 and found["dram_bits"] < few["dram_bits"] / 8
    none = dense.event_attention(4096, 64, 41, 4, 256, 0, 164, **common).totals
    assert found["dram_bits"] - none["dram_bits"] == 32 * 2048


@pytest.mark.parametrize(
    ("arguments", "rule"),
    [
        ((0, 8, 1), "keys must be at least 1"),
        ((8, 0, 1), "dim must be at least 1"),
        ((8, 8, 0), "winners must be at least 1"),
        ((8, 8, 9), "winners must be at most 8"),
    ],
)
def test_bad_arguments(arguments, rule):
    with pytest.raises(ValueError, match=rule):
        dense.winners_attention(*arguments)
    for bad in (0, 2**41):
        with pytest.raises(ValueError, match="bundles must be"):
            dense.bundled_attention(8, 8, 2, bad)
        with pytest.raises(ValueError, match="bits must be"):
            dense.coded_attention(8, 8, 2, bad, 4)
    for bad in (1, 9):
        with pytest.raises(ValueError, match="candidates must be"):
            dense.coded_attention(8, 8, 2, 64, bad)
    for changed, rule in (
        ((0, 4, 0.5, 4), "blocks must be at least 1"),
        ((2, 0, 0.5, 4), "lines must be at least 1"),
        ((2, 4, -0.5, 4), "events must be a finite number from 0"),
        ((2, 4, float("nan"), 4), "events must be a finite number from 0"),
        ((2, 4, 0.5, 1), "candidates must be at least 2"),
    ):
        with pytest.raises(ValueError, match=rule):
            dense.event_attention(8, 8, 2, *changed)
    with pytest.raises(ValueError, match="bundles must be at least 0"):
        dense.event_attention(8, 8, 2, 2, 4, 0.5, 4, bundles=-1)
    for name, value in {"batch": 0, "appended": 9, "precision": "fp64", "value_dim": 0}.items():
        with pytest.raises(ValueError, match=name):
            dense.winners_attention(8, 8, 2, **{name: value})
