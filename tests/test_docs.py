"""What the documentation shows is what happens: every ``>>>`` of every page is run."""

import doctest
import importlib
import re
from pathlib import Path

import pytest

from tests.conftest import JIT

ROOT = Path(__file__).parent.parent
PAGES = sorted((ROOT / "docs").glob("*.md"))


@pytest.mark.skipif(not JIT, reason="NUMBA_DISABLE_JIT=1: pages show full-sized vectors")
@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_page(page: Path) -> None:
    results = doctest.testfile(str(page), module_relative=False, optionflags=doctest.ELLIPSIS)
    assert results.failed == 0


@pytest.mark.skipif(not JIT, reason="NUMBA_DISABLE_JIT=1: the README shows full-sized vectors")
def test_the_code_of_the_readme_runs() -> None:
    """In one go, as a reader would paste it."""
    blocks = re.findall(r"```python\n(.*?)```", (ROOT / "README.md").read_text(encoding="utf-8"), re.DOTALL)
    assert len(blocks) == 2
    exec("\n".join(blocks), {"__name__": "readme"})


@pytest.mark.once
@pytest.mark.parametrize("page_of", ["attention", "transformer", "sparsity"])
def test_a_page_shows_the_numbers_of_its_figures(page_of, monkeypatch):
    monkeypatch.syspath_prepend(str(ROOT / "docs"))
    page = (ROOT / "docs" / f"{page_of}.md").read_text(encoding="utf-8")
    for name, block in importlib.import_module(f"write_{page_of}").blocks().items():
        assert f"<!-- numbers:{name} -->\n{block}\n<!-- end -->" in page
