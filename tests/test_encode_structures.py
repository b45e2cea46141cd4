"""Sets, sequences, tables, graphs, trees, automata, series: their equations, what is read back, and which spaces."""

import numpy as np
import pytest

from hdspike import encode, theory
from hdspike.spaces import BSC, BSDC, SBC
from tests.conftest import JIT

EXACT = [BSC(1), BSC(65), BSC(130), SBC(2, blocks=1), SBC(35, blocks=7)]
ALL = [*EXACT, BSDC(30, ones=5)]
LARGE = [BSC(8000), SBC(8000, blocks=500)]
same = np.testing.assert_array_equal


def stacked(space, *shape, seed: int = 0):
    return space.random(int(np.prod(shape)), rng=seed).reshape(*shape, space.width)


def product(space, *vectors):
    out = vectors[0]
    for vector in vectors[1:]:
        out = space.bind(out, vector)
    return out


def best(space, noisy, items) -> list[int]:
    return space.score(np.atleast_2d(noisy), items).argmax(axis=1).tolist()


# --- the equations, vector by vector, over every space that has them, with batches in front -----------------


@pytest.mark.parametrize("space", ALL, ids=repr)
def test_multiset(space) -> None:
    x = stacked(space, 2, 3, 4)
    found = encode.multiset(space, x, weights=[1, 2, 1, 3])
    for i in np.ndindex(2, 3):
        same(found[i], space.bundle(x[i], weights=[1, 2, 1, 3]))


@pytest.mark.parametrize("space", EXACT, ids=repr)
def test_multibind(space) -> None:
    x = stacked(space, 2, 3, 4)
    found = encode.multibind(space, x)
    for i in np.ndindex(2, 3):
        same(found[i], product(space, *x[i]))
    alone = encode.multibind(space, x[:, :, :1])
    same(alone, x[:, :, 0])
    alone[...] = 0  # the argument is left alone
    same(x, stacked(space, 2, 3, 4))


@pytest.mark.parametrize("space", ALL, ids=repr)
def test_bundle_sequence(space) -> None:
    x = stacked(space, 2, 5)
    found = encode.bundle_sequence(space, x)
    for i in range(2):
        rows = [space.permute(x[i, t], t) for t in range(5)]
        same(found[i], space.bundle(np.stack(rows)))
        same(encode.placed(space, x)[i], np.stack(rows))
    same(encode.element(space, encode.bundle_sequence(space, x[:, :1]), 0), x[:, 0])
    same(encode.element(space, encode.placed(space, x)[:, 3], 3), x[:, 3])


@pytest.mark.parametrize("space", EXACT, ids=repr)
def test_bind_sequence(space) -> None:
    x = stacked(space, 2, 4)
    found = encode.bind_sequence(space, x)
    for i in range(2):
        same(found[i], product(space, *(space.permute(x[i, t], t) for t in range(4))))
    backwards = space.bind(found, space.inverse(encode.bind_sequence(space, x[:, :3])))
    same(encode.element(space, backwards, 3), x[:, 3])  # the rest unbound, the last item is left


@pytest.mark.parametrize("space", ALL, ids=repr)
def test_hash_table(space) -> None:
    keys, values = stacked(space, 3), stacked(space, 2, 3, seed=1)
    found = encode.hash_table(space, keys, values)
    for i in range(2):
        same(
            found[i], space.bundle(np.stack([space.bind(k, v) for k, v in zip(keys, values[i], strict=True)]))
        )
    if "invertible" in space.claims:
        one = encode.hash_table(space, keys[:1], values[:, :1])
        same(encode.lookup(space, one, keys[0]), values[:, 0])


@pytest.mark.parametrize("space", ALL, ids=repr)
@pytest.mark.parametrize("directed", [False, True])
def test_graph(space, directed: bool) -> None:
    nodes = stacked(space, 4)
    edges = np.array([[[0, 1], [2, 2]], [[3, 1], [0, 1]]])
    found = encode.graph(space, nodes, edges, directed=directed, weights=[1, 2])
    for i in range(2):
        rows = [space.bind(nodes[a], space.permute(nodes[b], int(directed))) for a, b in edges[i]]
        same(found[i], space.bundle(np.stack(rows), weights=[1, 2]))
    if "invertible" not in space.claims:
        return
    one = encode.graph(space, nodes, [[3, 1]], directed=directed)
    if directed:
        same(encode.neighbours(space, one, nodes[3], direction="out"), nodes[1])
        same(encode.neighbours(space, one, nodes[1], direction="in"), nodes[3])
    else:
        same(encode.neighbours(space, one, nodes[[3, 1]]), nodes[[1, 3]])


@pytest.mark.parametrize("space", EXACT, ids=repr)
def test_tree(space) -> None:
    sides, leaves = stacked(space, 3), stacked(space, 2, 4, seed=1)
    paths = [[0], [1, 2], [2, 0, 1], []]
    found = encode.tree(space, sides, paths, leaves)
    for i in range(2):
        rows = [
            product(space, leaf, *(space.permute(sides[s], depth + 1) for depth, s in enumerate(path)))
            for leaf, path in zip(leaves[i], paths, strict=True)
        ]
        same(found[i], space.bundle(np.stack(rows)))
    for i, path in enumerate(paths):
        one = encode.tree(space, sides, [path], leaves[:, i : i + 1])
        same(encode.leaf(space, one, sides, path), leaves[:, i])
    same(encode.leaf(space, found, sides, "lr"), encode.leaf(space, found, sides, [0, 1]))


@pytest.mark.parametrize("space", EXACT, ids=repr)
def test_automaton(space) -> None:
    states, inputs = stacked(space, 3), stacked(space, 2, seed=1)
    moves = np.array([[[0, 0, 1], [1, 1, 2]], [[2, 0, 0], [2, 1, 2]]])
    found = encode.automaton(space, states, inputs, moves)
    for i in range(2):
        rows = [product(space, states[s], inputs[v], space.permute(states[t], 1)) for s, v, t in moves[i]]
        same(found[i], space.bundle(np.stack(rows)))
    one = encode.automaton(space, states, inputs, [[1, 0, 2]])
    same(encode.step(space, one, states[1], inputs[0]), states[2])


@pytest.mark.parametrize("space", ALL, ids=repr)
@pytest.mark.parametrize("n", [1, 3])
def test_time_series(space, n: int, monkeypatch) -> None:
    channels, levels = stacked(space, 2), stacked(space, 5, seed=1)
    values = np.random.default_rng(2).normal(size=(2, 6, 2))
    taken = encode.quantise(values, 5, low=-1, high=1)
    monkeypatch.setattr("hdspike.encode.series.CHUNK", 1)  # a record at a time
    found = encode.time_series(space, channels, levels, values, low=-1, high=1, n=n)
    for i in range(2):
        records = [
            space.bundle(np.stack([space.bind(channels[c], levels[taken[i, t, c]]) for c in range(2)]))
            for t in range(6)
        ]
        grams = [
            product(space, *(space.permute(records[t - j], j) for j in range(n))) for t in range(n - 1, 6)
        ]
        same(found[i], space.bundle(np.stack(grams)))
    assert encode.time_series(space, channels, levels, values[:0], low=-1, high=1).shape == (0, space.width)


# --- what is read back, where the space is large enough ------------------------------------------------------


@pytest.mark.parametrize("space", LARGE, ids=repr)
def test_reading_back(space) -> None:
    x = space.random(20, rng=3)
    order = [4, 17, 4, 0, 9, 12, 11]
    sequence = encode.bundle_sequence(space, x[order])
    assert best(space, np.stack([encode.element(space, sequence, i) for i in range(7)]), x) == order
    table = encode.hash_table(space, x[:7], x[8:15])
    assert best(space, encode.lookup(space, table, x[:7]), x) == list(range(8, 15))
    machine = encode.automaton(
        space, x[:3], x[3:5], [[s, v, (s + 1 + v) % 3] for s in range(3) for v in (0, 1)]
    )
    for s in range(3):
        for v in (0, 1):
            assert best(space, encode.step(space, machine, x[s], x[3 + v]), x[:3]) == [(s + 1 + v) % 3]
    leaves = encode.tree(space, x[:2], ["ll", "lr", "rl", "rr", "rrr"], x[5:10])
    assert [
        best(space, encode.leaf(space, leaves, x[:2], p), x)[0] for p in ("ll", "rl", "rr", "rrr", "lr")
    ] == [*(5, 7, 8, 9, 6)]


@pytest.mark.parametrize("space", LARGE, ids=repr)
def test_neighbours_stand_out(space) -> None:
    nodes = space.random(8, rng=4)
    edges = [[0, 1], [0, 2], [3, 0], [4, 5], [6, 7]]
    undirected = encode.neighbours(space, encode.graph(space, nodes, edges), nodes[0])
    assert set(np.argsort(-space.score(undirected[None], nodes)[0])[:3]) == {1, 2, 3}
    directed = encode.graph(space, nodes, edges, directed=True)
    out = space.score(encode.neighbours(space, directed, nodes[0], direction="out")[None], nodes)[0]
    assert set(np.argsort(-out)[:2]) == {1, 2}
    assert np.argsort(-out)[2] not in (1, 2)
    back = encode.neighbours(space, directed, nodes[0], direction="in")
    assert best(space, back, nodes) == [3]


@pytest.mark.parametrize("space", LARGE, ids=repr)
@pytest.mark.parametrize("pairs", [3, 7])
def test_a_lookup_is_as_clear_as_theory_says(space, pairs: int) -> None:
    """The looked-up vector agrees with its value as a bundle with its member."""
    keys, values = space.random(pairs, rng=5), space.random(pairs, rng=6)
    found = encode.lookup(space, encode.hash_table(space, keys, values), keys)
    places = space.top_score
    agreement = theory.mode_agreement(pairs, length=2 if isinstance(space, BSC) else space.length)
    score = np.diag(space.score(found, values)).sum()
    deviation = np.sqrt(pairs * places * agreement * (1 - agreement))
    assert abs(score - pairs * places * agreement) < 5 * deviation


@pytest.mark.skipif(not JIT, reason="NUMBA_DISABLE_JIT=1: bundles of 8000 bits, a Python loop a bit")
@pytest.mark.parametrize("space", LARGE, ids=repr)
def test_series_keep_what_channels_did(space) -> None:
    """The same signal with noise is nearer than another phase between its channels, or another frequency."""
    t = np.arange(80)[:, None]
    channels, levels = space.random(2, rng=0), encode.level(space, 21, rng=1)
    noise = np.random.default_rng(2).normal(0, 0.05, size=(80, 2))
    wave, late, fast = np.sin(0.3 * t + [0, 1]), np.sin(0.3 * t + [0, 2.5]), np.sin(2.0 * t + [0, 1])
    codes = [
        encode.time_series(space, channels, levels, w, low=-1, high=1)
        for w in (wave, wave + noise, late, fast)
    ]
    scores = space.score(codes[0][None], np.stack(codes))[0]
    assert scores[1] > max(scores[2], scores[3])


@pytest.mark.parametrize(
    ("call", "trait"),
    [
        (lambda s, x: encode.multibind(s, x), "associative"),
        (lambda s, x: encode.bind_sequence(s, x), "associative"),
        (lambda s, x: encode.tree(s, x, ["l"], x[:1]), "associative"),
        (lambda s, x: encode.automaton(s, x, x, [[0, 0, 1]]), "associative"),
        (lambda s, x: encode.lookup(s, x[0], x), "invertible"),
        (lambda s, x: encode.neighbours(s, x[0], x[1]), "invertible"),
        (lambda s, x: encode.leaf(s, x[0], x, "l"), "invertible"),
        (lambda s, x: encode.step(s, x[0], x[1], x[1]), "invertible"),
    ],
)
def test_a_space_without_the_law_is_refused(call, trait: str) -> None:
    space = BSDC(100)
    with pytest.raises(TypeError, match=f"^space must be {trait} for"):
        call(space, space.random(2, rng=0))
    call(BSC(100), BSC(100).random(2, rng=0))


def test_bsdc_pairs_are_found_by_search() -> None:
    """Without an inverse: the table is compared with the key bound to each candidate."""
    space = BSDC(10_000)
    keys, values = space.random(3, rng=0), space.random(3, rng=1)
    table = encode.hash_table(space, keys, values)
    for i in range(3):
        assert best(space, table, space.bind(keys[i], values)) == [i]


@pytest.mark.parametrize("space", ALL, ids=repr)
def test_positions_are_powers_of_the_permutation(space) -> None:
    num = space.blocks if isinstance(space, SBC) else min(space.dim, 20)
    places = encode.position(space, num, rng=4)
    first = space.random(1, rng=4)[0]
    same(places, [space.permute(first, i) for i in range(num)])
