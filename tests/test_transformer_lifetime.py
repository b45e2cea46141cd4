"""The lifetime memory of a Spiking HD-Transformer: pools of rows as lists of objects; it never grows."""

from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hdspike.transformer import Head, Settings, window
from hdspike.transformer import lifetime as room
from tests.naive import transformer as naive
from tests.tiny_transformers import pools_of, same_pools, spikes_of, suffixes


class Memory:
    """The kernels, one call each, beside the twin."""

    def __init__(self, config: Settings) -> None:
        self.config, self.held = config, room.new_lifetime(config)
        self.twins = pools_of(config)
        self.seen = np.zeros((len(config.heads), 5), dtype=np.int64)
        fan_out = max(head.fan_out for head in config.heads)
        self.desk = np.zeros(fan_out, dtype=np.uint16), np.zeros(fan_out, dtype=np.uint16)

    def store(self, h: int, code: list[int], symbol: int) -> None:
        code_ = np.array(code, dtype=np.uint16)
        room._store(self.held, h, code_, np.uint16(symbol), self.config.needed, self.seen)
        self.twins[h].store(code, symbol)

    def recall(self, h: int, code: list[int]) -> dict[int, int]:
        code_ = np.array(code, dtype=np.uint16)
        found = room._recall(self.held, h, code_, self.config.needed, *self.desk, self.seen)
        spikes = dict(zip(*(array[:found].tolist() for array in self.desk), strict=True))
        assert list(spikes.items()) == list(self.twins[h].recall(code).items())
        assert (room._winner(self.held, h, code_, self.config.needed) < 0) == (
            self.twins[h].winner(code) is None
        )
        return spikes

    def check(self) -> None:
        """The same rows, synapses and counts as the twin; fans as recounted."""
        same_pools(self.held, self.twins, self.config)
        for h, twin in enumerate(self.twins):
            assert self.seen[h].tolist() == [twin.counts[name] for name in room_counts()]


def room_counts() -> tuple[str, ...]:
    return ("lifetime_events", "lifetime_fired", "lifetime_written", "recruited", "replaced")


@st.composite
def memories(draw):
    synapses = draw(st.integers(1, 3))
    pools = [Head("suffix", 1, 1, draw(st.integers(1, 3)), draw(st.integers(1, 3))) for _ in range(2)]
    return Settings(
        lines=1 << draw(st.integers(1, 2)),
        synapses=synapses,
        threshold=draw(st.integers(1, synapses)),
        heads=tuple(pools),
    )


@given(memories(), st.data())
def test_storing_and_recalling_as_written_out(config, data) -> None:
    memory = Memory(config)
    line = st.integers(0, config.lines - 1)
    code = st.lists(line, min_size=config.synapses, max_size=config.synapses)
    step = st.tuples(st.integers(0, 1), code, st.none() | st.integers(0, 4))
    for h, lines, symbol in data.draw(st.lists(step, max_size=40)):
        if symbol is None:
            memory.recall(h, lines)
        else:
            memory.store(h, lines, symbol)
    memory.check()


@pytest.mark.parametrize("delay", [1, 3, 7])
@pytest.mark.parametrize("learn", [True, False])
def test_places_are_stored_when_they_have_waited(delay, learn) -> None:
    """``_remember`` over a window's codes, in spans and by heads, is one ``_store`` and one ``_recall`` per place."""
    config = Settings(lines=4, heads=suffixes(1, 2), window=8, delay=delay)
    memory, random = Memory(config), np.random.default_rng(delay)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(window, "SPAN", 5)
        held, spikes = window.new_window(config), window.new_spikes(2, 4)
    codes, ring = random.integers(4, size=(60, 2, 2)).astype(np.uint16), len(held.values)
    values = random.integers(3, size=60).astype(np.uint16)
    for start in range(0, 60, 5):
        places = np.arange(start, start + 5)
        held.codes[:, places % ring] = codes[places].transpose(1, 0, 2)
        held.values[places % ring] = values[places]
        for h in range(2):
            room._remember(
                *(memory.held, held, start, 5, h, h + 1, delay, learn, config.needed, spikes, memory.seen)
            )
        for i, t in enumerate(places.tolist()):
            for h, twin in enumerate(memory.twins):
                if learn and t >= delay:
                    twin.store(codes[t - delay, h].tolist(), int(values[t - delay]))
                assert list(spikes_of(spikes, i)[h].items()) == list(
                    twin.recall(codes[t, h].tolist()).items()
                )
    memory.check()
    assert memory.held.uses.any() == learn


def test_one_shot_then_hebb() -> None:
    memory = Memory(Settings(lines=4, heads=suffixes(1)))
    assert memory.recall(0, [1, 2]) == {}
    memory.store(0, [1, 2], 5)
    assert memory.recall(0, [1, 2]) == {5: 1}
    assert memory.recall(0, [1, 3]) == memory.recall(0, [2, 2]) == {}
    for symbol in (5, 6, 5):
        memory.store(0, [1, 2], symbol)
    assert memory.recall(0, [1, 2]) == {5: 3, 6: 1}
    memory.check()


def test_a_count_is_the_bundle_of_what_followed_until_it_is_full() -> None:
    """At 255 all counters of the row halve: what was seen last weighs most, and a count of one is forgotten."""
    memory = Memory(Settings(lines=2, heads=suffixes(1, fan_out=3)))
    for symbol, times in ((7, 1), (8, 9), (9, 255)):
        for _ in range(times):
            memory.store(0, [1, 1], symbol)
    assert memory.recall(0, [1, 1]) == {7: 1, 8: 9, 9: 255}
    memory.store(0, [1, 1], 9)
    assert memory.recall(0, [1, 1]) == {8: 4, 9: 128}
    memory.store(0, [1, 1], 6)  # the free synapse, before the weakest
    assert memory.recall(0, [1, 1]) == {6: 1, 8: 4, 9: 128}
    memory.store(0, [1, 1], 5)
    assert memory.recall(0, [1, 1]) == {5: 1, 8: 4, 9: 128}
    memory.check()


def test_the_least_used_row_gives_its_place() -> None:
    """And all others of the pool forget a use, so that no row keeps its place for ever."""
    memory = Memory(Settings(lines=4, heads=suffixes(1, rows=2)))
    for code, times in (([0, 0], 5), ([0, 1], 2)):
        for _ in range(times):
            memory.store(0, code, 1)
    memory.store(0, [0, 2], 3)
    assert memory.recall(0, [0, 1]) == {} and memory.recall(0, [0, 2]) == {3: 1}
    assert memory.held.uses[:2].tolist() == [4, 1]
    for _ in range(2):
        for line in (3, 1, 2):  # each is new to the pool
            memory.store(0, [0, line], 3)
    assert memory.recall(0, [0, 0]) == {}
    memory.check()


def test_uses_stop_at_their_most() -> None:
    memory = Memory(Settings(lines=2, heads=suffixes(1)))
    memory.store(0, [0, 0], 1)
    row = int(np.flatnonzero(memory.held.uses)[0])
    memory.held.uses[row] = memory.twins[0].pools[0][0].uses = room.MOST_USES - 1
    for _ in range(2):
        memory.store(0, [0, 0], 1)
        assert memory.held.uses[row] == room.MOST_USES
    memory.check()


def test_a_random_life_keeps_the_memory_in_its_bounds() -> None:
    """Rows never exceed their pools, fans are those that a recount finds, and no array grows."""
    config = Settings(lines=4, synapses=3, threshold=2, heads=suffixes(1, 2, rows=2, fan_out=2))
    memory, random = Memory(config), np.random.default_rng(0)
    sizes = [array.size for array in memory.held]
    for _ in range(400):
        h, symbol = int(random.integers(2)), int(random.integers(5))
        memory.store(h, random.integers(4, size=3).tolist(), symbol)
    assert [array.size for array in memory.held] == sizes
    for h, twin in enumerate(memory.twins):
        used = [row for pool in twin.pools.values() for row in pool]
        assert max(map(len, twin.pools.values())) <= 2 and len(used) <= 8
        for b in range(3):
            listeners = Counter(row.lines[b] for row in used)
            assert memory.held.fans[3 * h + b].tolist() == [listeners[line] for line in range(4)]
    memory.check()
    assert memory.seen[:, room.REPLACED].all()


def test_free_rows_are_taken_in_their_order() -> None:
    config = Settings(lines=2, heads=suffixes(1, rows=3))
    memory = Memory(config)
    for second, used in ((0, [1, 0, 0]), (1, [1, 1, 0])):
        memory.store(0, [1, second], 0)
        assert memory.held.uses.tolist() == [0, 0, 0, *used]
        code = np.array([1, second], dtype=np.uint16)
        row = room._winner(memory.held, 0, code, 2)
        assert row == 3 + second and room._synapses(memory.held, 0, row) == 4 * row
    assert room._recruit(memory.held, 0, np.array([1, 1], dtype=np.uint16), memory.seen) == 5
    assert naive.Pools(1, 1, 1).recruit([0]).uses == 0
