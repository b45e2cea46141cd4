"""Event codes beside sign codes: the shares of a plug against a twin, and the whole sim on a tiny random model."""

import json
from types import SimpleNamespace

import numba
import numpy as np
import pytest
from matplotlib import pyplot as plt

from hdspike import datasets, sim
from hdspike.models.coded import CodedKWTA
from hdspike.models.evented import EventKWTA
from hdspike.models.found import found_shares
from hdspike.models.signs import SignCode
from tests.naive import coded as naive
from tests.naive import evented as slow
from tests.tiny_models import llama_weights, write_llama
from tests.tiny_products import parts
from tests.tiny_products import product as random_book

EVENT_CODES = sim.load("event_codes")
SLOW = bool(numba.config.DISABLE_JIT)


@pytest.mark.parametrize("rule", [{}, {"sinks": 1, "recent": 2}])
def test_shares_are_those_of_the_plug_and_the_twin(rule):
    rng = np.random.default_rng(3)
    queries, keys, values, seen = parts(rng, heads=4, groups=2, size=20)
    book = random_book(rng, groups=2)
    plug = EventKWTA(4, book, events=0.6, **rule)
    found, most, events = found_shares(plug, queries, keys, (1, 2, 3), seen=seen)
    assert (
        found.shape == (4, 4, 3)
        and (np.diff(found, axis=2) >= 0).all()
        and (found <= most[..., None] + 1e-12).all()
    )
    for i, many in enumerate((1, 2, 3)):
        one = EventKWTA(4, book, events=0.6, candidates=many, **rule)
        one(queries, keys, values, seen=seen)
        assert found[..., i].sum() / most.sum() == pytest.approx(one.found_share, rel=1e-5)
        assert (found[..., i].mean(), events.sum()) == (pytest.approx(one.captured_mass), one.synaptic_events)
        _, counts = slow.attend(
            queries,
            keys,
            values,
            seen,
            book,
            0,
            lambda _: 4,
            kind="softmax",
            events=0.6,
            candidates=many,
            **rule,
        )
        np.testing.assert_allclose(found[..., i], counts[0], rtol=1e-5)
        np.testing.assert_allclose(most, counts[1], rtol=1e-5)
        assert np.array_equal(events, counts[2])
    code = SignCode(65, centre=np.zeros((1, 2, 4)))
    found, _, events = found_shares(CodedKWTA(4, code=code), queries, keys, (1, 5), seen=seen)
    centre, matrix = np.zeros((2, 1, 4)), code.projector(4).matrix(0, 65)
    _, mass, best = naive.attend(
        queries, keys, values, seen, matrix, lambda _: 4, kind="softmax", candidates=1, centre=centre
    )
    np.testing.assert_allclose(found[..., 0], mass, rtol=1e-5)
    np.testing.assert_allclose(found[..., 1], best, rtol=1e-5)
    assert not events.any()
    with pytest.raises(ValueError, match="multiples must be at least 1"):
        found_shares(plug, queries, keys, (0,), seen=seen)


def structured(rng, count=256, dim=16):
    """Queries and keys of two layers with a few strong directions, an offset, and many weak ones."""
    turn = rng.normal(size=(dim, dim)) * np.geomspace(2.5, 0.05, dim)
    mean = rng.normal(size=dim)

    def drawn():
        return {
            layer: (
                (rng.normal(size=(2, count, dim)) @ turn + mean).astype(np.float32),
                (rng.normal(size=(1, count, dim)) @ np.linalg.qr(turn)[0] + mean).astype(np.float32),
            )
            for layer in (3, 5)
        }

    return {genre: drawn() for genre in (EVENT_CODES.LEARN, EVENT_CODES.JUDGE)}


@pytest.mark.skipif(SLOW, reason="a whole sim, far too slow un-jitted")
def test_more_events_and_bits_find_more():
    texts = structured(np.random.default_rng(5))
    found = EVENT_CODES.measure(texts, 256, quick=False, seed=0)
    assert (found["winners"], found["layers"], found["heads"]) == (3, [3, 5], 4)
    rows = found["books"][EVENT_CODES.MAIN]
    assert len(rows) == len(EVENT_CODES.EVENTS) and rows[0]["events"] == 0
    for row, events in zip(rows, EVENT_CODES.EVENTS, strict=True):
        assert row["events"] <= events and row["mean"] == sorted(row["mean"])
        assert 0 < row["worst_head"][2] <= row["mean"][2] <= 1
    assert rows[-1]["mean"][2] > rows[0]["mean"][2] + 0.1
    plain = found["books"]["16 × 64, plain, no rests"]
    assert rows[3]["mean"][2] > plain[1]["mean"][2]
    bits = [row["mean"][2] for row in found["signs"]]
    assert bits[-1] > bits[0] + 0.1 and [row["bits"] for row in found["signs"]] == list(EVENT_CODES.BITS)
    assert json.loads(json.dumps(found)) == found
    again = EVENT_CODES.measure(texts, 256, quick=False, seed=0)
    assert again == found
    plt.close(EVENT_CODES.draw(found))


def test_verdicts_are_computed():
    def row(events, mean):
        return {"events": events, "mean": [0, 0, mean, 0]}

    numbers = {
        "multiples": [1, 2, 4, 8], "books": {EVENT_CODES.MAIN: [row(0, 0.8), row(0.4, 0.96), row(1.8, 0.99)]},
        "always": {"sinks": 4, "recent": 16}, "helped": [row(0, 0.9), row(0.2, 0.97)],
        "signs": [{"bits": 1024} | row(0, 0.98)],
    }  # fmt: skip
    met, silent, signs = EVENT_CODES.verdicts(numbers)
    assert met == "Aim met: 0.960 of the mass at 4× with 0.40 events a (query, key), 0.960 with 0.40."
    assert "alone find 0.800" in silent and "4 sinks and 16 recent keys 0.900" in silent
    assert "lose 2.0 % of the exact mass: more than 1 %" in signs
    numbers["books"][EVENT_CODES.MAIN][1]["mean"][2] = 0.94
    assert EVENT_CODES.verdicts(numbers)[0].startswith("Aim missed")
    numbers["books"][EVENT_CODES.MAIN] = [row(0, 0.5)]
    numbers["books"]["16 × 64, plain, no rests"] = [row(0.3, 0.7), row(0.9, 0.75), row(1.9, 0.8)]
    words = EVENT_CODES.verdicts(numbers)
    assert words[0].startswith("No number of events tried")
    assert words[2] == "16 × 64, plain, no rests: 0.750 with 0.90 events."


@pytest.mark.skipif(SLOW, reason="a whole sim, far too slow un-jitted")
def test_quick_over_a_tiny_model(tmp_path, monkeypatch):
    pytest.importorskip("gguf")
    pytest.importorskip("tokenizers")
    weights = llama_weights(np.random.default_rng(0))
    write_llama(tmp_path / "tiny.gguf", weights)
    drawn = np.random.default_rng(1).choice(list("abcdef ghijk."), size=(2, 2000))
    brown = [
        SimpleNamespace(genre=genre, text="".join(row))
        for genre, row in zip((EVENT_CODES.LEARN, EVENT_CODES.JUDGE), drawn, strict=True)
    ]
    monkeypatch.setattr(datasets, "path", lambda name: tmp_path)
    monkeypatch.setattr(datasets, "load", lambda name: brown)
    from hdspike.models import Llama

    model = Llama(tmp_path / "tiny.gguf")
    texts = EVENT_CODES.read(model, 64, (1,))
    queries, keys = texts[EVENT_CODES.JUDGE][1]
    assert queries.shape == (4, 64, 8) and keys.shape == (2, 64, 8)
    found = EVENT_CODES.measure(texts, 64, quick=True, seed=0)
    assert set(found["books"]) == {EVENT_CODES.MAIN} and len(found["signs"]) == 2
    assert EVENT_CODES.measure(texts, 64, quick=True, seed=0) == found
    plt.close(EVENT_CODES.draw(found))
    with pytest.raises(ValueError, match="context must be at most the 2000 tokens of lore, got 4000"):
        EVENT_CODES.read(model, 4000, (1,))


def test_without_the_data_it_says_what_to_fetch(tmp_path, monkeypatch):
    monkeypatch.setenv("HDSPIKE_DATA", str(tmp_path))
    with pytest.raises(datasets.Absent, match="hdspike data fetch"):
        EVENT_CODES.simulate(quick=True, seed=0)
