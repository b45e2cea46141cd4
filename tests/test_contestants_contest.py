"""The contest: points that are kept, differences paired by blocks or not, and the dense twin's results as points."""

import dataclasses
import json

import numpy as np
import pytest

from hdspike.contestants.contest import Contest, Entry, difference, summary
from hdspike.contestants.contract import Learning, Reading
from hdspike.contestants.dense_points import dense_points
from hdspike.contestants.interval import between
from hdspike.contestants.kept import Kept
from hdspike.contestants.unigram import Unigram

TEXT = np.random.default_rng(0).integers(3, size=5000)


def reading(seed: int, **changed) -> Reading:
    bits = np.random.default_rng(seed).random(3500) + 1
    return dataclasses.replace(Reading(bits, bits < 1.5, 2.0, {"adds_int32": 7000}), **changed)


def test_a_summary_is_the_reading_in_numbers():
    said = summary(reading(0))
    assert said["bits"] == pytest.approx(reading(0).bits.mean())
    assert said["low"] < said["bits"] < said["high"]
    assert said["accuracy"] == pytest.approx(reading(0).hits.mean())
    assert [(n, c) for n, _, c in said["blocks"]] == [(0, 1000), (1, 1000), (2, 1000), (3, 500)]
    assert sum(s for _, s, _ in said["blocks"]) == pytest.approx(reading(0).bits.sum())
    assert said["counts"] == {"adds_int32": 2.0} and said["microseconds"] == pytest.approx(2e6 / 3500)
    compressor = summary(reading(0, hits=None))
    assert compressor["accuracy"] is None and compressor["accuracy_low"] is None


def test_a_difference_is_that_of_the_readings():
    one, other = reading(1), reading(2)
    gap, exact = difference(summary(one), summary(other)), between(one, other)
    assert gap["paired"] and gap["value"] == pytest.approx(exact.value)
    assert (gap["low"], gap["high"]) == pytest.approx((exact.low, exact.high), abs=0.004)
    assert difference(summary(one), summary(one)) == {"value": 0, "low": 0, "high": 0, "paired": True}


def test_without_blocks_intervals_are_added():
    one = summary(reading(1))
    other = one | {"bits": one["bits"] + 1, "low": one["bits"] + 0.7, "high": one["bits"] + 1.3, "blocks": []}
    gap = difference(one, other)
    half = np.hypot((one["high"] - one["low"]) / 2, 0.3)
    assert not gap["paired"] and gap["value"] == pytest.approx(-1)
    assert (gap["low"], gap["high"]) == pytest.approx((-1 - half, -1 + half))
    assert difference(one, other | {"low": None})["low"] is None


class Absent:
    """One that needs a package that nobody has."""

    def __init__(self) -> None:
        raise ImportError("absent needs the extra hdspike[none]")


def test_points_are_kept_and_who_cannot_play_is_left_out(tmp_path):
    heard: list[str] = []
    kept = Kept(tmp_path, say=heard.append)
    entries = [Entry("unigram", Unigram), Entry("nobody", Absent)]
    (point,) = Contest(TEXT, 3, 4000, kept).run(entries)
    assert set(point["read"]) == {"frozen", "streaming"} and point["stored_bytes"] == 12
    assert point["learn_counts"]["adds_int32"] == 4000
    assert any("absent needs the extra" in line for line in heard)
    assert len(list(tmp_path.iterdir())) == 1
    assert Contest(TEXT, 3, 4000, kept).run(entries) == [point]
    assert len(list(tmp_path.iterdir())) == 1
    Contest(TEXT, 3, 3999, kept).run(entries)  # another split is another point
    assert len(list(tmp_path.iterdir())) == 2
    (frozen,) = Contest(TEXT, 3, 4000, Kept(None)).run([Entry("unigram", Unigram, streaming=False)])
    assert set(frozen["read"]) == {"frozen"}


def test_a_spiking_contestant_is_priced_as_the_processor_does_it():
    class Spikes(Unigram):
        def on_processor(self) -> dict[str, int]:
            return {"adds_int32": 1000}

    (point,) = Contest(TEXT, 3, 4000, Kept(None)).run([Entry("spikes", Spikes)])
    assert point["learn_counts"] == {"adds_int32": 1000}
    assert point["read"]["frozen"]["counts"] == {"adds_int32": 1.0}


def test_a_contest_refuses_what_it_cannot_cut():
    with pytest.raises(ValueError, match="learned must be at most 4999"):
        Contest(TEXT, 3, 5000, Kept(None))


READ = {
    "bits_per_character": 1.7,
    "standard_error": 0.05,
    "accuracy": 0.6,
    "characters": 10,
    "counts_per_character": {},
}
DENSE = {
    "budget_seconds": 20.0,
    "cores": 2,
    "characters": {"training": 90, "test": 10},
    "train": {
        "processor_seconds": 40.0, "counts": {"macs_bf16": 7}, "passes": 2.5, "settings": {"layers": 3},
        "stored_bytes": 100, "active_bytes": 120,
    },
    "frozen": READ,
    "streaming": READ | {"bits_per_character": 1.5},
    "int8": READ | {"stored_bytes": 25, "active_bytes": 30},
    "speed": [{"batch": 1, "processor_seconds_per_character": 1e-3}],
}  # fmt: skip


def test_the_dense_twins_results_are_points(tmp_path):
    (tmp_path / "dense-20s.json").write_text(json.dumps(DENSE))
    (tmp_path / "dense-5s.json").write_text("{")
    dense, int8 = dense_points(90, 10, tmp_path)
    assert (dense["family"], int8["family"]) == ("dense transformer", "its int8 twin")
    assert (dense["learn_seconds"], dense["stored_bytes"], int8["stored_bytes"]) == (20.0, 100, 25)
    assert dense["read"]["frozen"]["low"] == pytest.approx(1.7 - 1.96 * 0.05)
    assert dense["read"]["streaming"]["bits"] == 1.5 and set(int8["read"]) == {"frozen"}
    assert dense["read"]["frozen"]["microseconds"] == pytest.approx(1000)
    assert dense["read"]["streaming"]["microseconds"] is None
    assert dense_points(91, 10, tmp_path) == [] and dense_points(90, 10, tmp_path / "none") == []


def test_learning_is_of_the_vocabulary():
    with pytest.raises(ValueError, match="counts"):
        Learning(1.0, {"multiplications": 1})
