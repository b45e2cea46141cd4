"""What numba makes of the kernels: no word and no count may pass through a float.

A variable that holds an int64 here and a uint64 there is a float64 to numba: it keeps 53 bits of 64 and says
nothing. Every kernel of the rooms
below is found by introspection, compiled once more by itself, called, and all its typed variables looked at.
"""

import importlib
import pkgutil
from collections.abc import Callable
from functools import cache
from typing import Any

import numba
import numpy as np
import pytest
from numba.core.compiler import CompilerBase, DefaultPassBuilder
from numba.core.compiler_machinery import AnalysisPass, register_pass
from numba.core.dispatcher import Dispatcher
from numba.core.typed_passes import NopythonTypeInference

import hdspike
from hdspike import encode
from hdspike.encode import suffixes
from hdspike.spaces import sbc
from tests import calls

ROOMS = (
    *("bits", "hypervector", "spaces", "encode", "memory", "in_memory", "faults", "learn"),
    *(
        "spikes",
        "events",
        "network",
        "functional",
        "chip",
        "attention",
        "models",
        "transformer",
        "contestants",
        "sparsity",
    ),
)

INDICES = np.arange(12, dtype=np.int32).reshape(3, 4) % 5

CALLS: dict[str, Callable[[], tuple[Any, ...]]] = {}
FLOATS: dict[str, str] = {}
"""Kernels that compute with real numbers by nature: weights and potentials. Path → why."""
for _module in pkgutil.iter_modules(calls.__path__):
    _file = importlib.import_module(f"tests.calls.{_module.name}")
    CALLS.update(_file.CALLS)
    FLOATS.update(dict.fromkeys(getattr(_file, "FLOATS", ()), _file.__doc__ or ""))


@cache
def kernels() -> dict[str, Any]:
    """Every jitted function that a module of the rooms defines, by its path in the package."""
    found = {}
    for module in pkgutil.walk_packages(hdspike.__path__, "hdspike."):
        if module.name.split(".")[1] not in ROOMS:
            continue
        for name, value in vars(importlib.import_module(module.name)).items():
            if isinstance(value, Dispatcher) and value.py_func.__module__ == module.name:
                found[f"{module.name.removeprefix('hdspike.')}.{name}"] = value
    return found


needs_jit = pytest.mark.skipif(
    bool(numba.config.DISABLE_JIT), reason="NUMBA_DISABLE_JIT=1: nothing is compiled, so nothing has a type"
)


@needs_jit
def test_every_kernel_is_in_the_table() -> None:
    """A new kernel needs a call in ``CALLS``; a call without a kernel is a leftover."""
    assert set(CALLS) == set(kernels())
    assert set(FLOATS) <= set(CALLS)


class Typed(Exception):
    """The types are known: no machine code is wanted."""


@register_pass(mutates_CFG=False, analysis_only=True)
class Tell(AnalysisPass):
    _name = "tell"

    def __init__(self) -> None:
        super().__init__()

    def run_pass(self, state: Any) -> bool:
        raise Typed(dict(state.typemap))


class TypesAlone(CompilerBase):
    """Numba's own passes up to the inference of types. The rest takes most of the time, and changes no type."""

    def define_pipelines(self) -> list[Any]:
        passes = DefaultPassBuilder.define_nopython_pipeline(self.state)
        passes.add_pass_after(Tell, NopythonTypeInference)
        passes.finalize()
        return [passes]


def floats_in(function: Callable[..., Any], arguments: tuple[Any, ...]) -> dict[str, str]:
    """The variables of a function that numba types as, or with, a float in a call with these arguments."""
    with pytest.raises(Typed) as told:
        numba.njit(error_model="numpy", pipeline_class=TypesAlone)(function)(*arguments)
    (typemap,) = told.value.args
    assert typemap, "no typed variables were found"
    return {variable: str(kind) for variable, kind in typemap.items() if "float" in str(kind)}


@pytest.mark.once
@needs_jit
@pytest.mark.parametrize("name", CALLS)
def test_no_kernel_infers_a_float(name: str) -> None:
    # Typed afresh: what comes from the cache on disk has lost its types.
    assert bool(floats_in(kernels()[name].py_func, CALLS[name]())) == (name in FLOATS)


@needs_jit
def test_the_check_sees_a_float() -> None:
    """The pitfall itself, so that the test above cannot pass for want of types."""

    def merged(word, flag):
        x = 0
        if flag:
            x = word
        return x

    assert floats_in(merged, (np.uint64(2**63 + 1), True))


@needs_jit
def test_public_functions_reuse_their_kernels() -> None:
    """Contiguous, strided and int64 input end in one specialisation: the wrapper normalises."""
    before = len(sbc._score.overloads)
    space = sbc.SBC(20, blocks=4)
    for form in (INDICES, INDICES.astype(np.int64), np.asfortranarray(INDICES), INDICES.astype(np.uint8)):
        space.score(form, form)
    assert len(sbc._score.overloads) <= max(before, 1)
    before = len(suffixes._contexts_sbc.overloads)
    for kind in (np.int64, np.int32, np.uint8):
        encode.contexts(space, INDICES, np.array([0, 1, 2], dtype=kind), np.array([2], dtype=kind), order=2)
    assert len(suffixes._contexts_sbc.overloads) <= max(before, 1)
