"""Three panels, one for each batch: how many times faster than dense BLAS a sparse layer is, by its sparsity."""

from typing import Any

from matplotlib.figure import Figure

from hdspike.plot.style import COLOURS, figure, note

__all__ = ["draw", "even"]

COLOUR = ("blue", "vermilion", "green", "purple", "orange", "sky")
SRIGL = {"ours": 3.4, "csr": 3.4 / 2.5}
"""Lasby et al. 2024, abstract: a layer of 90 % sparsity, one sample, CPU: 3.4 × dense, 2.5 × CSR."""


def speeds(row: dict[str, Any]) -> dict[str, float]:
    """Times faster than BLAS: ours, and the quicker of the other sparse products."""
    peers = row["peers"]
    dense = peers["dense BLAS"]["ratio"]
    others = [found["ratio"] for name, found in peers.items() if "CS" in name]
    return {"ours": dense, "sparse": dense / min(others)}


def even(rows: list[dict[str, Any]], batch: int, who: str) -> str:
    """In words: from which sparsity on every layer is faster than BLAS, or that some never is."""
    levels = sorted({row["sparsity"] for row in rows if row["batch"] == batch})
    for level in levels:
        if all(speeds(r)[who] > 1 for r in rows if r["batch"] == batch and r["sparsity"] >= level):
            return f"from {100 * level:.0f} % on"
    return "not for every layer"


def draw(numbers: dict[str, Any]) -> Figure:
    """Solid: ours; dashed: the quickest of scipy's and torch's sparse products; above 1: faster than dense BLAS."""
    rows = numbers["rows"]
    batches = sorted({row["batch"] for row in rows})
    shapes = list(dict.fromkeys((row["n_in"], row["n_out"]) for row in rows))
    levels = sorted({row["sparsity"] for row in rows})
    fig, axes = figure(1, len(batches), size=(5.2 * len(batches), 6.2), sharey=True, squeeze=False)
    for ax, batch in zip(axes[0], batches, strict=True):
        for shape, colour in zip(shapes, COLOUR, strict=False):
            some = [r for r in rows if r["batch"] == batch and (r["n_in"], r["n_out"]) == shape]
            x = [1 - r["sparsity"] for r in some]
            for who, style in (("ours", "-o"), ("sparse", "--s")):
                ax.plot(
                    x, [speeds(r)[who] for r in some], style, ms=4.5, color=COLOURS[colour],
                    label=f"{shape[0]} × {shape[1]}" if who == "ours" else None,
                    markerfacecolor=COLOURS[colour] if who == "ours" else "white",
                )  # fmt: skip
        ax.axhline(1, color=COLOURS["black"], lw=1.2)
        if batch == 1:
            ax.plot(
                0.1,
                SRIGL["ours"],
                "*",
                ms=13,
                color=COLOURS["black"],
                label="SRigL's authors, CPU: 3.4 × dense",
            )
            ax.plot(
                0.1, SRIGL["csr"], "*", ms=11, mfc="white", color=COLOURS["black"], label="… their CSR: 1.4 ×"
            )
        ax.set(xscale="log", yscale="log", xlabel="sparsity")
        ax.set_xticks([1 - s for s in levels], [f"{100 * s:.0f} %" for s in levels])
        ax.minorticks_off()
        ax.set_xlim(1.25 * (1 - levels[0]), 0.8 * (1 - levels[-1]))
        ticks = [0.1, 0.25, 0.5, 1, 2, 4, 8, 16, 32, 64, 128]
        ax.set_yticks(ticks, [f"{t:g}" for t in ticks])
        ax.set_title(
            f"batch {batch}: faster than dense BLAS on every layer\nconstant fan-in {even(rows, batch, 'ours')}; "
            f"others {even(rows, batch, 'sparse')}",
            fontsize=11,
        )
    axes[0][0].set_ylabel("times faster than dense BLAS (below the line dense wins)")
    axes[0][-1].legend(
        *axes[0][0].get_legend_handles_labels(),
        loc="lower right",
        title="n_in × n_out; solid, filled: constant fan-in;\ndashed, hollow: quickest other sparse product",
        alignment="left",
        fontsize=8.5,
        title_fontsize=8.5,
    )
    rates = numbers["rates"]
    note(
        fig,
        f"One thread, float32, medians of paired ratios. This machine reads {rates['read'] / 1e9:.0f} GB/s of memory, "
        f"{rates['read cached'] / 1e9:.0f} from cache; BLAS makes {rates['dense_rate'] / 1e9:.0f} G products/s,\n"
        f"ours {rates['dot'] / 1e9:.1f} (one sample) and {rates['blend'] / 1e9:.0f} (tiles) when all is in the "
        "first-level cache. Ours takes and gives samples as rows; the others may have them transposed beforehand.",
    )
    return fig
