"""What a Spiking HD-Transformer did, as counters that have prices: on a chip of neurons, and on a processor.

A run counts events of the model (:attr:`hdspike.transformer.model.Prediction.counts`). With its T tokens, H heads of m
synapses, B = H·m ones of a code, L layers, V symbols and ``ballots`` = vote_events − T·V (symbols that a head had
spikes for), **on a chip of neurons** (:func:`chip_counts`)

    synaptic_events  window_events + lifetime_events      lines → keys and rows
                     + window_fired + ballots             keys and rows → the symbol units of their head
                     + window_fired + lifetime_fired      → the inhibition of their head
                     + 2·ballots + T·V                    units → potentials, levels of a head → its units; u₀
    updates_active   one for each of these events, but one for a key whatever came to it, and V·L leaks a token
    fired            T·B lines, keys, rows, units, a level and an inhibition for each head that spoke, T winners
    weight_updates   T·H·(m + 1) of keys that enter the window, lifetime_written + m·recruited + those that a replaced
                     row clears, and the votes' own

Two of these are bounds from above: rows project to at most ``ballots`` units, and a row is updated once an event. The
table of exponentials and the trials of sharpness are work of the host: the likeliest symbol needs neither.

**On a processor** (:func:`packed_counts`) it is the same algorithm on the arrays as the model holds them. Codes,
spikes and potentials lie in SRAM, list heads and votes in L2, links, values, rows and synapses far away: in L2 too
where they fit, else in DRAM, which gives sectors of 32 bytes (one for the m links of a key, one for its value, whole
pools, one or more for the synapses of a row). All rows of a pool are compared, free ones too. Addresses, branches,
caches that miss and waiting for one link before the next are not charged: this favours the processor.
"""

from collections.abc import Mapping

from hdspike import check
from hdspike.dense.cost import SECTOR_BITS
from hdspike.transformer.settings import LIFETIME, WINDOW, Head, Settings
from hdspike.transformer.votes import SHARPS

__all__ = ["FAR", "NEEDED", "active_bytes", "ballots", "chip_counts", "counted", "learned", "packed_counts"]

NEEDED = (
    "tokens", "encoder_adds", "window_events", "window_touched", "window_fired", "lifetime_events",
    "lifetime_fired", "lifetime_written", "recruited", "replaced", "vote_events", "weight_updates",
)  # fmt: skip
FAR = ("dram", "l2")
SHORT, LONG, POTENTIAL, BYTE = 16, 32, 64, 8
"""Bits of a line, a symbol or a use; of a link or a vote; of a potential; of a counter."""
DIVISION = 32
"""Subtractions of a division, bit by bit."""


def counted(counts: Mapping[str, int], settings: Settings, symbols: int) -> dict[str, int]:
    """The counters of a run, checked.

    Raises:
        ValueError: a counter that is missing or below 0, no token, or fewer votes than tokens × symbols.
    """
    if not isinstance(settings, Settings):
        raise TypeError(f"settings must be Settings, not {type(settings).__name__}")
    check.integer("symbols", symbols, low=1)
    missing = sorted(set(NEEDED) - set(counts))
    if missing:
        raise ValueError(f"counts must be those of a reading, it lacks {', '.join(missing)}")
    found = {name: check.integer(f"counts[{name!r}]", counts[name], low=0) for name in NEEDED}
    if not found["tokens"]:
        raise ValueError("counts must be of at least one token, got 0")
    if found["vote_events"] < found["tokens"] * symbols:
        least = found["tokens"] * symbols
        raise ValueError(
            f"counts['vote_events'] must be at least tokens × symbols = {least}, got {found['vote_events']}"
        )
    return found


def ballots(run: Mapping[str, int], symbols: int) -> int:
    """Symbols that heads had spikes for, over heads, memories and tokens."""
    return run["vote_events"] - run["tokens"] * symbols


def learned(run: Mapping[str, int]) -> bool:
    """Whether the model learned while it read."""
    return run["weight_updates"] > 0


def chip_counts(counts: Mapping[str, int], settings: Settings, symbols: int) -> dict[str, int]:
    """The counters of the whole run on a chip of neurons (equations above).

    Raises:
        ValueError: as :func:`counted`.
    """
    run = counted(counts, settings, symbols)
    heads, tokens, votes = len(settings.heads), run["tokens"], ballots(run, symbols)
    events = (
        run["window_events"]
        + run["lifetime_events"]
        + 2 * run["window_fired"]
        + run["lifetime_fired"]
        + 3 * votes
        + tokens * symbols
    )
    spoke = min(run["window_fired"], tokens * heads) + run["lifetime_fired"]
    keys = tokens * heads if settings.memories != LIFETIME else 0
    return {
        "input_events": tokens * settings.blocks,
        "synaptic_events": events,
        "touched": run["window_touched"],
        "updates_active": events
        - run["window_events"]
        + run["window_touched"]
        + tokens * symbols * _layers(settings),
        "fired": tokens * (settings.blocks + 1)
        + run["window_fired"]
        + run["lifetime_fired"]
        + votes
        + 2 * spoke,
        "weight_updates": keys * (settings.synapses + 1)
        + run["lifetime_written"]
        + settings.synapses * run["recruited"]
        + _most_synapses(settings) * run["replaced"]
        + run["weight_updates"],
        "encoder_adds": run["encoder_adds"],
    }


def packed_counts(
    counts: Mapping[str, int], settings: Settings, symbols: int, *, far: str = "dram"
) -> dict[str, int]:
    """The counters of the whole run on a processor.

    Additions (``adds_int32``; a comparison or a shift is one): 2m + 1 for a key touched, 2 for one that fires; m + 1
    for a row of a pool; one for a synapse of a row that fires, 2 for one of a row that is stored into; 3 for a ballot;
    V·(2L + 4) a token, 3V for each trial of sharpness, and where the model learns a division for each symbol and
    two for a vote that moves. Products of integers, 32 × 32 ``bit_products`` each: the sharpness of each symbol in each
    readout, the rate of each vote that moves. None of them is a float's, and none lies before the potentials.

    Raises:
        ValueError: as :func:`counted`, or an unknown ``far``.
    """
    run = counted(counts, settings, symbols)
    check.one_of("far", far, FAR)
    tokens, votes, m = run["tokens"], ballots(run, symbols), settings.synapses
    outcomes, trials = tokens * symbols, len(SHARPS) if learned(run) else 0
    moved, wide = run["weight_updates"], _layers(settings)
    scanned, read, stored = (
        _rows_scanned(run, settings),
        _recalled(run, settings),
        _stored_into(run, settings),
    )
    additions = (
        run["window_touched"] * (2 * m + 1)
        + 2 * run["window_fired"]
        + (m + 1) * scanned
        + _most_rows(settings) * (run["recruited"] + run["replaced"])
        + read
        + 2 * (stored + run["lifetime_written"])
        + 3 * votes
        + outcomes * (2 * wide + 4 + 3 * trials)
        + (DIVISION * outcomes + 2 * moved if learned(run) else 0)
    )
    near_read = (
        SHORT * (run["encoder_adds"] + 2 * run["window_fired"])
        + outcomes * (LONG + POTENTIAL * (wide + 3 + 2 * trials) + POTENTIAL)
        + POTENTIAL * votes
    )
    near_written = (
        SHORT * (run["encoder_adds"] + run["window_fired"])
        + outcomes * POTENTIAL * (wide + 2 + trials)
        + POTENTIAL * votes
    )
    parts = _stored_bits(run, settings, symbols)
    middle_read, middle_written = (sum(parts[name][way] for name in ("heads", "votes")) for way in (0, 1))
    out = {
        "encoder_adds": run["encoder_adds"],
        "adds_int32": additions,
        "bit_products": LONG * LONG * (outcomes * (1 + trials) + (moved if learned(run) else 0)),
        "sram_bits": near_read,
        "sram_bits_written": near_written,
        "l2_bits": middle_read,
        "l2_bits_written": middle_written,
    }
    if far == "l2":
        out["l2_bits"] += sum(parts[name][0] for name in ("window", "lifetime"))
        out["l2_bits_written"] += sum(parts[name][1] for name in ("window", "lifetime"))
    else:
        out["dram_bits"], out["dram_bits_written"] = _sectors(run, settings)
    return out


def active_bytes(counts: Mapping[str, int], settings: Settings, symbols: int) -> dict[str, float]:
    """Bytes of the model that one token reads or writes, in the mean: by part, and ``total``.

    ``codes``: lines that are added; ``window``: links, list heads, values and codes; ``lifetime``: rows compared and
    synapses; ``votes``. A byte that is used twice counts twice; potentials and spikes are no part of what is stored.
    """
    run = counted(counts, settings, symbols)
    parts = _stored_bits(run, settings, symbols)
    bits = {
        "codes": 2 * SHORT * run["encoder_adds"],
        "window": sum(parts["heads"]) + sum(parts["window"]),
        "lifetime": sum(parts["lifetime"]),
        "votes": sum(parts["votes"]),
    }
    found = {name: amount / 8 / run["tokens"] for name, amount in bits.items()}
    return {**found, "total": sum(found.values())}


def _layers(settings: Settings) -> int:
    """Layers that have heads: so often the residual may leak."""
    return len({head.layer for head in settings.heads})


def _rows(settings: Settings) -> tuple[Head, ...]:
    """The heads that have rows."""
    return settings.heads if settings.memories != WINDOW else ()


def _most_rows(settings: Settings) -> int:
    return max((head.rows for head in _rows(settings)), default=0)


def _most_synapses(settings: Settings) -> int:
    return max((head.fan_out for head in _rows(settings)), default=0)


def _scans(run: Mapping[str, int], settings: Settings) -> int:
    """How often each head goes through a pool: once a token, and once for each place stored (all heads store it)."""
    return run["tokens"] + -(-run["lifetime_written"] // len(settings.heads))


def _rows_scanned(run: Mapping[str, int], settings: Settings) -> int:
    return _scans(run, settings) * sum(head.rows for head in _rows(settings))


def _widest(sizes: list[int], fired: int, tokens: int) -> int:
    """At most so much for ``fired`` rows of which each head has at most one a token: the largest come at the front."""
    total = 0
    for size in sorted(sizes, reverse=True):
        now = min(fired, tokens)
        total, fired = total + now * size, fired - now
    return total


def _recalled(run: Mapping[str, int], settings: Settings) -> int:
    """Synapses of rows that fired, at most: the widest rows belong to the shortest codes, which fire most often."""
    return _widest([head.fan_out for head in _rows(settings)], run["lifetime_fired"], run["tokens"])


def _stored_into(run: Mapping[str, int], settings: Settings) -> int:
    """Synapses of rows that were stored into, at most."""
    stores = -(-run["lifetime_written"] // len(settings.heads))
    return stores * sum(head.fan_out for head in _rows(settings))


def _stored_bits(run: Mapping[str, int], settings: Settings, symbols: int) -> dict[str, tuple[int, int]]:
    """Bits of what is stored that were read and written, by part."""
    tokens, blocks, m, votes = run["tokens"], settings.blocks, settings.synapses, ballots(run, symbols)
    moved, stores = run["weight_updates"], run["lifetime_written"]
    links = LONG * tokens * blocks if settings.memories != LIFETIME else 0
    return {
        "heads": (links, links),
        "window": (
            LONG * run["window_events"] + SHORT * run["window_fired"] + SHORT * stores * (m + 1),
            links + SHORT * tokens * (blocks + 1),
        ),
        "lifetime": (
            SHORT * m * _rows_scanned(run, settings)
            + BYTE * _recalled(run, settings)
            + SHORT * min(votes, _recalled(run, settings))
            + (BYTE + SHORT) * _stored_into(run, settings),
            (2 * SHORT + BYTE) * stores
            + SHORT * m * run["recruited"]
            + (SHORT * _most_rows(settings) + BYTE * _most_synapses(settings)) * run["replaced"],
        ),
        "votes": (LONG * (votes + 2 * moved), LONG * 2 * moved),
    }


def _sectors(run: Mapping[str, int], settings: Settings) -> tuple[int, int]:
    """Bits that DRAM reads and writes for links, values, rows and synapses, in whole sectors."""
    tokens, m, stores = run["tokens"], settings.synapses, run["lifetime_written"]

    def sectors(bits: int) -> int:
        return -(-bits // SECTOR_BITS) * SECTOR_BITS

    pools = sum(sectors(SHORT * head.rows) + sectors(SHORT * m * head.rows) for head in _rows(settings))
    rows = [sectors(BYTE * head.fan_out) + sectors(SHORT * head.fan_out) for head in _rows(settings)]
    links = sectors(LONG * settings.blocks) if settings.memories != LIFETIME else 0
    each_store = -(-stores // len(settings.heads))
    read = (
        SECTOR_BITS * (run["window_touched"] + run["window_fired"])
        + _scans(run, settings) * pools
        + _widest(rows, run["lifetime_fired"], tokens)
        + each_store * (sum(rows) + sectors(SHORT * settings.blocks) + SECTOR_BITS)
    )
    written = (
        tokens * (links + sectors(SHORT * settings.blocks) + SECTOR_BITS)
        + 3 * SECTOR_BITS * stores  # use, symbol and counter
        + SECTOR_BITS * run["recruited"]
        + run["replaced"] * sectors(SHORT * _most_rows(settings))
    )
    return read, written
