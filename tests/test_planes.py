"""Convolutions channel by channel: the same synapses as channel last, renumbered; and the DVS network's own shape."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hdspike.network import Population
from hdspike.network.builders.convolution import conv2d, conv2d_shape
from hdspike.network.builders.planes import conv2d_planes
from hdspike.network.neurons.loihi import LoihiSoma

SOMA = LoihiSoma()


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**32 - 1))
def test_planes_are_the_channel_last_convolution_renumbered(seed: int) -> None:
    rng = np.random.default_rng(seed)
    h, w, c, o = (int(v) for v in rng.integers(1, 7, 4))
    kernel = tuple(int(rng.integers(1, side + 1)) for side in (h, w))
    stride, padding = tuple(rng.integers(1, 4, 2).tolist()), tuple(rng.integers(0, 3, 2).tolist())
    weights = rng.integers(-2, 3, (*kernel, c, o)).astype(np.float32)
    keep = bool(rng.random() < 0.5)
    tall, wide, _ = conv2d_shape((h, w, c), kernel, o, stride=stride, padding=padding)
    options = {"stride": stride, "padding": padding, "keep_zeros": keep}
    last = conv2d(
        Population("a", h * w * c, SOMA, (h, w, c)), Population("b", tall * wide * o, SOMA, (tall, wide, o)),
        weights, **options,
    ).synapses  # fmt: skip
    first = conv2d_planes(
        Population("a", h * w * c, SOMA, (c, h, w)), Population("b", tall * wide * o, SOMA, (o, tall, wide)),
        weights, **options,
    ).synapses  # fmt: skip
    assert len(first) == len(last)

    def pairs(synapses, channels_in, plane_in, channels_out, plane_out):
        """(line, target, weight), lines and targets renumbered to channel first."""
        line = np.repeat(np.arange(synapses.lines), np.diff(synapses.indptr))
        line = line % channels_in * plane_in + line // channels_in
        target = synapses.targets % channels_out * plane_out + synapses.targets // channels_out
        weight = np.ones(len(line)) if synapses.weights is None else synapses.weights
        order = np.lexsort((target, line))
        return line[order], target[order], weight[order]

    moved = pairs(last, c, h * w, o, tall * wide)
    own = pairs(first, 1, c * h * w, 1, o * tall * wide)
    for one, other in zip(moved, own, strict=True):
        assert np.array_equal(one, other)


def test_a_wrong_shape_is_told() -> None:
    image, after = Population("a", 12, SOMA, (3, 2, 2)), Population("b", 4, SOMA, (4, 1, 1))
    good = np.ones((2, 2, 3, 4))
    assert len(conv2d_planes(image, after, good).synapses) == 48
    for source, target, weights, message in (
        (Population("a", 12, SOMA), after, good, "^source must have the shape"),
        (image, after, np.ones((2, 2, 2, 4)), "^weights must have 3 channels"),
        (image, Population("b", 5, SOMA), good, "^target must have the shape"),
        (image, after, np.ones(4), "^weights must have shape"),
    ):
        with pytest.raises(ValueError, match=message):
            conv2d_planes(source, target, weights)
