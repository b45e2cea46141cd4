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


def titles(stem: str) -> list[str]:
    """What the panels of a sim's figure say, each computed from its numbers."""
    figure = sim.load(stem).draw(read(stem))
    said = [" ".join(ax.get_title().split()) for ax in figure.axes if ax.get_title()]
    plt.close(figure)
    return said


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


def blocks() -> dict[str, str]:
    """Every block of the page."""
    return {name: findings(stem) for name, stem in BLOCKS.items()} | {"params": params()}


if __name__ == "__main__":
    write.fill(write.ROOT / "docs" / "sparsity.md", blocks())
