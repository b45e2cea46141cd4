"""The audit that closes every run: no packet appears, vanishes or is counted twice."""

import numpy as np
from numpy.typing import NDArray

from hdspike.chip.state import ASTRAY, DEADLOCK, OVERFLOW, Chip
from hdspike.chip.wheel import NONE

__all__ = ["audit", "raise_fault"]


def lengths(state: Chip) -> NDArray[np.int64]:
    """``(links,)`` the packets in the FIFO at the end of each link, counted one by one."""
    waiting = np.zeros(len(state.links), dtype=np.int64)
    for link in np.flatnonzero(state.links["head"] != NONE):
        flit = int(state.links["head"][link])
        while flit != NONE:
            waiting[link] += 1
            flit = int(state.flits["following"][flit])
    return waiting


def on_links(state: Chip) -> NDArray[np.int64]:
    """``(links,)`` the packets on each link now."""
    flying = (state.links["flying"] != NONE).astype(np.int64)
    flying[state.wires["link"]] += state.wires["travelling"]
    return flying


def in_flight(state: Chip) -> int:
    """Packets on the chip now, counted where they are: at senders, on links, in FIFOs and in service."""
    sending = int(state.senders["waiting"].sum())
    serving = int(np.count_nonzero(state.cores["serving"] >= 0))
    return sending + int(on_links(state).sum()) + int(lengths(state).sum()) + serving


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
    links, flying = state.links, on_links(state)
    wrong = np.flatnonzero(state.entered != links["left"] + links["dropped"] + flying)
    if len(wrong):
        one = links[wrong[0]]
        raise RuntimeError(
            f"the books of link {wrong[0]} do not balance: entered {state.entered[wrong[0]]}, "
            f"left {one['left']}, dropped {one['dropped']}, flying {flying[wrong[0]]}"
        )
    if int(links["dropped"].sum()) != books["dropped"]:
        raise RuntimeError(f"the links dropped {links['dropped'].sum()} packets, the books say {books}")
    there = lengths(state) + flying
    wrong = np.flatnonzero((links["end"] != -1) & (links["held"] != there))
    if len(wrong):
        raise RuntimeError(
            f"the FIFO at the end of link {wrong[0]} holds {links['held'][wrong[0]]} packets, "
            f"but {there[wrong[0]]} are there"
        )
    return books


def waiting(state: Chip) -> list[str]:
    """Who waits for which link, in words."""
    ports = int(state.meter["ports"][0])
    words = []
    held = lengths(state)
    for queue in range(len(state.feeders)):
        feeder = int(state.feeders[queue])
        count = int(state.senders["waiting"][queue]) if feeder == NONE else int(held[feeder])
        if count:
            if feeder == NONE:
                last = int(state.packets["link"][state.senders["head"][queue]])
            else:
                last = int(state.flits["link"][state.links["head"][feeder]])
            tile, port = divmod(queue, ports)
            out = int(state.routes[tile, last // ports])
            link = last if out < 0 else tile * ports + out
            who = " (sender)" if feeder == NONE else ""
            words.append(f"tile {tile} port {port}{who}: {count} waiting for link {link}")
    return words


def raise_fault(state: Chip, where: str) -> None:
    """Raise the error of a run that a kernel stopped."""
    meter = state.meter[0]
    if meter["fault"] == OVERFLOW:
        raise OverflowError(f"the simulated time of {where} passes 2⁶² ps, at {meter['now']} ps")
    if meter["fault"] == DEADLOCK:
        stuck = waiting(state)
        raise RuntimeError(
            f"deadlock in {where} at {meter['now']} ps: {in_flight(state)} packets are on the chip "
            "and none can move; "
            + "; ".join(stuck[:8])
            + (f"; and {len(stuck) - 8} queues more" if len(stuck) > 8 else "")
        )
    assert meter["fault"] != ASTRAY
