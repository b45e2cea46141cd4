"""The dense transformer of the contest: numbers of few bits and counts in NumPy; the model itself where torch is."""

import importlib
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from hdspike.contestants import decoder, decoder_counts, lesions, quantised, quantising
from hdspike.contestants.contract import Contestant
from hdspike.contestants.fitting import Recipe, fit
from hdspike.contestants.transformer import Transformer
from hdspike.dense import Shape
from tests.naive import contestants_dense as naive

torch_present = importlib.util.find_spec("torch") is not None
needs_torch = pytest.mark.skipif(
    not torch_present, reason="torch is not installed: pip install 'hdspike[bench]'"
)

SYMBOLS = 11
RECIPE = Recipe(steps=30, batch=4, context=16, dropout=0.1, half=False)
SMALL = {"layers": 2, "dim": 16, "heads": 2, "hidden": 24}
floats = hnp.arrays(
    np.float32,
    hnp.array_shapes(min_dims=2, max_dims=2, max_side=9),
    elements=st.floats(-100, 100, width=32),
)
signs = hnp.arrays(
    np.int8, hnp.array_shapes(min_dims=2, max_dims=2, max_side=13), elements=st.integers(-1, 1)
)


def rhyme(size: int, seed: int = 0) -> np.ndarray:
    """A text that can be learned: every character is one more than the last, or rarely any."""
    random = np.random.default_rng(seed)
    jumps = np.where(random.random(size) < 0.1, random.integers(SYMBOLS, size=size), 1)
    return np.cumsum(jumps) % SYMBOLS


@pytest.fixture(scope="module")
def learned():
    pytest.importorskip("torch")
    model = Transformer(recipe=RECIPE, **SMALL)
    model.learn(rhyme(400), SYMBOLS)
    return model


# numbers of few bits


@given(floats)
@example(
    np.array([[6e-45], [1e-37], [2e-36]], dtype=np.float32)
)  # scales below, at the edge of, normal floats
def test_int8_is_nearest(values):
    whole, scale = quantising.int8_rows(values)
    assert whole.dtype == np.int8 and np.abs(whole.astype(int)).max(initial=0) <= 127
    assert (np.abs(whole * scale - values) <= 0.5001 * scale).all()


@given(floats)
def test_ternary_is_nearest_of_three(values):
    whole, scale = quantising.ternary(values)
    expected, by = naive.ternary(values)
    assert np.allclose(scale, by, rtol=1e-5)
    clear = np.abs(np.abs(values / by) - 0.5) > 1e-3  # not at the border between two
    assert (whole == expected)[clear].all()


@given(signs)
def test_ternary_packs_five_in_a_byte(values):
    packed = quantising.packed_ternary(values)
    assert packed.size == -(-values.size // 5)
    assert np.array_equal(quantising.unpacked_ternary(packed, values.shape), values)


@given(signs, st.integers(1, 5), st.integers(0, 2**32 - 1))
def test_adds_do_the_ternary_product(weights, rows, seed):
    x = np.random.default_rng(seed).integers(-127, 128, size=(rows, weights.shape[1]), dtype=np.int8)
    product, adds = quantising.product_by_adds(x, weights)
    assert np.array_equal(product, quantising.product_int8(x, weights))
    assert np.array_equal(product, naive.product(x, weights))
    assert adds == rows * np.count_nonzero(weights)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: quantising.int8_rows([[np.nan]]), "values must be finite"),
        (lambda: quantising.ternary([[np.inf]]), "values must be finite"),
        (lambda: quantising.packed_ternary([[2]]), "weights must be in"),
        (lambda: quantising.product_by_adds([[1]], [[2]]), "weights must be in"),
        (lambda: quantising.product_int8([[1, 2]], [[1]]), "x must have 1 entries"),
        (lambda: quantising.unpacked_ternary(np.zeros(2, np.uint8), (5,)), "packed must have 1 bytes"),
        (
            lambda: quantising.unpacked_ternary(np.full(1, 250, np.uint8), (5,)),
            "packed must have bytes below 243",
        ),
        (lambda: Recipe(steps=0), "steps must be"),
        (lambda: Recipe(steps=1, optimiser="sgd"), "optimiser must be one of adamw, muon"),
        (lambda: Recipe(steps=1, dropout=1.0), "dropout must be"),
        (lambda: Transformer(recipe=RECIPE, stride=9), "stride must be"),
        (lambda: Transformer(recipe=RECIPE, stride=4, segment=5), "segment must be"),
        (lambda: Transformer(recipe=RECIPE, dim=10, heads=3), "heads must divide dim"),
        (lambda: Transformer(recipe=RECIPE).read([1], streaming=False), "dense transformer must learn"),
        (lambda: Transformer(recipe=RECIPE).learn([1] * 17, 2), "tokens must be longer than the context"),
        (lambda: Transformer(recipe=RECIPE).learn([3] * 99, 2), r"tokens must be in \[0, 2\)"),
        (
            lambda: quantised.Int8Transformer(recipe=RECIPE).read([1], streaming=True),
            "streaming must be False",
        ),
    ],
)
def test_bad_input_is_named(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def test_without_torch_the_extra_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "torch", None)
    model = Transformer(recipe=RECIPE, **SMALL)
    assert isinstance(model, Contestant)
    with pytest.raises(ImportError, match=r"hdspike\[bench\]"):
        model.learn(rhyme(100), SYMBOLS)


# counts

SHAPES = [
    Shape(2, 16, 2, hidden=24, vocabulary=11, activation="relu", tied=True),
    Shape(1, 6, 1, vocabulary=5, activation="relu", tied=True),
]


@pytest.mark.parametrize("shape", SHAPES)
def test_reading_is_counted_product_by_product(shape):
    counts = decoder_counts.reading(shape, windows=3, context=7, predicted=8, precision="fp32")
    macs, exps = naive.forward(shape, context=7)
    assert counts["macs_fp32"] == 3 * macs + 8 * shape.dim * shape.vocabulary
    assert counts["exps"] == 3 * exps


@pytest.mark.parametrize("shape", SHAPES)
def test_generating_is_counted_product_by_product(shape):
    counts = decoder_counts.generating(shape, context=8, stride=4, batch=1, precision="int8")
    again, _ = naive.forward(shape, context=4)
    assert counts["macs_int8"] == again + sum(naive.step(shape, held) for held in range(5, 9))


@pytest.mark.parametrize("optimiser", ["adamw", "muon"])
@pytest.mark.parametrize("shape", SHAPES)
def test_training_is_three_forward_passes_and_the_optimiser(shape, optimiser):
    counts = decoder_counts.training(
        shape, steps=5, batch=2, context=6, optimiser=optimiser, precision="fp16"
    )
    macs, exps = naive.forward(shape, context=6)
    tokens = 2 * 6
    assert counts["macs_fp16"] == 5 * 3 * (2 * macs + tokens * shape.dim * shape.vocabulary)
    assert counts["exps"] == 5 * (2 * exps + tokens * shape.vocabulary)
    assert counts["weight_updates"] == 5 * shape.parameters
    assert counts.get("macs_bf16", 0) == 5 * (naive.newton_schulz(shape) if optimiser == "muon" else 0)
    matrices = shape.layers * shape.layer_weights if optimiser == "muon" else 0
    assert counts["macs_fp32"] == 5 * (5 * matrices + 10 * (shape.parameters - matrices))


# the model


@needs_torch
def test_weights_are_those_of_the_shape(learned):
    assert sum(value.numel() for value in learned.weights.values()) == learned.shape.parameters
    assert learned.stored_bytes() == 4 * learned.shape.parameters
    assert learned.active_bytes() > learned.stored_bytes()


@needs_torch
def test_it_learns_and_the_seed_decides(learned):
    text = rhyme(200, seed=1)
    reading = learned.read(text, streaming=False)
    assert reading.bits_per_character < 2.2 < np.log2(SYMBOLS) and reading.accuracy > 0.6
    again = Transformer(recipe=RECIPE, **SMALL)
    again.learn(rhyme(400), SYMBOLS)
    assert np.array_equal(again.read(text, streaming=False).bits, reading.bits)
    assert np.array_equal(learned.read(text, streaming=False).bits, reading.bits)  # no trace
    assert again.passes == 30 * 4 * 16 / 400


@needs_torch
@pytest.mark.parametrize("size", [1, 5, 8, 9, 40])
@pytest.mark.parametrize("stride", [3, 8])
def test_each_character_is_predicted_from_its_own_window(learned, size, stride):
    import torch

    text, before = rhyme(size, seed=2), rhyme(400)
    model = Transformer(recipe=RECIPE, **SMALL, stride=stride, segment=1)
    model.adopt(learned.weights, before, SYMBOLS, learned.learning)
    reading = model.read(text, streaming=False)
    assert reading.bits.shape == reading.hits.shape == (size,)
    full = np.concatenate((before, text))
    for t in range(size):
        end = min(size, (t // stride + 1) * stride)  # of its window
        window = full[len(before) + end - 17 : len(before) + t]
        assert len(window) >= 16 - stride + 1
        with torch.no_grad():
            logits = decoder.forward(
                model.weights, model.shape, torch.from_numpy(window[None]), decoder.Floats(), keep=1
            )
        chances = torch.softmax(logits[0, 0], -1).numpy()
        assert reading.bits[t] == pytest.approx(-np.log2(chances[text[t]]), abs=1e-3)


@needs_torch
@pytest.mark.parametrize("kind", [Transformer, quantised.Int8Transformer, quantised.TernaryTransformer])
def test_a_cache_gives_what_the_whole_forward_pass_gives(learned, kind):
    import torch

    model = kind(recipe=RECIPE, **SMALL).adopt(learned.weights, rhyme(400), SYMBOLS, learned.learning)
    text = torch.from_numpy(rhyme(12, seed=3))[None]
    arithmetic, cache = model.arithmetic(), []
    with torch.no_grad():
        whole = decoder.forward(model.weights, model.shape, text, arithmetic)
        pieces = [text[:, :5], *text[:, 5:].split(1, 1)]
        parts = [
            decoder.forward(model.weights, model.shape, piece, arithmetic, cache=cache) for piece in pieces
        ]
    assert torch.allclose(torch.cat(parts, 1), whole, atol=1e-4)
    made, _ = model.generate(text[0].numpy(), 20, batch=2)
    known = text[0].tolist()
    for _ in range(20):  # the same without a cache: windows that begin where the cache began
        past = len(known) - 12
        start = 0 if past < 5 else 8 * ((past - 5) // 8) + 8 + 1
        with torch.no_grad():
            logits = decoder.forward(
                model.weights, model.shape, torch.tensor([known[start:]]), arithmetic, keep=1
            )
        known.append(int(logits.argmax(-1)))
    assert made[0].tolist() == made[1].tolist() == known[12:]


@needs_torch
def test_streaming_without_a_step_is_frozen_and_with_one_learns(learned):
    text = (rhyme(300, seed=4) * 3) % SYMBOLS  # steps of three: another language
    same = Transformer(recipe=RECIPE, **SMALL, segment=8, step=0.0)
    same.adopt(learned.weights, rhyme(400), SYMBOLS, learned.learning)
    frozen = same.read(text, streaming=False)
    assert np.allclose(same.read(text, streaming=True).bits, frozen.bits, atol=1e-4)
    model = Transformer(recipe=RECIPE, **SMALL, segment=4, step=1e-3, pull=1e-3)
    model.adopt(learned.weights, rhyme(400), SYMBOLS, learned.learning)
    reading = model.read(text, streaming=True)
    assert reading.bits_per_character < frozen.bits_per_character - 0.3
    assert model.read(text, streaming=False).bits_per_character < frozen.bits_per_character - 0.3
    assert reading.counts["weight_updates"] == 75 * model.shape.parameters
    wild = Transformer(recipe=RECIPE, **SMALL, segment=4, step=10.0)
    wild.adopt(learned.weights, rhyme(400), SYMBOLS, learned.learning)
    with pytest.raises(ValueError, match="step must be small enough"):
        wild.read(text, streaming=True)
    assert np.array_equal(wild.read(text, streaming=False).bits, frozen.bits)


@needs_torch
def test_integers_are_multiplied_exactly(learned):
    import torch

    x = np.random.default_rng(0).normal(size=(7, 16)).astype(np.float32)
    weight = learned.weights["0.up"]
    whole, scale = quantising.int8_rows(x)
    rows, scales = quantising.int8_rows(weight.numpy())
    expected = quantising.product_int8(whole, rows).astype(np.float32) * scale * scales[:, 0]
    assert np.array_equal(quantised.Int8s().layer(torch.from_numpy(x), weight).numpy(), expected)
    three, by = quantising.ternary(weight.numpy())
    expected = quantising.product_by_adds(whole, three)[0].astype(np.float32) * scale * by
    found = quantised.Ternaries().layer(torch.from_numpy(x), weight).numpy()
    assert np.allclose(found, expected, rtol=1e-6)
    wide = torch.full((1, 2000), 127.0)
    assert float(quantised._product(torch, wide, wide.T)) == 2000 * 127**2


@needs_torch
def test_the_twins_store_less_and_read_nearly_as_well(learned):
    text = rhyme(300, seed=5)
    exact = learned.read(text, streaming=False).bits_per_character
    eight = quantised.Int8Transformer(recipe=RECIPE, **SMALL)
    eight.adopt(learned.weights, rhyme(400), SYMBOLS, learned.learning)
    reading = eight.read(text, streaming=False)
    assert reading.bits_per_character == pytest.approx(exact, abs=0.05)
    assert set(reading.counts) & {"macs_fp32", "macs_int8"} == {"macs_int8"}
    assert sum(values.nbytes + scale.nbytes for values, scale in eight.integers().values()) + 5 * 16 * 4 == (
        eight.stored_bytes()
    )
    three = quantised.TernaryTransformer(recipe=RECIPE, **SMALL)
    three.learn(rhyme(400), SYMBOLS)
    reading = three.read(text, streaming=False)
    assert reading.bits_per_character < 2.8 and reading.counts["adds_int32"] > 0
    assert three.stored_bytes() < eight.stored_bytes() < learned.stored_bytes() / 3
    assert 0 < three.nonzero() < 1
    for name, (packed, _) in three.packed().items():
        shape = tuple(three.weights[name].shape)
        expected = quantising.ternary(three.weights[name].numpy())[0]
        assert np.array_equal(quantising.unpacked_ternary(packed, shape), expected)


@needs_torch
def test_lesions_take_the_share_they_are_given(learned):
    whole = {name: value + 1.0 for name, value in learned.weights.items()}
    whole = {name: value.abs() + 0.1 for name, value in whole.items()}
    harmed = lesions.without_weights(whole, 0.25, rng=0)
    names = [*decoder.matrices(whole), "embedding"]
    dead = sum(int((harmed[name] == 0).sum()) for name in names)
    assert dead == round(0.25 * sum(whole[name].numel() for name in names))
    assert bool((harmed["norm"] == whole["norm"]).all())
    harmed = lesions.without_neurons(whole, 0.5, rng=0)
    for layer in range(2):
        silent = (harmed[f"{layer}.up"] == 0).all(1)
        assert int(silent.sum()) == 12 and bool(((harmed[f"{layer}.down"] == 0).all(0) == silent).all())
    same, none = lesions.with_flipped_bits(whole, 0.0, rng=0)
    assert none == 0
    harmed, count = lesions.with_flipped_bits(whole, 0.02, rng=0)
    changed = sum(int((harmed[name] != same[name]).sum()) for name in names)
    assert 0 < changed <= count
    again, _ = lesions.with_flipped_bits(whole, 0.02, rng=0)
    assert all(bool((harmed[name] == again[name]).all()) for name in names)


@needs_torch
def test_training_goes_on_from_given_weights(learned):
    other = (rhyme(400, seed=6) * 3) % SYMBOLS
    model = Transformer(recipe=RECIPE, **SMALL).adopt(learned.weights, rhyme(400), SYMBOLS, learned.learning)
    before = model.read(other[:200], streaming=False).bits_per_character
    model.continue_on(other)
    assert model.read(other[:200], streaming=False).bits_per_character < before - 0.5
    with pytest.raises(ValueError, match="weights must be"):
        model.adopt({"norm": learned.weights["norm"]}, other, SYMBOLS, learned.learning)


@needs_torch
@pytest.mark.parametrize("optimiser", ["adamw", "muon"])
def test_both_optimisers_and_half_precision_learn(optimiser):
    recipe = Recipe(steps=40, batch=4, context=16, optimiser=optimiser)
    shape = Shape(1, 16, 1, hidden=24, vocabulary=SYMBOLS, activation="relu", tied=True)
    done = fit(shape, rhyme(400), recipe, decoder.Floats(half=True))
    assert done.bits < 2.9 and done.seconds > 0


@needs_torch
def test_the_driver_writes_parts_and_goes_on(tmp_path, monkeypatch, capsys):
    monkeypatch.syspath_prepend(str(Path(__file__).resolve().parent.parent / "benchmarks"))
    driver = importlib.import_module("language_dense")
    monkeypatch.setitem(
        driver.PRESETS, 0.01, {"layers": 1, "dim": 16, "heads": 1, "hidden": 16, "context": 16, "batch": 2}
    )
    monkeypatch.setattr(driver, "SHARES", (0.5,))
    monkeypatch.setattr(driver, "RATES", (0.01,))
    monkeypatch.setattr(driver, "SEEDS", 2)
    arguments = ["language_dense", "--budget", "0.02", "--limit", "300", "--out", str(tmp_path)]
    parts = [word for part in ("frozen", "int8", "speed", "lesions") for word in ("--part", part)]
    monkeypatch.setattr(sys, "argv", [*arguments, "--threads", "1", *parts])
    driver.main()
    file = tmp_path / "dense-0.02s.json"
    held = file.read_bytes()
    found = driver.json.loads(held)
    assert found["frozen"]["characters"] == 300 and 0 < found["frozen"]["bits_per_character"] < 8
    assert found["int8"]["stored_bytes"] < found["train"]["stored_bytes"]
    assert len(found["lesions"]["weights"][0]["bits_per_character"]) == 2
    assert "0.02" in capsys.readouterr().out
    driver.main()
    assert file.read_bytes() == held  # nothing is done twice
    monkeypatch.setattr(sys, "argv", [*arguments, "--threads", "1", "--seed", "1", *parts])
    with pytest.raises(SystemExit, match="was made otherwise"):
        driver.main()
