"""Energy as it is shown: panels of one ledger each, numbered sources, and the page, figure and screen of a run."""

import math
import re
from html import unescape
from pathlib import Path

import matplotlib.pyplot as plt
import numba
import pytest

from hdspike import report
from hdspike.plot.energy import SIDES, citations, panels, references, shares, size
from hdspike.report import figures
from hdspike.report.energy import arranged, verdict
from hdspike.run import run
from hdspike.task import Settings

# Panels


@pytest.fixture
def fig():
    figure = plt.figure()
    yield figure
    plt.close(figure)


def bar(ledger="circuit", **changes):
    base = {"label": "a", "ledger": ledger, "node": "7 nm", "low": 1e-6, "nominal": 2e-6, "high": 3e-6}
    return {
        **base,
        "sources": ["Someone 2020"],
        "components": {"DRAM read": 1.5e-6, "compute": 5e-7},
        **changes,
    }


def test_one_panel_per_ledger(fig):
    axes = panels(fig, [bar(), bar("path"), bar(label="b", node="14 nm", side="spiking")])
    titles = [ax.get_title("left") for ax in axes]
    assert [title.split(":")[0] for title in titles] == ["circuit ledger", "path ledger"]
    assert all(ax.get_xscale() == "log" for ax in axes)
    assert [len(ax.containers) for ax in axes] == [2, 1]
    assert any("2.00 µJ [1]" in text.get_text() for text in axes[0].texts)
    assert any("DRAM read 75 %, compute 25 %" in text.get_text() for text in axes[0].texts)
    assert [label.get_text() for label in axes[0].get_yticklabels()] == ["a (7 nm)", "b (14 nm)"]
    assert "[1] Someone 2020" in fig.get_supxlabel()
    fig.canvas.draw()


def boxes(figure, axes):
    """Every text of the figure that is drawn, with its box."""
    found = [text for ax in axes for text in (*ax.texts, *ax.get_yticklabels(), ax.title, ax._left_title)]
    found += [text for legend in figure.legends for text in legend.get_texts()]
    found += [axes[-1].xaxis.label, figure._supxlabel]
    return [(text.get_text(), text.get_window_extent()) for text in found if text.get_text()]


def test_twenty_five_bars_do_not_overlap():
    """Three ledgers, six sides, long labels and long sources, in the size that `size` says."""
    long = "packed words, XOR and popcount of 10,240 bits on a processor, keys stay on the chip"
    source = "Author {0} et al., A Journal of Long Names and of Longer Subtitles 12(3), Table {0}, and its supplement"
    bars = [
        bar(
            ("circuit", "path", "board")[i % 3],
            label=long if i % 4 == 0 else f"bar {i}",
            side=list(SIDES)[i % len(SIDES)],
            sources=[source.format(i), source.format(i // 2)],
        )
        for i in range(25)
    ]
    figure = plt.figure(figsize=size(bars), layout="constrained")
    try:
        axes = panels(figure, bars)
        figure.canvas.draw()
        found = boxes(figure, axes)
        assert len(found) > 25 * 3
        for i, (name, box) in enumerate(found):
            assert box.x0 >= 0 and box.y0 >= 0, name
            assert box.x1 <= figure.bbox.x1 and box.y1 <= figure.bbox.y1, name
            for other, beside in found[:i]:
                assert not box.overlaps(beside), (name, other)
    finally:
        plt.close(figure)


def test_sources_are_numbered_once_in_the_order_of_the_panels():
    bars = [bar("path", sources=["B", "A"]), bar(sources=["C"]), bar("path", sources=["C", "D"])]
    assert citations(bars) == {"B": 1, "A": 2, "C": 3, "D": 4}
    assert [references(one, citations(bars)) for one in bars] == ["[1, 2]", "[3]", "[3, 4]"]
    assert references(bar(sources=[]), {}) == ""


@pytest.mark.parametrize(
    ("components", "text"),
    [
        ({"DRAM read": 7.0, "compute": 2.0, "static": 1.0}, "DRAM read 70 %, compute 20 %, rest 10 %"),
        ({"DRAM read": 999.0, "compute": 1.0}, "DRAM read >99 %, rest <1 %"),
        ({"DRAM read": 3.0, "compute": 1.0, "static": 0.0}, "DRAM read 75 %, compute 25 %"),
        ({"board": 3.0}, ""),
        ({}, ""),
    ],
)
def test_shares_of_components(components, text):
    assert shares(components) == text


def test_the_axis_says_what_a_bar_is_of(fig):
    (ax,) = panels(fig, [bar(per="token"), bar()])
    assert ax.get_xlabel().startswith("energy per token (")
    with pytest.raises(ValueError, match="bars must all be per the same work, got per token and per query"):
        panels(fig, [bar(per="token"), bar(per="query")])


def test_two_ledgers_never_share_a_panel(fig):
    ax = fig.subplots()
    with pytest.raises(
        ValueError, match=r"one ledger to each panel, got 2 ledger\(s\) \(circuit, path\) for 1 axes"
    ):
        panels(ax, [bar(), bar("path")])
    with pytest.raises(ValueError, match="got 1 ledger"):
        panels([ax, ax], [bar()])
    assert panels(ax, [bar()], footnote=False) == [ax]


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"low": 0.0}, "0 < low ≤ nominal ≤ high"),
        ({"low": 2.5e-6}, "0 < low ≤ nominal ≤ high"),
        ({"high": math.nan}, "0 < low ≤ nominal ≤ high"),
        ({"ledger": "guess"}, r"bars\[0\]\.ledger must be one of"),
        ({"side": "left"}, r"bars\[0\]\.side must be one of"),
    ],
)
def test_bars_are_checked(fig, changes, text):
    with pytest.raises(ValueError, match=text):
        panels(fig, [bar(**changes)])


def test_bars_are_needed(fig):
    with pytest.raises(ValueError, match="at least one bar"):
        panels(fig, [])
    with pytest.raises(ValueError, match="got no node"):
        panels(fig, [{key: value for key, value in bar().items() if key != "node"}])


@pytest.mark.parametrize(
    ("value", "text"), [(1e-6, "1.00 µJ"), (9.999e-7, "1.00 µJ"), (1.234e-5, "12.3 µJ"), (0.00123, "1.23 mJ")]
)
def test_values_have_three_digits(fig, value, text):
    axes = panels(fig, [bar(low=value, nominal=value, high=value, sources=[])], footnote=False)
    assert axes[0].texts[0].get_text() == text


# How a run shows it

JITTED = not numba.config.DISABLE_JIT
TINY = {"keys": 96, "winners": "6", "queries": 4, "development": 8, "chip_queries": 2, "dim": 16_384}


def bills(**nominal):
    """Bills of a made-up run: name → nominal, `path_…` in the path ledger."""
    return {
        "energy": {
            name: {
                **bar(
                    "path" if name.startswith("path_") else "circuit",
                    label=f"{name.removeprefix('path_').split('_')[0]}, {name}",
                    low=0.9 * value,
                    nominal=value,
                    high=1.1 * value,
                )
            }
            for name, value in nominal.items()
        }
    }


def test_a_run_shows_the_cheapest_of_each_ledger_at_the_head():
    shown = arranged(bills(path_dense=2e-6, dense=9e-6, spiking=3e-6, path_spiking=1e-6))
    assert [(one["ledger"], one["side"]) for one in shown] == [
        ("circuit", "spiking"), ("circuit", "dense"), ("path", "spiking"), ("path", "dense"),
    ]  # fmt: skip
    assert {one["per"] for one in shown} == {"query"}


@pytest.mark.parametrize(
    ("name", "side"),
    [("loihi", "spiking"), ("a100-path", "packed"), ("a-chip-of-mine", "spiking"), (None, "spiking")],
)
def test_a_label_without_a_side_is_that_of_its_substrate(name, side):
    one = bar(label="race on a chip") | ({"substrate": name} if name else {})
    assert arranged({"energy": {"x": one}})[0]["side"] == side


def test_the_verdict_says_where_the_dense_side_wins():
    told = verdict(bills(spiking=3e-6, dense_a=1e-6, dense_b=9e-6, path_spiking=1e-6, path_dense=1.05e-6))
    assert told == (
        "Circuit ledger: the dense side wins with dense, dense_a (1 µJ); spiking, spiking, needs 3 times as much. "
        "Path ledger: the spiking side wins with spiking, path_spiking (1 µJ); dense, path_dense, needs 1.05 times as "
        "much, but their ranges overlap."
    )
    assert verdict(bills(spiking=1e-6, path_dense=1e-6)) == ""
    assert verdict(bills(spiking=2e-6, dense=4e-6, packed=1e-6, brain=1e-9)).endswith(
        "cheapest of all: packed, packed, 1 µJ."
    )


def test_the_verdict_owns_up_to_a_rule_that_the_run_did_not_judge():
    numbers = bills(spiking=1e-6, dense=2e-6) | {"settings": {"select": "exact"}}
    only = numbers["energy"]["spiking"]
    only["label"] = "spiking threshold, 1 × Intel Loihi"
    assert "how often the threshold rule is right this run did not ask" in verdict(numbers)
    only["label"] = "spiking exact, 1 × Intel Loihi"
    assert "did not ask" not in verdict(numbers)


@pytest.fixture(scope="module")
def small_run():
    return run(Settings(**TINY))


whole_run = pytest.mark.skipif(
    not JITTED, reason="a whole run, too slow un-jitted; test_run writes a page too"
)


@whole_run
def test_the_page_names_ledger_node_and_sources(small_run, tmp_path):
    report.write(small_run, tmp_path)
    page = (tmp_path / "report.html").read_text(encoding="utf-8")
    table = page[page.index("Energy, with its sources") :]
    shown = arranged(small_run.numbers)
    cited = citations(shown)
    listed = re.findall(r'<li id="source-(\d+)">([^<]*)</li>', table)
    assert {unescape(source): int(number) for number, source in listed} == cited
    rows = re.findall(r"<tr[^>]*><td>.*?</tr>", table, re.DOTALL)
    assert len(rows) == len(shown)
    for row, one in zip(rows, shown, strict=True):
        assert unescape(row).startswith(f"<tr><td>{one['label']}<") or 'class="above"' in row
        assert f"<td>{one['ledger']}</td>" in row
        assert f">{one['node']}</td>" in row
        assert re.findall(r'href="#source-(\d+)">', row) == re.findall(r"\d+", references(one, cited))
    assert "static power in this ledger" in table  # what the bills leave out
    assert verdict(small_run.numbers) in unescape(page)


@whole_run
def test_the_figure_lists_its_sources(small_run):
    figure = figures(small_run)["energy"]
    try:
        text = figure.get_supxlabel()
        for source, number in citations(arranged(small_run.numbers)).items():
            assert f"[{number}] {source}".split(",")[0] in text
        figure.canvas.draw()
        found = boxes(figure, figure.axes)
        for i, (name, box) in enumerate(found):
            for other, beside in found[:i]:
                assert not box.overlaps(beside), (name, other)
    finally:
        plt.close("all")


@whole_run
def test_the_screen_names_ledger_node_and_sources(small_run, capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "240")  # no label is folded
    report.print_tables(small_run.numbers, [Path("report.html")])
    lines = capsys.readouterr().out.splitlines()
    shown = arranged(small_run.numbers)
    cited = citations(shown)
    for source, number in cited.items():
        assert f"[{number}] {source}" in lines
    table = [
        [cell.strip() for cell in line.split("│")[1:-1]]
        for line in lines
        if "circuit" in line and "│" in line
    ]
    for one, row in zip((one for one in shown if one["ledger"] == "circuit"), table, strict=True):
        assert row[:3] == [one["label"], "circuit", one["node"]]
        assert row[-1] == references(one, cited)
