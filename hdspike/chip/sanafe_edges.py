"""Edges of SANA-FE network files: ``a.0 -> b.3: [weight: 2]``, and whole groups, dense or as a convolution.

A neuron of a convolution is ``(channel · height + y) · width + x``; its kernel is a list over (y, x, channel in,
channel out), the last the fastest. A dense list of weights is over (from, to). An edge without weight has the weight
0, which is an event all the same.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from hdspike.chip.sanafe_yaml import List, Map, Reader

__all__ = ["Edges"]

MAX_SYNAPSES = 2**26
KERNEL = ("input_width", "input_height", "input_channels", "kernel_width", "kernel_height")
OPTIONAL = ("kernel_count", "stride_width", "stride_height")
NAMES = ("weight", "w", "delay", "d")


class Edges:
    """The edges of a network: numbers of neurons in the file, weights, and the line of each."""

    def __init__(self, reader: Reader, groups: dict[str, tuple[int, int]]) -> None:
        self.reader, self.groups = reader, groups
        self.count = 0
        self.single: list[tuple[int, int, float, int]] = []
        self.many: list[tuple[int, NDArray[Any], NDArray[Any], NDArray[Any], int]] = []

    def read(self, nodes: List) -> None:
        """Read the list under ``edges``."""
        for node in nodes:
            if not isinstance(node, Map) or len(node) != 1:
                line = getattr(node, "line", nodes.line)
                self.reader.fail(line, "an edge must be FROM -> TO: attributes")
            key, value = next(iter(node.items()))
            ends = [end.strip() for end in key.split("->")]
            if len(ends) != 2:
                self.reader.fail(node, f"an edge must be FROM -> TO, got {key[:60]!r}")
            pairs = self.reader.items(value, "attributes of an edge", node.line)
            attributes: dict[str, Any] = {}
            for name, given in pairs:
                if name == "synapse":
                    attributes |= dict(self.reader.items(given, name, node.line))
                elif name not in ("dendrite", "soma"):
                    attributes[name] = given
            (source, first), (target, last) = (self._end(end, node) for end in ends)
            if first is None and last is None:
                self._many(source, target, attributes, node)
            elif first is None or last is None:
                self.reader.fail(node, f"an edge must join two neurons or two groups, got {key[:60]!r}")
            else:
                self._known(attributes, (*NAMES, "synapse_hw_name"), node)
                self._add(1, node)
                weight = self._weight(attributes)
                given = 0.0 if weight is None else self.reader.number(weight, "weight", node.line)
                if "d" in attributes or "delay" in attributes:
                    self._delays(attributes, node)
                at = (self.groups[source][0] + first, self.groups[target][0] + last)
                self.single.append((*at, given + 0.0, node.line))

    def _end(self, text: str, node: Map) -> tuple[str, int | None]:
        """A group, and one neuron of it or ``None`` for all."""
        name, dot, which = text.partition(".")
        if name not in self.groups:
            self.reader.fail(node, f"an edge must join groups of the network, got {name[:40]!r}")
        if not dot:
            return name, None
        return name, self.reader.whole(
            which, f"neuron of {name[:40]!r}", node.line, high=self.groups[name][1] - 1
        )

    def _known(self, attributes: dict[str, Any], names: tuple[str, ...], node: Map) -> None:
        for name in attributes:
            if name not in names:
                self.reader.fail(
                    node, f"attribute {name[:40]!r} of an edge is not known; supported are {', '.join(names)}"
                )

    def _add(self, number: int, node: Map) -> None:
        self.count += number
        if self.count > MAX_SYNAPSES:
            self.reader.fail(node, f"synapses must be at most {MAX_SYNAPSES}")

    @staticmethod
    def _weight(attributes: dict[str, Any]) -> Any:
        """The weight under either of its names, the later one."""
        found = [value for name, value in attributes.items() if name in ("weight", "w")]
        return found[-1] if found else None

    def _delays(self, attributes: dict[str, Any], node: Map) -> None:
        """Delays are checked, and mean nothing to an accumulator."""
        for name in ("d", "delay"):
            given = attributes.get(name, "0")
            for one in given if isinstance(given, List) else [given]:
                self.reader.number(one, name, node.line, low=0.0)

    def _list(self, attributes: dict[str, Any], count: int, node: Map) -> NDArray[np.float64]:
        """``count`` weights, zeros where none are given; what is too much is not read."""
        given = self._weight(attributes)
        if given is None:
            return np.zeros(count)
        if not isinstance(given, List):
            self.reader.fail(node, "weight must be a list between groups")
        if len(given) < count:
            self.reader.fail(node, f"weight must be {count} numbers, got {len(given)}")
        return np.array([self.reader.number(w, "weight", node.line) for w in given[:count]]) + 0.0

    def _many(self, source: str, target: str, attributes: dict[str, Any], node: Map) -> None:
        sort = attributes.pop("type", "none")
        self._delays(attributes, node)
        sizes = self.groups[source][1], self.groups[target][1]
        if sort == "dense":
            self._known(attributes, (*NAMES, "synapse_hw_name"), node)
            self._add(sizes[0] * sizes[1], node)
            weights = self._list(attributes, sizes[0] * sizes[1], node)
            pre, post = np.divmod(np.arange(len(weights)), sizes[1])
        elif sort == "conv2d":
            self._known(attributes, (*NAMES, *KERNEL, *OPTIONAL, "synapse_hw_name"), node)
            pre, post, weights = self._convolution(sizes, attributes, node)
        else:
            self.reader.fail(
                node, f"type of edges between groups must be dense or conv2d, got {str(sort)[:40]!r}"
            )
        first, last = self.groups[source][0], self.groups[target][0]
        self.many.append((len(self.single), pre + first, post + last, weights, node.line))

    def _convolution(
        self, sizes: tuple[int, int], attributes: dict[str, Any], node: Map
    ) -> tuple[NDArray[Any], NDArray[Any], NDArray[Any]]:
        def whole(name: str) -> int:
            value = attributes.get(name, "1") if name in OPTIONAL else attributes.get(name, "0")
            return self.reader.whole(value, name, node.line, low=1, high=2**20)

        width, height, channels, across, down = (whole(name) for name in KERNEL)
        count, right, below = (whole(name) for name in OPTIONAL)
        if across > width or down > height:
            self.reader.fail(node, f"kernel must fit the input {width} × {height}, got {across} × {down}")
        out_width, out_height = (width - across) // right + 1, (height - down) // below + 1
        if (width * height * channels, out_width * out_height * count) != sizes:
            self.reader.fail(
                node,
                f"groups must have {width} × {height} × {channels} and {out_width} × {out_height} × {count} neurons, "
                f"got {sizes[0]} and {sizes[1]}",
            )
        self._add(out_width * out_height * across * down * channels * count, node)
        kernel = self._list(attributes, down * across * channels * count, node)
        y, x, v, u, c, f = np.ogrid[:out_height, :out_width, :down, :across, :channels, :count]
        shape = (out_height, out_width, down, across, channels, count)
        pre = (c * height + y * below + v) * width + x * right + u
        post = (f * out_height + y) * out_width + x
        weights = np.broadcast_to(kernel.reshape(shape[2:]), shape)
        pre, post, weights = (np.broadcast_to(part, shape).reshape(-1) for part in (pre, post, weights))
        order = np.lexsort((post, pre))
        return pre[order], post[order], weights[order]

    def arrays(self) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float64], NDArray[np.int64]]:
        """Sources, targets, weights and lines, in the order of the file."""
        parts = []
        done = 0
        for before, pre, post, weights, line in [
            *self.many, (len(self.single), np.empty(0), np.empty(0), np.empty(0), 0)
        ]:  # fmt: skip
            some = self.single[done:before]
            done = before
            parts.append(tuple(np.array([edge[i] for edge in some]) for i in range(4)))
            parts.append((pre, post, weights, np.full(len(pre), line)))
        source, target, weight, line_of = (np.concatenate([part[i] for part in parts]) for i in range(4))
        whole = (source.astype(np.int64), target.astype(np.int64))
        return *whole, weight.astype(np.float64), line_of.astype(np.int64)
