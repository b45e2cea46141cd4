"""Reads one substrate file and checks it, rule by rule: each broken one is named with its file, key and value."""

import math
import re
import tomllib
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType
from typing import Any

from hdspike.substrate.quantity import FORMAT, HEADER, KINDS, LEDGERS, UNITS, Quantity, Substrate
from hdspike.vocabulary import COUNTERS

__all__ = ["FOLDER", "TABLES", "available", "load"]

TABLES: dict[str, tuple[str, ...]] = {
    "topology": ("count", "information"),
    "timing": ("time",),
    "energy": ("energy", "energy per bit"),
    "power": ("power",),
    "peak": ("rate", "bandwidth"),
    "errors": ("count",),
}
INHERITED = ("topology", "timing", "peak", "errors")  # what does not depend on the ledger
POWERS = ("static", "board", "idle", "full")
REQUIRED = ("value", "unit", "source", "verified")
OPTIONAL = ("low", "high", "node", "includes_leakage", "ledger")
LARGEST_FILE = 256 * 1024
FOLDER = Path(__file__).resolve().parent.parent / "substrates"


def available() -> list[str]:
    """The names of the substrates that come with the package."""
    return sorted(path.stem for path in FOLDER.glob("*.toml"))


def load(name_or_path: str | Path) -> Substrate:
    """Read and check one substrate: a shipped name (``"loihi"``) or the path of a ``.toml`` file.

    ``inherits = "NAME"`` takes topology, timing, peak and errors from a *shipped* file (never its energies or
    powers, which belong to a ledger), one level deep; an own entry wins over an inherited one. Nothing of
    the file is executed.

    Raises ``ValueError``: an unknown name, a file that is missing, larger than 256 KiB or not TOML, and
    every broken rule of the format with the file, the key, the rule and the value received.
    """
    if not isinstance(name_or_path, str | Path):
        raise TypeError(f"name_or_path must be a name or a path, not {type(name_or_path).__name__}")
    if isinstance(name_or_path, str) and name_or_path in available():
        path = FOLDER / f"{name_or_path}.toml"
    elif Path(name_or_path).suffix == ".toml":
        path = Path(name_or_path)
    else:
        raise ValueError(
            f"substrate must be a .toml file or one of {', '.join(available())}, got {str(name_or_path)!r}"
        )
    document = _read(path)
    parent = document.pop("inherits", None)
    inherited: dict[str, Quantity] = {}
    if parent is not None:
        if not isinstance(parent, str) or parent not in available():
            raise _broken(path, "inherits", f"must be one of {', '.join(available())}", parent)
        above = _read(FOLDER / f"{parent}.toml")
        if "inherits" in above:
            raise _broken(path, "inherits", "must name a substrate that inherits nothing itself", parent)
        whole = _check(path.with_name(f"{parent}.toml"), above)
        inherited = {k: q for k, q in whole.quantities.items() if k.split(".", 1)[0] in INHERITED}
    return _check(path, document, inherited)


def _broken(path: Path, key: str, rule: str, value: Any) -> ValueError:
    shown = repr(value)
    return ValueError(f"{path.name}: {key} {rule}, got {shown if len(shown) <= 80 else shown[:77] + '...'}")


def _read(path: Path) -> dict[str, Any]:
    """The bare document, or ``ValueError``."""
    if not path.is_file():
        raise ValueError(f"substrate must be an existing file, got {str(path)!r}")
    with path.open("rb") as file:
        data = file.read(LARGEST_FILE + 1)
    if len(data) > LARGEST_FILE:
        raise ValueError(f"{path.name}: the file must be at most {LARGEST_FILE} bytes, got more")
    try:
        document = tomllib.loads(data.decode("utf-8"))
    except (ValueError, RecursionError) as error:  # bad UTF-8, bad TOML, absurd integers, absurd nesting
        reason = str(error) or type(error).__name__
        raise ValueError(f"{path.name}: the file must be TOML in UTF-8, got: {reason[:200]}") from error
    version = document.pop("format", None)
    if type(version) is not int or version != FORMAT:  # True is 1, and no version
        raise _broken(path, "format", f"must be {FORMAT}, the version of the format", version)
    return document


def _check(
    path: Path, document: dict[str, Any], inherited: Mapping[str, Quantity] | None = None
) -> Substrate:
    """The rules of the format, one by one."""
    for key in HEADER:
        if key not in document:
            raise _broken(path, key, "must be given", "nothing")
        if not isinstance(document[key], str) or not document[key].strip():
            raise _broken(path, key, "must be a text", document[key])
        if not _printable(document[key], also="\n\t" if key == "notes" else ""):
            raise _broken(path, key, "must hold no control characters", document[key])
    for key in document:
        if key not in HEADER and key not in TABLES:
            raise _broken(path, key, f"must be one of {', '.join((*HEADER, 'inherits', *TABLES))}", key)
    if not re.fullmatch(r"[a-z0-9][a-z0-9-]*", document["name"]):
        raise _broken(path, "name", "must be lower-case letters, digits and hyphens", document["name"])
    if document["kind"] not in KINDS:
        raise _broken(path, "kind", f"must be one of {', '.join(KINDS)}", document["kind"])
    if document["ledger"] not in LEDGERS:
        raise _broken(path, "ledger", f"must be one of {', '.join(LEDGERS)}", document["ledger"])

    # a size, a time or a rate belongs to no ledger: an inherited one is shown in that of the file
    quantities = {key: replace(q, ledger=document["ledger"]) for key, q in (inherited or {}).items()}
    for table in TABLES:
        entries = document.get(table, {})
        if not isinstance(entries, dict):
            raise _broken(path, table, "must be a table", entries)
        for name, entry in entries.items():
            quantity = _entry(path, document, table, name, entry)
            quantities[quantity.key] = quantity

    energies = [q for key, q in quantities.items() if key.startswith("energy.")]
    if "power.static" in quantities:
        for quantity in energies:
            if quantity.includes_leakage:
                rule = "must not include leakage in a file that has power.static: it would be charged twice"
                raise _broken(path, quantity.key, rule, quantity.includes_leakage)
    if "power.board" in quantities and (energies or "power.static" in quantities):
        raise _broken(path, "power.board", "must stand alone: it holds all other energies", "more")
    if "power.board" in quantities and document["ledger"] != "board":
        raise _broken(path, "power.board", "must be in a file of the board ledger", document["ledger"])
    header = {key: document[key] for key in HEADER}
    return Substrate(**header, quantities=MappingProxyType(quantities))


def _entry(path: Path, header: Mapping[str, Any], table: str, name: str, entry: Any) -> Quantity:
    """One entry of one table."""
    key = f"{table}.{name}"
    if not re.fullmatch(r"[a-z][a-z0-9_]*", name):
        raise _broken(path, key, "must be lower-case letters, digits and underscores", name)
    if table == "power" and name not in POWERS:
        raise _broken(path, key, f"must be one of {', '.join(POWERS)}", name)
    counter = table == "energy" and header["kind"] != "table"
    if counter and name not in COUNTERS:
        raise _broken(path, key, "must be a counter of the vocabulary", name)
    if not isinstance(entry, dict):
        raise _broken(path, key, "must be a table with a value, a unit and a source", entry)
    uncertain = table in ("energy", "power")
    for field in (*REQUIRED, *(("low", "high") if uncertain else ())):
        if field not in entry:
            raise _broken(path, f"{key}.{field}", "must be given", "nothing")
    for field in entry:
        if field not in REQUIRED and field not in OPTIONAL:
            raise _broken(path, f"{key}.{field}", f"must be one of {', '.join(REQUIRED + OPTIONAL)}", field)

    unit = entry["unit"]
    if not isinstance(unit, str) or unit not in UNITS:
        raise _broken(path, f"{key}.unit", f"must be one of {', '.join(UNITS)}", unit)
    kind = UNITS[unit][0]
    if kind not in TABLES[table]:
        raise _broken(path, f"{key}.unit", f"must be a unit of {' or '.join(TABLES[table])}", unit)
    if counter and (kind == "energy per bit") != name.endswith(("_bits", "_bits_written")):
        raise _broken(path, f"{key}.unit", "must be per bit for a counter of bits, and for no other", unit)

    value = _number(path, f"{key}.value", entry["value"])
    low = _number(path, f"{key}.low", entry.get("low", entry["value"]))
    high = _number(path, f"{key}.high", entry.get("high", entry["value"]))
    if low > value:
        raise _broken(path, f"{key}.low", f"must be at most the value {value:g}", low)
    if high < value:
        raise _broken(path, f"{key}.high", f"must be at least the value {value:g}", high)
    if uncertain and low == 0.0 and high > 0.0:
        raise _broken(path, f"{key}.low", "must be above 0 (ranges are read on a logarithmic axis)", low)
    if table == "topology" and not value.is_integer():
        raise _broken(path, f"{key}.value", "must be a whole number", value)
    if table == "errors" and high > 1.0:
        raise _broken(path, f"{key}.value", "must be a probability of at most 1, its high too", high)
    if table == "peak" and low == 0.0:
        raise _broken(path, f"{key}.value", "must be above 0", low)

    for field in ("verified", "includes_leakage"):
        if not isinstance(entry.get(field, False), bool):
            raise _broken(path, f"{key}.{field}", "must be true or false", entry[field])
    for field in ("source", "node"):
        if not isinstance(entry.get(field, "-"), str) or not entry.get(field, "-").strip():
            raise _broken(path, f"{key}.{field}", "must be a text", entry[field])
        if not _printable(entry.get(field, "-")):
            raise _broken(path, f"{key}.{field}", "must hold no control characters", entry[field])
    if not entry["source"].partition(";")[0].strip():
        raise _broken(path, f"{key}.source", "must begin with a citation", entry["source"])
    ledger = entry.get("ledger", header["ledger"])
    if ledger != header["ledger"]:
        raise _broken(path, f"{key}.ledger", f"must be the file's ledger {header['ledger']!r}", ledger)
    return Quantity(
        key,
        value,
        unit,
        low,
        high,
        node=entry.get("node", header["node"]),
        ledger=ledger,
        source=entry["source"],
        verified=entry["verified"],
        includes_leakage=entry.get("includes_leakage", False),
    )


def _printable(text: str, *, also: str = "") -> bool:
    """Whether a terminal would show ``text`` as it is: a file of somebody else's may not move the cursor."""
    return all(letter.isprintable() or letter in also for letter in text)


def _number(path: Path, key: str, value: Any) -> float:
    """A finite number of at least 0."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise _broken(path, key, "must be a number", value)
    try:
        number = float(value)
    except OverflowError:
        number = math.inf
    if not math.isfinite(number) or number < 0.0:
        raise _broken(path, key, "must be a finite number of at least 0", value if number < 0.0 else number)
    return number
