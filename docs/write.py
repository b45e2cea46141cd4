"""Write every number and picture that the documentation shows: run by `make figures`, after the sims and `make bench`.

Blocks between `<!-- numbers:NAME -->` and `<!-- end -->` are replaced; nothing else is touched.
"""

import json
import re
from pathlib import Path
from typing import Any

import numpy as np

from hdspike import datasets, report, sim, substrate
from hdspike.datasets import registry, store
from hdspike.files import write_text
from hdspike.idea import si
from hdspike.learn import compare
from hdspike.run import Result, run
from hdspike.task import Settings
from hdspike.workloads import job

ROOT = Path(__file__).resolve().parent.parent
PLACES = (7, 60_000, 120_000, 240_000, 350_000)


def table(*rows: tuple[str, ...]) -> str:
    """Rows as a Markdown table, the first one its head."""
    head, *body = rows
    lines = ["| " + " | ".join(row) + " |" for row in (head, tuple("---" for _ in head), *body)]
    return "\n".join(lines)


def idea(numbers: dict[str, Any]) -> str:
    """The five rows, each cell a count of the run."""
    rows = [("", f"dense transformer ({numbers['dense']['dim']} dimensions)", "brain-like, simulated")]
    rows += [(f"**{r['row']}**", r["dense"], r["spiking"]) for r in numbers["idea"]]
    return table(*rows)


def quality(numbers: dict[str, Any]) -> str:
    """Top-1 and bits per character."""
    rows = [("next character", "top-1", "bits/char")]
    rows += [
        (name.strip(), f"{q['top1']:.3f}", f"{q['bits_per_char']:.2f}")
        for name, q in report.quality_rows(numbers)
    ]
    return table(*rows)


def says(n: dict[str, Any], dense_code: dict[str, Any]) -> str:
    """The findings in words, with the numbers of the runs in them."""
    energy, attention, races = n["energy"], n["attention"], n["agreement"]["race_congestion"]
    cost = {name: bill["nominal"] for name, bill in energy.items()}
    spiking, single = cost["loihi"], cost["a100_circuit_int8"]
    cheapest = min(cost["loihi"], cost["loihi_race"], cost["loihi_threshold"])
    machines = [b for b in energy.values() if b["ledger"] == "circuit" and not b["label"].startswith("brain")]
    least = min(machines, key=lambda bill: bill["nominal"])
    rivals = [bill["nominal"] for bill in machines if bill["label"].startswith("dense")]
    winner = "the dense side wins" if min(rivals) < cheapest else "the spiking side wins"
    gap = n["quality"]["bits_per_char"] - n["baselines"]["softmax"]["bits_per_char"]
    update = 100 * energy["loihi"]["components"]["update"] / spiking
    agreed = " + ".join(f"{n['agreement'][rule]['compared']:,}" for rule in ("exact", "race", "threshold"))
    dense_events = dense_code["attention"]["synaptic_events_per_query_key"]
    lines = [
        f"The winners carry {100 * attention['nonzero_fraction']:.2f} % of the cells, but "
        f"{100 * attention['touched_fraction']:.1f} % are touched, at "
        f"{attention['synaptic_events_per_query_key']:.2f} synaptic events per (query, key). With dense binary "
        f"vectors every cell is touched ({dense_events:,.0f} events each).",
        f"It predicts as often right as softmax over the same keys ({n['quality']['top1']:.3f} against "
        f"{n['baselines']['softmax']['top1']:.3f}) and is worse at probabilities ({gap:+.2f} bits per "
        f"character). A plain backoff n-gram over the same memory beats both "
        f"({n['baselines']['ngram']['top1']:.3f}, {n['baselines']['ngram']['bits_per_char']:.2f} bits).",
        f"One query at a time in the circuit ledger, keys fetched anew, the int8 twin needs {si(single, 'J')}; the "
        f"chip needs {si(spiking, 'J')} by the exact rule, {si(cost['loihi_race'], 'J')} by a race, "
        f"{si(cost['loihi_threshold'], 'J')} by a threshold. Where 64 queries share a fetch the twin needs "
        f"{si(cost['a100_circuit_int8_batch64'], 'J')}, and with its keys kept on the chip, as the spiking side's "
        f"are, {si(cost['a100_circuit_int8_resident'], 'J')}; the quantised twin of the run needs "
        f"{si(cost['a100_circuit_qnn'], 'J')}: {winner}. Cheapest in that ledger: {least['label']}, "
        f"{si(least['nominal'], 'J')}.",
        f"{update:.0f} % of the exact rule's energy is neuron updates, not synaptic events: idle neurons are paid "
        f"at every step of the ramp, {attention['updates_per_query_key']:.0f} times per (query, key).",
        f"Under a barrier both runners choose the same winners ({agreed} compared, 0 differ). Without one, "
        f"congestion decides {races['queries_differing']} of {races['queries']} races differently.",
    ]
    made = "*Written by `make figures` from `hdspike run` and `hdspike run --space bsc`. An estimate is an estimate.*"
    return "\n".join(f"- {line}" for line in lines) + f"\n\n{made}"


def places(at_end: dict[str, Any]) -> str:
    """Accuracy of the default run with its memory elsewhere in the text."""
    rows = [("`--start`", "spiking top-1", "softmax top-1", "touched", "events per (query, key)")]
    found = [(start, run(Settings(start=start)).numbers) for start in PLACES]
    for start, n in [*found, (at_end["data"]["start"], at_end)]:
        rows.append(
            (
                f"{start:,}",
                f"{n['quality']['top1']:.3f}",
                f"{n['baselines']['softmax']['top1']:.3f}",
                f"{100 * n['attention']['touched_fraction']:.1f} %",
                f"{n['attention']['synaptic_events_per_query_key']:.2f}",
            )
        )
    return table(*rows) + "\n\n*`hdspike run --start …`, the last row is the default.*"


def theta(result: Result) -> str:
    """What a θ calibrated to the mean would have been, on the same development queries."""
    potentials = result.layer.potentials(result.task.vectors["development"])
    top, k = result.task.space.top_score, result.task.k
    reached = np.array([np.count_nonzero(potentials >= t, axis=1) for t in range(1, top + 2)])
    gap = np.abs(reached.mean(axis=1) - k)
    by_mean = len(gap) - int(np.argmin(gap[::-1]))
    rows = [("θ", "", "mean at θ", "median at θ", "queries that reach none")]
    for value, name in (
        (result.layer.theta or 1, "by the median"),
        (top, "a complete match"),
        (by_mean, "by the mean"),
    ):
        count = reached[value - 1]
        silent = f"{100 * np.mean(count == 0):.0f} %"
        rows.append((str(value), name, f"{count.mean():.1f}", f"{np.median(count):g}", silent))
    where = f"{potentials.shape[0]} development queries over {potentials.shape[1]:,} keys, k = {k}"
    return table(*rows) + f"\n\n*{where}; {top} is the highest score there is.*"


def languages(n: dict[str, Any]) -> str:
    """What the sim of the languages found."""
    result, plain, root = n["result"], n["counts"]["count"]["3"], n["counts"]["√count"]["3"]
    shares = [100 * right / result["trials"] for right in result["right_by_seed"]]
    models = {
        "exact trigram counts, cosine": plain,
        "exact √counts, cosine": root,
        f"binary vectors, D = {n['dim']:,}": result,
    }
    rows = [("model", "right", "of", "bytes")]
    rows += [
        (name, str(m["right"]), f"{m['trials']:,}", f"{m['model_bytes']:,}") for name, m in models.items()
    ]
    mean = sum(shares) / len(shares)
    note = f"Binary vectors, over the seeds of the letters: {mean:.2f} % ({min(shares):.2f} to {max(shares):.2f} %)."
    return f"{table(*rows)}\n\n*{note} The table shows the initial seed.*"


def spent(seconds: float) -> str:
    """A time in the unit that fits it."""
    unit, scale = next(
        (u, s)
        for u, s in (("s", 1), ("ms", 1e3), ("µs", 1e6), ("ns", 1e9), ("ps", 1e12))
        if seconds * s >= 0.9995
    )
    return f"{seconds * scale:.3g} {unit}"


def bench(rows: list[dict[str, Any]]) -> str:
    """Every kernel beside its peers, as measured by `make bench`."""
    lines = [("kernel", "size", "peer", "ours", "peer's", "ratio", "asked", "GB/s", "time ÷ bound")]
    for r in rows:
        asked = (
            "" if r["bar"] is None else f"≥ {r['bar']:g}" + ("" if r["ratio"] >= r["bar"] else ", **missed**")
        )
        lines.append(
            (r["workload"], r["size"], r["peer"], spent(r["ours_s"]), spent(r["peer_s"]), f"{r['ratio']:.3g}×", asked,
             f"{r['gbs']:.3g}", f"{r['bound_ratio']:.2f} of {r['bound']}")
        )  # fmt: skip
    return (
        table(*lines)
        + "\n\n*Medians of paired runs on two cores, `make bench`. A ratio above 1 says that we are faster.*"
    )


def bench_short(rows: list[dict[str, Any]]) -> str:
    """One line per kernel and size: how many times faster than each peer."""
    found: dict[tuple[str, str], list[dict[str, Any]]] = {}
    for r in rows:
        if "majority" not in r["peer"]:  # those compare our own forms with each other
            found.setdefault((r["workload"], r["size"]), []).append(r)
    lines = [("kernel", "size", "time", "times as fast as")]
    for (workload, size), group in found.items():
        peers = ", ".join(f"{r['peer']} {r['ratio']:.{2 if r['ratio'] < 10 else 0}f}" for r in group)
        lines.append((workload, size, spent(group[0]["ours_s"]), peers))
    return (
        table(*lines)
        + "\n\n*`make bench`, medians of paired runs; bounds and bars in [docs/bits.md](docs/bits.md).*"
    )


def chip_bench(rows: list[dict[str, Any]]) -> str:
    """The chip and its runners beside their peers, as measured by `make bench`."""
    lines = [("workload", "size", "peer", "ours", "peer's", "ratio", "asked", "per second", "time ÷ bound")]
    for r in rows:
        asked = [
            f"≥ {r['bar']:g}" + (f", aim {r['aim']:g}" if r["aim"] else "") if r["bar"] is not None else ""
        ]
        if r["ratio"] is not None and r["bar"] is not None and r["ratio"] < r["bar"]:
            asked.append("**missed**")
        if r["peer"] and r["ratio"] is None:
            asked.append("peer absent")
        lines.append(
            (r["workload"], r["size"], r["peer"], spent(r["ours_s"]), "" if r["peer_s"] is None else spent(r["peer_s"]),
             "" if r["ratio"] is None else f"{r['ratio']:.3g}×", ", ".join(a for a in asked if a),
             f"{r['rate'] / 1e6:.3g} M {r['unit']}", f"{r['bound_ratio']:.3g} of {r['bound']}")
        )  # fmt: skip
    return (
        table(*lines) + "\n\n*Medians of paired runs, `make bench`. A ratio above 1 says that we are faster.*"
    )


def gesture(golden: dict[str, Any]) -> str:
    """The DVS network on the chip beside SANA-FE's numbers, run here and now."""
    made = job.load("dvs-gesture", chip="loihi-sanafe", cores=(1, 4, 16, 16, 4, 1), steps=1000)
    ours = {noc: job.numbers(made, *job.run(made, noc=noc, max_spikes=0)) for noc in ("simple", "exact")}
    (theirs,) = (g for g in golden["gesture"] if g["cores"] == "1,4,16,16,4,1" and g["steps"] == 1000)
    rows = [("1000 steps on 42 cores", "hdspike", "SANA-FE 2.2.9", "relative difference")]
    simple = ours["simple"]
    for name in ("fired", "packets", "synaptic_events", "updates", "hops"):
        difference = f"{simple[name] - theirs[name]}"
        rows.append((name.replace("_", " "), f"{simple[name]:,}", f"{theirs[name]:,}", difference))
    for name in ("total", "synapse", "soma", "network"):
        one, other = simple["energy"][name], theirs["energy"][name]
        rows.append((f"energy, {name}", f"{one:.9e} J", f"{other:.9e} J", f"{abs(one / other - 1):.0e}"))
    one, other = simple["simulated_s"], theirs["simulated_s"]
    rows.append(
        ("time, `simple`", f"{1e3 * one:.6f} ms", f"{1e3 * other:.6f} ms", f"{abs(one / other - 1):.0e}")
    )
    one, other = ours["exact"]["simulated_s"], theirs["detailed_s"]
    label = "time, `exact` beside its `detailed`"
    rows.append((label, f"{1e3 * one:.3f} ms", f"{1e3 * other:.3f} ms", f"{one / other - 1:+.1%}"))
    return table(*rows) + (
        "\n\n*Written by `make figures`, which runs the command above with both networks-on-chip. SANA-FE's `detailed` "
        "time differs by up to 1 % from run to run; its `simple` time and all counts do not. Sim `dvs_energy` says "
        "which effects explain the difference to `exact`.*"
    )


def million(n: dict[str, Any]) -> str:
    """A memory of a million items, step by step."""
    rows = [
        (f"{n['items']:,} items of {n['dim']:,} bits", "time", "memory"),
        ("draw", spent(n["build_s"]), f"{n['build_mb']:,.0f} MB"),
        ("save", spent(n["save_s"]), f"file of {n['file_mb']:,.0f} MB"),
        ("open, memory-mapped, in a fresh process", spent(n["open_s"]), f"{n['open_mb']:.2f} MB"),
        ("10 nearest of one query, pages coming in", spent(n["query_first_s"]), ""),
        ("10 nearest of one query", spent(n["query_s"]), ""),
        (
            "10 nearest of 64 queries",
            spent(n["queries_64_s"]),
            f"{n['right_of_64']} of 64 right at 30 % flipped bits",
        ),
    ]
    return table(*rows) + "\n\n*`python benchmarks/million.py`.*"


def ledgers() -> str:
    """Which substrate is of which ledger, by kind."""
    sheets = [substrate.load(name) for name in substrate.available()]
    kinds = list(dict.fromkeys(sheet.kind for sheet in sheets if sheet.kind != "table"))
    rows = [("kind", *substrate.LEDGERS)]
    for kind in kinds:
        cells = (
            ", ".join(f"`{s.name}`" for s in sheets if (s.kind, s.ledger) == (kind, ledger))
            for ledger in substrate.LEDGERS
        )
        rows.append((kind, *cells))
    return table(*rows)


def fill(path: Path, blocks: dict[str, str]) -> None:
    """Replace the named blocks of one file."""
    text = path.read_text(encoding="utf-8")
    for name, block in blocks.items():
        pattern = re.compile(rf"(<!-- numbers:{name} -->\n).*?(<!-- end -->)", re.DOTALL)
        if len(pattern.findall(text)) != 1:
            raise ValueError(f"{path} must have exactly one block named {name}")
        text = pattern.sub(lambda m, block=block: f"{m[1]}{block}\n{m[2]}", text)
    write_text(path, text)


def main() -> None:
    """Run the main job in both codes, and fill every block."""
    folder = ROOT / "figures" / "run"
    folder.mkdir(parents=True, exist_ok=True)
    result = run(Settings())
    report.write(result, folder)
    (folder / "report.html").unlink()  # the page repeats the figures; a reader makes their own
    n = result.numbers
    data = n["data"]
    python = n["versions"]["python"]
    size = f"{data['queries']:,} queries over {data['keys']:,} keys of {data['source']} (Python {python})"
    run_block = (
        f"{idea(n)}\n\n{quality(n)}\n\n*{size}, seed {n['seed']}, `hdspike run`; written by `make figures`.*"
    )
    sims = "\n".join(f"| `hdspike sim {name}` | {sim.question(name)} |" for name in sim.available())
    dense_code = run(Settings(space="bsc")).numbers
    fill(ROOT / "README.md", {"run": run_block, "says": says(n, dense_code), "sims": sims})
    fill(ROOT / "docs" / "decisions.md", {"places": places(n), "theta": theta(result)})
    fill(ROOT / "docs" / "energy.md", {"ledgers": ledgers(), "constants": substrate.markdown()})
    fill(ROOT / "docs" / "data.md", {"sets": registry.markdown()})
    fill(ROOT / "docs" / "learners.md", {"learners": compare.markdown(compare.compare(datasets.load))})
    benched = ROOT / "figures" / "bench"
    found = {name: json.loads((benched / f"{name}.json").read_text("utf-8")) for name in ("bits", "million")}
    fill(ROOT / "README.md", {"bench": bench_short(found["bits"])})
    fill(ROOT / "docs" / "bits.md", {"bench": bench(found["bits"]), "million": million(found["million"])})
    chip = benched / "chip.json"
    if chip.exists():  # its peers and data are not on every machine
        fill(ROOT / "docs" / "chip.md", {"chip-bench": chip_bench(json.loads(chip.read_text("utf-8")))})
    if store.present(datasets.available()["dvs-gesture"]):
        golden = json.loads((ROOT / "tests" / "golden" / "sanafe.json").read_text("utf-8"))
        fill(ROOT / "docs" / "chip.md", {"chip-dvs": gesture(golden)})
    measured = ROOT / "figures" / "08_languages.json"
    if measured.exists():  # its sim is skipped where the data has not been fetched
        fill(ROOT / "docs" / "data.md", {"languages": languages(json.loads(measured.read_text("utf-8")))})


if __name__ == "__main__":
    main()
