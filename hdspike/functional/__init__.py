"""The functional runner: a network, or a layer of dense keys, without a clock. Exact, fast, all queries.

Two forms of the same layer give the same :class:`~hdspike.network.Outcome`: :func:`run` walks the synapses of
a network, :func:`run_dense` compares packed keys word by word.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from hdspike.functional.dense import DenseLayer, dense_potentials, run_dense
from hdspike.functional.readout import Progress
from hdspike.functional.synapses import network_potentials, run
from hdspike.network import Network

__all__ = ["DenseLayer", "Progress", "potentials", "run", "run_dense"]


def potentials(layer: Network | DenseLayer, queries: Any) -> NDArray[np.int32]:
    """The potential of every neuron after all events of each query: ``(Q, N)``.

    ``queries`` are :class:`~hdspike.spikes.Stimuli` for a network, packed words for a dense layer.
    """
    if isinstance(layer, DenseLayer):
        return dense_potentials(layer, queries)
    return network_potentials(layer, queries)
