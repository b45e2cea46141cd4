"""The main job end to end: numbers that follow the schema, agree between runners, and repeat."""

import json
import os
import re
import shutil
import subprocess
import xml.etree.ElementTree as ET
from pathlib import Path

import numba
import numpy as np
import pytest

from hdspike import report, vocabulary
from hdspike.idea import si, the_idea
from hdspike.run import RunnersDisagree, run
from hdspike.task import Settings, parse_winners

JITTED = not numba.config.DISABLE_JIT
SMALL = (
    {"quick": True}
    if JITTED
    else {"keys": 64, "winners": "4", "queries": 4, "development": 4, "chip_queries": 1, "dim": 16_384}
)


@pytest.fixture(scope="module")
def result():
    return run(Settings(**SMALL))


def test_numbers_follow_the_schema_and_are_json(result):
    vocabulary.validate(json.loads(json.dumps(result.numbers)))


def test_the_runners_agree_under_the_barrier(result):
    agreement = result.numbers["agreement"]
    for rule in ("exact", "race", "threshold"):
        assert agreement[rule]["differing"] == 0
    assert agreement["exact"]["compared"] > 0


def test_a_disagreement_fails_the_run(monkeypatch):
    import hdspike.run as job

    monkeypatch.setattr(job, "failed", lambda agreement: ["race"])
    with pytest.raises(RunnersDisagree, match="race"):
        run(Settings(**SMALL))


def test_the_books_balance(result):
    events = result.numbers["events"]
    assert events["injected"] == sum(events[n] for n in ("delivered", "dropped", "cancelled", "in_flight"))
    assert events["in_flight"] == 0
    assert events["hops"] == events["hops_east_west"] + events["hops_north_south"]
    assert events["updates"] == events["updates_active"] + events["updates_inactive"]


def test_counts_of_the_sparse_code(result):
    attention = result.numbers["attention"]
    assert attention["nonzero_fraction"] <= attention["touched_fraction"] < 1
    assert attention["nonzero_fraction"] == pytest.approx(attention["winners"] / attention["keys"], rel=1e-5)
    assert attention["synaptic_events_per_query_key"] >= attention["touched_fraction"]
    assert (
        attention["counts"]["fired"]
        == attention["queries"] * attention["winners"] + attention["counts"]["overshoot"]
    )


@pytest.mark.skipif(not JITTED, reason="a small un-jitted run is too small to predict anything")
def test_weighted_winners_beat_the_unigram_and_their_own_unweighted_bundle(result):
    n = result.numbers
    assert n["quality"]["top1"] > n["baselines"]["unigram"]["top1"] + 0.2
    assert n["quality"]["top1"] > n["ablations"]["unweighted"]["top1"]
    assert n["quality"]["bits_per_char"] < n["baselines"]["unigram"]["bits_per_char"]


def test_energy_is_ordered_and_adds_up(result):
    for name, bill in result.numbers["energy"].items():
        assert 0 < bill["low"] <= bill["nominal"] <= bill["high"], name
        assert sum(bill["components"].values()) == pytest.approx(bill["nominal"], rel=1e-5), name
        for ledger in ("circuit", "path", "board"):
            if ledger in name:
                assert bill["ledger"] == ledger
    assert result.numbers["energy"]["loihi"]["ledger"] == "circuit"
    assert result.numbers["energy"]["loihi_silicon"]["ledger"] == "path"


def test_the_idea_quotes_counters_that_exist(result):
    rows = the_idea(result.numbers)
    assert [row["row"] for row in rows] == ["dimension", "operation", "attention", "activation", "hardware"]
    assert rows == result.numbers["idea"]
    for row in rows:
        for quoted in (row["dense_counter"], row["spiking_counter"]):
            for name in re.split(r", | \+ ", quoted):
                value = result.numbers
                for key in name.split("."):
                    value = value[key]
                assert isinstance(value, int | float), name


def test_the_cells_of_the_idea_are_those_counts(result):
    n = result.numbers
    dimension, operation, _, activation, _ = n["idea"]
    per_query = n["attention"]["counts"]["synaptic_events"] / n["attention"]["queries"]
    assert operation["spiking"].startswith(si(per_query))
    assert operation["dense"].startswith(si(n["data"]["keys"] * (n["dense"]["dim"] + 1)))
    assert activation["spiking"].startswith(
        f"{n['attention']['counts']['fired'] / n['attention']['queries']:,.0f} "
    )
    assert dimension["spiking"].startswith(f"{n['settings']['dim']:,} bits")


def test_captured_mass_is_the_softmax_weight_of_the_winners(result):
    task, n = result.task, result.numbers
    scores = task.space.similarity(task.vectors["queries"], task.vectors["keys"])
    weights = np.exp(result.beta * (scores - scores.max(axis=1, keepdims=True)))
    weights /= weights.sum(axis=1, keepdims=True)
    kept = [weights[q, result.outcome.query(q)].sum() for q in range(len(result.outcome))]
    assert n["attention"]["captured_mass"] == pytest.approx(np.mean(kept), rel=1e-4)


def repeatable(numbers):
    """The numbers without what may differ between two runs: the time on the wall."""
    return {**numbers, "time": {k: v for k, v in numbers["time"].items() if k != "wall_s"}}


@pytest.mark.parametrize("space", ["sbc", "bsc"])
def test_same_seed_same_numbers_on_one_and_two_threads(space):
    if numba.config.NUMBA_NUM_THREADS < 2:
        pytest.skip("this machine, or NUMBA_NUM_THREADS, allows one thread only")
    sizes = {"keys": 512, "queries": 40, "development": 40, "chip_queries": 2} if JITTED else SMALL
    found = []
    for threads in (1, 2):
        numba.set_num_threads(threads)
        try:
            settings = Settings(**{**sizes, "space": space, "winners": "8", "select": "race", "seed": 7})
            found.append(repeatable(run(settings).numbers))
        finally:
            numba.set_num_threads(numba.config.NUMBA_NUM_THREADS)
    assert found[0] == found[1]


@pytest.mark.parametrize("select", ["race", "threshold"])
def test_the_other_rules_run_too(select):
    numbers = run(Settings(**{**SMALL, "select": select})).numbers
    assert numbers["settings"]["select"] == select
    assert numbers["attention"]["theta"] >= 1


@pytest.mark.skipif(not JITTED, reason="full size")
def test_the_default_run_keeps_its_promises():
    """What issue and README promise of `hdspike run`, on the text that this Python ships."""
    numbers = run(Settings()).numbers
    assert numbers["attention"]["keys"] == 32_768
    assert numbers["attention"]["nonzero_fraction"] <= 0.01
    assert numbers["attention"]["touched_fraction"] < 0.3
    assert numbers["quality"]["top1"] >= 0.58
    assert abs(numbers["quality"]["top1"] - numbers["baselines"]["softmax"]["top1"]) <= 0.03


@pytest.mark.parametrize(
    ("text", "keys", "count"), [("1", 5, 1), ("5", 5, 5), ("1%", 1000, 10), ("0.01%", 100, 1), ("100%", 7, 7)]
)
def test_winners_are_a_count_or_a_share(text, keys, count):
    assert parse_winners(text, keys) == count


WRONG = ["0", "-1", "6", "0%", "101%", "many", "1.5", "", "%", "nan%", "1 %", " 4", "1_0", "４", "9" * 30]


@pytest.mark.parametrize("text", WRONG)
def test_winners_out_of_range(text):
    with pytest.raises(ValueError, match="winners must be"):
        parse_winners(text, 5)


@pytest.fixture(scope="module")
def written(result, tmp_path_factory):
    folder = tmp_path_factory.mktemp("report")
    report.write(result, folder)
    return folder


def test_the_report_is_whole_and_self_contained(written):
    assert {p.name for p in written.iterdir()} == {
        "attention.svg", "chip.svg", "energy.svg", "numbers.json", "raster.svg", "report.html",
    }  # fmt: skip
    page = (written / "report.html").read_text(encoding="utf-8")
    assert page.count("<figure") == 4
    assert page.count("<svg") == 4
    outside = re.findall(r"""(?:src|href)=["'](?!#)[^"']*""", page.replace('xlink:href="data:', ""))
    assert outside == []
    vocabulary.validate(json.loads((written / "numbers.json").read_text(encoding="utf-8")))
    for drawing in written.glob("*.svg"):
        ET.parse(drawing)


def test_the_same_result_writes_the_same_figures(result, written, tmp_path):
    report.write(result, tmp_path)
    for drawing in written.glob("*.svg"):
        assert drawing.read_bytes() == (tmp_path / drawing.name).read_bytes(), drawing.name


def test_the_tables_print_the_numbers(result, capsys):
    report.print_tables(result.numbers, [Path("report.html")])
    shown = capsys.readouterr().out
    assert f"{result.numbers['quality']['top1']:.3f}" in shown
    assert "in flight" in " ".join(shown.split())  # lines break where the screen ends


def browser():
    for name in ("chromium", "chromium-browser", "google-chrome", "chrome"):
        if shutil.which(name):
            return shutil.which(name)
    return None


@pytest.mark.skipif(browser() is None, reason="no Chromium on this machine")
def test_a_browser_shows_the_page(written, tmp_path):
    """The page opens in a real browser: its text is there, and every figure has a size."""
    probe = written / "report.html"
    page = probe.read_text(encoding="utf-8")
    script = (
        "<script>window.addEventListener('load',()=>{document.title=[...document.querySelectorAll('figure svg')]"
        ".map(s=>Math.round(s.getBoundingClientRect().width)+'x'+Math.round(s.getBoundingClientRect().height))"
        ".join(' ')+'|'+(document.documentElement.scrollWidth>window.innerWidth)})</script></body>"
    )
    copy = tmp_path / "probe.html"
    copy.write_text(page.replace("</body>", script), encoding="utf-8")
    done = subprocess.run(
        [
            browser(), "--headless", "--no-sandbox", "--disable-gpu", "--no-first-run",
            "--disable-background-networking", "--disable-component-update", "--disable-sync",
            f"--user-data-dir={tmp_path / 'profile'}", "--window-size=1200,900", "--dump-dom", copy.as_uri(),
        ],
        capture_output=True, text=True, timeout=120, check=True, env={**os.environ, "HOME": str(tmp_path)},
    )  # fmt: skip
    title = re.search(r"<title>([^<]*)</title>", done.stdout)
    assert title is not None
    sizes, overflows = title.group(1).split("|")
    assert len(sizes.split()) == 4
    assert all(int(s.split("x")[0]) > 300 and int(s.split("x")[1]) > 150 for s in sizes.split())
    assert overflows == "false"
    assert "Does it work?" in done.stdout
