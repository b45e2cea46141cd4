"""How large a product can a resonator network factor, for vectors of D bits?

A product ``x = a ⊗ b ⊗ …`` (XOR) of F = 2, 3 or 4 random vectors, each from a codebook of m, has ``M = m^F``
possible sets of factors. :class:`hdspike.memory.Resonator` searches them in superposition, one factor after the
other, without restarts. Left: the share of products whose factors are all found, against M. Middle: the iterations it
took. Right: *operational capacity*, the M that is still factored with 99 % accuracy, against D, with the exponent of
a power law fitted to it. Kent, Frady, Sommer & Olshausen (2020) report that it grows as the square of the dimension;
the points, the fits and their exponents are ours, from this run.

Caveats. Accuracy at each (D, F, M) is a share of ``trials`` products over several draws of the codebooks, with 95 %
Wilson intervals; the capacity is read off a logistic curve in log M fitted to those of at least ½ (bars: 95 % of the
fit, which takes trials for independent). A point where the curve is above 99 % everywhere, or nowhere, is put at the
largest or smallest M tried. The iterations (middle) are those of products that were found, so the limit cuts off their
upper end where accuracy is low. A run may use as many iterations as a thousandth of the search
space, at least 500 and at most 2,000: more would find more, at a price. Each iteration compares the F codebooks, so its
cost is iterations × F·m comparisons of D bits and as much again to sum up, against M for trying all: the network wins
where that is less. Factors are updated in turn; all at once finds less.
"""

from math import log, log10, sqrt
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from scipy.optimize import minimize

from hdspike import bits, theory
from hdspike.memory import Resonator
from hdspike.plot.style import COLOURS, figure

GOAL = 0.99
LOGIT = log(GOAL / (1 - GOAL))
FACTORS = (2, 3, 4)
FACTOR_COLOURS = {2: COLOURS["orange"], 3: COLOURS["blue"], 4: COLOURS["green"]}
MARKS = {2: "s", 3: "o", 4: "^"}
DIMS = (200, 300, 450, 700, 1000)
SHOWN = 450
"""Dimension of the curves of accuracy and iterations."""
GUESS = {2: 0.15, 3: 0.3, 4: 0.4}
"""About M ÷ D² at capacity, where the codebook sizes are looked for; it bears on the effort, not on the result."""
SPREAD = (0.25, 0.4, 0.6, 0.9, 1.4, 2.2, 4.0)


def budget(space: float) -> int:
    """Iterations that a run may use: a thousandth of the search space, from 500 to 2,000."""
    return int(min(2000, max(500, space / 1000)))


def trial(dim: int, factors: int, size: int, trials: int, random: np.random.Generator) -> dict[str, Any]:
    """Accuracy and iterations of ``trials`` products over four draws of the codebooks."""
    right, iterations, cycles, seconds = 0, [], 0, 4
    for _ in range(seconds):
        count = trials // seconds
        books = [bits.random(size, dim, rng=random) for _ in range(factors)]
        chosen = random.integers(size, size=(count, factors))
        product = np.bitwise_xor.reduce([b[c] for b, c in zip(books, chosen.T, strict=True)], axis=0)
        found = Resonator(dim, books).factor(product, most=budget(float(size) ** factors))
        good = np.all(found.items == chosen, axis=1)
        right += int(np.count_nonzero(good))
        iterations += found.iterations[good].tolist()
        cycles += int(np.count_nonzero(found.converged & ~good))
    total = seconds * (trials // seconds)
    low, high = theory.wilson(right, total)
    return {
        "size": size,
        "space": float(size) ** factors,
        "accuracy": right / total,
        "low": low,
        "high": high,
        "trials": total,
        "wrong_fixed_points": cycles,
        "iterations": [float(q) for q in np.quantile(iterations or [0], [0.1, 0.5, 0.9])],
    }


def capacity(points: list[dict[str, Any]]) -> dict[str, float]:
    """M at 99 % and at 50 % from a logistic curve in ln M, fitted by likelihood to accuracies of at least ½.

    Its standard error follows from the curvature of the likelihood; no M beyond those tried is returned.
    """
    used = [p for p in points if p["accuracy"] >= 0.5] or points[:1]
    x = np.array([log(p["space"]) for p in used])
    n = np.array([p["trials"] for p in used], dtype=float)
    hits = np.array([p["accuracy"] for p in used]) * n

    def cost(theta: Any) -> float:
        """Minus the likelihood where ``theta`` is ln M at 99 % and the log of the steepness."""
        z = np.exp(theta[1]) * (theta[0] - x) + LOGIT
        return float(np.sum(hits * np.logaddexp(0, -z) + (n - hits) * np.logaddexp(0, z)))

    start = [float(x.mean()), 0.5]
    fit = minimize(cost, start, method="Nelder-Mead", options={"xatol": 1e-6, "fatol": 1e-8}).x
    h = 1e-3
    step = np.eye(2) * h
    hessian = np.array(
        [
            [
                (cost(fit + a + b) - cost(fit + a - b) - cost(fit - a + b) + cost(fit - a - b)) / (4 * h * h)
                for b in step
            ]
            for a in step
        ]
    )
    variance = float(np.linalg.pinv(hessian)[0, 0])
    at = min(max(float(fit[0]), float(x.min())), log(points[-1]["space"]))
    error = 1.96 * sqrt(max(variance, 0.0))
    return {
        "space": float(np.exp(at)),
        "low": float(np.exp(at - min(error, 5.0))),
        "high": float(np.exp(at + min(error, 5.0))),
        "half": float(np.exp(fit[0] + LOGIT / np.exp(fit[1]))),
    }


def sizes(dim: int, factors: int, spread: tuple[float, ...]) -> list[int]:
    """Codebook sizes around the expected capacity."""
    centre = GUESS[factors] * dim**2
    return sorted({max(2, round((share * centre) ** (1 / factors))) for share in spread})


def series(dim: int, factors: int, trials: int, seed: int, spread: tuple[float, ...]) -> dict[str, Any]:
    """Accuracy against search space at one dimension and number of factors, and the capacity read off it."""
    random = np.random.default_rng([seed, dim, factors])
    points = [trial(dim, factors, size, trials, random) for size in sizes(dim, factors, spread)]
    return {"dim": dim, "factors": factors, "points": points, "capacity": capacity(points)}


def exponent(entries: list[dict[str, Any]]) -> dict[str, float]:
    """Least squares of log capacity on log dimension."""
    x = np.log([e["dim"] for e in entries])
    y = np.log([e["capacity"]["space"] for e in entries])
    (slope, constant), rest = np.polyfit(x, y, 1), 0.0
    if len(x) > 2:
        residual = y - constant - slope * x
        rest = float(np.sqrt(np.sum(residual**2) / (len(x) - 2) / np.sum((x - x.mean()) ** 2)))
    return {"slope": float(slope), "se": rest, "constant": float(constant)}


def simulate(*, quick: bool, seed: int) -> dict[str, Any]:
    """Accuracy, iterations and operational capacity of resonators."""
    dims = (200, SHOWN) if quick else DIMS
    trials = 40 if quick else 400
    spread = SPREAD[1::2] if quick else SPREAD
    runs = {
        str(f): [series(dim, f, trials, seed, spread) for dim in dims]
        for f in (FACTORS[:2] if quick else FACTORS)
    }
    return {
        "question": "How large a product can a resonator network factor?",
        "goal": GOAL,
        "shown": SHOWN,
        "trials": trials,
        "runs": runs,
        "fits": {f: exponent(entries) for f, entries in runs.items()},
    }


def draw(numbers: dict[str, Any]) -> Figure:
    """Accuracy and iterations at one dimension, capacity against dimension."""
    fig, (left, middle, right) = figure(1, 3, size=(15, 5.2))
    for key, entries in numbers["runs"].items():
        f = int(key)
        colour, mark = FACTOR_COLOURS[f], MARKS[f]
        entry = next(e for e in entries if e["dim"] == numbers["shown"])
        points = entry["points"]
        x = [p["space"] for p in points]
        y = [100 * p["accuracy"] for p in points]
        error = [
            [max(0.0, 100 * (p["accuracy"] - p["low"])) for p in points],
            [max(0.0, 100 * (p["high"] - p["accuracy"])) for p in points],
        ]
        left.errorbar(
            x, y, yerr=error, fmt=f"{mark}-", ms=5, color=colour, capsize=2.5, lw=1.4, label=f"F = {f}"
        )
        solved = [p for p in points if p["accuracy"] > 0.05]
        mid = [p["iterations"][1] for p in solved]
        spread = [[p["iterations"][1] - p["iterations"][0] for p in solved],
                  [p["iterations"][2] - p["iterations"][1] for p in solved]]  # fmt: skip
        middle.errorbar(
            [p["space"] for p in solved],
            mid,
            yerr=spread,
            fmt=f"{mark}-",
            ms=5,
            color=colour,
            capsize=2.5,
            lw=1.4,
        )
        dims = [e["dim"] for e in entries]
        at = [e["capacity"]["space"] for e in entries]
        bars = [[c["space"] - c["low"] for c in (e["capacity"] for e in entries)],
                [c["high"] - c["space"] for c in (e["capacity"] for e in entries)]]  # fmt: skip
        fit = numbers["fits"][key]
        label = f"F = {f}: D^{fit['slope']:.2f}" + (f" ± {fit['se']:.2f}" if fit["se"] else "")
        right.errorbar(dims, at, yerr=bars, fmt=mark, ms=6, color=colour, capsize=2.5, lw=1.2, label=label)
        right.plot(dims, [np.exp(fit["constant"]) * d ** fit["slope"] for d in dims], color=colour, lw=1.4)
    left.axhline(100 * numbers["goal"], color=COLOURS["grey"], lw=1, ls=":")
    left.set_ylabel("products factored (%)")
    left.set_ylim(-3, 104)
    left.set_title(f"D = {numbers['shown']}: nearly always right up to\nits capacity, then less and less")
    left.legend(loc="lower left")
    middle.set_ylabel("iterations of those found (10–50–90 %)")
    middle.set_yscale("log")
    middle.set_title(f"D = {numbers['shown']}: the search grows long\nnear the capacity")
    for ax in (left, middle):
        ax.set_xscale("log")
        ax.set_xlabel("search space M = mᶠ (sets of factors)")
    dims = sorted({e["dim"] for entries in numbers["runs"].values() for e in entries})
    three = numbers["runs"]["3"][0]
    anchor = three["capacity"]["space"] / three["dim"] ** 2
    right.plot(
        dims,
        [anchor * d**2 for d in dims],
        color="#999999",
        lw=1.4,
        ls="--",
        label="slope 2 (Kent et al. 2020)",
    )
    right.set_xscale("log")
    right.set_yscale("log")
    right.set_xticks(dims, [str(d) for d in dims])
    right.minorticks_off()
    low = min(e["capacity"]["low"] for entries in numbers["runs"].values() for e in entries)
    right.set_ylim(10 ** (log10(max(low, 1.0)) - 0.5))
    right.set_xlabel("dimension D (bits)")
    right.set_ylabel("search space factored with 99 % accuracy")
    fitted = ", ".join(f"{fit['slope']:.1f}" for fit in numbers["fits"].values())
    right.set_title(f"Operational capacity: powers {fitted} of D\nfor F = {', '.join(numbers['fits'])}")
    right.legend(loc="lower right")
    fig.supxlabel(
        f"{numbers['trials']} products per point over four draws of the codebooks; 95 % intervals (left), "
        "10–90 % of runs (middle), 95 % of the fitted curve (right).  No restarts.",
        fontsize=10, color="#444444",
    )  # fmt: skip
    return fig


if __name__ == "__main__":
    from hdspike.sim import main

    main(__file__)
