"""What all learners share: features or words in, packed vectors inside, a file format without pickle."""

import json
import math
import re
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, clone
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_is_fitted, validate_data

from hdspike import bits, check, files
from hdspike.hypervector import Hypervectors
from hdspike.learn.encoder import METHODS, HypervectorEncoder
from hdspike.learn.settings import truth

__all__ = ["HypervectorModel", "fits", "fits_words", "load"]

VERSION = 1
STATE = ("mean_", "scale_", "low_", "high_")
DTYPES = ("|b1", "|u1", "|i1", "<u2", "<i2", "<u4", "<i4", "<u8", "<i8", "<f4", "<f8")
LABELS = re.compile(r"<U[1-9][0-9]{0,5}|<f2")  # what class labels may be besides
DAMAGE = (
    KeyError,
    IndexError,
    TypeError,
    ValueError,
    AttributeError,
    OverflowError,
    RecursionError,
    MemoryError,
)


class HypervectorModel(BaseEstimator):
    """A learner on packed vectors that encodes what it is given.

    ``encoder`` is ``"fourier"``, ``"projection"`` or ``"record"`` (see
    :class:`~hdspike.learn.encoder.HypervectorEncoder`) or such an encoder with its own settings, for float features
    ``(n, F)``; or ``"words"`` for uint64 words ``(n, ⌈dim/64⌉)`` and :class:`~hdspike.hypervector.Hypervectors`.
    """

    dim: int
    encoder: Any
    random_state: Any
    verbose: bool
    dim_: int
    _kinds: ClassVar[dict[str, type["HypervectorModel"]]] = {}

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        HypervectorModel._kinds[cls.__name__] = cls

    def _saved(self) -> tuple[str, ...]:
        """Names of the fitted arrays that say all that was learned."""
        raise NotImplementedError

    def _restore(self) -> None:
        """Check the arrays read from a file, and rebuild what follows from them."""
        raise NotImplementedError

    # --- input ---------------------------------------------------------------------------------------

    def _packed(self, X: Any) -> NDArray[np.uint64]:
        dim = X.dim if isinstance(X, Hypervectors) else check.integer("dim", self.dim, low=1)
        words = check.batch("X", bits.words_of("X", X, dim), least=1)
        if np.any(words[:, -1] & ~bits.tail_mask(dim)):
            raise ValueError(f"X must have zero bits beyond dim {dim}")
        if hasattr(self, "dim_") and dim != self.dim_:
            raise ValueError(f"X must have {self.dim_} bits as in fit, got {dim}")
        return words

    def _begin(
        self, X: Any, y: Any = None, **options: Any
    ) -> tuple[NDArray[np.uint64], Any, np.random.Generator]:
        """Check the settings, fit the encoder: the words and y of a fit, and its generator."""
        truth("verbose", self.verbose)
        state = check_random_state(self.random_state)
        random = np.random.default_rng(int(state.randint(2**31 - 1)))
        if hasattr(self, "dim_"):
            del self.dim_
        if isinstance(self.encoder, str) and self.encoder == "words":
            words = self._packed(X)
            if y is not None:
                y = validate_data(self, X="no_validation", y=y, **options)
                if len(y) != len(words):
                    raise ValueError(f"y must have one label per row of X, {len(words)}, got {len(y)}")
            self.n_features_in_ = words.shape[1]
            self.dim_ = X.dim if isinstance(X, Hypervectors) else self.dim
            self.encoder_ = None
            return words, y, random
        if y is None:
            given = validate_data(self, X, dtype=np.float64)
        else:
            given, y = validate_data(self, X, y, dtype=np.float64, **options)
        if isinstance(self.encoder, HypervectorEncoder):
            self.encoder_ = clone(self.encoder)
        else:
            check.one_of("encoder", self.encoder, (*METHODS, "words"))
            self.encoder_ = HypervectorEncoder(
                self.dim,
                method=self.encoder,
                random_state=int(random.integers(2**31 - 1)),
                verbose=self.verbose,
            )
        words = self.encoder_.fit(given).transform(given)
        self.dim_ = self.encoder_.dim
        return words, y, random

    def _words(self, X: Any) -> NDArray[np.uint64]:
        """The words of what a fitted model is asked about."""
        check_is_fitted(self)
        if self.encoder_ is None:
            return self._packed(X)
        return self.encoder_.transform(validate_data(self, X, dtype=np.float64, reset=False))

    # --- files ---------------------------------------------------------------------------------------

    def save(self, path: str | Path) -> None:
        """Write the fitted model to one file; :func:`hdspike.learn.load` reads it. Nothing is pickled."""
        check_is_fitted(self)
        params = {name: value for name, value in self.get_params(deep=False).items() if name != "encoder"}
        if not isinstance(params.get("random_state"), int | np.integer | None):
            params["random_state"] = None
        arrays = {name: _storable(name, getattr(self, name)) for name in self._saved()}
        own = None
        if self.encoder_ is not None:
            own = {**self.encoder_.get_params(), "random_state": None, "seed": self.encoder_.seed_}
            arrays |= {f"encoder.{name}": getattr(self.encoder_, name) for name in STATE}
        head = {
            "params": {name: _plain(value) for name, value in params.items()},
            "encoder": self.encoder if isinstance(self.encoder, str) else None,
            "encoding": own and {name: _plain(value) for name, value in own.items()},
            "features": int(self.n_features_in_),
            "dim": int(self.dim_),
            "arrays": [
                [name, value.dtype.newbyteorder("<").str, list(value.shape)] for name, value in arrays.items()
            ],
        }
        parts = [np.ascontiguousarray(v, dtype=v.dtype.newbyteorder("<")).tobytes() for v in arrays.values()]
        text = json.dumps(head, allow_nan=False).encode()
        body = np.frombuffer(text + b"".join(parts), dtype=np.uint8)
        files.save_array(path, body, model=type(self).__name__, model_version=VERSION, head=len(text))


def _storable(name: str, value: Any) -> NDArray[Any]:
    """What is learned as numbers or text: objects that are text throughout become text."""
    given = np.asarray(value)
    if given.dtype.kind in "OT" and given.size and all(isinstance(v, str) for v in given.flat):
        given = given.astype(str)
    form = given.dtype.newbyteorder("<").str
    if form not in DTYPES and not (name == "classes_" and LABELS.fullmatch(form)):
        raise TypeError(f"{name} must be numbers or text to be saved, got dtype {given.dtype}")
    return given


def _plain(value: Any) -> Any:
    return value.item() if isinstance(value, np.generic) else value


def load(path: str | Path) -> Any:
    """The fitted model that ``save`` wrote.

    Raises:
        ValueError: a file that is damaged, or holds something else.
    """
    body, meta = files.load_array(path, mmap=False)
    kind = HypervectorModel._kinds.get(str(meta.get("model")))
    if kind is None or not hasattr(kind, "fit"):
        raise ValueError(f"{path} must hold a model of hdspike.learn, its header says {meta.get('model')!r}")
    if meta.get("model_version") != VERSION:
        raise ValueError(f"{path} must hold a model of version {VERSION}, got {meta.get('model_version')!r}")
    try:
        return _restored(kind, body.tobytes(), meta["head"])
    except DAMAGE as error:
        raise ValueError(f"{path} holds a damaged model: {error}") from error


def _arrays(body: bytes, place: int, listed: Any) -> dict[str, NDArray[Any]]:
    """The arrays that a head lists, which fill the rest of the file."""
    arrays: dict[str, NDArray[Any]] = {}
    for name, dtype, shape in listed:
        if name in arrays:
            raise ValueError(f"array {name} is there twice")
        if dtype not in DTYPES and not (name == "classes_" and LABELS.fullmatch(dtype)):
            raise ValueError(f"array {name} has dtype {dtype}")
        if not all(type(size) is int and size >= 0 for size in shape):
            raise ValueError(f"array {name} has shape {shape}")
        form, count = np.dtype(dtype), math.prod(shape)
        if place + count * form.itemsize > len(body):
            raise ValueError(f"array {name} of shape {shape} is longer than the file")
        flat = np.frombuffer(body, dtype=form, count=count, offset=place)
        arrays[name] = flat.reshape(shape).astype(form.newbyteorder("="))
        place += count * form.itemsize
    if place != len(body):
        raise ValueError(f"{len(body) - place} bytes belong to no array")
    return arrays


def fits(name: str, value: Any, dtype: Any, *shape: int) -> None:
    """Nothing, if a restored array has this dtype and shape; a scalar is one of Python's, and has none."""
    given = np.asarray(value)
    if given.dtype != np.dtype(dtype) or given.shape != shape:
        raise ValueError(f"array {name} must be {np.dtype(dtype)} {shape}, it is {given.dtype} {given.shape}")


def fits_words(name: str, value: Any, rows: int, dim: int) -> None:
    """Nothing, if a restored array holds this many packed vectors of ``dim`` bits."""
    fits(name, value, np.uint64, rows, bits.word_count(dim))
    if np.any(value[:, -1] & ~bits.tail_mask(dim)):
        raise ValueError(f"array {name} must have zero bits beyond dim {dim}")


def _restored(kind: type[HypervectorModel], body: bytes, size: Any) -> HypervectorModel:
    head = json.loads(body[: check.integer("head", size, low=2, high=len(body))])
    arrays = _arrays(body, size, head["arrays"])
    features = check.integer("features", head["features"], low=1)
    dim = check.integer("dim", head["dim"], low=1)
    made = None
    if head["encoding"] is not None:
        settings = dict(head["encoding"])
        seed = settings.pop("seed")
        made = HypervectorEncoder(**settings)
        made.n_features_in_ = features
        made._check(features)
        if made.dim != dim:
            raise ValueError(f"the encoder makes {made.dim} bits, the model has {dim}")
        made.seed_ = check.integer("seed", seed, low=0)
        for name in STATE:
            value = arrays.pop(f"encoder.{name}")
            fits(f"encoder.{name}", value, np.float64, features)
            if not np.isfinite(value).all():
                raise ValueError(f"array encoder.{name} must be finite")
            setattr(made, name, value)
    elif features != bits.word_count(dim):
        raise ValueError(f"a model of words must have {bits.word_count(dim)} of them, not {features}")
    encoder: Any = None if made is None else clone(made)
    if made is None or head["encoder"] is not None:
        encoder = check.one_of("encoder", head["encoder"], METHODS if made else ("words",))
    model = kind(**{**head["params"], "encoder": encoder})
    model.encoder_, model.dim_, model.n_features_in_ = made, dim, features
    if set(arrays) != set(model._saved()):
        raise ValueError(f"it must have the arrays {model._saved()}, got {tuple(arrays)}")
    for name, value in arrays.items():
        setattr(model, name, value if value.ndim else value.item())
    model._restore()
    if made is not None:
        made._draw()  # last, when all that was read agrees on the dimension
    return model
