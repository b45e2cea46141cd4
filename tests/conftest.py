"""Hypothesis profiles: reproducible everywhere, fewer examples where they are dear."""

import os

import numba
import pytest
from hypothesis import settings

JIT = not numba.config.DISABLE_JIT

for name, examples in {"jitted": 40, "ci": 25, "plain": 20}.items():
    settings.register_profile(name, max_examples=examples, deadline=None, derandomize=True, database=None)

settings.load_profile("plain" if not JIT else "ci" if os.environ.get("CI") else "jitted")

# Arithmetic on counts, files, commands and figures: no kernel of its own, so the same in every mode.
# `make test-modes` leaves it out.
ONCE = (
    "test_attend", "test_benchmarks_", "test_break_even", "test_calibration", "test_cli", "test_datasets",
    "test_dense", "test_design", "test_energy", "test_idle", "test_metrics", "test_pricing", "test_schedules",
    "test_arrays", "test_contestants_contest", "test_sensitivity", "test_sim_", "test_sparsity_", "test_substrate",
)  # fmt: skip


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what need not run in every mode."""
    for item in items:
        if item.path.name.startswith(ONCE):
            item.add_marker(pytest.mark.once)
