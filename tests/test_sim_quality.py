"""The sweep over windows and rules: the numbers of a plain loop, resumed as if never stopped, nothing half-written."""

import dataclasses
import json
import os
import pathlib

import numpy as np
import pytest

pytest.importorskip("gguf")
pytest.importorskip("tokenizers")

from matplotlib import pyplot as plt
from scipy import stats

from hdspike import datasets, sim
from hdspike.files import load_array, save_array
from hdspike.models import Llama, second_half, windows
from hdspike.models.rules import RULES, Options, rule
from hdspike.workloads import quality_sweep
from hdspike.workloads.quality_sweep import Asked, Part, Sweep
from tests.tiny_models import llama_weights, write_llama

ASKED = (
    Asked(),
    Asked("kwta", Options(winners=4)),
    Asked("signs", Options(winners=4, bits=63)),
    Asked("bundles", Options(winners=5, bundles=2, seed=3)),
    Asked("events", Options(winners=4, blocks=2, lines=9, events=0.7)),
    Asked("event-bundles", Options(winners=5, bundles=2, blocks=2, lines=9, seed=3)),
)
LONG = Part(24, (("a", 0), ("b", 1)), ASKED)
SHORT = Part(8, (("b", 2),), ASKED[:2])
POINTS = 2 * 6 + 2


@pytest.fixture(scope="module")
def tiny(tmp_path_factory):
    """A model file, two texts, and the tokens of another."""
    path = tmp_path_factory.mktemp("model") / "tiny.gguf"
    write_llama(path, llama_weights(np.random.default_rng(0)))
    rng = np.random.default_rng(1)
    return path, {"a": rng.integers(0, 250, 30), "b": rng.integers(0, 250, 50)}, rng.integers(0, 250, 50)


@pytest.fixture
def make(tiny, tmp_path):
    def make(parts=(LONG, SHORT), folder="points", said=None):
        say = (lambda line: None) if said is None else said.append
        return Sweep(*tiny, parts, folder=tmp_path / folder, say=say)

    return make


@pytest.fixture(scope="module")
def whole(tiny, tmp_path_factory):
    """A sweep that nobody disturbed."""
    made = Sweep(*tiny, (LONG, SHORT), folder=tmp_path_factory.mktemp("whole"))
    made.run()
    return made


def points(made):
    return sorted(made.folder.glob("*.point"))


def losses(made):
    return {path.name: load_array(path)[0].tolist() for path in points(made)}


def counted(made):
    return {path.name: load_array(path)[1]["counted"] for path in points(made)}


def only_whole(made):
    """Points and what was learned, no temporary file."""
    return all(path.name[0] != "." and path.suffix in (".point", ".npz") for path in made.folder.iterdir())


def interrupt(monkeypatch, after):
    """``second_half`` is stopped by Ctrl-C in the middle of its ``after``-th window; returns the calls."""
    calls = []

    def stopped(model, window, attention):
        calls.append(len(window))
        if len(calls) == after:
            model.hidden(window[:4], attention)  # half-way
            raise KeyboardInterrupt
        return second_half(model, window, attention)

    monkeypatch.setattr(quality_sweep, "second_half", stopped)
    return calls


def test_points_are_those_of_a_plain_loop(tiny, whole):
    path, texts, other = tiny
    model = Llama(path)
    for part in (LONG, SHORT):
        names, found = whole.finished(part)
        assert names == part.windows
        assert tuple(found) == part.asked
        for asked, point in found.items():
            options = dataclasses.replace(asked.options, counted_from=part.context // 2)
            plug = rule(asked.select).build(options, model, windows(other, part.context))
            cut = [texts[name][n * part.context : (n + 1) * part.context] for name, n in part.windows]
            expected = [second_half(model, window, plug) for window in cut]
            np.testing.assert_allclose(point.losses, expected, rtol=1e-12)
            if asked.select != "softmax":
                assert point.counted["captured_mass"] == pytest.approx(plug.captured_mass, rel=1e-12)
                assert point.counted["nonzero_fraction"] == pytest.approx(plug.nonzero_fraction)
    assert 0.5 < whole.finished(LONG)[1][ASKED[2]].counted["found_share"] <= 1


@pytest.mark.parametrize("after", [1, 2, 5, 9, POINTS])
def test_a_resumed_sweep_has_the_numbers_of_one_that_was_not_stopped(make, whole, monkeypatch, after):
    calls = interrupt(monkeypatch, after)
    with pytest.raises(KeyboardInterrupt):
        make().run()
    made = make()
    assert len(points(made)) == after - 1
    assert only_whole(made)
    made.run()
    assert len(calls) == POINTS + 1  # only the one that was stopped was begun twice
    assert losses(made) == losses(whole)
    assert counted(made) == counted(whole)


@pytest.mark.parametrize("stop", [2, 3, 4])  # a point, the mean keys, a codebook
def test_a_stop_while_a_file_is_written_leaves_no_half(make, whole, monkeypatch, stop):
    replace, names = os.replace, []

    def stopped(old, new):
        names.append(new)
        if len(names) == stop:
            raise KeyboardInterrupt
        replace(old, new)

    monkeypatch.setattr(os, "replace", stopped)
    with pytest.raises(KeyboardInterrupt):
        make().run()
    monkeypatch.undo()
    made = make()
    assert len(list(made.folder.iterdir())) == stop - 1
    assert only_whole(made)
    made.run()
    assert losses(made) == losses(whole)


def test_a_finished_sweep_loads_no_model(whole, make, monkeypatch):
    def never(path):
        raise AssertionError("the model was loaded")

    monkeypatch.setattr(quality_sweep, "Llama", never)
    whole.run()
    with pytest.raises(AssertionError, match="loaded"):
        make().run()


def cut(path):
    path.write_bytes(path.read_bytes()[:-3])


def empty(path):
    path.write_bytes(b"")


def flip(path):
    data = bytearray(path.read_bytes())
    data[-8] ^= 1  # the last bit of a loss
    path.write_bytes(data)


def nameless(path):
    save_array(path, load_array(path, mmap=False)[0])


def other(path):
    array, meta = load_array(path, mmap=False)
    meta["key"]["version"] = 0
    save_array(path, array, **meta)


def shorter(path):
    array, meta = load_array(path, mmap=False)
    save_array(path, array[1:], **meta)


def unsummed(path):
    array, meta = load_array(path, mmap=False)
    save_array(path, array, **{name: value for name, value in meta.items() if name != "seconds"})


@pytest.mark.parametrize("damage", [cut, empty, flip, nameless, other, shorter, unsummed])
def test_a_damaged_point_is_refused_said_and_worked_off_again(make, whole, damage):
    said = []
    made = make((SHORT,), said=said)
    made.run()
    before = losses(made)
    bad = next(path for path in made.folder.iterdir() if "-kwta-" in path.name)
    damage(bad)
    said.clear()
    assert made.finished(SHORT) == ((), {})
    assert len(said) == 1
    assert str(bad) in said[0] or "seconds" in said[0]
    assert said[0].endswith("; it is worked off again")
    made.run()
    assert losses(made) == before
    assert made.finished(SHORT)[0] == SHORT.windows


def test_what_was_learned_is_kept_and_learned_again_where_it_is_damaged(make, whole, monkeypatch):
    said = []
    made = make((LONG,), said=said)
    made.run()
    before = losses(made)
    learned = sorted(made.folder.glob("*.npz"))
    assert [path.name.split("-")[2] for path in learned] == ["bundles", "centre", "events", "events"]

    def again():
        said.clear()
        for path in points(made):
            path.unlink()
        made.run()
        assert losses(made) == before
        return [line for line in said if "learn" in line and not line[0].isdigit()]

    assert again() == []
    for path in learned:
        cut(path)
        first, second = again()
        assert first.startswith(str(path))
        assert first.endswith("; it is learned again")
        assert second == "learning from 48 tokens of another text"


def test_points_of_what_differs_are_told_apart(tiny, make):
    path, texts, learned = tiny
    made = make()
    names = {job.path.name for part in made._jobs for row in part for job in row}
    assert len(names) == POINTS

    def of(change):
        options = dataclasses.replace(ASKED[3].options, **change)
        part = Part(24, (("a", 0),), (Asked(), Asked("bundles", options)))
        return make((part,))._jobs[0][0][1].path.name

    assert of({}) in names
    assert not {of({"winners": 6}), of({"bundles": 3}), of({"seed": 4}), of({"sinks": 1})} & names
    assert of({"bits": 512}) in names  # bundles have no bits
    changed = {name: np.roll(text, 1) for name, text in texts.items()}
    for given in ((path, changed, learned), (path, texts, np.roll(learned, 1))):
        new = Sweep(*given, (LONG,), folder=made.folder)
        jobs = [job for row in new._jobs[0] for job in row]
        same = {job.asked.select for job in jobs if job.path.name in names}
        assert same == (set() if given[1] is changed else {"softmax", "kwta"})


def test_windows_of_all_parts_are_worked_off_in_turn(make, whole):
    said = []
    make(said=said).run()
    order = [
        line.split(": ")[1].split(",")[0].rsplit(" ", 1)
        for line in said
        if line[0].isdigit() and "/" in line[:4]
    ]
    groups = list(dict.fromkeys(window for window, _ in order))
    assert groups == ["24 a 0", "24 b 1", "8 b 2"]
    assert [rule for window, rule in order if window == "24 a 0"] == [one.select for one in ASKED]
    assert order[-1] == ["8 b 2", "kwta"]
    said.clear()
    make((dataclasses.replace(LONG, late=1), SHORT), folder="late", said=said).run()
    assert [line.split(": ")[1][:6] for line in said if f"/{POINTS}: " in line][:3] == [
        "8 b 2 ",
        "8 b 2 ",
        "24 a 0",
    ]
    assert said[-1].startswith(f"{POINTS}/{POINTS}: ")
    assert said[-1].endswith("0 min left")


def test_only_windows_that_all_rules_have_are_compared(make):
    made = make()
    made.run()
    next(made.folder.glob("24-b-1-signs-*")).unlink()
    names, found = made.finished(LONG)
    assert names == (("a", 0),)
    assert {point.losses.shape for point in found.values()} == {(1, 12)}
    next(made.folder.glob("24-a-0-softmax-*")).unlink()
    assert made.finished(LONG) == ((), {})
    assert made.finished(SHORT)[0] == SHORT.windows


def test_the_time_left_is_that_of_points_of_the_same_kind(make):
    jobs = {(job.asked.select, job.context): job for part in make()._jobs for row in part[:1] for job in row}
    clock = quality_sweep._Clock([(jobs["kwta", 8], 4.0), (jobs["signs", 24], 24.0)])
    assert clock.left([jobs["kwta", 8]]) == pytest.approx(4)
    assert clock.left([jobs["signs", 24], jobs["signs", 24]]) == pytest.approx(48)
    assert clock.left([jobs["kwta", 24]]) == pytest.approx(24)  # as others of this context, per token
    assert clock.left([jobs["softmax", 8]]) == pytest.approx(4)
    assert clock.left([]) == 0


@pytest.mark.parametrize(
    ("part", "message"),
    [
        (Part(8, (("a", 0),), ASKED[1:]), "parts must each have a window and softmax"),
        (Part(8, (), ASKED), "parts must each have a window and softmax"),
        (Part(8, (("c", 0),), ASKED), "windows must be of a, b, got 'c'"),
        (Part(24, (("a", 1),), ASKED), r"tokens must be at least 2 window\(s\) of 24, got 30"),
    ],
)
def test_bad_parts_are_refused(make, part, message):
    with pytest.raises(ValueError, match=f"^{message}"):
        make((part,))


@pytest.fixture
def module():
    return sim.load("quality")


def test_the_plan_is_what_the_question_asks(module):
    plan = module.plan(quick=False, seed=0)
    assert [part.context for part in plan] == [1024, 4096, 8192, 1024, 4096, 4096]
    small, medium, large, *codes, curves, more = plan
    assert len(small.windows) >= 8
    assert "lore" not in {name for part in plan for name, _ in part.windows}
    assert all(len(set(part.asked)) == len(part.asked) for part in plan)
    for part, few in ((small, len(module.FEW)), (curves, 0)):
        selects = [one.select for one in part.asked]
        counts = {select: selects.count(select) for select in RULES}
        assert counts["kwta"] == counts["bundles"] == len(module.SHARES)
        assert {counts[select] for select in ("signs", "events", "event-bundles")} == {few}
    for part in (*codes, more):
        assert {one.options.bits for one in part.asked if one.select == "signs"} == set(module.BITS)
    for part in plan:
        bundles = [one.options for one in part.asked if one.select in ("bundles", "event-bundles")]
        assert all(1 <= options.bundles < options.winners for options in bundles)
    assert {one.select for one in medium.asked} == set(RULES)
    at_one = {one.select: one.options for one in medium.asked}
    assert {options.winners for select, options in at_one.items() if select != "softmax"} == {41}
    assert at_one["bundles"].bundles == 16
    assert {one.select for one in large.asked} == set(RULES) - {"signs"}


@pytest.fixture
def parts(module, monkeypatch):
    """What the sim asks, of the tiny model: contexts of 12 and 16 in place of 1,024 and 4,096."""
    monkeypatch.setattr(module, "SHARES", ("20%", "40%"))
    monkeypatch.setattr(module, "SHARE", "40%")

    def asked(context):
        for select in ("kwta", "bundles"):
            for share in module.SHARES:
                yield module.asked(select, share, context, 0)
        for bits in (64, 1024):
            yield module.asked("signs", "40%", context, 0, bits=bits)

    return (
        Part(12, (("a", 0), ("b", 0)), (Asked(), *asked(12))),
        Part(16, (("b", 0),), (Asked(), *asked(16))),
    )


@pytest.fixture
def tiny_sim(module, parts, make, monkeypatch):
    """The sim over the tiny model."""
    monkeypatch.setattr(module, "sweep", lambda **_: make(parts))
    return parts


def test_the_numbers_are_paired_and_the_figure_is_drawn_from_them_alone(module, tiny_sim, make):
    numbers = sim.plain(module.simulate(quick=True, seed=0))
    assert [part["context"] for part in numbers["parts"]] == [12, 16]
    assert [len(part["windows"]) for part in numbers["parts"]] == [2, 1]
    part = tiny_sim[0]
    found = make(tiny_sim).finished(part)[1]
    reference = found[Asked()].losses
    for row, asked in zip(numbers["parts"][0]["rules"], part.asked[1:], strict=True):
        difference = (found[asked].losses - reference).mean(axis=1)
        half = stats.t.ppf(0.975, 1) * difference.std(ddof=1) / np.sqrt(2)
        assert row["ratio"]["value"] == pytest.approx(np.exp(difference.mean()), rel=1e-4)
        assert row["ratio"]["high"] == pytest.approx(np.exp(difference.mean() + half), rel=1e-4)
        assert row["perplexity"] == pytest.approx(np.exp(found[asked].losses.mean()), rel=1e-4)
        assert row["windows_better_than_softmax"] == (difference < 0).sum()
        if asked.select == "kwta":
            assert row["ratio_to_kwta"] is None
        else:
            exact = next(one for one in part.asked[1:] if one.options.winners == asked.options.winners)
            away = (found[asked].losses - found[exact].losses).mean()
            assert exact.select == "kwta"
            assert row["ratio_to_kwta"]["value"] == pytest.approx(np.exp(away), rel=1e-4)
    drawn = module.draw(json.loads(json.dumps(numbers, allow_nan=False)))
    assert len(drawn.axes) == 4  # two contexts by share, contexts at one share, bits
    assert all(axis.get_title() and axis.get_xlabel() and axis.get_ylabel() for axis in drawn.axes)
    assert [len(axis.containers) for axis in drawn.axes] == [3, 3, 3, 2]
    plt.close(drawn)


def test_what_is_said_is_computed(module):
    def ratio(value, low, high):
        return {"value": value, "low": low, "high": high, "units": "windows", "count": 8}

    def rules(best):
        kwta = {"select": "kwta", "winners": 41, "share": "1%", "ratio": ratio(1.3, 1.2, 1.4)}
        return [kwta, {"select": "bundles", "winners": 41, "share": "1%", "ratio": best}, kwta]

    def said(best):
        return module.words({"share": "1%", "aim": 1.1, "parts": [{"context": 4096, "rules": rules(best)}]})

    first, second = said(ratio(1.04, 1.02, 1.06))
    assert first.startswith(
        "Dense softmax has the lower perplexity in 2 of 2 comparisons by the whole interval"
    )
    assert "exact winners and bundles, +4.0 % (+2.0 to +6.0)" in second
    assert second.endswith("it meets the aim of +10 %.")
    assert said(ratio(1.09, 1.07, 1.11))[1].endswith(
        "it meets the aim of +10 %, though not by its whole interval."
    )
    assert said(ratio(1.15, 1.12, 1.18))[1].endswith("it misses the aim of +10 %.")
    assert said(ratio(0.95, 0.92, 0.98))[0].endswith(
        "in 1 of 2 comparisons by the whole interval, a rule in 1."
    )
    assert "exact winners, +30.0 %" in said(ratio(1.5, 1.4, 1.6))[1]
    found = {
        "winners": 41,
        "share": "1%",
        "ratio": ratio(1.2, 1.1, 1.3),
        "candidates": 4,
        "found_share": 0.987,
    }
    events = found | {"select": "events", "synaptic_events_per_query_key": 0.463}
    signs = [found | {"select": "signs", "bits": bits} for bits in (512, 1024)]
    parts = [{"context": 8192, "rules": [events, *signs]}]
    assert module.words({"share": "1%", "aim": 1.1, "parts": parts})[1:] == [
        "At 8,192 keys, 0.46 events per (query, key) with 4× candidates find 98.7 % of the mass of the exact 41 "
        "winners.",
        "At 8,192 keys, 1,024 bits with 4× candidates find 98.7 % of the mass of the exact 41 winners.",
    ]


def test_a_stop_draws_what_is_finished(module, tiny_sim, monkeypatch):
    interrupt(monkeypatch, 1)
    with pytest.raises(KeyboardInterrupt):
        module.simulate(quick=True, seed=0)
    monkeypatch.undo()


def test_a_stop_keeps_whole_windows(module, tiny_sim, monkeypatch):
    interrupt(monkeypatch, 10)  # in the second window of seven rules
    numbers = module.simulate(quick=True, seed=0)
    assert [part["windows"] for part in numbers["parts"]] == [["a 0"]]
    assert {len(part["rules"]) for part in numbers["parts"]} == {6}


def test_without_the_model_it_is_skipped_with_a_command(module, monkeypatch, tmp_path):
    monkeypatch.setenv("HDSPIKE_DATA", str(tmp_path))
    with pytest.raises(datasets.Absent, match="run `hdspike data fetch smollm2 brown`"):
        module.simulate(quick=True, seed=0)


def test_points_are_kept_in_the_users_cache(monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert quality_sweep.cache().name == "quality"
    assert isinstance(quality_sweep.cache(), pathlib.Path)


def test_rules_with_a_look_are_rules_or_to_come(module):
    assert set(RULES) - {"softmax"} <= set(module.LOOKS)
