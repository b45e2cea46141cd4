"""What normal scores lose at finite N, read off a grid: beside the sample that it is made of, and the limit."""

import doctest

import numpy as np
import pytest

from hdspike import theory
from hdspike.theory import sampled
from hdspike.theory.sampled import DroppedMass


def test_nodes_are_the_samples_themselves():
    law = DroppedMass(0.05, (50, 200), most=1.0, step=0.5, draws=60, band=(0.1, 0.8), seed=3)
    for size in (50, 200):
        for sigma in (0.0, 0.5, 1.0):
            sample = theory.dropped_mass_sample(0.05, sigma, size, draws=60, rng=3 + size)
            assert law.mean(sigma, size) == pytest.approx(sample.mean())
            assert law.low(sigma, size) == pytest.approx(np.quantile(sample, 0.1))
            assert law.high(sigma, size) == pytest.approx(np.quantile(sample, 0.8))


def test_between_nodes_it_is_linear_in_sigma_and_in_the_logarithm_of_keys():
    law = DroppedMass(0.05, (50, 100, 400), most=1.0, step=0.5, draws=20)
    assert law.mean(0.25, 50) == pytest.approx((law.mean(0, 50) + law.mean(0.5, 50)) / 2)
    assert law.mean(0.5, 200) == pytest.approx((law.mean(0.5, 100) + law.mean(0.5, 400)) / 2)
    assert law.mean(9.0, 100) == law.mean(1.0, 100), "beyond the grid its edge"
    assert law.mean(0.5, 9) == law.mean(0.5, 50)
    assert law.mean(0.5, 9999) == law.mean(0.5, 400)
    assert law.mean([[0.25], [0.5]], [50, 70, 100]).shape == (2, 3)
    assert DroppedMass(0.05, [50], most=0.5, draws=5).mean(0.3, 9999).shape == ()


def test_a_finite_number_loses_more_than_the_limit():
    law = DroppedMass(0.01, (500, 2000), most=4.0, step=2.0, draws=200)
    for sigma in (2.0, 4.0):
        limit = theory.dropped_mass(0.01, sigma)
        assert limit < law.mean(sigma, 2000) < law.mean(sigma, 500)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"keys": ()}, "keys must be rising"),
        ({"keys": (100, 50)}, "keys must be rising"),
        ({"keys": (50, 50)}, "keys must be rising"),
        ({"keys": (0, 50)}, "keys must be at least 1"),
        ({"share": 0.0}, "share must be"),
        ({"share": 1.5}, "share must be"),
        ({"most": -1}, "most must be"),
        ({"step": 0}, "step must be"),
        ({"draws": 0}, "draws must be at least 1"),
        ({"band": (0.9, 0.1)}, "band must be a lower and a higher"),
        ({"band": (0.1, 1.1)}, "band must be"),
        ({"seed": -1}, "seed must be at least 0"),
    ],
)
def test_bad_input(options, message):
    with pytest.raises(ValueError, match=message):
        DroppedMass(**{"share": 0.1, "keys": (50,), "most": 0.5, "draws": 2} | options)


@pytest.mark.parametrize("sigma", [-1.0, np.nan])
def test_a_bad_deviation(sigma):
    with pytest.raises(ValueError, match="sigma must be at least 0"):
        DroppedMass(0.1, (50,), most=0.5, draws=2).mean(sigma, 50)


def test_examples_hold():
    assert doctest.testmod(sampled).failed == 0
