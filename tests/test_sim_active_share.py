"""The sim on active shares: its counts, its simulated routers against the law, and what its figure says."""

import numpy as np
import pytest
from matplotlib import pyplot as plt

from hdspike import sim
from hdspike.sparsity import parameters

SHARES = sim.load("active_share")


@pytest.fixture(scope="module")
def numbers():
    return SHARES.simulate(quick=True, seed=0)


def test_experts_activate_a_few_percent_and_dense_models_everything(numbers):
    models = numbers["models"]
    assert len(models) == 9 and len(numbers["sparse"]) == 5
    for name, made in models.items():
        assert made["share"] == (1 if name not in numbers["sparse"] else made["active"] / made["total"])
        assert made["share_read"][0] == pytest.approx(made["read"]["share"], rel=1e-12)
    assert 0.03 < numbers["least"] < 0.032 and 0.27 < numbers["most"] < 0.28
    assert models["deepseek-v3"]["active"] == 37_552_297_472
    assert numbers["latent"] == {"values": 35_136, "every_head": 2_498_560, "saved": 2_498_560 / 35_136}


def test_a_batch_wakes_the_experts(numbers):
    batches = numbers["batches"]
    for name in numbers["sparse"]:
        made = numbers["models"][name]
        assert all(np.diff(made["share_read"]) >= 0)
        assert made["half_read_at"] < made["nearly_all_read_at"] < 300
        for point in made["simulated"]:
            law = made["share_read"][batches.index(point["batch"])]
            assert point["mean"] == pytest.approx(law, rel=0.05)
            assert point["low"] <= point["mean"] <= point["high"]
    deepseek = numbers["models"]["deepseek-v3"]
    for even, uneven in zip(deepseek["simulated"], deepseek["skewed"], strict=True):
        assert uneven["mean"] < even["mean"]
    shape = parameters.find("deepseek-v3").architecture
    half = deepseek["half_read_at"]
    whole = parameters.stored(parameters.parts(shape), 16)
    reads = [parameters.loaded(shape, batch=b, storage=16) / whole for b in (half - 1, half)]
    assert reads[0] < 0.5 <= reads[1]


def test_where_the_dense_model_reads_less(numbers):
    less = numbers["dense_reads_less"]
    sparse, dense = SHARES.SKEWED, SHARES.RIVAL
    for batch, dense_wins in (
        (less["low"] - 1, False), (less["low"], True), (less["high"], True), (less["high"] + 1, False)
    ):  # fmt: skip
        assert (SHARES.read_by(dense, batch) < SHARES.read_by(sparse, batch)) == dense_wins
    assert numbers["twin"]["times"] == pytest.approx(
        numbers["models"][sparse]["share_read"][8] / numbers["models"][sparse]["read"]["share"]
    )


def test_simulated_routers_choose_k_different_experts():
    alone = SHARES.routed(16, 5, 1, 6, np.random.default_rng(0))
    assert (alone["mean"], alone["low"], alone["high"]) == (5, 5, 5)
    all_of_them = SHARES.routed(4, 4, 3, 2, np.random.default_rng(0))
    assert all_of_them["mean"] == 4
    rng = np.random.default_rng(1)
    many = SHARES.routed(8, 2, 4, 2000, rng)
    assert many["low"] < parameters.distinct_experts(8, 2, 4) < many["high"]


def test_the_figure_says_what_the_numbers_are(numbers):
    fig = SHARES.draw(numbers)
    said = " ".join([fig.get_supxlabel(), *(ax.get_title() for ax in fig.axes)])
    for words in (
        "3 to 27 %", "3.1 % to 27.3 %", "Active is not nonzero", "71 times", "what stays is the arithmetic",
        f"half at B = {numbers['models']['deepseek-v3']['half_read_at']}",
        f"from B = {numbers['dense_reads_less']['low']} to {numbers['dense_reads_less']['high']:,}",
    ):  # fmt: skip
        assert words in said
    assert sum(len(ax.patches) for ax in fig.axes) == 9
    plt.close(fig)
