"""Encoders of images against their equations, and what makes receptive fields worth having."""

import json
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hdspike import bits, encode, files
from hdspike.encode import ReceptiveFields, grid, level, pixels, quantise
from hdspike.spaces import BSC, BSDC, SBC
from tests.conftest import JIT
from tests.naive import images as twin

SPACES = [BSC(1), BSC(63), BSC(64), BSC(65), SBC(21, blocks=7), BSDC(40, ones=5)]
PICTURES = np.random.default_rng(5).integers(0, 256, size=(6, 5, 6), dtype=np.uint8)


# --- the record of pixels ---------------------------------------------------------------------------


@given(st.sampled_from(SPACES), st.integers(1, 4), st.integers(1, 4), st.integers(1, 5), st.integers(0, 99))
def test_pixels(space, rows: int, columns: int, count: int, seed: int) -> None:
    random = np.random.default_rng(seed)
    places, levels = grid(space, rows, columns, rng=random), level(space, count, rng=random)
    images = random.integers(-10, 300, size=(3, rows, columns))
    found = pixels(space, places, levels, images)
    assert found.shape == (3, space.width)
    for image, vector in zip(images, found, strict=True):
        expected = twin.pixels(
            places, levels, image.tolist(),
            lambda v: round(min(max(v / 255, 0.0), 1.0) * (count - 1)),
            space.bind, lambda pairs: space.bundle(np.array(pairs)),
        )  # fmt: skip
        assert np.array_equal(vector, expected)


def test_pixels_of_batches_and_slices(monkeypatch) -> None:
    """Many images come out as one by one, whatever is bundled at a time."""
    space = BSC(70)
    places, levels = grid(space, 5, 6, rng=0), level(space, 4, rng=1)
    whole = pixels(space, places, levels, PICTURES.reshape(2, 3, 5, 6))
    assert whole.shape == (2, 3, 2)
    monkeypatch.setattr(encode.images, "CHUNK", 100)
    assert np.array_equal(pixels(space, places, levels, PICTURES).reshape(2, 3, 2), whole)
    assert pixels(space, places, levels, PICTURES[:0]).shape == (0, 2)
    assert np.array_equal(pixels(space, places, levels, PICTURES / 255, high=1.0).reshape(2, 3, 2), whole)


def test_places_are_as_alike_as_they_are_near() -> None:
    space = BSC(20_000)
    places = grid(space, 5, 9, rng=0)
    found = space.similarity(places[1, 2][None], places.reshape(-1, space.width)).reshape(5, 9)
    y, x = np.abs(np.arange(5) - 1)[:, None], np.abs(np.arange(9) - 2)
    assert np.abs(found - (1 - y / 4) * (1 - x / 8)).max() < 5 / np.sqrt(space.dim)


def test_quantise_of_the_twin_is_that_of_the_encoder() -> None:
    """Rounds half to even, as Python's round does."""
    assert quantise([63.75, 191.25], 3, low=0, high=255).tolist() == [round(0.5), round(1.5)]


# --- receptive fields -----------------------------------------------------------------------------


@st.composite
def encoders(draw) -> tuple[ReceptiveFields, Any, dict[str, Any]]:
    """An encoder, images for it, and its options."""
    random = np.random.default_rng(draw(st.integers(0, 99)))
    channels = draw(st.sampled_from([None, 1, 3]))
    shape = (draw(st.integers(1, 5)), draw(st.integers(1, 5)))
    shape = shape if channels is None else (*shape, channels)
    options = draw(
        st.sampled_from(
            [
                {"patch": 1, "window": 2, "edge": 20.0, "levels": ()},
                {"patch": 2, "window": 3, "edge": 20.0, "levels": (60, 130), "stride": 2},
                {"patch": 3, "window": 2, "edge": None, "levels": (60, 130, 190)},
                {"patch": 3, "window": 9, "edge": 0.0, "levels": (100.5,)},
            ]
        )
    )
    size = draw(st.integers(1, 6))
    images: Any = random.integers(0, 256, size=(size, *shape), dtype=np.uint8)
    if draw(st.booleans()):
        images = images.astype(np.float64) + 0.25
    dim = draw(st.sampled_from([1, 63, 64, 65]))
    return ReceptiveFields(dim, images, density=0.4, rng=7, **options), images, options


def naive_codes(images: Any, encoder: ReceptiveFields, options: dict[str, Any]) -> list[Any]:
    rows, columns = encoder._places
    stride = options.get("stride", 1)
    out = []
    for image in images.reshape(*images.shape[:3], -1).tolist():
        arguments = (options["patch"], stride, options["edge"], options["levels"])
        out.append([[twin.code(image, y, x, *arguments) for x in range(columns)] for y in range(rows)])
    return out


@settings(max_examples=30 if JIT else 8)
@given(encoders())
def test_receptive_fields(made) -> None:
    encoder, images, options = made
    codes = naive_codes(images, encoder, options)
    length = len(codes[0][0][0])
    assert bits.unpack(encoder.codes(images), encoder._width * 64)[..., :length].tolist() == codes
    found = bits.unpack(encoder(images), encoder.dim)
    high, wide = encoder._extent
    for i in range(encoder.dim) if JIT else range(0, encoder.dim, 9):
        w, b = divmod(i, 64)
        wanted = bits.unpack(encoder.patches[w, :, b], encoder._width * 64)[:length].tolist()
        corner = encoder.corners[w]
        assert any(
            code[y][x] == wanted
            for code in codes
            for y in range(corner[0], corner[0] + high)
            for x in range(corner[1], corner[1] + wide)
        ), "the patch was seen in the window"
        apart = [twin.nearest(code, corner, high, wide, wanted) for code in codes]
        assert encoder.radii[w, b] == twin.radius(apart, 0.4)
        assert found[:, i].tolist() == [int(d <= encoder.radii[w, b]) for d in apart]
    assert np.all(encoder(images)[:, -1] & ~bits.tail_mask(encoder.dim) == 0)


def test_batches_and_types() -> None:
    encoder = ReceptiveFields(100, PICTURES, patch=2, window=3, rng=0)
    whole = encoder(PICTURES)
    assert whole.shape == (6, 2)
    assert np.array_equal(encoder(PICTURES.reshape(2, 3, 5, 6)).reshape(6, 2), whole)
    assert np.array_equal(encoder(PICTURES.astype(np.float32)), whole)
    assert np.array_equal(encoder(PICTURES.astype(np.int64)), whole)
    assert np.array_equal(encoder(PICTURES[3]), whole[3])
    assert encoder(PICTURES[:0]).shape == (0, 2)
    assert encoder.codes(PICTURES[:0]).shape == (0, 6, 7, 1)
    bright = PICTURES > 99
    some = ReceptiveFields(64, bright, patch=3, window=2, edge=None, levels=(0.5,), rng=0)
    assert np.array_equal(some(bright), some(bright.astype(np.uint8)))


def test_the_first_bits() -> None:
    encoder = ReceptiveFields(200, PICTURES, patch=2, window=3, rng=0)
    for dim in (1, 64, 65, 200):
        some = encoder.head(dim)
        assert np.array_equal(bits.unpack(some(PICTURES), dim), bits.unpack(encoder(PICTURES), 200)[:, :dim])
    assert (encoder.dim, len(encoder.radii)) == (200, 4)
    assert encoder.head(64).nbytes * 4 == encoder.nbytes


def test_the_seed_decides_and_threads_do_not(monkeypatch) -> None:
    one = ReceptiveFields(200, PICTURES, patch=2, window=3, rng=1)
    monkeypatch.setattr(encode.fields, "IMAGES", 2)
    monkeypatch.setattr(encode.fields, "spread", lambda work, size: [work(i, i + 1) for i in range(size)])
    other = ReceptiveFields(200, PICTURES, patch=2, window=3, rng=1)
    assert np.array_equal(one.patches, other.patches)
    assert np.array_equal(one.radii, other.radii)
    assert np.array_equal(one(PICTURES), other(PICTURES))
    assert not np.array_equal(one.patches, ReceptiveFields(200, PICTURES, patch=2, window=3, rng=2).patches)


@pytest.mark.skipif(not JIT, reason="thousands of patches, far too slow un-jitted")
def test_density_and_shifts() -> None:
    """Bits are set by as many images as asked, and a stroke that shifts a little keeps most of its bits."""
    random = np.random.default_rng(0)
    images = np.zeros((600, 20, 20), dtype=np.uint8)
    for image in images:  # a stroke of two pixels' width in some direction
        y, x, turn = random.uniform(6, 14), random.uniform(6, 14), random.uniform(0, np.pi)
        for s in np.linspace(-5, 5, 40):
            image[int(y + s * np.sin(turn)) :][:2, int(x + s * np.cos(turn)) :][:, :2] = 255
    encoder = ReceptiveFields(1024, images[:300], density=0.3, window=7, rng=0)
    assert bits.unpack(encoder(images[:300]), 1024).mean(axis=0).min() >= 0.3
    ours = BSC(1024)
    plain = BSC(1024)
    places, levels = grid(plain, 20, 20, rng=1), level(plain, 2, rng=2)
    moved = np.roll(images[300:], 1, axis=2)

    def alike(space, a, b) -> float:
        """Similarity to the shifted self, less that to the next image, over its room up to 1."""
        own = np.diag(space.similarity(a, b)).mean()
        other = np.diag(space.similarity(a, np.roll(b, 1, axis=0))).mean()
        return float((own - other) / (1 - other))

    pixelwise = [pixels(plain, places, levels, x) for x in (images[300:], moved)]
    assert alike(ours, encoder(images[300:]), encoder(moved)) > 0.5
    assert alike(ours, encoder(images[300:]), encoder(moved)) > alike(plain, *pixelwise)


def test_saved_and_loaded(tmp_path) -> None:
    for images, options in (
        (PICTURES, {"patch": 2, "window": 3}),
        (PICTURES.reshape(6, 5, 2, 3), {"patch": 3, "edge": None, "levels": (50.0, 99.5)}),
    ):
        encoder = ReceptiveFields(100, images, rng=0, **options)
        encoder.save(tmp_path / "fields.npy")
        again = ReceptiveFields.load(tmp_path / "fields.npy")
        assert repr(again) == repr(encoder)
        assert np.array_equal(again(images), encoder(images))
        assert encoder.nbytes == again.nbytes == encoder.patches.nbytes + 2 * 64 + 2 * 2 * 4


def test_damaged_files(tmp_path) -> None:
    place = tmp_path / "fields.npy"
    ReceptiveFields(100, PICTURES, patch=2, window=3, rng=0).save(place)
    body, meta = files.load_array(place, mmap=False)
    far = body.copy()
    far[-1] = 5
    wrong: list[tuple[Any, dict[str, Any], str]] = [
        (body, {"kind": "else"}, "must hold receptive fields version 1"),
        (body, {"kind_version": 2}, "must hold receptive fields version 1"),
        (body[:-1], {}, "it must have 1168 bytes, got uint8"),
        (body.astype(np.int16), {}, "it must have 1168 bytes, got int16"),
        (far, {}, "a window leaves the image"),
        (body, {"settings": {**meta["settings"], "shape": [4, 6]}}, "a window leaves the image"),
        (body, {"settings": {**meta["settings"], "shape": [5]}}, "shape must have 2 or 3 axes"),
        (body, {"settings": {**meta["settings"], "shape": [5, -6]}}, "shape must be at least 1"),
        (body, {"settings": {**meta["settings"], "patch": 99}}, "patch must have at most"),
        (body, {"settings": {**meta["settings"], "dim": 0}}, "dim must be at least 1"),
        (body, {"settings": {**meta["settings"], "evil": 0}}, "evil"),
        (body, {"settings": None}, "content that makes no receptive fields"),
    ]
    for content, change, message in wrong:
        files.save_array(place, content, **json.loads(json.dumps(meta | change)))
        with pytest.raises(ValueError, match=message):
            ReceptiveFields.load(place)
    place.write_bytes(b"\x93NUMPY")
    with pytest.raises(ValueError, match=r"fields\.npy"):
        ReceptiveFields.load(place)


# --- errors -------------------------------------------------------------------------------------------

B = BSC(70)
PLACES, LEVELS = grid(B, 5, 6, rng=0), level(B, 3, rng=0)
NAN = float("nan")
FIELDS = ReceptiveFields(10, PICTURES, patch=2, window=3, rng=0)

CASES: list[tuple[Callable[[], Any], type[Exception], str]] = [
    (lambda: grid(B, 0, 3), ValueError, "num must be at least 1, got 0"),
    (
        lambda: pixels(B, PLACES[0], LEVELS, PICTURES),
        ValueError,
        r"places must be \(H, W, 2\), got shape \(6, 2\)",
    ),
    (lambda: pixels(B, PLACES.astype(int), LEVELS, PICTURES), TypeError, "places must be uint64"),
    (lambda: pixels(B, PLACES, LEVELS[:0], PICTURES), ValueError, "levels must be a batch"),
    (lambda: pixels(B, PLACES, LEVELS, PICTURES[:, :4]), ValueError, r"images must be \(..., 5, 6\)"),
    (lambda: pixels(B, PLACES, LEVELS, PICTURES[0, 0]), ValueError, r"images must be \(..., 5, 6\)"),
    (lambda: pixels(B, PLACES, LEVELS, PICTURES * NAN), ValueError, "images must be finite"),
    (lambda: pixels(B, PLACES, LEVELS, PICTURES.astype(str)), TypeError, "images must be numbers"),
    (lambda: pixels(B, PLACES, LEVELS, PICTURES, low=1, high=1), ValueError, "low must be below high"),
    (lambda: ReceptiveFields(0, PICTURES), ValueError, "dim must be at least 1, got 0"),
    (lambda: ReceptiveFields(9, PICTURES[0]), ValueError, r"images must be \(N, H, W\) or \(N, H, W, C\)"),
    (lambda: ReceptiveFields(9, PICTURES[:0]), ValueError, r"images must be .* got shape \(0, 5, 6\)"),
    (lambda: ReceptiveFields(9, PICTURES * NAN), ValueError, "images must be finite numbers"),
    (lambda: ReceptiveFields(9, PICTURES.astype(complex)), TypeError, "images must be numbers"),
    (lambda: ReceptiveFields(9, PICTURES, patch=0), ValueError, "patch must be at least 1"),
    (lambda: ReceptiveFields(9, PICTURES, patch=8), ValueError, "patch must have at most 255 bits"),
    (lambda: ReceptiveFields(9, PICTURES, stride=0), ValueError, "stride must be at least 1"),
    (lambda: ReceptiveFields(9, PICTURES, window=1.5), TypeError, "window must be an integer"),
    (lambda: ReceptiveFields(9, PICTURES, edge=-1), ValueError, "edge must be at least 0, got -1"),
    (lambda: ReceptiveFields(9, PICTURES, edge=NAN), ValueError, "edge must be finite"),
    (
        lambda: ReceptiveFields(9, PICTURES, edge=None),
        ValueError,
        "levels must be a list of numbers, not empty",
    ),
    (lambda: ReceptiveFields(9, PICTURES, levels=[[1]]), ValueError, "levels must be a list of numbers"),
    (lambda: ReceptiveFields(9, PICTURES, levels=range(65)), ValueError, "patch must have at most"),
    (lambda: ReceptiveFields(9, PICTURES, density=0), ValueError, r"density must be in \(0, 1\], got 0"),
    (lambda: ReceptiveFields(9, PICTURES, density=NAN), ValueError, "density must be finite"),
    (lambda: ReceptiveFields(9, PICTURES, sample=0), ValueError, "sample must be at least 1"),
    (lambda: ReceptiveFields(9, PICTURES, rng="x"), TypeError, "rng must be"),
    (lambda: FIELDS(PICTURES[:, :4]), ValueError, r"images must be \(..., 5, 6\), got shape \(6, 4, 6\)"),
    (lambda: FIELDS(PICTURES[0, 0]), ValueError, r"images must be \(..., 5, 6\)"),
    (lambda: FIELDS(np.full((5, 6), NAN)), ValueError, "images must be finite"),
    (lambda: FIELDS.head(11), ValueError, "dim must be at most 10, got 11"),
    (lambda: FIELDS.head(0), ValueError, "dim must be at least 1, got 0"),
    (lambda: FIELDS.codes(np.full((5, 6), "a")), TypeError, "images must be numbers"),
]


@pytest.mark.parametrize(("call", "kind", "message"), CASES)
def test_bad_input_names_the_argument(call, kind, message) -> None:
    with pytest.raises(kind, match=f"^{message}"):
        call()
