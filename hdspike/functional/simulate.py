"""Run a network by the clock, without a chip: as fast as it goes, with every count."""

from collections.abc import Callable, Iterable
from pathlib import Path

from hdspike.functional.activity import Activity
from hdspike.functional.session import Session
from hdspike.network.graph import Network

__all__ = ["simulate"]

FORMAT = "hdspike.clocked"


def simulate(
    network: Network,
    steps: int,
    *,
    step_s: float = 1e-3,
    watch: Iterable[int] = (),
    max_spikes: int = 20_000_000,
    progress: Callable[[int, int], None] | None = None,
    checkpoint: str | Path | None = None,
    every: int = 10_000,
) -> Activity:
    """Run ``network`` for ``steps`` steps of ``step_s`` seconds.

    Args:
        watch: neurons (numbered through the network) whose potential is kept after every step.
        max_spikes: how many spikes are kept (12 bytes each); more are counted, and ``truncated`` says so.
        progress: called as ``progress(steps done, steps)`` now and then.
        checkpoint: a file. Every ``every`` steps, and when the run is interrupted (Ctrl-C), the run is saved
            there; if the file exists, the run goes on from it. The result is the same, spike by spike.

    Raises:
        ValueError: an argument breaks its rule, or the checkpoint is of another run.
    """
    session = Session(
        network, steps, FORMAT, step_s=step_s, watch=watch, max_spikes=max_spikes, progress=progress,
        checkpoint=checkpoint, every=every,
    )  # fmt: skip
    session.resume()
    session.run(session.clocked.deliver)
    return session.activity(sum(session.clocked.updates))
