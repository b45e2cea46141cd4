"""A board of meshes, slowly: steps, gaps, several chips, faults and detours, on the naive mesh of chip.py."""

from collections import deque
from types import SimpleNamespace

from tests.naive.chip import TRAFFIC, Mesh, Packet

SIDES = ("north", "east", "south", "west")
STEPS = {"north": (0, -1), "east": (1, 0), "south": (0, 1), "west": (-1, 0)}


class Board(Mesh):
    """What hdspike.chip.Transport does; ``dead`` holds closed ways as (tile, side)."""

    def __init__(self, policy, *, columns, rows, tile_of_core, hop_ps, inject_ps, eject_ps, fifo_depth,
                 chips_x, chips_y, off_chip_busy_ps, off_chip_ps, dead, sample_ps=None):  # fmt: skip
        self.tile_of_core, self.hop_ps = tile_of_core, hop_ps
        self.eject_ps, self.busy_ps, self.far_ps = eject_ps, off_chip_busy_ps, off_chip_ps
        self.wide, self.high = columns // chips_x, rows // chips_y
        self.dead, self.columns, self.rows = dead, columns, rows
        each = max(tile_of_core.count(t) for t in range(columns * rows))
        super().__init__(
            SimpleNamespace(
                columns=columns, rows=rows, tiles=columns * rows, cores=len(tile_of_core),
                cores_per_tile=each, fifo_depth=fifo_depth, packet_ps=inject_ps,
            ),
            policy,
        )  # fmt: skip
        self.wires = [link for link in range(self.routers) if self.off_chip(link)]
        self.air = {link: deque() for link in self.wires}
        self.table = self.detours() if dead else None
        self.sample_ps, self.samples, self.at_senders, self.levels = sample_ps, 0, 0, {}

    # -- geometry

    def beyond(self, tile, side):
        x, y = tile % self.columns + STEPS[side][0], tile // self.columns + STEPS[side][1]
        return y * self.columns + x if 0 <= x < self.columns and 0 <= y < self.rows else None

    def chip_of(self, tile):
        return tile % self.columns // self.wide, tile // self.columns // self.high

    def off_chip(self, link):
        tile, port = divmod(link, self.ports)
        there = self.beyond(tile, SIDES[port]) if port < 4 else None
        return there is not None and self.sink(link) is not None and self.chip_of(there) != self.chip_of(tile)

    def on_tile(self, tile):
        return [core for core, t in enumerate(self.tile_of_core) if t == tile]

    def sink(self, link):
        tile, port = divmod(link, self.ports)
        if port < 4:
            there = self.beyond(tile, SIDES[port])
            if there is None or (tile, SIDES[port]) in self.dead:
                return None
            return "router", there * self.ports + (port + 2) % 4
        here = self.on_tile(tile)
        return ("core", here[port - 4]) if port - 4 < len(here) else None

    def sender(self, core):
        tile = self.tile_of_core[core]
        return tile * self.ports + 4 + self.on_tile(tile).index(core)

    def latency(self, link):
        tile, port = divmod(link, self.ports)
        if self.off_chip(link):
            return self.busy_ps
        return self.hop_ps[tile][port] if port < 4 else self.eject_ps

    def wanted(self, queue, packet):
        tile, goal = queue // self.ports, self.tile_of_core[packet.core]
        if tile == goal:
            return self.sender(packet.core)
        if self.table is not None:
            return tile * self.ports + SIDES.index(self.table[tile, goal])
        dx, dy = goal % self.columns - tile % self.columns, goal // self.columns - tile // self.columns
        side = ("east" if dx > 0 else "west") if dx else ("south" if dy > 0 else "north")
        return tile * self.ports + SIDES.index(side)

    # -- detours

    def shortest(self, order):
        """{(tile, goal): side}: of the sides on a shortest open way the one that is first in the order."""
        tiles = range(self.columns * self.rows)
        ways = [(t, s, self.beyond(t, s)) for t in tiles for s in SIDES]
        ways = [w for w in ways if w[2] is not None and w[:2] not in self.dead]
        table = {}
        for goal in tiles:
            far, line = {goal: 0}, deque([goal])
            while line:
                at = line.popleft()
                for tile, _, there in ways:
                    if there == at and tile not in far:
                        far[tile] = far[at] + 1
                        line.append(tile)
            for tile in tiles:
                good = [
                    s for t, s, there in ways if t == tile and far.get(there, -9) + 1 == far.get(tile, -1)
                ]
                if tile != goal and good:
                    table[tile, goal] = min(good, key=order.index)
        return table

    def circular(self, table):
        """Whether a link may wait for itself, through others."""
        after = {}
        for (tile, goal), side in table.items():
            there = self.beyond(tile, side)
            if there != goal:
                after.setdefault((tile, side), set()).add((there, table[there, goal]))
        return any(start in reached(after, start) for start in after)

    def detours(self):
        rows_first = self.shortest(["east", "west", "south", "north"])
        columns_first = self.shortest(["south", "north", "east", "west"])
        return columns_first if self.circular(rows_first) and not self.circular(columns_first) else rows_first

    # -- time

    def hand_over(self, queue):
        packet = self.inputs[queue][0]
        packet.offered = self.now + packet.gap
        super().hand_over(queue)

    def crosses(self, link, packet):
        if link not in self.air:
            self.land(link, packet)
            return
        self.air[link].append(packet)
        self.schedule(self.now + self.far_ps, 2 * self.routers + self.c.cores + self.wires.index(link))

    def comes_in(self, number):
        link = self.wires[number]
        self.land(link, self.air[link].popleft())

    def passes(self, time):
        while self.sample_ps is not None and self.next_sample <= time:
            self.next_sample += self.sample_ps
            self.samples += 1
            self.at_senders += sum(len(q) for i, q in enumerate(self.inputs) if i % self.ports >= 4)
            fed = [self.sink(link) for link in range(self.routers)]
            for sink in filter(None, fed):
                held = self.held[sink[1]] if sink[0] == "router" else self.fifo_held[sink[1]]
                self.levels[held] = self.levels.get(held, 0) + 1

    def step(self, sources, targets, gaps, services, rests):
        """(packets, end of the step)."""
        self.now, self.next_sample = 0, self.sample_ps
        packets = [
            Packet(TRAFFIC, d, gap=g, service=s) for d, g, s in zip(targets, gaps, services, strict=True)
        ]
        for source, packet in zip(sources, packets, strict=True):
            self.offer(source, packet)
        self.drain()
        done = [*rests, *(p.entered + rests[s] for p, s in zip(packets, sources, strict=True))]
        return packets, max([self.now, *done])


def reached(after, start):
    """Everything behind ``start``."""
    seen, line = set(), list(after.get(start, ()))
    while line:
        link = line.pop()
        if link not in seen:
            seen.add(link)
            line.extend(after.get(link, ()))
    return seen
