"""When does a dense layer store more features than it has dimensions, and what does that cost?

*Toy model* (Elhage et al. 2022): x' = ReLU(WᵀWx + b), features there with chance p and then uniform in [0, 1]. Two
features in one dimension, relative importance r: what training arrives at (the best of several restarts, on all cases
instead of samples), and the line p = 4r/(2 + 5r), mirrored above r = 1, below which an antipodal pair costs less than
ignoring one feature. The line compares three fixed candidates; training also finds lengths and biases, so that near the
line it may keep both for longer; with equals that are nearly always there, every W of one length costs the same. Five
features in two dimensions at p = .05. Many features of equal importance in a few dimensions: dimensions per feature and
the dimensionality of each, against 1/p.

*Capacity.* k of 1,000 features at once in one vector of 8,192 bits: real numbers of 32, 8 or 2 bits with a random
direction for each feature, read by products, or a majority of hypervectors. Lines: the law of real directions
(:mod:`hdspike.sparsity.feature_capacity`), the exact law of bundles (:func:`hdspike.theory.retrieval`). Points:
simulated, 95 % intervals (Student) over trials with one dictionary. Beside it the error of one feature's readout
against how many are there, and its law.

*Real features.* The 300 activities of a perceptron's hidden layer on the digits are kept in one vector of so many bits
and read back; the next layers go on with what comes back. Random directions and hypervectors know nothing of the
features; principal axes (trained, another form of low rank) know how they go together. 95 % intervals over seeds.

Caveats. Readout is linear: decoders that look for sparse solutions hold more, at more work. Features of the
capacity are independent and of strength one. A float's bits are counted whole, though 8 would do. The dictionary of
directions is not counted on either side.
"""

from typing import Any

import numpy as np
from matplotlib.colors import ListedColormap
from matplotlib.figure import Figure

from hdspike import theory
from hdspike.contestants.kept import Kept
from hdspike.plot.style import COLOURS, figure, note
from hdspike.sparsity import commingled, feature_capacity, superposition
from hdspike.sparsity.few_weights import dense_reference
from hdspike.sparsity.task import Task, digits
from hdspike.sparsity.training import Network
from hdspike.workloads.counting import mean_of

NAME, VERSION = "superposition", 1
BITS, ITEMS = 8192, 1000
STORES = (
    ("hypervectors", None, "blue", "o", "hypervectors, 8,192 bits"),
    ("dense", 2, "green", "D", "dense, 4,096 numbers of 2 bits"),
    ("dense", 8, "orange", "^", "dense, 1,024 numbers of 8 bits"),
    ("dense", None, "vermilion", "s", "dense, 256 floats of 32 bits"),
)
STRONGEST = 30
KEPT = (  # kind, bits, how many activities, colour, marker, name
    ("principal", None, None, "black", "v", "principal axes, float32"),
    ("principal", 8, None, "grey", "P", "principal axes, 8 bits"),
    ("hypervectors", None, None, "blue", "o", "hypervectors"),
    ("hypervectors", None, STRONGEST, "sky", "o", f"hypervectors, {STRONGEST} strongest alone"),
    ("random", 8, None, "orange", "^", "random directions, 8 bits"),
    ("random", None, None, "vermilion", "s", "random directions, float32"),
    ("random", None, STRONGEST, "purple", "s", f"random, float32, {STRONGEST} strongest alone"),
)
HIDDEN, EPOCHS, SEEDS = (300, 100), 20, 8


def phase(kept: Kept, *, quick: bool, seed: int) -> dict[str, Any]:
    """The solution that training arrives at, over density and relative importance."""
    side, restarts, steps, nodes = (7, 6, 150, 4) if quick else (25, 10, 600, 8)
    densities, importances = np.geomspace(0.03, 1, side), np.geomspace(0.1, 10, side)
    p, r = np.meshgrid(densities, importances, indexing="ij")

    def grid() -> dict[str, Any]:
        every = np.repeat(r.ravel(), restarts)
        toys = superposition.train_toys(
            2,
            1,
            np.repeat(p.ravel(), restarts),
            importance=np.stack([np.ones_like(every), every], axis=1),
            steps=steps,
            nodes=nodes,
            rate=0.03,
            rng=seed,
        )
        best = toys.best(restarts)
        return {
            "found": superposition.solution(best.weights).reshape(side, side),
            "loss": best.loss.reshape(side, side),
            "stuck": float(np.mean(toys.loss > 1.02 * np.repeat(best.loss, restarts))),
        }

    key = {"sim": NAME, "what": "phase", "side": side, "restarts": restarts, "steps": steps, "seed": seed}
    made = kept(key | {"nodes": nodes}, grid)
    losses = superposition.pair_losses(p, r)
    law = losses.argmin(axis=-1)
    ratio = np.asarray(made["loss"]) / losses.min(axis=-1)
    return {
        **made,
        "densities": densities,
        "importances": importances,
        "law": law,
        "agree": float(np.mean(law == np.asarray(made["found"]))),
        "kept_longer": float(np.mean((np.asarray(made["found"]) == 1) & (law != 1))),
        "loss_ratio": [float(ratio.min()), float(np.median(ratio)), float(ratio.max())],
        "restarts": restarts,
    }


def pentagon(*, quick: bool, seed: int) -> dict[str, Any]:
    """Five features in two dimensions: the directions of the best instance, and how many are pentagons."""
    instances, steps = (4, 500) if quick else (24, 2000)
    rate = 0.03 if quick else 0.01
    toys = superposition.train_toys(
        5, 2, np.full(instances, 0.05), steps=steps, batch=256, rate=rate, rng=seed
    )
    best = toys.best(instances)
    weights = best.weights[0].astype(np.float64)
    angles = np.sort(np.degrees(np.arctan2(weights[1], weights[0])))
    each = superposition.dimensionality(toys.weights)
    return {
        "weights": weights,
        "angles": np.diff(angles, append=angles[0] + 360),
        "lengths": np.linalg.norm(weights, axis=0),
        "dimensionality": each[int(toys.loss.argmin())],
        "pentagons": int(np.sum(np.abs(each - 0.4).max(axis=1) < 0.03)),
        "instances": instances,
        "loss": float(best.loss[0]),
    }


def ladder(kept: Kept, *, quick: bool, seed: int) -> dict[str, Any]:
    """Dimensions per feature against the inverse density."""
    count, dims, levels, steps = (20, 5, 4, 200) if quick else (60, 10, 17, 4000)
    inverse = np.geomspace(1, 100, levels)

    def make() -> dict[str, Any]:
        toys = superposition.train_toys(count, dims, 1 / inverse, steps=steps, batch=256, rate=0.01, rng=seed)
        squares = np.square(toys.weights).sum(axis=1)
        return {
            "per_feature": dims / squares.sum(axis=1),
            "represented": (squares > 0.5).sum(axis=1),
            "dimensionality": superposition.dimensionality(toys.weights),
        }

    key = {"sim": NAME, "what": "ladder", "count": count, "dims": dims, "levels": levels, "steps": steps}
    return {**kept(key | {"seed": seed}, make), "inverse": inverse, "count": count, "dims": dims}


def numbers_of(store: str, bits: int | None) -> int:
    """How many numbers or bits one vector of :data:`BITS` has."""
    return BITS if store == "hypervectors" else BITS // (bits or 32)


def capacity(*, quick: bool, seed: int) -> list[dict[str, Any]]:
    """Retrieval and readout error of each store against how many features are there."""
    counts, trials = ((5, 40, 320), 3) if quick else ((5, 10, 20, 40, 80, 160, 320, 640), 60)
    fine = np.unique(np.geomspace(2, 800, 12 if quick else 50).round().astype(int)).tolist()
    out = []
    for store, bits, *_ in STORES:
        m = numbers_of(store, bits)
        hyper = store == "hypervectors"
        directions = None if hyper else feature_capacity.unit_directions(ITEMS, m, rng=seed)
        points = []
        for k in counts:
            if directions is None:
                found = feature_capacity.recall_bundle(m, ITEMS, k, trials, rng=seed + k)
            else:
                found = feature_capacity.recall_dense(directions, k, trials, bits=bits, rng=seed + k)
            points.append({"k": k, "found": mean_of(found.found), "square": mean_of(found.squares)})
        out.append(
            {
                "store": store,
                "bits": bits,
                "numbers": m,
                "points": points,
                "k": fine,
                "law": [
                    theory.retrieval(m, ITEMS, k, members="set")
                    if hyper
                    else feature_capacity.dense_retrieval(m, ITEMS, k, bits=bits)
                    for k in fine
                ],
                "error_law": [
                    feature_capacity.bundle_error(m, k)
                    if hyper
                    else feature_capacity.dense_error(m, k, bits=bits)
                    for k in fine
                ],
                "capacity": theory.capacity(m, ITEMS, law="set")
                if hyper
                else feature_capacity.dense_capacity(m, ITEMS, bits=bits),
            }
        )
    return out


def accuracy(network: Network, hidden: Any, task: Task) -> float:
    """Of the layers behind the hidden one, from these activities."""
    for layer in network.layers[2:]:
        hidden = layer.forward(hidden)
    return float(np.mean(hidden.argmax(axis=1) == task.test_y))


def real_features(*, quick: bool, seed: int) -> dict[str, Any]:
    """Accuracy of a perceptron whose hidden layer was kept in one vector of so many bits."""
    rooms = (512, 8192) if quick else (256, 512, 1024, 2048, 4096, 8192, 16_384)
    seeds, epochs = (1, 3) if quick else (SEEDS, EPOCHS)
    rows: dict[tuple[int, int], list[float]] = {}
    exact, exact_few, firing = [], [], []
    for s in range(1000 * seed, 1000 * seed + seeds):
        task = digits(rng=s)
        network = dense_reference(task, HIDDEN, epochs=epochs, seed=s)
        hidden, learned = (
            network.layers[1].forward(network.layers[0].forward(x)) for x in (task.test_x, task.train_x)
        )
        exact.append(network.accuracy(task.test_x, task.test_y))
        firing.append(float(np.mean(hidden > 0)))
        few = commingled.strongest(hidden, STRONGEST)
        exact_few.append(accuracy(network, few, task))
        for i, (kind, bits, count, *_) in enumerate(KEPT):
            given = few if count else hidden
            for j, room in enumerate(rooms):
                back = commingled.read_back(given, kind, room, bits=bits, sample=learned, rng=s)
                rows.setdefault((i, j), []).append(accuracy(network, back, task))
    return {
        "rooms": rooms,
        "seeds": seeds,
        "exact": mean_of(exact),
        "exact_few": mean_of(exact_few),
        "firing": float(np.mean(firing)),
        "features": HIDDEN[0],
        "rows": [[mean_of(rows[i, j]) for j in range(len(rooms))] for i in range(len(KEPT))],
    }


def simulate(*, quick: bool, seed: int) -> dict[str, Any]:
    """The toy model's phases, pentagon and ladder; capacity and error of both kinds of store; real features."""
    kept = Kept(None) if quick else Kept.here("sparsity", VERSION)
    return {
        "question": "When does a dense layer store more features than it has dimensions, and what does that cost?",
        "phase": phase(kept, quick=quick, seed=seed),
        "pentagon": pentagon(quick=quick, seed=seed),
        "ladder": ladder(kept, quick=quick, seed=seed),
        "stores": capacity(quick=quick, seed=seed),
        "items": ITEMS,
        "bits": BITS,
        "real": real_features(quick=quick, seed=seed),
    }


def phase_panel(ax: Any, numbers: dict[str, Any]) -> None:
    entry = numbers["phase"]
    colours = [COLOURS["sky"], COLOURS["yellow"], COLOURS["purple"]]
    r, p = np.array(entry["importances"]), np.array(entry["densities"])
    ax.pcolormesh(r, p, entry["found"], cmap=ListedColormap(colours), vmin=-0.5, vmax=2.5, shading="nearest")
    fine = np.geomspace(r[0], r[-1], 400)
    line = superposition.critical_density(fine)
    ax.plot(fine, line, color=COLOURS["black"], lw=2.2, label="exact line of the three candidates")
    ax.set_xscale("log")
    ax.set_yscale("log")
    ax.grid(False)
    for x, y, text in (
        (0.22, 0.62, "first\nfeature alone"),
        (1.0, 0.12, "both,\nantipodal"),
        (4.5, 0.62, "second\nalone"),
    ):
        ax.text(x, y, text, ha="center", va="center", fontsize=10.5)
    ax.set_xlabel("importance of the second feature, of the first: 1")
    ax.set_ylabel("density p: chance that a feature is there")
    ax.set_title(
        f"Two features in one dimension: {entry['agree']:.0%} of cells as the line\n"
        f"says, {entry['kept_longer']:.0%} keep both beyond it"
    )
    ax.legend(loc="lower center", fontsize=9)


def pentagon_panel(ax: Any, numbers: dict[str, Any]) -> None:
    entry = numbers["pentagon"]
    weights = np.array(entry["weights"])
    for i in range(weights.shape[1]):
        ax.annotate(
            "",
            xy=weights[:, i],
            xytext=(0, 0),
            arrowprops={"arrowstyle": "-|>", "color": COLOURS["blue"], "lw": 2},
        )
    order = np.argsort(np.arctan2(weights[1], weights[0]))
    ring = weights[:, [*order, order[0]]]
    ax.plot(*ring, color=COLOURS["grey"], lw=1, ls=":")
    for i, gap in enumerate(entry["angles"]):
        middle = ring[:, i] + ring[:, i + 1]
        middle *= 0.42 / np.linalg.norm(middle)
        ax.text(*middle, f"{gap:.1f}°", ha="center", va="center", fontsize=9.5)
    reach = 1.25 * max(entry["lengths"])
    ax.set_xlim(-reach, reach)
    ax.set_ylim(-reach, reach)
    ax.set_aspect("equal")
    ax.set_xlabel("dimension 1")
    ax.set_ylabel("dimension 2")
    each = entry["dimensionality"]
    ax.set_title(
        f"Five features in two dimensions: {entry['pentagons']} of {entry['instances']} trained\n"
        f"are pentagons; a feature has {min(each):.2f} to {max(each):.2f} of a dimension"
    )


def ladder_panel(ax: Any, numbers: dict[str, Any]) -> None:
    entry = numbers["ladder"]
    x = np.array(entry["inverse"])
    each = np.array(entry["dimensionality"])
    for i, value in enumerate(x):
        some = each[i][each[i] > 0.02]
        ax.plot(np.full(len(some), value), some, "o", ms=3.5, alpha=0.25, color=COLOURS["orange"],
                label="of each feature" if i == 0 else None)  # fmt: skip
    ax.plot(
        x, entry["per_feature"], "s-", ms=5, color=COLOURS["blue"], label="dimensions per feature, m ÷ |W|²"
    )
    for y, name in ((1 / 2, "pair 1/2"), (1 / 3, "1/3"), (1 / 4, "1/4")):
        ax.axhline(y, color=COLOURS["grey"], lw=1, ls=":")
        ax.text(x[-1] * 1.05, y, name, fontsize=9, va="center")
    floor = entry["dims"] / entry["count"]
    ax.axhline(
        floor,
        color=COLOURS["black"],
        lw=1.2,
        ls="--",
        label=f"all {entry['count']} in {entry['dims']}: {floor:.2f}",
    )
    ax.set_xscale("log")
    ax.set_ylim(0, 1.1)
    ax.set_xlabel("1 ÷ p: the rarer, the farther right")
    ax.set_ylabel("share of a dimension")
    shown = entry["represented"]
    ax.set_title(
        f"{entry['count']} features in {entry['dims']} dimensions: {max(shown)} represented where they\n"
        f"are rare, {shown[len(shown) // 4]} at 1/p = {x[len(shown) // 4]:.1f}"
    )
    ax.legend(fontsize=9, loc="upper right")


def found_panel(ax: Any, numbers: dict[str, Any]) -> None:
    for entry, (_, _, colour, marker, label) in zip(numbers["stores"], STORES, strict=True):
        ax.plot(entry["k"], entry["law"], color=COLOURS[colour])
        y = [one["found"]["mean"] for one in entry["points"]]
        half = [one["found"]["half"] for one in entry["points"]]
        ax.errorbar([one["k"] for one in entry["points"]], y, yerr=half, fmt=marker, ms=5, capsize=2,
                    color=COLOURS[colour], label=f"{label}: 99 % up to {entry['capacity']}")  # fmt: skip
    ax.set_xscale("log")
    ax.set_ylim(0, 1.62)
    ax.set_yticks([0, 0.2, 0.4, 0.6, 0.8, 1.0])
    ax.set_xlabel(f"features there at once, of {numbers['items']:,}")
    ax.set_ylabel("found before all that are not there")
    hyper, dense = numbers["stores"][0]["capacity"], numbers["stores"][-1]["capacity"]
    by_dimension = dense / numbers["stores"][-1]["numbers"] / (hyper / numbers["bits"])
    few = max(numbers["stores"][1:], key=lambda entry: float(entry["capacity"]))
    ax.set_title(
        f"Equal bits: hypervectors hold {hyper / few['capacity']:.1f} times what numbers of {few['bits'] or 32} bits\n"
        f"do, {hyper / dense:.0f} times floats; a dimension of floats {by_dimension:.2f} times one bit (law: π/2)"
    )
    ax.legend(fontsize=9, loc="upper left", title="lines: laws; points: simulated", alignment="left")


def error_panel(ax: Any, numbers: dict[str, Any]) -> None:
    for entry, (_, _, colour, marker, label) in zip(numbers["stores"], STORES, strict=True):
        ax.plot(entry["k"], entry["error_law"], color=COLOURS[colour])
        mean = np.array([one["square"]["mean"] for one in entry["points"]])
        half = np.array([one["square"]["half"] for one in entry["points"]])
        low, high = np.sqrt(np.maximum(mean - half, 1e-12)), np.sqrt(mean + half)
        spans = [np.sqrt(mean) - low, high - np.sqrt(mean)]
        ax.errorbar([one["k"] for one in entry["points"]], np.sqrt(mean), yerr=spans, fmt=marker, ms=5, capsize=2,
                    color=COLOURS[colour], label=label)  # fmt: skip
    ax.set_xscale("log")
    ax.set_yscale("log")
    ax.set_xlabel(f"features there at once, of {numbers['items']:,}")
    ax.set_ylabel("error of one feature's readout (of 1)")
    at = {i: entry["points"][len(entry["points"]) // 2] for i, entry in enumerate(numbers["stores"])}
    hyper, dense = (np.sqrt(at[i]["square"]["mean"]) for i in (0, len(STORES) - 1))
    ax.set_title(
        f"What {at[0]['k']} at once cost each other:\n{hyper:.2f} by hypervectors, {dense:.2f} by floats"
    )
    ax.legend(fontsize=9, loc="lower right")


def real_panel(ax: Any, numbers: dict[str, Any]) -> None:
    entry = numbers["real"]
    for row, (_, _, count, colour, marker, label) in zip(entry["rows"], KEPT, strict=True):
        mean, half = ([one[name] for one in row] for name in ("mean", "half"))
        looks = {
            "marker": marker,
            "ms": 5,
            "capsize": 2,
            "color": COLOURS[colour],
            "ls": "--" if count else "-",
        }
        ax.errorbar(entry["rooms"], mean, yerr=half, label=label, **looks)
    exact = entry["exact"]
    ax.axhline(
        exact["mean"],
        color=COLOURS["green"],
        lw=1.2,
        ls="--",
        label=f"nothing commingled: {exact['mean']:.3f}",
    )
    ax.set_xscale("log", base=2)
    ax.set_xticks(entry["rooms"], [f"{r:,}" for r in entry["rooms"]], rotation=30)
    ax.set_ylim(0, 1.03)
    ax.set_xlabel(f"bits in which {entry['features']} activities are kept ({32 * entry['features']:,} apart)")
    ax.set_ylabel("accuracy, digits")
    middle = len(entry["rooms"]) // 2
    room = entry["rooms"][middle]
    at = {one[:3]: row[middle]["mean"] for one, row in zip(KEPT, entry["rows"], strict=True)}
    ax.set_title(
        f"Real features, {entry['firing']:.0%} active, in {room:,} bits: {at['hypervectors', None, None]:.2f} "
        f"hypervectors,\n{at['random', None, None]:.2f} random floats; "
        f"trained axes, which know them, {at['principal', None, None]:.2f}"
    )
    ax.legend(fontsize=9, loc="lower right")


def draw(numbers: dict[str, Any]) -> Figure:
    """Phases, pentagon, ladder; capacity, error, real features."""
    fig, axes = figure(2, 3, size=(18, 11))
    panels = (phase_panel, pentagon_panel, ladder_panel, found_panel, error_panel, real_panel)
    for panel, ax in zip(panels, axes.ravel(), strict=True):
        panel(ax, numbers)
    entry = numbers["phase"]
    low, _, high = entry["loss_ratio"]
    note(
        fig,
        f"Phases: best of {entry['restarts']} restarts a cell, on all cases; {entry['stuck']:.0%} of them end above "
        f"the best. Trained loss ÷ least of the candidates: {low:.2f} to {high:.2f}. "
        f"Points of capacity and error: 95 % intervals over trials.\nReal features: {numbers['real']['seeds']} seeds, "
        f"95 % intervals; the {STRONGEST} strongest alone, apart: {numbers['real']['exact_few']['mean']:.3f}. "
        "Linear readout. A dense layer of n ≤ m dimensions keeps n features without any interference; "
        "for n ≫ m no training helps much (Welch's bound).",
    )
    return fig


if __name__ == "__main__":
    from hdspike.sim import main

    main(__file__)
