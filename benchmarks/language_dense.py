"""The dense twin of the contest of language models, at several budgets of training time.

    python benchmarks/language_dense.py --budget 20 --budget 60 --out FOLDER

For each budget of S seconds on two cores: how many steps fit in is measured on weights that are thrown away, then
so many are made. With one thread (``--threads 1``) a budget is 2·S of its processor seconds, as if two cores were
twice as fast; with two threads it is S seconds of both. Settings were tuned on the last tenth of the training text,
by models that had not seen it (``PRESETS``). Every part is written when it is done, and is not done again: ``train``,
``frozen``, ``streaming``, ``int8``, ``ternary``, ``speed``, ``lesions``, ``continual``. Needs the extra ``bench``;
``continual`` also the Brown corpus (``hdspike data fetch brown``) and is left out without it.
"""

import argparse
import json
import platform
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hdspike import datasets, files
from hdspike.contestants import decoder, fitting, lesions
from hdspike.contestants.contract import Learning, Reading
from hdspike.contestants.fitting import Recipe
from hdspike.contestants.quantised import Int8Transformer, TernaryTransformer
from hdspike.contestants.transformer import Transformer

CORES = 2
TEST = 0.1
SHARES = (0.01, 0.02, 0.05, 0.1, 0.2, 0.5)
RATES = (1e-5, 1e-4, 1e-3, 1e-2)
SEEDS = 3
BATCHES = (1, 64)
TERNARY = {"optimiser": "adamw", "rate": 0.01}  # better here than Muon, which is better for floats

PRESETS: dict[float, dict[str, Any]] = {
    5: {"layers": 2, "dim": 64, "heads": 1, "context": 128, "rate": 0.01},
    10: {"layers": 3, "dim": 64, "heads": 1, "context": 128, "rate": 0.01},
    20: {"layers": 3, "dim": 96, "heads": 2, "hidden": 256, "context": 128, "rate": 0.02},
    60: {"layers": 4, "dim": 96, "heads": 2, "context": 128, "rate": 0.01},
    300: {
        "layers": 4,
        "dim": 128,
        "heads": 2,
        "context": 256,
        "batch": 8,
        "rate": 0.01,
        "dropout": 0.1,
        "segment": 32,
    },
    900: {"layers": 4, "dim": 192, "heads": 3, "context": 256, "batch": 8, "rate": 0.01, "dropout": 0.2},
}
"""From which budget (seconds on two cores) on which model."""

RECIPE = ("batch", "context", "optimiser", "rate", "matrix_rate", "decay", "warm", "dropout")
PARTS = ("train", "frozen", "streaming", "int8", "speed", "lesions", "ternary", "continual")


def preset(budget: float) -> dict[str, Any]:
    """The settings of the largest preset that is not larger than the budget."""
    fits = [seconds for seconds in PRESETS if seconds <= budget]
    return PRESETS[max(fits) if fits else min(PRESETS)]


def made(settings: Mapping[str, Any], *, steps: int, seed: int, **changed: Any) -> dict[str, Any]:
    """Keyword arguments of a contestant."""
    given = dict(settings) | changed
    recipe = Recipe(steps=steps, seed=seed, **{name: given.pop(name) for name in RECIPE if name in given})
    return {"recipe": recipe, **given}


def steps_in(
    budget: float, kind: type[Transformer], arguments: dict[str, Any], text: Any, symbols: int
) -> int:
    """Steps that ``budget`` seconds of two cores hold, by a measured pace."""
    probe = kind(**arguments)
    pace = fitting.pace(
        probe._with(symbols), text, replace(probe.recipe, steps=1000), probe._training_arithmetic()
    )
    return max(1, round(budget * CORES / pace))


def figures(reading: Reading) -> dict[str, Any]:
    """What is kept of a reading; the interval comes from the standard deviation of blocks of 256 characters."""
    blocks = reading.bits[: len(reading.bits) // 256 * 256].reshape(-1, 256).mean(1)
    error = float(blocks.std(ddof=1) / np.sqrt(len(blocks))) if len(blocks) > 1 else None
    return {
        "bits_per_character": reading.bits_per_character,
        "standard_error": error,
        "accuracy": reading.accuracy,
        "characters": len(reading.bits),
        "seconds_per_character": reading.seconds / len(reading.bits),
        "counts_per_character": {k: v / len(reading.bits) for k, v in reading.counts.items()},
    }


def trained(model: Transformer) -> dict[str, Any]:
    """What training took."""
    assert model.learning is not None and model.training is not None
    return {
        "steps": model.recipe.steps,
        "passes": model.passes,
        "seconds": model.training.seconds,
        "processor_seconds": model.training.processor_seconds,
        "bits_in_training": model.training.bits,
        "counts": model.learning.counts,
        "parameters": model.shape.parameters,
        "stored_bytes": model.stored_bytes(),
        "active_bytes": model.active_bytes(),
        "settings": model.settings,
    }


def save(path: Path, weights: Mapping[str, Any]) -> None:
    """Weights as one flat array of fp32, names and shapes in its header."""
    flat = np.concatenate([value.numpy().ravel() for value in weights.values()])
    files.save_array(
        path, flat, names=list(weights), shapes=[list(value.shape) for value in weights.values()]
    )


def load(path: Path) -> dict[str, Any]:
    """What :func:`save` wrote."""
    torch = decoder.torch_module()
    flat, meta = files.load_array(path)
    sizes = [int(np.prod(shape)) for shape in meta["shapes"]]
    parts = np.split(np.array(flat), np.cumsum(sizes)[:-1])
    return {
        name: torch.from_numpy(part.reshape(shape).copy())
        for name, part, shape in zip(meta["names"], parts, meta["shapes"], strict=True)
    }


class Bench:
    """One budget: its model, its parts, and the file that they are written to."""

    def __init__(self, budget: float, out: Path, *, seed: int, threads: int, limit: int | None) -> None:
        text = datasets.builtin_text()
        self.symbols = len(text.symbols)
        cut = int(len(text.tokens) * (1 - TEST))
        self.train, self.test = text.tokens[:cut], text.tokens[cut:][:limit]
        self.budget, self.seed, self.threads = budget, seed, threads
        self.name = f"dense-{budget:g}s"
        self.file, self.out = out / f"{self.name}.json", out
        self.settings = preset(budget)
        self.done: dict[str, Any] = json.loads(self.file.read_text()) if self.file.exists() else {}
        about = {
            "budget_seconds": budget,
            "cores": CORES,
            "threads": threads,
            "seed": seed,
            "machine": platform.processor() or platform.machine(),
            "torch": decoder.torch_module().__version__,
            "characters": {"training": len(self.train), "test": len(self.test)},
        }
        kept = {name: self.done[name] for name in about if name in self.done}
        if kept and kept != about:
            raise SystemExit(f"{self.file} was made otherwise ({kept}); move it away or use another --out")
        self.done |= about

    def write(self, part: str, figure: Any) -> None:
        self.done[part] = figure
        files.write_text(self.file, json.dumps(self.done, indent=1) + "\n")
        print(f"{time.strftime('%H:%M:%S')} {self.name} {part}", flush=True)

    def model(self, kind: type[Transformer] = Transformer, **changed: Any) -> Any:
        """The trained model; trained now where it is not on disk."""
        store = self.out / f"{self.name}.weights"
        if "train" not in self.done or not store.exists():
            self.train_model()
        arguments = made(self.settings, steps=self.done["train"]["steps"], seed=self.seed, **changed)
        learning = Learning(self.done["train"]["seconds"], self.done["train"]["counts"])
        return kind(**arguments).adopt(load(store), self.train, self.symbols, learning)

    def train_model(self) -> None:
        arguments = made(self.settings, steps=1, seed=self.seed)
        steps = steps_in(self.budget, Transformer, arguments, self.train, self.symbols)
        model = Transformer(**made(self.settings, steps=steps, seed=self.seed))
        model.learn(self.train, self.symbols, progress=progress)
        save(self.out / f"{self.name}.weights", model.weights)
        self.write("train", trained(model))

    def frozen(self) -> None:
        half = figures(self.model().read(self.test, streaming=False))
        fine = max(1, self.settings["context"] // 8)
        eighth = figures(self.model(stride=fine, segment=1).read(self.test, streaming=False))
        self.write("frozen", half | {"stride_of_an_eighth": eighth})

    def streaming(self) -> None:
        self.write("streaming", figures(self.model().read(self.test, streaming=True)))

    def int8(self) -> None:
        model = self.model(Int8Transformer)
        self.write("int8", sizes(model) | figures(model.read(self.test, streaming=False)))

    def ternary(self) -> None:
        changed = TERNARY
        arguments = made(self.settings, steps=1, seed=self.seed, **changed)
        steps = steps_in(self.budget, TernaryTransformer, arguments, self.train, self.symbols)
        model = TernaryTransformer(**made(self.settings, steps=steps, seed=self.seed, **changed))
        model.learn(self.train, self.symbols, progress=progress)
        save(self.out / f"{self.name}-ternary.weights", model.weights)
        reading = figures(model.read(self.test, streaming=False))
        self.write("ternary", trained(model) | sizes(model) | {"nonzero": model.nonzero()} | reading)

    def speed(self) -> None:
        model, found = self.model(), []
        length = 4 * self.settings["context"]
        for batch in BATCHES:
            model.generate(self.test[: model.recipe.context], 16, batch=batch)
            begun = time.process_time()
            _, seconds = model.generate(self.test[: model.recipe.context], length, batch=batch)
            counts = model.generation_counts(batch=batch)
            found.append(
                {
                    "batch": batch,
                    "seconds_per_character": seconds / length / batch,
                    "processor_seconds_per_character": (time.process_time() - begun) / length / batch,
                    "counts_per_character": {k: v / model.stride / batch for k, v in counts.items()},
                }
            )
        self.write("speed", found)

    def lesions(self) -> None:
        model = self.model()
        out: dict[str, Any] = {"characters": len(self.test), "seeds": SEEDS}
        whole = dict(model.weights)
        ways: dict[str, tuple[Callable[..., Any], tuple[float, ...]]] = {
            "weights": (lesions.without_weights, SHARES),
            "neurons": (lesions.without_neurons, SHARES),
            "int8_bits": (lambda w, rate, rng: lesions.with_flipped_bits(w, rate, rng=rng)[0], RATES),
        }
        for name, (harm, amounts) in ways.items():
            out[name] = []
            for amount in amounts:
                bits, hits = [], []
                for seed in range(SEEDS):
                    model.weights = harm(whole, amount, rng=seed)
                    reading = model.read(self.test, streaming=False)
                    bits.append(reading.bits_per_character)
                    hits.append(reading.accuracy)
                out[name].append(
                    {"amount": amount, "bits_per_character": bits, "accuracy": hits}
                    | {"mean": float(np.mean(bits)), "deviation": float(np.std(bits, ddof=1))}
                )
        self.write("lesions", out)

    def continual(self) -> None:
        try:
            documents = datasets.load("brown")
        except (ValueError, OSError, RuntimeError) as error:
            print(f"continual is left out: {error}")
            return
        second = "\n\n".join(one.text for one in documents if one.genre == "news")
        first = datasets.builtin_text().content
        symbols, tokens = np.unique(np.array(list(first + second)), return_inverse=True)
        a, b = tokens[: len(first)].astype(np.int64), tokens[len(first) :].astype(np.int64)
        (a_train, a_test), (b_train, b_test) = (_split(each) for each in (a, b))
        a_test, b_test = a_test[: len(self.test)], b_test[: len(self.test)]
        steps = self.done["train"]["steps"] if "train" in self.done else None
        arguments = made(self.settings, steps=1, seed=self.seed)
        steps = steps or steps_in(self.budget, Transformer, arguments, a_train, len(symbols))
        model = Transformer(**made(self.settings, steps=steps, seed=self.seed))
        found: dict[str, Any] = {"steps_each": steps, "second": "Brown, news", "symbols": len(symbols)}
        model.learn(a_train, len(symbols), progress=progress)
        found["first_before"] = figures(model.read(a_test, streaming=False))
        model.continue_on(b_train, progress=progress)
        found["second_after"] = figures(model.read(b_test, streaming=False))
        # the first text's own context again: what it reads just before its test
        assert model.learning is not None
        model.adopt(model.weights, a_train, len(symbols), model.learning)
        found["first_after"] = figures(model.read(a_test, streaming=False))
        found["forgotten_bits_per_character"] = (
            found["first_after"]["bits_per_character"] - found["first_before"]["bits_per_character"]
        )
        self.write("continual", found)


def sizes(model: Transformer) -> dict[str, Any]:
    return {
        "stored_bytes": model.stored_bytes(),
        "active_bytes": model.active_bytes(),
        "counts_of_generating": {k: v / model.stride for k, v in model.generation_counts().items()},
    }


def _split(tokens: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    cut = int(len(tokens) * (1 - TEST))
    return tokens[:cut], tokens[cut:]


def progress(step: int, steps: int) -> None:
    """A line at every tenth of a training of more than a few seconds."""
    if steps >= 2000 and step % (steps // 10) == 0:
        print(f"{time.strftime('%H:%M:%S')} step {step} of {steps}", flush=True)


def table(out: Path) -> str:
    """What has been measured in a folder, a line for each budget."""
    head = "budget  parameters  passes  frozen  (S=C/8)  accuracy  streaming  int8    ternary"
    lines = [head]
    found = [json.loads(file.read_text()) for file in out.glob("dense-*.json")]
    for one in sorted(found, key=lambda done: float(done["budget_seconds"])):
        if "train" not in one:
            continue
        get = lambda part, name="bits_per_character", one=one: one.get(part, {}).get(name, float("nan"))  # noqa: E731
        eighth = one.get("frozen", {}).get("stride_of_an_eighth", {}).get("bits_per_character", float("nan"))
        lines.append(
            f"{one['budget_seconds']:6g}  {one['train']['parameters']:10,}  {one['train']['passes']:6.1f}  "
            f"{get('frozen'):6.3f}  {eighth:7.3f}  {get('frozen', 'accuracy'):8.3f}  {get('streaming'):9.3f}  "
            f"{get('int8'):6.3f}  {get('ternary'):7.3f}"
        )
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument(
        "--budget", type=float, action="append", help="seconds on two cores (5 10 20 60 300 900)"
    )
    parser.add_argument("--part", choices=PARTS, action="append", help="only this part (all of them)")
    parser.add_argument(
        "--out", type=Path, required=True, help="folder of results; parts that are there are kept"
    )
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--threads", type=int, default=CORES)
    parser.add_argument("--limit", type=int, help="only so many characters of the test text")
    given = parser.parse_args()
    given.out.mkdir(parents=True, exist_ok=True)
    torch = decoder.torch_module()
    torch.set_num_threads(given.threads)
    torch.use_deterministic_algorithms(True)
    for budget in given.budget or sorted(PRESETS):
        bench = Bench(budget, given.out, seed=given.seed, threads=given.threads, limit=given.limit)
        for part in given.part or PARTS:
            if part in bench.done:
                continue
            bench.train_model() if part == "train" else getattr(bench, part)()
    print(table(given.out))


if __name__ == "__main__":
    main()
