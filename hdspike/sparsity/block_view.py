"""A mixture of experts is one block matrix times a block-sparse vector.

With ``φ(W1 x) = (φ(W1¹x), …, φ(W1ᴱx))``, all experts' hidden units in a row, and g⊗ giving every block its gate, zero
for the experts that were not chosen::

    Σ_e g_e·W2ᵉ·φ(W1ᵉx) = [W2¹ … W2ᴱ] · (g ⊗ φ(W1x))

A mixture is a dense perceptron of E·hidden units whose activations are forced to zero in whole blocks: activation
sparsity with a known pattern. It saves what it saves because the zeros are known before the products, and by the
block. Biases join as ``b1`` inside of φ, and ``[b2¹ … b2ᴱ]`` times g itself: one more entry for each block.
"""

from typing import NamedTuple

import numpy as np

from hdspike.sparsity.experts import Experts
from hdspike.sparsity.layer import Floats

__all__ = ["BlockView", "block_view"]


class BlockView(NamedTuple):
    """``vector`` (n, E·(hidden + 1)), block-sparse; ``matrix`` (E·(hidden + 1), n_out); the share of blocks in use."""

    vector: Floats
    matrix: Floats
    product: Floats
    nonzero_blocks: float


def block_view(layer: Experts, x: Floats) -> BlockView:
    """The same layer on ``(n, n_in)`` as one matrix and one block-sparse vector; nothing is skipped here.

    >>> from hdspike.sparsity.gating import SoftmaxRouter
    >>> layer = Experts(5, 7, 3, router=SoftmaxRouter(5, experts=4, active=1, rng=0), dtype=np.float64, rng=0)
    >>> x = np.random.default_rng(0).standard_normal((6, 5))
    >>> view = block_view(layer, x)
    >>> view.vector.shape, view.nonzero_blocks, bool(np.abs(view.product - layer.forward(x)).max() < 1e-12)
    ((6, 32), 0.25, True)
    """
    w1, b1, w2, b2 = (layer.parameters[name] for name in ("W1", "b1", "W2", "b2"))
    count, n_in, hidden = w1.shape
    layer.forward(x)
    assert layer.routing is not None
    assert layer.kept is not None
    gates = np.zeros((len(x), count), dtype=w1.dtype)
    np.put_along_axis(gates, layer.routing.experts, layer.routing.gates * layer.kept, axis=1)
    wide = np.maximum(x @ w1.transpose(1, 0, 2).reshape(n_in, count * hidden) + b1.reshape(-1), 0)
    vector = np.concatenate([np.repeat(gates, hidden, axis=1) * wide, gates], axis=1)
    matrix = np.concatenate([w2.reshape(count * hidden, -1), b2])
    share = float(np.count_nonzero(layer.kept) / (len(x) * count)) if len(x) else 0.0
    return BlockView(vector, matrix, vector @ matrix, share)
