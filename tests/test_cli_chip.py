"""``hdspike chip list`` and ``chip show``: every substrate, its numbers, their citations, and bad files in one line."""

import json
import re

import pytest

from hdspike import cli, substrate


@pytest.fixture
def call(capsys, monkeypatch):
    """(exit code, standard output, standard error) of one command, 100 columns wide."""
    monkeypatch.setenv("COLUMNS", "100")

    def run(*arguments):
        code = 0
        try:
            cli.main(["chip", *map(str, arguments)])
        except SystemExit as stop:
            code = stop.code
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    return run


def test_the_list_names_every_substrate_in_100_columns(call):
    code, shown, _ = call("list")
    assert code == 0
    assert max(map(len, shown.splitlines())) <= 100
    for name in substrate.available():
        chip = substrate.load(name)
        row = next(line for line in shown.splitlines() if line.split(" ", 1)[0] == name)
        assert re.split(r"\s{2,}", row)[:4] == [name, chip.kind, chip.node, chip.ledger]
        assert chip.title.split()[0] in row
    if not any(substrate.load(name).kind == "measured" for name in substrate.available()):
        assert "measured: none here, `benchmarks/gpu_energy.py` writes one" in shown


@pytest.mark.parametrize("name", ["truenorth-inclusive", "a100-path", "ambit", "h100-board", "horowitz-45nm"])
def test_a_sheet_shows_every_number_and_cites_it(name, call):
    code, shown, error = call("show", name)
    assert (code, error) == (0, "")
    assert max(map(len, shown.splitlines())) <= 100
    chip = substrate.load(name)
    flat = " ".join(shown.split())
    for title in {key.split(".", 1)[0] for key in chip.quantities}:
        assert title in map(str.strip, shown.splitlines())
    numbered = dict(re.findall(r"^\[(\d+)\] (.+)$", shown, flags=re.MULTILINE))
    assert sorted(map(int, numbered)) == list(range(1, len(numbered) + 1))
    for key, quantity in chip.quantities.items():
        table, constant = key.split(".", 1)
        below = shown.splitlines()[[line.strip() for line in shown.splitlines()].index(table) :]
        row = next(line for line in below if line.startswith(constant + " "))
        number = re.search(r"\[(\d+)\]", row)[1]
        assert quantity.citation.startswith(numbered[number].split(" (")[0])
        assert quantity.standing in row
        if key.startswith(("energy.", "power.")):
            assert f"{quantity.low:.4g} to {quantity.high:.4g}" in row
    assert " ".join(chip.notes.split()) in flat
    if any(quantity.includes_leakage for quantity in chip.quantities.values()):
        assert "leakage included" in flat


def test_json_has_nine_fields_of_every_number(call, tmp_path):
    code, shown, _ = call("show", "odin", "--json", "-")
    assert code == 0
    document = json.loads(shown)
    assert document == substrate.load("odin").as_json()
    code, shown, _ = call("show", "odin", "--json", tmp_path / "odin.json")
    assert code == 0
    assert "sources" in shown
    assert json.loads((tmp_path / "odin.json").read_text(encoding="utf-8")) == document
    assert [path.name for path in tmp_path.iterdir()] == ["odin.json"]


def test_a_file_of_ones_own(call, tmp_path):
    text = (substrate.FOLDER / "odin.toml").read_text(encoding="utf-8")
    own = text.replace('name = "odin"', 'name = "mine"').replace("value = 8.43", "value = 9.25")
    (tmp_path / "mine.toml").write_text(own.replace("incremental energy", "[bold]x[/bold]"), encoding="utf-8")
    code, shown, _ = call("show", tmp_path / "mine.toml")
    assert code == 0
    assert shown.startswith("mine: ")
    assert "9.25 pJ" in shown
    assert "[bold]x[/bold]" in shown  # the text of a file is shown, not obeyed


@pytest.mark.parametrize("width", ["", "wide", "-3", "0"])
def test_a_width_that_is_none_is_not_obeyed(width, call, monkeypatch):
    monkeypatch.setenv("COLUMNS", width)
    code, shown, error = call("show", "odin")
    assert (code, error) == (0, "")
    assert "8.43 pJ" in shown


def test_what_cannot_be_shown_is_one_line(call, tmp_path):
    (tmp_path / "bad.toml").write_text("format = 1\nname = 3\n", encoding="utf-8")
    (tmp_path / "half.toml").write_text("format = ", encoding="utf-8")
    escape = (substrate.FOLDER / "odin.toml").read_text(encoding="utf-8").replace('"ODIN, ', '"\\u001b[2J, ')
    (tmp_path / "escape.toml").write_text(escape, encoding="utf-8")
    for arguments, rule in (
        (["abacus"], "substrate must be a .toml file or one of .* got 'abacus'"),
        ([tmp_path / "nowhere.toml"], "substrate must be an existing file"),
        ([tmp_path / "bad.toml"], "bad.toml: name must be a text, got 3"),
        ([tmp_path / "half.toml"], "half.toml: the file must be TOML"),
        ([tmp_path / "escape.toml"], "escape.toml: title must hold no control characters"),
        (["odin", "--json", tmp_path / "no" / "x.json"], "json must be a file in an existing folder"),
        (["odin", "--json", tmp_path], "must be a file"),
    ):
        code, shown, error = call("show", *arguments)
        assert code == 2, arguments
        assert shown == ""
        assert error.count("\n") == 1
        assert re.search(rule, error), error
        assert "\x1b" not in error
