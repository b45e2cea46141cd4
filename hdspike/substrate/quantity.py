"""One number with its unit, range and source, and the chip or table of costs that holds it."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

__all__ = ["FORMAT", "HEADER", "KINDS", "LEDGERS", "UNITS", "Quantity", "Substrate"]

FORMAT = 1
"""The version of the format, in TOML and in JSON."""
HEADER = ("name", "title", "kind", "node", "ledger", "notes")
LEDGERS = ("circuit", "path", "board")
KINDS = ("neuromorphic", "processor", "static", "memory", "brain", "measured", "table")
"""Events; operands fetched; a static schedule beside its memory; arrays that compute; the brain; what
``benchmarks/gpu_energy.py`` measured; constants that price no counter."""

UNITS: dict[str, tuple[str, float]] = {
    "1": ("count", 1.0),
    "bit": ("information", 1.0),
    "byte": ("information", 8.0),
    "ps": ("time", 1e-12),
    "ns": ("time", 1e-9),
    "us": ("time", 1e-6),
    "ms": ("time", 1e-3),
    "s": ("time", 1.0),
    "fJ": ("energy", 1e-15),
    "pJ": ("energy", 1e-12),
    "nJ": ("energy", 1e-9),
    "uJ": ("energy", 1e-6),
    "mJ": ("energy", 1e-3),
    "J": ("energy", 1.0),
    "fJ/bit": ("energy per bit", 1e-15),
    "pJ/bit": ("energy per bit", 1e-12),
    "nJ/bit": ("energy per bit", 1e-9),
    "nW": ("power", 1e-9),
    "uW": ("power", 1e-6),
    "mW": ("power", 1e-3),
    "W": ("power", 1.0),
    "op/s": ("rate", 1.0),
    "Gop/s": ("rate", 1e9),
    "Top/s": ("rate", 1e12),
    "byte/s": ("bandwidth", 1.0),
    "Gbyte/s": ("bandwidth", 1e9),
    "Tbyte/s": ("bandwidth", 1e12),
}
"""Every unit a file may use: name → (kind, factor to SI: bits for information, byte/s for bandwidth)."""


@dataclass(frozen=True)
class Quantity:
    """One number of a file: ``value`` in ``unit``, its 5th and 95th percentile, its source."""

    key: str
    value: float
    unit: str
    low: float
    high: float
    node: str
    ledger: str
    source: str
    verified: bool
    includes_leakage: bool = False

    @property
    def factor(self) -> float:
        """What ``value``, ``low`` and ``high`` are multiplied by to be in SI."""
        return UNITS[self.unit][1]

    @property
    def si(self) -> float:
        """The value in SI: s, J, J/bit, W, op/s, byte/s; sizes of memories in bits."""
        return self.value * self.factor

    @property
    def citation(self) -> str:
        """The source without the explanation that follows its first semicolon."""
        return self.source.split(";", 1)[0].strip()

    @property
    def how(self) -> str:
        """What follows the first semicolon of the source: how the number was got from what is cited."""
        return self.source.partition(";")[2].strip()

    @property
    def standing(self) -> str:
        """``verified``, or what the source says of it: ``derived``, ``recalled``, ``assumed``; else ``unverified``."""
        if self.verified:
            return "verified"
        said = re.findall(r"\((derived|recalled|assumed)\)", self.source)
        return " and ".join(dict.fromkeys(said)) or "unverified"

    def as_json(self) -> dict[str, Any]:
        """The nine fields, resolved: what a file leaves out stands here as it is read."""
        fields = ("value", "unit", "low", "high", "node", "source", "verified", "includes_leakage", "ledger")
        return {name: getattr(self, name) for name in fields}


@dataclass(frozen=True)
class Substrate:
    """A checked substrate. Quantities are asked for as ``"table.key"``, for example ``"timing.packet"``."""

    name: str
    title: str
    kind: str
    node: str
    ledger: str
    notes: str
    quantities: Mapping[str, Quantity]

    def has(self, key: str) -> bool:
        """Whether the substrate states ``key``."""
        return key in self.quantities

    def quantity(self, key: str) -> Quantity:
        """The entry ``"table.key"``; ``ValueError`` names those of the same table if it is not there."""
        if key not in self.quantities:
            table = str(key).split(".", 1)[0]
            known = [name for name in self.quantities if name.startswith(f"{table}.")]
            raise ValueError(
                f"key must be a quantity of the substrate {self.name!r}, one of "
                f"{', '.join(known or self.quantities)}, got {key!r}"
            )
        return self.quantities[key]

    def si(self, key: str) -> float:
        """The value of ``"table.key"`` in SI units."""
        return self.quantity(key).si

    def priced(self) -> tuple[str, ...]:
        """The counters for which the substrate states an energy."""
        return tuple(key.split(".", 1)[1] for key in self.quantities if key.startswith("energy."))

    def as_json(self) -> dict[str, Any]:
        """The substrate as JSON's own types: ``format``, the header, ``quantities`` (``"table.key"`` → nine fields)."""
        header = {name: getattr(self, name) for name in HEADER}
        quantities = {key: quantity.as_json() for key, quantity in self.quantities.items()}
        return {"format": FORMAT, **header, "quantities": quantities}
