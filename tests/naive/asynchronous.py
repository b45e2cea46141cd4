"""The asynchronous chip, slowly: plain Python, one heap of (time, place, turn), neurons as functions of time.

The mesh is that of :mod:`tests.naive.chip`; here are the two servers of a core, the delay lines and the timetable.
"""

import heapq
import math
from collections import deque

from tests.naive.chip import TRAFFIC, Mesh, Packet


class Neuron:
    """A membrane between events: ``rate`` 0 forgets nothing. Fires at v ≥ θ and subtracts θ, or goes to reset."""

    def __init__(self, threshold, rate=0.0, reset=0.0, subtract=False):
        self.threshold, self.rate, self.reset, self.subtract = threshold, rate, reset, subtract
        self.v, self.last = 0.0, 0.0

    def event(self, now, weight):
        self.v = self.v * math.exp(-(now - self.last) * self.rate) + weight
        self.last = now
        if self.v >= self.threshold:
            self.v = self.v - self.threshold if self.subtract else self.reset
            return True
        return False


class Board(Mesh):
    """``synapses``: (source, target, weight, delay in steps); ``times``: synapse, update, spike, in and out."""

    def __init__(self, config, policy, neurons, core_of, synapses, spikes, *, times, step_ps, until):
        super().__init__(config, policy)
        self.neurons, self.core_of, self.t, self.step_ps, self.until = neurons, core_of, times, step_ps, until
        self.out = [deque() for _ in range(config.cores)]  # packets that each core has to make
        self.fan = {}  # neuron → core → delay → [(target, weight)]
        for source, target, weight, delay in synapses:
            cores = self.fan.setdefault(source, {})
            cores.setdefault(core_of[target], {}).setdefault(delay, []).append((target, weight))
        keys = {(c, d) for cores in self.fan.values() for c, delays in cores.items() for d in delays if d > 1}
        self.place = {key: 1 + i for i, key in enumerate(sorted(keys))}
        self.lines = {key: deque() for key in keys}
        self.timetable = deque(sorted(spikes))
        self.base = 2 * self.routers + config.cores
        self.spikes, self.work, self.synaptic_events, self.late = [], 0, 0, 0
        self.latencies = []

    # The packets of a core leave one by one; the time of making one counts from the departure of the one before.

    def refill(self, core):
        queue = self.sender(core)
        while self.out[core] and len(self.inputs[queue]) < 2:
            packet = self.out[core].popleft()
            self.offer(core, packet)

    def hand_over(self, queue):
        self.shown[queue] = False
        packet = self.inputs[queue][0]
        self.schedule(self.now + packet.making, self.routers + self.c.cores + queue)

    def spike(self, neuron):
        self.spikes.append((self.now, neuron))
        extra = self.t["spike"] if self.neurons[neuron] is not None else 0
        for core, delays in sorted(self.fan.get(neuron, {}).items()):
            packet = Packet(TRAFFIC, core, neuron=neuron, groups=sorted(delays.items()), born=self.now)
            packet.making = self.t["out"] + extra
            extra = 0
            self.out[self.core_of[neuron]].append(packet)

    def service(self, core, packet):
        events = sum(len(group) for _, group in packet.groups)
        return self.t["in"] + events * (self.t["synapse"] + self.t["update"])

    def act(self, group):
        for target, weight in group:
            self.synaptic_events += 1
            self.work += 1
            if self.neurons[target].event(self.now * 1e-12, weight):
                self.spike(target)

    def effect(self, core, packet):
        self.latencies.append(self.now - packet.born)
        for delay, group in packet.groups:
            if delay == 1:
                self.act(group)
            else:
                line = self.lines[core, delay]
                line.append((self.now + (delay - 1) * self.step_ps, group))
                self.late += len(group)
                if len(line) == 1:
                    self.schedule(line[0][0], self.base + self.place[core, delay])

    def run(self, *, most):
        """Until all is quiet, or the time is up; StopIteration after ``most`` events."""
        if self.timetable:
            self.schedule(self.timetable[0][0], self.base)
        while self.events:
            time, address, _ = heapq.heappop(self.events)
            if time > self.until:
                self.now = self.until
                return "duration"
            self.now = time
            if self.work >= most:
                raise StopIteration
            self.work += 1
            core = None
            if address < self.routers:
                packet, sink = self.flying[address], self.sink(address)
                self.flying[address] = None
                self.crossed[address] += 1
                if sink[0] == "router":
                    self.inputs[sink[1]].append(packet)
                else:
                    packet.arrived, core = self.now, sink[1]
                    self.fifo[core].append(packet)
            elif address < self.routers + self.c.cores:
                core = address - self.routers
                packet, self.serving[core] = self.serving[core], None
                self.delivered += 1
                self.effect(core, packet)
            elif address < self.base:
                queue = address - self.routers - self.c.cores
                self.shown[queue] = True
                tile, port = divmod(queue, self.ports)
                core = tile * self.c.cores_per_tile + port - 4
            elif address == self.base:
                _, neuron = self.timetable.popleft()
                core = self.core_of[neuron]
                self.spike(neuron)
                if self.timetable:
                    self.schedule(self.timetable[0][0], self.base)
            else:
                key = sorted(self.place)[address - self.base - 1]
                _, group = self.lines[key].popleft()
                self.late -= len(group)
                core = key[0]
                if self.lines[key]:
                    self.schedule(self.lines[key][0][0], address)
                self.act(group)
            if core is not None:
                self.refill(core)
                self.start(core)
            while any(self.try_link(link) for link in range(self.routers)):
                pass
        return "quiet"

    @property
    def unsent(self):
        return sum(len(out) for out in self.out)
