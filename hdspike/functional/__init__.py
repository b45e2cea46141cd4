"""The functional runners: no chip, exact, fast.

:func:`simulate` runs a network of populations by a clock. A layer is asked query by query, and two forms of the same
layer give the same :class:`~hdspike.network.Outcome`: :func:`run` walks the synapses of a network, :func:`run_dense`
compares packed keys word by word.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from hdspike.functional.activity import Activity
from hdspike.functional.clocked import Clocked
from hdspike.functional.dense import DenseLayer, dense_potentials, run_dense
from hdspike.functional.readout import Progress
from hdspike.functional.simulate import simulate
from hdspike.functional.synapses import network_potentials, run
from hdspike.network import Layer

__all__ = ["Activity", "Clocked", "DenseLayer", "Progress", "potentials", "run", "run_dense", "simulate"]


def potentials(layer: Layer | DenseLayer, queries: Any) -> NDArray[np.int32]:
    """The potential of every neuron after all events of each query: ``(Q, N)``.

    ``queries`` are :class:`~hdspike.spikes.Stimuli` for a network, packed words for a dense layer.
    """
    if isinstance(layer, DenseLayer):
        return dense_potentials(layer, queries)
    return network_potentials(layer, queries)
