"""What does a memory that computes save, and what do its bit errors cost, as its array gets noisier?

Two jobs. *Recall*: a query, an item with 40 % of its bits changed, is to find its item among 1,000 random ones.
*Digits*: scikit-learn's 8 × 8 images, one binary vector per class (receptive fields, corrected class vectors); the
class is that of the nearest. Each is done after a fetch by a processor, and by arrays that compute
(:mod:`hdspike.in_memory`), and the errors of the array are in the distances that it tells. An XOR in *DRAM rows* is
three triple-row activations (Ambit), each wrong with chance p, its ones counted by the processor after a readout; in
*DRAM columns* the ones are counted inside, by full adders of the same activations. *Bit lines* XOR two rows of SRAM,
and a share b of their results is inverted; in a *match array* (CAM) and a *processor's memory* a share b of the
stored cells is; the conductances of a *crossbar* spread by σ. DDR4 chips have *weak columns*: cells that are not
right in every trial (Yüksel et al. 2024) are taken to write always the same bit. Bundles: the tree of majorities
that an array can do, beside the majority of all members.

Lines are closed forms (:func:`hdspike.in_memory.design_law`, exact sums over binomials; tree_agreement;
:func:`hdspike.theory.accuracy_after_flips`), dotted ones join points that have none. Points are simulated, with 95 %
Wilson intervals over the queries. Energy is counts × the constants of each substrate's file, all of the ledger
*circuit* (arrays and gates; whiskers and bands 5th to 95th percentile); nodes differ and are named. Published
errors: ±5, ±10, ±15 % variation of Ambit's cells. Which of these an array has is a matter of its process; no source
ties error to energy, so the error is an axis of its own, and what it costs is the dimension that buys the accuracy
back.

Caveats. No error rates are published of copies, complements and readouts: taken as exact. Match arrays: the figures
leave out wide words, the ranking by Hamming distance and all sensing, and arrays that were built tell a few bits
apart: theirs is a bound from below. The crossbar's figure is one experiment's search, divided by its size. The
processor pays for operands and arithmetic, not for instructions. No static power, no refresh: no figures. Members of
a bundle lie in one subarray. Encoding is charged to nobody.
"""

import textwrap
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from hdspike import bits, faults, in_memory, substrate, theory
from hdspike.energy import price
from hdspike.in_memory import DRAM, Array, Noise
from hdspike.plot import energy as energy_plot
from hdspike.plot import in_memory as drawn
from hdspike.plot.style import figure

ITEMS, CHANGED, GOAL = 1000, 0.4, 0.99
TOLD = 8  # mismatches that HD-CAM tells apart (Garzón et al., JSSC 2025)
LARGE, LARGE_DIM = 65_536, 10_000  # a memory that fills the columns of a DRAM row, and no cache
PACKED = Array(DRAM.row_bits, DRAM.rows, DRAM.burst_bits, packed=True)
TRAIN = 1200
FIELDS: dict[str, Any] = {"patch": 3, "window": 4, "edge": None, "levels": (4, 8, 12), "stride": 1}
LEARN: dict[str, Any] = {"epochs": 20, "learning_rate": 0.01, "margin": 0.08}
SUBSTRATES = {
    "processor": "cpu-7nm",
    "resident": "cpu-7nm",
    "dram": "ambit",
    "columns": "ambit",
    "bitline": "sram-bitline",
    "cam": "hd-cam",
    "crossbar": "pcm-hdc",
}
PLANS: dict[bool, dict[str, Any]] = {
    False: {
        "dims": (128, 256, 512, 1024, 2048, 4096),
        "swept": (512, 1024, 2048, 4096),
        "rates": (0.0029, 0.01, 0.03, 0.0601, 0.1, 0.15, 0.2, 0.25, 0.3, 0.4),
        "asked": (200, 100),  # up to 2,048 dimensions, and beyond
        "middle": 1024, "short": 512,
        "digit_dims": (64, 128, 256, 512, 1024, 2048), "seeds": 3, "bundle_dim": 16_384,
        "members": (3, 5, 7, 9, 15, 27, 45, 81, 135, 243), "xor_rows": 60,
    },
    True: {
        "dims": (128, 512),
        "swept": (256, 512),
        "rates": (0.0029, 0.0601, 0.15, 0.25, 0.4),
        "asked": (50, 50),
        "middle": 512, "short": 256,
        "digit_dims": (64, 256), "seeds": 1, "bundle_dim": 4096,
        "members": (3, 5, 7, 9, 27, 81), "xor_rows": 10,
    },
}  # fmt: skip
COUNTERS = (1e-5, 3e-5, 1e-4, 3e-4, 1e-3)
"""Errors that only matter where ones are counted inside."""


def share(right: NDArray[np.bool_]) -> dict[str, Any]:
    """A share of right answers and its interval."""
    hits, trials = int(np.sum(right)), int(np.size(right))
    low, high = theory.wilson(hits, trials)
    return {"accuracy": hits / trials, "low": low, "high": high, "trials": trials}


# --- simulated


def xor_errors(plan: dict[str, Any], seed: int) -> list[dict[str, Any]]:
    """Wrong bits of XORs, where the operands are equal and where they differ, against those of an activation."""
    dim, rows = 10_000, plan["xor_rows"]
    a, b = bits.random(2 * rows, dim, rng=seed).reshape(2, rows, -1)
    ones = np.full_like(a, np.uint64(2**64 - 1))
    ones[:, -1] = bits.tail_mask(dim)
    out = []
    for i, rate in enumerate((0.001, *plan["rates"])):
        wrong = in_memory.xor(a, b, dim, noise=Noise(rate), rng=seed + i) ^ a ^ b
        row: dict[str, Any] = {"rate": rate}
        laws = in_memory.xor_errors(rate)
        for name, expected, where in zip(("equal", "different"), laws, (a ^ b ^ ones, a ^ b), strict=True):
            hits, count = (int(bits.popcount(words, dim).sum()) for words in (wrong & where, where))
            low, high = theory.wilson(hits, count)
            row[name] = {"share": hits / count, "low": low, "high": high, "law": expected}
        out.append(row)
    return out


class Memory:
    """The items of one dimension and queries for them."""

    def __init__(self, dim: int, plan: dict[str, Any], seed: int) -> None:
        self.dim, self.seed = dim, seed
        self.items = bits.random(ITEMS, dim, rng=np.random.default_rng([seed, dim, 1]))
        random = np.random.default_rng([seed, dim])
        self.right = random.integers(0, ITEMS, size=plan["asked"][dim > 2048])
        self.queries = faults.flip(self.items[self.right], CHANGED, dim=dim, rng=random)

    def ask(self, design: str, error: float) -> dict[str, Any]:
        """Recall on one design with its own kind of error."""
        random = np.random.default_rng([self.seed, self.dim, int(1e6 * error)])
        if design == "stuck":
            weak = in_memory.weak_columns(self.dim, error, rng=random)
            noise = Noise(0.0, weak, bits.random(1, self.dim, rng=random)[0])
            found = in_memory.recall(self.queries, self.items, self.dim, noise=noise, rng=random)
        else:
            found = in_memory.recall(
                self.queries, self.items, self.dim, design=design, error=error, rng=random
            )
        expected = in_memory.design_law(design, self.dim, ITEMS, CHANGED, error)
        return {"dim": self.dim, "error": error, **share(found.answers == self.right), "law": expected}


def sensing(plan: dict[str, Any], seed: int) -> list[dict[str, Any]]:
    """Recall by match lines of 64 cells that tell up to 8 mismatches apart, as arrays that were built, and all."""
    dim, out = plan["middle"], []
    random = np.random.default_rng([seed, dim, 2])
    items = bits.random(ITEMS, dim, rng=random)
    right = random.integers(0, ITEMS, size=plan["asked"][0])
    for changed in (0.1, 0.2, 0.3, CHANGED):
        queries = faults.flip(items[right], changed, dim=dim, rng=random)
        for limit in (TOLD, None):
            found = in_memory.recall(queries, items, dim, design="cam", segment=64, limit=limit, rng=random)
            out.append({"changed": changed, "limit": limit, "dim": dim, **share(found.answers == right)})
    return out


def bundles(
    plan: dict[str, Any], marks: dict[str, float], weak: dict[int, float], seed: int
) -> list[dict[str, Any]]:
    """How much a bundle leans to its members, 2·agreement − 1: the majority of all, and what arrays can do."""
    dim = plan["bundle_dim"]
    series: list[tuple[str, int, float, float]] = [("majority", 0, 0.0, 0.0)]
    series += [(f"tree {name}", 3, rate, 0.0) for name, rate in marks.items()]
    series += [(f"DDR4 {fan}", fan, 0.0, lost) for fan, lost in weak.items()]
    out = []
    for name, fan, rate, lost in series:
        points = []
        for members in plan["members"]:
            if members < fan or (fan > 3 and (members > 81 or members % fan)):
                continue
            random = np.random.default_rng([seed, members, fan])
            rows = bits.random(members, dim, rng=random)
            if fan:
                columns = in_memory.weak_columns(dim, lost, rng=random)
                noise = Noise(rate, columns, bits.random(1, dim, rng=random)[0])
                bundle = in_memory.majority(rows, dim, fan=fan, noise=noise, rng=random)
                expected = in_memory.tree_agreement(members, fan=fan, rate=rate, weak=lost)
            else:
                bundle, expected = bits.majority(rows, dim), theory.mode_agreement(members)
            lean = 1 - 2 * bits.hamming(bundle[None], rows, dim)[0] / dim
            half = 1.96 / np.sqrt(dim * members)  # of the mean over members of 2·agreement − 1, near 0
            points.append(
                {"members": members, "lean": float(lean.mean()), "half": half, "law": 2 * expected - 1}
            )
        out.append({"name": name, "fan": fan, "rate": rate, "weak": lost, "points": points})
    return out


def digits(plan: dict[str, Any], marks: dict[str, float], seed: int) -> dict[str, Any]:
    """Accuracy on the test images against errors at two dimensions, and against D at the published errors."""
    from sklearn.datasets import load_digits

    from hdspike.encode import ReceptiveFields
    from hdspike.learn import RetrainingClassifier

    x, y = load_digits(return_X_y=True)
    images, labels = x.reshape(-1, 8, 8).astype(np.uint8), y.astype(np.int64)
    truth = labels[TRAIN:]
    swept: dict[tuple[str, float], list[Any]] = {}
    by_dim: dict[tuple[str, int, float], list[Any]] = {}
    laws: dict[float, list[float]] = {}
    for s in range(seed, seed + plan["seeds"]):
        fields = ReceptiveFields(max(plan["digit_dims"]), images[:TRAIN], rng=s, **FIELDS)
        train, test = fields(images[:TRAIN]), fields(images[TRAIN:])
        for dim in plan["digit_dims"]:
            part, asked = (np.ascontiguousarray(rows[:, : dim // bits.BITS]) for rows in (train, test))
            model = RetrainingClassifier(dim, encoder="words", random_state=s, **LEARN)
            classes = model.fit(part, labels[:TRAIN]).prototypes_

            def right(design: str, error: float) -> Any:
                found = in_memory.recall(asked, classes, dim, design=design, error=error, rng=s)  # noqa: B023
                return found.answers == truth

            for design, error in at_published(marks):
                by_dim.setdefault((design, dim, error), []).append(right(design, error))
            if dim == plan["short"]:
                plain = bits.hamming(asked, classes, dim)
                for error in plan["rates"]:
                    for design in ("dram", "columns", "cam", "crossbar"):
                        swept.setdefault((design, error), []).append(right(design, error))
                    laws.setdefault(error, []).append(theory.accuracy_after_flips(plain, truth, error, dim))
    return {
        "classes": 10,
        "test": len(truth),
        "seeds": plan["seeds"],
        "dim": plan["short"],
        "swept": [
            {
                "design": d,
                "error": e,
                **theory.runs(r),
                "law": float(np.mean(laws[e])) if d == "cam" else None,
            }
            for (d, e), r in swept.items()
        ],
        "dims": [
            {
                "design": d,
                "dim": n,
                "error": e,
                **theory.runs(r),
                "joules": bill(d, counts_of(d, 10, n), seed),
            }
            for (d, n, e), r in by_dim.items()
        ],
    }


def at_published(marks: dict[str, float]) -> list[tuple[str, float]]:
    """Designs and the errors at which they are compared: Ambit's own where it is DRAM."""
    out = [("processor", 0.0)]
    for design in ("dram", "columns"):
        out += [(design, rate) for rate in marks.values() if design == "dram" or rate < 0.05]
    return [*out, ("bitline", 0.0), ("cam", 0.0), ("crossbar", 0.0)]


# --- priced


def bill(design: str, counts: dict[str, int], seed: int) -> dict[str, Any]:
    """Counts on the design's substrate, in joules."""
    sheet = substrate.load(SUBSTRATES[design])
    return {"substrate": sheet.name, **price(counts, sheet, seconds=0.0, rng=seed).as_json()}


def counts_of(design: str, items: int, dim: int, **options: Any) -> dict[str, int]:
    """One query; ``resident``: the processor keeps the items in its last-level cache, or a smaller one in 32 KB."""
    if design == "resident":
        small = items * dim <= 8 * 32 * 1024
        return in_memory.processor_counts(items, dim, 1, memory="sram" if small else "l2")
    return in_memory.recall_counts(items, dim, 1, design=design, **options)


def frontier(memories: dict[int, Memory], marks: dict[str, float], seed: int) -> list[dict[str, Any]]:
    """Accuracy of recall and joules per query, by dimension, design and published error."""
    out = []
    for dim, memory in memories.items():
        for design, error in at_published(marks):
            point = memory.ask(design, error)
            for priced in ("processor", "resident") if design == "processor" else (design,):
                cost = bill(priced, counts_of(priced, ITEMS, dim), seed)
                out.append({"design": priced, **point, "joules": cost})
    return out


def smallest(design: str, error: float) -> int | None:
    """The smallest dimension whose law reaches the goal, by bisection; None beyond 2¹⁸ bits."""

    def reached(dim: int) -> bool:
        return (in_memory.design_law(design, dim, ITEMS, CHANGED, error) or 0.0) >= GOAL

    high = 64
    while not reached(high):
        high *= 2
        if high > 2**18:
            return None
    low = high // 2
    while high - low > max(1, high // 256):
        middle = (low + high) // 2
        low, high = (low, middle) if reached(middle) else (middle, high)
    return high


def iso_accuracy(errors: tuple[float, ...], seed: int) -> list[dict[str, Any]]:
    """What ``GOAL`` of all recalls cost, at the dimension that the error asks for."""
    out = []
    for design in ("dram", "bitline", "cam", "crossbar"):
        for error in (0.0, *errors):
            dim = smallest(design, error)
            if dim is not None:
                cost = bill(design, counts_of(design, ITEMS, dim), seed)
                out.append({"design": design, "error": error, "dim": dim, "joules": cost})
    dim = smallest("cam", 0.0)
    assert dim is not None
    for design in ("processor", "resident"):
        cost = bill(design, counts_of(design, ITEMS, dim), seed)
        out.append({"design": design, "error": 0.0, "dim": dim, "joules": cost})
    return out


def bars(seed: int) -> dict[str, Any]:
    """One query of a large memory on every design; the same of a small one; and a bundle, where the rows pay."""
    dim = LARGE_DIM
    batched = {
        name: value / 64 for name, value in in_memory.processor_counts(LARGE, dim, 64, batch=64).items()
    }
    chosen: list[tuple[str, str, Any]] = [
        ("fetched", "processor", counts_of("processor", LARGE, dim)),
        ("64 queries a fetch", "processor", batched),
        ("DRAM rows", "dram", counts_of("dram", LARGE, dim)),
        ("DRAM rows, packed", "dram", counts_of("dram", LARGE, dim, array=PACKED)),
        ("DRAM columns", "columns", counts_of("columns", LARGE, dim)),
        ("SRAM bit lines", "bitline", counts_of("bitline", LARGE, dim)),
        ("match array", "cam", counts_of("cam", LARGE, dim)),
        ("crossbar", "crossbar", counts_of("crossbar", LARGE, dim)),
    ]
    small = {
        design: bill(design, counts_of(design, ITEMS, dim), seed)["nominal"]
        for design in ("processor", "resident", "dram", "columns", "bitline", "cam", "crossbar")
    }
    members = 81
    tree = DRAM.bundled(members, dim) | DRAM.read_out(1, dim)
    fetched = {"dram_bits": members * dim, "encoder_adds": members * dim}
    return {
        "items": LARGE,
        "dim": dim,
        "queries": [{"label": label, "design": d, **bill(d, counts, seed)} for label, d, counts in chosen],
        "small": small,
        "bundle": {
            "members": members,
            "tree": bill("dram", tree, seed),
            "fetched": bill("processor", fetched, seed),
        },
    }


def simulate(*, quick: bool, seed: int) -> dict[str, Any]:
    """Errors of operations, of recalls, of classes and of bundles; and the joules of each."""
    plan = PLANS[quick]
    ambit = substrate.load("ambit")
    marks = {f"±{v} %": ambit.quantity(f"errors.majority_{v}pct").value for v in (5, 10, 15)}
    weak = {fan: ambit.quantity(f"errors.ddr4_majority_{fan}").value for fan in in_memory.FANS}
    memories = {dim: Memory(dim, plan, seed) for dim in sorted({*plan["dims"], *plan["swept"]})}
    middle = memories[plan["middle"]]
    return {
        "question": "What does a memory that computes save, and what do its bit errors cost?",
        "items": ITEMS,
        "changed": CHANGED,
        "goal": GOAL,
        "published": {"ambit": marks, "weak": {str(fan): lost for fan, lost in weak.items()}},
        "xor": xor_errors(plan, seed),
        "recall": [
            memories[dim].ask("dram", rate) for dim in plan["swept"] for rate in (0.0, *plan["rates"])
        ],
        "middle": plan["middle"],
        "designs": [
            {"design": design, **middle.ask(design, error)}
            for design in ("dram", "columns", "cam", "crossbar", "stuck")
            for error in (*(COUNTERS if design == "columns" else ()), *plan["rates"])
        ],
        "sensing": sensing(plan, seed),
        "bundles": bundles(plan, marks, weak, seed),
        "digits": digits(plan, marks, seed),
        "frontier": frontier({dim: memories[dim] for dim in plan["dims"]}, marks, seed),
        "iso": iso_accuracy(plan["rates"], seed),
        "bars": bars(seed),
    }


PANELS = (
    drawn.xor, drawn.recall, drawn.designs, drawn.bundles, drawn.digits, drawn.frontier, drawn.iso, drawn.bars,
)  # fmt: skip


def draw(numbers: dict[str, Any]) -> Figure:
    """Errors of operations and what they do to answers; energy beside accuracy."""
    fig, axes = figure(2, 4, size=(26, 12.5))
    for ax, panel in zip(
        axes.ravel(),
        PANELS,
        strict=True,
    ):
        panel(ax, numbers)
    bundle, by = numbers["bars"]["bundle"], {q["label"]: q["nominal"] for q in numbers["bars"]["queries"]}
    inside, shared = by["DRAM columns"], by["64 queries a fetch"]
    beaten = "less" if shared < inside else "more"
    cited = "   ".join(f"[{n}] {s}" for s, n in energy_plot.citations(drawn.sided(numbers["bars"])).items())
    flat = [q["joules"]["nominal"] for q in numbers["frontier"] if q["design"] == "dram" and q["error"] == 0]
    dims = [q["dim"] for q in numbers["frontier"] if q["design"] == "dram" and q["error"] == 0]
    leans = [
        next(p["lean"] for p in e["points"] if p["members"] == bundle["members"])
        for e in numbers["bundles"][:2]
    ]
    kinds = {limit: [q for q in numbers["sensing"] if q["limit"] == limit] for limit in (TOLD, None)}
    told, whole = (" / ".join(f"{100 * q['accuracy']:.0f}" for q in some) for some in kinds.values())
    changed = " / ".join(f"{100 * q['changed']:.0f}" for q in kinds[None])
    ratio = bundle["tree"]["nominal"] / bundle["fetched"]["nominal"]
    pays = "Where rows pay" if ratio < 1 else "Rows do not pay here either"
    text = (
        "Points: simulated, with 95 % intervals; lines through them: closed forms (dotted: none known). Queries have "
        f"{100 * numbers['changed']:.0f} % of their bits changed. ±: variation of DRAM cells, at which Ambit's "
        "activations fail as often as marked (Seshadri et al., MICRO 2017); DDR4: Yüksel et al., DSN 2024. Rows are "
        f"charged whole: in DRAM rows D = {dims[0]:,} costs {100 * flat[0] / flat[-1]:.0f} % of D = {dims[-1]:,}. "
        f"{pays}: a bundle of {bundle['members']} vectors of {numbers['bars']['dim']:,} bits in place costs "
        f"{ratio:.2g} of fetching and counting them, as one result is read, and has {leans[1] / leans[0]:.2f} of the "
        "lean. "
        f"64 queries that share a fetch cost {beaten} than counting inside ({shared / inside:.2g} of it a query). "
        f"Match lines of 64 cells that tell {TOLD} mismatches apart (HD-CAM) find {told} %, such that tell all apart "
        f"{whole} % of queries with {changed} % of their bits changed. "
        "Energies: circuit ledger, whiskers and bands 5th to 95th percentile; nodes differ; encoding, ranking by match "
        f"lines and static power are charged to nobody. {cited}"
    )
    fig.supxlabel(textwrap.fill(text, 330), fontsize=9.5, color="#444444", x=0.01, ha="left")
    return fig


if __name__ == "__main__":
    from hdspike.sim import main

    main(__file__)
