"""Closed forms of queues, and of a mesh of them under uniform random traffic: loads of the links, bounds, latency.

*Uniform* traffic: every packet goes from a tile drawn at random to one drawn at random, its own not excluded. Routes
lead along the row, then along the column (XY). Sides of a tile are 0 north, 1 east, 2 south, 3 west.
"""

from math import exp, inf
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hdspike import check
from hdspike.theory.interval import number

__all__ = [
    "bisection_bound",
    "md1_wait",
    "md1k_loss",
    "mean_hops",
    "merged_wait",
    "mesh_latency",
    "uniform_crossings",
    "uniform_flows",
]

SIDE = 2**12


def md1_wait(load: float, service: float = 1.0) -> float:
    r"""Mean wait before a server with Poisson arrivals and a constant service time: ``ρ·s ÷ 2(1 − ρ)``.

    Where ρ = ``load`` is arrivals per service time and s = ``service``; infinite from ρ = 1. Source: Pollaczek 1930;
    Khinchine 1932.

    >>> md1_wait(0.5, 4.0)
    2.0
    """
    rho = number("load", load, 0, 1e9)
    time = number("service", service, 0, 1e18)
    return rho * time / (2 * (1 - rho)) if rho < 1 else inf


def md1k_loss(load: float, places: int) -> float:
    r"""Share of Poisson arrivals that find all ``places`` taken, the one in service among them (M/D/1/K), and are lost.

    .. math:: P = 1 - \frac{1}{q_0 + \rho} \qquad q_{j+1} a_0 = q_0 A_{j+1} + \sum_{i=1}^{j} q_i A_{j-i+2}
              \qquad \sum_{j<K} q_j = 1

    where ρ = ``load``, K = ``places``, q is what a departing packet leaves behind, a₀ = e^−ρ and A_n the chance of n or
    more arrivals in one service (the balance of flows over each cut, so that no term is negative). Without a place
    to wait, K = 1, it is Erlang's ρ ÷ (1 + ρ). Good to 1e-14. Source: Gross & Harris, Fundamentals of
    Queueing Theory, §5.1.8.

    >>> round(md1k_loss(0.5, 1), 6), round(md1k_loss(0.9, 5), 4)
    (0.333333, 0.0644)
    """
    rho = number("load", load, 0, 100)
    check.integer("places", places, low=1, high=10_000)
    if rho == 0:
        return 0.0
    chance = [exp(-rho)]
    for j in range(1, places + 400):
        chance.append(chance[-1] * rho / j)
    more = np.cumsum(chance[::-1])[::-1]  # A_n, summed from the small end
    left = np.zeros(places)
    left[0] = 1.0
    for j in range(places - 1):
        left[j + 1] = (left[0] * more[j + 1] + left[1 : j + 1] @ more[j + 1 : 1 : -1]) / chance[0]
        if left[j + 1] > 1e200:
            left /= left[j + 1]
    return max(0.0, float(1 - 1 / (left[0] / left.sum() + rho)))


def merged_wait(flows: Any, service: float = 1.0, *, poisson: float = 0.0) -> float:
    r"""Mean wait before a server fed by servers of the same constant time: ``(ρ² − Σρᵢ²)·s ÷ 2ρ(1 − ρ)``.

    Where ρᵢ = ``flows`` (arrivals per service time of each feeding server), ``poisson`` arrives at random, and ρ is the
    sum of all. Packets of one feeder come at least a service time apart and never wait for each other: with one feeder
    alone the wait is 0, with many weak ones :func:`md1_wait`. Exact where each feeder brings a packet or none in every
    slot of time, independently (a switch of k inputs: the factor 1 − 1/k of Kruskal & Snir 1983); an approximation in
    a mesh. Infinite from ρ = 1.

    >>> merged_wait([0.25, 0.25]), merged_wait([0.5]), merged_wait([], poisson=0.5) == md1_wait(0.5)
    (0.25, 0.0, True)
    """
    each = [number("flows", value, 0, 1e9) for value in np.asarray(flows, dtype=float).ravel().tolist()]
    random = number("poisson", poisson, 0, 1e9)
    time = number("service", service, 0, 1e18)
    total = sum(each) + random
    if total == 0:
        return 0.0
    return time * (total**2 - sum(v * v for v in each)) / (2 * total * (1 - total)) if total < 1 else inf


def _sides(columns: int, rows: int) -> tuple[int, int]:
    return check.integer("columns", columns, low=1, high=SIDE), check.integer("rows", rows, low=1, high=SIDE)


def uniform_flows(columns: int, rows: int) -> NDArray[np.float64]:
    """``(tiles, 4, 4)``: mean crossings by one packet of each link (by its side), by where it came from.

    The last axis: straight on · turning from the link from the west · turning from the east · sent by this tile. With
    C columns and R rows, a packet goes east over the link from column c with ``(c+1)(C−1−c) ÷ C²R``, of which
    ``(C−1−c) ÷ C²R`` begin there; and so on.

    >>> uniform_flows(2, 1)[0, 1].tolist()  # the link to the east: a quarter of the packets, all from this tile
    [0.0, 0.0, 0.0, 0.25]
    """
    wide, high = _sides(columns, rows)
    c, r = np.arange(wide), np.arange(high)
    out = np.zeros((high, wide, 4, 4))
    for side, beyond in ((1, wide - 1 - c), (3, c)):  # tiles that lie ahead in the row
        behind = wide - 1 - beyond
        out[:, :, side, 0] = behind * beyond / (wide**2 * high)
        out[:, :, side, 3] = beyond / (wide**2 * high)
    for side, beyond in ((0, r), (2, high - 1 - r)):
        behind = high - 1 - beyond
        out[:, :, side, 0] = (behind * beyond / (high**2 * wide))[:, None]
        begun = beyond / (high**2 * wide**2)  # of each source of the row
        out[:, :, side, 1] = begun[:, None] * c
        out[:, :, side, 2] = begun[:, None] * (wide - 1 - c)
        out[:, :, side, 3] = begun[:, None]
    return out.reshape(high * wide, 4, 4)


def uniform_crossings(columns: int, rows: int) -> NDArray[np.float64]:
    """``(tiles, 4)``: mean crossings of each link by one packet; 0 over the edge. They add up to :func:`mean_hops`."""
    return uniform_flows(columns, rows).sum(axis=2)


def mean_hops(columns: int, rows: int) -> float:
    """Mean distance of two tiles drawn at random: ``(C² − 1) ÷ 3C + (R² − 1) ÷ 3R``.

    >>> mean_hops(8, 8)
    5.25
    """
    wide, high = _sides(columns, rows)
    return (wide**2 - 1) / (3 * wide) + (high**2 - 1) / (3 * high)


def bisection_bound(columns: int, rows: int, busy: Any = 1.0) -> float:
    """The most uniform traffic that any routing carries: packets per unit of time on the whole mesh.

    Over a cut through the whole mesh goes at most one packet per link and time ``busy``; the bound is the least over
    all straight cuts of ``Σ 1/busy ÷ P(a packet crosses)``, each direction apart. With equal links and evenly many
    columns the middle cut is the bisection, a quarter of the packets cross it each way, and the bound is
    ``4R ÷ busy``; XY loads all links of that cut alike, so it reaches the bound as far as queues let it.

    Args:
        busy: how long a packet keeps a link busy: one number, ``(4,)`` by side, or ``(tiles, 4)``.

    >>> bisection_bound(8, 8), bisection_bound(8, 4, busy=4.0)
    (32.0, 4.0)
    """
    wide, high = _sides(columns, rows)
    time = _busy(busy, wide, high).reshape(high, wide, 4)
    bound = inf
    for cut in range(wide - 1):
        cross = (cut + 1) * (wide - 1 - cut) / wide**2
        for links in (time[:, cut, 1], time[:, cut + 1, 3]):
            bound = min(bound, float((1 / links).sum()) / cross)
    for cut in range(high - 1):
        cross = (cut + 1) * (high - 1 - cut) / high**2
        for links in (time[cut, :, 2], time[cut + 1, :, 0]):
            bound = min(bound, float((1 / links).sum()) / cross)
    return bound


def _busy(busy: Any, wide: int, high: int) -> NDArray[np.float64]:
    time = np.asarray(busy, dtype=float)
    if time.shape not in ((), (4,), (wide * high, 4)):
        raise ValueError(f"busy must be one number, (4,) or ({wide * high}, 4), got shape {time.shape}")
    if not np.all((time > 0) & (time <= 1e18)):
        raise ValueError(f"busy must be numbers above 0 up to 1e18, got {time.min()} … {time.max()}")
    return np.broadcast_to(time, (wide * high, 4))


def mesh_latency(
    columns: int, rows: int, rate: float, busy: Any = 1.0, *, travel: Any = None, merged: bool = False
) -> float:
    """Mean latency of uniform traffic of ``rate`` packets per unit of time on the whole mesh, every link a queue alone.

    ``Σ crossings · (travel + wait)`` over the links. The wait is :func:`md1_wait`, as if arrivals at every link were
    Poisson and independent; or, ``merged``, :func:`merged_wait` of what comes from each input. FIFOs are without bound
    and a packet holds up none behind it but in its own queue: both make it **too low** near saturation where FIFOs are
    short; the first makes it **too high** before, because packets that came over the same link do not collide again.
    At rate 0 it is exact. Infinite from the load at which the busiest link has no pause.

    Args:
        busy: as in :func:`bisection_bound`. travel: how long a packet is on its way over a link, of the same shape;
            by default ``busy``.

    >>> mesh_latency(8, 8, 0.0), round(mesh_latency(8, 8, 16.0), 3), round(mesh_latency(8, 8, 16.0, merged=True), 3)
    (5.25, 7.15, 6.103)
    """
    wide, high = _sides(columns, rows)
    packets = number("rate", rate, 0, 1e18)
    time = _busy(busy, wide, high)
    way = time if travel is None else _busy(travel, wide, high)
    flows = uniform_flows(wide, high)
    crossings = flows.sum(axis=2)
    load = packets * crossings * time
    if load.max(initial=0.0) >= 1:
        return inf
    total = load**2
    if merged:
        total = total - ((packets * flows[:, :, :3] * time[:, :, None]) ** 2).sum(axis=2)
    used = load > 0
    wait = np.zeros_like(load)
    wait[used] = time[used] * total[used] / (2 * load[used] * (1 - load[used]))
    return float((crossings * (way + wait)).sum())
