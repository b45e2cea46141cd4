"""What the documentation shows is what happens: every ``>>>`` of every page is run."""

import doctest
from pathlib import Path

import pytest

from tests.conftest import JIT

PAGES = sorted((Path(__file__).parent.parent / "docs").glob("*.md"))


@pytest.mark.skipif(not JIT, reason="NUMBA_DISABLE_JIT=1: pages show full-sized vectors")
@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_page(page: Path) -> None:
    results = doctest.testfile(str(page), module_relative=False, optionflags=doctest.ELLIPSIS)
    assert results.failed == 0
