"""Every number on docs/attention.md, out of what sims and `make bench` wrote: `python docs/write_attention.py`."""

import json
from pathlib import Path
from typing import Any

import write

from hdspike.models import Shape
from hdspike.models.rules import Options
from hdspike.workloads import attend_bill

FIGURES = write.ROOT / "figures"


def percent(share: float, digits: int = 1) -> str:
    return f"{100 * share:.{digits}f} %"


def read(name: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((FIGURES / f"{name}.json").read_text(encoding="utf-8"))
    return found


def note(*lines: str, command: str) -> str:
    return "\n".join([*(f"- {line}" for line in lines), "", f"*Written from the numbers of `{command}`.*"])


def codes(n: dict[str, Any]) -> str:
    """Share of the exact winners' mass that each code finds, by candidates."""
    rows = [("code", "events per (query, key)", *(f"{m}× candidates" for m in n["multiples"]))]

    def row(name: str, point: dict[str, Any], events: str) -> tuple[str, ...]:
        return (
            name,
            events,
            *(f"{m:.3f} ± {h:.3f}" for m, h in zip(point["mean"], point["half"], strict=True)),
        )

    best = next(iter(n["books"]))
    for name in n["books"]:
        points = [p for p in n["books"][name] if p["events"] <= n["most_events"]]
        rows += [row(name, p, f"{p['events']:.2f}") for p in (points if name == best else points[-1:])]
    rows += [row(f"signs, {p['bits']:,} bits", p, "all keys compared") for p in n["signs"]]
    where = (
        f"{n['heads']} heads of layers {', '.join(map(str, n['layers']))}, {n['queries']} queries each, "
        f"{n['context']:,} tokens of {n['judged_on']}, learned from {n['learned_from']}, {n['winners']} winners; "
        "95 % intervals over heads"
    )
    verdicts = "\n".join(f"- {line}" for line in n["verdicts"])
    return f"{verdicts}\n\n{write.table(*rows)}\n\n*{where}. `hdspike sim event_codes`.*"


def heads(n: dict[str, Any]) -> str:
    """Which heads lose what normal scores would."""
    found = n["contexts"][str(n["context"])]["variants"]
    rows = [
        ("keys", "obey", "lose less", "lose more", "mixed", "mass lost", "normal scores of the same σ lose")
    ]
    for name, v in found.items():
        kinds = v["heads"]
        rows.append(
            (name, *(str(kinds[k]) for k in ("obeys", "loses less", "loses more", "mixed")),
             percent(v["lost"]), percent(v["expected"]))
        )  # fmt: skip
    total = sum(found["all keys"]["heads"].values())
    lines = (
        f"Of {total} heads {found['all keys']['heads']['obeys']} obey at {n['context']:,} tokens: more than half of a "
        "head's queries lie in the 90 % band of normal scores of their own σ and N. As strictly as normal scores "
        f"would (90 % of the queries), {found['all keys']['heads_nine_tenths_inside']} do.",
        f"The key at the start is the largest cause: without it {found['no sink']['heads']['obeys']} obey. Heavy "
        f"tails are the next: the error has rank correlation {found['no sink']['error_with_kurtosis']:.2f} with "
        "excess kurtosis.",
        f"From σ alone the law is {percent(found['all keys']['median_error'], 0)} off for the median head.",
    )
    return f"{write.table(*rows)}\n\n" + note(*lines, command="hdspike sim heads")


def circuit(n: dict[str, Any]) -> str:
    """The race on the chip: mass, events, time, joules."""
    c = n["candidates"]["4"]
    rows = [("4× candidates", "mass ÷ that of the best k", "events per (query, key)", "input delivered")]
    names = {
        "exact": "all spikes, the highest win", "in_order": "race, in the spikes' order",
        "barrier_race": "race under a barrier", "async_race": "race, no barrier, loaded",
        "async_seeded": "the same, seeded order",
    }  # fmt: skip
    for name, label in names.items():
        m = c["mean"][name]
        mass, share = m["captured_mass"], m["delivered_share"]["mean"]
        rows.append(
            (label, f"{mass['mean']:.3f} ({mass['low']:.3f} to {mass['high']:.3f})",
             f"{m['synaptic_events_per_query_key']['mean']:.2f}", percent(share, 0))
        )  # fmt: skip
    bill = {name: b["nominal"] for name, b in c["bills"].items()}
    race = bill["async_race"] + bill["encode"] + bill["rescore"]
    rivals = {
        "int8 from DRAM": "dense_dram", "int8 from DRAM, 3 heads a fetch": "dense_dram_shared",
        "int8 from DRAM, 64 queries a fetch": "dense_dram_many", "int8, keys on the chip": "dense_resident",
        "int8 on the chip, 3 heads a read": "dense_resident_shared", "the quantised twin": "twin",
        "the same events as lists on a processor": "lists",
    }  # fmt: skip
    verdicts = [
        f"{label} {write.si(bill[key], 'J')} ({'race' if race < bill[key] else '**dense**'} wins "
        f"{max(race, bill[key]) / min(race, bill[key]):.2g}×)"
        for label, key in rivals.items()
    ]
    lines = (
        f"{n['key_heads']} key heads of SmolLM2, {n['keys']:,} keys, {n['queries']} queries each, on the {n['chip']}. "
        f"Under a barrier {c['barrier_differing']} winners differ from the functional runner's; without one "
        f"{percent(c['other_winners']['loaded']['mean'])} are others, of which congestion alone changes "
        f"{percent(c['other_winners']['congestion']['mean'])}.",
        f"Joules per query, circuit ledger: race with encoding and rescoring {write.si(race, 'J')}; "
        + "; ".join(verdicts)
        + ".",
    )
    return f"{write.table(*rows)}\n\n" + note(*lines, command="hdspike sim circuit")


def recall(n: dict[str, Any]) -> str:
    """Associative recall against the length of the text."""
    rows = [("tokens", "pairs", "1 winner", "softmax, same codes", "its smallest β", "one bundle", "law")]
    for p in n["lengths"]:
        rows.append(
            (f"{p['length']:,}", f"{p['pairs']:,}", percent(p["winners"]["accuracy"]),
             percent(p["softmax"]["accuracy"]), f"{p['softmax']['smallest_beta']:g}",
             percent(p["bundle"]["majority"]["accuracy"]), percent(p["bundle"]["law"]))
        )  # fmt: skip
    last, small = n["work"][-1], n["smallest"]["bsc bundled"]
    lines = (
        f"Winners and softmax over codes of {n['fixed']} bits; the bundle has {n['state']:,}. Nothing is learned.",
        f"The smallest D for 99 % grows from {small[0]['smallest']:.0f} bits at {small[0]['length']:,} tokens to "
        f"{small[-1]['smallest']:.0f} at {small[-1]['length']:,} (law {small[0]['law']} and {small[-1]['law']}).",
        f"At {last['length']:,} tokens, {n['work_code'][0]} blocks of {n['work_code'][1]:,}: "
        f"{last['exact']['events_per_pair']:.3f} events per (query, key), "
        f"{percent(last['exact']['touched_fraction'])} touched; a race delivers "
        f"{percent(last['race']['delivered'], 0)} of its input.",
    )
    return f"{write.table(*rows)}\n\n" + note(*lines, command="hdspike sim recall")


def aggregation(n: dict[str, Any]) -> str:
    """What winners cannot count."""
    at = n["shares"].index(0.01)
    few, *more = n["codes"]
    tasks = {
        "count": "counts misplaced", "majority": "majorities wrong",
        "missed": "of the 10 commonest words, missed",
    }  # fmt: skip
    rules = {"top-k": "top 1 %", "drawn": "drawn by weight", "bundles": "winners and bundles"}
    rows = [("task", *rules.values(), "softmax")]
    for task, label in tasks.items():
        rows.append(
            (
                label,
                *(percent(few["rules"][r][task][at]["mean"]) for r in rules),
                percent(few["softmax"][task]["mean"]),
            )
        )
    for group in (few, *more):
        rows.append(
            (f"mean of a category, {group['categories']}, error",
             *(f"{group['rules'][r]['mean'][at]['mean']:.2f}" if r in group["rules"] else "" for r in rules),
             f"{group['softmax']['mean']['mean']:.2f}")
        )  # fmt: skip
    lines = [f"{few['keys']:,} keys of {n['dim']} bits, {few['texts']} texts; draws know all weights."]
    m = n["model"]
    if m:
        own = {r: m["rules"][r][0]["own_kl"] for r in rules}
        lines.append(
            f"Inside SmolLM2, behind a comma of a list of {m['length']} tokens, KL of its prediction to the words' "
            f"frequencies at 1 %, each rule at its own sharpness: softmax {m['softmax']['own_kl']['mean']:.3f}, "
            + ", ".join(f"{rules[r]} {own[r]['mean']:.3f} ± {own[r]['half']:.3f}" for r in rules)
            + f", equal chances {m['uniform']:.3f} nats ({m['lists']} lists)."
        )
    return f"{write.table(*rows)}\n\n" + note(*lines, command="hdspike sim aggregation")


def memory(n: dict[str, Any]) -> str:
    """Kanerva's memory as softmax."""
    near, whole, attention, recalled = n["fits"]["near"], n["fits"]["whole"], n["attention"], n["recall"]
    rows = [("addresses, radius", "range of the fit", "β", "R²", "published")]
    rows += [
        (f"{g['dim']:,}, {g['radius']}", f"{g['low']} to {g['high']}", f"{g['beta']:.2f}", f"{g['r_squared']:.3f}",
         f"{g['published']:g}, {g['published_r2']:g}" if g["published_r2"] else f"{g['published']:g}")
        for g in n["goldens"]
    ]  # fmt: skip
    lines = (
        f"Of {n['dim']:,} bits with radius {n['radius']}: β {near['beta']:.2f} up to distance {near['high']} (off by "
        f"up to e^{near['worst']:.2f}), {whole['beta']:.1f} over all (by e^{whole['worst']:.0f}): exponential "
        "only near.",
        f"A real memory of {attention['locations']:,} locations over {attention['stored']} patterns adds noise of "
        f"{percent(min(p['memory']['variation'] for p in attention['points']), 0)} to "
        f"{percent(max(p['memory']['variation'] for p in attention['points']), 0)} in total variation.",
        f"Recalling {recalled['stored']:,} patterns, softmax with β = {recalled['sharp']:g} reads farther: dense wins "
        f"(the memory takes {recalled['memory_bytes'] / recalled['pattern_bytes']:.0f} times the patterns' bytes).",
    )
    return f"{write.table(*rows)}\n\n" + note(*lines, command="hdspike sim sdm_softmax")


def bills() -> str:
    """Joules of one token's attention in SmolLM2 by rule, at 4,096 keys."""
    sizes = Shape(30, 576, 1536, 9, 3, 64, 49152, 8192, 1e-5, 1e5, 1.0)  # SmolLM2-135M
    chip = write.substrate.load("a100-circuit")
    wanted = {
        "softmax": ("softmax", {}),
        "exact winners": ("kwta", {}),
        "signs, 1,024 bits, 4 candidates": ("signs", {}),
        "winners and bundles": ("bundles", {}),
        "events, 0.25 a key": ("events", {"events": 0.25}),
        "events, 1 a key": ("events", {"events": 1.0}),
        "events (0.5, 4 candidates) and bundles": ("event-bundles", {}),
        "events (1, 8 candidates) and bundles": ("event-bundles", {"events": 1.0, "candidates": 8}),
    }  # fmt: skip
    rows = [("rule, 41 cells of 4,096 keys", "bf16", "int8")]
    for label, (select, given) in wanted.items():
        found = attend_bill.bills(sizes, select, Options(**given), 4096, chip)["bills"]
        rows.append(
            (label, *(write.si(found[f"{select}_{p}"]["nominal"], "J") for p in attend_bill.PRECISIONS))
        )
    where = f"Batch 1, circuit ledger, {chip.node}, nominal; sources: `hdspike chip show a100-circuit`"
    return f"{write.table(*rows)}\n\n*{where}.*"


BLOCKS = {
    "codes": ("26_event_codes", codes),
    "heads": ("31_heads", heads),
    "circuit": ("30_circuit", circuit),
    "recall": ("27_recall", recall),
    "aggregation": ("28_aggregation", aggregation),
    "memory": ("29_sdm_softmax", memory),
}


def blocks() -> dict[str, str]:
    """Every block of the page, from the committed figures' numbers."""
    return {name: make(read(figure)) for name, (figure, make) in BLOCKS.items()} | {"bills": bills()}


def main(page: Path = write.ROOT / "docs" / "attention.md") -> None:
    write.fill(page, blocks())


if __name__ == "__main__":
    main()
