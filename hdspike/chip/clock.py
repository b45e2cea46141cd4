"""Two clocks for one query: a barrier after every tick, or none at all.

**barrier.** A step: the host sends the lines of the tick, the mesh drains; every neuron on the cores in use
is updated (the cores side by side, each its neurons one after another); those that meet the rule of the
k-winner-take-all group fire and their spikes travel to its unit, the mesh drains; once k have been counted
the unit multicasts inhibition, which drains too; the barrier ends the step. What the unit counted in a
step it orders by higher potential, then lower index.

**async.** The host sends the event at position ``p`` at ``p · gap`` or as soon after as it can; a core
integrates at the end of a packet's service and a neuron that reaches θ fires at that moment (of one packet:
higher potential, then lower index); the unit's first k spikes win, in the order in which it counts them; at
the k-th it multicasts inhibition. Until that has arrived, cores go on firing (overshoot) and the host goes on
sending.
"""

import numpy as np

from hdspike.chip.config import MAX_TIME
from hdspike.chip.core import _drain, _inhibit, _new_packet, _sort, _sort_key, _spike
from hdspike.chip.lean import inner_loop, loop_kernel
from hdspike.chip.mesh import _offer
from hdspike.chip.state import INPUT, OVERFLOW, SOUND

TICK, END, RAMP = 0, 1, 2


@loop_kernel
def _reset(chip, body, bias, used):
    """An empty chip at time 0, all neurons at their bias; the counters of the run go on."""
    meter = chip.meter[0]
    meter["now"] = 0
    meter["pool"] = 0
    meter["step"] = 0
    meter["begun"] = 0
    meter["silenced"] = 0
    meter["served"] = 0
    meter["touched"] = 0
    for neuron in range(len(bias)):
        body.potential[neuron] = bias[neuron]
        body.received[neuron] = 0
        body.fired[neuron] = 0
        body.stamp[neuron] = 0
    for core in range(used):
        chip.cores[core]["inhibited"] = 0
        chip.cores[core]["active"] = 0


@inner_loop
def _send_lines(chip, lines, low, high, gap, line_indptr, range_core, range_low, range_high):
    """The host offers the lines at positions ``low:high``, one packet per core that a line reaches."""
    meter = chip.meter[0]
    now = meter["now"]
    for position in range(low, high):
        line = lines[position]
        for r in range(line_indptr[line], line_indptr[line + 1]):
            link = np.int64(chip.core_link[range_core[r]])
            packet = _new_packet(
                chip, link, INPUT, range_low[r], range_high[r], position, now + position * gap
            )
            _offer(chip, meter["host"], packet)


@inner_loop
def _update(chip, used, active_ps, inactive_ps):
    """Update every neuron of the cores in use; each core's end goes to ``due``; returns the last end."""
    meter = chip.meter[0]
    end = meter["now"]
    for core in range(used):
        own = chip.cores[core]
        active = own["active"]
        inactive = own["high"] - own["low"] - active
        own["active"] = 0
        own["updates_active"] += active
        own["updates_inactive"] += inactive
        time = active * active_ps + inactive * inactive_ps
        own["busy"] += time
        own["due"] = meter["now"] + time
        end = max(end, own["due"])
    return end


@inner_loop
def _ready(body, touched, only_touched, theta):
    """Gather the neurons that fire now, in the order of their index; returns how many."""
    found = 0
    if only_touched:
        for i in range(touched):
            neuron = body.touched[i]
            if body.fired[neuron] == 0 and body.potential[neuron] >= theta:
                body.scratch[found] = neuron
                found += 1
        _sort(body.scratch, found)
    else:
        for neuron in range(len(body.potential)):
            if body.received[neuron] > 0 and body.fired[neuron] == 0 and body.potential[neuron] >= theta:
                body.scratch[found] = neuron
                found += 1
    return found


@loop_kernel
def _barrier_query(
    chip, body, lines, per_tick, line_indptr, range_core, range_low, range_high, core_of_neuron,
    readout, ramp_steps, step_theta, floor, active_ps, inactive_ps, barrier_ps, used,
    winners, potentials, ticks,
):  # fmt: skip
    """One query with a barrier after every tick; returns (winners, overshoot, lines cancelled, steps)."""
    meter = chip.meter[0]
    theta, k = meter["theta"], meter["k"]
    input_ticks = (len(lines) + per_tick - 1) // per_tick
    steps = 0
    won = 0
    overshoot = 0
    sent = 0
    all_steps = input_ticks + ramp_steps if input_ticks > 0 else 0
    for tick in range(all_steps):
        meter["pool"] = 0
        meter["touched"] = 0
        meter["step"] = tick + 1
        steps += 1
        if tick < input_ticks:
            sent = min((tick + 1) * per_tick, len(lines))
            _send_lines(chip, lines, tick * per_tick, sent, 0, line_indptr, range_core, range_low, range_high)
            if _drain(chip, body, used) != SOUND:
                return won, overshoot, 0, steps
        updated = _update(chip, used, active_ps, inactive_ps)
        found = 0
        if readout == TICK:
            found = _ready(body, meter["touched"], True, theta)
        elif readout == END and tick == input_ticks - 1:
            found = _ready(body, meter["touched"], False, theta)
        elif readout == RAMP and tick >= input_ticks:
            lowered = max(theta - (tick - input_ticks) * step_theta, floor)
            found = _ready(body, meter["touched"], False, lowered)
        meter["pool"] = 0
        before = meter["served"]
        for i in range(found):
            neuron = body.scratch[i]
            core = core_of_neuron[neuron]
            _spike(chip, body, core, neuron, chip.cores[core]["due"])
        if _drain(chip, body, used) != SOUND:
            return won, overshoot, 0, steps
        meter["now"] = max(meter["now"], updated)
        counted = meter["served"] - before
        for i in range(counted):
            body.scratch[i] = _sort_key(body.served_potential[before + i], body.served[before + i])
        _sort(body.scratch, counted)
        for i in range(counted):
            neuron = body.scratch[i] % np.int64(2147483648)
            if k >= 0 and won == k:
                overshoot += 1
            else:
                winners[won] = neuron
                potentials[won] = body.potential[neuron]
                ticks[won] = tick
                won += 1
        done = k >= 0 and won == k
        if done:
            meter["pool"] = 0
            _inhibit(chip, used)
            if _drain(chip, body, used) != SOUND:
                return won, overshoot, 0, steps
        meter["now"] += barrier_ps
        if meter["now"] > MAX_TIME:  # the update and the barrier of one step are at most 2⁶¹ each
            meter["fault"] = OVERFLOW
            return won, overshoot, 0, steps
        if done:
            break
    for position in range(sent, len(lines)):
        planned = line_indptr[lines[position] + 1] - line_indptr[lines[position]]
        meter["injected"] += planned
        meter["cancelled"] += planned
    return won, overshoot, len(lines) - sent, steps


@loop_kernel
def _async_query(
    chip, body, lines, gap, line_indptr, range_core, range_low, range_high, used, winners, potentials, ticks
):
    """One query without a barrier; returns (winners, overshoot, lines cancelled, 0 steps)."""
    meter = chip.meter[0]
    meter["step"] = 1
    _send_lines(chip, lines, 0, len(lines), gap, line_indptr, range_core, range_low, range_high)
    _drain(chip, body, used)
    won = min(meter["served"], meter["k"])
    for i in range(won):
        winners[i] = body.served[i]
        potentials[i] = body.served_potential[i]
        ticks[i] = i
    cancelled = len(lines) - meter["begun"] if meter["silenced"] else 0
    for core in range(used):  # one update per synaptic event, and none for idle neurons
        own = chip.cores[core]
        own["updates_active"] = own["synaptic_events"]
    return won, meter["served"] - won, cancelled, 0
