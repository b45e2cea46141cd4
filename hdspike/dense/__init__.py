"""The dense side, counted from shapes: what stands beside every spiking number.

``attention``, ``causal_attention``     softmax attention, one query or a whole prompt
``winners_attention``                   k winners instead: every score is computed, only the winners' values are read
``coded_attention``, ``bundled_attention``   winners found by binary codes; winners beside bundles of the other keys
``event_attention``                     winners found by the events of inverted lists, with bundles or without
``linear``, ``feed_forward``            matrices shared by a batch
``projections``, ``transformer_layer``, ``transformer``   a decoder, by token; ``Shape``, ``SHAPES``
``roofline``                            how long it takes at least, and what bounds it
``SpikingRun``, ``event_driven``        what a spiking run comes down to, counted on plain hardware
``twin``, ``break_even_rate``           the quantised network that is equivalent to a spiking run

Counts are integers by the names of :data:`hdspike.vocabulary.COUNTERS`; ``hdspike.energy.price`` prices them.
"""

from hdspike.dense.attention import attention, causal_attention
from hdspike.dense.cost import REGISTER_TILE, DenseCost, combine
from hdspike.dense.evented import event_attention
from hdspike.dense.feed_forward import feed_forward, linear
from hdspike.dense.precision import BITS, NONZERO, PRECISIONS, WEIGHT_BITS
from hdspike.dense.quantised import break_even_rate, twin
from hdspike.dense.roofline import EXP_OPERATIONS, Roofline, roofline
from hdspike.dense.searched import bundled_attention, coded_attention
from hdspike.dense.shape import SHAPES, Shape
from hdspike.dense.spiking import SpikingRun, activation_bits, event_driven
from hdspike.dense.transformer import projections, transformer, transformer_layer
from hdspike.dense.winners import winners_attention

__all__ = [
    "BITS",
    "EXP_OPERATIONS",
    "NONZERO",
    "PRECISIONS",
    "REGISTER_TILE",
    "SHAPES",
    "WEIGHT_BITS",
    "DenseCost",
    "Roofline",
    "Shape",
    "SpikingRun",
    "activation_bits",
    "attention",
    "break_even_rate",
    "bundled_attention",
    "causal_attention",
    "coded_attention",
    "combine",
    "event_attention",
    "event_driven",
    "feed_forward",
    "linear",
    "projections",
    "roofline",
    "transformer",
    "transformer_layer",
    "twin",
    "winners_attention",
]
