"""Dense networks counted one step at a time, as a person would with a pencil."""

from collections import Counter

WIDTH = {"fp32": 32, "fp16": 16, "bf16": 16, "int8": 8, "int4": 4, "ternary": 8}
STORED = WIDTH | {"ternary": 2}


def attention(
    keys: int,
    dim: int,
    value_dim: int,
    precision: str,
    batch: int,
    tile: int = 64,
    resident: bool = False,
    appended: int = 0,
    on_chip: bool = False,
) -> dict[str, int]:
    """The counts of a batch of queries over the same keys and values."""
    done: Counter[str] = Counter()
    word = WIDTH[precision]
    product = "macs_int8" if precision == "ternary" else f"macs_{precision}"
    row = word * (dim + value_dim)
    for key in range(keys):
        if not resident:  # keys and values come from DRAM once for the whole batch
            done["dram_bits"] += row
        if key < appended:
            done["l2_bits_written" if resident else "dram_bits_written"] += row
    for query in range(batch):
        done["sram_bits"] += word * dim  # the query comes in
        done["sram_bits_written"] += word * value_dim  # the output goes out
        if not on_chip:
            done["dram_bits"] += word * dim
            done["dram_bits_written"] += word * value_dim
        for _key in range(keys):
            if query % tile == 0:  # the first query of a tile reads the row, the others find it in registers
                done["l2_bits" if resident else "sram_bits"] += row
            for _entry in range(dim):
                done[product] += 1
            done["exps"] += 1
            for _entry in range(value_dim):
                done[product] += 1
    return dict(done)


def causal_attention(
    tokens: int, dim: int, value_dim: int, group: int, precision: str, resident: bool, tile: int = 64
) -> dict[str, int]:
    """Every token of a sequence over itself and those before it; ``group`` query heads share the keys."""
    done: Counter[str] = Counter()
    word = WIDTH[precision]
    product = "macs_int8" if precision == "ternary" else f"macs_{precision}"
    row = word * (dim + value_dim)
    for token in range(tokens):
        for level in ["l2_bits_written"] if resident else ["dram_bits", "dram_bits_written"]:
            done[level] += row
        for _head in range(group):
            done["dram_bits"] += word * dim
            done["sram_bits"] += word * dim
            done["dram_bits_written"] += word * value_dim
            done["sram_bits_written"] += word * value_dim
            for _key in range(token + 1):
                done["exps"] += 1
                done[product] += dim + value_dim
    together = max(1, tile // group)  # tokens whose queries lie in the registers at once
    for begin in range(0, tokens, together):
        last = min(begin + together, tokens) - 1
        for _heads in range(0, group, tile):
            for _key in range(last + 1):
                done["l2_bits" if resident else "sram_bits"] += row
    return dict(done)


def matrices(
    shapes: list[tuple[int, int]],
    precision: str,
    batch: int,
    *,
    resident: bool,
    outside: tuple[int, int],
    read: int,
    written: int,
    nonzero: list[bool] | None = None,
    tile: int = 64,
) -> dict[str, int]:
    """Matrices ``(inputs, outputs)`` that each of ``batch`` vectors passes; ``nonzero`` weights, where ternary."""
    done: Counter[str] = Counter()
    index = 0
    for inputs, outputs in shapes:
        for _row in range(outputs):
            for _column in range(inputs):
                if not resident:
                    done["dram_bits"] += STORED[precision]
                for vector in range(batch):
                    if vector % tile == 0:
                        done["l2_bits" if resident else "sram_bits"] += STORED[precision]
                    if precision != "ternary":
                        done[f"macs_{precision}"] += 1
                    elif nonzero is None or nonzero[index]:
                        done["adds_int32"] += 1
                index += 1
    for _vector in range(batch):
        done["sram_bits"] += WIDTH[precision] * read
        done["sram_bits_written"] += WIDTH[precision] * written
        done["dram_bits"] += WIDTH[precision] * outside[0]
        done["dram_bits_written"] += WIDTH[precision] * outside[1]
    return {name: count for name, count in done.items() if count}


def feed_forward(
    dim: int, hidden: int, gated: bool, precision: str, batch: int, resident: bool, on_chip: bool
) -> dict[str, int]:
    """Up (and gate), the nonlinearity, down."""
    shapes = [(dim, hidden)] * (2 if gated else 1) + [(hidden, dim)]
    done = Counter(
        matrices(
            shapes,
            precision,
            batch,
            resident=resident,
            outside=(0, 0) if on_chip else (dim, dim),
            read=dim + hidden,
            written=hidden + dim,
        )
    )
    for _vector in range(batch):
        for _value in range(hidden):
            done["exps"] += 1
    return dict(done)


def transformer_layer(
    dim: int,
    heads: int,
    kv_heads: int,
    hidden: int,
    gated: bool,
    context: int,
    precision: str,
    batch: int,
    decode: bool,
    resident: bool,
) -> dict[str, int]:
    """One layer: matrices once for all tokens, attention for every sequence and key head apart."""
    size = dim // heads
    tokens = batch if decode else batch * context
    asked, cached = heads * size, 2 * kv_heads * size
    done: Counter[str] = Counter()
    for shapes, read, written in (
        ([(dim, asked), (dim, cached // 2), (dim, cached // 2)], dim, asked + cached),
        ([(asked, dim)], asked, dim),
    ):
        # keys and values go straight into the cache: the attention writes them there
        outside = (0, 0) if decode else (read, written if len(shapes) == 1 else asked)
        done.update(
            matrices(
                shapes, precision, tokens, resident=resident, outside=outside, read=read, written=written
            )
        )
    for _sequence in range(batch):
        for _key_head in range(kv_heads):
            group = heads // kv_heads
            if decode:
                done.update(
                    attention(context, size, size, precision, group, 64, resident, appended=1, on_chip=True)
                )
            else:
                done.update(causal_attention(context, size, size, group, precision, resident))
    done.update(feed_forward(dim, hidden, gated, precision, tokens, resident, decode))
    return dict(done)


def parameters(
    layers: int, dim: int, heads: int, kv_heads: int, hidden: int, vocabulary: int, gated: bool
) -> int:
    """Every array of a model without biases, with a scale for each norm, counted entry by entry."""
    size = dim // heads
    total = 0
    for _layer in range(layers):
        arrays = [
            (heads * size, dim),
            (kv_heads * size, dim),
            (kv_heads * size, dim),
            (dim, heads * size),
            (hidden, dim),
            (dim, hidden),
            (1, dim),
            (1, dim),
        ]
        if gated:
            arrays.append((hidden, dim))
        for rows, columns in arrays:
            for _row in range(rows):
                total += columns
    for _token in range(vocabulary):
        total += dim  # embedding
        total += dim  # head
    return total + dim


def twin(
    synapses: list[int], inputs: int, neurons: int, steps: int, weight_bits: int, batch: int, tile: int = 64
) -> dict[str, int]:
    """The quantised network; ``synapses`` holds for each synapse which stored weight it uses."""
    bits = 0
    while 2**bits < steps + 1:
        bits += 1
    done: Counter[str] = Counter()
    uses: Counter[int] = Counter()
    for _inference in range(batch):
        for weight in synapses:
            if uses[weight] % tile == 0:
                done["sram_bits"] += weight_bits
            uses[weight] += 1
            done["adds_int32"] += 1
            for _weight_bit in range(weight_bits):
                for _activation_bit in range(bits):
                    done["bit_products"] += 1
        done["sram_bits"] += bits * inputs
        done["sram_bits_written"] += bits * neurons
    return dict(done)


def event_driven(
    raster: list[list[bool]], fan_out: list[int], neurons: int, weight_bits: int, state_bits: int
) -> dict[str, int]:
    """The spiking network on the same adders and SRAM: ``raster[step][input]``."""
    done: Counter[str] = Counter()
    address = 1
    while 2**address < len(fan_out):
        address += 1
    for step in raster:
        for line, spike in enumerate(step):
            if spike:
                done["sram_bits_written"] += address
                done["sram_bits"] += address
                for _target in range(fan_out[line]):
                    done["sram_bits"] += weight_bits
                    done["adds_int32"] += 1
        for _neuron in range(neurons):
            done["sram_bits"] += state_bits
            done["adds_int32"] += 2
            done["sram_bits_written"] += state_bits
    return dict(done)
