"""Every number on docs/sparsity.md, out of what the sims wrote: `python docs/write_sparsity.py`."""

import json
from typing import Any

import write
from matplotlib import pyplot as plt

from hdspike import sim
from hdspike.sparsity import parameters

FIGURES = write.ROOT / "figures"
BLOCKS = {
    "experts": "41_experts",
    "share": "42_active_share",
    "lottery": "43_lottery_ticket",
    "training": "44_sparse_training",
    "structured": "45_structured",
    "ternary": "46_ternary",
    "noise": "47_noise",
    "feed_forward": "48_feed_forward",
    "low_rank": "49_low_rank",
    "superposition": "50_superposition",
    "constant": "51_constant_width",
    "quantised": "52_sparse_quantised",
    "budgets": "53_four_budgets",
}
"""Block of the page → the sim whose findings stand there."""


def read(name: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((FIGURES / f"{name}.json").read_text(encoding="utf-8"))
    return found


LEGENDS = ("Hollow 1×, filled 5×, stars dense; ", "1× training, stars dense; ")
"""What titles say of the marks alone."""


def titles(stem: str) -> list[str]:
    """What the panels of a sim's figure say, each computed from its numbers."""
    figure = sim.load(stem).draw(read(stem))
    said = [" ".join(ax.get_title().split()) for ax in figure.axes if ax.get_title()]
    plt.close(figure)
    for legend in LEGENDS:
        said = [line.removeprefix(legend) for line in said]
    return [line for line in said if "Blue:" not in line]


def findings(stem: str) -> str:
    """A sim's words, or else the titles of its panels, one a line, with the command that makes them."""
    numbers = read(stem)
    words = numbers.get("words") or titles(stem)
    said = [" ".join(line.split()) for line in (words if isinstance(words, list) else words.values())]
    return "\n".join(
        [
            *(f"- {line[0].upper()}{line[1:]}" for line in said),
            "",
            f"*Written from the numbers of `hdspike sim {stem[3:]}`.*",
        ]
    )


def params() -> str:
    """The known models: total, active by two conventions, share."""
    rows = [("model", "parameters", "active", "share", "counted", "read for one token", "cache per token")]
    for name in parameters.available():
        found = parameters.answer(name)
        row = found["active_by_convention"]["row"]
        rows.append(
            (
                name,
                f"{found['total']:,}",
                f"{found['active']:,}",
                f"{found['share']:.2%}",
                found["convention"],
                f"{row['share']:.2%}",
                f"{found['cache']['bytes_per_token'] / 1000:,.1f} kB",
            )
        )
    return write.table(*rows)


FORMS = (
    ("experts", "experts", "nothing: what a token passes is dense", "E − k of E experts, for every token",
     "attention, router, head; in a batch nearly all experts"),
    ("single weights: pruning, tickets", "magnitude pruning", "any weight", "its product, by compressed rows",
     "values, places, all activations; while pruning, everything"),
    ("RigL", "RigL", "any weight, from the first step", "its product, by compressed rows",
     "values, places, all activations; now and then a dense gradient"),
    ("SRigL, constant fan-in", "SRigL", "as many weights of every neuron", "their products, by a gather",
     "values and places as two rectangles, all activations"),
    ("blocks", "blocks of 4 × 4", "tiles of weights", "whole tiles", "the tiles that are left, one place each"),
    ("neurons", "neurons", "rows and columns", "all of them", "what is left, dense inside"),
    ("ternary", "ternary", "about a third of the weights", "multiplications, not the zeros", "all, 2 bits a weight"),
    ("activations: k-WTA", "k-WTA", "outputs of units", "rows of weights behind a zero", "what decides who is zero"),
    ("low rank", "low rank", "nothing: directions are left out", "nothing", "both factors, whole"),
    ("superposition", None, "most features, most of the time", "nothing", "every number of the vector"),
    ("constant nonzeros, wider", "random mask", "random weights, fixed", "their products, by compressed rows",
     "places, and all the added neurons"),
    ("few weights of few bits", None, "any weight", "its product, and bits of the others",
     "a map (one bit a weight), scales, biases"),
)  # fmt: skip
"""Name, name in the four budgets, what is zero, what is skipped, what is still loaded."""


def points_against_dense(form: str | None, budgets: dict[str, Any]) -> str:
    """The best level less dense, at equal stored bytes, training FLOPs and time alone; ▲ surely better."""
    rows = [row for row in budgets["tasks"][0]["table"] if row["form"] == form]
    if not rows:
        return ""
    cells = [rows[0][budget] for budget in ("stored_bytes", "flops", "alone_us")]
    return " / ".join("–" if c is None else f"{c['best']:+.1f}{'▲' if c['better'] else ''}" for c in cells)


def span(values: list[float]) -> str:
    """Shares as a range of percentages."""
    low, high = (f"{100 * v:.0f} %" for v in (min(values), max(values)))
    return low if low == high else f"{low} to {high}"


def paying(structured: dict[str, Any], form: str) -> str:
    """At which zeros a form was faster than dense and lost at most a point, by its sim."""
    said = []
    for batch, called in ((1, "alone"), (256, "in batches of 256")):
        shares = [v["sparsity"] for v in structured["verdicts"] if v["form"] == form and v[f"pays_{batch}"]]
        said.append(f"{called} {span(shares) if shares else 'none'}")
    return (
        f"zeros at which it is faster and loses at most a point ({structured['judged']}): {', '.join(said)}"
    )


def when() -> dict[str, str]:
    """When a form pays, from the numbers of its sim."""
    shares, ticket, sparse = read("42_active_share"), read("43_lottery_ticket"), read("44_sparse_training")
    structured, ternary, rank = read("45_structured"), read("46_ternary"), read("49_low_rank")
    stores, grid = read("50_superposition"), read("52_sparse_quantised")
    deepseek = dict(zip(shares["batches"], shares["models"]["deepseek-v3"]["share_read"], strict=True))
    found = ticket["settings"]["digits"]
    cost, once = (found[form][-1]["cost"]["mean"] for form in ("ticket", "one-shot"))
    ways = ternary["networks"]["digits"]["ways"]
    lost = ways["ternary, int8"]["loss"]
    times = [row["floats"] for row in ternary["times"]]
    sizes = [f"{row['n_in']} × {row['n_out']}" for row in (ternary["times"][0], ternary["times"][-1])]
    ratios = {row["method"]: row["ratio"] for row in rank["decoder"]["perplexities"] if row["kind"] == "all"}
    capacity = [store["capacity"] for store in stores["stores"]]
    digits = sparse["tasks"]["digits"]["points"]
    flops = {p["sparsity"]: p["flops"] for p in digits if p["form"] in ("RigL", "dense") and p["times"] == 1}
    least = next(p for p in grid["points"] if p["sparsity"] == 0 and p["bits"] == 1)
    gathers = {
        batch: [
            row["peers"]["dense BLAS"]["ratio"]
            for row in read("bench/sparse_layers")["rows"]
            if (row["sparsity"], row["batch"]) == (0.9, batch)
        ]
        for batch in (1, 256)
    }
    spoken = next(line for line in read("48_feed_forward")["words"] if "dense BLAS" in line)
    front = [f for f in grid["front"] if f["sparsity"] and f["bits"] < 32]
    return {
        "experts": f"few tokens a step: DeepSeek-V3 reads {deepseek[1]:.1%} of its weights for one, "
        f"{deepseek[64]:.0%} for 64; the arithmetic per token stays small",
        "single weights: pruning, tickets": f"{paying(structured, 'single')}; a ticket of "
        f"{found['ticket'][-1]['remaining']:.0%} costs {cost:.1f} dense trainings, "
        f"one pruning with training after it {once:.1f}",
        "RigL": f"FLOPs of training: {flops[0.9] / flops[0.0]:.2f} of dense at 90 % zeros, none of them seconds here",
        "SRigL, constant fan-in": f"one layer at 90 % zeros: the gather is {span_of(gathers[1])} × as fast as dense "
        f"BLAS for one sample, {span_of(gathers[256])} × in batches of 256",
        "blocks": paying(structured, "4"),
        "neurons": paying(structured, "neurons"),
        "ternary": f"bytes: {ways['dense']['bytes'] / ways['ternary, int8']['bytes']:.0f}× fewer for "
        f"{100 * lost['mean']:.1f} ± {100 * lost['half']:.1f} points; float32 BLAS takes {min(times):.1f} to "
        f"{max(times):.0f} times as long for one product, rounding included ({sizes[0]} to {sizes[1]})",
        "activations: k-WTA": f"SmolLM2's layers: {spoken[0].lower()}{spoken[1:].rstrip('.')}",
        "low rank": f"trained in: {rank['cache']['ratio']:.0f}× fewer cached values; cut out at half the bytes, "
        f"perplexity ×{ratios['low rank, inputs known']:.3g} against ×{ratios['sparse, inputs known']:.3g} sparse",
        "superposition": f"rare features; in {stores['bits']:,} bits hypervectors hold {capacity[0]} of them, "
        f"floats {capacity[-1]}",
        "constant nonzeros, wider": titles("51_constant_width")[0].removeprefix("One plot: "),
        "few weights of few bits": f"a map costs a bit a weight, dense in 1 bit takes {least['stored'] / 1e3:.1f} kB; "
        f"{len(front)} of {len(grid['front'])} settings not beaten by fewer bytes are both sparse and of few bits",
    }  # fmt: skip


def comparison() -> str:
    """All forms: what is zero, what is skipped, what is still loaded, when it pays."""
    pays, budgets = when(), read("53_four_budgets")
    head = ("form", "what is zero", "what is skipped", "what is still loaded", "when it pays",
            "digits: best level less dense (points) at equal bytes / training FLOPs / time")  # fmt: skip
    rows = [
        (f"**{name}**", zero, skipped, loaded, pays[name], points_against_dense(form, budgets))
        for name, form, zero, skipped, loaded in FORMS
    ]
    return (
        write.table(head, *rows)
        + "\n\n*Written from the numbers of the sims below; ▲: a level is surely better (see the last section).*"
    )


def short() -> str:
    """The answers in a few lines."""
    shares = read("42_active_share")
    words = read("53_four_budgets")["words"]
    lines = [
        f"Language models of experts activate {span([shares['least'], shares['most']])} of their weights for a "
        "token, dense ones all. Active is not nonzero: what is active is dense inside.",
        *(line for line in words if "In detail" not in line),
    ]
    return "\n".join(f"- {line[0].upper()}{line[1:]}" for line in lines)


def layers() -> str:
    """The gather of constant fan-in beside dense BLAS and compressed rows."""
    rows = read("bench/sparse_layers")["rows"]
    zeros = list(dict.fromkeys(row["sparsity"] for row in rows))
    table = [("layer, batch", *(f"{share:.0%} zeros" for share in zeros), "× its bound")]
    for n_in, n_out, batch in dict.fromkeys((row["n_in"], row["n_out"], row["batch"]) for row in rows):
        own = [row for row in rows if (row["n_in"], row["n_out"], row["batch"]) == (n_in, n_out, batch)]
        cells = (
            f"{row['peers']['dense BLAS']['ratio']:.1f} / {row['peers']['scipy CSR']['ratio']:.1f}"
            for row in own
        )
        table.append((f"{n_in} × {n_out}, {batch}", *cells, span_of([row["bound_ratio"] for row in own])))
    return write.table(*table) + (
        "\n\n*Times as fast as dense float32 BLAS / as SciPy's compressed rows, medians of interleaved rounds; "
        "`python benchmarks/sparse_layers.py`.*"
    )


def span_of(values: list[float]) -> str:
    """A range of ratios."""
    return f"{min(values):.1f} to {max(values):.1f}"


def blocks() -> dict[str, str]:
    """Every block of the page."""
    own = {"short": short(), "table": comparison(), "params": params(), "layers": layers()}
    return own | {name: findings(stem) for name, stem in BLOCKS.items()}


if __name__ == "__main__":
    write.fill(write.ROOT / "docs" / "sparsity.md", blocks())
