"""SANA-FE's files and SANA-FE's answers: goldens made by ``tests/golden/sanafe.py`` against the barrier runner."""

import hashlib
import json
import random
from pathlib import Path

import numpy as np
import pytest

from hdspike import datasets
from hdspike.chip import simulate
from hdspike.chip.sanafe import read_architecture, read_network
from hdspike.energy import by_unit
from hdspike.network.neurons.stream import Stream
from tests.conftest import JIT

pytest.importorskip("yaml", reason="PyYAML is not installed: pip install 'hdspike[sanafe]'")

GOLDEN = Path(__file__).parent / "golden"
RANDOM = json.loads((GOLDEN / "sanafe_random.json").read_text())["cases"]
FIXED = json.loads((GOLDEN / "sanafe.json").read_text())
TEXTS = [(case["chip"], case["network"]) for case in RANDOM if "chip" in case]
BAR = 1e-9  # of energies, relative; the tool adds floats event by event
COUNTS = ("fired", "packets", "synaptic_events", "updates", "hops")


def shipped(name):
    """A file of the tool's package, or a skip that says why."""
    try:
        return datasets.path("dvs-gesture") / name
    except datasets.Absent as error:
        pytest.skip(str(error))


def agree(case, activity):
    """Sums, energies by component, and times of a run are those of the tool."""
    for name in COUNTS:
        if name in case:
            assert activity.counts[name] == case[name], name
    spent = by_unit(activity)
    for name, joules in case["energy"].items():
        assert spent[name] == pytest.approx(joules, rel=BAR, abs=1e-24), name
    assert activity.simulated_ps * 1e-12 == pytest.approx(case["simulated_s"], rel=BAR)


def spikes(network, activity):
    """[step, address] of the spikes of the neurons that log them, sorted as in the goldens."""
    who, logged = network.metadata["addresses"], set(network.metadata["log_spikes"])
    pairs = zip(activity.activity.spike_steps, activity.activity.spike_neurons, strict=True)
    return sorted([int(t), who[n]] for t, n in pairs if n in logged)


@pytest.mark.parametrize("case", RANDOM, ids=lambda case: str(case["seed"]))
def test_random_networks_on_random_chips_give_what_the_tool_gives(case):
    if not JIT and len(case["spikes"]) > 200:
        pytest.skip("un-jitted, the small ones will do")
    chip = read_architecture(shipped(case["shipped"]) if "shipped" in case else case["chip"])
    network, placed = read_network(case["network"], chip)
    watched = network.metadata["log_potential"]
    activity = simulate(network, chip, case["steps"], placement=placed, watch=watched)
    agree(case, activity)
    assert spikes(network, activity) == case["spikes"]
    assert activity.step_ps * 1e-12 == pytest.approx(np.array(case["step_s"]), rel=BAR)
    names = [network.metadata["addresses"][n] for n in watched]
    order = sorted(range(len(names)), key=lambda i: (names[i].split(".")[0], int(names[i].split(".")[1])))
    mine = activity.activity.potentials[:, order]
    assert mine == pytest.approx(np.array(case["potentials"]).reshape(mine.shape), rel=1e-9, abs=1e-12)


def test_the_goldens_cover_what_they_should():
    text = "".join(case["network"] for case in RANDOM)
    words = (
        "poisson",
        "rate",
        "spikes: [",
        "dense",
        "conv2d",
        "delay",
        "soft",
        "saturate",
        "refractory_delay: 4",
    )
    for word in (
        *words,
        "reverse_threshold",
        "force_update",
        "synapse_hw_name",
        "synapse: ",
        "leak_decay: -0.5",
    ):
        assert word in text, word
    assert sum(case["packets"] for case in RANDOM) > 5000
    assert sum(case["hops"] for case in RANDOM) > 5000


def test_the_example_of_the_tool():
    chip = read_architecture(shipped("example_chip.yaml"))
    network, placed = read_network(shipped("example_snn.yaml"), chip)
    activity = simulate(network, chip, 100, placement=placed)
    agree(FIXED["example"]["simple"], activity)
    assert spikes(network, activity) == FIXED["example"]["simple"]["spikes"]


def test_the_tutorial_of_the_tool():
    chip = read_architecture(shipped("tutorial_arch.yaml"))
    network, placed = read_network(shipped("tutorial_snn.yaml"), chip)
    activity = simulate(network, chip, FIXED["tutorial"]["steps"], placement=placed)
    agree(FIXED["tutorial"], activity)
    assert spikes(network, activity) == FIXED["tutorial"]["spikes"]


def test_the_largest_chip_of_the_tool():
    chip = read_architecture(shipped("truenorth.yaml"))
    assert (chip.tiles, chip.cores, chip.columns, chip.rows) == (4096, 4096, 64, 64)
    with pytest.raises(
        ValueError, match=r"line .*unit 'core_soma': its model truenorth is not run; supported are"
    ):
        read_network(NET.replace("[core: 0.0]", "[core: 5.0]"), chip)


@pytest.mark.parametrize("case", FIXED["one_packet"], ids=lambda case: str(case["core"]))
def test_one_packet_across_loihi(case):
    chip = read_architecture(shipped("loihi.yaml"))
    network, placed = read_network(case["network"], chip)
    agree(case, simulate(network, chip, 1, placement=placed))
    exact = simulate(network, chip, 1, placement=placed, noc="exact")
    # alone on the mesh nothing waits: then ours and the tool's 'detailed' model must agree
    assert exact.simulated_ps * 1e-12 == pytest.approx(case["detailed_s"], rel=BAR)


GESTURES = FIXED["gesture"]


@pytest.mark.skipif(not JIT, reason="3.5 million synapses: a plain Python loop takes hours")
@pytest.mark.parametrize("case", GESTURES, ids=lambda case: f"{case['cores']}-{case['steps']}")
def test_dvs_gestures_on_loihi(case):
    from hdspike.workloads.job import load

    shipped("loihi.yaml")
    job = load("dvs-gesture", cores=tuple(int(c) for c in case["cores"].split(",")), steps=case["steps"])
    activity = simulate(job.workload.network, job.architecture, case["steps"], placement=job.placement)
    agree(case, activity)
    assert list(activity.activity.fired_by.values()) == case["fired_per_layer"]
    digest = hashlib.sha256()
    steps, neurons = activity.activity.spike_steps, activity.activity.spike_neurons
    cuts = np.searchsorted(steps, np.arange(case["steps"] + 1))
    for t in range(case["steps"]):
        row = np.sort(neurons[cuts[t] : cuts[t + 1]])
        digest.update(f"{t}:{','.join(map(str, row.tolist()))}\n".encode())
    assert digest.hexdigest() == case["spikes_sha256"]


CHIP = """architecture:
  name: small
  attributes: {width: 2, height: 1, link_buffer_size: 2}
  tile:
    - name: tile[0..1]
      attributes: {@HOPS}
      core:
        - name: core[0..10]
          attributes: {buffer_position: soma, max_neurons_supported: 4}
          axon_in:
            - {name: in, attributes: {energy_message_in: 0, latency_message_in: 0}}
          synapse:
            - {name: syn, attributes: {model: current_based, energy_process_spike: 0, latency_process_spike: 0}}
          dendrite:
            - {name: den, attributes: {model: accumulator, energy_update: 0, latency_update: 0}}
            - {name: late, attributes: {model: accumulator_with_delay, energy_update: 0, latency_update: 0}}
          soma:
            - name: lif
              attributes: {model: leaky_integrate_fire, @SOMA}
            - name: source[0..1]
              attributes: {model: input, @SOMA}
          axon_out:
            - {name: out, attributes: {energy_message_out: 0, latency_message_out: 0}}
"""
for mark, names, cost in (
    ("@SOMA", ("access_neuron", "update_neuron", "spike_out"), "0"),
    ("@HOPS", ("north_hop", "east_hop", "south_hop", "west_hop"), "1e-12"),
):
    CHIP = CHIP.replace(mark, ", ".join(f"energy_{n}: {cost}, latency_{n}: {cost}" for n in names))
NET = """network:
  name: small
  groups:
    - name: a
      attributes: [threshold: 1, log_spikes: true]
      neurons:
        - 0: [bias: 2]
        - 1..2: []
  edges:
    - a.0 -> a.1: [weight: 2]
    - a -> a: [type: dense, weight: [0, 1, 2, 3, 4, 5, 6, 7, 8]]
mappings:
  - a: [core: 0.0]
"""
CHIP_ERRORS = [
    ("width: 2, ", "", "line 3: key 'width' is missing"),
    ("width: 2", "width: 0", "line 3: width must be in"),
    ("width: 2", "width: two", "width must be a whole number, got 'two'"),
    ("tile[0..1]", "tile[0..2]", "line 5: range of 'tile' must be at most 2"),
    ("tile[0..1]", "tile[0..999999999]", "must be at most 2"),
    ("tile[0..1]", "tile[0..9999999999999]", "must be a whole number|at most|in \\["),
    ("tile[0..1]", "tile[1..0]", "must rise"),
    ("core[0..10]", "core[0..1048576]", "must be at most"),
    ("source[0..1]", "source[0..99999999]", "must be at most"),
    ("energy_north_hop: 1e-12", "energy_north_hop: -1e-12", "energy_north_hop must be in"),
    ("energy_north_hop: 1e-12", "energy_north_hop: .nan", "energy_north_hop must be a number, got '.nan'"),
    ("energy_north_hop: 1e-12", "energy_north_hop: 1e999", "energy_north_hop must be in"),
    ("energy_north_hop: 1e-12, ", "", "key 'energy_north_hop' is missing"),
    ("latency_message_in: 0", "latency_message_in: 1e7", "latency_message_in must be in"),
    ("buffer_position: soma", "buffer_position: dendrite", "buffer_position must be soma"),
    (
        "buffer_position: soma",
        "buffer_position: soma, buffer_inside_unit: true",
        "buffer_position must be soma",
    ),
    ("max_neurons_supported: 4", "max_neurons_supported: 0", "max_neurons_supported must be in"),
    (
        "model: current_based",
        "model: stdp",
        "unit 'syn': model of a synapse must be current_based, got 'stdp'",
    ),
    (
        "model: current_based",
        "model: current_based, plugin: x.so",
        "unit 'syn', model 'current_based': plug-ins",
    ),
    ("model: input", "model: hodgkin", "leaky_integrate_fire or input or truenorth, got 'hodgkin'"),
    ("{name: out,", '{name: "out[0..1]",', "must have one axon_out, got 2"),
    ("name: late", "name: den", "dendrite units of a core must have distinct names"),
    ("link_buffer_size: 2", "link_buffer_size: 2, sync_model: foo", "sync_model must be fixed or table"),
    (
        "link_buffer_size: 2",
        "link_buffer_size: 2, latency_sync: {1: 0}",
        "must be a number with sync_model fixed",
    ),
    ("link_buffer_size: 2", "link_buffer_size: 2, sync_model: table, latency_sync: {}", "1 to 4096 entries"),
    ("architecture:", "chip:", "key 'architecture' is missing"),
    ("name: small", "name: [small]", "name must be plain text"),
    ("name: small", "name: &a small", "line 2: anchors, aliases and tags are not read"),
    ("name: small", "name: !!python/object:os.system small", "anchors, aliases and tags are not read"),
    ("name: small", "name: small\n  name: other", "line 3: keys must be distinct, 'name' stands twice"),
    ("name: small", "name: " + "[" * 40 + "]" * 40, "levels are read"),
    ("name: small", "name: 'small", "this is not YAML"),
    ("name: small", "name: \x01", "this is not YAML"),
    ("architecture:", "--- a\n---\narchitecture:", "one document|mapping at the top"),
]
NET_ERRORS = [
    ("mappings:", "mapping:", "key 'mappings' is missing"),
    ("  edges:", "  edgs:", "key 'edges' is missing"),
    ("1..2: []", "1..3: []\n        - 2: []", "numbered 0 to 4, each once, got 2"),
    ("1..2: []", "2..3: []", "numbered 0 to 2, each once, got 3"),
    ("1..2: []", "2..1: []", "must rise, got 2..1"),
    ("1..2: []", "0..999999999: []", "must be at most"),
    ("1..2: []", "-1: []", "must be in"),
    ("1..2: []", "x: []", "must be a whole number, got 'x'"),
    ("threshold: 1", "thresold: 1", "attribute 'thresold' is not known; supported are threshold"),
    ("threshold: 1", "threshold: high", "threshold must be a number, got 'high'"),
    ("threshold: 1", "threshold: .nan", "threshold must be a number"),
    ("threshold: 1", "threshold: 1, noise: file.txt", "noise streams from files are not supported"),
    ("threshold: 1", "reset_mode: medium", "reset_mode must be one of hard, soft, none, saturate"),
    ("threshold: 1", "refractory_delay: 1.5", "refractory_delay must be a whole number"),
    ("threshold: 1", "force_update: perhaps", "force_update must be true or false"),
    ("[bias: 2]", "bias", "attributes must be a mapping, or a list of mappings"),
    ("a.0 -> a.1", "a.0 <- a.1", "an edge must be FROM -> TO, got 'a.0 <- a.1'"),
    ("a.0 -> a.1", "a.0 -> a.3", "neuron of 'a' must be in .*got 3"),
    ("a.0 -> a.1", "a.0 -> b.1", "an edge must join groups of the network, got 'b'"),
    ("a.0 -> a.1", "a.0 -> a", "two neurons or two groups"),
    ("[weight: 2]", "[weight: .inf]", "weight must be a number"),
    ("[weight: 2]", "[wait: 2]", "attribute 'wait' of an edge is not known"),
    ("[weight: 2]", "[weight: 2, delay: -1]", "delay must be in"),
    (", 8]", "]", "weight must be 9 numbers, got 8"),
    ("type: dense", "type: sparse", "must be dense or conv2d, got 'sparse'"),
    ("type: dense", "type: conv2d", "input_width must be in"),
    ("a: [core: 0.0]", "b: [core: 0.0]", "mapping must be of a group of the network, got 'b'"),
    ("a: [core: 0.0]", "a.0..1: [core: 0.0]", "every neuron must be mapped, a.2 is not"),
    ("a: [core: 0.0]", "a.0..3: [core: 0.0]", "must be at most 3|must be below 3"),
    ("a: [core: 0.0]", "a: [core: 2.0]", "tile must be in .*got 2"),
    ("a: [core: 0.0]", "a: [core: 0.11]", "core must be in .*got 11"),
    ("a: [core: 0.0]", "a: [soma: lif]", "a mapping must name a core"),
    ("a: [core: 0.0]", "a: [core: 0.0, soma: cpu]", r"unit must be a soma unit of core 0 \(lif, source\[0\]"),
    (
        "a: [core: 0.0]",
        "a: [core: 0.0, dendrite: late]",
        "unit 'late': its model accumulator_with_delay is not run",
    ),
    (
        "a: [core: 0.0]",
        "a: [core: 0.0, speed: 3]",
        "a mapping must be core, soma, synapse, dendrite, got 'speed'",
    ),
    ("a: [core: 0.0]", 'a: [core: 0.0, soma: "source[0]"]', "an input unit must hold one neuron"),
    (
        "a: [core: 0.0]",
        'a: [core: 0.0]\n  - a.1: [core: 0.0, soma: "source[0]"]',
        "must not end in an input neuron",
    ),
    ("1..2: []", "1..5: []", "weight must be 36 numbers"),
]


@pytest.mark.parametrize(("old", "new", "message"), CHIP_ERRORS)
def test_errors_of_architectures(old, new, message):
    assert CHIP.count(old) >= 1
    with pytest.raises(ValueError, match=message):
        read_architecture(CHIP.replace(old, new, 1))


@pytest.mark.parametrize(("old", "new", "message"), NET_ERRORS)
def test_errors_of_networks(old, new, message):
    assert NET.count(old) >= 1
    with pytest.raises(ValueError, match=message):
        read_network(NET.replace(old, new, 1), read_architecture(CHIP))


def test_errors_of_arguments(tmp_path):
    chip = read_architecture(CHIP)
    with pytest.raises(TypeError, match=r"^architecture must be an Architecture"):
        read_network(NET, "chip")
    with pytest.raises(TypeError, match=r"^network must be a path or a text"):
        read_network(3, chip)
    with pytest.raises(ValueError, match=r"^architecture must be a file that can be read"):
        read_architecture(tmp_path / "nowhere.yaml")
    (tmp_path / "latin.yaml").write_bytes(b"architecture: \xff\xfe\n")
    with pytest.raises(ValueError, match=r"^latin.yaml must be UTF-8 text"):
        read_architecture(tmp_path / "latin.yaml")
    with pytest.raises(ValueError, match="core 0 must hold at most 4 neurons, got 5"):
        read_network(
            NET.replace("1..2", "1..4").replace(
                "    - a -> a: [type: dense, weight: [0, 1, 2, 3, 4, 5, 6, 7, 8]]\n", ""
            ),
            chip,
        )


def test_a_text_and_its_file_are_the_same(tmp_path):
    (tmp_path / "chip.yaml").write_text(CHIP)
    (tmp_path / "net.yaml").write_text(NET)
    chip = read_architecture(str(tmp_path / "chip.yaml"))
    network, placed = read_network(tmp_path / "net.yaml", chip)
    other, elsewhere = read_network(NET, read_architecture(CHIP))
    assert network.synapses == other.synapses == 10
    assert placed.core.tolist() == elsewhere.core.tolist() == [0, 0, 0]


def test_core_ten_is_not_core_one():
    _, placed = read_network(NET.replace("core: 0.0", "core: 1.10"), read_architecture(CHIP))
    assert placed.core.tolist() == [21, 21, 21]


def test_a_later_mapping_wins_and_comes_later():
    text = NET + "  - a.0: [core: 1.0]\n  - a.0: [core: 0.0]\n"
    _, placed = read_network(text, read_architecture(CHIP))
    assert placed.core.tolist() == [0, 0, 0]
    assert np.argsort(placed.rank).tolist() == [1, 2, 0]


def test_groups_split_by_the_mode_of_reset():
    text = NET.replace("1..2: []", "1: [reset_mode: soft]\n        - 2: []")
    network, _ = read_network(text, read_architecture(CHIP))
    assert [p.name for p in network.populations] == ["a:hard-none", "a:soft-none"]
    assert network.metadata["addresses"] == ["a.0", "a.2", "a.1"]
    total = {(p.source, p.target): int(np.abs(p.synapses.weights).sum()) for p in network.projections}
    assert total == {
        ("a:hard-none", "a:hard-none"): 0 + 2 + 6 + 8,
        ("a:hard-none", "a:soft-none"): 2 + 1 + 7,
        ("a:soft-none", "a:hard-none"): 3 + 5,
        ("a:soft-none", "a:soft-none"): 4,
    }


def mutate(text, rng):
    """A text with a few characters, lines or words changed."""
    for _ in range(rng.randint(1, 4)):
        kind, at = rng.randrange(6), rng.randrange(len(text) + 1)
        if kind == 0:
            text = text[:at] + rng.choice("[]{}:,->.#&*!|'\"\\\t\n 09e\x00\u0661²é%@`") + text[at:]
        elif kind == 1:
            text = text[:at] + text[at + rng.randint(1, 9) :]
        elif kind == 2:
            text = text[:at]
        else:
            lines = text.split("\n")
            i, j = rng.randrange(len(lines)), rng.randrange(len(lines))
            if kind == 3:
                lines[i], lines[j] = lines[j], lines[i]
            elif kind == 4:
                lines[i] = lines[i].replace(
                    "0", rng.choice(["-1", "999999999999", "1e400", "[]", "{}", "0..99999999", "nan"]), 1
                )
            else:
                lines.insert(i, rng.choice([lines[j], "  " * rng.randint(0, 9) + lines[j].strip()]))
            text = "\n".join(lines)
        if not text:
            return "\n"
    return text if "\n" in text else text + "\n"


@pytest.mark.parametrize("seed", range(4))
def test_mutated_files_give_clear_errors_only(seed):
    rng = random.Random(seed)
    good = 0
    for _ in range(60):
        chip, net = rng.choice([*TEXTS, (CHIP, NET)])
        architecture = read_architecture(chip)
        for read, text in ((read_architecture, chip), (lambda t, a=architecture: read_network(t, a), net)):
            try:
                read(mutate(text, rng))
                good += 1
            except ValueError as error:
                message = str(error)
                assert 0 < len(message) < 600
    assert good  # some changes change nothing that matters


def test_streams_do_not_depend_on_how_they_are_asked():
    source = Stream([[1, 0, 1], [], []], rate=[0.0, 0.3, 0.0], probability=[0.0, 0.1, 0.4], seeds=[1, 2, 9])
    whole = source.spikes(3, 0, 90, 7)
    parts = np.concatenate([source.spikes(3, low, low + 9, 7) for low in range(0, 90, 9)])
    assert np.array_equal(whole, parts)
    assert np.array_equal(source.spikes(3, 40, 50, 7), whole[(whole["time"] >= 280) & (whole["time"] < 350)])
    rate = [int(t) // 7 + 1 for t in Stream([[]], rate=[0.3]).spikes(1, 0, 12, 7)["time"]]
    assert rate == [3, 6, 9, 12]


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Stream([[2]]), "^trains must be rows of 0 and 1"),
        (lambda: Stream([[0.5]]), "^trains must be rows of 0 and 1"),
        (lambda: Stream([[-1]]), "^trains must be rows of 0 and 1"),
        (lambda: Stream([[1]], rate=[2.0]), r"^rate must be in \[0, 1\]"),
        (lambda: Stream([[1]], rate=[0.5, 0.5]), "^rate must be one number per neuron"),
        (lambda: Stream([[1]], probability=[np.nan]), "^probability must be in"),
        (lambda: Stream([[1]], seeds=[-1]), "^seeds must be in"),
        (lambda: Stream([[1]]).check_size(2), "^size must be the number of trains"),
    ],
)
def test_errors_of_streams(make, message):
    with pytest.raises(ValueError, match=message):
        make()
