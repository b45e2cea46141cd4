"""A slow, readable twin of attention over a stream of keys: lists, loops, no blocks but for the order of equals."""

import math
import struct

UNITS = (1.0, 0.8, 0.65, 0.5, 0.4, 0.3)


def bfloat16(number):
    """Rounded to 8 significant bits, ties to even."""
    (bits,) = struct.unpack("<I", struct.pack("<f", number))
    low, high = bits & 0xFFFF, bits >> 16
    high += low > 0x8000 or (low == 0x8000 and high % 2)
    return struct.unpack("<f", struct.pack("<I", high << 16))[0]


def turned(vector, matrix):
    return [
        sum(float(v) * float(row[j]) for v, row in zip(vector, matrix, strict=True))
        for j in range(len(vector))
    ]


def line_of(x, lines):
    """The nearest centroid, the lower of equals."""
    gaps = [sum((a - float(b)) ** 2 for a, b in zip(x, line, strict=True)) for line in lines]
    return gaps.index(min(gaps))


def bits_of(x, line, steps, bits):
    """The dense code: for each axis its number, lowest bit in front."""
    out = []
    for a, b, step, many in zip(x, line, steps, bits, strict=True):
        if many:
            number = math.floor((a - float(b)) / float(step)) + 2 ** (many - 1)
            number = min(max(number, 0), 2**many - 1)
            out += [number >> p & 1 for p in range(many)]
    return out


def weigh(y, steps, bits):
    """Levels 0 to 15 and signs of every bit, and what a level of 1 stands for."""
    parts = [
        a * float(step) * 2**p for a, step, many in zip(y, steps, bits, strict=True) for p in range(many)
    ]
    top = max((abs(a) for a in parts), default=0)
    if not top:
        return [0] * len(parts), [0] * len(parts), 1.0
    best = None
    for share in UNITS:
        unit = share * top / 15.0
        error = sum((min(15.0, round(abs(a) / unit)) * unit - abs(a)) ** 2 for a in parts)
        if best is None or error < best[0]:
            best = (error, unit)
    unit = best[1]
    return [int(min(15, round(abs(a) / unit))) for a in parts], [int(a > 0) for a in parts], unit


def bar(amounts, wanted):
    """The lowest place up to which the (place, amount) pairs reach ``wanted``."""
    total = 0
    for place in sorted({p for p, _ in amounts}):
        total += sum(amount for p, amount in amounts if p == place)
        if total >= wanted:
            break
    return place


def held(keys, code, group):
    """(line, dense code) of every key."""
    lines = code.lines[group]
    out = []
    for key in keys:
        x = turned(
            [float(a) - float(c) for a, c in zip(key, code.centres[group], strict=True)],
            code.key_turns[group],
        )
        line = line_of(x, lines)
        out.append((line, bits_of(x, lines[line], code.steps[group], code.bits[group])))
    return out


def attend(query, keys, values, code, group, *, winners, share, candidates):
    """Output, winners in the order they are found, and how many lines, keys and candidates were touched."""
    coded, size = held(keys, code, group), len(keys)
    winners = min(winners, size)
    many = min(size, math.ceil(candidates * winners))
    wanted = max(many, math.ceil(share * size))
    y = turned(query, code.query_turns[group])
    levels, signs, unit = weigh(y, code.steps[group], code.bits[group])
    scores = [sum(a * float(b) for a, b in zip(y, line, strict=True)) for line in code.lines[group]]
    behind = [int(min(8_000, round((max(scores) - s) / unit))) for s in scores]
    sizes = [sum(line == c for line, _ in coded) for c in range(len(scores))]
    reach = bar(list(zip(behind, sizes, strict=True)), wanted)
    touched = []
    for c in range(len(scores)):
        if behind[c] <= reach:
            mine = [j for j in range(size) if coded[j][0] == c]
            blocks = [mine[low : low + 64] for low in range(0, len(mine), 64)]
            touched += [j for block in reversed(blocks) for j in block]
    distance = {
        j: behind[coded[j][0]]
        + sum(level for level, sign, bit in zip(levels, signs, coded[j][1], strict=True) if sign != bit)
        for j in touched
    }
    aim, found = many, []
    while len(found) < min(winners, len(touched)):
        near = bar([(distance[j], 1) for j in touched], aim)
        found = [j for j in touched if distance[j] <= near]
        aim *= 2
    root = math.sqrt(len(query))
    exact = {
        j: sum(float(a) / root * bfloat16(b) for a, b in zip(query, keys[j], strict=True)) for j in found
    }
    best = sorted(found, key=lambda j: (-exact[j], found.index(j)))[:winners]
    best.sort(key=found.index)
    top = max(exact[j] for j in best)
    weights = [math.exp(exact[j] - top) for j in best]
    out = [
        sum(w * bfloat16(values[j][x]) for w, j in zip(weights, best, strict=True)) / sum(weights)
        for x in range(len(values[0]))
    ]
    lines = sum(sizes[c] > 0 and behind[c] <= reach for c in range(len(scores)))
    return out, best, (lines, len(touched), len(found), len(best)), top + math.log(sum(weights))
