"""Golden spikes of Norse (Pehle & Pedersen 2021), a torch framework with a clock that reads NIR.

Run where norse 1.1.0, nirtorch and nir are installed: ``python -m tests.golden.norse`` writes ``norse.json`` beside
it: the input raster, the parameters of the graph, and the spikes. Its LIF ignores the resistance, which is 1 here.
"""

import json
from pathlib import Path

import nir
import norse.torch
import numpy as np
import torch

STEPS, LINES, NEURONS = 300, 6, 5


def main() -> None:
    """Run the graph and write what came of it."""
    rng = np.random.default_rng(5)
    raster = (rng.random((STEPS, LINES)) < 0.2).astype(np.float32)
    weight = np.round(rng.normal(20, 20, (NEURONS, LINES)), 3)
    tau, threshold = [0.1, 0.2, 0.2, 0.3, 0.5], [1.0, 1.0, 0.8, 1.2, 1.0]
    node = nir.LIF(
        tau=np.array(tau), r=np.ones(NEURONS), v_leak=np.zeros(NEURONS), v_threshold=np.array(threshold)
    )
    model = norse.torch.from_nir(nir.NIRGraph.from_list(nir.Linear(weight), node), dt=0.001)
    state, spikes = None, []
    for t in range(STEPS):
        out, state = model(torch.tensor(raster[t : t + 1]), state)
        spikes += [[t, int(n)] for n in torch.nonzero(out.ravel())]
    golden = {
        "norse": "1.1.0", "step_s": 0.001, "steps": STEPS, "weight": weight.tolist(), "tau": tau,
        "threshold": threshold, "input": np.argwhere(raster).tolist(), "spikes": spikes,
    }  # fmt: skip
    Path(__file__).with_suffix(".json").write_text(json.dumps(golden))


if __name__ == "__main__":
    main()
