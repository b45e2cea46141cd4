"""Mapping: the cores fill up by the stated rule, and every synapse is reached once."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from hdspike.chip import ChipConfig, capacity, link_ends, place
from hdspike.network import KWTA, from_dense
from hdspike.network.synapses import Synapses
from tests.naive import chip as naive

SMALL = ChipConfig(2, 1, 2, 3, 40, 4, 2, 7, 5, 3, 2, 4, 6, 10, 30)
RACE = KWTA(1, 1, "tick")


@st.composite
def dense(draw, most=9):
    shape = draw(st.tuples(st.integers(1, 6), st.integers(1, most)))
    return draw(hnp.arrays(np.int8, shape, elements=st.integers(-1, 1)))


@given(dense(), st.integers(1, 5), st.integers(1, 30), st.integers(1, 6), st.integers(1, 4))
def test_agrees_with_naive(matrix, neurons, bits, axons, columns):
    config = replace(
        SMALL, neurons_per_core=neurons, synaptic_memory_bits=bits, input_axons=axons, columns=columns
    )
    expected = naive.place(matrix.tolist(), config)
    network = from_dense(matrix, kwta=RACE)
    assert capacity(network.synapses, config) == len(expected)
    if len(expected) < matrix.shape[1]:
        with pytest.raises(ValueError, match=rf"larger than the chip.*{matrix.shape[1]} neurons.*at most"):
            place(network, config)
        return
    mapping = place(network, config)
    assert mapping.core_of_neuron.tolist() == expected
    used = max(expected) + 1
    assert mapping.cores_used == used
    assert mapping.kwta_core == (used if used < config.cores else 0)
    assert np.diff(mapping.first).tolist() == [expected.count(c) for c in range(used)]
    assert np.all(mapping.memory_bits <= bits)
    assert np.all(mapping.axons <= axons)


@given(dense())
def test_every_synapse_is_in_one_range(matrix):
    network = from_dense(matrix, kwta=RACE)
    mapping = place(network, replace(SMALL, columns=9, synaptic_memory_bits=999, input_axons=9))
    synapses = network.synapses
    for line in range(network.lines):
        ranges = range(mapping.line_indptr[line], mapping.line_indptr[line + 1])
        reached = [s for r in ranges for s in range(mapping.range_low[r], mapping.range_high[r])]
        assert reached == list(range(synapses.indptr[line], synapses.indptr[line + 1]))
        cores = [int(mapping.range_core[r]) for r in ranges]
        assert cores == sorted(set(cores))
        for r in ranges:
            targets = synapses.targets[mapping.range_low[r] : mapping.range_high[r]]
            assert set(mapping.core_of_neuron[targets].tolist()) == {int(mapping.range_core[r])}


def test_dense_keys_fill_a_core_by_memory():
    """10,240 lines to every neuron with ±1: dense at 1 bit, 102 neurons in 128 KB; sparse only 9."""
    loihi = replace(
        SMALL,
        neurons_per_core=1024,
        synaptic_memory_bits=2**20,
        input_axons=10240,
        columns=1,
        cores_per_tile=1,
    )
    every = np.arange(10240 * 120)
    full = Synapses.from_pairs(every % 10240, every // 10240, shape=(10240, 120))
    assert capacity(full, loihi) == 2**20 // 10240
    missing = Synapses.from_pairs(every[1:] % 10240, every[1:] // 10240, shape=(10240, 120))
    assert capacity(missing, loihi) == 2**20 // (2 * 10240)


def test_error_names_limit_and_what_fits():
    with pytest.raises(ValueError, match=r"13 neurons.*4 cores.*the cores|neurons per core end first"):
        place(from_dense(np.ones((1, 13), dtype=np.int8), kwta=RACE), SMALL)
    with pytest.raises(ValueError, match=r"input axons per core end first.*at most 0 fit"):
        place(from_dense(np.ones((5, 1), dtype=np.int8), kwta=RACE), SMALL)


def test_config_is_checked():
    with pytest.raises(ValueError, match="fifo_depth must be at least 1, got 0"):
        replace(SMALL, fifo_depth=0)
    with pytest.raises(ValueError, match="packet_ps must be at least 0, got -1"):
        replace(SMALL, packet_ps=-1)
    with pytest.raises(TypeError, match="rows"):
        replace(SMALL, rows=1.0)
    with pytest.raises(ValueError, match="barrier_all_tiles_ps"):
        replace(SMALL, barrier_all_tiles_ps=9)
    assert [SMALL.barrier_ps(n) for n in (1, 2)] == [10, 30]


def test_config_from_substrate():
    class Substrate:
        def si(self, key):
            return 3.5e-9 if key.startswith("timing.") else 2.0

    config = ChipConfig.from_substrate(Substrate())
    assert (config.columns, config.fifo_depth, config.synaptic_event_ps) == (2, 2, 3500)
    Substrate.si = lambda self, key: 2.5
    with pytest.raises(ValueError, match=r"topology\.columns must be a whole number"):
        ChipConfig.from_substrate(Substrate())


def test_link_ends():
    ends = link_ends(SMALL)  # two tiles in a row, 7 ports each
    assert ends.shape == (14, 2)
    assert ends[1].tolist() == [0, 1]  # east of tile 0
    assert ends[7 + 3].tolist() == [1, 0]  # west of tile 1
    assert ends[0].tolist() == [0, -1]  # over the edge
    assert ends[4].tolist() == [0, 0]  # to core 0
    assert ends[6].tolist() == [0, 0]  # to the host
    assert ends[13].tolist() == [1, -1]
