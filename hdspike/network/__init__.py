"""Networks: populations of event-driven neurons and their synapses; and the layer that answers queries.

``Network`` (populations and projections) is what is simulated in time, by :func:`hdspike.functional.simulate` or
:func:`hdspike.chip.simulate`. ``Layer`` (input lines, one k-winner-take-all group) is what attention builds; it is
asked query by query.
"""

from hdspike.network.graph import Network, Projection
from hdspike.network.kwta import KWTA
from hdspike.network.layer import COUNTS, Layer, Outcome, disagreement, from_dense
from hdspike.network.plasticity import STDP
from hdspike.network.population import Population
from hdspike.network.synapses import Synapses

__all__ = [
    "COUNTS",
    "KWTA",
    "STDP",
    "Layer",
    "Network",
    "Outcome",
    "Population",
    "Projection",
    "Synapses",
    "disagreement",
    "from_dense",
]
