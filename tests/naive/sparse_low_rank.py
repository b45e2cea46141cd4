"""Low rank with a pencil: rotations of two columns at a time, sums entry by entry."""

from math import exp, inf, log, sqrt


def product(a, b):
    return [[sum(a[i][k] * b[k][j] for k in range(len(b))) for j in range(len(b[0]))] for i in range(len(a))]


def transposed(a):
    return [list(column) for column in zip(*a, strict=True)]


def decomposition(w):
    """U, σ, V of ``w = Σ σ u vᵀ`` by one-sided Jacobi rotations, the largest ahead; columns as lists."""
    wide = len(w) < len(w[0])
    columns = [list(column) for column in (w if wide else transposed(w))]
    right = [[float(i == j) for i in range(len(columns))] for j in range(len(columns))]
    for _ in range(60):
        turned = 0.0
        for p in range(len(columns)):
            for q in range(p + 1, len(columns)):
                a = sum(x * x for x in columns[p])
                b = sum(x * x for x in columns[q])
                c = sum(x * y for x, y in zip(columns[p], columns[q], strict=True))
                if abs(c) <= 1e-15 * sqrt(a * b) or c == 0:
                    continue
                turned = max(turned, abs(c) / sqrt(a * b))
                zeta = (b - a) / (2 * c)
                t = (1 if zeta >= 0 else -1) / (abs(zeta) + sqrt(1 + zeta * zeta))
                cos = 1 / sqrt(1 + t * t)
                sin = cos * t
                for pair in (columns, right):
                    one, two = pair[p], pair[q]
                    pair[p] = [cos * x - sin * y for x, y in zip(one, two, strict=True)]
                    pair[q] = [sin * x + cos * y for x, y in zip(one, two, strict=True)]
        if turned < 1e-14:
            break
    values = [sqrt(sum(x * x for x in column)) for column in columns]
    order = sorted(range(len(values)), key=lambda i: -values[i])
    found = []
    for i in order:
        left = [x / values[i] if values[i] else 0.0 for x in columns[i]]
        found.append((right[i], values[i], left) if wide else (left, values[i], right[i]))
    return found


def truncated(w, rank):
    """The sum of the ``rank`` largest terms, and all σ."""
    terms = decomposition(w)
    out = [[0.0] * len(w[0]) for _ in w]
    for u, s, v in terms[:rank]:
        for i in range(len(w)):
            for j in range(len(w[0])):
                out[i][j] += s * u[i] * v[j]
    return out, [s for _, s, _ in terms]


def effective_rank(values):
    total = sum(values)
    return exp(-sum(v / total * log(v / total) for v in values if v > 0))


def forward(x, left, right, bias):
    y = product(product(x, left), right)
    return [[value + b for value, b in zip(row, bias, strict=True)] for row in y]


def backward(x, left, right, upstream):
    """Gradients of left, right, bias and x for ∂loss/∂y = upstream."""
    between = product(x, left)
    back = product(upstream, transposed(right))
    return (
        product(transposed(x), back),
        product(transposed(between), upstream),
        [sum(column) for column in zip(*upstream, strict=True)],
        product(back, transposed(left)),
    )


def latent_attention(queries, rotary, latents, rotary_keys, up_keys, up_values):
    """Every key and value of every head written out, one query after the other."""
    out = []
    for head in range(len(queries)):
        keys = [
            [sum(w * c for w, c in zip(row, token, strict=True)) for row in up_keys[head]]
            for token in latents
        ]
        values = [
            [sum(w * c for w, c in zip(row, token, strict=True)) for row in up_values[head]]
            for token in latents
        ]
        rows = []
        for query, turned in zip(queries[head], rotary[head], strict=True):
            scores = []
            for key, other in zip(keys, rotary_keys, strict=True):
                score = sum(a * b for a, b in zip(query, key, strict=True))
                score += sum(a * b for a, b in zip(turned, other, strict=True))
                scores.append(score / sqrt(len(query) + len(turned)))
            weights = [exp(score - max(scores)) for score in scores]
            rows.append(
                [
                    sum(w * value[j] for w, value in zip(weights, values, strict=True)) / sum(weights)
                    for j in range(len(values[0]))
                ]
            )
        out.append(rows)
    return out


def largest(w, count, weight):
    """The places of the ``count`` entries of greatest ``|w|·weight`` of their row; of equal ones the earlier."""
    places = [(i, j) for i in range(len(w)) for j in range(len(w[0]))]
    places.sort(key=lambda place: -abs(w[place[0]][place[1]]) * weight[place[0]])
    return set(places[:count])


def place_bytes(n_in, n_out, nonzero):
    bits = 0
    for _ in range(n_in):
        for _ in range(n_out):
            bits += 1
    rows = 4
    for _ in range(n_in):
        rows += 4
    for _ in range(nonzero):
        rows += 2
    return min((bits + 7) // 8, rows)


def recall(exact, scores, seen, share):
    out = []
    for true, found, limit in zip(exact, scores, seen, strict=True):
        count = max(1, round(share * limit))
        chosen = []
        for row in (true, found):
            left, best = list(row[:limit]), set()
            for _ in range(count):
                i = max(range(limit), key=lambda i: (left[i], -i))
                best.add(i)
                left[i] = -inf
            chosen.append(best)
        out.append(len(chosen[0] & chosen[1]) / count)
    return out
