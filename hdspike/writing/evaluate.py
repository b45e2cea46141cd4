"""`hdspike evaluate`: how well a model file predicts a text, and what each prediction takes.

With F keys fired, C keys touched and S events in the window, over n queries of H heads, of which query t has
min(t, W) keys,

    nonzero_fraction = F ÷ (H · Σ_t min(t, W)),   touched_fraction = C ÷ (H · Σ_t min(t, W)),

so that a fraction is one of (query, key) pairs of a head; events per (query, key) likewise.
"""

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
from hdspike.contestants.interval import interval
from hdspike.transformer import Prediction, SpikingTransformer
from hdspike.transformer.memory import memory_bytes, stored_bytes
from hdspike.transformer.saved import load_model
from hdspike.vocabulary import plain, schema
from hdspike.writing.texts import described, given_text, records, start_of, tokens_for

__all__ = ["FROZEN", "STREAMING", "Job", "load", "run", "validate"]

FROZEN, STREAMING = "frozen", "streaming"
EVENTS = {
    "window": "window_events",
    "lifetime": "lifetime_events",
    "votes": "vote_events",
    "encoder": "encoder_adds",
}
"""What happens for a token: spikes delivered to keys, rows and symbols; additions of the encoder."""


@dataclass(frozen=True)
class Job:
    """A model, the end of a text that it is judged by, and what is known of both."""

    model: SpikingTransformer
    tokens: NDArray[np.int64]
    model_is: dict[str, Any]
    text_is: dict[str, Any]


def load(model: str, text: str | None, last: float) -> Job:
    """Open the model and cut the end off the text.

    Raises:
        ValueError: a model file or a text that is none, a share out of its range, characters that the model does not
            know.
    """
    made, notes = load_model(model)
    whole = given_text(text)
    start = start_of("last", last, len(whole))
    about, texts, symbols = described(whole), records(model, notes), len(made.symbols)
    learned = max((record["learned"] for record in texts if record["sha256"] == about["sha256"]), default=0)
    settings = made.settings
    model_is = {
        "file": Path(model).name,
        "symbols": symbols,
        "dim": settings.dim,
        "ones": settings.blocks,
        "layers": settings.heads[-1].layer,
        "heads": len(settings.heads),
        "settings": settings.as_json(),
        "learned": [{name: record[name] for name in ("source", "characters", "learned")} for record in texts],
        "file_bytes": Path(model).stat().st_size,
        "stored_bytes": stored_bytes(settings, symbols),
        "memory_bytes": sum(memory_bytes(settings, symbols).values()),
        "memory": memory_bytes(settings, symbols),
    }
    text_is = {
        **about,
        "start": start,
        "judged": len(whole) - start,
        "learned_before": max(0, learned - start),
    }
    return Job(made, tokens_for(made, whole)[start:], model_is, text_is)


def run(
    job: Job,
    ways: tuple[str, ...] = (FROZEN, STREAMING),
    *,
    progress: Callable[[int], None] | None = None,
) -> dict[str, Any]:
    """Every way of reading; what `hdspike evaluate --json` writes. ``progress``: of :meth:`SpikingTransformer.read`."""
    readings = {}
    for way in ways:
        begun = time.perf_counter()
        said = job.model.read(job.tokens, streaming=way == STREAMING, progress=progress)
        readings[way] = _reading(job.model, said, time.perf_counter() - begun)
    numbers: dict[str, Any] = plain(
        {
            "model": job.model_is,
            "text": job.text_is,
            "readings": readings,
            "versions": {
                "hdspike": hdspike.__version__,
                "python": platform.python_version(),
                **{name: version(name) for name in ("numpy", "numba")},
            },
        }
    )
    validate(numbers)
    return numbers


def _reading(model: SpikingTransformer, said: Prediction, seconds: float) -> dict[str, Any]:
    count, window = len(said.bits), model.settings.window
    heads = len(model.settings.heads)
    ages = np.arange(model.read_so_far, model.read_so_far + count)
    cells = heads * int(np.minimum(ages, window).sum())
    counts = said.counts
    return {
        "bits_per_character": asdict(interval(said.bits)),
        "accuracy": asdict(interval(said.hits)),
        "nonzero_fraction": counts["window_fired"] / cells if cells else 0.0,
        "touched_fraction": counts["window_touched"] / cells if cells else 0.0,
        "synaptic_events_per_query_key": counts["window_events"] / cells if cells else 0.0,
        "events_per_token": {name: counts[counter] / count for name, counter in EVENTS.items()},
        "counts": counts,
        "seconds": seconds,
        "microseconds_per_token": 1e6 * seconds / count,
    }


def validate(numbers: Any) -> None:
    """Raise ``ValueError`` where ``numbers`` does not follow ``$defs.evaluation`` of the schema."""
    from jsonschema import Draft202012Validator

    rule = {"$ref": "#/$defs/evaluation", "$defs": schema()["$defs"]}
    for error in Draft202012Validator(rule).iter_errors(numbers):
        place = "/".join(map(str, error.absolute_path)) or "the top level"
        raise ValueError(f"numbers must follow the schema: at {place}: {error.message}")
