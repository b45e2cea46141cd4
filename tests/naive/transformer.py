"""A slow, readable twin of the Spiking HD-Transformer: dicts, lists and Python's integers, from the equations.

It keeps the whole text and the code of every position, and looks at every key of the window from the newest back.
A memory's spikes for one head are a dict of counts by symbol, in the order of the first spike.
"""

import math
from collections import Counter
from dataclasses import dataclass, field

ROLE = 3
UNIT, ONE, ERROR = 1 << 16, 1 << 30, 12
STARTS = [0, 1, 2] + [s for octave in range(1, 60) for s in (3 << octave - 1, 2 << octave)]
"""The least number of every level: 0, 1, 2, 3, 4, 6, 8, 12, …"""


# ------------------------------------------------------------------ codes


def letter(symbol):
    return symbol.isalnum() or symbol == "_"


def ngram(items, run, block):
    """One block of ⊗_j ρʲ x_{t−j}, of a run of symbols that ends at t."""
    blocks = len(items[0])
    return sum(items[x][(block - j) % blocks] for j, x in enumerate(reversed(run)))


def words_of(text, letters):
    """What is being read, a run of letters or one other symbol; and the whole words before it, the newest first."""
    runs = []
    for x in text:
        if runs and letters[x] and letters[runs[-1][-1]]:
            runs[-1].append(x)
        else:
            runs.append([x])
    return runs[-1], [run for run in reversed(runs[:-1]) if letters[run[0]]]


def code(text, letters, items, head, block, lines):
    """The line of one block of a head at the last symbol of a text."""
    if head.kind == "suffix":
        return ngram(items, text[-head.reach :], block) % lines
    now, before = words_of(text, letters)
    words = [now, *before][: head.reach]
    return sum(ROLE**k * ngram(items, word, block) for k, word in enumerate(words)) % lines


def codes(text, letters, items, settings):
    """(heads, m) of the last symbol of a text."""
    m = settings.synapses
    return [
        [code(text, letters, items, head, h * m + b, settings.lines) for b in range(m)]
        for h, head in enumerate(settings.heads)
    ]


def additions(text, letters, settings):
    """Of the last symbol: a layer's, a word's that goes on, and what each head binds."""
    blocks, depth = settings.blocks, settings.heads[-1].layer
    now, _ = words_of(text, letters)
    bound = [head.reach.bit_count() if head.kind == "suffix" else head.reach for head in settings.heads]
    return blocks * depth + blocks * (len(now) > 1) + settings.synapses * sum(bound)


# ------------------------------------------------------------------ the two memories of context


def race(keys, query, *, window, winners, needed):
    """The places, of 0 … t − 1, of the keys that fire for the query at t; events delivered and keys touched."""
    t = len(keys)
    fired, events, touched = [], 0, 0
    for place in range(t - 1, max(t - window, 0) - 1, -1):
        if len(fired) == winners:
            break
        got = sum(a == b for a, b in zip(keys[place], query, strict=True))
        events += got
        touched += got > 0
        if got >= needed:
            fired.append(place)
    return fired, events, touched


def counted(symbols):
    """How often each occurs, in the order of their first."""
    return dict(Counter(symbols))


@dataclass
class Row:
    """A neuron of the lifetime memory; a synapse is ``[symbol, count]``, or None while it is free."""

    lines: list
    synapses: list
    uses: int = 0


@dataclass
class Pools:
    """The rows of one head: at most ``rows`` in the pool of each line."""

    rows: int
    fan_out: int
    needed: int
    pools: dict = field(default_factory=dict)
    counts: Counter = field(default_factory=Counter)

    def winner(self, query):
        best, most = None, self.needed - 1
        for row in self.pools.get(query[0], []):
            got = sum(a == b for a, b in zip(row.lines, query, strict=True))
            if got > most:
                best, most = row, got
        return best

    def recruit(self, query):
        pool = self.pools.setdefault(query[0], [])
        self.counts["recruited"] += 1
        row = Row(list(query), [None] * self.fan_out)
        if len(pool) < self.rows:
            pool.append(row)
            return row
        self.counts["replaced"] += 1
        least = min(range(len(pool)), key=lambda r: pool[r].uses)
        for other in pool:
            other.uses = max(1, other.uses - 1)
        pool[least] = row
        return row

    def store(self, query, symbol):
        self.counts["lifetime_written"] += 1
        row = self.winner(query) or self.recruit(query)
        row.uses = min(row.uses + 1, 65_535)
        for synapse in row.synapses:
            if synapse and synapse[0] == symbol:
                if synapse[1] == 255:
                    for s, other in enumerate(row.synapses):
                        if other:
                            other[1] //= 2
                            row.synapses[s] = other if other[1] else None
                synapse[1] += 1
                return
        sizes = [synapse[1] if synapse else 0 for synapse in row.synapses]
        row.synapses[sizes.index(min(sizes))] = [symbol, 1]

    def fan(self, block, line):
        """Rows that listen to a line."""
        return sum(row.lines[block] == line for pool in self.pools.values() for row in pool)

    def recall(self, query):
        """The spikes of the row that fires."""
        self.counts["lifetime_events"] += sum(self.fan(b, line) for b, line in enumerate(query))
        row = self.winner(query)
        if row is None:
            return {}
        self.counts["lifetime_fired"] += 1
        return {synapse[0]: synapse[1] for synapse in row.synapses if synapse}


# ------------------------------------------------------------------ votes


def level(number):
    """Half an octave each."""
    return sum(start <= number for start in STARTS) - 1


def exponential(gap):
    """2³⁰ e^{−gap/256}, at least 1; as at 20 nats for all that is further."""
    return max(1, round(ONE * math.exp(-min(gap, 20 * 256 - 1) / 256)))


def readout(potentials, sharp):
    """Whole numbers proportional to the probabilities."""
    most = max(potentials)
    return [exponential((most - u) * sharp // (UNIT * UNIT // 256)) for u in potentials]


def rate(uses, settings):
    """Falls as 1 ÷ √(1 + uses/64)."""
    return max(settings.floor, settings.rate // math.isqrt(1 + STARTS[level(uses)] // 64))


def ballots(spikes, longer, ranks, settings):
    """For each symbol with spikes from one head the synapse that they arrive on: (longer, N, d, n, rank)."""
    total = min(level(sum(spikes.values())), settings.totals - 1)
    distinct = min(len(spikes), settings.distincts) - 1
    return {
        c: (min(longer, settings.longer - 1), total, distinct, level(n), min(place, ranks - 1))
        for place, (c, n) in enumerate(spikes.items())
    }


@dataclass
class Votes:
    """Weights and uses of synapses, by memory, head and :func:`ballots`; those of the prior by level."""

    symbols: int
    settings: object
    occurred: Counter = field(default_factory=Counter)
    weights: Counter = field(default_factory=Counter)
    uses: Counter = field(default_factory=Counter)

    def arrivals(self, heard, recalled):
        """(head, symbol, synapse) of every event, head by head, the window's before the lifetime's."""
        out = []
        for h in range(len(heard)):
            longer = sum(bool(heard[g] or recalled[g]) for g in range(h + 1, len(heard)))
            for memory, spikes, ranks in (
                ("window", heard[h], self.settings.ranks),
                ("lifetime", recalled[h], 1),
            ):
                found = ballots(spikes, longer, ranks, self.settings)
                out += [(h, c, (memory, h, *synapse)) for c, synapse in found.items()]
        return out

    def potentials(self, heard, recalled):
        u = [self.weights["prior", level(self.occurred[c])] for c in range(self.symbols)]
        arrivals = self.arrivals(heard, recalled)
        layer_of = [head.layer for head in self.settings.heads]
        for layer in sorted({layer_of[h] for h, _, _ in arrivals}):
            if self.settings.decay:
                u = [x - x // 2**self.settings.decay for x in u]
            for h, c, synapse in arrivals:
                if layer_of[h] == layer:
                    u[c] += self.weights[synapse]
        return u, self.symbols + len(arrivals)

    def move(self, synapse, error):
        self.uses[synapse] += 1
        change = error * rate(self.uses[synapse], self.settings)
        self.weights[synapse] += (change + 2 ** (ERROR - 1)) // 2**ERROR

    def teach(self, heard, recalled, errors):
        """The delta rule: all synapses that had an event; returns how many moved."""
        arrivals = self.arrivals(heard, recalled)
        for c in range(self.symbols):
            self.move(("prior", level(self.occurred[c])), errors[c])
        for _, c, synapse in arrivals:
            self.move(synapse, errors[c])
        return self.symbols + len(arrivals)

    def errors(self, potentials, target):
        """1[c = target] − p(c) in 2⁻¹²."""
        q = readout(potentials, UNIT)
        total = sum(q)
        return [(c == target) * 2**ERROR - (x * 2**ERROR + total // 2) // total for c, x in enumerate(q)]


# ------------------------------------------------------------------ the whole


class Twin:
    """The whole model. ``items`` (V, B) is its item memory; ``sharps`` the sharpnesses that are tried."""

    def __init__(self, symbols, settings, items, sharps, weigh=1 << 16):
        self.settings, self.items, self.sharps, self.weigh = settings, items, sharps, weigh
        self.letters = [letter(symbol) for symbol in symbols]
        self.text, self.codes = [], []
        self.pools = [Pools(head.rows, head.fan_out, settings.needed) for head in settings.heads]
        self.votes = Votes(len(symbols), settings)
        self.heard = self.recalled = [{} for _ in settings.heads]
        self.sharp, self.lost = UNIT, [0] * len(sharps)

    def read(self, tokens, *, learn):
        """(Σ q, q of the true symbol, whether the likeliest was it) of each; and the counts."""
        said, counts = [], Counter()
        for x in tokens:
            said.append(self.predict(x, counts, learn))
            self.absorb(x, counts, learn)
        if learn and any(self.lost):
            self.sharp = self.sharps[self.lost.index(min(self.lost))]
        return said, counts

    def predict(self, target, counts, learn):
        u, events = self.votes.potentials(self.heard, self.recalled)
        q = readout(u, UNIT if learn else self.sharp)
        counts["vote_events"] += events
        counts["weight_updates"] += 0
        if learn:
            if len(self.text) % self.weigh == 0:
                self.lost = [lost // 2 for lost in self.lost]
            for trial, sharp in enumerate(self.sharps):
                tried = readout(u, sharp)
                self.lost[trial] += round(math.log2(sum(tried) / tried[target]) * UNIT)
            errors = self.votes.errors(u, target)
            counts["weight_updates"] += self.votes.teach(self.heard, self.recalled, errors)
            self.votes.occurred[target] += 1
        return sum(q), q[target], u.index(max(u)) == target

    def absorb(self, x, counts, learn):
        """One more symbol: its code, what attention hears, what the lifetime memory stores and recalls."""
        self.text.append(x)
        code = codes(self.text, self.letters, self.items, self.settings)
        counts["tokens"] += 1
        counts["encoder_adds"] += additions(self.text, self.letters, self.settings)
        self.heard = []
        for h, query in enumerate(code):
            if self.settings.memories == "lifetime":
                self.heard.append({})
                continue
            fired, events, touched = race(
                [c[h] for c in self.codes],
                query,
                window=self.settings.window,
                winners=self.settings.winners,
                needed=self.settings.needed,
            )
            self.heard.append(counted(self.text[place + 1] for place in fired))
            counts["window_events"] += events
            counts["window_touched"] += touched
            counts["window_fired"] += len(fired)
        self.codes.append(code)
        old = len(self.text) - 1 - self.settings.waits
        self.recalled = []
        for h, pools in enumerate(self.pools):
            if self.settings.memories == "window":
                self.recalled.append({})
                continue
            pools.counts = counts
            if learn and old >= 0:
                pools.store(self.codes[old][h], self.text[old + 1])
            self.recalled.append(pools.recall(code[h]))
