"""The audit that closes every run: no packet appears, vanishes or is counted twice."""

import numpy as np

from hdspike.chip.mesh import DEADLOCK, LOCAL, OVERFLOW, Chip

__all__ = ["audit", "raise_fault"]


def in_flight(state: Chip) -> int:
    """Packets on the chip now, counted where they are: in queues, on links and in service."""
    waiting = int(state.queues["waiting"].sum())
    flying = int(np.count_nonzero(state.links["flying"] >= 0))
    return waiting + flying + int(np.count_nonzero(state.cores["serving"] >= 0))


def audit(state: Chip) -> dict[str, int]:
    """``injected = delivered + dropped + cancelled + in_flight``, in all and per link.

    In all, after replication of multicast; per link ``entered = left + dropped + flying``; and what a FIFO
    holds is what waits in it and what is flying to it.

    Raises:
        RuntimeError: a book does not balance; the message has the numbers.
    """
    names = ("injected", "delivered", "dropped", "cancelled")
    books = {name: int(state.meter[name][0]) for name in names}
    books["in_flight"] = in_flight(state)
    if books["injected"] != sum(books[name] for name in (*names[1:], "in_flight")):
        raise RuntimeError(f"the books of packets do not balance: {books}")
    links, queues = state.links, state.queues
    flying = links["flying"] >= 0
    wrong = np.flatnonzero(links["entered"] != links["left"] + links["dropped"] + flying)
    if len(wrong):
        one = links[wrong[0]]
        raise RuntimeError(
            f"the books of link {wrong[0]} do not balance: entered {one['entered']}, left {one['left']}, "
            f"dropped {one['dropped']}, flying {int(flying[wrong[0]])}"
        )
    if int(links["dropped"].sum()) != books["dropped"]:
        raise RuntimeError(f"the links dropped {links['dropped'].sum()} packets, the books say {books}")
    fed = queues["feeder"] >= 0
    expected = queues["waiting"] + np.where(fed, flying[queues["feeder"]], 0)
    wrong = np.flatnonzero(fed & (queues["held"] != expected))
    if len(wrong):
        raise RuntimeError(
            f"input queue {wrong[0]} holds {queues['held'][wrong[0]]} packets, "
            f"but {expected[wrong[0]]} are there"
        )
    return books


def raise_fault(state: Chip, where: str) -> None:
    """Raise the error of a run that a kernel stopped."""
    meter = state.meter[0]
    if meter["fault"] == OVERFLOW:
        raise OverflowError(f"the simulated time of {where} passes 2⁶² ps, at {meter['now']} ps")
    if meter["fault"] == DEADLOCK:
        ports = int(meter["ports"])
        stuck = [
            f"tile {q // ports} port {q % ports}{' (sender)' if q % ports >= LOCAL else ''}: "
            f"{state.queues['waiting'][q]} waiting for link {state.queues['want'][q]}"
            for q in np.flatnonzero(state.queues["waiting"][: meter["routers"]])
        ]
        raise RuntimeError(
            f"deadlock in {where} at {meter['now']} ps: {in_flight(state)} packets are on the chip "
            "and none can move; "
            + "; ".join(stuck[:8])
            + (f"; and {len(stuck) - 8} queues more" if len(stuck) > 8 else "")
        )
