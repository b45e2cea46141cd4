"""Every number on docs/transformer.md, out of what the sims wrote: `python docs/write_transformer.py`."""

import json
import re
from typing import Any

import write

from hdspike import sim
from hdspike.plot.language import FAMILIES, PANELS

FIGURES = write.ROOT / "figures"
WAYS = {"frozen": "frozen", "streaming": "learning while it reads"}
BARS = {"bar": 1.6, "aim": 1.33}  # of issue 7: bits per character; the aim is PPMd of order 8, which learns


def read(name: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((FIGURES / f"{name}.json").read_text(encoding="utf-8"))
    return found


def lines(said: list[str], sim: str) -> str:
    """Findings in words, with the command that makes them."""
    return "\n".join(
        [*(f"- {line}" for line in said), "", f"*Written from the numbers of `hdspike sim {sim}`.*"]
    )


def signed(gap: dict[str, Any]) -> str:
    """A difference with its interval."""
    if gap["low"] is None:
        return f"{gap['value']:+.3f}"
    return f"{gap['value']:+.3f} ({gap['low']:+.3f} to {gap['high']:+.3f})"


def size(amount: float | None) -> str:
    """Bytes or operations with a prefix."""
    if amount is None:
        return "not counted"
    for unit, scale in (("P", 1e15), ("T", 1e12), ("G", 1e9), ("M", 1e6), ("k", 1e3)):
        if amount >= scale:
            return f"{amount / scale:.3g} {unit}"
    return f"{amount:.3g} "


def ours(points: list[dict[str, Any]], way: str) -> dict[str, Any]:
    """The standard model's point."""
    return next(p for p in points if p["family"] == "spiking, sparse codes" and p["way"] == way)


def head_to_head(n: dict[str, Any]) -> str:
    """The best of each family, and the differences at equal bytes and time."""
    best: dict[tuple[str, str], dict[str, Any]] = {}
    for point in n["points"]:
        key = (point["family"], point["way"])
        if key not in best or point["bits"] < best[key]["bits"]:
            best[key] = point
    rows = [
        (
            "",
            "",
            "bits/char",
            "accuracy",
            "stored",
            "touched/char",
            "training",
            "joules of it",
            "seconds of it",
            "µs/char",
        )
    ]
    standard = [("**spiking, standard**", way, ours(n["points"], way)) for way in WAYS]
    for family, way, point in [*standard, *((f, w, p) for (f, w), p in best.items())]:
        packed = f" ({size(point['packed_bytes'])}B packed)" if point["packed_bytes"] else ""
        rows.append(
            (
                family,
                way,
                f"{point['bits']:.3f} ({point['low']:.2f}–{point['high']:.2f})",
                "" if point["accuracy"] is None else f"{point['accuracy']:.3f}",
                f"{size(point['stored_bytes'])}B{packed}",
                size(point["active_bytes"]) + ("B" if point["active_bytes"] else ""),
                size(point["training_operations"]),
                write.si(point["training_joules"], "J") if point["training_joules"] else "not counted",
                f"{point['learn_seconds']:.2g}",
                "" if point["microseconds"] is None else f"{point['microseconds']:.2g}",
            )
        )
    gaps = [("spiking less …, bits/char", "", *(kind for kind in KINDS))]
    cells: dict[tuple[str, str], dict[str, str]] = {}
    for row in n["compared"]:
        cells.setdefault((row["family"], row["way"]), {})[row["kind"]] = signed(row["difference"])
    gaps += [
        (family, way, *(row.get(kind, "none") for kind in KINDS)) for (family, way), row in cells.items()
    ]
    more = [
        f"{name} ({other['learned']:,} characters learned): spiking "
        + ", ".join(f"{ours(other['points'], way)['bits']:.3f} {way}" for way in WAYS)
        + "; less "
        + ", ".join(f"{r['family']} {r['way']} {signed(r['difference'])}" for r in other["compared"])
        + "."
        for name, other in n["others"].items()
    ]
    return "\n\n".join(
        [
            "Who needs the fewest bits for a budget:",
            lines(winners(n), "head_to_head"),
            "The standard model, and of each family the setting of least bits:",
            write.table(*rows),
            "Below 0 the spiking model is better; paired by blocks of 1,000 characters where both have them:",
            write.table(*gaps),
            lines(more, "head_to_head"),
        ]
    )


def dense_codes(n: dict[str, Any]) -> str:
    """The dense settings, and the sparse ones that attend to the same windows without a lifetime memory."""
    rows = [("code", "window", "bits", "bits/char frozen", "streaming", "µs/char", "stored", "predicted")]
    found: dict[tuple[str, str, str, int, float], dict[str, Any]] = {}
    for point in n["points"]:
        given = point["settings"]
        if point["family"] == "spiking, dense codes":
            name = "dense, a block for each head" if given["code"] == "blocks" else "dense, one bundle"
            size_of = given["dim"]
        elif given.get("memories") == "window":
            name, size_of = (
                "sparse, window alone",
                len(given["heads"].split()) * given["synapses"] * given["lines"],
            )
        else:
            continue
        window = "the text" if given["window"] > n["text"]["characters"] else f"{given['window']:,}"
        found.setdefault((name, window, f"{size_of:,}", point["characters"], point["stored_bytes"]), {})[
            point["way"]
        ] = point
    for (name, window, dim, characters, stored), ways in sorted(found.items(), key=lambda item: item[0][1]):
        bits = [f"{ways[way]['bits']:.3f}" if way in ways else "" for way in WAYS]
        rows.append(
            (
                name,
                window,
                dim,
                *bits,
                f"{ways['frozen']['microseconds']:.0f}",
                f"{size(stored)}B",
                f"{characters:,}",
            )
        )
    return "\n\n".join([write.table(*rows), "*Written from the numbers of `hdspike sim head_to_head`.*"])


def winners(n: dict[str, Any]) -> list[str]:
    """Who has the fewest bits for a budget, from the cheapest to the dearest: the frontier over all families."""
    told = []
    for what, label in PANELS:
        for way, name in WAYS.items():
            able = [p for p in n["points"] if p["way"] == way and p.get(what) and p["family"] in FAMILIES]
            best: list[dict[str, Any]] = []
            for point in sorted(able, key=lambda p: (p[what], p["bits"])):
                if not best or point["bits"] < best[-1]["bits"]:
                    best.append(point)
            steps: list[str] = []
            for k, point in enumerate(best):
                if k == 0 or point["family"] != best[k - 1]["family"]:
                    steps.append(
                        f"from {size(point[what]).strip()} {point['family']} ({point['bits']:.2f} bits"
                    )
                if k + 1 == len(best) or best[k + 1]["family"] != point["family"]:
                    steps[-1] += f" to {point['bits']:.2f})"
            told.append(f"{label}, {name}: {', '.join(steps)}.")
    return told


KINDS = ("best", "at most the same bytes", "at most the same training time")


def short(n: dict[str, Any], energy: dict[str, Any]) -> str:
    """What it comes to."""
    frozen, streaming = (ours(n["points"], way) for way in WAYS)
    said = [
        f"{streaming['bits']:.3f} bits per character while it learns what it reads, {frozen['bits']:.3f} frozen; "
        f"the bar was {BARS['bar']}, the aim {BARS['aim']}."
    ]
    for row in n["compared"]:
        if row["kind"] == "best" and row["family"] in ("n-grams", "PPMd", "dense transformer"):
            gap = signed(row["difference"])
            said.append(f"Less the best {row['family']} ({row['bits']:.3f}), {WAYS[row['way']]}: {gap}.")
    said += [
        f"It learns {n['text']['learned']:,} characters in one pass of {frozen['learn_seconds']:.0f} s on this "
        f"machine, reads one in {frozen['microseconds']:.0f} µs, and is {size(frozen['stored_bytes'])}B as held, "
        f"{size(frozen['packed_bytes'])}B packed.",
        *energy["words"].values(),
    ]
    return lines(said, "head_to_head` and `hdspike sim token_energy")


def five_rows(energy: dict[str, Any]) -> str:
    rows = [("", "dense twin", "Spiking HD-Transformer")]
    rows += [(f"**{row['row']}**", row["dense"], row["spiking"]) for row in energy["idea"]]
    twin = energy["dense"]["twin"]
    note = f"*Counted by `hdspike sim token_energy`; the twin is {twin['layers']} layers of {twin['dim']}.*"
    return "\n\n".join([write.table(*rows), note])


def energy_lines(energy: dict[str, Any]) -> str:
    counts, held = energy["counts_per_token"], energy["bytes"]
    return lines(
        [
            f"A character is {counts['window_events']:.0f} events at keys and {counts['lifetime_events']:.0f} at rows, "
            f"{counts['vote_events']:.0f} votes and {counts['encoder_adds']:.0f} additions of lines.",
            f"{size(held['held']['total'])}B as held, {size(held['packed']['total'])}B packed, "
            f"{size(held['packed_to_predict']['total'])}B to predict alone; {size(held['active']['total'])}B touched.",
            *(f"{ledger} ledger: {text}" for ledger, text in energy["words"].items()),
        ],
        "token_energy",
    )


def said(name: str, sim: str) -> str:
    """The words of a sim."""
    found = read(name)["words"]
    return lines(found if isinstance(found, list) else list(found.values()), sim)


def chip(n: dict[str, Any]) -> str:
    """The words below the figure, a sentence a line, without its sources."""
    told = sim.load("token_on_chip").words(n).split("\nSources:")[0].replace("\n", " ")
    return lines(
        [part.rstrip(".") + "." for part in re.split(r"(?<=[\w)])\. (?=[A-Z])", told)], "token_on_chip"
    )


def blocks() -> dict[str, str]:
    """Every block of the page."""
    contest, energy = read("34_head_to_head"), read("35_token_energy")
    return {
        "short": short(contest, energy),
        "head_to_head": head_to_head(contest),
        "dense_codes": dense_codes(contest),
        "five_rows": five_rows(energy),
        "energy": energy_lines(energy),
        "chip": chip(read("36_token_on_chip")),
        "growth": said("37_memory_growth", "memory_growth"),
        "lesions": said("38_lesions", "lesions"),
        "continual": said("39_continual", "continual"),
        "ablation": said("40_ablation", "ablation"),
    }


if __name__ == "__main__":
    write.fill(write.ROOT / "docs" / "transformer.md", blocks())
