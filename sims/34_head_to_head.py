"""Is a language model of bits and spikes any good, and per what? Beside n-grams, compressors and a dense transformer.

All learn the first 90 % of CPython's documentation and are judged on the last 10 %, character by character: bits per
character, frozen (nothing of the test is kept beyond the context that predictions are made from) and streaming (each
character is learned after it was predicted; compressors cannot do otherwise). Four panels, four budgets: bytes
stored, bytes touched for a character, operations of training, time for a character on the cores of this machine. Each
marker is one setting; lines join those of a family that no other of it beats. Error bars: 95 %, a bootstrap over
blocks of 1,000 characters; differences are paired block by block. Those of the dense transformer and its twins are
±1.96 standard errors over blocks of 256, too short where neighbours are alike, and their differences unpaired.

Contestants. Kneser-Ney n-grams (modified, interpolated; pruned and packed too); PPMd and LZMA, bzip2; the nearest
neighbours among float vectors of all contexts (Khandelwal 2020; on a sample of the test); the Spiking HD-Transformer in
sparse codes, by dimension, window, winners, layers and rows, and in dense binary codes. A dense transformer with its
int8 and ternary twins takes part where `python benchmarks/language.py` has trained it (torch; it may read the text
many times, the others once).

The rivals that the spiking model is compared with are the best of their family on the test itself, the spiking model is
the standard one: this favours the rivals. It predicts at the fitted temperature when it is frozen, at 1 when it learns.

Caveats. The text is technical and repetitive: much of the test repeats turns of the training text. That favours whoever
remembers exactly; other texts, where they were fetched, are in the JSON. Times are of this machine, of numba, C and
torch side by side. "Bytes stored" are tables as they are held, empty places included; the JSON has the packed size too.
Times are kept with the points: those of an idle machine come from `python benchmarks/language.py`.
An operation is an addition, a comparison of words, a synaptic event or update, or a multiplication with its addition;
they cost differently: joules are in the JSON. The window of the spiking model is context: it slides over the test in
frozen reading too, as a transformer's context does.
"""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from matplotlib.figure import Figure

from hdspike import datasets, substrate
from hdspike.contestants.compressors import Bzip2, Lzma
from hdspike.contestants.contest import VERSION, Contest, Entry, difference
from hdspike.contestants.dense_points import dense_points
from hdspike.contestants.holographic import Holographic
from hdspike.contestants.kept import Kept
from hdspike.contestants.neighbours import Neighbours
from hdspike.contestants.ngrams import Ngrams
from hdspike.contestants.packed_ngrams import PackedNgrams
from hdspike.contestants.ppm import Ppm
from hdspike.contestants.spiking import Spiking
from hdspike.contestants.unigram import Unigram
from hdspike.datasets import builtin_text
from hdspike.datasets.text import tokenise
from hdspike.energy import price
from hdspike.plot.language import budgets
from hdspike.transformer import HEADS, Settings
from hdspike.transformer.holographic import DenseSettings
from hdspike.transformer.settings import SUFFIX

PROCESSOR = "cpu-7nm"
SPIKING, HOLOGRAPHIC = "spiking, sparse codes", "spiking, dense codes"
OPERATIONS = (
    *("macs_fp32", "macs_fp16", "macs_bf16", "macs_int8", "adds_int32", "encoder_adds", "synaptic_events"),
    *("weight_updates", "word_xors", "encoder_xors", "popcounts", "exps"),
)
QUICK = 24_000
OTHERS, OTHER_LENGTH = ("brown", "web"), 1_000_000
"""Judged too where they were fetched: prose of 1961 in 15 genres, and the World English Bible."""
ALL = 1 << 19
"""A window that holds the whole text."""
SUFFIXES = tuple(head for head in HEADS if head.kind == SUFFIX and head.reach < 32)
FEW = {"rate": 16_384, "longer": 1, "totals": 4, "distincts": 2, "ranks": 2, "every": 16}
"""Votes that learn from a sixteenth of the text: a bundle of 10,240 bits is compared with every key."""


def layers(settings: Settings, most: int) -> Settings:
    """Without the layers above ``most``."""
    return replace(settings, heads=tuple(head for head in settings.heads if head.layer <= most))


def rows(settings: Settings, share: float) -> Settings:
    """With a share of the rows."""
    return replace(
        settings,
        heads=tuple(replace(head, rows=max(1, round(head.rows * share))) for head in settings.heads),
    )


def spiking(quick: bool, seed: int) -> Iterator[Settings]:
    """The settings of the sweep, the default ones first."""
    usual = Settings(seed=seed)
    if quick:
        yield replace(rows(usual, 1 / 16), window=2048)
        yield layers(replace(rows(usual, 1 / 16), window=2048), 2)
        return
    yield usual
    for lines in (256, 1024, 16_384):
        yield replace(usual, lines=lines)
    for window in (1024, 4096, 131_072):
        yield replace(usual, window=window)
    for winners in (4, 128):
        yield replace(usual, winners=winners)
    for most in (1, 2, 3, 4):
        yield layers(usual, most)
    for share in (1 / 16, 1 / 4):
        yield rows(usual, share)
    yield rows(replace(usual, lines=1024, window=4096), 1 / 4)
    yield replace(usual, synapses=3, threshold=2)
    for window in (usual.window, ALL):
        yield replace(usual, memories="window", window=window)


def holographic(quick: bool, seed: int) -> Iterator[tuple[DenseSettings, int]]:
    """Dense settings, and of how many characters one is predicted: every query is compared with every key."""
    if quick:
        yield DenseSettings(window=2048, winners=16, seed=seed), 4
        return
    yield DenseSettings(seed=seed), 1
    yield DenseSettings(window=ALL, seed=seed), 1
    for dim in (1024, 10_240):
        yield DenseSettings("bundle", dim, SUFFIXES, winners=128, seed=seed, **FEW), 16


def entries(alphabet: str, quick: bool, seed: int) -> Iterator[Entry]:
    """Everybody who takes part, by family."""
    yield Entry("unigram", Unigram)
    for order in (3, 5) if quick else (2, 3, 4, 5, 6, 8, 12, 16, 24, 32):
        yield Entry("n-grams", lambda order=order: Ngrams(order))  # type: ignore[misc]
    for order, least in ((5, 2),) if quick else ((4, 1), (5, 1), (6, 1), (8, 1), (6, 2), (8, 2), (12, 2)):
        yield Entry(
            "n-grams",
            lambda order=order, least=least: PackedNgrams(order, least=least, above=3),  # type: ignore[misc]
            streaming=False,
        )
    for order in (4,) if quick else (4, 5, 6, 8, 12, 16):
        yield Entry("PPMd", lambda order=order: Ppm(order), frozen=False)  # type: ignore[misc]
    yield Entry("LZMA, bzip2", Lzma, frozen=False)
    yield Entry("LZMA, bzip2", Bzip2, frozen=False)
    yield Entry(
        "nearest neighbours",
        lambda: Neighbours(
            64 if quick else 1024, development=64 if quick else 512, sample=64 if quick else 2048
        ),
        streaming=False,
    )
    for held, sample in holographic(quick, seed):
        yield Entry(
            HOLOGRAPHIC,
            lambda held=held, sample=sample: Holographic(alphabet, held, sample=sample),  # type: ignore[misc]
        )
    for settings in spiking(quick, seed):
        yield Entry(SPIKING, lambda settings=settings: Spiking(alphabet, settings))  # type: ignore[misc]


def joules(counts: dict[str, Any], seconds: float) -> float:
    """Of what this processor's table has a price for: operations and memory, no instructions."""
    processor = substrate.load(PROCESSOR)
    priced = {name: count for name, count in counts.items() if name in processor.priced()}
    return price(priced, processor, seconds=seconds).nominal


def work(counts: dict[str, Any]) -> float:
    """Operations; a product of integers of 32 × 32 bits is one."""
    return sum(counts.get(name, 0) for name in OPERATIONS) + counts.get("bit_products", 0) / 32**2


def drawn(point: dict[str, Any]) -> list[dict[str, Any]]:
    """One row for each way of reading, with all that is drawn of it."""
    learned = point["learn_counts"]
    shared = {
        **{name: point[name] for name in ("family", "name", "settings", "stored_bytes", "learn_seconds")},
        "packed_bytes": point.get("packed_bytes"),
        "training_operations": work(learned) or None,
        "training_joules": joules(learned, point["learn_seconds"]) or None,
    }
    out = []
    for way, reading in point["read"].items():
        kept = {name: value for name, value in reading.items() if name not in ("blocks", "counts")}
        counts, time = reading["counts"], reading["microseconds"]
        operations = work(counts) or None
        spent = joules(counts, (time or 0) * 1e-6) or None
        out.append({**shared, "way": way, **kept, "operations": operations, "joules": spent})
    return out


def simulate(*, quick: bool, seed: int) -> dict[str, Any]:
    """All contestants; those that were finished before are not worked off again."""
    return measured(Kept(None) if quick else Kept.here("contest", VERSION), quick=quick, seed=seed)


def measured(kept: Kept, *, quick: bool, seed: int) -> dict[str, Any]:
    """All contestants, with what ``kept`` has of them, and the dense twin's results of the user's cache folder."""
    text = builtin_text()
    tokens = text.tokens[:QUICK] if quick else text.tokens
    contest = Contest(tokens, len(text.symbols), int(0.9 * len(tokens)), kept)
    points = contest.run(entries(text.symbols, quick, seed))
    points += dense_points(contest.learned, len(tokens) - contest.learned)
    found = [row for point in points for row in drawn(point)]
    others = {} if quick else {name: other(name, kept, seed) for name in OTHERS if fetched(name)}
    return {
        "text": {"source": text.source, "characters": len(tokens), "learned": contest.learned},
        "substrate": PROCESSOR,
        "points": found,
        "compared": compared(points),
        "others": others,
        "words": words(points),
    }


def fetched(name: str) -> bool:
    """Whether a text is in the cache."""
    try:
        datasets.path(name)
    except datasets.Absent:
        return False
    return True


def other(name: str, kept: Kept, seed: int) -> dict[str, Any]:
    """A few contestants on a million characters of another text, and the differences from the spiking model."""
    found = datasets.load(name)
    content = (found if isinstance(found, str) else "\n".join(one.text for one in found))[:OTHER_LENGTH]
    text = tokenise(name, content)
    contest = Contest(text.tokens, len(text.symbols), int(0.9 * len(text)), kept)
    points = contest.run(few(text.symbols, seed))
    return {
        "characters": len(text),
        "learned": contest.learned,
        "points": [row for point in points for row in drawn(point)],
        "compared": [row for row in compared(points) if row["kind"] == "best"],
    }


def few(alphabet: str, seed: int) -> Iterator[Entry]:
    """Who is judged on other texts."""
    for order in (6, 8):
        yield Entry("n-grams", lambda order=order: Ngrams(order))  # type: ignore[misc]
        yield Entry("PPMd", lambda order=order: Ppm(order), frozen=False)  # type: ignore[misc]
    yield Entry("LZMA, bzip2", Lzma, frozen=False)
    yield Entry(SPIKING, lambda: Spiking(alphabet, Settings(seed=seed)))


def best(points: list[dict[str, Any]], way: str, **limits: float) -> dict[str, Any] | None:
    """The point of least bits that reads this way, within limits."""
    fit = [p for p in points if way in p["read"] and all(p[name] <= most for name, most in limits.items())]
    return min(fit, key=lambda p: float(p["read"][way]["bits"]), default=None)


def compared(points: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The default spiking model beside the best of each other family, both ways; below 0: the spiking one is better."""
    ours = next(p for p in points if p["family"] == SPIKING)
    out = []
    for family in dict.fromkeys(p["family"] for p in points if p["family"] != SPIKING):
        rivals = [p for p in points if p["family"] == family]
        for way in ("frozen", "streaming"):
            for kind, limits in (
                ("best", {}),
                ("at most the same bytes", {"stored_bytes": ours["stored_bytes"]}),
                ("at most the same training time", {"learn_seconds": ours["learn_seconds"]}),
            ):
                rival = best(rivals, way, **limits)
                if rival is not None:
                    gap = difference(ours["read"][way], rival["read"][way])
                    row = {"family": family, "way": way, "kind": kind, "settings": rival["settings"]}
                    out.append({**row, "bits": rival["read"][way]["bits"], "difference": gap})
    return out


def words(points: list[dict[str, Any]]) -> list[str]:
    """Who wins where, by how much."""
    ours = next(p for p in points if p["family"] == SPIKING)
    said = []
    for way, text in (("streaming", "Learning while reading"), ("frozen", "Frozen")):
        mine = ours["read"][way]
        said.append(f"{text}: spiking {mine['bits']:.3f} bits ({mine['low']:.3f} to {mine['high']:.3f}).")
        for row in compared(points):
            if row["way"] == way and row["kind"] == "best":
                gap = row["difference"]
                sure = gap["low"] is not None and (gap["low"] > 0 or gap["high"] < 0)
                who = "even" if not sure else "spiking better" if gap["value"] < 0 else "spiking worse"
                span = "" if gap["low"] is None else f" ({gap['low']:+.3f} to {gap['high']:+.3f})"
                said.append(f"{row['family']}: {row['bits']:.3f}, {who}, {gap['value']:+.3f}{span}.")
    return said


def draw(numbers: dict[str, Any]) -> Figure:
    text = numbers["text"]
    flat = next(p["bits"] for p in numbers["points"] if p["family"] == "unigram")
    return budgets(
        numbers["points"],
        f"{text['learned']:,} characters learned, {text['characters'] - text['learned']:,} predicted; "
        f"a unigram needs {flat:.2f} bits; bars: 95 %, blocks of 1,000 characters",
    )
