"""Models known by name: a TOML file each in ``models/``, with the publisher's figures and what they leave unsaid."""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from hdspike.sparsity.parameters.architecture import Architecture
from hdspike.sparsity.parameters.config import architecture, convention
from hdspike.sparsity.parameters.count import CONVENTIONS, count

__all__ = ["Model", "available", "find"]

FOLDER = Path(__file__).resolve().parent / "models"


@dataclass(frozen=True)
class Model:
    """A published model: ``total`` and ``active`` in the publisher's words, ``notes`` on what does not agree.

    ``convention``: how the publisher counts active parameters, as far as that can be told.
    """

    name: str
    title: str
    publisher: str
    source: str
    total: str
    active: str
    notes: tuple[str, ...]
    model_type: str
    convention: str
    architecture: Architecture
    aliases: tuple[str, ...] = ()


def _model(name: str, document: Mapping[str, Any]) -> Model:
    config = document["config"]
    family = config["model_type"]
    counted = document.get("convention", convention(family))
    if counted not in CONVENTIONS:
        raise ValueError(f"{name}: convention must be one of {', '.join(CONVENTIONS)}, got {counted!r}")
    return Model(
        name=name,
        title=document["title"],
        publisher=document["publisher"],
        source=document["source"],
        total=document["total"],
        active=document["active"],
        notes=tuple(document["notes"]),
        model_type=family,
        convention=counted,
        architecture=architecture(config),
        aliases=tuple(document.get("aliases", ())),
    )


@cache
def available() -> Mapping[str, Model]:
    """The models by name: the smallest share of active parameters before the others, then the largest."""
    models = []
    for path in FOLDER.glob("*.toml"):
        with path.open("rb") as file:
            models.append(_model(path.stem, tomllib.load(file)))
    return {model.name: model for model in sorted(models, key=_order)}


def _order(model: Model) -> tuple[float, int]:
    counted = count(model.architecture)
    return counted.active[model.convention] / counted.total, -counted.total


def find(name: str) -> Model:
    """The model called ``name``, or by an alias.

    Raises ``ValueError``: there is none.
    """
    for model in available().values():
        if name in (model.name, *model.aliases):
            return model
    known = (word for model in available().values() for word in (model.name, *model.aliases))
    raise ValueError(f"NAME must be a .json file or one of {', '.join(known)}, got {name!r}")
