"""Neuron models, builders and plasticity, slowly: one neuron, one synapse, one pair of spikes at a time.

A model's twin is ``twin(values, cell, arrived) -> (fired, updated)``: ``values`` are the parameters of one neuron by
name, ``cell`` its state (a dict that it changes), ``arrived`` the list of the weights that came in this step.
"""

import math
from fractions import Fraction

STEP_S = 1e-3


def above(v, threshold, strict):
    return v > threshold if strict else v >= threshold


def reset(v, p, subtract):
    return v - p["threshold"] if subtract else p["reset"]


def integrate_and_fire(p, cell, arrived, strict=False, subtract=False):
    if cell.get("left", 0) > 0:
        cell["left"] -= 1
        return False, True
    before = cell["v"]
    cell["v"] = before + p["bias"] + sum(arrived)
    updated = bool(arrived) or cell["v"] != before
    if above(cell["v"], p["threshold"], strict):
        cell["v"] = reset(cell["v"], p, subtract)
        cell["left"] = p["refractory"]
        return True, True
    return False, updated


def leaky(p, cell, arrived, strict=False, subtract=False):
    cell.setdefault("v", p["rest"])
    if cell.get("left", 0) > 0:
        cell["left"] -= 1
        return False, True
    before = cell["v"]
    goal = p["rest"] + p["bias"]
    cell["v"] = (
        before * math.exp(-STEP_S / p["tau_s"]) - goal * math.expm1(-STEP_S / p["tau_s"]) + sum(arrived)
    )
    updated = bool(arrived) or cell["v"] != before
    if above(cell["v"], p["threshold"], strict):
        cell["v"] = reset(cell["v"], p, subtract)
        cell["left"] = round(p["refractory_s"] / STEP_S)
        return True, True
    return False, updated


def current_leaky(p, cell, arrived, strict=False, subtract=False, substeps=400):
    """By small steps of integration (midpoint rule) of the differential equations, not by their solution."""
    cell.setdefault("v", p["rest"])
    i, before = cell.setdefault("i", 0.0), cell["v"]
    free = cell.get("left", 0) <= 0
    h = STEP_S / substeps
    v = before
    goal = p["rest"] + p["bias"]
    for _ in range(substeps):
        half_i = i * (1 - h / 2 / p["tau_synapse_s"])
        half_v = v + h / 2 * (goal - v + p["resistance"] * i) / p["tau_s"]
        v += h * (goal - half_v + p["resistance"] * half_i) / p["tau_s"]
        i -= h * half_i / p["tau_synapse_s"]
    updated = bool(arrived) or not free or cell["i"] != 0 or v != before
    cell["i"] = i + sum(arrived)
    if not free:
        cell["left"] -= 1
        return False, True
    cell["v"] = v
    if above(v, p["threshold"], strict):
        cell["v"] = reset(v, p, subtract)
        cell["left"] = round(p["refractory_s"] / STEP_S)
        return True, True
    return False, updated


def loihi(p, cell, arrived, reset_mode="hard", reverse_threshold=None, reverse_reset_mode="none"):
    before = cell["v"]
    cell["left"] = max(cell.get("left", 0) - 1, 0)
    updated = before != 0 or bool(arrived) or p["bias"] != 0 or p["force_update"] != 0
    u = cell.get("u", 0.0) * p["input_decay"]
    v = math.trunc(before * p["leak_decay"] * 64) / 64
    fired, free = False, not cell["left"]
    if free:
        u += sum(arrived)
        v = v + p["bias"] + u
        if v > p["threshold"]:
            fired, updated, cell["left"] = True, True, p["refractory_delay"]
            v = {"hard": p["reset"], "soft": v - p["threshold"]}.get(reset_mode, v)
    if free and reverse_threshold is not None and v < reverse_threshold:
        v = {
            "hard": p["reverse_reset"],
            "soft": v - reverse_threshold,
            "saturate": reverse_threshold,
            "none": v,
        }[reverse_reset_mode]
    cell["u"], cell["v"] = u, v
    return fired, updated


def loihi_integer(p, cell, arrived):
    """Python integers only."""

    def cut(x):
        return x // 4096 if x >= 0 else -(-x // 4096)

    def whole(key):
        return int(p[key])

    before, u = int(cell["v"]), int(cell.get("u", 0))
    updated = before != 0 or u != 0 or bool(arrived) or whole("bias") != 0
    u = cut(u * (4096 - whole("current_decay") - 1)) + 64 * int(sum(arrived))
    if u > 2**23:
        u -= 2**24
    elif u <= -(2**23):
        u += 2**24
    v = cut(before * (4096 - whole("voltage_decay"))) + u + whole("bias") * 2 ** whole("bias_exponent")
    v = min(max(v, 1 - 2**23), 2**23 - 1)
    fired = v > 64 * whole("threshold")
    cell["u"], cell["v"] = u, 0 if fired else v
    return fired, updated or fired


def kwta_group(p, potentials, counts, inhibitions, arrived, k, size, carry):
    """One step of the whole population: (fired, updated); the lists are changed."""
    fired, updated = [], set()
    for g, low in enumerate(range(0, len(potentials), size)):
        group = range(low, min(low + size, len(potentials)))
        for n in group:
            v = potentials[n] * p[n]["decay"] + p[n]["bias"] + sum(arrived[n])
            if arrived[n] or v != potentials[n] or v >= p[n]["threshold"]:
                updated.add(n)
            potentials[n] = v
        candidates = sorted(
            (n for n in group if potentials[n] >= p[n]["threshold"]), key=lambda n: (-potentials[n], n)
        )
        winners = candidates[: k - counts[g]]
        counts[g] += len(winners)
        fired += winners
        reset_now = winners
        if counts[g] >= k:
            counts[g] = 0
            inhibitions[g] += 1
            reset_now = group
        elif not carry:
            counts[g] = 0
        for n in reset_now:
            if potentials[n] != p[n]["reset"]:
                updated.add(n)
            potentials[n] = p[n]["reset"]
    return sorted(fired), updated


# -- builders


def convolution(image, weights, strides, padding, keep_zeros):
    """{(source cell, target cell): weight} by the definition of a convolution, over all outputs; and its shape."""
    height, width, channels = image
    tall, wide, _, many = weights.shape
    below = (height + 2 * padding[0] - tall) // strides[0] + 1
    beside = (width + 2 * padding[1] - wide) // strides[1] + 1
    found = {}
    for oy in range(below):
        for ox in range(beside):
            for i in range(tall):
                for j in range(wide):
                    y, x = oy * strides[0] + i - padding[0], ox * strides[1] + j - padding[1]
                    if not (0 <= y < height and 0 <= x < width):
                        continue
                    for c in range(channels):
                        for o in range(many):
                            w = weights[i, j, c, o]
                            if w != 0 or keep_zeros:
                                source = (y * width + x) * channels + c
                                found[source, (oy * beside + ox) * many + o] = w
    return found, (below, beside, many)


def edges(synapses):
    """[(line, target, weight)] of synapses, in order."""
    out = []
    for line in range(synapses.lines):
        for s in range(synapses.indptr[line], synapses.indptr[line + 1]):
            w = 1 if synapses.weights is None else synapses.weights[s].item()
            out.append((line, int(synapses.targets[s]), w))
    return out


# -- plasticity


def stdp_sum(rule, pre, post):
    """The change of one weight by the sum over pairs of spike steps; additive, far from the bounds."""
    total = Fraction(0)
    for t in pre:
        for u in post:
            gap = (u - t) * STEP_S
            later_pre = any(t < other < u for other in pre) or pre.count(t) > 1
            later_post = any(u < other < t for other in post) or post.count(u) > 1
            if gap > 0 and not (rule.pairing == "nearest" and later_pre):
                total += Fraction(rule.potentiation * math.exp(-gap / rule.tau_plus_s))
            if gap < 0 and not (rule.pairing == "nearest" and later_post):
                total -= Fraction(rule.depression * math.exp(gap / rule.tau_minus_s))
    return float(total)


def stdp(rule, weight, pre, post, steps):
    """One weight after ``steps`` steps, pair by pair, with the bounds; ``pre`` and ``post`` are spike steps."""

    def earlier(own, t):
        past = [u for u in own if u < t]
        return past[-1:] if rule.pairing == "nearest" else past

    pre, post = sorted(pre), sorted(post)
    for t in range(steps):
        for _ in range(pre.count(t)):
            trace = sum(math.exp(-(t - u) * STEP_S / rule.tau_minus_s) for u in earlier(post, t))
            room = weight - rule.low if rule.bounds == "multiplicative" else 1.0
            weight = max(rule.low, weight - rule.depression * room * trace)
        for _ in range(post.count(t)):
            trace = sum(math.exp(-(t - u) * STEP_S / rule.tau_plus_s) for u in earlier(pre, t))
            room = rule.high - weight if rule.bounds == "multiplicative" else 1.0
            weight = min(rule.high, weight + rule.potentiation * room * trace)
    return weight
