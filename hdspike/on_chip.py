"""The same selection on the timed chip: do the winners agree, what does it cost, what does load change?"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hdspike import bits, check, chip, functional
from hdspike.attention import SpikingAttention
from hdspike.attention.select import RULES
from hdspike.network import disagreement
from hdspike.spaces import BSC, Space
from hdspike.substrate import Substrate
from hdspike.task import Settings, Task

__all__ = ["OnChip", "cut", "failed", "run_on_chip"]

SIMULATED_SYNAPSES = 1 << 24  # the simulator's own memory: about 100 MB of synapses
QUIET_PS = 50_000_000  # 50 µs between events: nothing is in flight any more when the next one comes


@dataclass(frozen=True)
class OnChip:
    """What the timed chip did with a sample of the queries.

    One chip of several holds its share of the keys and finds its share of the winners: ``k`` is the task's
    number of winners times ``keys`` ÷ all keys.
    """

    config: chip.ChipConfig
    space: Space
    keys: int
    keys_per_chip: int
    """What the whole chip would hold, where only a part of it was simulated."""
    k: int
    theta: int
    lines: int
    queries: NDArray[np.int64]
    """Which queries of the task were run."""
    runs: dict[str, chip.ChipRun]
    """One run per rule under the barrier, and ``race_async`` and ``race_async_quiet`` without it."""
    agreement: dict[str, dict[str, int]]

    @property
    def events(self) -> dict[str, int]:
        """The books of all runs together."""
        names = ("injected", "delivered", "dropped", "cancelled", "in_flight", "synaptic_events", "fired",
                 "overshoot", "packets", "hops", "hops_east_west", "hops_north_south", "updates",
                 "updates_active", "updates_inactive", "steps")  # fmt: skip
        return {name: sum(run.counts[name] for run in self.runs.values()) for name in names}

    def per_query(self, rule: str) -> dict[str, float]:
        """Mean counts of one query under ``rule``."""
        return {name: count / len(self.queries) for name, count in self.runs[rule].counts.items()}

    def seconds(self, rule: str) -> float:
        """Mean simulated time of one query under ``rule``."""
        return float(self.runs[rule].simulated_ps.mean()) * 1e-12


def cut(space: Space, vectors: NDArray[Any], dim: int) -> NDArray[Any]:
    """The first ``dim`` bits of dense vectors: half a hypervector is still the whole picture, less sharp."""
    if dim == space.dim:
        return vectors
    words = vectors[:, : bits.word_count(dim)].copy()
    words[:, -1] &= bits.tail_mask(dim)
    return words


def _sample(task: Task, count: int) -> NDArray[np.int64]:
    queries = len(task.targets["queries"])
    return np.arange(min(count, queries), dtype=np.int64) * queries // min(count, queries)


def _fit(space: Space, keys: NDArray[Any], settings: Settings, config: chip.ChipConfig) -> tuple[int, int]:
    """(keys to simulate, keys that the whole chip holds), or an error where not even one fits."""
    synapses_per_key = space.dim if isinstance(space, BSC) else space.width
    room = max(1, SIMULATED_SYNAPSES // synapses_per_key)
    wanted = settings.chip_keys
    if wanted is not None:
        check.integer("chip-keys", wanted, low=1)
        if wanted > min(room, len(keys)):
            raise ValueError(
                f"chip-keys must be at most the {len(keys)} keys of the run and at most {room}, what the "
                f"simulator holds in its own memory, or the memory is larger than the chip; got {wanted}"
            )
    probe = SpikingAttention(space, keys[: min(room, len(keys))], k=1, seed=settings.seed)
    fits = chip.capacity(probe.network.synapses, config)
    if fits < (wanted or 1):
        raise ValueError(
            f"chip-keys must be at most what the chip {settings.chip} holds: {fits} of these keys fit its "
            f"{config.cores} cores ({config.input_axons} input axons and {config.synaptic_memory_bits} bits of "
            f"synapses each), got {wanted or 1}"
        )
    if fits < len(probe):
        return wanted or fits, fits
    # All of them fit, and more would: extrapolate from the full cores.
    placed = chip.place(probe.network, config)
    full = max(1, placed.cores_used - 1)
    return wanted or fits, max(fits, int(placed.first[full] * config.cores // full))


def run_on_chip(
    task: Task, settings: Settings, substrate: Substrate, *, theta: int, progress: Callable[[str], None]
) -> OnChip:
    """Run a sample of queries over as many keys as the chip holds, under every rule, with both clocks.

    A core's input axons bound the address lines it can tell apart, so dense vectors longer than that are cut
    to their first bits, for both runners alike. The keys are the first that fit the chip's synaptic memory and
    axons, at most 2²⁴ synapses, or ``settings.chip_keys``. ``theta`` is the whole run's, and is the chip's too;
    only cut vectors have one of their own, calibrated for their share of winners, or a given one in proportion.

    Raises:
        ValueError: not one key fits, or ``chip_keys`` is more than fit.
    """
    config = chip.ChipConfig.from_substrate(substrate)
    space = task.space
    if isinstance(space, BSC) and space.dim > config.input_axons:
        space = BSC(config.input_axons)
    sample = _sample(task, settings.sized().chip_queries or 1)
    pieces = {name: cut(task.space, vectors, space.dim) for name, vectors in task.vectors.items()}
    count, per_chip = _fit(space, pieces["keys"], settings, config)
    keys, queries = pieces["keys"][:count], pieces["queries"][sample]
    k = max(1, round(task.k * count / len(pieces["keys"])))

    layer = SpikingAttention(
        space, keys, k=k, theta=theta if space is task.space else None, seed=settings.seed
    )
    if layer.theta is None and settings.theta is not None:
        layer.theta = max(1, round(settings.theta * space.dim / task.space.dim))
    elif layer.theta is None:
        layer.calibrate(pieces["development"])
    assert layer.theta is not None
    runs: dict[str, chip.ChipRun] = {}
    agreement: dict[str, dict[str, int]] = {}
    placed: chip.Mapping | None = None
    for rule in RULES:
        progress(f"timed chip: {rule}, {len(sample)} queries over {count} keys")
        layer.rule = rule  # the synapses stay, the k-winner-take-all group changes
        stimuli = layer.stimuli(queries)
        placed = placed or chip.place(layer.network, config)
        timed = chip.run(layer.network, stimuli, config, mapping=placed, record=rule == settings.select)
        runs[rule] = timed
        agreement[rule] = disagreement(layer.attend(queries), timed.outcome)
        if rule == "race":
            progress("timed chip: race without a barrier")
            one_by_one = functional.run(layer.network, layer.stimuli(queries, per_tick=1))
            for name, gap in (("race_async", 0), ("race_async_quiet", QUIET_PS)):
                free = chip.run(layer.network, stimuli, config, clock="async", gap_ps=gap, mapping=placed)
                runs[name] = free
                agreement[name] = disagreement(one_by_one, free.outcome)
            agreement["race_congestion"] = disagreement(
                runs["race_async_quiet"].outcome, runs["race_async"].outcome
            )
    return OnChip(
        config, space, count, per_chip, k, layer.theta, layer.network.lines, sample, runs, agreement
    )


def failed(agreement: dict[str, dict[str, int]]) -> list[str]:
    """The rules whose winners differ between the runners though they must not."""
    return [rule for rule in RULES if agreement[rule]["differing"]]
