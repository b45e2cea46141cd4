"""`hdspike attend` over a tiny random model: its numbers beside slow twins, its errors in one line."""

import dataclasses
import doctest
import json
import math
import random
import re
import sys

import jsonschema
import numpy as np
import pytest

pytest.importorskip("gguf")
pytest.importorskip("tokenizers")

from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from hdspike import cli, substrate
from hdspike.datasets import text
from hdspike.dense import searched, winners
from hdspike.models import KWTA, LlamaFile, paired, rules, softmax
from hdspike.models.paired import BLOCK, WINDOWS, perplexity_ratio
from hdspike.workloads import attend, attend_bill
from tests.naive import attend as slow
from tests.naive import models as naive
from tests.tiny_models import LLAMA, llama_weights, write_llama

SIZES = {key: LLAMA[key] for key in ("layers", "heads", "key_heads", "epsilon", "base")}
LAYERS_AND_HEADS = LLAMA["layers"] * LLAMA["key_heads"]
NUMBER, SHARE = {"type": "number", "exclusiveMinimum": 0}, {"type": "number", "minimum": 0, "maximum": 1}
BILL = {
    "type": "object",
    "required": ["label", "substrate", "ledger", "node", "low", "nominal", "high", "sources", "notes", "per", "counts"],
    "properties": {
        "low": NUMBER, "nominal": NUMBER, "high": NUMBER, "per": {"const": "token"}, "ledger": {"const": "circuit"},
        "sources": {"type": "array", "minItems": 1, "items": {"type": "string", "minLength": 5}},
        "counts": {"type": "object", "additionalProperties": NUMBER},
    },
}  # fmt: skip
SCHEMA = {
    "type": "object",
    "additionalProperties": False,
    "properties": {
        "model": {"type": "object", "required": ["name", "file", "parameters", "layers", "heads", "head_dim"]},
        "text": {"type": "string"}, "what": {"type": "string"}, "select": {"enum": list(rules.RULES)},
        "context": {"type": "integer"}, "windows": {"type": "integer"}, "tokens_judged": {"type": "integer"},
        "options": {"type": "object", "additionalProperties": {"type": ["number", "string"]}},
        "learned_from": {"type": ["string", "null"]}, "seed": {"type": "integer"},
        "perplexity": NUMBER, "perplexity_softmax": NUMBER,
        "ratio": {
            "type": "object",
            "required": ["value", "low", "high", "confidence", "units", "count"],
            "properties": {"value": NUMBER, "units": {"enum": ["windows", "blocks"]}},
        },
        "captured_mass": SHARE, "nonzero_fraction": SHARE, "touched_fraction": SHARE,
        "synaptic_events_per_query_key": {"type": ["number", "null"]},
        "energy": {
            "type": "object",
            "required": ["what", "keys", "substrate", "ledger", "node", "bills"],
            "properties": {"bills": {"type": "object", "minProperties": 2, "additionalProperties": BILL}},
        },
        "seconds": {"type": "object", "additionalProperties": {"type": "number", "minimum": 0}},
        "versions": {"type": "object", "required": ["hdspike", "python", "numpy", "gguf"]},
    },
}  # fmt: skip
SCHEMA["required"] = list(SCHEMA["properties"])


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A folder with ``tiny.gguf`` and a text of 400 characters that are a token each."""
    folder = tmp_path_factory.mktemp("attend")
    write_llama(folder / "tiny.gguf", llama_weights(np.random.default_rng(0)))
    drawn = random.Random(0).choices("abcdef ghijk.", k=400)
    (folder / "text.txt").write_text("".join(drawn), encoding="utf-8")
    (folder / "short.txt").write_text("abc", encoding="utf-8")
    (folder / "cut.gguf").write_bytes((folder / "tiny.gguf").read_bytes()[:3000])
    return folder


@pytest.fixture
def call(place, capsys, monkeypatch):
    """(exit code, standard output, standard error) of one command; ``{d}`` is the folder."""
    monkeypatch.setenv("COLUMNS", "118")

    def run(*arguments):
        given = [str(a).format(d=place) for a in arguments]
        for name, default in (("--model", "tiny.gguf"), ("--text", "text.txt")):
            if name not in given:
                given += [name, str(place / default)]
        code = 0
        try:
            cli.main(["attend", *given])
        except SystemExit as stop:
            code = stop.code
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    return run


def test_the_numbers_are_those_of_the_twins(call, place):
    asked = ("--winners", "25%", "--sinks", 1, "--context", 24, "--windows", 3, "--json", "-")
    code, out, error = call(*asked)
    assert (code, error) == (0, "")
    found = json.loads(out)
    jsonschema.validate(found, SCHEMA)

    weights = llama_weights(np.random.default_rng(0))
    text = (place / "text.txt").read_text(encoding="utf-8")
    tokens = LlamaFile(place / "tiny.gguf").tokenizer().encode(text).ids[: 3 * 24]
    losses: dict[str, list[list[float]]] = {"softmax": [], "kwta": []}
    for start in (0, 24, 48):
        window = tokens[start : start + 24]
        for name, more in {
            "softmax": {},
            "kwta": {"keep": lambda s: naive.winners(s, 1, 0, 6)},
        }.items():
            logits = naive.llama(weights, window, **SIZES, **more)
            losses[name].append(list(naive.losses(logits, window)[11:]))
    for key, name in (("perplexity_softmax", "softmax"), ("perplexity", "kwta")):
        assert found[key] == pytest.approx(math.exp(np.mean(losses[name])), rel=1e-3)
    assert found["ratio"]["value"] == pytest.approx(found["perplexity"] / found["perplexity_softmax"])
    assert found["ratio"]["low"] < found["ratio"]["value"] < found["ratio"]["high"]
    assert (found["ratio"]["units"], found["ratio"]["count"]) == ("blocks", 3)
    assert found["tokens_judged"] == 3 * 12
    assert found["options"] == {"winners": 6, "sinks": 1, "recent": 0}  # a share of the context
    assert found["nonzero_fraction"] == pytest.approx(12 * 6 / sum(range(13, 25)))
    assert found["nonzero_fraction"] < found["captured_mass"] < 1
    assert found["touched_fraction"] == 1
    assert found["synaptic_events_per_query_key"] is None  # no spikes: not a count of zero

    again = json.loads(call(*asked)[1])
    assert {k: v for k, v in again.items() if k != "seconds"} == {
        k: v for k, v in found.items() if k != "seconds"
    }


def test_softmax_by_itself_is_its_own_reference(call):
    found = json.loads(call("--select", "softmax", "--context", 40, "--windows", 2, "--json", "-")[1])
    jsonschema.validate(found, SCHEMA)
    assert found["perplexity"] == found["perplexity_softmax"]
    assert [found["ratio"][name] for name in ("value", "low", "high")] == [1, 1, 1]
    assert [found[name] for name in ("captured_mass", "nonzero_fraction", "touched_fraction")] == [1, 1, 1]
    assert found["options"] == {}
    assert set(found["energy"]["bills"]) == {"softmax_bf16", "softmax_int8"}


def test_all_keys_as_winners_are_softmax(call):
    found = json.loads(call("--winners", "100%", "--context", 16, "--json", "-")[1])
    assert found["ratio"]["value"] == pytest.approx(1, abs=1e-5)
    assert found["captured_mass"] == pytest.approx(1, abs=1e-5)
    assert (found["windows"], found["ratio"]["units"]) == (8, "windows")  # left open: eight at most


@pytest.fixture(scope="module")
def other(place):
    """A longer text, to learn from."""
    drawn = random.Random(1).choices("abcdef ghijk.", k=12_000)
    (place / "other.txt").write_text("".join(drawn), encoding="utf-8")
    return place / "other.txt"


def test_signs_with_many_candidates_find_the_exact_winners(call, other):
    asked = ("--winners", 4, "--sinks", 1, "--context", 24, "--windows", 2, "--json", "-")
    exact = json.loads(call(*asked)[1])
    learned = ("--select", "signs", "--bits", 65, "--learn-from", other)
    found = json.loads(call(*learned, "--candidates", 24, *asked)[1])
    jsonschema.validate(found, SCHEMA)
    options = {"winners": 4, "sinks": 1, "recent": 0, "bits": 65, "candidates": 24, "weights": "softmax"}
    assert found["options"] == options
    assert found["perplexity"] == pytest.approx(exact["perplexity"], rel=1e-5)
    assert found["captured_mass"] == pytest.approx(exact["captured_mass"], rel=1e-5)
    few = json.loads(call(*learned, "--candidates", 1, *asked)[1])
    assert few["captured_mass"] < found["captured_mass"]


def test_bundles_learn_from_another_text(call, other):
    asked = ("--winners", 5, "--context", 24, "--windows", 2, "--json", "-")
    more = ("--select", "bundles", "--bundles", 3, "--learn-from", other)
    found = json.loads(call(*more, *asked)[1])
    jsonschema.validate(found, SCHEMA)
    assert found["options"] == {"winners": 5, "sinks": 0, "recent": 0, "bundles": 3}
    assert found["learned_from"] == "other.txt"
    assert set(found["energy"]["bills"]) == {
        f"{a}_{b}" for a in ("softmax", "bundles") for b in ("bf16", "int8")
    }
    assert found["nonzero_fraction"] <= 12 * 5 / sum(range(13, 25)) + 1e-9  # bundles are cells too
    again = json.loads(call(*more, *asked)[1])
    assert again["perplexity"] == found["perplexity"]
    exact = json.loads(call("--winners", 2, *asked[2:])[1])
    assert found["captured_mass"] == pytest.approx(exact["captured_mass"], abs=0.1)
    assert abs(math.log(found["ratio"]["value"])) < abs(math.log(exact["ratio"]["value"]))


def test_events_with_many_candidates_find_the_exact_winners(call, place, other):
    asked = ("--winners", 4, "--sinks", 1, "--context", 24, "--windows", 2, "--json", "-")
    exact = json.loads(call(*asked)[1])
    learned = ("--code", "events", "--blocks", 2, "--lines", 9, "--learn-from", other)
    found = json.loads(call(*learned, "--candidates", 24, "--events", 0.75, *asked)[1])
    jsonschema.validate(found, SCHEMA)
    options = {"winners": 4, "sinks": 1, "recent": 0, "blocks": 2, "lines": 9, "events": 0.75}
    assert found["options"] == options | {"candidates": 24, "weights": "softmax"}
    assert (found["select"], found["learned_from"]) == ("events", "other.txt")
    assert found["perplexity"] == pytest.approx(exact["perplexity"], rel=1e-5)
    assert 0 < found["synaptic_events_per_query_key"] <= 0.75 and found["touched_fraction"] == 1
    few = json.loads(call(*learned, "--candidates", 1, *asked)[1])
    assert few["captured_mass"] < found["captured_mass"] and few["touched_fraction"] < 1
    ranked = ("--select", "events", *learned[2:], "--weights", "rank", *asked[:-1], "{d}/ranked.json")
    code, out, _ = call(*ranked)
    assert code == 0 and "rank weights" in " ".join(out.split()) and "synaptic events" in out
    ranked = json.loads((place / "ranked.json").read_text(encoding="utf-8"))
    assert ranked["captured_mass"] < found["captured_mass"] and ranked["perplexity"] != few["perplexity"]


def test_events_find_winners_beside_bundles(call, other):
    asked = ("--winners", 5, "--context", 24, "--windows", 2, "--json", "-")
    more = ("--select", "bundles", "--bundles", 3, "--learn-from", other)
    exact = json.loads(call(*more, *asked)[1])
    found = json.loads(call(*more, "--code", "events", "--lines", 9, "--candidates", 24, *asked)[1])
    jsonschema.validate(found, SCHEMA)
    assert found["select"] == "event-bundles"
    assert found["perplexity"] == pytest.approx(exact["perplexity"], rel=1e-4)  # every key a candidate
    assert found["nonzero_fraction"] == exact["nonzero_fraction"]
    assert set(found["energy"]["bills"]) == {
        f"{a}_{b}" for a in ("softmax", "event-bundles") for b in ("bf16", "int8")
    }


def test_rules_by_what_is_read_and_what_finds_it():
    assert [rules.named("kwta", code) for code in (None, "exact", "signs", "events")] == [
        "kwta", "kwta", "signs", "events"
    ]  # fmt: skip
    assert set(rules.NAMES.values()) == set(rules.RULES) and doctest.testmod(rules).failed == 0


def test_tables_and_a_file(call, place):
    """One ledger on the screen, every source cited; the file says the same."""
    code, out, _ = call("--winners", 3, "--context", 16, "--windows", 1, "--json", "{d}/out.json")
    assert code == 0
    assert max(map(len, out.split("[1]")[0].splitlines())) <= 118
    found = json.loads((place / "out.json").read_text(encoding="utf-8"))
    jsonschema.validate(found, SCHEMA)
    assert f"{found['perplexity']:.3f}" in out and f"{found['perplexity_softmax']:.3f}" in out
    assert "no interval from one observation" not in out or found["ratio"]["low"] is None
    assert "none: no spikes here" in out
    flat = " ".join(out.split())
    for bill in found["energy"]["bills"].values():
        for source in bill["sources"]:
            assert " ".join(source.split()) in flat
        assert bill["low"] <= bill["nominal"] < bill["high"]


def test_the_bill_is_counts_times_constants_in_one_ledger(place):
    shape, options = LlamaFile(place / "tiny.gguf").shape, rules.Options(winners=41)
    found = attend_bill.bills(shape, "kwta", options, 4096, substrate.load("a100-circuit"))
    assert set(found["bills"]) == {"softmax_bf16", "softmax_int8", "kwta_bf16", "kwta_int8"}
    assert {(bill["ledger"], bill["node"]) for bill in found["bills"].values()} == {("circuit", "7 nm")}
    chip = substrate.load("a100-circuit")
    group = LLAMA["heads"] // LLAMA["key_heads"]
    one = slow.winners_attention(4096, 8, 8, 41, "int8", group, 1, True)
    wanted = {name: total * LAYERS_AND_HEADS for name, total in one.items()}
    assert found["bills"]["kwta_int8"]["counts"] == wanted
    joules = sum(chip.si(f"energy.{name}") * much for name, much in wanted.items())
    assert found["bills"]["kwta_int8"]["nominal"] == pytest.approx(joules, rel=1e-5)
    for precision in attend_bill.PRECISIONS:
        dense, spiking = (found["bills"][f"{name}_{precision}"]["nominal"] for name in ("softmax", "kwta"))
        assert dense / 2 < spiking < dense
    same = ("int8", group, 1, True)
    for name, one in {
        "bundles": slow.bundled_attention(4096, 8, 8, 25, 16, *same),
        "signs": slow.coded_attention(4096, 8, 8, 41, 1024, 164, *same),
        "events": slow.event_attention(4096, 8, 8, 41, 4, 256, 0.5, 164, *same),
        "event-bundles": slow.with_bundles(
            slow.event_attention(4096, 8, 8, 25, 4, 256, 0.5, 100, *same), 4096, 8, 8, 25, 16, *same[:3]
        ),
    }.items():
        other = attend_bill.bills(shape, name, options, 4096, substrate.load("a100-circuit"))["bills"]
        wanted = {counter: total * LAYERS_AND_HEADS for counter, total in one.items()}
        assert other[f"{name}_int8"]["counts"] == wanted
        assert other["softmax_int8"] == found["bills"]["softmax_int8"]
    ranked = dataclasses.replace(options, weights="rank")  # the code alone weighs the winners: no key is read
    other = attend_bill.bills(shape, "events", ranked, 4096, substrate.load("a100-circuit"))["bills"]
    one = slow.event_attention(4096, 8, 8, 41, 4, 256, 0.5, 41, *same, scored=False)
    assert other["events_int8"]["counts"] == {name: total * LAYERS_AND_HEADS for name, total in one.items()}
    path = attend_bill.bills(shape, "kwta", options, 64, substrate.load("a100-path"))
    assert any("not charged" in note and "adds_int32" in note for note in path["bills"]["kwta_int8"]["notes"])
    assert path["bills"]["kwta_int8"]["label"] == "kwta int8, not all of it priced"
    assert "static" in path["bills"]["softmax_bf16"]["components"]
    board = attend_bill.bills(shape, "softmax", options, 64, substrate.load("a100-board"))
    assert list(board["bills"]["softmax_int8"]["components"]) == ["board"]


def test_counting_ones_takes_time_where_time_is_charged(place):
    shape = dataclasses.replace(LlamaFile(place / "tiny.gguf").shape, heads=64)  # 32 of them share each key
    chip = substrate.load("a100-board")
    found = attend_bill.bills(shape, "signs", rules.Options(winners=41, bits=100_000), 4096, chip)
    bill = found["bills"]["signs_int8"]
    seconds = bill["counts"]["popcounts"] / chip.si("peak.popcounts")
    assert bill["seconds"] == pytest.approx(seconds, rel=1e-5)
    assert bill["nominal"] == pytest.approx(seconds * chip.si("power.board"), rel=1e-5)
    deaf = dataclasses.replace(
        chip, quantities={k: v for k, v in chip.quantities.items() if k != "peak.popcounts"}
    )
    with pytest.raises(ValueError, match=r"chip must state peak.popcounts for codes"):
        attend_bill.bills(shape, "signs", rules.Options(winners=41), 4096, deaf)


BAD = [
    (["--model", "gpt5"], "model must be one of smollm2, or a .gguf file, got 'gpt5'"),
    (["--model", "{d}/missing.gguf"], "path must"),
    (["--model", "{d}/cut.gguf"], "path must"),
    (["--text", "{d}/short.txt"], r"text must be at least 1 window\(s\) of 16 tokens, short.txt has 3"),
    (["--windows", "30"], r"text must be at least 30 window\(s\) of 16 tokens, text.txt has \d+"),
    (["--windows", "0"], "windows must be at least 1"),
    (["--text", "{d}/nothing.txt"], "text must be an existing file"),
    (["--select", "magic"], "select must be one of softmax, kwta"),
    (["--winners", "17"], "winners must be at least 1 and at most the number of keys, 16, got 17"),
    (["--winners", "0"], "winners must be at least 1"),
    (["--winners", "101%"], "winners must be above 0% and at most 100%"),
    (["--winners", "few"], "winners must be a count"),
    (["--winners", ""], "winners must be a count"),
    (["--select", "signs", "--weights", ""], "weights must be one of softmax, score"),
    (["--select", "softmax", "--winners", "3"], "winners must be left out with select softmax, got 3"),
    (["--select", "softmax", "--recent", "3"], "recent must be left out with select softmax, got 3"),
    (["--bits", "64"], "bits must be left out with select kwta, got 64"),
    (["--learn-from", "{d}/text.txt"], "learn-from must be left out with select kwta"),
    (["--select", "signs", "--bits", "0"], "bits must be at least 1"),
    (["--select", "signs", "--candidates", "0"], "candidates must be at least 1"),
    (["--select", "signs", "--bundles", "2"], "bundles must be left out with select signs, got 2"),
    (["--select", "bundles", "--winners", "4"], "bundles must be at most 256 and fewer than the 4 winners"),
    (["--select", "bundles", "--winners", "4", "--bundles", "0"], "bundles must be at least 1"),
    (
        ["--select", "bundles", "--winners", "4", "--bundles", "2", "--learn-from", "{d}/text.txt"],
        "learn-from must be another text than the one judged",
    ),
    (
        ["--select", "signs", "--learn-from", "{d}/none/../text.txt"],
        "learn-from must be another text than the one judged",
    ),
    (
        ["--select", "bundles", "--winners", "4", "--bundles", "2", "--learn-from", "{d}/short.txt"],
        r"learn-from must be at least 512 window\(s\) of 16 tokens, short.txt has 3",
    ),
    (["--code", "magic"], "code must be one of exact, signs, events"),
    (["--select", "softmax", "--code", "events"], "code must be one of exact with select softmax, got events"),
    (["--select", "bundles", "--code", "signs"], "code must be one of exact, events with select bundles, got signs"),
    (["--select", "signs", "--code", "signs"], "code must be left out with select signs, got signs"),
    (["--code", "events", "--bits", "64"], "bits must be left out with select kwta, code events, got 64"),
    (["--code", "events", "--blocks", "3"], "blocks must divide the 8 numbers of a key of tiny.gguf, got 3"),
    (["--code", "events", "--blocks", "0"], "blocks must be at least 1"),
    (["--code", "events", "--lines", "257"], "lines must be at most 256"),
    (["--code", "events", "--events", "-1"], "events must be at least 0 and below"),
    (["--code", "events", "--events", "nan"], "events must be at least 0 and below"),
    (["--code", "events", "--weights", "heavy"], "weights must be one of softmax, score, rank, count"),
    (["--code", "signs", "--weights", "rank", "--candidates", "4"], "candidates must be left out with weights rank"),
    (["--events", "0.5"], "events must be left out with select kwta, got 0.5"),
    (["--sinks", "-1"], "sinks must be at least 0"),
    (["--winners", "4", "--sinks", "3", "--recent", "2"], "sinks and recent must be at most the 4 winners"),
    (["--context", "3"], "context must be at least 4"),
    (["--context", "65"], "context must be at most the 64 tokens of tiny.gguf, got 65"),
    (["--seed", "-1"], "seed must be at least 0"),
    (["--chip", "abacus"], "chip 'abacus' cannot be used"),
    (["--chip", "loihi"], "chip must price macs_bf16 or macs_int8"),
    (["--json", "{d}/none/x.json"], "json must be a file in an existing folder"),
    (["--json", "{d}"], "json must be a file, it is a folder"),
]  # fmt: skip


@pytest.mark.parametrize(("arguments", "rule"), BAD, ids=[" ".join(a) for a, _ in BAD])
def test_bad_arguments_are_one_line_before_the_work(arguments, rule, call, monkeypatch):
    monkeypatch.setattr(attend, "run", lambda *_, **__: pytest.fail("the work had begun"))
    given = list(arguments) if "--context" in arguments else [*arguments, "--context", "16"]
    code, out, error = call(*given)
    assert (code, out) == (2, "")
    assert error.startswith("hdspike: error: ") and error.count("\n") == 1
    assert re.search(rule, error), error


def test_what_is_not_fetched_names_its_command(call, monkeypatch, tmp_path):
    monkeypatch.setenv("HDSPIKE_DATA", str(tmp_path))
    for asked, name in (
        (["--model", "smollm2"], "smollm2"),
        (["--text", "brown:news", "--context", "16"], "brown"),
    ):
        code, out, error = call(*asked)
        assert (code, out) == (2, "")
        assert f"hdspike data fetch {name}" in error and error.count("\n") == 1


def test_a_missing_extra_is_one_line(call, monkeypatch):
    monkeypatch.setitem(sys.modules, "tokenizers", None)
    code, _, error = call("--context", "16")
    assert code == 2
    assert "hdspike[models]" in error and error.count("\n") == 1


def test_ctrl_c_writes_nothing(call, place, monkeypatch):
    def stop(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr(attend, "second_half", stop)
    code, out, error = call("--context", "16", "--json", "{d}/never.json")
    assert (code, out, error.strip()) == (130, "", "hdspike: interrupted")
    assert not (place / "never.json").exists()


def test_genres_of_brown(call, monkeypatch):
    from hdspike.datasets.prose import Document

    sentence = tuple((letter, "nn") for letter in "abcdefgh")
    some = [Document(f"c{g[0]}01", g, (sentence,) * 9) for g in ("news", "hobbies", "news")]
    monkeypatch.setattr(attend.datasets, "load", lambda name: {"brown": some}[name])
    found = json.loads(call("--text", "brown:news", "--context", "16", "--json", "-")[1])
    assert found["text"] == "brown:news"
    code, _, error = call("--text", "brown:poems", "--context", "16")
    assert code == 2 and "text must be one of brown:hobbies, brown:news, got 'brown:poems'" in error
    learned = ("--select", "events", "--learn-from", "brown:poems", "--text", "brown:news", "--context", "16")
    code, _, error = call(*learned)
    assert code == 2 and "learn-from must be one of brown:hobbies, brown:news, got 'brown:poems'" in error


@given(
    shape=st.tuples(st.sampled_from([1, 2, 7, 8, 9]), st.sampled_from([1, 5, 255, 256, 257, 600])),
    seed=st.integers(0, 99),
)
def test_the_ratio_against_its_twin(shape, seed):
    losses, reference = np.random.default_rng(seed).normal(size=(2, *shape))
    found = perplexity_ratio(losses, reference)
    value, low, high, count = slow.perplexity_ratio(
        losses.tolist(), reference.tolist(), BLOCK, WINDOWS, lambda f: float(stats.t.ppf(0.975, f))
    )
    assert (found.value, found.count) == (pytest.approx(value), count)
    assert found.units == ("windows" if len(losses) >= WINDOWS else "blocks")
    assert (found.low, found.high) == (
        (None, None) if low is None else (pytest.approx(low), pytest.approx(high))
    )


def test_the_ratio_covers_what_it_says():
    """Of 400 intervals at 80 %, about 320 hold the truth."""
    rng = np.random.default_rng(1)
    held = 0
    for _ in range(400):
        found = perplexity_ratio(rng.normal(0.1, 1, size=(8, 20)), np.zeros((8, 20)), confidence=0.8)
        held += found.low <= math.exp(0.1) <= found.high
    assert 290 <= held <= 350


@pytest.mark.parametrize(
    ("losses", "reference", "more", "rule"),
    [
        (np.zeros(3), np.zeros(3), {}, "losses must be"),
        (np.zeros((1, 3)), np.zeros((3, 1)), {}, "losses must be"),
        (np.zeros((0, 3)), np.zeros((0, 3)), {}, "losses must be"),
        (np.full((1, 3), np.nan), np.zeros((1, 3)), {}, "losses must be finite"),
        (np.zeros((1, 3)), np.zeros((1, 3)), {"confidence": 1}, "confidence must be in"),
    ],
)
def test_bad_losses(losses, reference, more, rule):
    with pytest.raises(ValueError, match=rule):
        perplexity_ratio(losses, reference, **more)


def test_the_registry():
    assert rules.rule("softmax").build(rules.Options(), None, None) is softmax
    plug = rules.rule("kwta").build(rules.Options(3, sinks=1, recent=1, counted_from=5), None, None)
    assert isinstance(plug, KWTA) and (plug.sinks, plug.recent, plug.counted_from) == (1, 1, 5)
    assert rules.measured(plug)["captured_mass"] is None  # nothing was counted yet
    with pytest.raises(ValueError, match="select must be one of"):
        rules.rule("hash")
    with pytest.raises(ValueError, match="development must be windows"):
        rules.rule("bundles").build(rules.Options(), None, None)
    with pytest.raises(ValueError, match="development must be windows"):
        rules.rule("signs").build(rules.Options(), None, None)


@pytest.mark.parametrize(
    "module", [paired, rules, searched, text, winners], ids=lambda module: module.__name__
)
def test_examples(module):
    found = doctest.testmod(module)
    assert found.attempted > 0 and found.failed == 0
