"""The Spiking HD-Transformer: a language model of bits and spikes, that learns by counting."""

from hdspike.transformer.model import Prediction, SpikingTransformer
from hdspike.transformer.settings import HEADS, Head, Settings

__all__ = ["HEADS", "Head", "Prediction", "Settings", "SpikingTransformer"]
