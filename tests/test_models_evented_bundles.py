"""Winners that events find beside bundles of the other keys: slow twins, and one token at a time."""

import doctest
import math

import numpy as np
import pytest

from hdspike.models import Bundled, attention, evented_bundles
from hdspike.models.evented_bundles import EventBundled
from tests.naive import bundles as naive
from tests.naive import evented as slow
from tests.naive.coded import chosen
from tests.test_models_bundles import codes_of
from tests.tiny_codebooks import book as bundle_book
from tests.tiny_codebooks import parts
from tests.tiny_products import product as random_book


def books(seed, layers=1):
    rng = np.random.default_rng(seed)
    return bundle_book(rng, layers=layers), random_book(rng, layers=layers, groups=2, dim=8, lines=5)


@pytest.mark.parametrize("cells", [1, 1 << 21])
@pytest.mark.parametrize(
    ("winners", "rule"),
    [
        (7, {"events": 0.6, "candidates": 2}),
        (8, {"events": 2.0, "candidates": 1, "sinks": 1, "recent": 1}),
        (5, {"events": 0.0, "candidates": 1}),
        (40, {"events": 1.0}),
    ],
)
def test_the_plug_is_that_of_the_twin(winners, rule, cells, monkeypatch):
    monkeypatch.setattr(attention, "CELLS", cells)
    bundles, product = books(winners)
    queries, keys, values, seen = parts(np.random.default_rng(winners))
    plug = EventBundled(winners, bundles, product, **rule)
    out = plug(queries, keys, values, seen=seen)
    always = {name: rule.get(name, 0) for name in ("sinks", "recent")}
    spent = []

    def pick(h, i, scores, count):
        g, size = h // 2, len(scores)
        learned = (product.transforms[0, g], product.centres[0, g].astype(float), product.centroids[0, g])
        found, events, spikes = slow.lifted(
            queries[h, i], keys[g], size, learned, product.means[0, g, h % 2], rule["events"]
        )
        spent.append((events, spikes))
        first = sum(always.values())
        many = min(size, first + rule.get("candidates", 4) * (count - first))
        some = chosen(sorted(range(size), key=lambda j: (-found[j], j)), size, *always.values(), many)
        by_score = sorted(some, key=lambda j: (-scores[j], j))
        return chosen(by_score, size, *always.values(), count)

    wanted, masses, kept, used = naive.bundled(
        queries, keys, values, seen, codes_of(keys, bundles), lambda n: winners, 3, **always, pick=pick
    )
    assert np.allclose(out, wanted, atol=1e-4)
    assert math.isclose(plug.captured_mass, masses[0], abs_tol=1e-5)
    assert math.isclose(plug.estimated_mass, masses[1], abs_tol=1e-5)
    assert (plug.bundles, plug.kept, plug.inserted) == (used, kept + used, 2 * 13)
    assert [plug.synaptic_events, plug.spikes] == np.sum(spent, axis=0).tolist()
    assert plug.synaptic_events_per_query_key <= rule["events"] and 0 < plug.touched_fraction <= 1


def test_every_key_a_candidate_is_the_exact_rule():
    bundles, product = books(1)
    made = parts(np.random.default_rng(1))
    exact, plug = Bundled(6, bundles), EventBundled(6, bundles, product, candidates=13)
    assert np.array_equal(plug(*made[:3], seen=made[3]), exact(*made[:3], seen=made[3]))
    assert plug.captured_mass == exact.captured_mass and plug.touched_fraction == 1
    few = EventBundled(6, bundles, product, candidates=1, events=0)
    few(*made[:3], seen=made[3])
    assert few.captured_mass < exact.captured_mass and few.synaptic_events == 0
    few.reset()
    assert (few.rows, few.spikes, few.touched, few.rescored) == (0, 0, 0, 0)


def test_one_token_at_a_time():
    """Lists and bundles are kept from call to call, and dropped for another text."""
    bundles, product = books(2, layers=2)
    queries, keys, values, _ = parts(np.random.default_rng(2), count=13)
    whole, step = EventBundled(6, bundles, product), EventBundled(6, bundles, product)
    for layer in (0, 1):
        wanted = whole(queries, keys, values, layer=layer, seen=np.arange(1, 14))
        for low, high in ((0, 1), (1, 2), (2, 7), (7, 13)):
            out = step(
                queries[:, low:high], keys[:, :high], values[:, :high], layer=layer, seen=np.arange(low + 1, high + 1)
            )  # fmt: skip
            assert np.allclose(out, wanted[:, low:high], atol=1e-5)
    assert step.inserted == whole.inserted == 2 * 2 * 13
    names = ("synaptic_events", "spikes", "touched", "kept", "rescored")
    assert [getattr(step, name) for name in names] == [getattr(whole, name) for name in names]
    other = parts(np.random.default_rng(3), count=13)
    again = EventBundled(6, bundles, product)
    assert np.array_equal(step(*other[:3], seen=np.arange(1, 14)), again(*other[:3], seen=np.arange(1, 14)))
    assert step(queries[:, :0], keys, values, seen=np.arange(0)).shape == (4, 0, 8)


def test_clear_errors():
    bundles, product = books(4)
    queries, keys, values, seen = parts(np.random.default_rng(4))
    with pytest.raises(TypeError, match="book must be a ProductBook, got Codebook"):
        EventBundled(6, bundles, bundles)
    with pytest.raises(ValueError, match="events must be a finite number of at least 0, got inf"):
        EventBundled(6, bundles, product, events=math.inf)
    with pytest.raises(ValueError, match="candidates must be at least 1"):
        EventBundled(6, bundles, product, candidates=0)
    with pytest.raises(ValueError, match=r"winners must be above the 3 bundles"):
        EventBundled(3, bundles, product)
    for other in (books(4, layers=2)[1], random_book(np.random.default_rng(0), groups=2, dim=4)):
        with pytest.raises(ValueError, match=r"book must be of the codebook's .* = \(1, 2, 8\), it is of"):
            EventBundled(6, bundles, other)(queries, keys, values, seen=seen)
    with pytest.raises(ValueError, match="keys must be finite"):
        EventBundled(6, bundles, product)(queries, keys * np.float32(np.nan), values, seen=seen)


def test_examples():
    assert doctest.testmod(evented_bundles).attempted and not doctest.testmod(evented_bundles).failed
