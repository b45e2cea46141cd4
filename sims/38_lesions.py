"""Is a model of spikes graceful when its parts die?

A Spiking HD-Transformer that has learned the first nine tenths of CPython's documentation is injured, then reads the
beginning of the last tenth, frozen; what is dead stays dead. Above, a share of one kind of part dies, each part with
the same chance: *neurons*, rows of the lifetime memory and keys of the window; their *synapses*, from lines and to
symbols; *lines*, bits of the code; whole *cores*, of 64, each with rows that lie side by side and a stretch of the
window (so many, drawn); the *readout*'s synapses, which all symbols share. Below, noise: each line of each code that is
read is another with some chance; each bit of the readout's weights is inverted, or of the rows' counters and symbols.

Two models: a neuron has m = 2 synapses and needs both; or three and needs two (half as many ones again, and more
events). Points are means of seeds of the damage, bars their lowest and highest; on the same characters.

The dense twin, where ``benchmarks/language_dense.py`` was run (``--part frozen --part lesions``; ``--limit 10000``: the
same characters): a character transformer with the same share of its weights or of its hidden units at 0, or bits of its
int8 weights inverted. It is not retrained either. A model of spikes has far more parts than it uses at a time, a
dense one uses all: that is what is compared.

Caveats. A row is found through the line of its first block alone: redundancy does not help it there. A new key is
struck 16 characters after it was written. The readout's weights have as many bits as the largest needs, rows' counters
eight, symbols seven; rows that were never recruited do not fire, free synapses of others may by a flip. One model each:
the standard one, and one with a third synapse.
Points are kept in the user's cache folder when they are done; a run that was stopped goes on where it was.
"""

from collections.abc import Callable
from dataclasses import replace
from functools import cache
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, NullLocator

from hdspike.contestants.dense_results import COMMAND, dense_results
from hdspike.contestants.kept import Kept
from hdspike.contestants.trained import Split, builtin, small
from hdspike.plot.style import COLOURS, figure, note
from hdspike.transformer import Settings, SpikingTransformer, lesions

VERSION = 1
READ = 10_000
SEEDS = 3
SHARES = (0.05, 0.1, 0.2, 0.5)
TICKS = (0.01, 0.02, 0.05, 0.1, 0.2, 0.5)
RATES = (1e-5, 1e-4, 1e-3, 1e-2)
DEAD: dict[str, tuple[Callable[..., Any], str, str]] = {
    "neurons": (lesions.without_neurons, "o", "blue"),
    "synapses": (lesions.without_synapses, "s", "green"),
    "lines": (lesions.without_lines, "^", "orange"),
    "cores": (lesions.without_cores, "D", "purple"),
    "readout": (lesions.without_votes, "v", "sky"),
}
NOISE: dict[str, tuple[Callable[..., Any], str, str]] = {
    "lines on the way": (lesions.with_noisy_lines, "o", "blue"),
    "readout's weights, bits": (lesions.with_flipped_votes, "v", "sky"),
    "rows' counters and symbols, bits": (lesions.with_flipped_rows, "s", "green"),
}
DENSE = {
    "weights": ("X", "weights"),
    "neurons": ("P", "hidden units"),
    "int8_bits": ("X", "bits of int8 weights"),
}
MODELS: dict[str, dict[str, Any]] = {"m = θ = 2": {}, "m = 3, θ = 2": {"synapses": 3, "threshold": 2}}


class Patients:
    """The learned models, each learned when it is needed, and what they read."""

    def __init__(self, text: Split, settings: dict[str, Settings]) -> None:
        self.text, self.settings = text, settings
        self.model = cache(self._model)

    def _model(self, name: str) -> SpikingTransformer:
        model = SpikingTransformer(self.text.alphabet, self.settings[name])
        model.learn(self.text.learned)
        return model

    def read(self, kept: Kept, name: str, kind: str, amount: float, seed: int) -> float:
        """Bits per character with this damage; of the whole model where ``amount`` is 0."""

        def make() -> dict[str, Any]:
            model = self.model(name)
            if amount > 0:
                model = {**DEAD, **NOISE}[kind][0](
                    model, amount, rng=np.random.default_rng([seed, round(1e6 * amount)])
                )
            bits = float(model.read(self.text.read).bits.mean())
            kept.say(f"{name}, {kind} {amount:g}, seed {seed}: {bits:.4f}")
            return {"bits": bits}

        key = {
            "text": self.text.digest,
            "settings": self.settings[name].as_json(),
            "kind": kind if amount > 0 else "whole",
            "amount": amount,
            "seed": seed if amount > 0 else 0,
        }
        return float(kept(key, make)["bits"])


def simulate(*, quick: bool, seed: int) -> dict[str, Any]:
    """Every kind of damage, at every amount, of every model."""
    whole = builtin(40_000 if quick else None)
    text = replace(whole, read=whole.read[: 2000 if quick else READ])
    base = Settings(seed=seed)
    base = small(base) if quick else base
    settings = {name: replace(base, **change) for name, change in MODELS.items()}
    shares, rates, seeds = ((0.2,), (1e-2,), 2) if quick else (SHARES, RATES, SEEDS)
    patients = Patients(text, dict(list(settings.items())[: 1 if quick else None]))
    kept = Kept(None) if quick else Kept.here("lesions", VERSION)
    rows = []
    for name in patients.settings:
        unhurt = patients.read(kept, name, "whole", 0, 0)
        for noisy, kinds, amounts in ((False, DEAD, shares), (True, NOISE, rates)):
            for kind in kinds:
                points = []
                for amount in amounts:
                    bits = [patients.read(kept, name, kind, amount, seed + n) for n in range(seeds)]
                    points.append(
                        {"amount": amount, "bits": float(np.mean(bits)), "low": min(bits), "high": max(bits)}
                    )
                rows.append({"model": name, "noise": noisy, "kind": kind, "whole": unhurt, "points": points})
    numbers: dict[str, Any] = {
        "text": text.name,
        "learned": len(text.learned),
        "read": len(text.read),
        "seeds": seeds,
        "rows": rows,
        "dense": None if quick else dense(),
    }
    return numbers | {"words": words(numbers)}


def dense() -> dict[str, Any] | None:
    """The dense twin's damage, in the same form; None where its benchmark was not run."""
    found = dense_results("lesions")
    if found is None:
        return None
    rows = [
        {
            "noise": kind == "int8_bits",
            "kind": kind,
            "points": [
                {
                    "amount": one["amount"],
                    "bits": one["mean"],
                    "low": min(one["bits_per_character"]),
                    "high": max(one["bits_per_character"]),
                }
                for one in found["lesions"][kind]
            ],
        }
        for kind in DENSE
    ]
    return {name: found[name] for name in ("budget", "parameters", "frozen")} | {"rows": rows}


def _at(row: dict[str, Any], amount: float) -> float | None:
    """Bits above the whole model at one amount."""
    return next((p["bits"] - row["whole"] for p in row["points"] if p["amount"] == amount), None)


def words(numbers: dict[str, Any]) -> list[str]:
    """What can be said, computed."""
    said = []
    for name in dict.fromkeys(row["model"] for row in numbers["rows"]):
        rows = [row for row in numbers["rows"] if row["model"] == name]
        for noisy, amount, what in ((False, 0.2, "a fifth dead"), (True, 1e-2, "1 in 100 wrong")):
            listed = [(row["kind"], _at(row, amount)) for row in rows if row["noise"] == noisy]
            changes = ", ".join(f"{kind} {change:+.2f}" for kind, change in listed if change is not None)
            said.append(f"{name} ({rows[0]['whole']:.3f} bits whole), {what}: {changes} bits per character.")
    twin = numbers["dense"]
    if twin is None:
        said.append(f"The dense twin is left out: no results of `{COMMAND}`.")
        return said
    parts = []
    for row in twin["rows"]:
        change = _at(row | {"whole": twin["frozen"]}, 1e-2 if row["noise"] else 0.2)
        if change is not None:
            parts.append(f"{DENSE[row['kind']][1]} {change:+.2f}")
    said.append(
        f"Dense twin ({twin['parameters']:,} weights, {twin['budget']:g} s of training, {twin['frozen']:.3f} bits "
        f"whole), the same shares: {', '.join(parts)}."
    )
    return said


def curve(axis: Any, points: list[dict[str, Any]], whole: float, **look: Any) -> None:
    """Bits above the whole model, the mean and the ends of the seeds."""
    values = [p["bits"] - whole for p in points]
    ends = [(p["bits"] - p["low"], p["high"] - p["bits"]) for p in points]
    axis.errorbar(
        [p["amount"] for p in points], values, yerr=list(zip(*ends, strict=True)), capsize=2.5, **look
    )


def draw(numbers: dict[str, Any]) -> Figure:
    """Shares that die above, rates of noise below; a model for each column, the dense twin in both."""
    names = list(dict.fromkeys(row["model"] for row in numbers["rows"]))
    fig, axes = figure(2, len(names), size=(7.4 * len(names), 10), squeeze=False, sharey="row")
    twin = numbers["dense"]
    for column, name in enumerate(names):
        for noisy, (axis, kinds) in enumerate(zip(axes[:, column], (DEAD, NOISE), strict=True)):
            for row in numbers["rows"]:
                if (row["model"], row["noise"]) == (name, bool(noisy)):
                    _, marker, colour = kinds[row["kind"]]
                    look = {"marker": marker, "color": COLOURS[colour], "lw": 1.6, "ms": 5.5}
                    curve(axis, row["points"], row["whole"], **look, label=row["kind"])
            for row in twin["rows"] if twin is not None else []:
                if row["noise"] == bool(noisy):
                    marker, label = DENSE[row["kind"]]
                    style = "--" if row["kind"] != "neurons" else ":"
                    look = {"marker": marker, "color": COLOURS["vermilion"], "lw": 1.6, "ls": style, "ms": 6}
                    curve(axis, row["points"], twin["frozen"], **look, label=f"dense twin, {label}")
            axis.set_yscale("symlog", linthresh=0.01, linscale=0.5)
            axis.set_ylim(bottom=-0.005)
            axis.yaxis.set_major_formatter(lambda value, _: f"{value:+g}" if value else "0")
            axis.set_xscale("log")
            axis.axhline(0, color=COLOURS["black"], lw=1)
            axis.legend(fontsize=9)
        whole = next(row["whole"] for row in numbers["rows"] if row["model"] == name)
        axes[0, column].set_title(f"{name}: {whole:.3f} bits per character whole")
        axes[0, column].xaxis.set_major_locator(FixedLocator(TICKS))
        axes[0, column].xaxis.set_minor_locator(NullLocator())
        axes[0, column].xaxis.set_major_formatter(lambda value, _: f"{100 * value:g} %")
        axes[0, column].set_xlabel("share that is dead")
        axes[1, column].set_xlabel("chance that a line, or a bit, is wrong")
    for axis in axes[:, 0]:
        axis.set_ylabel("bits per character above the whole model\n(linear below 0.01)")
    note(fig, "\n".join(numbers["words"]))
    return fig


if __name__ == "__main__":
    from hdspike.sim import main

    main(__file__)
