"""Finite automata: every transition a product of symbol, state and next state, all transitions bundled."""

from typing import Any

from numpy.typing import NDArray

from hdspike import check
from hdspike.encode.contract import index_rows, need
from hdspike.spaces import Space


def automaton(space: Space, states: Any, symbols: Any, transitions: Any) -> NDArray[Any]:
    """An automaton in one vector: ``[Σ state ⊗ symbol ⊗ ρ next]`` over its transitions.

    Args:
        states: ``(S, width)`` one vector per state.
        symbols: ``(V, width)`` one vector per input symbol.
        transitions: ``(..., E, 3)`` indices of state, symbol and next state. Several next states make it
            nondeterministic.

    Returns:
        ``(..., width)``.

    Source: Osipov, Kleyko & Legalov (2017), "Associative synthesis of finite state automata model of a controlled
    object with hyperdimensional computing".
    """
    need(space, "associative", "an automaton")
    given = check.batch("states", space.checked("states", states), least=1)
    inputs = check.batch("symbols", space.checked("symbols", symbols), least=1)
    moves = index_rows("transitions", transitions, len(given), len(inputs), len(given))
    now, read = given[moves[..., 0]], inputs[moves[..., 1]]
    return space.bundle(space.bind(space.bind(now, read), space.permute(given, 1)[moves[..., 2]]))


def step(space: Space, automaton: Any, state: Any, symbol: Any) -> NDArray[Any]:
    """The next state, with the noise of the other transitions: ``ρ⁻¹(a ⊗ (state ⊗ symbol)⁻¹)``.

    ``(..., width)`` each, broadcast → ``(..., width)``. From a bundle of states it goes to the bundle of their
    next states.

    >>> from hdspike.spaces import BSC
    >>> space = BSC(10_000)
    >>> states, (coin, push) = space.random(2, rng=0), space.random(2, rng=1)  # a turnstile: locked, open
    >>> a = automaton(space, states, [coin, push], [[0, 0, 1], [0, 1, 0], [1, 0, 1], [1, 1, 0]])
    >>> now = [0]
    >>> for read in (push, coin, coin, push):
    ...     now.append(int(space.score([step(space, a, states[now[-1]], read)], states).argmax()))
    >>> now
    [0, 0, 1, 1, 0]
    """
    need(space, "invertible", "a step")
    bound = space.bind(space.checked("state", state), space.checked("symbol", symbol))
    return space.permute(space.bind(space.checked("automaton", automaton), space.inverse(bound)), -1)
