"""What SANA-FE's Loihi soma does with random parameters and input, step by step; writes ``soma.json``.

    pip install sanafe==2.2.9 pyyaml
    python tests/golden/soma.py [FILE]

Each neuron has its own parameters (leak, decays, bias, resets, thresholds below and above, refractoriness) and three
input lines, on the ``loihi.yaml`` of the package. The golden holds potentials and spikes of every step, and how many
neurons were updated. The tool is under the GPL: it is asked, not read.
"""

import json
import os
import random
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
NEURONS, LINES, STEPS = 90, 3, 16
VERSION = "2.2.9"


def attributes(rng):
    """Random parameters of one neuron; those left out are the tool's defaults."""
    out = {"threshold": rng.choice([0.0, 1.0, 2.5, 4.0, -1.0])}
    for key, chance, values in (
        ("leak_decay", 0.6, [0.5, 0.9, 0.75, 1.0, 0.0]),
        ("input_decay", 0.6, [0.5, 0.9, 0.3, 1.0]),
        ("bias", 0.5, [0.3, -0.4, 1.1, 0.015625]),
        ("reset", 0.5, [0.5, -0.25, 1.3]),
        ("reset_mode", 0.5, ["soft", "hard", "none", "saturate"]),
        ("refractory_delay", 0.4, [0, 1, 2, 4]),
        ("force_update", 0.2, [True]),
    ):
        if rng.random() < chance:
            out[key] = rng.choice(values)
    if rng.random() < 0.4:
        out["reverse_threshold"] = rng.choice([0.0, -1.0, -2.0])
        out["reverse_reset"] = rng.choice([0.0, -0.5, 0.5])
        out["reverse_reset_mode"] = rng.choice(["soft", "hard", "none", "saturate"])
    return out


def main():
    sys.path[:] = [p for p in sys.path if Path(p or ".").resolve() != HERE]
    import sanafe

    rng = random.Random(4)
    chip = sanafe.load_arch(str(Path(os.path.dirname(sanafe.__file__)) / "examples" / "loihi.yaml"))
    network = sanafe.Network()
    core = chip.tiles[0].cores[0]
    lines = network.create_neuron_group("in", NEURONS * LINES)
    cases = []
    for n in range(NEURONS):
        case = {"attributes": attributes(rng), "weights": [], "input": []}
        for i in range(LINES):
            spikes = [int(rng.random() < 0.3) for _ in range(STEPS)]
            case["input"].append(spikes)
            case["weights"].append(rng.choice([1.0, -1.0, 0.7, -0.3, 0.0, 2.2]))
            line = n * LINES + i
            lines[line].set_attributes(
                soma_hw_name=f"loihi_inputs[{line}]", model_attributes={"spikes": [bool(s) for s in spikes]}
            )
        cases.append(case)
    lines.map_to_core(core)
    for n, case in enumerate(cases):
        group = network.create_neuron_group(
            *(f"n{n:03}", 1),  # the tool lists potentials in the order of names
            model_attributes=case["attributes"],
            log_potential=True,
            log_spikes=True,
            soma_hw_name="loihi_lif",
        )
        for i, weight in enumerate(case["weights"]):
            lines[n * LINES + i].connect_to_neuron(group[0], {"weight": weight})
        group.map_to_core(core)
    run = sanafe.SpikingChip(chip)
    run.load(network)
    told = run.sim(
        timesteps=STEPS, timing_model="simple", spike_trace=True, potential_trace=True, perf_trace=True
    )
    sent = [sum(case["input"][i][t] for case in cases for i in range(LINES)) for t in range(STEPS)]
    for n, case in enumerate(cases):
        case["potential"] = [step[n] for step in told["potential_trace"]]
        case["fired"] = [
            t
            for t, step in enumerate(told["spike_trace"])
            if any(str(who).split(".")[0] == f"n{n:03}" for who in step)
        ]
    golden = {
        "tool": "SANA-FE",
        "version": VERSION,
        "updated": [u - s for u, s in zip(told["perf_trace"]["updated"], sent, strict=True)],
        "cases": cases,
    }
    rows = ",\n".join(json.dumps(case) for case in golden.pop("cases"))
    text = json.dumps(golden)[:-1] + ', "cases": [\n' + rows + "\n]}\n"
    (Path(sys.argv[1]) if len(sys.argv) > 1 else HERE / "soma.json").write_text(text)


if __name__ == "__main__":
    main()
