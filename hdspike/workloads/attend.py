"""`hdspike attend`: a real decoder over a real text, under softmax and under a rule: what it loses, what it costs."""

import platform
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

import hdspike
from hdspike import check, datasets, substrate
from hdspike.models import Llama, LlamaFile, perplexity, second_half, softmax, windows
from hdspike.models.attention import Attention
from hdspike.models.candidates import WEIGHTS
from hdspike.models.codebook import MOST as MOST_BUNDLES
from hdspike.models.paired import perplexity_ratio
from hdspike.models.product import MOST as MOST_LINES
from hdspike.models.rules import Options, measured, named, rule
from hdspike.workloads.attend_bill import bills

__all__ = ["MODELS", "Job", "Settings", "load", "run", "tokens_of", "validate"]

MODELS = ("smollm2",)
BROWN = "brown:"
MOST_WINDOWS = 8  # where the number was left open
GENEROUS = 32  # characters taken for each token that is needed, so that a long file is not tokenised whole
WINNERS = "1%"
LEARNED = 8192  # tokens of another text that a rule learns from
LOWEST = {"sinks": 0, "recent": 0, "bits": 1, "blocks": 1, "lines": 1, "candidates": 1, "bundles": 1}
SOME = (*LOWEST, "events", "weights")  # settings of some rules
LARGEST = 2**32


@dataclass(frozen=True)
class Settings:
    """What `hdspike attend` is asked to do; ``None`` leaves the choice to it."""

    model: str = "smollm2"
    text: str | None = None
    select: str = "kwta"
    code: str | None = None
    winners: str | None = None
    sinks: int | None = None
    recent: int | None = None
    bits: int | None = None
    blocks: int | None = None
    lines: int | None = None
    events: float | None = None
    candidates: int | None = None
    weights: str | None = None
    bundles: int | None = None
    learn_from: str | None = None
    context: int = 4096
    windows: int | None = None
    chip: str = "a100-circuit"
    seed: int = 0

    @property
    def asked(self) -> str:
        """``select`` and ``code`` as they were given."""
        return f"select {self.select}" + (f", code {self.code}" if self.code else "")

    @property
    def rule(self) -> str:
        """The name of the rule that ``select`` and ``code`` ask for."""
        return named(self.select, self.code)

    def options(self) -> Options:
        """As the rule is asked: a share of winners is one of the context; the second half of each window is counted."""
        given = {name: getattr(self, name) for name in SOME if getattr(self, name) is not None}
        winners = check.parse_winners(WINNERS if self.winners is None else self.winners, self.context)
        return Options(winners=winners, **given, counted_from=self.context // 2, seed=self.seed)


@dataclass(frozen=True)
class Job:
    """A model, its windows of text ``(count, context)``, and the bills of one token, ready to run."""

    settings: Settings
    model: Llama
    source: str
    windows: NDArray[np.int64]
    learned_from: str | None
    development: NDArray[np.int64] | None
    energy: dict[str, Any]
    load_s: float


def validate(settings: Settings) -> None:
    """Check what can be checked before anything is read.

    Raises:
        ValueError: naming the setting, its rule and the value.
    """
    chosen = rule(settings.rule)
    check.integer("seed", settings.seed, low=0)
    context = check.integer("context", settings.context, low=4, high=LARGEST)
    if settings.windows is not None:
        check.integer("windows", settings.windows, low=1, high=LARGEST)
    for name in ("winners", *SOME, "learn_from"):
        given = getattr(settings, name)
        if given is not None and name not in (*chosen.takes, *(("learn_from",) if chosen.learns else ())):
            raise ValueError(f"{name.replace('_', '-')} must be left out with {settings.asked}, got {given}")
        if given is not None and name in LOWEST:
            check.integer(name, given, low=LOWEST[name], high=MOST_LINES if name == "lines" else LARGEST)
    check.one_of("weights", WEIGHTS[0] if settings.weights is None else settings.weights, WEIGHTS)
    if settings.events is not None and not 0 <= settings.events < LARGEST:
        raise ValueError(f"events must be at least 0 and below {LARGEST}, got {settings.events}")
    if settings.candidates is not None and settings.weights not in (None, "softmax"):
        raise ValueError(
            f"candidates must be left out with weights {settings.weights}, which score none, got {settings.candidates}"
        )
    options = settings.options()
    if options.sinks + options.recent > options.winners:
        raise ValueError(
            f"sinks and recent must be at most the {options.winners} winners of {context} keys, "
            f"got {options.sinks} and {options.recent}"
        )
    if "bundles" in chosen.takes and not options.bundles < min(options.winners, MOST_BUNDLES + 1):
        raise ValueError(
            f"bundles must be at most {MOST_BUNDLES} and fewer than the {options.winners} winners, "
            f"as which they count, got {options.bundles}"
        )
    if chosen.learns and _same(settings.learn_from, settings.text):
        raise ValueError(
            f"learn-from must be another text than the one judged, got {settings.text or 'the default'}"
        )


def _same(one: str | None, other: str | None) -> bool:
    """Whether two names are of one text: a file may be named in several ways."""
    if one is None or other is None or one.startswith(BROWN) or other.startswith(BROWN):
        return one == other
    return Path(one).resolve() == Path(other).resolve()


def _model_path(name: str) -> Path:
    """Where the file of a model lies; its set's command is named where it was not fetched."""
    if name in MODELS:
        return next(path for path in datasets.path(name).iterdir() if path.suffix == ".gguf")
    if Path(name).suffix != ".gguf":
        raise ValueError(f"model must be one of {', '.join(MODELS)}, or a .gguf file, got {name!r}")
    return Path(name)


def _chip(name: str) -> substrate.Substrate:
    try:
        return substrate.load(name)
    except ValueError as error:
        raise ValueError(f"chip {name!r} cannot be used: {error}") from error


def _text(name: str | None, setting: str = "text") -> tuple[str, str]:
    """Where the text that a setting names is from, and its characters."""
    if name is None or not name.startswith(BROWN):
        found = datasets.builtin_text() if name is None else datasets.read_text(name)
        return found.source, found.content
    documents = datasets.load("brown")
    genre = name.removeprefix(BROWN)
    check.one_of(setting, BROWN + genre, tuple(sorted({BROWN + document.genre for document in documents})))
    return name, "\n".join(document.text for document in documents if document.genre == genre)


def tokens_of(file: LlamaFile, text: str, needed: int) -> NDArray[np.int64]:
    """The tokens of ``text``: all of them, or ``needed`` at least where it has so many."""
    tokenizer = file.tokenizer()
    for some in (text[: GENEROUS * needed], text):
        ids = tokenizer.encode(some).ids
        # A word that was cut lies behind the tokens needed.
        if len(some) == len(text) or len(ids) > needed + GENEROUS:
            break
    return np.array(ids, dtype=np.int64)


def load(settings: Settings) -> Job:
    """Find the model, cut the text into windows, price one token, read the weights.

    Raises:
        ValueError: a setting breaks its rule, the text is too short, the model is not fetched (the message names the
            command), is none, or does not fit in memory.
        ImportError: the extra ``models`` is not installed.
    """
    validate(settings)
    begun = time.perf_counter()
    file = LlamaFile(_model_path(settings.model))
    context = settings.context
    if context > file.shape.context:
        raise ValueError(
            f"context must be at most the {file.shape.context} tokens of {file.path.name}, got {context}"
        )
    energy = bills(
        file.shape, settings.rule, settings.options(), context, _chip(settings.chip), seed=settings.seed
    )
    if "blocks" in rule(settings.rule).takes and file.shape.head_dim % settings.options().blocks:
        raise ValueError(
            f"blocks must divide the {file.shape.head_dim} numbers of a key of {file.path.name}, "
            f"got {settings.options().blocks}"
        )
    source, cut = _windows(file, "text", settings.text, context, settings.windows)
    learned_from = development = None
    if rule(settings.rule).learns:
        length = min(context, LEARNED)
        learned_from, development = _windows(
            file, "learn-from", settings.learn_from, length, LEARNED // length
        )
    model = Llama(file)
    return Job(settings, model, source, cut, learned_from, development, energy, time.perf_counter() - begun)


def _windows(
    file: LlamaFile, name: str, text: str | None, context: int, asked: int | None
) -> tuple[str, NDArray[np.int64]]:
    """Where a text is from, and so many windows of it."""
    source, content = _text(text, name)
    tokens = tokens_of(file, content, (asked or MOST_WINDOWS) * context)
    whole = len(tokens) // context
    count = min(whole, MOST_WINDOWS) if asked is None else asked
    if not 1 <= count <= whole:
        raise ValueError(
            f"{name} must be at least {max(count, 1)} window(s) of {context} tokens, {source} has {len(tokens)}"
        )
    return source, windows(tokens, context, count=count)


def _warm(job: Job, plug: Attention) -> None:
    """Compile what the plug needs before the clock starts; its counts are set back."""
    shape, rng = job.model.shape, np.random.default_rng(0)
    queries = rng.normal(size=(shape.heads, 8, shape.head_dim)).astype(np.float32)
    keys = rng.normal(size=(shape.key_heads, 8, shape.head_dim)).astype(np.float32)
    plug(queries, keys, keys, layer=0, seen=np.arange(1, 9))
    if plug is not softmax:
        plug.reset()  # type: ignore[attr-defined]


def run(job: Job, *, progress: Callable[[int, int], None] | None = None) -> dict[str, Any]:
    """Every window under softmax and under the rule; what `hdspike attend --json` writes.

    ``progress`` is called with how many layers of all windows and rules are done, and how many there are.
    """
    begun = time.perf_counter()
    plug = rule(job.settings.rule).build(job.settings.options(), job.model, job.development)
    built_s = time.perf_counter() - begun
    _warm(job, plug)
    plugs: list[Attention] = [softmax] if plug is softmax else [softmax, plug]
    total, done = len(plugs) * len(job.windows) * job.model.shape.layers, 0

    def layer(number: int) -> None:
        nonlocal done
        if progress:
            progress(done, total)
        done += 1

    losses: list[list[NDArray[np.float64]]] = [[] for _ in plugs]
    seconds = [0.0 for _ in plugs]
    for window in job.windows:
        for i, one in enumerate(plugs):
            begun = time.perf_counter()
            losses[i].append(second_half(job.model, window, one, progress=layer))
            seconds[i] += time.perf_counter() - begun
    times = {"softmax": seconds[0], "rule": seconds[-1], "build": built_s, "load": job.load_s}
    return _numbers(job, np.array(losses[0]), np.array(losses[-1]), measured(plug), times)


def _numbers(
    job: Job,
    reference: NDArray[np.float64],
    losses: NDArray[np.float64],
    counted: dict[str, float | None],
    seconds: dict[str, float],
) -> dict[str, Any]:
    settings, shape = job.settings, job.model.shape
    chosen, options = rule(settings.rule), settings.options()
    return {
        "model": {
            "name": settings.model if settings.model in MODELS else job.model.file.path.name,
            "file": job.model.file.path.name,
            "parameters": job.model.file.numbers,
            **{name: getattr(shape, name) for name in ("layers", "heads", "key_heads", "head_dim")},
        },
        "text": job.source,
        "context": settings.context,
        "windows": len(job.windows),
        "tokens_judged": int(losses.size),
        "select": settings.rule,
        "what": chosen.what,
        "options": {name: getattr(options, name) for name in chosen.takes},
        "learned_from": job.learned_from,
        "perplexity": perplexity(losses),
        "perplexity_softmax": perplexity(reference),
        "ratio": asdict(perplexity_ratio(losses, reference)),
        **counted,
        "energy": job.energy,
        "seconds": seconds,
        "seed": settings.seed,
        "versions": {
            "hdspike": hdspike.__version__,
            "python": platform.python_version(),
            **{name: version(name) for name in ("numpy", "numba", "gguf", "tokenizers")},
        },
    }
