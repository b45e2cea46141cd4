"""Every number on docs/attention.md, out of what sims and `make bench` wrote: `python docs/write_attention.py`."""

import json
from pathlib import Path
from typing import Any

import write

from hdspike.models import Shape
from hdspike.models.rules import Options
from hdspike.workloads import attend_bill

FIGURES = write.ROOT / "figures"
CHIP = "a100-circuit"
BARS = {"1": 3.0, "64": 2.0}  # of issue 6: how many times as fast as dense; the latter is an aim


def percent(share: float, digits: int = 1) -> str:
    return f"{100 * share:.{digits}f} %"


def read(name: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((FIGURES / f"{name}.json").read_text(encoding="utf-8"))
    return found


def note(*lines: str, command: str) -> str:
    return "\n".join([*(f"- {line}" for line in lines), "", f"*Written from the numbers of `{command}`.*"])


def excess(rule: dict[str, Any]) -> str:
    """What a rule adds to the perplexity, with its interval."""
    ratio = rule["ratio"]
    if ratio["low"] is None:
        return f"{100 * (ratio['value'] - 1):+.1f} %"
    return f"{100 * (ratio['value'] - 1):+.1f} % ({100 * (ratio['low'] - 1):+.1f} to {100 * (ratio['high'] - 1):+.1f})"


def called(rule: dict[str, Any]) -> str:
    """A rule with the size of its code."""
    names = {
        "kwta": "exact winners", "bundles": "exact winners and bundles", "events": "winners by events",
        "event-bundles": "winners by events, and bundles", "signs": "winners by signs",
    }  # fmt: skip
    return names[rule["select"]] + (f", {rule['bits']:,} bits" if rule.get("bits") else "")


def pivot(title: str, cells: dict[str, dict[str, str]], columns: list[str]) -> str:
    """A table of rules by columns."""
    return write.table(
        (title, *columns), *((name, *(row.get(c, "") for c in columns)) for name, row in cells.items())
    )


def quality(n: dict[str, Any]) -> str:
    """Perplexity over that of softmax: by context at 1 %, and by share at each context."""
    contexts: dict[str, dict[str, str]] = {}
    heads: list[str] = []
    tables: list[str] = []
    shares: dict[int, dict[str, dict[str, str]]] = {}
    order: dict[int, list[str]] = {}
    for part in n["parts"]:
        head = f"{part['context']:,} tokens"
        if head not in heads:
            heads.append(head)
        for rule in part["rules"]:
            if rule["share"] == n["share"]:
                contexts.setdefault(called(rule), {}).setdefault(head, excess(rule))
            if rule.get("bits", 1024) == 1024 and rule["share"]:
                shares.setdefault(part["context"], {}).setdefault(called(rule), {}).setdefault(
                    rule["share"], excess(rule)
                )
                if rule["share"] not in order.setdefault(part["context"], []):
                    order[part["context"]].append(rule["share"])
    tables.append(pivot(f"{n['share'].replace('%', ' %')} of the context", contexts, heads))
    for context, cells in shares.items():
        columns = sorted(order[context], key=lambda share: float(share.rstrip("%")))
        if len(columns) > 1:
            tables.append(pivot(f"{context:,} tokens, share kept", cells, columns))
    seen = "; ".join(
        f"{part['context']:,} tokens: {len(part['windows'])} window(s), softmax {part['perplexity_softmax']:.2f}"
        for part in n["parts"]
    )
    lines = [
        *n["words"],
        f"Perplexity over that of exact softmax on the same tokens. Sets of windows: {seen}.",
    ]
    return "\n\n".join(tables) + "\n\n" + note(*lines, command="hdspike sim quality")


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


def scaling(n: dict[str, Any]) -> str:
    """Ours beside torch and faiss over the keys of many documents."""
    heads, rows = (
        n["heads"],
        [("head, keys", "mass found ÷ exact top 1 %", "touched", "batch", "ours", "best dense", "ratio")],
    )
    for h in heads:
        ours = h["ours"][0]
        for batch, t in ours["seconds"].items():
            rows.append(
                (f"{h['head'].removeprefix('SmolLM2-135M ')}, {h['keys']:,}",
                 f"{ours['found']:.3f} (deviation {ours['found_deviation']:.3f})",
                 percent(ours["touched_fraction"]), batch, write.spent(t["s"]), write.spent(t["s"] * t["ratio"]),
                 f"{t['ratio']:.2g}×" + ("" if t["ratio"] >= BARS[batch] else f", **missed {BARS[batch]:g}**"))
            )  # fmt: skip
    peers = [("faiss at 131,072 keys", "mass found", "batch 1", "batch 64")]
    peers += [
        (f"{p['peer'].removeprefix('faiss ')}, {p['head'].removeprefix('SmolLM2-135M ')}", f"{p['found']:.3f}",
         *(write.spent(p["seconds"][b]["s"]) for b in ("1", "64")))
        for p in n["peers"]
    ]  # fmt: skip
    events, seconds = n["exponents"]["events"], n["exponents"]["seconds"]

    def power(fit: dict[str, float]) -> str:
        return f"N^{fit['exponent']:.2f} ({fit['low']:.2f} to {fit['high']:.2f})"

    crossing = n["crossings"]
    lost = [h["ours"][0]["lost"] for h in heads]
    lines = (
        f"Events per query grow as {power(events['lines 1%'])} at constant D and {power(events['growing 1%'])} where "
        f"D ∝ N: 1 % of the keys must win anyway; with 41 winners {power(events['growing 41'])}.",
        f"Time per query, batch 1: ours {power(seconds['lines 1% 1'])}, packed {power(seconds['packed 1% 1'])}, dense "
        f"{power(seconds['dense 1'])}; batch 64: ours {power(seconds['lines 1% 64'])}, dense "
        f"{power(seconds['dense 64'])}.",
        "Ours takes less time than the best dense attention from "
        + " and from ".join(
            f"{crossing[f'lines 1% {b}']:,.0f} keys on at batch {b}"
            for b in ("1", "64")
            if crossing.get(f"lines 1% {b}")
        )
        + ".",
        f"The top 1 % themselves lose {percent(min(lost), 0)} to {percent(max(lost), 0)} of the softmax mass there "
        "(keys at the start left out): the rule costs that, not the search.",
        f"{heads[0]['ours'][0]['bytes_per_key']:.0f} bytes a key, room to grow included; keys and values take 256.",
    )
    at = next(p for p in n["points"] if p["keys"] == heads[0]["keys"])
    joules = at["ours"][0]["joules"]
    words = [f"Energy at {at['keys']:,} keys, {n['ledger']} ledger, {n['node']}, a query: "]
    for batch in ("1", "64"):
        rivals = {p: at["dense"]["joules"][f"{p} {batch}"]["nominal"] for p in ("bf16", "int8")}
        mine = joules[batch]["nominal"]
        words.append(
            f"batch {batch} ours {write.si(mine, 'J')}, "
            + ", ".join(f"dense {p} {write.si(j, 'J')}" for p, j in rivals.items())
            + (" (**dense wins**)" if min(rivals.values()) < mine else "")
            + "; "
        )
    body = note(*lines, "".join(words).rstrip("; ") + ".", command="make bench")
    return f"{write.table(*rows)}\n\n{write.table(*peers)}\n\n{body}"


def priced() -> dict[str, dict[str, float]]:
    """Joules of one token's attention in SmolLM2 by rule and precision, at 4,096 keys."""
    sizes = Shape(30, 576, 1536, 9, 3, 64, 49152, 8192, 1e-5, 1e5, 1.0)  # SmolLM2-135M
    chip = write.substrate.load(CHIP)
    wanted: dict[str, tuple[str, dict[str, Any]]] = {
        "softmax": ("softmax", {}),
        "exact winners": ("kwta", {}),
        "signs, 1,024 bits, 4 candidates": ("signs", {}),
        "winners and bundles": ("bundles", {}),
        "events, 0.25 a key": ("events", {"events": 0.25}),
        "events, 1 a key": ("events", {"events": 1.0}),
        "events (0.5, 4 candidates) and bundles": ("event-bundles", {}),
        "events (1, 8 candidates) and bundles": ("event-bundles", {"events": 1.0, "candidates": 8}),
    }
    found = {}
    for label, (select, given) in wanted.items():
        made = attend_bill.bills(sizes, select, Options(**given), 4096, chip)["bills"]
        found[label] = {p: made[f"{select}_{p}"]["nominal"] for p in attend_bill.PRECISIONS}
    return found


def bills(found: dict[str, dict[str, float]]) -> str:
    """The joules as a table."""
    rows = [("rule, 41 cells of 4,096 keys", *attend_bill.PRECISIONS)]
    rows += [(label, *(write.si(joules, "J") for joules in one.values())) for label, one in found.items()]
    where = f"Batch 1, circuit ledger, {write.substrate.load(CHIP).node}, nominal; sources: `hdspike chip show {CHIP}`"
    return f"{write.table(*rows)}\n\n*{where}.*"


def found_by_events(n: dict[str, Any]) -> str:
    """The fewest events whose whole interval is above the aim, and what is found without any."""
    four = n["multiples"].index(4)
    points = next(iter(n["books"].values()))
    sure = next(p for p in points if p["mean"][four] - p["half"][four] >= n["aim"])
    return (
        f"Spikes find {sure['mean'][four]:.3f} ± {sure['half'][four]:.3f} of the exact winners' mass at 4× candidates "
        f"with {sure['events']:.2f} synaptic events per (query, key). Resting potentials alone, with no event, find "
        f"{points[0]['mean'][four]:.3f}."
    )


def short(joules: dict[str, dict[str, float]]) -> str:
    """What the page finds, in a few lines."""
    sweep, heads_, chip, long = (read(n) for n in ("33_quality", "31_heads", "30_circuit", "bench/attention"))
    dense, race = joules["softmax"]["int8"], chip["candidates"]["4"]["mean"]
    cheap = joules["events (0.5, 4 candidates) and bundles"]["int8"]
    kinds = heads_["contexts"][str(heads_["context"])]["variants"]["all keys"]["heads"]
    ratios = {b: [h["ours"][0]["seconds"][b]["ratio"] for h in long["heads"]] for b in BARS}
    lines = [
        *sweep["words"][:2],
        found_by_events(read("26_event_codes")),
        f"One token's attention at 4,096 keys takes {write.si(dense, 'J')} with softmax in int8, "
        f"{write.si(joules['exact winners']['int8'], 'J')} with exact winners, {write.si(cheap, 'J')} with winners "
        "found by events and bundles of all others (circuit ledger, batch 1).",
        f"On this processor, over {long['heads'][0]['keys']:,} keys of real documents, ours is "
        f"{min(ratios['1']):.2g} to {max(ratios['1']):.2g} times as fast as the best dense attention at batch 1, "
        f"{min(ratios['64']):.2g} to {max(ratios['64']):.2g} times at batch 64.",
        f"The 99 % law holds for {kinds['obeys']} of {sum(kinds.values())} heads; {kinds['loses less']} lose less.",
        f"As a timed circuit the race keeps {race['async_race']['captured_mass']['mean']:.3f} of the best keys' mass "
        f"at {race['async_race']['synaptic_events_per_query_key']['mean']:.2f} events per (query, key).",
        "Recall from context needs no training; counting is beyond any few winners: see below.",
    ]
    return "\n".join(f"- {line}".replace("..", ".") for line in lines)


def encoder(n: dict[str, Any]) -> str:
    """MiniLM's similarities beside people's, by the share of keys read."""
    d = n["documents"]

    def value(x: list[float]) -> str:
        return f"{x[0]:.3f} ({x[1]:.3f} to {x[2]:.3f})"

    rows = [
        ("Lee-50", "share", "ρ with people", "difference to softmax", "ρ with softmax's similarities", "mass")
    ]
    rows.append(("softmax", "100 %", value(d["softmax"]["rho"]), "", "1", "100 %"))
    for name, points in d["rules"].items():
        for p in points:
            if p["share"] in (1, 10):
                mass = percent(p["captured_mass"], 0) if "captured_mass" in p else ""
                rows.append(
                    (
                        name,
                        f"{p['share']:g} %",
                        value(p["rho"]),
                        value(p["difference"]),
                        f"{p['agreement']:.3f}",
                        mass,
                    )
                )
    rows.append(("equal weights", "100 %", value(d["uniform"]["rho"]), value(d["uniform"]["difference"]),
                 f"{d['uniform']['agreement']:.3f}", ""))  # fmt: skip
    words = [("words", "form", "softmax", "1 winner", "difference")]
    for form, sets in n["words"].items():
        for name, found in sets.items():
            one = found["points"][0]
            words.append(
                (
                    name,
                    form.format("…"),
                    value(found["softmax"]["rho"]),
                    value(one["rho"]),
                    value(one["difference"]),
                )
            )
    low, mean, high = d["tokens"]
    lines = (
        f"{d['texts']} documents of {low} to {high} tokens ({mean:.0f} in the mean), {d['pairs']:,} pairs; a share "
        "of 1 % is one key or two. Intervals resample documents, or pairs of words.",
        "Ratings of documents are too coarse to call a rule lossless: similarities move far before they react.",
    )
    return f"{write.table(*rows)}\n\n{write.table(*words)}\n\n" + note(*lines, command="hdspike sim encoder")


BLOCKS = {
    "encoder": ("32_encoder", encoder),
    "quality": ("33_quality", quality),
    "codes": ("26_event_codes", codes),
    "heads": ("31_heads", heads),
    "circuit": ("30_circuit", circuit),
    "recall": ("27_recall", recall),
    "aggregation": ("28_aggregation", aggregation),
    "memory": ("29_sdm_softmax", memory),
    "scaling": ("bench/attention", scaling),
}


def blocks() -> dict[str, str]:
    """Every block of the page, from the committed figures' numbers."""
    joules = priced()
    return {name: make(read(figure)) for name, (figure, make) in BLOCKS.items()} | {
        "bills": bills(joules),
        "short": short(joules),
    }


def main(page: Path = write.ROOT / "docs" / "attention.md") -> None:
    write.fill(page, blocks())


if __name__ == "__main__":
    main()
