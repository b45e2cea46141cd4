"""How the main job runs on each kind of substrate: counts against a job that is really done, and bills by hand."""

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hdspike import chip, encode, schedules, substrate
from hdspike.attention import SpikingAttention
from hdspike.encode import suffixes as encoder
from hdspike.schedules import Job, Plan, Timed, brain, dense, encoding, events, in_memory, packed, static
from hdspike.spaces import BSC, SBC
from tests.naive import schedules as naive

SBC_JOB = Job(32_768, 131_072, "sbc", 128, 64, 512, 128.0, 43_000.0, 6_700.0, 150.0, 112.0)
BSC_JOB = Job(4096, 10_240, "bsc", 10_240, 64, 512, 5120.0, 5120.0 * 4096, 4096.0, 90.0, 128.0)
ENCODED = replace(SBC_JOB, encoder=encoding.suffixes("sbc", 131_072, 128, order=8))
SHEETS = [
    sheet.name
    for sheet in map(substrate.load, substrate.available())
    if sheet.kind != "table" and (sheet.priced() or sheet.has("power.board"))
]


def words(vector):
    return [int(word) for word in vector]


@given(keys=st.integers(1, 9), words_=st.integers(1, 4), seed=st.integers(0, 99))
def test_xor_counts_are_those_of_the_job_done(keys, words_, seed):
    space = BSC(64 * words_)
    made = space.random(keys, rng=seed)
    query = space.random(1, rng=seed + 100)
    scores, counted = naive.xor(words(query[0]), [words(key) for key in made])
    np.testing.assert_array_equal(scores, space.score(query, made)[0])
    job = Job(keys, space.dim, "bsc", space.dim, 1, 8, 1.0, 1.0, 1.0, 1.0, 1.0)
    plan = packed.plan(job, substrate.load("cpu-7nm"))
    assert {name: plan.counts[name] for name in ("word_xors", "popcounts")} == {
        name: counted[name] for name in ("word_xors", "popcounts")
    }
    assert plan.counts["adds_int32"] - packed.selection(job) == pytest.approx(counted["adds_int32"])
    assert plan.counts["sram_bits"] - packed.outside(job, False)["sram_bits"] == counted["sram_bits"]


@given(keys=st.integers(1, 12), blocks=st.integers(1, 9), length=st.integers(2, 300), seed=st.integers(0, 99))
def test_blocks_and_lists_count_what_the_job_done_costs(keys, blocks, length, seed):
    space = SBC(blocks * length, blocks=blocks)
    made = space.random(keys, rng=seed)
    query = space.random(1, rng=seed + 100)
    mine, theirs = [int(i) for i in query[0]], [[int(i) for i in key] for key in made]
    wanted = space.score(query, made)[0]
    job = Job(keys, space.dim, "sbc", blocks, 1, 8, float(blocks), float(wanted.sum()), 1.0, 1.0, 1.0)
    sheet = substrate.load("cpu-7nm")

    scores, counted = naive.blocks(mine, theirs, job.index_bits)
    np.testing.assert_array_equal(scores, wanted)
    plan = packed.plan(job, sheet, method="blocks")
    for name in ("word_xors", "popcounts"):
        assert plan.counts[name] == counted[name]
    assert plan.counts["adds_int32"] - packed.selection(job) == pytest.approx(counted["adds_int32"])

    scores, counted = naive.lists(mine, theirs, length, {"id": job.id_bits, "score": job.score_bits})
    np.testing.assert_array_equal(scores, wanted)
    plan = packed.plan(job, sheet, method="lists", resident=True)
    assert plan.counts["adds_int32"] - packed.selection(job) == pytest.approx(counted["adds_int32"])
    besides = packed.outside(job, True)
    for name in ("sram_bits", "sram_bits_written", "l2_bits"):
        assert plan.counts[name] - besides[name] == counted[name]


def test_a_fetch_is_shared_by_a_batch_and_spared_by_resident_keys():
    sheet = substrate.load("a100-circuit")
    one, many = (packed.plan(SBC_JOB, sheet, method="blocks", batch=b).counts for b in (1, 64))
    stored = SBC_JOB.keys * 32 * 64
    assert one["dram_bits"] - many["dram_bits"] == pytest.approx(stored * 63 / 64)
    assert one["word_xors"] == many["word_xors"] == 3 * stored / 64
    kept = packed.plan(SBC_JOB, sheet, method="blocks", resident=True).counts
    assert kept["l2_bits"] == stored + 64 * 8 and kept["dram_bits"] == 128 * 16
    single = packed.plan(SBC_JOB, sheet, method="lists").counts
    sectors = 2 * 256 * 128 + 64 * 256  # the ends of 128 lists, the values of 64 winners
    assert single["dram_bits"] == 43_000 * 16 + 128 * 64 + sectors + 128 * 16
    assert single["dram_bits_written"] == 64 * 16


def test_a_query_that_was_encoded_here_does_not_come_from_outside():
    sheet = substrate.load("a100-circuit")
    from_outside, made_here = (packed.plan(job, sheet, resident=True).counts for job in (SBC_JOB, ENCODED))
    assert from_outside["dram_bits"] == 128 * 16
    assert "dram_bits" not in made_here and made_here["encoder_adds"] == 16 * 36
    assert made_here["sram_bits"] == from_outside["sram_bits"] + 16 * 16 * 36


def test_insertions_into_the_k_best_are_those_of_keys_in_random_order():
    random, k, keys, trials = np.random.default_rng(0), 8, 500, 40
    inserted = 0
    for _ in range(trials):
        best: list[float] = []
        for value in random.random(keys):
            if len(best) < k or value > best[0]:
                best = sorted([*best, value])[-k:]
                inserted += 1
    job = replace(SBC_JOB, keys=keys, winners=k)
    counted = (packed.selection(job) - k * job.value_dim) / k.bit_length()
    assert 0.9 * counted < inserted / trials < counted


@given(
    space=st.sampled_from(["sbc", "bsc"]), blocks=st.integers(1, 20), order=st.integers(1, 9),
    length=st.integers(1, 70),
)  # fmt: skip
def test_encoding_is_counted_as_by_hand(space, blocks, order, length):
    dim = blocks * length
    found = encoding.suffixes(space, dim, blocks, order=order, index_bits=8)
    assert found == naive.suffixes(space, dim, blocks, order, 8)


def test_encoding_is_what_the_kernels_say_they_did():
    items, tokens, places = SBC(640, blocks=10).random(5, rng=0), np.arange(5), np.array([4])
    out = np.empty((1, 10), items.dtype)
    added = encoder._contexts_sbc(items, tokens, places, 3, 64, out)
    assert added == encoding.suffixes("sbc", 640, 10, order=3)["encoder_adds"]
    np.testing.assert_array_equal(out, encode.contexts(SBC(640, blocks=10), items, tokens, places, order=3))
    space = BSC(130)
    items = space.random(5, rng=0)
    rotated = np.stack([space.permute(items, j) for j in range(3)])
    out = np.empty((1, 3), np.uint64)
    xored = encoder._contexts_bsc(rotated, tokens, places, np.uint64(3), out)
    assert xored == encoding.suffixes("bsc", 130, 130, order=3)["encoder_xors"]


@given(columns=st.integers(1, 6), rows=st.integers(1, 6))
def test_mean_hops_over_all_pairs(columns, rows):
    assert events.mean_hops(columns, rows) == pytest.approx(naive.mean_hops(columns, rows))


@given(targets=st.integers(0, 5), cores=st.integers(1, 5))
def test_cores_reached_over_all_placements(targets, cores):
    assert events.cores_reached(targets, cores) == pytest.approx(naive.cores_reached(targets, cores))


def sheet_with(**topology):
    """A chip that states only these sizes."""
    chip_ = substrate.load("loihi")
    kept = {k: q for k, q in chip_.quantities.items() if not k.startswith("topology.")}
    one = chip_.quantity("topology.columns")
    for name, value in topology.items():
        if value is not None:
            kept[f"topology.{name}"] = replace(one, key=f"topology.{name}", value=value, unit="1")
    return replace(chip_, quantities=kept)


@given(
    space=st.sampled_from(["sbc", "bsc"]), blocks=st.integers(1, 40),
    neurons=st.none() | st.integers(2, 64), axons=st.none() | st.integers(1, 60),
    memory=st.none() | st.integers(300, 3000), fan_in=st.none() | st.integers(1, 50),
)  # fmt: skip
def test_keys_of_a_core_are_those_that_fill_it(space, blocks, neurons, axons, memory, fan_in):
    length = 8 if space == "sbc" else 1
    job = Job(10, blocks * length, space, blocks, 1, 8, 1.0, 1.0, 1.0, 1.0, 1.0)
    sheet = sheet_with(
        neurons_per_core=neurons, input_axons=axons, synaptic_memory_bits=memory, synapses_per_neuron=fan_in
    )
    found, pieces, limit = events.keys_per_core(job, sheet)
    wanted, held = naive.fill_core(
        blocks, neurons=neurons, axons=axons, memory=memory, fan_in=fan_in, dense=space == "bsc"
    )
    assert pieces == wanted
    if held == 10_000:
        assert math.isinf(found) and limit == ""
    else:
        assert found == held / pieces and limit


def test_the_mapping_is_near_that_of_the_timed_chip():
    """Random keys share few lines: the timed chip's own placement and its packets must be close to the formula."""
    space = SBC(4096, blocks=16)
    keys, queries = space.random(600, rng=1), space.random(20, rng=2)
    layer = SpikingAttention(space, keys, k=4, seed=0)
    sheet = sheet_with(
        columns=8, rows=4, cores_per_tile=4, neurons_per_core=1024, input_axons=128,
        synaptic_memory_bits=2**20, output_axons=4096, fifo_depth=16,
    )  # fmt: skip
    placed = chip.place(layer.network, chip.ChipConfig.from_substrate(sheet))
    outcome = layer.attend(queries)
    mean = {name: outcome.total(name) / 20 for name in outcome.counts}
    job = Job(600, 4096, "sbc", 16, 4, 8, 16.0, mean["synaptic_events"], mean["touched"], mean["fired"], 16.0)
    room, pieces, _ = events.keys_per_core(job, sheet)
    assert (room, pieces) == (8, 1)
    assert placed.cores_used == pytest.approx(600 / room, rel=0.1)
    sent = np.diff(placed.line_indptr)
    _, lines = layer.code.active(queries)
    reached = float(sent[lines].reshape(20, -1).sum(axis=1).mean())
    plan = events.plan(job, sheet)
    assert plan.counts["packets"] - job.fired == pytest.approx(reached, rel=0.1)


def test_every_substrate_has_a_plan_and_every_counter_that_it_prices_is_charged():
    unused = {"synaptic_events_conv", "synaptic_events_dense", "synaptic_events_sparse", "weight_updates"}
    for name in SHEETS:
        sheet = substrate.load(name)
        for job in (ENCODED, BSC_JOB):
            found = schedules.plans(job, sheet)
            assert found, name
            assert len({plan.name for plan in found}) == len(found)
            for plan in found:
                bill = plan.bill(samples=100)
                assert 0 < bill.low <= bill.nominal <= bill.high < 10, (name, plan.name)
                assert set(plan.charge) == set(plan.counts) & set(sheet.priced())
                if sheet.kind in ("neuromorphic", "brain", "static"):
                    assert set(sheet.priced()) - set(plan.counts) <= unused, (name, plan.name)
                if sheet.has("power.static"):
                    assert plan.seconds is not None and plan.seconds > 0
                assert plan.label.split()[0].rstrip(",") in (
                    "spiking", "dense", "packed", "in-memory", "static", "brain",
                )  # fmt: skip
            assert schedules.plan(job, sheet).bill(samples=100).nominal == pytest.approx(
                min(plan.bill(samples=100).nominal for plan in found)
            )


def test_a_table_of_constants_runs_nothing():
    table = substrate.load("jouppi-7nm")
    assert schedules.plans(SBC_JOB, table) == ()
    with pytest.raises(ValueError, match=r"^substrate must state what the job needs, 'jouppi-7nm'"):
        schedules.plan(SBC_JOB, table)


def test_a_timed_run_counts_for_every_ledger_of_its_chip_and_for_no_other():
    loihi = substrate.load("loihi")
    counts = {"synaptic_events": 7.0, "updates_active": 1.0, "updates_inactive": 2.0, "packets": 3.0}
    job = replace(SBC_JOB, timed=Timed(loihi, counts, 5e-6, 8))
    for name in ("loihi", "loihi-silicon"):
        plan = events.plan(job, substrate.load(name))
        assert (plan.counts, plan.seconds, plan.chips) == (counts, 5e-6, 8)
        assert plan.label == "spiking exact, 8 × Intel Loihi"
    other = events.plan(job, substrate.load("loihi-sanafe"))
    assert other.counts["synaptic_events"] == SBC_JOB.synaptic_events
    assert other.counts["accesses"] == 112 * 32_768
    assert other.counts["updates"] == SBC_JOB.touched  # a soma without input is looked at, not updated


def test_truenorth_by_hand():
    plan = events.plan(SBC_JOB, substrate.load("truenorth"))
    assert (plan.chips, plan.seconds) == (4, pytest.approx(0.112))  # 2 keys share no more than 256 axons
    cores, share = 16_384, 43_000 / 128
    packets = 128 * cores * (1 - (1 - 1 / cores) ** share) + 150
    assert plan.counts["packets"] == pytest.approx(packets)
    hops = packets * 2 * (64**2 - 1) / (3 * 64)
    wanted = 43_000 * 2.297e-12 + hops * 2.3e-12 + 4 * 64.43e-3 * 0.112
    assert plan.bill().nominal == pytest.approx(wanted, rel=1e-6)
    assert "inside the power of a tick" in plan.notes[-1] and not plan.bound
    inclusive = events.plan(SBC_JOB, substrate.load("truenorth-inclusive"))
    assert "leakage of the published activity" in inclusive.bound
    assert inclusive.bill().nominal == pytest.approx(43_000 * 26e-12)


def test_loihi_without_a_timed_run_by_hand():
    plan = events.plan(replace(SBC_JOB, rule="race"), substrate.load("loihi"))
    room = 4096 // 128  # input axons decide
    cores = 32_768 // room
    assert plan.chips == cores // 128
    visits, active = 112 * 32_768, 43_000
    assert (plan.counts["updates_active"], plan.counts["updates_inactive"]) == (active, visits - active)
    busy = (43_000 * 3.5e-9 + active * 8.4e-9 + (visits - active) * 5.3e-9) / cores
    assert plan.seconds == pytest.approx(busy + 112 * 465e-9)
    assert plan.bill().components["static"] == pytest.approx(plan.chips * 0.104 * plan.seconds)


def test_odin_by_hand():
    job = replace(SBC_JOB, keys=512, synaptic_events=700_000.0)
    plan = events.plan(job, substrate.load("odin"))
    assert plan.chips == 256  # one core each, two keys of 128 lines to 256 axons
    seconds = 700_000 / 256 * 26.667e-9
    assert plan.seconds == pytest.approx(seconds)
    assert plan.counts["clock_cycles"] == pytest.approx(256 * seconds / 13.333e-9)
    wanted = 700_000 * 8.43e-12 + 256 * seconds * (27.3e-6 + 1.78e-12 / 13.333e-9)
    assert plan.bill().nominal == pytest.approx(wanted, rel=1e-6)
    assert "visits of every neuron" in plan.bound


def test_what_a_chip_cannot_do_is_said():
    dynap = events.plan(SBC_JOB, substrate.load("dynap-se"))
    assert "cut into 2 pieces" in dynap.bound  # 64 synapses a neuron, 128 to a key
    assert dynap.counts["updates"] == 2 * 112 * 32_768
    seneca = events.plan(SBC_JOB, substrate.load("seneca"))
    assert "no size of a core" in seneca.bound and seneca.seconds is None
    assert seneca.label == "spiking exact, SENECA"  # how many chips is not guessed
    prototype = events.plan(SBC_JOB, substrate.load("spinnaker2-prototype"))
    assert prototype.bound == "" and any("no size of a core" in note for note in prototype.notes)
    assert seneca.counts["sram_bits"] == 16 * 112 * 32_768
    assert any("no time" in note for note in seneca.as_json()["notes"])
    assert "seconds" not in seneca.as_json()
    with pytest.raises(
        ValueError, match=r"^job must fit a core of 'loihi' by its synaptic_memory_bits, got 128"
    ):
        events.plan(SBC_JOB, sheet_with(neurons_per_core=4, synaptic_memory_bits=100))


def test_board_power_is_paid_over_the_time():
    sheet = substrate.load("h100-board")
    for plan in schedules.plans(SBC_JOB, sheet):
        assert plan.bill().nominal == pytest.approx(700 * plan.seconds)
    by_memory = packed.plan(SBC_JOB, sheet, method="blocks")
    moved = by_memory.counts["dram_bits"] + by_memory.counts["dram_bits_written"]
    assert by_memory.seconds == pytest.approx(moved / 8 / 3.35e12)
    by_popcount = packed.plan(SBC_JOB, sheet, method="blocks", batch=64)
    assert by_popcount.seconds == pytest.approx(32_768 * 32 / 1932.5e9)
    assert by_popcount.notes == ("the time is that of the slowest pipe, popcounts",)


def test_a_measured_processor_is_priced_by_its_own_names():
    """A file of ``benchmarks/gpu_energy.py``: on the board's ledger."""
    cpu = substrate.load("cpu-7nm")
    kept = {
        key: q for key, q in cpu.quantities.items() if key not in ("energy.word_xors", "energy.adds_int32")
    }
    del kept["peak.word_xors"]
    sheet = replace(cpu, kind="measured", ledger="board", quantities=kept)
    names = [plan.name for plan in schedules.plans(SBC_JOB, sheet)]
    assert {"packed_blocks", "packed_blocks_batch64", "int8", "bf16_batch64"} <= set(names)
    assert not any("lists" in name or "qnn" in name for name in names)
    plan = packed.plan(SBC_JOB, sheet, method="blocks", batch=64)
    assert plan.seconds == pytest.approx(32_768 * 32 / 28e9)
    assert any("not charged" in note and "word_xors" in note for note in plan.bill().notes)


def test_the_qnn_twin_adds_every_synapse():
    plan = dense.quantised(SBC_JOB, substrate.load("a100-circuit"))
    synapses = 32_768 * 128
    assert plan.counts["bit_products"] == synapses
    assert plan.counts["adds_int32"] == synapses + 32_768 + packed.selection(SBC_JOB)
    assert plan.label == "dense QNN twin, 1 bit"


def test_in_memory_by_hand():
    cam = in_memory.plan(SBC_JOB, substrate.load("tcam-65nm"))
    assert cam.counts["cam_bits"] == 32_768 * 128 * 10  # an index of a block of 1024 has ten bits
    assert cam.bill().nominal == pytest.approx(32_768 * 1280 * 0.6e-15)
    assert "ranking" in cam.bound
    ambit = in_memory.plan(BSC_JOB, substrate.load("ambit"))
    rows = math.ceil(4096 / 6)  # six keys of 10,240 bits to a row of 65,536
    assert ambit.counts["in_memory_xor_bits"] == rows * 65_536
    assert ambit.counts["dram_bits"] == 4096 * 10_240
    assert ambit.counts["popcounts"] == 4096 * 160
    assert ambit.seconds == pytest.approx(rows * 7 * 49e-9)
    crossbar = in_memory.plan(BSC_JOB, substrate.load("pcm-hdc"))
    assert crossbar.bill().nominal == pytest.approx(4096 * 10_240 * 42.909e-15 + 420.8e-9)


@pytest.mark.parametrize(("job", "way"), [(SBC_JOB, "blocks"), (BSC_JOB, "xor")])
def test_counting_after_an_xor_in_memory_costs_what_it_costs_a_processor(job, way):
    outside, whole = (
        in_memory.plan(replace(job, encoder={}), substrate.load("sram-bitline")),
        packed.plan(replace(job, encoder={}), CPU, method=way),
    )
    words = job.keys * job.key_words
    assert outside.counts["popcounts"] == whole.counts["popcounts"] == words
    # All but the XOR itself, and the comparisons that rank the keys: those have no price in an array.
    assert outside.counts.get("word_xors", 0) == whole.counts["word_xors"] - words
    ranking = job.keys + packed.selection(job)
    assert outside.counts["adds_int32"] == pytest.approx(whole.counts["adds_int32"] - ranking)
    assert "ranking" in outside.bound


def test_northpole_does_every_product():
    plan = static.plan(SBC_JOB, substrate.load("northpole"))
    assert plan.counts["macs_int4"] == 32_768 * 513
    assert plan.bill().nominal == pytest.approx(32_768 * 513 * 7.9e-12)
    assert plan.chips == 1 and any("found at 8 bits, not at 4" in note for note in plan.notes)
    many = static.plan(replace(SBC_JOB, keys=10_000_000), substrate.load("northpole"))
    assert many.chips == math.ceil(10_000_000 * 513 / 2 / 224e6)
    # Chips that share the keys share the time: as much of it on all chips together as on one that held everything.
    assert many.seconds * many.chips == pytest.approx(plan.seconds * 10_000_000 / 32_768)


def test_the_brain_by_hand():
    marginal = brain.plan(SBC_JOB, substrate.load("brain-marginal"))
    assert marginal.bill().nominal == pytest.approx(43_000 * 10.565e-15 + (128 + 150) * 24.609e-12)
    whole = brain.plan(SBC_JOB, substrate.load("brain-all-in"))
    assert whole.bill().nominal == pytest.approx((128 + 150) * 8000 * 0.063246e-12)
    assert whole.bill().nominal > marginal.bill().nominal
    assert whole.notes == ("a spike reaches the 8,000 synapses of a neuron; the job needs 43,000 events",)


def test_a_plan_without_a_time_for_its_power_has_no_bill():
    plan = Plan(substrate.load("truenorth"), "x", "spiking x", {"synaptic_events": 1.0}, None)
    assert not plan.priceable
    with pytest.raises(ValueError, match=r"^plan must be priceable: 'truenorth' states no time"):
        plan.bill()
    empty = Plan(substrate.load("brain-marginal"), "x", "brain x", {"exps": 1.0}, None)
    with pytest.raises(ValueError, match=r"^plan must be priceable: 'brain-marginal' states no constant"):
        empty.bill()


CPU = substrate.load("cpu-7nm")


@pytest.mark.parametrize(
    ("call", "error", "text"),
    [
        (lambda: replace(SBC_JOB, keys=0), ValueError, "keys must be at least 1, got 0"),
        (lambda: replace(SBC_JOB, dim=1.5), TypeError, "dim must be an integer"),
        (lambda: replace(SBC_JOB, space="map"), ValueError, "space must be one of sbc, bsc, got 'map'"),
        (
            lambda: replace(SBC_JOB, blocks=100),
            ValueError,
            "blocks must divide the dimension 131072, got 100",
        ),
        (lambda: replace(BSC_JOB, blocks=128), ValueError, "blocks must be the dimension 10240 of a bsc"),
        (lambda: replace(SBC_JOB, winners=40_000), ValueError, "winners must be at most the 32768 keys"),
        (lambda: replace(SBC_JOB, steps=-1.0), ValueError, "steps must be a finite number of at least 0"),
        (lambda: replace(SBC_JOB, fired=math.nan), ValueError, "fired must be a finite number of at least 0"),
        (lambda: replace(SBC_JOB, touched="9"), TypeError, "touched must be a number, not str"),
        (lambda: packed.plan(SBC_JOB, CPU, method="xor"), ValueError, "method must be one of lists, blocks"),
        (lambda: packed.plan(SBC_JOB, CPU, method="lists", batch=2), ValueError, "batch must be 1 for lists"),
        (lambda: packed.plan(SBC_JOB, CPU, method="blocks", batch=0), ValueError, "batch must be at least 1"),
        (
            lambda: packed.plan(replace(SBC_JOB, keys=2**20), CPU, resident=True),
            ValueError,
            "resident must be False where the keys do not fit 'cpu-7nm', got True",
        ),
        (
            lambda: dense.plan(replace(SBC_JOB, keys=2**20), CPU, resident=True),
            ValueError,
            "resident must be False where the keys do not fit 'cpu-7nm', got True",
        ),
        (lambda: dense.plan(SBC_JOB, CPU, precision="int7"), ValueError, "precision must be one of"),
        (lambda: in_memory.plan(SBC_JOB, CPU), ValueError, r"way must be one that 'cpu-7nm' prices \(none\)"),
        (
            lambda: static.plan(SBC_JOB, substrate.load("northpole"), precision="int8"),
            ValueError,
            r"precision must be one that 'northpole' prices \(int4\), got 'int8'",
        ),
        (lambda: encoding.suffixes("sbc", 8, 8, order=0), ValueError, "order must be at least 1, got 0"),
    ],
)
def test_bad_arguments(call, error, text):
    with pytest.raises(error, match=f"^{text}"):
        call()
