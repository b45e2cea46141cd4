"""Who may import whom, and what an import costs."""

import subprocess
import sys
from pathlib import Path

import pytest

import hdspike

ROOT = Path(__file__).resolve().parent.parent


def python(code: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=120)


def test_data_flows_one_way() -> None:
    """The layers of pyproject.toml, checked by import-linter."""
    pytest.importorskip("importlinter")
    done = python(
        "import sys; from importlinter.cli import lint_imports;"
        "sys.exit(lint_imports(config_filename='pyproject.toml', no_cache=True))"
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert ", 0 broken" in done.stdout


@pytest.mark.parametrize("module", ["hdspike", "hdspike.cli"])
def test_import_is_light(module: str) -> None:
    """Neither the compiler nor a plot is loaded before it is needed: this is what keeps the import short."""
    heavy = {"numba", "llvmlite", "scipy", "matplotlib"}
    done = python(f"import sys, {module}; print(*sorted({heavy!r} & set(sys.modules)))")
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == []


def test_every_public_name_is_there() -> None:
    assert isinstance(hdspike.__version__, str)
    for name in (*hdspike.__all__, *dir(hdspike)):
        assert getattr(hdspike, name) is not None, name
    with pytest.raises(AttributeError, match="no_such_name"):
        _ = hdspike.no_such_name
