"""Attention by spikes counted as a person would: every code that there is, every product one by one."""

from itertools import product


def matches(blocks, length):
    """Mean synaptic events and touched share of a query and a key, over all pairs of codes that exist."""
    codes = list(product(range(length), repeat=blocks))
    events = touched = 0
    for query in codes:
        for key in codes:
            same = sum(a == b for a, b in zip(query, key, strict=True))
            events += same
            touched += same > 0
    return events / len(codes) ** 2, touched / len(codes) ** 2


def partner(heads, kv_heads, head_dim, blocks, length, winners, tile=64):
    """What the dense partner does for one token, in int8."""
    bits = 0
    while 2**bits < length:
        bits += 1
    bits = max(1, bits)
    macs = exps = sram = sram_written = l2 = dram = dram_written = 0
    for asked in range(heads + kv_heads):  # a code for each query and each new key
        sram += 8 * head_dim
        sram_written += 8 * blocks * bits
        for _weight in range(head_dim * blocks * bits):
            macs += 1
            l2 += 8 if asked % tile == 0 else 0
    for _head in range(heads):  # a softmax over its winners, which are fetched
        sram += 8 * head_dim
        sram_written += 8 * head_dim
        for _winner in range(winners):
            exps += 1
            dram += 8 * 2 * head_dim
            sram += 8 * 2 * head_dim
            macs += 2 * head_dim
    for _head in range(kv_heads):
        dram_written += 8 * 2 * head_dim
    return {
        "macs_int8": macs,
        "exps": exps,
        "sram_bits": sram,
        "sram_bits_written": sram_written,
        "l2_bits": l2,
        "dram_bits": dram,
        "dram_bits_written": dram_written,
    }
