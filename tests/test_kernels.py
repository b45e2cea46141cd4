"""What numba makes of the kernels: no word and no count may pass through a float.

A variable that holds an int64 here and a uint64 there is a float64 to numba: it keeps 53 bits of 64 and says
nothing. Every kernel of the rooms
below is found by introspection, compiled once more by itself, called, and all its typed variables looked at.
"""

import importlib
import pkgutil
from collections.abc import Callable
from typing import Any

import numba
import numpy as np
import pytest
from numba.core.dispatcher import Dispatcher

import hdspike
from hdspike import bits, encode
from hdspike.functional import readout, synapses
from hdspike.network import KWTA, from_dense
from hdspike.spaces import sbc

ROOMS = ("bits", "hypervector", "spaces", "encode", "memory", "spikes", "network", "functional", "attention")

DIM = 130
WORDS = bits.random(6, DIM, rng=0)
MASK = bits.tail_mask(DIM)
SEED = np.uint64(5)
GROUP = (2, 3, readout.RAMP, 1, 0)
NETWORK = from_dense([[1, -1, 2], [0, 1, 1]], kwta=KWTA(2, 1, "tick"))
SYNAPSES = synapses._packed(NETWORK)
STARTS, LINES = np.array([0, 2, 3]), np.array([0, 1, 1], dtype=np.int32)
ONES, ACTIVE = bits.popcount(WORDS, DIM), bits.popcount(WORDS[:2], DIM)


def zeros(*shape: int, dtype: Any = np.int64) -> np.ndarray:
    return np.zeros(shape, dtype=dtype)


def words(*shape: int) -> np.ndarray:
    return zeros(*shape, dtype=np.uint64)


def small(*shape: int) -> np.ndarray:
    return zeros(*shape, dtype=np.int32)


def spikes(neurons: int) -> tuple[np.ndarray, ...]:
    return small(neurons), small(neurons), small(neurons)


def out(queries: int, most: int) -> tuple[np.ndarray, ...]:
    return small(queries, most), small(queries, most), small(queries, most), zeros(queries), zeros(queries, 6)


INDICES = np.arange(12, dtype=np.int32).reshape(3, 4) % 5
UNITS = np.ones((1, 3), dtype=np.int64)

CALLS: dict[str, Callable[[], tuple[Any, ...]]] = {
    "bits._ones": lambda: (SEED,),
    "bits._popcount": lambda: (WORDS, zeros(6)),
    "bits._mix": lambda: (SEED,),
    "bits._hash64": lambda: (WORDS, words(6)),
    "bits._shift_up": lambda: (WORDS[0], 70, words(3)),
    "bits._shift_down": lambda: (WORDS[0], 70, words(3)),
    "bits._rotate": lambda: (WORDS, DIM, 7, MASK, words(6, 3)),
    "bits._majority": lambda: (WORDS[:3], UNITS[0], 3, SEED, MASK, words(2, 3), words(3)),
    "bits._majority_batch": lambda: (WORDS[None, :3], UNITS, words(1, 3), MASK, words(2, 3), words(1, 3)),
    "bits._distance": lambda: (WORDS[0], WORDS[1]),
    "bits._hamming": lambda: (WORDS, WORDS, small(6, 6)),
    "bits._smallest": lambda: (small(6), 2, 4, zeros(6), zeros(2)),
    "spaces.sbc._bundle": lambda: (INDICES, UNITS[0], SEED, zeros(5), small(4)),
    "spaces.sbc._bundle_batch": lambda: (INDICES[None], UNITS, words(1, 3), zeros(5), small(1, 4)),
    "spaces.sbc._score": lambda: (INDICES, INDICES, small(3, 3)),
    "encode._contexts_bsc": lambda: (WORDS.reshape(2, 3, 3), zeros(4), np.array([1, 3]), MASK, words(2, 3)),
    "encode._contexts_sbc": lambda: (INDICES, zeros(4), np.array([1, 3]), 2, 5, small(2, 4)),
    "network.neurons.integrate_and_fire._receive_unit": lambda: (SYNAPSES[1], 0, 2, small(3)),
    "network.neurons.integrate_and_fire._receive": lambda: (*SYNAPSES[1:3], 0, 2, small(3), small(3)),
    "functional.readout._merge_sort": lambda: (zeros(4), np.arange(4), zeros(4)),
    "functional.readout._ordered": lambda: (small(4), small(4), 3),
    "functional.readout._ramp_bound": lambda: (small(3), small(3), GROUP),
    "functional.readout._late": lambda: (small(3), small(3), 2, GROUP, spikes(3)),
    "functional.readout._record": lambda: (0, 2, 3, spikes(3), out(1, 2), 1, 2, 3, 3),
    "functional.readout._scratch": lambda: (3,),
    "functional.synapses._deliver": lambda: (SYNAPSES, LINES, 0, 2, small(3), small(3)),
    "functional.synapses._cross": lambda: (0, 1, small(3), small(3), zeros(3, dtype=np.uint8), 0, spikes(3)),
    "functional.synapses._run": lambda: (SYNAPSES, NETWORK.bias, STARTS, LINES, 1, GROUP, out(2, 2)),
    "functional.synapses._potentials": lambda: (SYNAPSES, NETWORK.bias, STARTS, LINES, small(2, 3)),
    "functional.dense._equal_bits": lambda: (WORDS, WORDS[:2], DIM, small(2, 6)),
    "functional.dense._crossings": lambda: (WORDS, ONES, WORDS[0], ACTIVE[0], DIM, 9, 60, zeros(6), small(6)),
    "functional.dense._race": lambda: (
        *(WORDS, ONES, WORDS[0], ACTIVE[0], DIM, 9),
        *((2, 60, 0, 1, 0), zeros(6), small(6), spikes(6)),
    ),
    "functional.dense._run_dense": lambda: (WORDS, ONES, WORDS[:2], ACTIVE, DIM, 9, GROUP, out(2, 2)),
}


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


def floats_in(fresh: Any) -> dict[str, str]:
    """The variables of a function just compiled that numba typed as, or with, a float."""
    (compiled,) = fresh.overloads.values()
    typemap = compiled.type_annotation.typemap
    assert typemap, "no typed variables were found"
    return {variable: str(kind) for variable, kind in typemap.items() if "float" in str(kind)}


@needs_jit
@pytest.mark.parametrize("name", CALLS)
def test_no_kernel_infers_a_float(name: str) -> None:
    # Compiled afresh: what comes from the cache on disk has lost its types.
    fresh = numba.njit(error_model="numpy")(kernels()[name].py_func)
    fresh(*CALLS[name]())
    assert not floats_in(fresh)


@needs_jit
def test_the_check_sees_a_float() -> None:
    """The pitfall itself, so that the test above cannot pass for want of types."""

    def merged(word, flag):
        x = 0
        if flag:
            x = word
        return x

    fresh = numba.njit(merged)
    fresh(np.uint64(2**63 + 1), True)
    assert floats_in(fresh)


@needs_jit
def test_public_functions_reuse_their_kernels() -> None:
    """Contiguous, strided and int64 input end in one specialisation: the wrapper normalises."""
    before = len(sbc._score.overloads)
    space = sbc.SBC(20, blocks=4)
    for form in (INDICES, INDICES.astype(np.int64), np.asfortranarray(INDICES), INDICES.astype(np.uint8)):
        space.score(form, form)
    assert len(sbc._score.overloads) <= max(before, 1)
    before = len(encode._contexts_sbc.overloads)
    for kind in (np.int64, np.int32, np.uint8):
        encode.contexts(space, INDICES, np.array([0, 1, 2], dtype=kind), np.array([2], dtype=kind), order=2)
    assert len(encode._contexts_sbc.overloads) <= max(before, 1)
