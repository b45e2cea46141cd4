"""The Spiking HD-Transformer as a contestant: its bytes by hand, both ways of reading, points that are kept."""

import json
from dataclasses import replace

import numpy as np
import pytest

from hdspike.contestants.contract import Contestant
from hdspike.contestants.dense_results import dense_results
from hdspike.contestants.kept import Kept
from hdspike.contestants.spiking import Spiking
from hdspike.contestants.trained import Split, point, small, split
from hdspike.transformer import Settings, SpikingTransformer
from hdspike.transformer.memory import stored_bytes
from hdspike.workloads.language_counts import active_bytes, chip_counts
from tests.tiny_transformers import ALPHABET, SMALL

V = len(ALPHABET)


def tokens(length: int = 300) -> np.ndarray:
    rng = np.random.default_rng(0)
    period = np.resize(rng.integers(V, size=13), length)
    return np.where(rng.random(length) < 0.9, period, rng.integers(V, size=length))


def learned() -> Spiking:
    model = Spiking(ALPHABET, SMALL)
    model.learn(tokens()[:200], V)
    return model


def test_it_is_a_contestant():
    model = Spiking(ALPHABET, SMALL)
    assert isinstance(model, Contestant)
    assert (model.learning, model.settings["lines"], model.settings["window"]) == (None, 8, 20)
    assert model.settings["heads"] == "s1@1x2x3 s3@2x2x2 w2@2x1x2"
    with pytest.raises(ValueError, match="must learn a text before it reads one"):
        model.read(tokens(), streaming=True)
    with pytest.raises(ValueError, match=f"symbols must be the {V} of the alphabet, got 9"):
        model.learn(tokens(), 9)
    with pytest.raises(ValueError, match="tokens must be in"):
        model.learn([0, V], V)
    model.learn(tokens(), V)
    with pytest.raises(ValueError, match="tokens must be in"):
        model.read([-1], streaming=False)


def test_it_reads_as_the_model_does():
    """Frozen leaves no trace; streaming is learning on; learning again forgets."""
    model, plain = learned(), SpikingTransformer(ALPHABET, SMALL)
    said = plain.learn(tokens()[:200])
    assert model.learning is not None
    assert model.raw == said.counts
    assert model.learning.counts == chip_counts(said.counts, SMALL, V)
    frozen = plain.read(tokens()[200:])
    for _ in range(2):
        reading = model.read(tokens()[200:], streaming=False)
        np.testing.assert_array_equal(reading.bits, frozen.bits)
        np.testing.assert_array_equal(reading.hits, frozen.hits)
    streaming = model.read(tokens()[200:], streaming=True)
    np.testing.assert_array_equal(streaming.bits, plain.read(tokens()[200:], streaming=True).bits)
    plain.learn(tokens()[200:])
    np.testing.assert_array_equal(model.read(tokens(50), streaming=False).bits, plain.read(tokens(50)).bits)
    model.learn(tokens()[:200], V)
    np.testing.assert_array_equal(model.read(tokens()[200:], streaming=False).bits, frozen.bits)


def test_bytes_are_those_of_its_file():
    model = learned()
    model.read(tokens()[200:], streaming=False)
    assert model.stored_bytes() == stored_bytes(SMALL, V)
    assert 0 < model.packed_bytes() < model.stored_bytes()
    assert model.active_bytes() == active_bytes(model.raw, SMALL, V)["total"] > 0


def text() -> Split:
    return split("tiny", ALPHABET, tokens(), share=2 / 3)


def test_a_point_is_what_the_contestant_does(tmp_path):
    kept = Kept(tmp_path)
    found = point(kept, text(), SMALL)
    model = learned()
    frozen = model.read(tokens()[200:], streaming=False)
    assert found["frozen"]["bits"] == pytest.approx(frozen.bits_per_character, rel=1e-5)
    assert found["frozen"]["counts"]["window_events"] == pytest.approx(
        model.raw["window_events"] / 100, rel=1e-5
    )
    assert found["streaming"]["bits"] == pytest.approx(
        model.read(tokens()[200:], streaming=True).bits_per_character, rel=1e-5
    )
    plain = point(kept, text(), SMALL, sharpened=False)
    assert plain["streaming"]["bits"] == found["streaming"]["bits"]
    assert (plain["frozen"]["bits"] == found["frozen"]["bits"]) == (found["sharp"] == 1)
    assert len(list(tmp_path.iterdir())) == 2


@pytest.mark.parametrize("damage", ["cut", "other", "empty"])
def test_a_point_is_made_once_and_again_where_it_is_damaged(tmp_path, damage):
    said, made = [], []

    def make():
        made.append(1)
        return {"value": np.float64(0.5), "of": [len(made)]}

    kept = Kept(tmp_path, 1, said.append)
    key = {"what": "it", "of": (1, 2)}
    assert kept(key, make) == kept(key, make) == {"value": 0.5, "of": [1]}
    assert len(made) == 1
    assert kept(key | {"what": "that"}, make)["of"] == [2]
    assert Kept(tmp_path, 2)(key, make)["of"] == [3]
    assert Kept(None)(key, make)["of"] == [4]
    file = next(path for path in tmp_path.iterdir() if '"of": [1]' in path.read_text())
    content = json.loads(file.read_text())
    broken = {"cut": file.read_text()[:-4], "other": json.dumps(content | {"key": {}}), "empty": ""}
    file.write_text(broken[damage])
    assert not said
    assert kept(key, make)["of"] == [5]
    assert said[0].startswith(str(file)) and said[0].endswith("it is worked off again")
    assert kept(key, make)["of"] == [5]


def test_a_stop_leaves_no_half(tmp_path):
    def stopped():
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        Kept(tmp_path)({"a": 1}, stopped)
    assert not list(tmp_path.iterdir())


def test_texts_are_cut_and_told_apart():
    one = split("x", ALPHABET, tokens(100))
    assert (len(one.learned), len(one.read)) == (90, 10)
    assert one.digest != replace(one, learned=one.learned[1:]).digest
    assert one.digest != split("x", ALPHABET, tokens(100), share=0.5).digest
    with pytest.raises(ValueError, match="tokens must have something to learn and to read, got 1 cut at 0"):
        split("x", ALPHABET, [1])
    less = small(Settings(delay=9000))
    assert (less.lines, less.window, less.delay) == (512, 4096, 4096)
    assert [head.rows for head in less.heads[:4]] == [1, 1, 2, 4]


def test_results_of_the_dense_benchmark_are_those_of_the_longest_training(tmp_path):
    def write(budget, **parts):
        train = {"train": {"parameters": 7}, "frozen": {"bits_per_character": 2.0}}
        (tmp_path / f"dense-{budget}s.json").write_text(
            json.dumps({"budget_seconds": budget, **train, **parts})
        )

    assert dense_results("lesions", tmp_path) is None
    write(5, lesions={"a": 1})
    write(20, lesions={"a": 2})
    write(60)
    (tmp_path / "dense-900s.json").write_text('{"budget_seconds": 900, "lesions"')
    (tmp_path / "dense-300s.json").write_text('{"lesions": 1}')
    expected = {"budget": 20.0, "parameters": 7, "frozen": 2.0, "lesions": {"a": 2}}
    assert dense_results("lesions", tmp_path) == expected
    assert dense_results("continual", tmp_path) is None
