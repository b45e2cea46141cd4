"""What a network can do while it learns: the loss and the accuracy on held-out samples, every few steps."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from hdspike import check
from hdspike.sparsity.layer import Floats
from hdspike.sparsity.training import Adam, Network, Rule, cross_entropy

__all__ = ["Watch"]


class Watch:
    """A rule of training that changes nothing: it writes down how good the network is by now.

    The *early-stopping step* of Frankle and Carbin 2019 is the step of least validation loss, found afterwards.

    Args:
        x, labels: samples that are not trained on.
        every: steps between two looks; the last step is always looked at.
        inner: another rule, that is followed besides.

    Attributes:
        steps, losses, accuracies: of each look; step s means after s updates. Training again begins them anew.
    """

    def __init__(
        self, x: Floats, labels: NDArray[np.integer[Any]], *, every: int, inner: Rule | None = None
    ) -> None:
        self.x, self.labels, self.inner = x, labels, inner
        self.every = check.integer("every", every, low=1)
        self.steps: list[int] = []
        self.losses: list[float] = []
        self.accuracies: list[float] = []
        self.total = 0

    def begin(self, network: Network, steps: int) -> None:
        """Forget what was; look at the network before it learns."""
        self.total = steps
        self.steps, self.losses, self.accuracies = [], [], []
        if self.inner is not None:
            self.inner.begin(network, steps)
        self.look(network, 0)

    def before(self, network: Network, step: int) -> None:
        """Whatever the inner rule wants."""
        if self.inner is not None:
            self.inner.before(network, step)

    def after(self, network: Network, step: int, optimiser: Adam) -> float:
        """Look, if it is time; looking is not counted as FLOPs."""
        more = 0.0 if self.inner is None else self.inner.after(network, step, optimiser)
        if (step + 1) % self.every == 0 or step + 1 == self.total:
            self.look(network, step + 1)
        return more

    def look(self, network: Network, step: int) -> None:
        """Write down loss and accuracy."""
        scores = network.forward(self.x)
        self.steps.append(step)
        self.losses.append(cross_entropy(scores, self.labels)[0])
        self.accuracies.append(float((scores.argmax(axis=1) == self.labels).mean()))

    @property
    def early_stop(self) -> int:
        """The step of least loss, the earliest of equal ones."""
        return self.steps[int(np.argmin(self.losses))]

    def reached(self, accuracy: float) -> int | None:
        """The earliest step looked at with at least this accuracy; None: never."""
        return next(
            (step for step, held in zip(self.steps, self.accuracies, strict=True) if held >= accuracy), None
        )
