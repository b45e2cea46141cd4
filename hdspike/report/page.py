"""The report as one page that needs nothing outside itself."""

from importlib.resources import files
from typing import Any

from hdspike.idea import si
from hdspike.plot.energy import shares
from hdspike.report.energy import arranged, citations, verdict
from hdspike.report.figures import TITLES

__all__ = ["html", "quality_rows", "row_label"]


def quality_rows(numbers: dict[str, Any]) -> list[tuple[str, dict[str, float]]]:
    """What is compared, the main job first."""
    settings = numbers["settings"]
    weights = {"count": "weights by events counted", "rank": "weights by rank of firing"}[settings["weights"]]
    return [
        (f"spiking k-WTA, {settings['select']}, {weights}", numbers["quality"]),
        ("  its bundle unweighted (ablation)", numbers["ablations"]["unweighted"]),
        ("  its integer counters, no threshold (ablation)", numbers["ablations"]["counters"]),
        ("dense softmax over the same keys", numbers["baselines"]["softmax"]),
        ("backoff n-gram over the same memory", numbers["baselines"]["ngram"]),
        ("unigram", numbers["baselines"]["unigram"]),
    ]


def told_shares(components: dict[str, float]) -> str:
    """The shares of a bill's components, a number never apart from its sign."""
    return (shares(components, most=5) or ", ".join(components)).replace(" %", "\u00a0%")


def html(numbers: dict[str, Any], drawn: dict[str, str]) -> str:
    """The report as one page without any reference outside itself; ``drawn`` are the figures as SVG text."""
    from jinja2 import Environment, StrictUndefined

    source = (files("hdspike") / "templates" / "report.html.j2").read_text(encoding="utf-8")
    page = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    page.filters["joules"] = lambda value: si(value, "J")
    page.filters["shares"] = told_shares
    bills = arranged(numbers)
    cited = citations(bills)
    notes: dict[str, list[str]] = {}
    for bill in bills:
        for note in bill["notes"]:
            notes.setdefault(note, []).append(f"{bill['label']} ({bill['ledger']})")
    return page.from_string(source).render(
        n=numbers,
        quality=quality_rows(numbers),
        figures=[(name, title, drawn[name][drawn[name].index("<svg") :]) for name, title in TITLES.items()],
        bills=bills,
        cited=cited,
        numbered=lambda bill: sorted({cited[source] for source in bill["sources"]}),
        notes=notes,
        label=row_label,
        verdict=verdict(numbers),
    )


def row_label(rule: str) -> str:
    """What a row of the agreement compares, in words."""
    return {
        "race_async": "race, asynchronous chip against functional",
        "race_async_quiet": "race, asynchronous chip without load against functional",
        "race_congestion": "race, asynchronous chip with load against without",
    }.get(rule, f"{rule}, barrier against functional")
