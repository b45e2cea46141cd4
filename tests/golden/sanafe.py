"""Goldens of SANA-FE (Boyle et al., IEEE TCAD 2025): what it says about G1, G2, G3 and random networks.

    pip install sanafe==2.2.9 pyyaml
    python tests/golden/sanafe.py

writes ``sanafe.json`` (its example, one packet across a chip, the DVS-gesture network) and ``sanafe_random.json``
(random networks on random chips, as YAML made here, and on the chips of the package, by name). The tool is under the
GPL: it is asked, not read. ``detailed_s``, its time with a network, is kept for comparison only: for more than one
packet it differs from run to run (by half a percent at 100 steps of the DVS-gesture network). Each network
runs in a process of its own, because the tool seeds its random inputs by a
count over the process. What the experiments with it taught is written in ``hdspike/chip/sanafe*.py`` and
``hdspike/network/neurons/loihi.py``.
"""

import concurrent.futures
import contextlib
import hashlib
import json
import os
import random
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
RANDOM = 28  # networks on random chips
SHIPPED = 12  # on the chips of the package
COMPONENTS = ("total", "synapse", "dendrite", "soma", "network")
HOPS = ("north", "east", "south", "west")
LOIHI_CORES = {
    "1,4,16,16,4,1": (37, 100, 1000),
    "2,8,32,32,8,2": (37,),
    "1,4,8,8,2,1": (37,),
    "3,5,17,40,7,2": (37,),
}


def tool():
    """The package ``sanafe``, not this file."""
    sys.path[:] = [p for p in sys.path if Path(p or ".").resolve() != HERE]
    import sanafe.layers

    return sanafe


@contextlib.contextmanager
def silence():
    """The tool prints its progress from C++."""
    sys.stdout.flush()
    kept, nowhere = os.dup(1), os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 1)
    try:
        yield
    finally:
        sys.stdout.flush()
        os.dup2(kept, 1)
        os.close(kept)
        os.close(nowhere)


def plain(result):
    """The sums of a run."""
    return {
        "fired": result["neurons_fired"],
        "packets": result["packets_sent"],
        "synaptic_events": result["spikes"],
        "updates": result["neurons_updated"],
        "energy": {name: result["energy"][name] for name in COMPONENTS},
        "simulated_s": result["sim_time"],
    }


def trains(result):
    """[step from 0, "group.number"] of every logged spike, in order."""
    return sorted([t, str(who)] for t, step in enumerate(result["spike_trace"]) for who in step)


def run_yaml(arch_text, net_text, steps, model="simple", shipped=""):
    """Everything the tool says about YAML texts; ``shipped`` names a chip of the package instead of a text."""
    sanafe = tool()
    with tempfile.TemporaryDirectory() as folder, silence():
        chip_file = Path(folder) / "chip.yaml"
        if shipped:
            chip_file = Path(sanafe.layers.__file__).parent / "examples" / shipped
        else:
            chip_file.write_text(arch_text)
        net_file = Path(folder) / "net.yaml"
        net_file.write_text(net_text)
        chip_of = sanafe.load_arch(str(chip_file))
        chip = sanafe.SpikingChip(chip_of)
        chip.load(sanafe.load_net(str(net_file), chip_of))
        result = chip.sim(
            steps,
            timing_model=model,
            processing_threads=1,
            spike_trace=True,
            potential_trace=True,
            perf_trace=True,
        )
    trace = result["perf_trace"]
    return plain(result) | {
        "steps": steps,
        "hops": sum(trace["hops"]),
        "step_s": trace["sim_time"],
        "spikes": trains(result),
        "potentials": result["potential_trace"],
    }


def example(model):
    """G1: the example of the package."""
    sanafe = tool()
    with silence():
        chip_of, net = sanafe.load_example()
        chip = sanafe.SpikingChip(chip_of)
        chip.load(net)
        result = chip.sim(100, timing_model=model, processing_threads=1, spike_trace=True)
    return plain(result) | {"spikes": trains(result)}


def tutorial():
    """The tutorial of the package."""
    sanafe = tool()
    net = (Path(sanafe.layers.__file__).parent / "examples" / "tutorial_snn.yaml").read_text()
    return run_yaml("", net, 100, shipped="tutorial_arch.yaml")


ONE_PACKET = """
network:
  name: one-packet
  groups:
    - name: a
      attributes: [threshold: 1.0, log_spikes: true]
      neurons:
        - 0: [bias: 2.0]
    - name: b
      attributes: [threshold: 100.0]
      neurons:
        - 0: []
  edges:
    - a.0 -> b.0: [weight: 1.0]
mappings:
  - a.0: [core: 0.0]
  - b.0: [core: {tile}.{core}]
"""


def gesture(cores, all_steps):
    """G3: the DVS-gesture network on its Loihi, its layers on these numbers of cores, for several lengths."""
    sanafe = tool()
    import numpy

    folder = Path(sanafe.layers.__file__).parent / "examples"
    given = numpy.load(folder / "dvs_challenge.npz")
    net, chip_of = sanafe.Network(), sanafe.load_arch(str(folder / "loihi.yaml"))
    common = [{"threshold": float(t), "reset": 0.0, "leak_decay": 1.0} for t in given["thresholds"]]
    layers = [sanafe.layers.Input2D(net, 32, 32, 1, **common[0])]
    for i, stride in enumerate((2, 1, 1, 1), start=1):
        strides = {"stride_width": stride, "stride_height": stride}
        layers.append(sanafe.layers.Conv2D(net, layers[-1], given[f"conv{i}"], **strides, **common[i]))
    layers.append(sanafe.layers.Dense(net, layers[-1], 11, given["dense1"], **common[5]))
    for i, neuron in enumerate(layers[0]):
        neuron.set_attributes(model_attributes={"bias": float(given["inputs"][i])})
    first = 0
    starts, numbers = {}, 0
    every = chip_of.cores()
    for layer, count in zip(layers, (int(c) for c in cores.split(",")), strict=True):
        each = len(layer) // count
        starts[layer.group.get_name()] = numbers
        numbers += len(layer)
        for i, neuron in enumerate(layer):
            neuron.set_attributes(soma_hw_name="loihi_lif", log_spikes=True)
            neuron.map_to_core(every[first + min(i // each, count - 1)])
        first += count
    out = []
    for steps in all_steps:
        simple, detailed = (
            gesture_run(sanafe, chip_of, net, steps, model) for model in ("simple", "detailed")
        )
        digest = hashlib.sha256()
        fired = dict.fromkeys(starts, 0)
        for t, step in enumerate(simple["spike_trace"]):
            for who in step:
                fired[who.group_name] += 1
            row = sorted(starts[who.group_name] + who.neuron_offset for who in step)
            digest.update(f"{t}:{','.join(str(n) for n in row)}\n".encode())
        out.append(plain(simple) | {
            "steps": steps,
            "cores": cores,
            "hops": sum(simple["perf_trace"]["hops"]),
            "detailed_s": detailed["sim_time"],
            "fired_per_layer": list(fired.values()),
            "spikes_sha256": digest.hexdigest(),
        })  # fmt: skip
    return out


def gesture_run(sanafe, chip_of, net, steps, model):
    """One run on a chip of its own."""
    with silence():
        chip = sanafe.SpikingChip(chip_of)
        chip.load(net)
        return chip.sim(steps, timing_model=model, processing_threads=1, spike_trace=True, perf_trace=True)


def costs(rng, *names):
    """Random energies and times of actions: times in whole ns, energies in 0.1 pJ."""
    out = []
    for name in names:
        out.append(f"energy_{name}: {rng.randint(0, 999)}.{rng.randint(0, 9)}e-13")
        out.append(f"latency_{name}: {rng.randint(0, 99)}.{rng.randint(0, 9)}e-9")
    return ", ".join(out)


def random_chip(rng):
    """A chip of up to 12 tiles of 1 to 3 cores with several synapse and soma units."""
    width, height, cores = rng.randint(1, 4), rng.randint(1, 3), rng.randint(1, 3)
    tiles = width * height
    barrier = rng.choice([
        "", ", sync_model: fixed, latency_sync: 1.5e-7",
        f", sync_model: table, latency_sync: {{1: 1.0e-7, {rng.randint(2, 3)}: 2.0e-7, {rng.randint(4, 7)}: 3.3e-7}}",
    ])  # fmt: skip
    synapses = "\n".join(
        f"            - name: syn{i}\n              attributes: {{model: current_based, {costs(rng, 'process_spike')}}}"
        for i in range(rng.randint(1, 3))
    )
    names = ("access_neuron", "update_neuron", "spike_out")
    somas = "\n".join(
        f"            - name: lif{i}\n              attributes: {{model: leaky_integrate_fire, {costs(rng, *names)}}}"
        for i in range(2)
    )
    return (
        width,
        height,
        cores,
        synapses.count("name"),
        f"""architecture:
  name: random
  attributes: {{width: {width}, height: {height}, link_buffer_size: {rng.randint(1, 9)}{barrier}}}
  tile:
    - name: tile[0..{tiles - 1}]
      attributes: {{{costs(rng, *(f"{d}_hop" for d in HOPS))}}}
      core:
        - name: core[0..{cores - 1}]
          attributes: {{buffer_position: soma, buffer_inside_unit: false, max_neurons_supported: 200}}
          axon_in:
            - name: in
              attributes: {{{costs(rng, "message_in")}}}
          synapse:
{synapses}
          dendrite:
            - name: sum
              attributes: {{model: accumulator, {costs(rng, "update")}}}
          soma:
{somas}
            - name: source[0..9]
              attributes: {{model: input, {costs(rng, *names)}}}
          axon_out:
            - name: out
              attributes: {{{costs(rng, "message_out")}}}
""",
    )


def random_soma(rng, grid):
    """Random attributes of a leaky integrate-and-fire soma; numbers on a grid of 1/8 add without rounding."""

    def number(low, high):
        return round(rng.uniform(low, high) * 8) / 8 if grid else round(rng.uniform(low, high), 4)

    given = {"threshold": number(0.5, 6)}
    if rng.random() < 0.4:
        given["bias"] = number(-0.5, 2)
    if rng.random() < 0.5:
        given["leak_decay"] = rng.choice([0.5, 0.9, 1.0, 0.0, 0.75, -0.5])
    if rng.random() < 0.3:
        given["input_decay"] = rng.choice([0.5, 0.25, 0.8])
    if rng.random() < 0.3:
        given["reset"] = number(-1, 0.5)
    if rng.random() < 0.4:
        given["reset_mode"] = rng.choice(["soft", "hard", "none", "saturate"])
    if rng.random() < 0.3:
        given["refractory_delay"] = rng.randint(0, 4)
    if rng.random() < 0.3:
        given["reverse_threshold"] = number(-4, -0.5)
        given["reverse_reset_mode"] = rng.choice(["soft", "hard", "none", "saturate"])
        given["reverse_reset"] = number(-1, 0)
    if rng.random() < 0.15:
        given["force_update"] = "true"
    if rng.random() < 0.05:
        given["threshold"] = -0.5
    return ", ".join(f"{key}: {value}" for key, value in given.items())


def random_input(rng):
    """A random train, rate or probability."""
    kind = rng.choice(["spikes", "spikes", "rate", "poisson"])
    if kind == "spikes":
        return f"spikes: [{', '.join(str(int(rng.random() < 0.4)) for _ in range(rng.randint(0, 25)))}]"
    return f"{kind}: {rng.choice([0.1, 0.3, 0.5, 0.34, 1.0] if kind == 'rate' else [0.1, 0.25, 0.5, 0.9])}"


def random_network(rng, tiles, cores, synapses, somas, source):
    """Groups of neurons, inputs among them, all sorts of edges, and a mapping in random order."""
    grid = rng.random() < 0.7
    text = ["network:", "  name: random", "  groups:"]
    sizes, mapping = {}, []

    def core():
        return f"{rng.randrange(tiles)}.{rng.randrange(cores)}"

    for g in range(rng.randint(1, 2)):
        name, size = f"in{g}", rng.randint(1, 3)
        text += [f"    - name: {name}", "      attributes: {log_spikes: true}", "      neurons:"]
        text += [f"        - {i}: [{random_input(rng)}]" for i in range(size)]
        sizes[name] = size
        mapping += [f'{name}.{i}: [core: {core()}, soma: "{source}[{3 * g + i}]"]' for i in range(size)]
    cells = {}
    for g in range(rng.randint(1, 3)):
        name, size = f"g{g}", rng.randint(1, 9)
        unit = f", synapse_hw_name: {rng.choice(synapses)}" if rng.random() < 0.4 else ""
        text += [
            f"    - name: {name}",
            f"      attributes: [log_spikes: true, log_potential: true, {random_soma(rng, grid)}{unit}]",
        ]
        text += ["      neurons:"]
        cut = rng.randint(0, size)
        if cut:
            text.append(f"        - 0..{cut - 1}: []")
        text += [f"        - {i}: {{{random_soma(rng, grid)}}}" for i in range(cut, size)]
        sizes[name] = cells[name] = size
        if rng.random() < 0.3:
            mapping.append(f"{name}: {{core: {core()}}}")
        else:
            for i in range(size):
                unit = f", soma: {rng.choice(somas)}" if rng.random() < 0.5 else ""
                unit += f", synapse: {rng.choice(synapses)}" if rng.random() < 0.2 else ""
                mapping.append(f"{name}.{i}: [core: {core()}{unit}]")

    def weight():
        return rng.randint(-12, 24) / 8 if grid else round(rng.uniform(-1.5, 3), 3)

    edges = []
    for a in sizes:
        for b in cells:
            kind = rng.random()
            if kind < 0.3:
                row = ", ".join(str(weight()) for _ in range(sizes[a] * sizes[b]))
                edges.append(f"{a} -> {b}: [type: dense, weight: [{row}]]")
            elif kind < 0.4 and sizes[a] >= sizes[b] > 1:
                kernel = sizes[a] - sizes[b] + 1
                row = ", ".join(str(weight()) for _ in range(kernel))
                edges.append(
                    f"{a} -> {b}: [type: conv2d, input_width: {sizes[a]}, input_height: 1, input_channels: 1, "
                    f"kernel_width: {kernel}, kernel_height: 1, kernel_count: 1, weight: [{row}]]"
                )
            elif kind < 0.9:
                for _ in range(rng.randint(0, sizes[a] * sizes[b])):
                    late = f", delay: {rng.randint(0, 3)}" if rng.random() < 0.2 else ""
                    edge = f"{a}.{rng.randrange(sizes[a])} -> {b}.{rng.randrange(sizes[b])}"
                    edges.append(f"{edge}: [{rng.choice(['weight', 'w'])}: {weight()}{late}]")
    rng.shuffle(mapping)
    text += ["  edges:" if edges else "  edges: []", *(f"    - {edge}" for edge in edges)]
    return "\n".join([*text, "mappings:", *(f"  - {line}" for line in mapping)]) + "\n"


def random_case(seed):
    """One random network, on a chip of its own or one of the package."""
    rng = random.Random(seed)
    steps = rng.randint(1, 40)
    if seed < 1_000_000:
        width, height, cores, synapses, chip = random_chip(rng)
        net = random_network(
            rng, width * height, cores, [f"syn{i}" for i in range(synapses)], ["lif0", "lif1"], "source"
        )
        return {"seed": seed, "chip": chip, "network": net} | run_yaml(chip, net, steps)
    if rng.random() < 0.5:
        names = [f"loihi_{kind}_synapse" for kind in ("dense", "sparse", "conv")]
        net = random_network(rng, 32, 4, names, ["loihi_lif"], "loihi_inputs")
        shipped = "loihi.yaml"
    else:
        net = random_network(
            rng, 2, 4, ["demo_synapse"], ["demo_soma_default", "demo_soma_alt"], "demo_input"
        )
        shipped = "example_chip.yaml"
    return {"seed": seed, "shipped": shipped, "network": net} | run_yaml("", net, steps, shipped=shipped)


def apart(jobs):
    """Each job ``(function, arguments)`` in a process of its own, results in order."""
    import multiprocessing

    context = multiprocessing.get_context("spawn")
    with concurrent.futures.ProcessPoolExecutor(1, mp_context=context, max_tasks_per_child=1) as pool:
        return list(pool.map(call, jobs))


def call(job):
    return job[0](*job[1])


def main():
    one, where = [], [(t, c) for t, c in ((0, 1), (5, 0), (31, 3), (3, 2), (28, 0))]
    for tile, core in where:
        text = ONE_PACKET.format(tile=tile, core=core)
        simple, detailed = apart([(run_yaml, ("", text, 1, m, "loihi.yaml")) for m in ("simple", "detailed")])
        one.append({"core": 4 * tile + core, "network": text, "detailed_s": detailed["simulated_s"]} | simple)
    models = ("simple", "detailed")
    first = dict(zip(models, apart([(example, (m,)) for m in models]), strict=True))
    (lesson,) = apart([(tutorial, ())])
    gestures = [case for cases in apart([(gesture, job) for job in LOIHI_CORES.items()]) for case in cases]
    write(
        "sanafe.json",
        {
            "tool": "sanafe 2.2.9",
            "example": first,
            "tutorial": lesson,
            "one_packet": one,
            "gesture": gestures,
        },
    )
    print("the fixed cases are written", flush=True)
    seeds = [*range(RANDOM), *range(1_000_000, 1_000_000 + SHIPPED)]
    write(
        "sanafe_random.json", {"tool": "sanafe 2.2.9", "cases": apart([(random_case, (s,)) for s in seeds])}
    )


def write(name, content):
    (HERE / name).write_text(
        json.dumps(content, separators=(",", ":")).replace('{"seed"', '\n{"seed"') + "\n"
    )


if __name__ == "__main__":
    main()
