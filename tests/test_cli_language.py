"""`hdspike train`, `generate`, `evaluate`: small models of small texts, stopped, resumed, judged; bad input."""

import doctest
import json
import os
import random
import re
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import click
import numba
import numpy as np
import pytest

from hdspike import cli
from hdspike.contestants.interval import interval
from hdspike.transformer import HEADS, Head, Settings
from hdspike.transformer.memory import memory_bytes, stored_bytes
from hdspike.transformer.saved import load_model
from hdspike.writing import commands, evaluate, texts, train

HEADS_SMALL = "suffix:1:1:2:4,suffix:2:1:4:2,words:1:2:2:3"
SETTINGS = {"lines": 16, "window": 50, "winners": 4, "heads": HEADS_SMALL}
SMALL = [word for name, value in SETTINGS.items() for word in (f"--{name}", str(value))]
SIZE = 600


def prose(size: int, seed: int, words: str = "the cat sat on a mat and") -> str:
    return " ".join(random.Random(seed).choices(words.split(), k=size))[:size]


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with two texts, and a model of the one's first 90 %."""
    folder = tmp_path_factory.mktemp("language")
    (folder / "a.txt").write_text(prose(SIZE, 0), encoding="utf-8")
    (folder / "b.txt").write_text(prose(SIZE, 1, "man that tamed the tea and"), encoding="utf-8")
    (folder / "greek.txt").write_text("αβγ" * 100, encoding="utf-8")
    (folder / "empty.txt").write_text("", encoding="utf-8")
    (folder / "one.txt").write_text("x", encoding="utf-8")
    made = train.load(train.Request(out=str(folder / "model"), text=str(folder / "a.txt"), settings=SETTINGS))
    assert train.run(made)
    (folder / "cut").write_bytes((folder / "model").read_bytes()[:9000])
    return folder


@pytest.fixture
def call(place: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch):
    """(exit code, standard output, standard error) of one command; ``{d}`` is the folder."""
    monkeypatch.setenv("COLUMNS", "118")

    def run(*arguments: Any) -> tuple[int, str, str]:
        code = 0
        try:
            cli.main([str(word).format(d=place) for word in arguments])
        except SystemExit as stop:
            code = int(stop.code or 0)
        shown = capsys.readouterr()
        return code, shown.out, shown.err

    return run


def requested(place: Path, out: Path, **more: Any) -> train.Request:
    return train.Request(**{"out": str(out), "text": str(place / "a.txt"), "settings": SETTINGS, **more})


# --- train


def test_train_writes_what_learning_gives(call, place: Path, tmp_path: Path) -> None:
    code, out, error = call("train", "--text", "{d}/a.txt", "--out", tmp_path / "m", *SMALL)
    assert (
        code == 0
        and "learned 540 of the 600 characters of a.txt" in out
        and out.endswith(f"wrote {tmp_path / 'm'}\n")
    )
    assert "a model of 11 symbols, 3 heads in 2 layers, 96 bits with 6 ones" in error
    held = memory_bytes(train.chosen(SETTINGS), 11)
    assert f"{sum(held.values()) / 1e6:,.1f} MB of memory" in error
    assert (tmp_path / "m").read_bytes() == (place / "model").read_bytes()
    model, notes = load_model(tmp_path / "m")
    again = type(model)(model.symbols, train.chosen(SETTINGS))
    said = again.learn((place / "a.txt").read_text(encoding="utf-8")[:540])
    assert model.read_so_far == 540 and model.generate(20, rng=0) == again.generate(20, rng=0)
    record = notes["texts"][0]
    assert record["learned"] == record["until"] == 540 and record["counts"] == said.counts
    assert record["lost"] / train.BIT / 540 == pytest.approx(said.bits.mean(), abs=1e-4)
    assert record["hits"] == said.hits.sum()


@pytest.mark.parametrize("stops", [[1], [2, 1], [1, 1, 1]], ids=str)
@pytest.mark.parametrize("every", [0, 100, 97])
def test_stopped_and_gone_on_with_is_never_stopped(
    place: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, stops: list[int], every: int
) -> None:
    monkeypatch.setattr(train, "PIECE", 64)
    path, learned = tmp_path / "m", 0
    for pieces in stops:
        left = iter(range(pieces))
        job = train.load(requested(place, path, resume=True, checkpoint_every=every))
        assert job.record["learned"] == learned
        assert not train.run(job, stop=lambda left=left: next(left, None) is None)
        assert load_model(path)[1]["texts"][0]["learned"] == job.record["learned"] > learned
        learned = job.record["learned"]
    assert train.run(train.load(requested(place, path, resume=True)))
    assert path.read_bytes() == (place / "model").read_bytes()
    assert [entry.name for entry in tmp_path.iterdir()] == ["m"]


@pytest.mark.skipif(numba.config.DISABLE_JIT, reason="a process that learns long enough to be stopped")
def test_ctrl_c_leaves_a_checkpoint_from_which_it_goes_on(place: Path, tmp_path: Path) -> None:
    (tmp_path / "long.txt").write_text(prose(30_000, 2), encoding="utf-8")
    command = [sys.executable, "-m", "hdspike.cli", "train", "--text", str(tmp_path / "long.txt"), *SMALL]
    command += ["--window", "500"]
    stopped = [*command, "--out", str(tmp_path / "m"), "--checkpoint-every", "300"]
    with subprocess.Popen(stopped, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        give_up = time.monotonic() + 120
        while not (tmp_path / "m").exists() and process.poll() is None and time.monotonic() < give_up:
            time.sleep(0.002)
        process.send_signal(signal.SIGINT)
        _, error = process.communicate(timeout=120)
    assert process.returncode == 130, error
    assert "is a checkpoint" in error and error.rstrip().endswith("hdspike: interrupted")
    learned = load_model(tmp_path / "m")[1]["texts"][0]["learned"]
    assert 300 <= learned < 27_000
    job = {"text": str(tmp_path / "long.txt"), "settings": {**SETTINGS, "window": 500}}
    assert train.run(train.load(requested(place, tmp_path / "m", resume=True, **job)))
    assert train.run(train.load(requested(place, tmp_path / "whole", **job)))
    assert (tmp_path / "m").read_bytes() == (tmp_path / "whole").read_bytes()


def test_a_process_that_was_interrupted_at_once_writes_nothing(place: Path, tmp_path: Path) -> None:
    (tmp_path / "m").write_bytes(b"kept")
    job = train.load(requested(place, tmp_path / "m", force=True))
    assert not train.run(job, stop=lambda: True)
    assert (tmp_path / "m").read_bytes() == b"kept"


def test_a_second_text_after_the_first(call, place: Path, tmp_path: Path) -> None:
    before = (place / "model").read_bytes()
    both = ("train", "--text", "{d}/b.txt", "--from", "{d}/model", "--out", tmp_path / "m", "--first", 0.5)
    code, out, _ = call(*both)
    assert code == 0 and "learned 300 of the 600 characters of b.txt" in out
    model, notes = load_model(tmp_path / "m")
    again, _ = load_model(place / "model")
    again.learn((place / "b.txt").read_text(encoding="utf-8")[:300])
    assert (
        model.read("the tea", streaming=True).bits.tolist()
        == again.read("the tea", streaming=True).bits.tolist()
    )
    assert [(text["source"], text["learned"]) for text in notes["texts"]] == [("a.txt", 540), ("b.txt", 300)]
    assert (place / "model").read_bytes() == before
    code, out, _ = call(*both, "--resume")
    assert code == 0 and "nothing to do" in out
    code, out, _ = call(*both[:-1], 0.6, "--resume")
    assert code == 0 and "learned 360 of the 600" in out and "60 of them now" in out
    code, out, error = call("train", "--text", "{d}/a.txt", "--out", tmp_path / "m", "--resume")
    assert code == 2 and "text must be the one that" in error and "--from" in error
    code, out, error = call(*both[:3], "--from", tmp_path / "m", "--out", tmp_path / "m", "--resume")
    assert code == 2 and "from must be the model that" in error


def test_a_model_may_know_symbols_that_come_later(call, place: Path, tmp_path: Path) -> None:
    first = ("train", "--text", "{d}/a.txt", "--alphabet", "{d}/greek.txt", "--out", tmp_path / "m", *SMALL)
    assert call(*first)[0] == 0
    code, out, _ = call("train", "--text", "{d}/greek.txt", "--from", tmp_path / "m", "--out", tmp_path / "n")
    assert code == 0 and "learned 270 of the 300 characters" in out
    assert load_model(tmp_path / "n")[0].generate(6, prompt="αβ", temperature=0) == "γαβγαβ"


def test_a_file_is_not_lost_by_mistake(call, place: Path, tmp_path: Path) -> None:
    (tmp_path / "m").write_bytes(b"precious")
    code, _, error = call("train", "--text", "{d}/a.txt", "--out", tmp_path / "m", *SMALL)
    assert code == 2 and "--resume goes on with it, --force replaces it" in error
    code, _, error = call("train", "--text", "{d}/a.txt", "--out", tmp_path / "m", *SMALL, "--resume")
    assert code == 2 and "no header" in error
    assert (tmp_path / "m").read_bytes() == b"precious"
    assert call("train", "--text", "{d}/a.txt", "--out", tmp_path / "m", *SMALL, "--force")[0] == 0
    assert (tmp_path / "m").read_bytes() == (place / "model").read_bytes()


def test_settings_of_the_command_line() -> None:
    assert train.chosen({}) == Settings()
    assert train.chosen({"layers": 3}).heads == tuple(head for head in HEADS if head.layer <= 3)
    made = train.chosen({**SETTINGS, "synapses": 3, "seed": 5, "layers": 1})
    assert made.heads == (Head("suffix", 1, 1, 2, 4), Head("suffix", 2, 1, 4, 2))
    assert (made.lines, made.window, made.winners, made.synapses, made.seed) == (16, 50, 4, 3, 5)


def test_memory_is_what_was_said(place: Path) -> None:
    model, _ = load_model(place / "model")
    parts = ("codes", "window", "lifetime", "votes", "heard", "recalled")
    held = sum(array.nbytes for part in parts for array in getattr(model, part))
    assert sum(memory_bytes(model.settings, len(model.symbols)).values()) == held
    for _ in range(3):
        model.learn("the cat sat" * 20)
    assert sum(array.nbytes for part in parts for array in getattr(model, part)) == held


# --- generate


def test_generate_writes_with_a_seed(call, place: Path) -> None:
    model, _ = load_model(place / "model")
    for options, expected in (
        ([], model.generate(200, rng=0)),
        (["--prompt", "the c", "--length", 30, "--seed", 7], model.generate(30, prompt="the c", rng=7)),
        (["--length", 9, "--temperature", 0], model.generate(9, temperature=0)),
    ):
        code, out, error = call("generate", "{d}/model", *options)
        assert (code, out, error) == (0, expected + "\n", "")


# --- evaluate


@pytest.mark.parametrize("ways", [[], ["frozen"], ["streaming"], ["frozen", "streaming"]], ids=str)
def test_evaluate_is_what_the_model_says(call, place: Path, tmp_path: Path, ways: list[str]) -> None:
    before = (place / "model").read_bytes()
    options = [f"--{way}" for way in ways]
    code, out, error = call(
        "evaluate", "{d}/model", "--text", "{d}/a.txt", *options, "--json", tmp_path / "e.json"
    )
    assert (code, error) == (0, "")
    found = json.loads((tmp_path / "e.json").read_text(encoding="utf-8"))
    evaluate.validate(found)
    assert list(found["readings"]) == (ways or ["frozen", "streaming"])
    model, _ = load_model(place / "model")
    text = (place / "a.txt").read_text(encoding="utf-8")[540:]
    pairs = sum(min(seen, 50) for seen in range(540, 600)) * 3
    for way, reading in found["readings"].items():
        said = model.read(text, streaming=way == "streaming")
        counts = said.counts
        assert reading["counts"] == counts
        bits = interval(said.bits)
        assert reading["bits_per_character"]["value"] == pytest.approx(said.bits.mean(), rel=1e-5)
        assert (reading["bits_per_character"]["low"], bits.blocks) == (None, 1)
        assert reading["accuracy"]["value"] == pytest.approx(said.hits.mean(), rel=1e-5)
        assert reading["nonzero_fraction"] == pytest.approx(counts["window_fired"] / pairs, rel=1e-5)
        assert reading["touched_fraction"] == pytest.approx(counts["window_touched"] / pairs, rel=1e-5)
        assert reading["nonzero_fraction"] <= reading["touched_fraction"] <= 1
        assert reading["synaptic_events_per_query_key"] == pytest.approx(
            counts["window_events"] / pairs, rel=1e-5
        )
        assert reading["events_per_token"]["lifetime"] == pytest.approx(
            counts["lifetime_events"] / 60, rel=1e-5
        )
        assert f"{said.bits.mean():.4f}" in out
    assert (
        found["text"]["start"] == 540
        and found["text"]["judged"] == 60
        and found["text"]["learned_before"] == 0
    )
    assert found["model"]["learned"] == [{"source": "a.txt", "characters": 600, "learned": 540}]
    assert found["model"]["file_bytes"] == len(before)
    assert found["model"]["stored_bytes"] == stored_bytes(model.settings, 11)
    assert (place / "model").read_bytes() == before


def test_evaluate_says_where_it_is_no_test(call, place: Path) -> None:
    code, out, _ = call("evaluate", "{d}/model", "--text", "{d}/a.txt", "--last", 0.5, "--frozen")
    assert code == 0 and "the model has learned 240 of these characters before" in out
    code, out, _ = call(
        "evaluate", "{d}/model", "--text", "{d}/b.txt", "--last", 1, "--frozen", "--json", "-"
    )
    assert code == 0 and json.loads(out)["text"] == json.loads(out)["text"] | {
        "source": "b.txt", "start": 0, "judged": 600, "learned_before": 0,
    }  # fmt: skip


def test_numbers_that_break_the_schema_are_refused(place: Path) -> None:
    found = evaluate.run(evaluate.load(str(place / "model"), str(place / "a.txt"), 0.02))
    for change in ({"extra": 1}, {"readings": {}}, {"readings": {"other": {}}}, {"text": {}}):
        with pytest.raises(ValueError, match="numbers must follow the schema: at"):
            evaluate.validate(found | change)


# --- bad input

TRAIN = ["train", "--out", "{d}/new"]
BAD = [
    ([*TRAIN, "--text", "{d}/missing.txt"], "text must be an existing file"),
    ([*TRAIN, "--text", "{d}/empty.txt"], "text must not be empty"),
    ([*TRAIN, "--text", "{d}"], "text must be a file"),
    ([*TRAIN, "--text", "{d}/model"], "text must be"),
    ([*TRAIN, "--text", "{d}/a.txt", "--first", "0"], "first must leave at least one of 600 characters, got 0"),
    ([*TRAIN, "--text", "{d}/a.txt", "--first", "1.5"], r"first must be in \[0, 1\], got 1.5"),
    ([*TRAIN, "--text", "{d}/a.txt", "--first", "nan"], r"first must be in \[0, 1\]"),
    ([*TRAIN, "--text", "{d}/a.txt", "--lines", "100"], "lines must be a power of two"),
    ([*TRAIN, "--text", "{d}/a.txt", "--lines", "8"], "lines must be at least the number of symbols, 11"),
    ([*TRAIN, "--text", "{d}/a.txt", "--window", "0"], "window must be at least 1"),
    ([*TRAIN, "--text", "{d}/a.txt", "--winners", "many"], "'many' is not a valid integer"),
    ([*TRAIN, "--text", "{d}/a.txt", "--layers", "9"], "layers must be at most those of the heads, 5, got 9"),
    ([*TRAIN, "--text", "{d}/a.txt", "--layers", "0"], "layers must be at least 1"),
    ([*TRAIN, "--text", "{d}/a.txt", "--heads", "suffix:1:1"], "heads must be KIND:REACH:LAYER:ROWS:FAN-OUT"),
    ([*TRAIN, "--text", "{d}/a.txt", "--heads", "other:1:1:1:1"], "kind must be one of suffix, words"),
    ([*TRAIN, "--text", "{d}/a.txt", "--memories", "none"], "memories must be one of both, window, lifetime"),
    ([*TRAIN, "--text", "{d}/a.txt", "--checkpoint-every", "-1"], "checkpoint-every must be at least 0"),
    ([*TRAIN, "--text", "{d}/a.txt", "--seed", "-1"], "seed must be at least 0"),
    (
        [*TRAIN, "--text", "{d}/a.txt", "--lines", "65536", "--heads", "suffix:1:1:4096:65536"],
        "settings must describe a model that fits the .* GB of this machine's memory",
    ),
    ([*TRAIN, "--text", "{d}/a.txt", "--resume", "--force"], "resume must be left out with force"),
    ([*TRAIN, "--text", "{d}/greek.txt", "--from", "{d}/model"], "text must consist of the 11 symbols .* 'αβγ'"),
    ([*TRAIN, "--text", "{d}/b.txt", "--from", "{d}/cut"], "must have [0-9]+ bytes, it has 9000"),
    ([*TRAIN, "--text", "{d}/b.txt", "--from", "{d}/a.txt"], "is not an hdspike-arrays file"),
    ([*TRAIN, "--text", "{d}/b.txt", "--from", "{d}/none"], "model must be an existing file, .* does not exist"),
    ([*TRAIN, "--text", "{d}/b.txt", "--from", "{d}/model", "--lines", "32"], "lines must be left out, or be as"),
    ([*TRAIN, "--text", "{d}/b.txt", "--from", "{d}/model", "--alphabet", "{d}/a.txt"], "alphabet must be left out"),
    (["train", "--text", "{d}/a.txt", "--out", "{d}/no/model"], "out must be a file in a folder that exists"),
    (["train", "--text", "{d}/a.txt", "--out", "{d}"], "out must be a file, it is a folder"),
    (["train", "--text", "{d}/a.txt", "--out", "{d}/model", "--resume", "--first", "0.5"], "first must be at least"),
    (["train", "--text", "{d}/a.txt", "--out", "{d}/model", "--resume", "--winners", "5"], "winners must be left out"),
    (["train", "--text", "{d}/a.txt"], "--out"),
    (
        ["train", "--text", "{d}/a.txt", "--out", "{d}/model", "--resume", "--alphabet", "{d}/greek.txt"],
        "alphabet must consist of the 11 symbols that the model knows, it has 'αβγ'",
    ),
    (["generate", "{d}/model", "--prompt", ""], "prompt must have at least one symbol, it is empty"),
    (["generate", "{d}/model", "--prompt", "the ψ"], "prompt must consist of the 11 symbols .* 'ψ'"),
    (["generate", "{d}/model", "--length", "0"], "length must be at least 1"),
    (["generate", "{d}/model", "--temperature", "-1"], "temperature must be at least 0"),
    (["generate", "{d}/model", "--temperature", "nan"], "temperature must be at least 0"),
    (["generate", "{d}/model", "--seed", "-1"], "seed must be at least 0"),
    (["generate", "{d}/cut"], "must have [0-9]+ bytes, it has 9000"),
    (["generate", "{d}/a.txt"], "is not an hdspike-arrays file"),
    (["generate", "{d}"], "model must be an existing file, .* is a folder"),
    (["generate"], "MODEL"),
    (["evaluate", "{d}/model", "--text", "{d}/greek.txt"], "text must consist of the 11 symbols"),
    (["evaluate", "{d}/model", "--text", "{d}/a.txt", "--last", "0"], "last must leave at least one"),
    (["evaluate", "{d}/model", "--text", "{d}/a.txt", "--last", "2"], r"last must be in \[0, 1\]"),
    (["evaluate", "{d}/model", "--text", "{d}/a.txt", "--json", "{d}/no/e.json"], "json must be a file in an existing"),
    (["evaluate", "{d}/none"], "model must be an existing file, .* does not exist"),
    (["evaluate", "{d}/cut", "--text", "{d}/a.txt"], "must have [0-9]+ bytes, it has 9000"),
]  # fmt: skip


@pytest.mark.parametrize(("arguments", "rule"), BAD, ids=[" ".join(a) for a, _ in BAD])
def test_bad_input_is_one_line_and_exit_code_2(call, place: Path, arguments: list[str], rule: str) -> None:
    before = {path.name: path.read_bytes() for path in place.iterdir()}
    code, out, error = call(*arguments)
    last = error.rstrip().splitlines()[-1]
    assert (code, out) == (2, "") and "Traceback" not in error
    assert last.startswith("hdspike: error:")
    assert np.flatnonzero([line.startswith("hdspike: error:") for line in error.splitlines()]).size == 1
    assert re.search(rule, last), last
    assert {path.name: path.read_bytes() for path in place.iterdir()} == before


@pytest.mark.parametrize("notes", [{"texts": 5}, {"texts": [{}]}, {"texts": [{"source": "a"}]}], ids=str)
def test_notes_of_another_shape(call, place: Path, tmp_path: Path, notes: dict[str, Any]) -> None:
    from hdspike.transformer.saved import save_model

    save_model(tmp_path / "m", load_model(place / "model")[0], notes=notes)
    for command in (
        ("evaluate", tmp_path / "m", "--text", "{d}/a.txt"),
        ("train", "--text", "{d}/a.txt", "--out", tmp_path / "m", "--resume"),
        ("train", "--text", "{d}/a.txt", "--from", tmp_path / "m", "--out", tmp_path / "n"),
    ):
        code, _, error = call(*command)
        assert code == 2 and "must say which texts it has learned" in error
    assert not (tmp_path / "n").exists()


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_folder_that_cannot_be_written(call, tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    code, _, error = call("train", "--text", "{d}/a.txt", "--out", tmp_path / "m", *SMALL)
    assert code == 2 and "out must be a file in a folder that can be written" in error


def test_the_examples_of_the_pages_run() -> None:
    assert doctest.testmod(texts).failed == 0


@pytest.mark.parametrize(
    "name", ["lines", "synapses", "window", "winners", "memories", "decay", "layers", "heads", "seed"]
)
def test_help_tells_the_defaults_that_are(name: str) -> None:
    """They are written by hand, so that help needs no model to be imported."""
    usual = Settings()
    told = {"layers": usual.heads[-1].layer, "heads": f"{len(usual.heads)} heads"}
    help_of = {
        option.name: option.help for option in commands.train.params if isinstance(option, click.Option)
    }
    assert f"[default: {told.get(name, getattr(usual, name, None))}]" in str(help_of[name])
