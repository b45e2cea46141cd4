"""What is shipped: every number has a source, one file is one ledger, and what was derived follows from its parts."""

import math
import re
import tomllib

import pytest

from hdspike import substrate
from hdspike.energy import COMPONENTS, price

NAMED = {
    "neuromorphic": (
        "loihi", "loihi-sanafe", "loihi-silicon", "truenorth", "truenorth-inclusive", "odin", "odin-inclusive",
        "seneca", "spinnaker", "spinnaker2", "spinnaker2-prototype", "dynap-se",
    ),
    "processor": (
        "cpu-45nm", "cpu-7nm", "a100-circuit", "a100-path", "a100-board", "h100-board", "gh200-path",
    ),
    "static": ("northpole",),
    "memory": ("ambit", "pcm-hdc", "sram-bitline", "tcam-65nm", "hd-cam", "fefet-tcam", "rram-2t2r"),
    "brain": ("brain-marginal", "brain-all-in"),
    "table": ("horowitz-45nm", "jouppi-7nm"),
}  # fmt: skip
MEMORIES = NAMED["memory"]
FLAGS = ("(derived)", "(recalled)", "(assumed)")


def si(name, key):
    return substrate.load(name).si(key)


def test_every_chip_that_is_spoken_of_is_there():
    for kind, names in NAMED.items():
        for name in names:
            assert substrate.load(name).kind == kind


@pytest.mark.parametrize("name", substrate.available())
def test_no_number_without_a_source(name):
    """Of the bare document: nothing is a number that is not an entry, and no entry is without a source."""
    document = tomllib.loads((substrate.FOLDER / f"{name}.toml").read_text(encoding="utf-8"))
    entries = 0
    for table, content in document.items():
        if isinstance(content, dict):
            for key, entry in content.items():
                assert re.search(r"[A-Za-z]{3}", entry["source"]), f"{table}.{key}"
                entries += 1
        else:
            assert isinstance(content, str) or table == "format"
    assert entries


@pytest.mark.parametrize("name", substrate.available())
def test_a_shipped_file_is_sound(name):
    chip = substrate.load(name)
    assert chip.name == name
    assert len(chip.notes.split()) > 5
    for key, quantity in chip.quantities.items():
        assert quantity.low <= quantity.value <= quantity.high, key
        assert quantity.ledger == chip.ledger, key
        assert quantity.verified != any(flag in quantity.source for flag in FLAGS), key
        assert quantity.standing in ("verified", "derived", "recalled", "assumed"), key
    for table in ("energy", "power"):
        ranges = [q for key, q in chip.quantities.items() if key.startswith(f"{table}.") and q.value > 0.0]
        assert all(q.low < q.high for q in ranges)  # nothing is known exactly
    if chip.kind != "table":
        assert set(chip.priced()) <= set(COMPONENTS)
    if chip.has("power.idle") and chip.has("power.static"):
        assert chip.si("power.idle") <= chip.si("power.static")


# Constants that hold leakage, and the affine laws they come from


def test_leakage_is_never_beside_a_static_power():
    holding = {
        name
        for name in substrate.available()
        if any(quantity.includes_leakage for quantity in substrate.load(name).quantities.values())
    }
    assert {"truenorth-inclusive", "odin-inclusive", "brain-all-in", "northpole"} <= holding
    for name in holding:
        assert not substrate.load(name).has("power.static")
        assert "static power is inside" in " ".join(
            price({substrate.load(name).priced()[0]: 1}, substrate.load(name), seconds=1.0).notes
        )


@pytest.mark.parametrize(("hertz", "watts"), [(11.58, 68e-3), (20.07, 71e-3), (95.93, 94e-3)])
def test_truenorth_draws_what_was_measured(hertz, watts):
    events = 2**20 * 128 * hertz
    bill = price({"synaptic_events": events, "hops": 0}, substrate.load("truenorth"), seconds=1.0)
    assert bill.nominal == pytest.approx(watts, rel=0.01)


def test_truenorth_at_20_hertz_is_its_inclusive_figure():
    events = 2**20 * 128 * 20
    bill = price({"synaptic_events": events, "hops": 0}, substrate.load("truenorth"), seconds=1.0)
    inclusive = price({"synaptic_events": 1}, substrate.load("truenorth-inclusive"), seconds=1.0)
    assert bill.nominal / events == pytest.approx(26e-12, rel=0.03)
    assert inclusive.nominal == pytest.approx(26e-12)


@pytest.mark.parametrize(("hertz", "rate", "watts"), [(75e6, 37.5e6, 477e-6), (1.3e6, 0.65e6, 35e-6)])
def test_odin_draws_what_was_measured(hertz, rate, watts):
    counts = {"synaptic_events": rate, "clock_cycles": hertz}
    bill = price(counts, substrate.load("odin"), seconds=1.0)
    assert bill.nominal == pytest.approx(watts, rel=0.005)
    if hertz == 75e6:
        assert bill.nominal / rate == pytest.approx(si("odin-inclusive", "energy.synaptic_events"), rel=0.01)
        assert 1 / si("odin", "timing.clock") == pytest.approx(hertz, rel=1e-4)
        assert 1 / si("odin", "timing.synaptic_event") == pytest.approx(rate, rel=1e-4)


def test_sizes_hold_together():
    for name, neurons, synapses in (("truenorth", 2**20, 2**28), ("odin", 256, 2**16)):
        chip = substrate.load(name)
        cores = math.prod(chip.si(f"topology.{key}") for key in ("columns", "rows", "cores_per_tile"))
        assert cores * chip.si("topology.neurons_per_core") == neurons
        bits = {"truenorth": 1, "odin": 4}[name]
        assert cores * chip.si("topology.synaptic_memory_bits") == synapses * bits


# Derived from published tables


@pytest.mark.parametrize(
    ("name", "table"),
    [("cpu-45nm", "horowitz-45nm"), ("cpu-7nm", "jouppi-7nm"), ("a100-circuit", "jouppi-7nm")],
)
def test_a_processor_is_its_table(name, table):
    e = {key: quantity.si for key, quantity in substrate.load(table).quantities.items()}
    chip = substrate.load(name)

    def follows(key, joules):
        assert chip.si(f"energy.{key}") == pytest.approx(joules, rel=1e-3), key

    for precision, adder in (("fp32", "fp32"), ("fp16", "fp16"), ("bf16", "bf16"), ("int8", "int32")):
        if f"energy.{precision}_mul" in e:
            follows(f"macs_{precision}", e[f"energy.{precision}_mul"] + e[f"energy.{adder}_add"])
    follows("exps", 8 * chip.si("energy.macs_fp32"))
    follows("bit_products", math.sqrt(e["energy.int8_mul"] / 64 * e["energy.int32_mul"] / 1024))
    follows("adds_int32", e["energy.int32_add"])
    for key in ("word_xors", "popcounts", "encoder_xors"):
        follows(key, 8 * e["energy.int8_add"])
    adds = chip.quantity("energy.encoder_adds")
    assert adds.low * adds.factor == pytest.approx(e["energy.int8_add"])
    for suffix in ("", "_written"):
        follows(f"sram_bits{suffix}", e["energy.sram_32kb_64b"] / 64)
        follows(f"l2_bits{suffix}", e["energy.sram_1mb_64b"] / 64)
        if name.startswith("cpu"):
            dram = e.get("energy.dram_64b", e.get("energy.dram_64b_ddr4"))
            follows(f"dram_bits{suffix}", dram / 64)


@pytest.mark.parametrize("name", ["cpu-45nm", "cpu-7nm", "a100-circuit"])
def test_bits_by_bits_give_a_multiplier(name):
    """An array multiplier's energy is in proportion to bits × bits: 8 × 8 of them near the published product."""
    table = "horowitz-45nm" if name == "cpu-45nm" else "jouppi-7nm"
    for bits in (8, 32):
        product = bits * bits * si(name, "energy.bit_products")
        assert product == pytest.approx(si(table, f"energy.int{bits}_mul"), rel=0.2)


@pytest.mark.parametrize(("name", "flop"), [("a100-path", 0.70e-12), ("gh200-path", 0.52e-12)])
def test_a_gpu_path_is_two_operations_a_multiply_add(name, flop):
    for precision in ("fp16", "bf16"):
        assert si(name, f"energy.macs_{precision}") == pytest.approx(2 * flop)
    int8 = substrate.load(name).quantity("energy.macs_int8")
    assert (int8.low * int8.factor, int8.high * int8.factor) == pytest.approx((flop, 2 * flop))
    assert si(name, "energy.dram_bits") > si(name, "energy.l2_bits") > si(name, "energy.sram_bits")


def test_a_board_is_one_power():
    for name, watts in (("a100-board", 400), ("h100-board", 700)):
        assert substrate.load(name).priced() == ()
        assert si(name, "power.board") == watts
        assert substrate.load(name).quantity("power.board").verified
    assert si("h100-board", "power.idle") == pytest.approx(71.8)
    assert si("h100-board", "peak.bf16") == pytest.approx(989.4e12)
    assert "h100-circuit" not in substrate.available()
    assert "h100-circuit" in substrate.load("h100-board").notes


def test_northpole_is_one_measured_job():
    chip = substrate.load("northpole")
    token = 672 / 28_356
    assert token == pytest.approx(23.7e-3, rel=1e-3)
    assert chip.si("energy.macs_int4") * 3e9 == pytest.approx(token, rel=1e-3)
    mac = chip.quantity("energy.macs_int4")
    assert mac.low * mac.factor == pytest.approx(672 / 16 / (chip.si("peak.int4") / 2), rel=1e-3)
    assert not {"synaptic_events", "fired", "updates"} & set(chip.priced())  # no data-dependent branching
    assert chip.si("peak.int4") == pytest.approx(2 * chip.si("peak.int8"), rel=1e-4)


# Arrays that compute


def test_ambit_per_bit_is_its_table_per_kilobyte():
    chip = substrate.load("ambit")
    for key, nanojoules in (("and", 3.2), ("xor", 5.5), ("majority", 0.8), ("copy", 0.8)):
        assert chip.si(f"energy.in_memory_{key}_bits") * 8192 == pytest.approx(nanojoules * 1e-9, rel=1e-3)
    # three copies and one activation of three rows are an AND
    parts = 3 * chip.si("energy.in_memory_copy_bits") + chip.si("energy.in_memory_majority_bits")
    assert parts == pytest.approx(chip.si("energy.in_memory_and_bits"), rel=1e-3)
    # the published reduction of an XOR against reading two rows of DDR3 and writing one
    moved = chip.quantity("energy.dram_bits")
    assert 3 * moved.low * moved.factor / chip.si("energy.in_memory_xor_bits") == pytest.approx(
        25.1, rel=0.05
    )


def test_error_rates_of_a_majority():
    chip = substrate.load("ambit")
    assert [chip.si(f"errors.majority_{v}pct") for v in (5, 10, 15)] == [0.0, 0.0029, 0.0601]
    measured = [chip.si(f"errors.ddr4_majority_{inputs}") for inputs in (3, 5, 7, 9)]
    assert measured == pytest.approx([0.01, 0.2036, 0.6613, 0.9409])
    assert measured == sorted(measured)


def test_energies_per_bit_are_their_published_totals():
    assert si("pcm-hdc", "energy.crossbar_bits") * 22 * 10_000 == pytest.approx(9.44e-9, rel=1e-3)
    whole = si("pcm-hdc", "energy.encoded_queries") + 9.44e-9
    assert whole == pytest.approx(430.8e-9, rel=2e-3)
    assert si("sram-bitline", "energy.in_memory_xor_bits") * 256 == pytest.approx(15.4e-12, rel=1e-3)
    assert si("sram-bitline", "energy.sram_bits") * 256 == pytest.approx(8.6e-12, rel=1e-3)
    for name, femtojoules in (("tcam-65nm", 0.6), ("hd-cam", 0.19), ("fefet-tcam", 0.195)):
        cell = substrate.load(name).quantity("energy.cam_bits")
        assert cell.si == pytest.approx(femtojoules * 1e-15)
        assert (cell.low, cell.high) == (0.19, 0.86)
    assert si("seneca", "energy.sram_bits") * 16 == pytest.approx(3.7e-12)


@pytest.mark.parametrize("name", MEMORIES)
def test_what_a_memory_leaves_to_the_processor_is_priced_at_the_processors_node(name):
    chip = substrate.load(name)
    for counter in ("popcounts", "adds_int32", "encoder_xors", "encoder_adds"):
        if chip.has(f"energy.{counter}"):
            quantity = chip.quantity(f"energy.{counter}")
            assert quantity.node == "45 nm"
            assert quantity.si == pytest.approx(si("cpu-45nm", f"energy.{counter}"))


# The brain


def test_a_spike_and_its_releases_make_the_whole_spike():
    low, high = 5e-20, 8.3e-20
    chip = substrate.load("brain-marginal")
    whole = 2000 * chip.si("energy.synaptic_events") + chip.si("energy.fired")
    assert whole == pytest.approx(7.1e8 * math.sqrt(low * high), rel=1e-3)
    event = chip.quantity("energy.synaptic_events")
    assert (event.low, event.high) == pytest.approx((8.2, 13.6), rel=1e-2)


def test_the_whole_brain_is_twenty_watts():
    chip = substrate.load("brain-all-in")
    event = chip.quantity("energy.synaptic_events")
    assert (1e14 * event.high * event.factor, 1e15 * event.low * event.factor) == pytest.approx((20, 20))
    assert event.si == pytest.approx(math.sqrt(event.low * event.high) * event.factor, rel=1e-4)
    assert chip.si("power.idle") == 20
