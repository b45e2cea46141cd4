"""Golden metrics of NeuroBench (Yik et al., Nature Communications 2025): its package on five small networks.

Run where neurobench 2.3.0, snntorch 1.0.0 and torch are installed: ``python -m tests.golden.neurobench_oracle
[out.json]``. The networks (plain NumPy, imported by the tests without torch) have weights of eighths and decays of a
half, so that float32 and float64 give the same potentials to the last bit.
"""

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np

STEPS, DECAY, THRESHOLD = 12, 0.5, 1.0
SIZES = (14, 18, 9, 4)  # of the fully connected networks
IMAGE, FILTERS, KERNEL = (6, 5, 2), 3, 3  # height, width, channels; the convolution is padded by 1


def draw(seed: int) -> np.random.Generator:
    return np.random.Generator(np.random.PCG64(seed))


def matrices(seed: int) -> list[np.ndarray]:
    """Weights (outputs, inputs) of the layers; about a third of them are 0."""
    rng = draw(seed)
    pairs = zip(SIZES[1:], SIZES[:-1], strict=True)
    drawn = [np.where(rng.random(shape) < 0.6, rng.integers(-2, 7, shape), 0) for shape in pairs]
    return [(weight / 8).astype(np.float32) for weight in drawn]


def raster(samples: int, graded: bool = False) -> np.ndarray:
    """Input ``(samples, steps, lines)`` of 0 and 1; ``graded``: one 2 in two of the steps, of one sample each."""
    spikes = (draw(11).random((samples, STEPS, SIZES[0])) < 0.35).astype(np.float32)
    if graded:
        spikes[0, 3, 2] = spikes[1, 7, 5] = 2.0
    return spikes


def images(samples: int) -> np.ndarray:
    """Input ``(samples, steps, height, width, channels)`` of 0 and 1."""
    return (draw(12).random((samples, STEPS, *IMAGE)) < 0.2).astype(np.float32)


def kernels() -> np.ndarray:
    """Weights of the convolution ``(kernel height, kernel width, channels in, channels out)``, some 0."""
    return draw(13).integers(-2, 5, (KERNEL, KERNEL, IMAGE[2], FILTERS)).astype(np.float32) / 8


def vectors(samples: int, binary: bool) -> np.ndarray:
    """Input of the perceptron ``(samples, inputs)``."""
    return draw(14).integers(0 if binary else -2, 2 if binary else 4, (samples, SIZES[0])).astype(np.float32)


def biases() -> list[np.ndarray]:
    return [draw(15 + k).integers(-3, 3, size).astype(np.float32) / 8 for k, size in enumerate(SIZES[1:])]


def models() -> dict[str, tuple[Any, np.ndarray, tuple[int, ...]]]:
    """Name → a NeuroBench model, its input, the batch sizes."""
    import snntorch
    import torch
    from neurobench.models import SNNTorchModel, TorchModel
    from torch import nn

    def linear(weight: np.ndarray, bias: np.ndarray | None = None) -> Any:
        layer = nn.Linear(weight.shape[1], weight.shape[0], bias=bias is not None)
        layer.weight.data = torch.tensor(weight)
        if bias is not None:
            layer.bias.data = torch.tensor(bias)
        return layer

    def neurons(**options: Any) -> Any:
        return snntorch.Leaky(beta=DECAY, threshold=THRESHOLD, init_hidden=True, **options)

    class Delayed(nn.Module):
        """A spike reaches the next layer one step later, and the reset comes with it: as in hdspike."""

        def __init__(self, layers: list[Any]) -> None:
            super().__init__()
            self.connections = nn.ModuleList(layers)
            self.cells = nn.ModuleList([neurons(reset_mechanism="zero", reset_delay=False) for _ in layers])
            self.waiting: list[Any] = []

        def reset(self) -> None:
            for cell in self.cells:
                cell.reset_mem()
            self.waiting = []

        def forward(self, x: Any) -> tuple[Any, Any]:
            if not self.waiting:
                self.waiting = [None] * len(self.cells)
                shape = x
                for k, connection in enumerate(
                    self.connections
                ):  # the shapes of the currents, without any hook
                    kind = nn.functional.conv2d if isinstance(connection, nn.Conv2d) else nn.functional.linear
                    more = {"padding": 1} if isinstance(connection, nn.Conv2d) else {}
                    shape = self.waiting[k] = torch.zeros_like(kind(shape, connection.weight, **more))
            spikes = [cell(current) for cell, current in zip(self.cells, self.waiting, strict=True)]
            sent = [x, *spikes[:-1]]
            self.waiting = [connect(s) for connect, s in zip(self.connections, sent, strict=True)]
            return spikes[-1], None

    class Textbook(nn.Module):
        """snnTorch's own way: layer after layer within a step, reset by subtraction one step later."""

        def __init__(self, layers: list[Any]) -> None:
            super().__init__()
            self.connections = nn.ModuleList(layers)
            self.cells = nn.ModuleList([neurons() for _ in layers])

        def reset(self) -> None:  # snntorch.utils.reset does not look into a ModuleList
            for cell in self.cells:
                cell.reset_mem()

        def forward(self, x: Any) -> tuple[Any, Any]:
            for connection, cell in zip(self.connections, self.cells, strict=True):
                x = cell(connection(x))
            return x, None

    def perceptron() -> Any:
        parts: list[Any] = []
        for weight, bias in zip(matrices(1), biases(), strict=True):
            parts += [linear(weight, bias), nn.ReLU()]
        return TorchModel(nn.Sequential(*parts[:-1]))

    conv = nn.Conv2d(IMAGE[2], FILTERS, KERNEL, padding=1, bias=False)
    conv.weight.data = torch.tensor(kernels().transpose(3, 2, 0, 1).copy())
    return {
        "delayed": (SNNTorchModel(Delayed([linear(w) for w in matrices(1)])), raster(4), (4, 1)),
        "textbook": (SNNTorchModel(Textbook([linear(w) for w in matrices(2)])), raster(4, True), (4, 1)),
        "perceptron": (perceptron(), vectors(8, False), (8, 2)),
        "binary perceptron": (perceptron(), vectors(8, True), (8,)),
        "convolution": (SNNTorchModel(Delayed([conv])), images(4).transpose(0, 1, 4, 2, 3).copy(), (4,)),
    }


def main(out: Path) -> None:
    """Run the package and write what it says."""
    from importlib.metadata import version

    import torch
    from neurobench.benchmarks import Benchmark
    from neurobench.metrics.static import ConnectionSparsity, Footprint
    from neurobench.metrics.workload import ActivationSparsity, MembraneUpdates, SynapticOperations
    from torch.utils.data import DataLoader, TensorDataset

    golden: dict[str, Any] = {
        "version": {name: version(name) for name in ("neurobench", "snntorch")},
        "cases": {},
    }
    cases = [(name, size) for name, (_, _, sizes) in models().items() for size in sizes]
    for name, size in cases:
        model, inputs, _ = models()[name]  # anew: hooks and potentials of an old run would be left in it
        data = TensorDataset(torch.tensor(inputs), torch.zeros(len(inputs)))
        workload = [ActivationSparsity, SynapticOperations]
        workload += [] if "perceptron" in name else [MembraneUpdates]
        metrics = [[Footprint, ConnectionSparsity], workload]
        buffers = sum(part.numel() * part.element_size() for part in model.__net__().buffers())
        with torch.no_grad():
            told = Benchmark(model, DataLoader(data, batch_size=size), [], [], metrics).run(quiet=True)
        told.update(told.pop("SynapticOperations"))
        golden["cases"][f"{name}, batches of {size}"] = {**told, "bytes of buffers": buffers}
    out.write_text(json.dumps(golden, indent=1) + "\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).with_name("neurobench.json"))
