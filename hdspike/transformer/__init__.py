"""The Spiking HD-Transformer: a language model of bits and spikes, that learns by counting."""

from hdspike.transformer.memory import memory_bytes
from hdspike.transformer.model import Prediction, SpikingTransformer
from hdspike.transformer.saved import load_model, save_model
from hdspike.transformer.settings import HEADS, Head, Settings

__all__ = [
    "HEADS", "Head", "Prediction", "Settings", "SpikingTransformer", "load_model", "memory_bytes", "save_model",
]  # fmt: skip
