"""How many parameters a language model has, how many of them one token needs, and what that costs.

:func:`count` adds up the tensors of an :class:`Architecture`, which comes from a ``config.json``
(:func:`read_config`) or from a model known by name (:func:`find`); :func:`answer` is what ``hdspike params`` says.
"""

from hdspike.sparsity.parameters.answer import answer
from hdspike.sparsity.parameters.architecture import Architecture, Experts, Latent
from hdspike.sparsity.parameters.config import architecture, read_config
from hdspike.sparsity.parameters.count import CONVENTIONS, Counts, Part, count, parts
from hdspike.sparsity.parameters.decode import Cache, cache, distinct_experts, flops, loaded
from hdspike.sparsity.parameters.published import Model, available, find
from hdspike.sparsity.parameters.storage import stored

__all__ = [
    "CONVENTIONS",
    "Architecture",
    "Cache",
    "Counts",
    "Experts",
    "Latent",
    "Model",
    "Part",
    "answer",
    "architecture",
    "available",
    "cache",
    "count",
    "distinct_experts",
    "find",
    "flops",
    "loaded",
    "parts",
    "read_config",
    "stored",
]
