"""Every law of :mod:`tests.laws` over every space, at awkward sizes."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hdspike import spaces
from hdspike.spaces import BSC, SBC, Space
from tests import laws

SMALL = [*map(BSC, (1, 63, 64, 65, 127, 130, 1000)), SBC(2, blocks=1), SBC(24, blocks=8), SBC(35, blocks=7)]
LARGE = [BSC(2000), SBC(2048), SBC(3000, blocks=300)]


@pytest.mark.parametrize("space", SMALL, ids=repr)
@pytest.mark.parametrize("law", laws.EXACT, ids=lambda law: law.__name__)
def test_exact(law: laws.Law, space: Space) -> None:
    for seed in range(3):
        law(space, seed)


@pytest.mark.parametrize("space", LARGE, ids=repr)
@pytest.mark.parametrize("law", laws.STATISTICAL, ids=lambda law: law.__name__)
def test_statistical(law: laws.Law, space: Space) -> None:
    law(space, 1)


@given(
    st.sampled_from(laws.EXACT),
    st.one_of(
        st.integers(1, 200).map(BSC),
        st.tuples(st.integers(1, 9), st.integers(2, 9)).map(lambda s: SBC(s[0] * s[1], blocks=s[0])),
    ),
    st.integers(0, 2**32),
)
def test_exact_at_any_size(law: laws.Law, space: Space, seed: int) -> None:
    law(space, seed)


def test_every_space_is_under_the_laws() -> None:
    """A new space in the package must join the lists above."""
    known = {cls.name for cls in Space.__subclasses__()}
    assert {space.name for space in SMALL} == {space.name for space in LARGE} == known == set(spaces.SPACES)


def test_make() -> None:
    assert repr(spaces.make("bsc", 100)) == "BSC(100)"
    assert repr(spaces.make("sbc", 256)) == "SBC(256, blocks=128)"
    assert (spaces.make("sbc", 1024).dim, spaces.make("sbc", 1024).width) == (1024, 128)
