"""Slow, readable twins of the models: loops over positions, heads and numbers, in float64."""

import math

import numpy as np


def winners(scores, sinks, recent, count):
    """Places of the k-winner-take-all among a list of scores: always-on ones, then by (score, place)."""
    size = len(scores)
    always = {j for j in range(size) if j < sinks or j >= size - recent}
    order = sorted(set(range(size)) - always, key=lambda j: (-scores[j], j))
    return sorted(always | set(order[: max(0, count - len(always))]))


def attention(queries, keys, values, seen, keep=None):
    """``(H, n, d)`` outputs, ``(H, n)`` softmax mass kept; ``keep(scores)`` lists the winners, None keeps all."""
    heads, count, dim = queries.shape
    out, mass = np.zeros((heads, count, values.shape[2])), np.zeros((heads, count))
    for h in range(heads):
        g = h * len(keys) // heads
        for i in range(count):
            scores = [
                float(sum(float(a) * float(b) for a, b in zip(queries[h, i], keys[g, j], strict=True)))
                / math.sqrt(dim)
                for j in range(seen[i])
            ]
            kept = range(len(scores)) if keep is None else keep(scores)
            best = max(scores)
            weights = {j: math.exp(scores[j] - best) for j in kept}
            for j, weight in weights.items():
                out[h, i] += weight * values[g, j].astype(float)
            out[h, i] /= sum(weights.values())
            mass[h, i] = sum(weights.values()) / sum(math.exp(s - best) for s in scores)
    return out, mass


def project(weight, x):
    """W x."""
    return np.array([sum(float(a) * float(b) for a, b in zip(row, x, strict=True)) for row in weight])


def rms(x, gain, epsilon):
    """x ÷ √(mean x² + ε) · gain."""
    return np.array(
        [a / math.sqrt(sum(b * b for b in x) / len(x) + epsilon) * g for a, g in zip(x, gain, strict=True)]
    )


def rotated(x, position, base, scale=1.0, factors=None):
    """The pair (2i, 2i + 1) of one head turned by position ÷ scale · base^(−2i/d) ÷ factor."""
    out = np.array(x, dtype=float)
    for i in range(len(x) // 2):
        angle = position / scale * base ** (-2 * i / len(x)) / (1 if factors is None else factors[i])
        cos, sin = math.cos(angle), math.sin(angle)
        out[2 * i] = x[2 * i] * cos - x[2 * i + 1] * sin
        out[2 * i + 1] = x[2 * i] * sin + x[2 * i + 1] * cos
    return out


def llama(weights, tokens, *, layers, heads, key_heads, epsilon, base, scale=1.0, factors=None, keep=None):
    """``(n, vocabulary)`` logits of a Llama decoder out of tensors by their GGUF names."""
    x = [weights["token_embd.weight"][token].astype(float) for token in tokens]
    for layer in range(layers):
        w = {name.split(".")[2]: t for name, t in weights.items() if name.startswith(f"blk.{layer}.")}
        made = {}
        for part, many in (("attn_q", heads), ("attn_k", key_heads), ("attn_v", key_heads)):
            rows = [project(w[part], rms(row, w["attn_norm"], epsilon)).reshape(many, -1) for row in x]
            if part != "attn_v":
                rows = [
                    [rotated(head, i, base, scale, factors) for head in row] for i, row in enumerate(rows)
                ]
            made[part] = np.array(rows).transpose(1, 0, 2)
        read, _ = attention(
            *(made[part] for part in ("attn_q", "attn_k", "attn_v")), range(1, len(x) + 1), keep
        )
        for i in range(len(x)):
            x[i] = x[i] + project(w["attn_output"], read[:, i].ravel())
            y = rms(x[i], w["ffn_norm"], epsilon)
            gate = [a / (1 + math.exp(-a)) for a in project(w["ffn_gate"], y)]
            x[i] = x[i] + project(w["ffn_down"], gate * project(w["ffn_up"], y))
    readout = weights.get("output.weight", weights["token_embd.weight"])
    return np.array([project(readout, rms(row, weights["output_norm.weight"], epsilon)) for row in x])


def losses(logits, tokens):
    """−ln p of each token but the leftmost."""
    return [
        math.log(sum(math.exp(a) for a in row)) - row[token]
        for row, token in zip(logits[:-1], tokens[1:], strict=True)
    ]


def layer_norm(x, gain, shift, epsilon):
    """(x − mean) ÷ √(variance + ε) · gain + shift."""
    mean = sum(x) / len(x)
    deviation = math.sqrt(sum((a - mean) ** 2 for a in x) / len(x) + epsilon)
    return np.array([(a - mean) / deviation * g + s for a, g, s in zip(x, gain, shift, strict=True)])


def bert(weights, tokens, *, layers, heads, epsilon):
    """``(n, dim)`` states of a BERT encoder out of tensors by their names."""

    def linear(x, name):
        return project(weights[f"{name}.weight"], x) + weights[f"{name}.bias"]

    def normed(x, name):
        return layer_norm(x, weights[f"{name}.weight"], weights[f"{name}.bias"], epsilon)

    e = "embeddings"
    x = [
        normed(
            weights[f"{e}.word_embeddings.weight"][token].astype(float)
            + weights[f"{e}.position_embeddings.weight"][i]
            + weights[f"{e}.token_type_embeddings.weight"][0],
            f"{e}.LayerNorm",
        )
        for i, token in enumerate(tokens)
    ]
    for layer in range(layers):
        p = f"encoder.layer.{layer}"
        parts = [
            np.array([linear(row, f"{p}.attention.self.{name}").reshape(heads, -1) for row in x]).transpose(
                1, 0, 2
            )
            for name in ("query", "key", "value")
        ]
        read, _ = attention(*parts, [len(x)] * len(x))
        for i in range(len(x)):
            x[i] = normed(
                x[i] + linear(read[:, i].ravel(), f"{p}.attention.output.dense"),
                f"{p}.attention.output.LayerNorm",
            )
            y = [a * (1 + math.erf(a / math.sqrt(2))) / 2 for a in linear(x[i], f"{p}.intermediate.dense")]
            x[i] = normed(x[i] + linear(y, f"{p}.output.dense"), f"{p}.output.LayerNorm")
    return np.array(x)
