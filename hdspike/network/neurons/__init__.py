"""Neuron models and sources of spikes, one file each.

``base`` says what they are.
"""

from hdspike.network.neurons.base import NeuronModel, SpikeSource
from hdspike.network.neurons.current_leaky import CurrentLeaky
from hdspike.network.neurons.integrate_and_fire import IntegrateAndFire
from hdspike.network.neurons.kwta_group import KWTAGroup
from hdspike.network.neurons.latency import Latency
from hdspike.network.neurons.leaky import Leaky
from hdspike.network.neurons.loihi import LoihiSoma
from hdspike.network.neurons.loihi_integer import LoihiInteger
from hdspike.network.neurons.poisson import Poisson
from hdspike.network.neurons.recorded import Recorded
from hdspike.network.neurons.stream import Stream

__all__ = [
    "CurrentLeaky",
    "IntegrateAndFire",
    "KWTAGroup",
    "Latency",
    "Leaky",
    "LoihiInteger",
    "LoihiSoma",
    "NeuronModel",
    "Poisson",
    "Recorded",
    "SpikeSource",
    "Stream",
]
