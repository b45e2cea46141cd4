"""One length of the context: every contender's events, seconds and joules of a query.

Seconds are those of the whole attention: coding the query, search, exact scores, softmax over the winners, the weighed
sum of their values. Ours are charged one insertion a query besides, as a decoder does it.
"""

import statistics
import time
from dataclasses import dataclass
from typing import Any

import attention_dense as others
import numpy as np
from attention_keys import Head
from attention_ours import AROUND, AROUND_FEW, counts, exact, judge, stream, tune, weights
from attention_times import in_turns, median_ratio
from numpy.typing import NDArray

from hdspike import dense
from hdspike.energy import price
from hdspike.models.stream import KeyStream
from hdspike.substrate import Substrate

__all__ = ["BATCHES", "WANTED", "dense_joules", "joules", "point"]

BATCHES = (1, 64)
WANTED = 0.95  # of the exact winners' mass
FEW = 41  # winners whatever the context: 1 % of 4,096
CONTENDERS = (("lines", "1%"), ("growing", "1%"), ("growing", FEW), ("packed", "1%"))
LARGE = 1 << 18  # above, fewer queries are judged: their exact scores take Q·N·4 bytes twice


def joules(counted: dict[str, float], substrate: Substrate) -> dict[str, float]:
    """Nominal, low and high; all that the substrate prices is charged."""
    priced = set(substrate.priced())
    there = {name: amount for name, amount in counted.items() if name in priced}
    bill = price(there, substrate, seconds=0.0, charge=list(there), rng=0, per="query")
    return {"nominal": bill.nominal, "low": bill.low, "high": bill.high}


def dense_joules(
    size: int, batch: int, precision: str, substrate: Substrate, dim: int = 64
) -> dict[str, float]:
    """Softmax over all keys, one key appended for each query; the same ledger and the same traffic."""
    cost = dense.attention(
        size, dim, precision=precision, batch=batch, appended=min(size, batch), on_chip=True
    )
    return joules(cost.counts, substrate)


def insertion(held: KeyStream, head: Head, batch: int, rounds: int = 9) -> float:
    """Seconds to take in one key, as many at a time as a batch has queries; the keys are those of the head again."""
    keys, values = head.keys[None], head.values[None]
    calls, times = max(1, 64 // batch), []
    for turn in range(rounds):
        at = (turn * calls * batch) % max(1, len(head.keys) - calls * batch)
        begun = time.perf_counter()
        for i in range(calls):
            part = slice(at + i * batch, at + (i + 1) * batch)
            held.insert(keys[:, part], values[:, part])
        times.append((time.perf_counter() - begun) / (calls * min(batch, len(head.keys))))
    return statistics.median(times)


def batches(queries: NDArray[np.float32], batch: int) -> NDArray[np.float32]:
    """``(batches, batch, d)`` of all query heads' queries; over again where there are too few."""
    rows = queries.transpose(1, 0, 2).reshape(-1, queries.shape[2])
    rows = np.resize(rows, (max(batch, len(rows) // batch * batch), rows.shape[1]))
    return np.ascontiguousarray(rows.reshape(-1, batch, rows.shape[1]))


@dataclass(frozen=True)
class Settings:
    """A stream as one contender asks it; several contenders may share one."""

    held: KeyStream
    winners: int | str
    share: float
    candidates: float

    def attend(self, queries: NDArray[np.float32]) -> NDArray[np.float32]:
        self.held.winners, self.held.share, self.held.candidates = self.winners, self.share, self.candidates
        return self.held.attend(queries)


def point(
    head: Head, torch: Any, substrate: Substrate, *, rounds: int = 7, contenders: Any = CONTENDERS
) -> dict[str, Any]:
    """All contenders at this head's number of keys.

    Raises:
        AssertionError: torch's outputs are not those of softmax, or our winners no winners.
    """
    size = len(head.keys)
    some = 32 if size > LARGE else head.queries.shape[1]
    queries = head.queries[:, :some]
    learn = head.learn_queries[:, :: max(1, head.learn_queries.shape[1] // some)][:, :some]
    masses = weights(head, learn), weights(head, queries)
    out: dict[str, Any] = {"keys": size, "real": head.real, "head": head.name, "ours": [], "dense": {}}
    streams: dict[str, tuple[KeyStream, float]] = {}
    held: dict[str, tuple[Settings, dict[str, Any]]] = {}
    cases = {}
    for name, winners in contenders:
        count = round(size / 100) if winners == "1%" else min(size, int(winners))
        if count not in cases:
            cases[count] = (exact(head, learn, count, masses[0]), exact(head, queries, count, masses[1]))
        if name not in streams:
            streams[name] = stream(head, name, winners)
        made, bulk = streams[name]
        made.winners = winners
        tune(made, name, cases[count][0], WANTED, AROUND if winners == "1%" else AROUND_FEW)
        found = judge(made, cases[count][1])
        row: dict[str, Any] = {
            "kind": name, "winners": made.count(), "rule": str(winners), "lines": made.code.count, "share": found.share,
            "candidates": found.candidates, "found": found.found, "found_deviation": found.found_deviation,
            "found_least": found.found_least, "lost": found.lost, "error": found.error,
            "error_exact": found.error_exact, "per_query": found.per_query, "bulk_insertion_s": bulk,
            "touched_fraction": found.per_query["touched"] / size,
            "bytes_per_key": made.bytes / size, "queries": len(cases[count][1].mass), "seconds": {}, "joules": {},
        }  # fmt: skip
        out["ours"].append(row)
        held[f"{name} {winners}"] = (Settings(made, winners, found.share, found.candidates), row)
    true = next(iter(cases.values()))[1]
    for batch in BATCHES:
        asked = batches(queries, batch)
        work: dict[str, Any] = {
            name: (lambda i, s=made, q=asked: s.attend(q[i % len(q)][None]))
            for name, (made, _) in held.items()
        }
        if torch:
            for precision in others.PRECISIONS:
                ways = others.ways(torch, head.keys, head.values, asked, precision)
                outputs = true.outputs.reshape(*queries.shape[:2], -1).transpose(1, 0, 2)
                wanted = np.resize(outputs.reshape(-1, outputs.shape[2]), (batch, outputs.shape[2]))
                for way in ways:
                    others.agree(ways[way], wanted, way, precision)
                best, times = others.quickest(ways, rounds=3)
                out["dense"][f"{precision} {batch}"] = {
                    "way": best, "all_s": {way: seconds / batch for way, seconds in times.items()}
                }  # fmt: skip
                work[precision] = ways[best]
        times = in_turns(work, rounds)
        inserted = {name: insertion(made, head, batch) for name, (made, _) in streams.items()}
        least = min(
            (p for p in others.PRECISIONS if p in times),
            key=lambda p: statistics.median(times[p]),
            default="",
        )
        for precision in others.PRECISIONS:
            if precision in times:
                out["dense"][f"{precision} {batch}"]["s"] = statistics.median(times[precision]) / batch
        if least:
            out["dense"][f"best {batch}"] = {**out["dense"][f"{least} {batch}"], "precision": least}
        for name, (made, row) in held.items():
            added = inserted[row["kind"]]
            seconds: dict[str, Any] = {
                "attend_s": statistics.median(times[name]) / batch,
                "insertion_s": added,
            }
            seconds["s"] = seconds["attend_s"] + added
            if least:
                seconds["ratio"] = median_ratio(times[least], times[name], added * batch)
                seconds["ratio_without_insertion"] = median_ratio(times[least], times[name])
            row["seconds"][str(batch)] = seconds
            counted = counts(made.held, row["per_query"], batch)
            row["joules"][str(batch)] = joules(counted, substrate)
            row["counts"] = counted if batch == 1 else row["counts"]
        for precision in ("bf16", "int8"):
            out["dense"].setdefault("joules", {})[f"{precision} {batch}"] = dense_joules(
                size, batch, precision, substrate, head.keys.shape[1]
            )
    return out
