"""What a GPU is asked to do while its energy counter runs: matrix products, attention, packed bits, memory.

Every workload checks its result against the CPU's before its energy counts. What a run is said to move is what it
must move: an operand that does not fit half of the last-level cache comes from memory (``dram_bits``) once for a
product, once per group of queries for a search; one that fits comes from that cache (``l2_bits``), where the kernel's
own reuse does not hide how often. Registers, shared memory and first-level caches are inside the operations.
"""

from collections.abc import Callable, Iterator
from functools import partial
from types import SimpleNamespace
from typing import Any

import gpu_kernels
import numpy as np
from joules import Workload, WrongResult

from hdspike import bits

__all__ = ["Backend", "popcount", "workloads"]

PRECISIONS = {"bf16": 2, "fp16": 2, "fp32": 4, "int8": 1}  # bytes
WORDS = 160  # of a hypervector of 10,240 bits
BLOCKS = 1056  # of the reader: 8 on each of 132 processors
SAMPLE, PART = 4, 64  # rows and columns of a result that are checked


class Backend:
    """torch on one device, numba's CUDA kernels where there are any, and how much its last-level cache holds."""

    def __init__(self, device: str, kernels: SimpleNamespace | None, *, cache: int, memory: int) -> None:
        import torch

        self.torch, self.device, self.kernels = torch, torch.device(device), kernels
        self.cache, self.memory = cache, memory
        self.random = torch.Generator(device=self.device).manual_seed(1)

    def wait(self) -> None:
        if self.device.type == "cuda":
            self.torch.cuda.synchronize(self.device)

    def repeated(self, run: Callable[[], Any]) -> Callable[[int], None]:
        """``go`` of a workload: n runs in the queue, then wait."""

        def go(times: int) -> None:
            for _ in range(times):
                run()
            self.wait()

        return go

    def normal(self, *shape: int, dtype: Any) -> Any:
        return self.torch.randn(shape, generator=self.random, device=self.device).to(dtype)

    def integers(self, *shape: int) -> Any:
        """Random int64 words."""
        low, high = -(2**63), 2**63 - 1
        return self.torch.randint(low, high, shape, generator=self.random, device=self.device)

    def words(self, tensor: Any) -> Any:
        """A tensor of int64 as what a kernel takes: uint64, in place."""
        if self.device.type == "cuda":
            from numba import cuda

            return cuda.as_cuda_array(tensor).view(np.uint64)
        return tensor.numpy().view(np.uint64)  # numba's simulator


def close(name: str, ours: Any, theirs: Any, relative: float) -> None:
    """Raise unless the root mean square error is at most ``relative`` of the root mean square."""
    ours, theirs = np.asarray(ours, dtype=np.float64), np.asarray(theirs, dtype=np.float64)
    error, whole = np.sqrt(np.mean((ours - theirs) ** 2)), np.sqrt(np.mean(theirs**2))
    if not error <= relative * whole:
        raise WrongResult(f"{name}: its error is {error / whole:.2g} of the result, allowed {relative:g}")


def matmul(on: Backend, precision: str, rows: int, inner: int, columns: int) -> Callable[[int], None]:
    """``(rows, inner) @ (inner, columns)``; int8 accumulates in int32, the others in fp32 without TF32."""
    torch = on.torch
    torch.backends.cuda.matmul.allow_tf32 = False
    if precision == "int8":
        a, b = (
            torch.randint(-128, 128, shape, generator=on.random, device=on.device, dtype=torch.int8)
            for shape in ((rows, inner), (columns, inner))
        )
        b = b.t()  # columns in memory one after the other, as cuBLAS wants int8
        run: Callable[[], Any] = partial(torch._int_mm, a, b)
    else:
        dtype = {"bf16": torch.bfloat16, "fp16": torch.float16, "fp32": torch.float32}[precision]
        a, b = on.normal(rows, inner, dtype=dtype), on.normal(inner, columns, dtype=dtype)
        run = partial(torch.matmul, a, b, out=torch.empty((rows, columns), dtype=dtype, device=on.device))
    told, part = run()[:SAMPLE, :PART].double().cpu().numpy(), a[:SAMPLE].double().cpu().numpy()
    exact = part @ b[:, :PART].double().cpu().numpy()
    close(f"{precision} matrix product", told, exact, {"int8": 0.0, "fp32": 1e-5}.get(precision, 2e-2))
    return on.repeated(run)


def attention(on: Backend, heads: int, length: int, width: int) -> Callable[[int], None]:
    """Softmax attention in bf16, no mask, ``heads`` heads at once."""
    torch = on.torch
    q, k, v = (on.normal(1, heads, length, width, dtype=torch.bfloat16) for _ in range(3))
    run = partial(torch.nn.functional.scaled_dot_product_attention, q, k, v)
    told = run()[0, 0, :SAMPLE].double().cpu().numpy()
    one = [x[0, 0].double().cpu().numpy() for x in (q, k, v)]
    scores = one[0][:SAMPLE] @ one[1].T / np.sqrt(width)
    weights = np.exp(scores - scores.max(axis=1, keepdims=True))
    close("attention", told, weights @ one[2] / weights.sum(axis=1, keepdims=True), 3e-2)
    return on.repeated(run)


def search(on: Backend, kernel: str, queries: int, keys: int, words: int = WORDS) -> Callable[[int], None]:
    """All distances (or differences) of ``queries`` and ``keys`` of ``words`` words."""
    torch = on.torch
    q, k = on.integers(queries, words), on.integers(words, keys)
    counted = kernel != "differences8"
    out = torch.zeros((queries, keys), dtype=torch.int32 if counted else torch.int64, device=on.device)
    group = 1 if kernel == "distances1" else gpu_kernels.GROUP
    grid = (-(-keys // gpu_kernels.THREADS), queries // group)
    assert on.kernels is not None
    result = on.words(out) if not counted else _as_array(on, out)
    run = partial(getattr(on.kernels, kernel)[grid, gpu_kernels.THREADS], on.words(q), on.words(k), result)
    run()
    on.wait()
    chosen = np.linspace(0, keys - 1, SAMPLE).astype(int)
    mine = np.ascontiguousarray(k[:, chosen].cpu().numpy().T).view(np.uint64)
    asked = q.cpu().numpy().view(np.uint64)
    if counted:
        expected = bits.hamming(asked, mine, 64 * words)
    else:
        expected = np.bitwise_or.reduce(asked[:, None] ^ mine[None], axis=2).view(np.int64)
    if not np.array_equal(out[:, chosen].cpu().numpy(), expected):
        raise WrongResult(f"{kernel}: distances are not those of the CPU")
    return on.repeated(run)


def _as_array(on: Backend, tensor: Any) -> Any:
    if on.device.type == "cuda":
        from numba import cuda

        return cuda.as_cuda_array(tensor)
    return tensor.numpy()


def popcount(torch: Any, x: Any) -> Any:
    """Ones of each int64, by elementary kernels of torch: each step goes through memory."""
    x = x - ((x >> 1) & 0x5555555555555555)
    x = (x & 0x3333333333333333) + ((x >> 2) & 0x3333333333333333)
    x = (x + (x >> 4)) & 0x0F0F0F0F0F0F0F0F
    return ((x * 0x0101010101010101) >> 56) & 0xFF


def search_in_torch(on: Backend, keys: int, words: int = WORDS) -> Callable[[int], None]:
    """One query, without a kernel of ours."""
    q, k = on.integers(1, words), on.integers(keys, words)

    def run() -> Any:
        return popcount(on.torch, q ^ k).sum(dim=1)

    expected = bits.hamming(
        q.cpu().numpy().view(np.uint64), k[:SAMPLE].cpu().numpy().view(np.uint64), 64 * words
    )
    if not np.array_equal(run()[:SAMPLE].cpu().numpy(), expected[0]):
        raise WrongResult("popcount in torch: distances are not those of the CPU")
    return on.repeated(run)


def read(on: Backend, size: int, passes: int, blocks: int = BLOCKS) -> Callable[[int], None]:
    """Read ``size`` bytes ``passes`` times."""
    words = on.integers(size // 8)
    out = on.integers(blocks * gpu_kernels.THREADS)
    assert on.kernels is not None
    run = partial(on.kernels.read[blocks, gpu_kernels.THREADS], on.words(words), passes, on.words(out))
    run()
    on.wait()
    once = int(np.bitwise_xor.reduce(words.cpu().numpy()))
    if int(np.bitwise_xor.reduce(out.cpu().numpy())) != (once if passes % 2 else 0):
        raise WrongResult("read: the XOR of all words is not the CPU's")
    return on.repeated(run)


def total(on: Backend, size: int) -> Callable[[int], None]:
    """Read ``size`` bytes without a kernel of ours: the sum of floats that are whole numbers."""
    numbers = on.torch.ones(size // 4, dtype=on.torch.float32, device=on.device)
    run = partial(on.torch.sum, numbers)
    if float(run()) != size // 4:
        raise WrongResult("sum: not the number of ones")
    return on.repeated(run)


def fill(on: Backend, size: int) -> Callable[[int], None]:
    """Write ``size`` bytes."""
    words = on.torch.empty(size // 8, dtype=on.torch.int64, device=on.device)
    run = partial(words.fill_, 0x5555555555555555)
    run()
    if int(words[-1]) != 0x5555555555555555:
        raise WrongResult("fill: not what was written")
    return on.repeated(run)


def moved(on: Backend, times: int, size: int) -> dict[str, int]:
    """The counter of ``times`` reads of ``size`` bytes, by where they fit."""
    return {"l2_bits" if size <= on.cache // 2 else "dram_bits": 8 * size * times}


def product(on: Backend, precision: str, rows: int, inner: int, columns: int) -> Workload:
    width, out = PRECISIONS[precision], 4 if precision == "int8" else PRECISIONS[precision]
    counts = {f"macs_{precision}": rows * inner * columns}
    operands = width * inner * (rows + columns)
    if operands > on.cache // 2:
        counts["dram_bits"] = 8 * operands
        counts["dram_bits_written"] = 8 * out * rows * columns
    size = f"{rows} × {inner} × {columns}"
    return Workload(
        f"{precision} matrix product", size, counts, partial(matmul, on, precision, rows, inner, columns)
    )


def attended(on: Backend, heads: int, length: int, width: int) -> Workload:
    pairs, operand = heads * length * length, 2 * heads * length * width
    counts = {"macs_bf16": 2 * pairs * width, "exps": pairs}
    if 3 * operand > on.cache // 2:
        counts |= {"dram_bits": 8 * 3 * operand, "dram_bits_written": 8 * operand}
    size = f"{heads} heads, {length} keys of {width}"
    return Workload("bf16 attention", size, counts, partial(attention, on, heads, length, width))


def searched(on: Backend, kernel: str, queries: int, keys: int) -> Workload:
    pairs, groups = queries * keys * WORDS, queries // (1 if kernel == "distances1" else gpu_kernels.GROUP)
    counts = {"word_xors": pairs} if kernel == "differences8" else {"popcounts": pairs, "word_xors": pairs}
    counts |= moved(on, groups, 8 * keys * WORDS)
    out = (8 if kernel == "differences8" else 4) * queries * keys
    counts |= {"dram_bits_written": 8 * out} if out > on.cache // 2 else {}
    name = "XOR alone" if kernel == "differences8" else "XOR and popcount"
    size = f"{queries} queries, {keys} keys of {64 * WORDS} bits"
    return Workload(name, size, counts, partial(search, on, kernel, queries, keys))


def workloads(on: Backend, *, quick: bool = False) -> Iterator[Workload]:
    """The sweep, from what stays in the last-level cache to what fills a good part of the memory.

    Sizes between half of that cache and twice of it are left out: what they move is not known. None is so small that
    a GPU would wait for its next launch.
    """
    room, resident = min(on.memory // 4, 2**31), on.cache // 4

    def clear(size: int) -> bool:
        return size <= on.cache // 2 or 2 * on.cache <= size <= room

    for precision, sides in (
        ("bf16", (2048, 8192, 16384)), ("int8", (2048, 3072, 8192, 16384)), ("fp16", (2048, 4096, 8192)),
        ("fp32", (1024, 4096, 8192)),
    ):  # fmt: skip
        shapes = [(side, side, side) for side in (sides[::2] if quick else sides)]
        for shape in [*shapes, (32, 8192, 8192)]:  # the last: few queries against many weights
            if clear(PRECISIONS[precision] * shape[1] * (shape[0] + shape[2])):
                yield product(on, precision, *shape)
    heads_length_width = ((16, 4096, 32), (32, 8192, 128), (16, 2048, 128), (80, 8192, 32), (32, 16384, 128))
    for heads, length, width in heads_length_width[
        : 2 if quick else None
    ]:  # narrow heads: many exps a multiply-add
        if clear(6 * heads * length * width):
            yield attended(on, heads, length, width)
    few, many = resident // (8 * WORDS), room // (8 * WORDS)
    if on.kernels is None:
        counts = {"word_xors": few * WORDS, "popcounts": few * WORDS}
        name = "XOR and popcount by torch's elementary kernels (not a measure of popcount)"
        yield Workload(name, f"1 query, {few} keys", counts, partial(search_in_torch, on, few), priced=False)
        for size in (room, room // 2):
            yield Workload(
                "read by torch", f"{size >> 20} MiB", {"dram_bits": 8 * size}, partial(total, on, size)
            )
    else:
        for keys in (few // 2, few, many):
            for kernel in ("distances8", "differences8"):
                yield searched(on, kernel, 64 if keys == many else 1024, keys)
        yield searched(on, "distances1", 4, many)
        yield searched(on, "distances1", 512, few)
        unit = 8 * BLOCKS * gpu_kernels.THREADS
        for target, passes in ((resident // 2, 256), (resident, 128), (room, 1)):
            size = max(1, target // unit) * unit
            counts = moved(on, passes, size) | {"word_xors": passes * size // 8}
            yield Workload("read", f"{size >> 20} MiB × {passes}", counts, partial(read, on, size, passes))
    for size in (room, room // 2):
        yield Workload("write", f"{size >> 20} MiB", {"dram_bits_written": 8 * size}, partial(fill, on, size))
