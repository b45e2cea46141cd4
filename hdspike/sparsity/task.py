"""The tasks on which all forms are compared: scikit-learn's 8 × 8 digits, and MNIST when it has been fetched."""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from hdspike import check, datasets

__all__ = ["Task", "digits", "mnist", "task"]


class Task(NamedTuple):
    """Images as ``float32`` rows in [0, 1], labels as ``int64``."""

    name: str
    train_x: NDArray[np.float32]
    train_y: NDArray[np.int64]
    test_x: NDArray[np.float32]
    test_y: NDArray[np.int64]

    @property
    def inputs(self) -> int:
        """The width of an image."""
        return self.train_x.shape[1]


def digits(*, rng: check.Rng, held_out: float = 0.25) -> Task:
    """1,797 digits of 8 × 8 pixels, split at random: another split for another seed.

    Raises:
        ImportError: scikit-learn is not installed.
        ValueError: ``held_out`` is not inside (0, 1).
    """
    if not 0 < held_out < 1:
        raise ValueError(f"held_out must be inside (0, 1), got {held_out}")
    try:
        from sklearn.datasets import load_digits
    except ImportError as error:
        raise ImportError("the digits are scikit-learn's: pip install hdspike[learn]") from error
    x, y = load_digits(return_X_y=True)
    order = check.generator(rng).permutation(len(x))
    tested, learned = np.split(order, [round(held_out * len(x))])
    pixels = (x / 16).astype(np.float32)
    labels = y.astype(np.int64)
    return Task("digits", pixels[learned], labels[learned], pixels[tested], labels[tested])


def mnist(name: str = "mnist") -> Task:
    """60,000 + 10,000 images of 28 × 28 (``"fashion-mnist"`` likewise); it must have been fetched.

    Raises:
        hdspike.datasets.Absent: it has not (``hdspike data fetch mnist``).
    """
    held: Any = datasets.load(check.one_of("name", name, ("mnist", "fashion-mnist")))

    def rows(images: NDArray[np.uint8]) -> NDArray[np.float32]:
        return (images.reshape(len(images), -1) / np.float32(255)).astype(np.float32)

    return Task(
        name,
        rows(held.train_x),
        held.train_y.astype(np.int64),
        rows(held.test_x),
        held.test_y.astype(np.int64),
    )


def task(name: str, *, rng: check.Rng) -> Task:
    """The task called ``name``: digits, mnist or fashion-mnist."""
    check.one_of("name", name, ("digits", "mnist", "fashion-mnist"))
    return digits(rng=rng) if name == "digits" else mnist(name)
