"""The chip, slowly: the same rules as hdspike.chip in plain Python, with heapq, deque and no shared code.

Where the kernels keep an agenda of links that may act, this twin asks all of them after every event.
"""

import heapq
from collections import deque

INPUT, SPIKE, INHIBITION, TRAFFIC = "input", "spike", "inhibition", "traffic"


class Packet:
    def __init__(self, kind, core, **more):
        self.kind, self.core = kind, core  # core None: to the host
        self.offered = 0
        self.entered = self.arrived = self.gone = self.finished = None
        self.dropped = False
        self.__dict__.update(more)


class Mesh:
    """Routers, links and cores. Subclasses say how long a core serves a packet and what that does."""

    def __init__(self, config, policy, routes=None):
        self.c, self.policy, self.routes = config, policy, routes
        self.ports = 5 + config.cores_per_tile
        self.routers = config.tiles * self.ports
        self.inputs = [deque() for _ in range(self.routers)]
        self.shown = [port_is_link(i % self.ports) for i in range(self.routers)]
        self.held = [0] * self.routers
        self.flying = [None] * self.routers
        self.turn = [0] * self.routers
        self.fifo = [deque() for _ in range(config.cores)]
        self.fifo_held = [0] * config.cores
        self.serving = [None] * config.cores
        self.busy = [0] * config.cores
        self.served_packets = [0] * config.cores
        self.crossed = [0] * self.routers
        self.link_dropped = [0] * self.routers
        self.peak = [0] * (self.routers + config.cores)
        self.events, self.sequence, self.now = [], 0, 0
        self.injected = self.delivered = self.dropped = self.cancelled = self.entered = 0

    # -- geometry

    def sink(self, link):
        """('router', queue), ('core', c), ('host',) or None."""
        tile, port = divmod(link, self.ports)
        column, row = tile % self.c.columns, tile // self.c.columns
        if port == 0:
            return ("router", (tile - self.c.columns) * self.ports + 2) if row > 0 else None
        if port == 1:
            return ("router", (tile + 1) * self.ports + 3) if column < self.c.columns - 1 else None
        if port == 2:
            return ("router", (tile + self.c.columns) * self.ports + 0) if row < self.c.rows - 1 else None
        if port == 3:
            return ("router", (tile - 1) * self.ports + 1) if column > 0 else None
        if port < self.ports - 1:
            return ("core", tile * self.c.cores_per_tile + port - 4)
        return ("host",) if tile == 0 else None

    def latency(self, link):
        port = link % self.ports
        if port in (1, 3):
            return self.c.hop_east_west_ps
        if port in (0, 2):
            return self.c.hop_north_south_ps
        return self.c.packet_ps

    def sender(self, core):
        if core is None:
            return self.ports - 1
        tile, inside = divmod(core, self.c.cores_per_tile)
        return tile * self.ports + 4 + inside

    def wanted(self, queue, packet):
        tile = queue // self.ports
        goal = 0 if packet.core is None else packet.core // self.c.cores_per_tile
        if self.routes is not None:
            port = self.routes[tile][goal]
            return self.sender(packet.core) if port < 0 else tile * self.ports + port
        dx = goal % self.c.columns - tile % self.c.columns
        dy = goal // self.c.columns - tile // self.c.columns
        if dx:
            return tile * self.ports + (1 if dx > 0 else 3)
        if dy:
            return tile * self.ports + (2 if dy > 0 else 0)
        return self.sender(packet.core)

    # -- packets

    def schedule(self, time, address):
        heapq.heappush(self.events, (time, address, self.sequence))
        self.sequence += 1

    def offer(self, core, packet):
        queue = self.sender(core)
        self.injected += 1
        self.inputs[queue].append(packet)
        if len(self.inputs[queue]) == 1:
            self.hand_over(queue)

    def hand_over(self, queue):
        self.shown[queue] = False
        start = max(self.now, self.inputs[queue][0].offered)
        self.schedule(start + self.c.packet_ps, self.routers + self.c.cores + queue)

    def room(self, sink):
        if sink[0] == "host":
            return True
        held = self.held if sink[0] == "router" else self.fifo_held
        return held[sink[1]] < self.c.fifo_depth

    def try_link(self, link):
        """Let the arbiter of one link act; whether it did."""
        if self.flying[link] is not None:
            return False
        tile = link // self.ports
        for i in range(self.ports):
            port = (self.turn[link] + i) % self.ports
            queue = tile * self.ports + port
            if self.inputs[queue] and self.shown[queue] and self.wanted(queue, self.inputs[queue][0]) == link:
                break
        else:
            return False
        packet, sink = self.inputs[queue][0], self.sink(link)
        full = not self.room(sink)
        if full and (self.policy == "stall" or packet.kind == INHIBITION):
            return False
        self.inputs[queue].popleft()
        self.turn[link] = (port + 1) % self.ports
        if port >= 4:
            packet.entered = self.now
            self.entered += 1
            self.left_sender(packet)
            if self.inputs[queue]:
                self.hand_over(queue)
        else:
            self.held[queue] -= 1
        if full:
            packet.dropped, packet.gone = True, self.now
            self.dropped += 1
            self.link_dropped[link] += 1
            return True
        self.flying[link] = packet
        if sink[0] == "router":
            self.held[sink[1]] += 1
            self.peak[sink[1]] = max(self.peak[sink[1]], self.held[sink[1]])
        elif sink[0] == "core":
            self.fifo_held[sink[1]] += 1
            place = self.routers + sink[1]
            self.peak[place] = max(self.peak[place], self.fifo_held[sink[1]])
        self.schedule(self.now + self.latency(link), link)
        return True

    def left_sender(self, packet):
        pass

    def start(self, core):
        if self.serving[core] is None and self.fifo[core]:
            packet = self.fifo[core].popleft()
            self.fifo_held[core] -= 1
            self.serving[core] = packet
            time = self.service(core, packet)
            self.busy[core] += time
            self.schedule(self.now + time, self.routers + core)

    def drain(self):
        while self.events:
            time, address, _ = heapq.heappop(self.events)
            self.passes(time)
            self.now = time
            if address < self.routers:
                packet, self.flying[address] = self.flying[address], None
                self.crosses(address, packet)
            elif address < self.routers + self.c.cores:
                core = address - self.routers
                packet, self.serving[core] = self.serving[core], None
                packet.finished = self.now
                self.delivered += 1
                self.served_packets[core] += 1
                self.effect(core, packet)
                self.start(core)
            elif address < 2 * self.routers + self.c.cores:
                self.shown[address - self.routers - self.c.cores] = True
            else:
                self.comes_in(address - 2 * self.routers - self.c.cores)
            while any(self.try_link(link) for link in range(self.routers)):
                pass  # `any` stops at the first, so the lowest link that can act does
        if self.injected != self.delivered + self.dropped + self.cancelled:
            raise RuntimeError("deadlock")

    def passes(self, time):
        pass

    def crosses(self, link, packet):
        """A packet leaves a link, which is free."""
        self.land(link, packet)

    def land(self, link, packet):
        sink = self.sink(link)
        self.crossed[link] += 1
        if sink[0] == "router":
            self.inputs[sink[1]].append(packet)
            return
        packet.arrived = packet.gone = self.now
        if sink[0] == "core":
            self.fifo[sink[1]].append(packet)
            self.start(sink[1])
        else:
            self.delivered += 1
            self.effect(None, packet)

    def service(self, core, packet):
        return packet.service

    def effect(self, core, packet):
        pass


def port_is_link(port):
    return port < 4


def traffic(config, times, sources, destinations, *, service_ps, policy="stall", routes=None):
    """The mesh after the traffic, and the packets in the given order."""
    mesh = Mesh(config, policy, routes)
    packets = [
        Packet(TRAFFIC, d, service=service_ps, offered=t) for t, d in zip(times, destinations, strict=True)
    ]
    for i in sorted(range(len(packets)), key=lambda i: times[i]):
        mesh.offer(sources[i], packets[i])
    mesh.drain()
    return mesh, packets


def place(dense, config, weight_bits=1):
    """Core of each neuron that fits, trying every one on the current core; ``dense`` is (lines, neurons)."""
    index_bits = 0
    while 2**index_bits < config.neurons_per_core:
        index_bits += 1

    def fits(neurons):
        lines = [row for row in dense if any(row[n] for n in neurons)]
        synapses = sum(1 for row in lines for n in neurons if row[n])
        cells = len(lines) * len(neurons)
        full = synapses == cells
        memory = min(synapses * (index_bits + weight_bits), cells * (weight_bits + (not full)))
        return (
            len(neurons) <= config.neurons_per_core
            and len(lines) <= config.input_axons
            and memory <= config.synaptic_memory_bits
        )

    cores, here = [], []
    core = 0
    for neuron in range(len(dense[0])):
        if not fits([*here, neuron]):
            if not here or core + 1 == config.cores or not fits([neuron]):
                break
            core, here = core + 1, []
        here.append(neuron)
        cores.append(core)
    return cores


class Brain(Mesh):
    """A network on a mesh, for one query."""

    def __init__(self, config, policy, clock, dense, bias, kwta, cores, kwta_core):
        super().__init__(config, policy)
        self.clock, self.dense, self.kwta, self.core_of = clock, dense, kwta, cores
        self.kwta_core, self.used = kwta_core, max(cores) + 1
        self.v = list(bias)
        self.received = [0] * len(bias)
        self.fired = [False] * len(bias)
        self.fresh = set()
        self.inhibited = [False] * config.cores
        self.counted = []  # (neuron, potential) as served by the k-WTA unit
        self.begun = 0
        self.silenced = False
        self.synaptic_events = 0
        self.core_events = [0] * config.cores
        self.active = [0] * config.cores
        self.inactive = [0] * config.cores
        self.input_log, self.spike_log = [], []

    def replicas(self, line):
        """(core, targets) of one line, in order."""
        reached = {}
        for n, w in enumerate(self.dense[line]):
            if w:
                reached.setdefault(self.core_of[n], []).append(n)
        return sorted(reached.items())

    def send(self, lines, low, high, gap):
        now = self.now
        for p in range(low, high):
            for core, targets in self.replicas(lines[p]):
                packet = Packet(
                    INPUT, core, line=lines[p], targets=targets, position=p, offered=now + p * gap
                )
                self.offer(None, packet)

    def left_sender(self, packet):
        if packet.kind == INPUT:
            self.begun = packet.position + 1

    def service(self, core, packet):
        if packet.kind == INPUT:
            if self.inhibited[core]:
                return self.c.packet_ps
            return self.c.synaptic_event_ps * len(packet.targets)
        return self.c.synaptic_event_ps if packet.kind == SPIKE else self.c.packet_ps

    def spike(self, neuron, time):
        self.fired[neuron] = True
        self.spike_log.append((time, neuron))
        packet = Packet(SPIKE, self.kwta_core, neuron=neuron, potential=self.v[neuron], offered=time)
        self.offer(self.core_of[neuron], packet)

    def inhibit(self):
        for core in [*range(self.used), None]:
            self.offer(self.kwta_core, Packet(INHIBITION, core, offered=self.now))

    def effect(self, core, packet):
        if packet.kind == INPUT and not self.inhibited[core]:
            self.input_log.append((self.now, packet.line))
            for n in packet.targets:
                self.v[n] += self.dense[packet.line][n]
                self.received[n] += 1
                self.fresh.add(n)
                self.synaptic_events += 1
                self.core_events[core] += 1
            if self.clock == "async":
                self.active[core] += len(packet.targets)
                ready = [n for n in packet.targets if not self.fired[n] and self.v[n] >= self.kwta.theta]
                for n in sorted(ready, key=lambda n: (-self.v[n], n)):
                    self.spike(n, self.now)
        elif packet.kind == SPIKE:
            self.counted.append((packet.neuron, packet.potential))
            if self.clock == "async" and len(self.counted) == self.kwta.k:
                self.inhibit()
        elif packet.kind == INHIBITION and core is not None:
            self.inhibited[core] = True
        elif packet.kind == INHIBITION:
            self.silenced = True
            self.cancelled += len(self.inputs[self.ports - 1])
            self.inputs[self.ports - 1].clear()


def query(config, policy, clock, dense, bias, kwta, cores, kwta_core, tiles_used, lines, per_tick, gap):
    """One query: (brain, winners [(neuron, potential, tick)], overshoot, cancelled lines, steps)."""
    brain = Brain(config, policy, clock, dense, bias, kwta, cores, kwta_core)
    if clock == "async":
        brain.send(lines, 0, len(lines), gap)
        brain.drain()
        won = [(n, v, rank) for rank, (n, v) in enumerate(brain.counted[: kwta.k])]
        cancelled = len(lines) - brain.begun if brain.silenced else 0
        return brain, won, len(brain.counted) - len(won), cancelled, 0
    input_ticks = -(-len(lines) // per_tick)
    if kwta.readout == "ramp" and lines:
        thresholds = [max(kwta.theta - s * kwta.step, kwta.floor) for s in range(kwta.ramp_steps)]
    else:
        thresholds = []
    won, overshoot, sent, steps = [], 0, 0, 0
    for tick in range(input_ticks + len(thresholds)):
        steps += 1
        brain.fresh.clear()
        if tick < input_ticks:
            sent = min(len(lines), (tick + 1) * per_tick)
            brain.send(lines, tick * per_tick, sent, 0)
            brain.drain()
        theta = None
        if kwta.readout == "tick" or (kwta.readout == "end" and tick == input_ticks - 1):
            theta = kwta.theta
        elif kwta.readout == "ramp" and tick >= input_ticks:
            theta = thresholds[tick - input_ticks]
        due = []
        for core in range(brain.used):
            mine = [n for n in range(len(cores)) if cores[n] == core]
            active = sum(n in brain.fresh for n in mine)
            brain.active[core] += active
            brain.inactive[core] += len(mine) - active
            time = active * config.update_active_ps + (len(mine) - active) * config.update_inactive_ps
            brain.busy[core] += time
            due.append(brain.now + time)
        before = len(brain.counted)
        for n in range(len(cores)):
            if theta is not None and brain.received[n] and not brain.fired[n] and brain.v[n] >= theta:
                brain.spike(n, due[cores[n]])
        brain.drain()
        brain.now = max(brain.now, *due)
        for n, v in sorted(brain.counted[before:], key=lambda s: (-s[1], s[0])):
            if kwta.k is not None and len(won) == kwta.k:
                overshoot += 1
            else:
                won.append((n, v, tick))
        done = kwta.k is not None and len(won) == kwta.k
        if done:
            brain.inhibit()
            brain.drain()
        brain.now += config.barrier_ps(tiles_used)
        if done:
            break
    planned = sum(len(brain.replicas(line)) for line in lines[sent:])
    brain.injected += planned
    brain.cancelled += planned
    return brain, won, overshoot, len(lines) - sent, steps


def race(dense, bias, kwta, lines):
    """A race at one event per tick, without any chip: the winners in order."""
    v, received, fired, won = list(bias), [0] * len(bias), set(), []
    for line in lines:
        for n, w in enumerate(dense[line]):
            if w:
                v[n] += w
                received[n] += 1
        ready = [n for n in range(len(v)) if received[n] and n not in fired and v[n] >= kwta.theta]
        for n in sorted(ready, key=lambda n: (-v[n], n)):
            fired.add(n)
            won.append(n)
        if len(won) >= kwta.k:
            break
    return won[: kwta.k]
