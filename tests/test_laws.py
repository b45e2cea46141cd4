"""Every law of :mod:`tests.laws` over every space that it is for, at awkward sizes."""

import inspect
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hdspike import spaces
from hdspike.spaces import BSC, BSDC, SBC, Space
from tests import laws

SMALL = [
    *map(BSC, (1, 63, 64, 65, 127, 130, 1000)),
    *(SBC(2, blocks=1), SBC(24, blocks=8), SBC(35, blocks=7), SBC(768, blocks=3, dtype=np.uint8)),
    *(BSDC(3), BSDC(7, ones=3), BSDC(65, ones=5), BSDC(131)),
]
LARGE = [
    *(BSC(2000), SBC(2048), SBC(3000, blocks=300), SBC(2000, blocks=200, dtype=np.uint16)),
    *(BSDC(4000), BSDC(3000, ones=100, seed=7)),
]
PRIMES = (3, 5, 7, 31, 61, 67, 127, 199)


def cases(chosen: list[laws.Law], held: list[Space]) -> list[Any]:
    return [
        pytest.param(law, space, id=f"{law.__name__}-{space!r}")
        for law in chosen
        for space in held
        if laws.claimed(law, space)
    ]


@pytest.mark.parametrize(("law", "space"), cases(laws.EXACT, SMALL))
def test_exact(law: laws.Law, space: Space) -> None:
    for seed in range(3):
        law(space, seed)


@pytest.mark.parametrize(("law", "space"), cases(laws.STATISTICAL, LARGE))
def test_statistical(law: laws.Law, space: Space) -> None:
    law(space, 1)


@st.composite
def sparse(draw: st.DrawFn) -> BSDC:
    dim = draw(st.sampled_from(PRIMES))
    return BSDC(dim, ones=draw(st.integers(1, dim // 2)), seed=draw(st.integers(0, 9)))


@given(
    st.one_of(
        st.integers(1, 200).map(BSC),
        st.tuples(st.integers(1, 9), st.integers(2, 9)).map(lambda s: SBC(s[0] * s[1], blocks=s[0])),
        sparse(),
    ),
    st.integers(0, 2**32),
    st.data(),
)
def test_exact_at_any_size(space: Space, seed: int, data: st.DataObject) -> None:
    law = data.draw(st.sampled_from([law for law in laws.EXACT if laws.claimed(law, space)]))
    law(space, seed)


UNCLAIMED = [
    pytest.param(law, space, id=f"{law.__name__}-{space!r}")
    for law in laws.TRAIT
    for space in LARGE
    if not laws.claimed(law, space)
]


@pytest.mark.parametrize(("law", "space"), UNCLAIMED)
def test_a_law_that_is_not_claimed_is_broken(law: laws.Law, space: Space) -> None:
    """The declaration is honest both ways: a counter-example is found, or the operation says it is missing."""
    with pytest.raises((AssertionError, TypeError)) as caught:
        law(space, 1)
    assert isinstance(caught.value, AssertionError) or "has none" in str(caught.value)


def test_traits_and_laws_belong_together() -> None:
    assert set(laws.TRAIT.values()) == set(spaces.TRAITS)
    assert set(laws.TRAIT) <= {*laws.EXACT, *laws.STATISTICAL}
    for space in LARGE:
        assert space.claims <= set(spaces.TRAITS)
    assert {space.name for space in LARGE if len(space.claims) < len(spaces.TRAITS)} == {"bsdc"}
    assert UNCLAIMED


def offspring(kind: Any) -> set[Any]:
    return {kind}.union(*(offspring(sub) for sub in kind.__subclasses__()))


def test_every_space_is_under_the_laws() -> None:
    """A new space in the package must join the lists above."""
    known = {kind.name for kind in offspring(Space) if not inspect.isabstract(kind)}
    assert {space.name for space in SMALL} == {space.name for space in LARGE} == known == set(spaces.SPACES)


def test_make() -> None:
    assert repr(spaces.make("bsc", 100)) == "BSC(100)"
    assert repr(spaces.make("sbc", 256)) == "SBC(256, blocks=128)"
    assert repr(spaces.make("bsdc", 10_000)) == "BSDC(10000, ones=100)"
    assert repr(BSDC(100, ones=5, seed=3)) == "BSDC(100, ones=5, seed=3)"
    assert repr(SBC(512, blocks=2, dtype=np.uint8)) == "SBC(512, blocks=2, dtype=uint8)"
    assert (spaces.make("sbc", 1024).dim, spaces.make("sbc", 1024).width) == (1024, 128)
