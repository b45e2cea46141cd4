"""Simulation scripts: one script = one question = one figure + its numbers.

A sim is a file ``sims/NN_name.py`` with a docstring that states the question and its caveats, a function
``simulate(*, quick, seed) -> dict`` of plain numbers, and ``draw(numbers) -> Figure`` that draws from these
numbers alone. It runs as a script and as ``hdspike sim NAME``, and writes ``NN_name.json`` and ``.svg``. One that also
has ``animate(numbers) -> str``, the text of a moving SVG without scripts, writes ``NN_name.animated.svg`` too.
"""

import argparse
import ast
import importlib.util
import json
from pathlib import Path
from types import ModuleType
from typing import Any

from hdspike import check
from hdspike.datasets import Absent
from hdspike.files import write_text
from hdspike.plot import style
from hdspike.vocabulary import plain

__all__ = ["available", "find", "load", "main", "question", "run"]


def folder() -> Path:
    """Where the sims are: inside an installed package, or beside it in a checkout."""
    package = Path(__file__).resolve().parent
    for place in (package / "sims", package.parent / "sims"):
        if place.is_dir():
            return place
    raise FileNotFoundError("the folder sims/ is neither in the package nor beside it; reinstall hdspike")


def available() -> dict[str, Path]:
    """Every sim: its name without the number → its file, in the order of the numbers."""
    return {path.stem.split("_", 1)[1]: path for path in sorted(folder().glob("[0-9][0-9]_*.py"))}


def find(name: str) -> Path:
    """The file of the sim called ``name`` (with or without its number)."""
    known = available()
    for short, path in known.items():
        if name in (short, path.stem):
            return path
    raise ValueError(f"NAME must be a sim, one of {', '.join(known)}, got {name!r}")


def load(name: str) -> ModuleType:
    """Import the sim called ``name``."""
    path = find(name)
    spec = importlib.util.spec_from_file_location(f"hdspike_sim_{path.stem}", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def question(name: str) -> str:
    """The question that a sim asks: the first line of its docstring."""
    return (ast.get_docstring(ast.parse(available()[name].read_text(encoding="utf-8"))) or "").split("\n")[0]


def run(
    name: str, *, quick: bool = False, seed: int = 0, out: str | Path = "."
) -> tuple[dict[str, Any], list[Path]]:
    """Simulate, draw and write ``NN_name.json`` and ``NN_name.svg`` into ``out``; returns numbers and paths."""
    check.integer("seed", seed, low=0)
    module = load(name)
    stem = Path(str(module.__file__)).stem
    target = Path(out)
    target.mkdir(parents=True, exist_ok=True)
    numbers = plain({"sim": stem, "seed": seed, "quick": quick, **module.simulate(quick=quick, seed=seed)})
    figure = module.draw(numbers)
    paths = [target / f"{stem}.json", target / f"{stem}.svg"]
    write_text(paths[0], json.dumps(numbers, indent=1, ensure_ascii=False, allow_nan=False) + "\n")
    style.save(figure, paths[1])
    if hasattr(module, "animate"):
        paths.append(target / f"{stem}.animated.svg")
        write_text(paths[-1], module.animate(numbers))
    return numbers, paths


def main(file: str) -> None:
    """What ``python sims/NN_name.py [--quick] [--seed S] [--out DIR]`` does: ``hdspike sim`` without the rest.

    A sim whose data has not been fetched says so and is skipped, with exit code 0.
    """
    parser = argparse.ArgumentParser(description=question(Path(file).stem.split("_", 1)[1]))
    parser.add_argument("--quick", action="store_true", help="smaller and sooner")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", default=".", help="folder for the figure and its numbers")
    given = parser.parse_args()
    try:
        _, paths = run(Path(file).stem, quick=given.quick, seed=given.seed, out=given.out)
    except Absent as error:
        parser.exit(0, f"{parser.prog}: skipped: {error}\n")
    except (ValueError, OSError) as error:
        parser.exit(2, f"{parser.prog}: error: {error}\n")
    print(*paths, sep="\n")
