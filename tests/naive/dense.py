"""Dense attention counted one step at a time, as a person would with a pencil."""

WIDTH = {"fp32": 32, "fp16": 16, "int8": 8}


def attention(
    keys: int, dim: int, value_dim: int, precision: str, batch: int, tile: int = 64, resident: bool = False
) -> dict[str, int]:
    """The counts of a batch of queries over the same keys and values."""
    macs = exps = dram_entries = sram_entries = l2_entries = 0
    for _key in range(0 if resident else keys):  # keys and values come from DRAM once for the whole batch
        dram_entries += dim + value_dim
    for query in range(batch):
        dram_entries += dim + value_dim  # the query comes in, the output goes out
        sram_entries += dim + value_dim
        for _key in range(keys):
            if query % tile == 0:  # the first query of a tile reads the row, the others find it in registers
                if resident:
                    l2_entries += dim + value_dim
                else:
                    sram_entries += dim + value_dim
            for _entry in range(dim):
                macs += 1
            exps += 1
            for _entry in range(value_dim):
                macs += 1
    counts = {
        f"macs_{precision}": macs,
        "exps": exps,
        "dram_bits": WIDTH[precision] * dram_entries,
        "sram_bits": WIDTH[precision] * sram_entries,
    }
    return counts | ({"l2_bits": WIDTH[precision] * l2_entries} if resident else {})
