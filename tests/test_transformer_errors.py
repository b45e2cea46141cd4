"""Bad input to a Spiking HD-Transformer: the message begins with the argument's name, and the model is as it was."""

import json
import re
from dataclasses import replace

import numpy as np
import pytest

from hdspike.transformer import HEADS, Head, Settings, SpikingTransformer, model
from hdspike.transformer.codes import items
from tests.tiny_transformers import SMALL, arrays, changed, same, suffixes

NAN, INF = float("nan"), float("inf")
HEAD = {"kind": "suffix", "reach": 2, "layer": 1, "rows": 1, "fan_out": 1}


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"kind": "content"}, ValueError, "kind must be one of suffix, words, got 'content'"),
        ({"kind": None}, ValueError, "kind must be one of"),
        ({"layer": 0}, ValueError, "layer must be at least 1, got 0"),
        ({"layer": 17}, ValueError, "layer must be at most 16, got 17"),
        ({"layer": 1.0}, TypeError, "layer must be an integer"),
        ({"reach": 0}, ValueError, "reach must be at least 1"),
        ({"reach": 3}, ValueError, "reach must be at most 2, got 3"),
        ({"reach": "2"}, TypeError, "reach must be an integer"),
        ({"rows": 0}, ValueError, "rows must be at least 1"),
        ({"rows": 4097}, ValueError, "rows must be at most 4096"),
        ({"rows": NAN}, TypeError, "rows must be an integer"),
        ({"fan_out": 0}, ValueError, "fan_out must be at least 1"),
        ({"fan_out": 65537}, ValueError, "fan_out must be at most 65536"),
        ({"fan_out": True}, TypeError, "fan_out must be an integer"),
    ],
)
def test_heads(change, error, message) -> None:
    with pytest.raises(error) as caught:
        Head(**HEAD | change)
    assert str(caught.value).startswith(message)


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"lines": 3}, ValueError, "lines must be a power of two, got 3"),
        ({"lines": 1}, ValueError, "lines must be at least 2"),
        ({"lines": 1 << 17}, ValueError, "lines must be at most 65536"),
        ({"lines": 4.0}, TypeError, "lines must be an integer"),
        ({"synapses": 0}, ValueError, "synapses must be at least 1"),
        ({"synapses": 9}, ValueError, "synapses must be at most 8"),
        ({"threshold": 0}, ValueError, "threshold must be at least 1"),
        ({"threshold": 3}, ValueError, "threshold must be at most 2, got 3"),
        ({"heads": ()}, ValueError, "heads must be at least 1, got 0"),
        ({"heads": 5}, TypeError, "heads must be a tuple of Head, got 5"),
        ({"heads": Head(**HEAD)}, TypeError, "heads must be a tuple of Head"),
        ({"heads": (HEAD,)}, TypeError, "heads must be a tuple of Head"),
        (
            {"heads": suffixes(3, 2)},
            ValueError,
            "heads must be in the order of their layers, got layers [2, 1]",
        ),
        ({"heads": suffixes(*[1] * 65)}, ValueError, "heads must be at most 64, got 65"),
        ({"window": 0}, ValueError, "window must be at least 1"),
        ({"window": 1 << 27}, ValueError, "window must be at most"),
        ({"window": INF}, TypeError, "window must be an integer"),
        ({"winners": 0}, ValueError, "winners must be at least 1"),
        ({"winners": 1 << 16}, ValueError, "winners must be at most 32768"),
        ({"delay": 0}, ValueError, "delay must be at least 1"),
        ({"delay": 65, "window": 64}, ValueError, "delay must be at most 64, got 65"),
        ({"memories": "none"}, ValueError, "memories must be one of both, window, lifetime"),
        ({"decay": -1}, ValueError, "decay must be at least 0"),
        ({"decay": 31}, ValueError, "decay must be at most 30"),
        ({"totals": 0}, ValueError, "totals must be at least 1"),
        ({"distincts": 33}, ValueError, "distincts must be at most 32"),
        ({"longer": 0}, ValueError, "longer must be at least 1"),
        ({"ranks": 1.5}, TypeError, "ranks must be an integer"),
        ({"rate": -1}, ValueError, "rate must be at least 0"),
        ({"rate": 65537}, ValueError, "rate must be at most 65536"),
        ({"floor": 4097}, ValueError, "floor must be at most 4096, got 4097"),
        ({"seed": -1}, ValueError, "seed must be at least 0"),
        ({"seed": 2**63}, ValueError, "seed must be at most"),
        ({"seed": None}, TypeError, "seed must be an integer"),
    ],
)
def test_settings(change, error, message) -> None:
    with pytest.raises(error) as caught:
        Settings(**change)
    assert str(caught.value).startswith(message)


def test_settings_go_through_json() -> None:
    for config in (Settings(), SMALL, Settings(threshold=1, delay=7, heads=HEADS[:2])):
        assert Settings.from_json(json.loads(json.dumps(config.as_json()))) == config


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (None, "settings must name exactly"),
        ([], "settings must name exactly"),
        ({"more": 1}, "settings must name exactly"),
        ({"heads": 5}, "settings must describe a model: "),
        ({"heads": [5]}, "settings must describe a model: "),
        ({"heads": [{"kind": "suffix"}]}, "settings must describe a model: "),
        ({"heads": [HEAD | {"more": 1}]}, "settings must describe a model: "),
        ({"heads": [HEAD | {"reach": 9}]}, "reach must be at most 2"),
        ({"lines": "8"}, "settings must describe a model: lines must be an integer"),
        ({"lines": 6}, "lines must be a power of two"),
    ],
)
def test_settings_of_a_file(change, message) -> None:
    given = SMALL.as_json() | change if isinstance(change, dict) else change
    with pytest.raises(ValueError, match=f"^{re.escape(message)}"):
        Settings.from_json(given)


def test_settings_with_a_name_missing() -> None:
    given = SMALL.as_json()
    del given["rate"]
    with pytest.raises(ValueError, match=r"^settings must name exactly .*rate"):
        Settings.from_json(given)


@pytest.mark.parametrize(
    ("given", "error", "message"),
    [
        (("",), ValueError, "symbols must be different characters, at least one, got ''"),
        (("aba",), ValueError, "symbols must be different characters"),
        ((b"ab",), TypeError, "symbols must be a str, not bytes"),
        ((None,), TypeError, "symbols must be a str"),
        (
            ("abc", replace(SMALL, lines=2)),
            ValueError,
            "lines must be at least the number of symbols, 3, got 2",
        ),
        (("abc", SMALL.as_json()), TypeError, "settings must be Settings or None, not dict"),
    ],
)
def test_models(given, error, message) -> None:
    with pytest.raises(error) as caught:
        SpikingTransformer(*given)
    assert str(caught.value).startswith(message)


def test_items() -> None:
    with pytest.raises(ValueError, match=r"^symbols must be at least 1, got 0"):
        items(0, SMALL)


@pytest.fixture(scope="module")
def made() -> SpikingTransformer:
    found = SpikingTransformer("abc", SMALL)
    found.learn("abcab" * 6)
    return found


TEXTS = [
    ("abd\0", ValueError, "{} must consist of the 3 symbols that the model knows, it has '\\x00d'"),
    ([0, 3], ValueError, "{} must be numbers of symbols in [0, 3), got 0 … 3"),
    ([-1], ValueError, "{} must be numbers of symbols in [0, 3), got -1 … -1"),
    (np.array([2**63], dtype=np.uint64), ValueError, "{} must fit int64"),
    ([[0]], ValueError, "{} must have 1 dimension(s)"),
    (0, ValueError, "{} must have 1 dimension(s)"),
    ([0.0], TypeError, "{} must have dtype int64"),
    ([NAN], TypeError, "{} must have dtype int64"),
    (["a"], TypeError, "{} must have dtype int64"),
    (b"ab", TypeError, "{} must have dtype int64"),
]


USES = {
    "learn": lambda made, text: made.learn(text),
    "read": lambda made, text: made.read(text),
    "streaming": lambda made, text: made.read(text, streaming=True),
    "prompt": lambda made, text: made.generate(3, prompt=text),
}


@pytest.mark.parametrize(
    ("use", "text", "error", "message"),
    [
        *((use, *row) for use in USES for row in TEXTS),
        *((use, None, TypeError, "{} must have dtype int64") for use in USES if use != "prompt"),
    ],
)
def test_texts(use, text, error, message, made) -> None:
    before = arrays(made)
    with pytest.raises(error) as caught:
        USES[use](made, text)
    assert str(caught.value).startswith(message.format("prompt" if use == "prompt" else "text"))
    assert changed(before, arrays(made)) == []


@pytest.mark.parametrize(
    ("given", "error", "message"),
    [
        ({"length": -1}, ValueError, "length must be at least 0, got -1"),
        ({"length": 2.0}, TypeError, "length must be an integer"),
        ({"length": None}, TypeError, "length must be an integer"),
        ({"prompt": ""}, ValueError, "prompt must have at least one symbol, it is empty"),
        ({"prompt": []}, ValueError, "prompt must have at least one symbol, it is empty"),
        ({"temperature": NAN}, ValueError, "temperature must be at least 0 and finite, got nan"),
        ({"temperature": INF}, ValueError, "temperature must be at least 0 and finite, got inf"),
        ({"temperature": -0.1}, ValueError, "temperature must be at least 0 and finite, got -0.1"),
        ({"temperature": "1"}, TypeError, "temperature must be a number, not str"),
        ({"temperature": None}, TypeError, "temperature must be a number, not NoneType"),
        ({"rng": -1}, ValueError, "rng must be a seed of at least 0, got -1"),
        ({"rng": "seed"}, TypeError, "rng must be a numpy Generator"),
    ],
)
def test_generating(given, error, message, made) -> None:
    before = arrays(made)
    with pytest.raises(error) as caught:
        made.generate(**{"length": 3} | given)
    assert str(caught.value).startswith(message)
    assert changed(before, arrays(made)) == []


@pytest.mark.parametrize("temperature", [5e-324, 1e-300, 1e300])
def test_any_finite_temperature_generates(temperature, made) -> None:
    assert len(made.generate(3, rng=0, temperature=temperature)) == 3


def test_a_life_has_an_end(made) -> None:
    """Positions are 32-bit: a text that would pass the last is refused whole."""
    old = made.copy()
    old.read_so_far = model.LAST - 3
    twin = old.copy()
    for use in (old.learn, old.read, lambda text: old.generate(1, prompt=text)):
        with pytest.raises(
            ValueError, match=rf"^text must end within {model.LAST} symbols of a model's life"
        ):
            use("abca")
    assert same(old, twin)
