"""Mixtures of experts, one token, one expert and one unit at a time."""

from fractions import Fraction
from itertools import combinations, product
from math import exp, log


def softmax(scores):
    highest = max(scores)
    weights = [exp(s - highest) for s in scores]
    return [w / sum(weights) for w in weights]


def top_k(scores, k):
    """Pick the best k times; of equal ones the earlier."""
    left, chosen = list(range(len(scores))), []
    for _ in range(k):
        best = left[0]
        for e in left:
            if scores[e] > scores[best]:
                best = e
        chosen.append(best)
        left.remove(best)
    return chosen


def gates(scores, chosen, convention):
    if convention == "chosen":
        return softmax([scores[e] for e in chosen])
    shares = softmax(scores)
    found = [shares[e] for e in chosen]
    return found if convention == "all" else [g / sum(found) for g in found]


def balance_loss(probabilities, experts, alpha):
    tokens, count = len(probabilities), len(probabilities[0])
    loss = 0.0
    for e in range(count):
        assigned = sum(1 for row in experts for chosen in row if chosen == e)
        share = assigned / sum(len(row) for row in experts)
        loss += share * sum(row[e] for row in probabilities) / tokens
    return alpha * count * loss


def kept(experts, places, count):
    """Tokens queue before the experts: with their best choice, then all again with their second one."""
    taken = [0] * count
    found = [[False] * len(row) for row in experts]
    for choice in range(len(experts[0]) if experts else 0):
        for token, row in enumerate(experts):
            if taken[row[choice]] < places:
                taken[row[choice]] += 1
                found[token][choice] = True
    return found


def expected_dropped(tokens, places, experts, active):
    """Every way in which all tokens can choose, each as likely as the others."""
    ways, dropped = 0, 0
    for choices in product(combinations(range(experts), active), repeat=tokens):
        ways += 1
        for e in range(experts):
            dropped += max(0, sum(e in chosen for chosen in choices) - places)
    return Fraction(dropped, ways * tokens * active)


def expected_dropped_by_share(tokens, places, share):
    """Every way in which tokens of one choice each can choose, weighed by its chance."""
    total = 0.0
    for choices in product(range(len(share)), repeat=tokens):
        chance = 1.0
        for e in choices:
            chance *= share[e]
        total += chance * sum(max(0, choices.count(e) - places) for e in range(len(share)))
    return total / tokens


def utilisation(experts, count):
    """Shares, exp(entropy), variation, idle."""
    load = [sum(1 for row in experts for chosen in row if chosen == e) for e in range(count)]
    total = sum(load)
    share = [n / total for n in load]
    mean = total / count
    variation = (sum((n - mean) ** 2 for n in load) / count) ** 0.5 / mean
    return share, exp(-sum(s * log(s) for s in share if s > 0)), variation, load.count(0)


def forward(x, parameters, experts, gate, held):
    """``y = Σ g_e (W2ᵉ max(W1ᵉ x + b1ᵉ, 0) + b2ᵉ)`` over the choices that were held."""
    w1, b1, w2, b2 = parameters
    out = []
    for token, row in enumerate(x):
        y = [0.0] * len(b2[0])
        for choice, e in enumerate(experts[token]):
            if not held[token][choice]:
                continue
            firing = []
            for unit in range(len(b1[e])):
                total = b1[e][unit]
                for i, value in enumerate(row):
                    total += value * w1[e][i][unit]
                firing.append(max(total, 0.0))
            for o in range(len(y)):
                total = b2[e][o]
                for unit, value in enumerate(firing):
                    total += value * w2[e][unit][o]
                y[o] += gate[token][choice] * total
        out.append(y)
    return out


def thermometer(values, levels):
    """Bits of features in [0, 1]; halves go to the even level."""
    bits = []
    for value in values:
        level = round(min(max(value, 0.0), 1.0) * (levels - 1))
        bits += [1 if step < level else 0 for step in range(levels - 1)]
    return bits


class HypervectorRouter:
    """Anchors of counters, boosts in bits; ``learn`` after each batch."""

    def __init__(self, counters, boost):
        self.counters, self.boost = [list(row) for row in counters], boost
        self.bias = [0.0] * len(counters)

    def route(self, tokens, k):
        chosen = []
        for bits in tokens:
            scores = []
            for e, row in enumerate(self.counters):
                distance = sum(1 for bit, count in zip(bits, row, strict=True) if bit != (count > 0))
                scores.append(self.bias[e] - distance)
            chosen.append(top_k(scores, k))
        return chosen

    def learn(self, tokens, chosen):
        load = [0] * len(self.counters)
        for bits, row in zip(tokens, chosen, strict=True):
            for e in row:
                load[e] += 1
                for d, bit in enumerate(bits):
                    self.counters[e][d] += 1 if bit else -1
        mean = sum(load) / len(load)
        for e, n in enumerate(load):
            if n < mean:
                self.bias[e] += self.boost
            elif n > mean:
                self.bias[e] -= self.boost
