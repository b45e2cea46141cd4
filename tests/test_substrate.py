"""Substrates: what is shipped is sound, and every broken rule is named."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from hdspike import substrate

GOOD = """
format = 1
name = "mine"
title = "My chip"
kind = "neuromorphic"
node = "14 nm"
ledger = "circuit"
notes = "none"

[topology]
columns = { value = 8, unit = "1", verified = true, source = "me" }

[timing]
packet = { value = 2.1, unit = "ns", verified = true, source = "me" }

[energy]
synaptic_events = { value = 2.0, unit = "pJ", low = 1.0, high = 4.0, verified = true, source = "me; measured" }
dram_bits = { value = 2.0, unit = "pJ/bit", low = 1.0, high = 4.0, verified = true, source = "me" }

[power]
static = { value = 5.0, unit = "mW", low = 4.0, high = 6.0, verified = false, source = "me (derived)" }

[peak]
fp32 = { value = 1.0, unit = "Top/s", verified = true, source = "me" }

[errors]
majority = { value = 0.25, unit = "1", verified = true, source = "me" }
"""


def write(folder: Path, text: str | bytes, name: str = "mine.toml") -> Path:
    path = folder / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode("utf-8"))
    return path


def test_a_good_file(tmp_path):
    chip = substrate.load(write(tmp_path, GOOD))
    assert (chip.name, chip.kind, chip.node, chip.ledger) == ("mine", "neuromorphic", "14 nm", "circuit")
    assert chip.has("timing.packet")
    assert not chip.has("timing.hop")
    assert chip.si("timing.packet") == pytest.approx(2.1e-9)
    assert chip.si("energy.dram_bits") == pytest.approx(2e-12)
    assert chip.si("peak.fp32") == 1e12
    assert chip.si("errors.majority") == 0.25
    assert chip.quantity("topology.columns").low == chip.quantity("topology.columns").high == 8
    assert chip.quantity("energy.synaptic_events").citation == "me"
    assert chip.priced() == ("synaptic_events", "dram_bits")
    assert substrate.load(str(tmp_path / "mine.toml")) == chip
    with pytest.raises(TypeError):
        chip.quantities["timing.packet"] = None  # a loaded substrate is read-only


SYNAPSE = next(line for line in GOOD.splitlines() if line.startswith("synaptic_events"))

BROKEN = {
    "missing header": ('title = "My chip"\n', "", "title must be given"),
    "empty header": ('title = "My chip"', 'title = " "', "title must be a text, got ' '"),
    "no version": ("format = 1", "", "format must be 1, the version of the format, got None"),
    "another version": ("format = 1", "format = 2", "format must be 1, .* got 2"),
    "bad name": ('name = "mine"', 'name = "../mine"', "name must be lower-case .* got '../mine'"),
    "bad kind": ('"neuromorphic"', '"magic"', "kind must be one of .* got 'magic'"),
    "bad ledger": ('ledger = "circuit"', 'ledger = "guess"', "ledger must be one of .* got 'guess'"),
    "unknown table": ("[timing]", "[timings]", "timings must be one of"),
    "table that is none": ("[timing]\npacket", "[timing.packet]\nvalue", "must be"),
    "unknown field": ('unit = "ns"', 'unit = "ns", sauce = 1', "timing.packet.sauce must be one of"),
    "no value": ("value = 2.1, ", "", "timing.packet.value must be given"),
    "no unit": ('unit = "ns", ', "", "timing.packet.unit must be given"),
    "no source": (', source = "me; measured"', "", "energy.synaptic_events.source must be given"),
    "empty source": ('"me; measured"', '""', "energy.synaptic_events.source must be a text, got ''"),
    "no flag": ("verified = false, ", "", "power.static.verified must be given"),
    "flag of words": ("verified = false", 'verified = "no"', "power.static.verified must be true or false"),
    "no low": (SYNAPSE, SYNAPSE.replace("low = 1.0, ", ""), "energy.synaptic_events.low must be given"),
    "no high": (SYNAPSE, SYNAPSE.replace("high = 4.0, ", ""), "energy.synaptic_events.high must be given"),
    "low above value": (SYNAPSE, SYNAPSE.replace("1.0", "3.0"), "low must be at most the value 2, got 3.0"),
    "high below value": (
        SYNAPSE,
        SYNAPSE.replace("4.0", "1.5"),
        "high must be at least the value 2, got 1.5",
    ),
    "zero low": (SYNAPSE, SYNAPSE.replace("1.0", "0.0"), "low must be above 0"),
    "negative": (SYNAPSE, SYNAPSE.replace("2.0", "-2.0"), "value must be a finite number .* got -2.0"),
    "not a number": (SYNAPSE, SYNAPSE.replace("2.0", "nan"), "value must be a finite number .* got nan"),
    "infinite": (SYNAPSE, SYNAPSE.replace("4.0", "inf"), "high must be a finite number .* got inf"),
    "huge integer": (SYNAPSE, SYNAPSE.replace("4.0", "1" + "0" * 400), "high must be a finite number"),
    "text for a number": (SYNAPSE, SYNAPSE.replace("2.0", '"2"'), "value must be a number, got '2'"),
    "flag for a number": (SYNAPSE, SYNAPSE.replace("2.0", "true"), "value must be a number, got True"),
    "bare number": ("[timing]", "[timing]\nhop = 3", "timing.hop must be a table .* got 3"),
    "unknown unit": ('"ns"', '"parsec"', "timing.packet.unit must be one of .* got 'parsec'"),
    "wrong kind of unit": ('"ns"', '"pJ"', "timing.packet.unit must be a unit of time, got 'pJ'"),
    "event per bit": ('unit = "pJ", low', 'unit = "pJ/bit", low', "must be per bit for a counter of bits"),
    "bits per event": ('"pJ/bit"', '"pJ"', "energy.dram_bits.unit must be per bit"),
    "unknown counter": ("synaptic_events =", "synaptic_event =", "must be a counter of the vocabulary"),
    "unknown power": ("static =", "sttic =", "power.sttic must be one of static, board"),
    "bad key": ("packet =", '"PACKET!" =', "must be lower-case letters"),
    "half a column": ("value = 8,", "value = 8.5,", "topology.columns.value must be a whole number, got 8.5"),
    "no peak": ("value = 1.0, unit", "value = 0.0, unit", "peak.fp32.value must be above 0"),
    "foreign ledger": (
        'source = "me; measured"',
        'source = "me", ledger = "board"',
        "energy.synaptic_events.ledger must be the file's ledger 'circuit', got 'board'",
    ),
    "leakage twice": (
        'source = "me; measured"',
        'source = "me", includes_leakage = true',
        "energy.synaptic_events must not include leakage .* charged twice",
    ),
    "board beside energies": ("static =", "board =", "power.board must stand alone"),
    "board in another ledger": (
        GOOD[GOOD.index("[energy]") : GOOD.index("[peak]")],
        '[power]\nboard = { value = 5.0, unit = "W", low = 4.0, high = 6.0, verified = true, source = "me" }\n',
        "power.board must be in a file of the board ledger, got 'circuit'",
    ),
    "no source of an error rate": (
        'value = 0.25, unit = "1", verified = true, source = "me"',
        'value = 0.25, unit = "1", verified = true',
        "errors.majority.source must be given",
    ),
    "an error rate above one": ("value = 0.25", "value = 1.5", "errors.majority.value must be a probability"),
    "an error rate's high above one": (
        "value = 0.25",
        "value = 0.25, high = 2.0",
        "errors.majority.value must be a probability .* got 2.0",
    ),
    "a negative error rate": (
        "value = 0.25",
        "value = -0.25",
        "errors.majority.value must be a finite number",
    ),
    "an error rate in bits": (
        'value = 0.25, unit = "1"',
        'value = 0.25, unit = "bit"',
        "errors.majority.unit must be a unit of count",
    ),
    "an energy in watts": (
        'unit = "pJ", low',
        'unit = "W", low',
        "must be a unit of energy or energy per bit",
    ),
    "a size in seconds": (
        'value = 8, unit = "1"',
        'value = 8, unit = "s"',
        "must be a unit of count or info",
    ),
    "a text of another type": ('node = "14 nm"', "node = 14", "node must be a text, got 14"),
    "control characters": ('"My chip"', r'"My \u001b[2Jchip"', "title must hold no control characters"),
    "a source that cites nothing": (
        '"me; measured"',
        '"; measured"',
        "source must begin with a citation, got '; measured'",
    ),
    "a version that is no number": (
        "format = 1\n",
        "format = true\n",
        "format must be 1, the version .* got True",
    ),
    "a source of two lines": ('"me; measured"', r'"me;\nmeasured"', "source must hold no control characters"),
    "inherits nobody": ('name = "mine"', 'name = "mine"\ninherits = "nobody"', "inherits must be one of"),
    "inherits a path": (
        'name = "mine"',
        'name = "mine"\ninherits = "/etc/x.toml"',
        "inherits must be one of",
    ),
    "inherits an heir": (
        'name = "mine"',
        'name = "mine"\ninherits = "a100-path"',
        "inherits must name a substrate that inherits nothing itself",
    ),
}


@pytest.mark.parametrize("case", BROKEN)
def test_a_broken_rule_is_named(case, tmp_path):
    old, new, text = BROKEN[case]
    assert old in GOOD
    path = write(tmp_path, GOOD.replace(old, new, 1))
    with pytest.raises(ValueError, match=text) as caught:
        substrate.load(path)
    assert str(caught.value).startswith("mine.toml: ")
    assert len(str(caught.value)) < 500


@pytest.mark.parametrize(
    ("data", "text"),
    [
        (b"name = ", "must be TOML in UTF-8"),
        (b"\xff\xfe", "must be TOML in UTF-8"),
        (b"x = " + b"[" * 100_000, "must be TOML in UTF-8"),
        (b"x = 1" + b"0" * 10_000, "must be"),
        (b"#" * 300_000, "must be at most 262144 bytes"),
        (b"format = 1", "name must be given"),
        (b"", "format must be 1"),
    ],
)
def test_hostile_files(data, text, tmp_path):
    with pytest.raises(ValueError, match=text):
        substrate.load(write(tmp_path, data))


def test_unknown_names_list_the_known_ones(tmp_path):
    with pytest.raises(ValueError, match=r"one of .*loihi.* got 'lohi'"):
        substrate.load("lohi")
    with pytest.raises(ValueError, match="must be an existing file"):
        substrate.load(tmp_path / "nowhere.toml")
    with pytest.raises(ValueError, match="must be an existing file"):
        substrate.load(write(tmp_path, GOOD).parent / "folder.toml")
    with pytest.raises(TypeError, match="name_or_path"):
        substrate.load(7)
    with pytest.raises(ValueError, match=r"one of timing\.synaptic_event.* got 'timing\.hop'"):
        substrate.load("loihi").quantity("timing.hop")


def test_json_states_what_a_file_leaves_out(tmp_path):
    text = GOOD.replace('source = "me; measured"', 'source = "me; measured", node = "16 nm"')
    chip = substrate.load(write(tmp_path, text))
    document = json.loads(json.dumps(chip.as_json()))
    assert (document["format"], document["name"], document["notes"]) == (1, "mine", "none")
    assert list(document["quantities"]) == list(chip.quantities)
    fields = {"value", "unit", "low", "high", "node", "source", "verified", "includes_leakage", "ledger"}
    assert all(set(entry) == fields for entry in document["quantities"].values())
    assert document["quantities"]["energy.synaptic_events"] == {
        "value": 2.0, "unit": "pJ", "low": 1.0, "high": 4.0, "node": "16 nm", "source": "me; measured",
        "verified": True, "includes_leakage": False, "ledger": "circuit",
    }  # fmt: skip
    assert document["quantities"]["timing.packet"]["node"] == "14 nm"
    heir = substrate.load(write(tmp_path, text.replace('name = "mine"', 'name = "mine"\ninherits = "odin"')))
    assert {q["ledger"] for q in heir.as_json()["quantities"].values()} == {"circuit"}  # odin's is path
    assert heir.quantity("timing.clock").node == "28 nm"


def test_what_a_source_says_of_its_number():
    chip = substrate.load("loihi")
    static = chip.quantity("power.static")
    assert (static.standing, static.citation) == (
        "derived",
        "Frady et al., NICE 2020, arXiv:2004.12691 (derived)",
    )
    assert static.how.startswith("3.34 W measured on 32 chips")
    assert chip.quantity("topology.input_axons").standing == "recalled"
    assert chip.quantity("timing.packet").standing == "verified"
    assert replace(static, source="hearsay").standing == "unverified"
    assert replace(static, source="A (recalled) of B (assumed); C").standing == "recalled and assumed"


def test_a_bar_in_a_source_does_not_break_the_table(tmp_path):
    path = write(tmp_path, GOOD.replace('"me; measured"', '"me | you"'))
    rows = substrate.markdown([str(path)]).splitlines()
    assert len({row.count("|") for row in rows}) == 1
    assert "me &#124; you" in rows[2]


def test_an_own_entry_wins_over_an_inherited_one(tmp_path):
    chip = substrate.load(write(tmp_path, GOOD.replace('name = "mine"', 'name = "mine"\ninherits = "loihi"')))
    assert chip.si("timing.packet") == pytest.approx(2.1e-9)
    assert chip.quantity("timing.packet").source == "me"
    assert chip.si("topology.rows") == 4
    assert not chip.has("energy.packets")  # energies and powers belong to a ledger and are not inherited


def test_loihi_as_published():
    chip = substrate.load("loihi")
    keys = ("columns", "rows", "cores_per_tile", "neurons_per_core", "synaptic_memory_bits")
    assert [chip.si(f"topology.{key}") for key in keys] == [8, 4, 4, 1024, 1_048_576]
    times = ("synaptic_event", "update_active", "packet", "hop_east_west", "hop_north_south")
    assert [chip.si(f"timing.{key}") * 1e9 for key in times] == pytest.approx([3.5, 8.4, 2.1, 4.1, 6.5])
    scaled = substrate.load("loihi-silicon")
    assert scaled.quantity("timing.packet").si == chip.quantity("timing.packet").si
    assert scaled.quantity("timing.packet").source == chip.quantity("timing.packet").source
    assert {quantity.ledger for quantity in scaled.quantities.values()} == {"path"}
    assert scaled.si("energy.synaptic_events") / chip.si("energy.synaptic_events") == pytest.approx(
        0.873, abs=1e-4
    )


def test_a_multiply_add_is_a_multiplication_and_an_addition():
    table, chip = substrate.load("jouppi-7nm"), substrate.load("a100-circuit")
    for precision, adder in (("fp32", "fp32"), ("fp16", "fp16"), ("int8", "int32")):
        parts = table.si(f"energy.{precision}_mul") + table.si(f"energy.{adder}_add")
        assert chip.si(f"energy.macs_{precision}") == pytest.approx(parts)
    assert chip.si("energy.sram_bits") * 64 == pytest.approx(table.si("energy.sram_32kb_64b"), rel=1e-4)


def test_the_table_of_the_documentation_is_current():
    text = (Path(__file__).parents[1] / "docs" / "energy.md").read_text(encoding="utf-8")
    for line in substrate.markdown().splitlines():
        assert line in text, 'run: python -c "from hdspike import substrate; print(substrate.markdown())"'
