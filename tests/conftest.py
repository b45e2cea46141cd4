"""Hypothesis profiles: reproducible everywhere, fewer examples where they are dear."""

import os

import numba
from hypothesis import settings

JIT = not numba.config.DISABLE_JIT

for name, examples in {"jitted": 40, "ci": 25, "plain": 20}.items():
    settings.register_profile(name, max_examples=examples, deadline=None, derandomize=True, database=None)

settings.load_profile("plain" if not JIT else "ci" if os.environ.get("CI") else "jitted")
