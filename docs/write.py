"""Write every number and picture that the documentation shows: run by `make figures`, after the sims.

Blocks between `<!-- numbers:NAME -->` and `<!-- end -->` are replaced; nothing else is touched.
"""

import re
from pathlib import Path
from typing import Any

from hdspike import report, sim
from hdspike.files import write_text
from hdspike.run import run, si
from hdspike.task import Settings

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
    spiking, single = energy["loihi"]["nominal"], energy["a100_circuit_int8"]["nominal"]
    batched = energy["a100_circuit_int8_batch64"]["nominal"]
    winner = "the dense side wins" if batched < spiking else "the spiking side wins"
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
        f"One query at a time, the chip needs {si(spiking, 'J')} where the int8 twin needs {si(single, 'J')} "
        f"(circuit ledger): moving the keys is the bill. With 64 queries sharing each fetch the twin needs "
        f"{si(batched, 'J')}: {winner}.",
        f"{update:.0f} % of the chip's energy is neuron updates, not synaptic events: idle neurons are paid at "
        f"every step of the ramp.",
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
    fill(ROOT / "docs" / "decisions.md", {"places": places(n)})


if __name__ == "__main__":
    main()
