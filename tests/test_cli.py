"""The command line: every bad argument is one line that names it and its rule, exit code 2, nothing written."""

import os
import re
import subprocess
import sys

import pytest

from hdspike import cli


def call(*arguments, capsys):
    """(exit code, standard output, standard error) of one command in this process."""
    code = 0
    try:
        cli.main(list(arguments))
    except SystemExit as stop:
        code = stop.code
    captured = capsys.readouterr()
    return code, captured.out, captured.err


@pytest.fixture
def texts(tmp_path):
    (tmp_path / "empty.txt").write_bytes(b"")
    (tmp_path / "binary.txt").write_bytes(bytes(range(256)) * 40)
    (tmp_path / "zero.txt").write_bytes(b"abc\0def" * 1000)
    (tmp_path / "three.txt").write_text("abc", encoding="utf-8")
    (tmp_path / "file").write_text("not a folder", encoding="utf-8")
    return tmp_path


BAD = [
    (["--text", "{d}/empty.txt"], "text must not be empty"),
    (["--text", "{d}/binary.txt"], "text must be UTF-8"),
    (["--text", "{d}/zero.txt"], "text must be text"),
    (["--text", "{d}/missing.txt"], "text must be an existing file"),
    (["--text", "{d}"], "text must be a file"),
    (["--text", "{d}/three.txt"], r"text must have at least \d+ characters"),
    (["--winners", "0"], "winners must be at least 1"),
    (["--winners", "40000"], "winners must be at least 1 and at most the number of keys"),
    (["--winners", "some"], "winners must be a count"),
    (["--winners", "0%"], "winners must be above 0%"),
    (["--keys", "0"], "keys must be at least 1"),
    (["--keys", "100000000"], r"keys must be at most \d+ for this text"),
    (["--keys", "many"], "--keys"),
    (["--dim", "0"], "dim must be at least 64"),
    (["--dim", "7"], "dim must be at least 64"),
    (["--dim", "1000"], "dim must be a multiple of the 128 blocks"),
    (["--dim", "100000000000"], "dim must be at least 64 and at most"),
    (["--theta", "5"], "theta must not be given with select exact"),
    (["--select", "race", "--theta", "-5"], "theta must be at least 1"),
    (["--select", "race", "--theta", "99999999999999999999"], "theta must be at most"),
    (["--chip-keys", "0"], "chip-keys must be at least 1"),
    (["--out", ""], "out must name a folder"),
    (["--space", "bsc", "--dim", "7"], "dim must be at least 64"),
    (["--space", "torus"], "space must be one of sbc, bsc"),
    (["--select", "first"], "select must be one of exact, race, threshold"),
    (["--chip", "abacus"], "chip 'abacus' cannot be used"),
    (["--chip", "a100-board"], "chip must be neuromorphic"),
    (["--chip-keys", "30000"], "chip-keys must be at most the 4096 keys of the run"),
    (["--seed", "-1"], "seed must be at least 0"),
    (["--start", "460000"], "start must be at least 7 and at most"),
    (["--out", "{d}/file/report"], "out must be a folder that can be written"),
    (["--frobnicate"], "--frobnicate"),
]  # fmt: skip


@pytest.mark.parametrize(("arguments", "rule"), BAD, ids=[" ".join(a) for a, _ in BAD])
def test_bad_arguments_are_one_line_and_exit_code_2(arguments, rule, texts, capsys):
    out = texts / "report"
    given = [a.format(d=texts) for a in arguments]
    if "--out" not in given:
        given += ["--out", str(out)]
    code, shown, error = call("run", "--quick", *given, capsys=capsys)
    message = [line for line in error.splitlines() if line.startswith("hdspike: error:")]
    assert code == 2
    assert shown == ""
    assert len(message) == 1
    assert error.rstrip().splitlines()[-1] == message[0]
    assert re.search(rule, message[0]), message[0]
    assert "Traceback" not in error
    assert not out.exists()


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_an_unwritable_folder(tmp_path, capsys):
    tmp_path.chmod(0o500)
    code, _, error = call("run", "--quick", "--out", str(tmp_path / "report"), capsys=capsys)
    assert code == 2
    assert "out must be a folder" in error


def test_help_names_every_option(capsys):
    code, shown, _ = call("run", "--help", capsys=capsys)
    assert code == 0
    for option in (
        "text",
        "space",
        "dim",
        "keys",
        "winners",
        "select",
        "theta",
        "chip",
        "seed",
        "quick",
        "out",
    ):
        assert f"--{option}" in shown


def test_chips_are_listed_and_shown_with_sources(capsys):
    code, shown, _ = call("chip", "list", capsys=capsys)
    assert code == 0
    assert "loihi" in shown
    code, shown, _ = call("chip", "show", "loihi", capsys=capsys)
    assert code == 0
    assert "Davies" in shown
    code, _, error = call("chip", "show", "abacus", capsys=capsys)
    assert code == 2
    assert error.count("\n") == 1


def test_sims_are_listed_with_their_questions(capsys):
    code, shown, _ = call("sim", capsys=capsys)
    assert code == 0
    assert len(shown.splitlines()) >= 3
    assert all("?" in line for line in shown.splitlines())


def test_an_unknown_sim(capsys, tmp_path):
    code, _, error = call("sim", "nothing", "--out", str(tmp_path), capsys=capsys)
    assert code == 2
    assert "NAME must be a sim" in error
    assert list(tmp_path.iterdir()) == []


def test_the_module_runs_as_a_program():
    done = subprocess.run(
        [sys.executable, "-m", "hdspike.cli", "--version"], capture_output=True, text=True, check=True
    )
    assert "hdspike" in done.stdout
