"""Three steps in vector registers that the compiler does not find by itself; plain Python under NUMBA_DISABLE_JIT.

Each is a numba intrinsic that writes LLVM code for vectors of any machine. None checks a bound: their callers do.

- ``dot(values, indices, x)``: Σ_j values[j] · x[indices[j]]. One 64-bit load brings several indices, which are cut out
  by shifts; four inputs are then loaded one by one into a vector. A load of each index, value and input would be
  3 loads a product, and a processor does 2 or 3 loads a cycle; this takes 1½.
- ``blend(values, indices, tile, start, out)``: ``out[:] = start + Σ_j values[j] · tile[indices[j]]`` for a whole row of
  samples, which stays in registers.
- ``turn(source, row, column, target, to_row, to_column)``: transposes a block of 8 × 8.

Sums are taken in a fixed order, which is not that of the naive loop; products are fused into them where the processor
can. The same build on the same processor gives the same bits.
"""

from typing import Any

import numba
from numba.core import cgutils, types
from numba.core.errors import TypingError
from numba.extending import intrinsic

__all__ = ["SIDE", "blend16", "blend32", "dot", "turn"]

ir = cgutils.ir
I32, I64 = ir.IntType(32), ir.IntType(64)
LANES, CHAINS = 4, 2  # of a dot product: vectors of 4, two sums that do not wait for each other
SIDE = 8  # of a block to transpose


def _vector(element: Any, lanes: int) -> Any:
    return ir.VectorType(element, lanes)


def _add_product(builder: Any, a: Any, b: Any, c: Any) -> Any:
    """a · b + c, fused if the machine can."""
    bits = 64 if isinstance(c.type.element, ir.DoubleType) else 32
    kind = ir.FunctionType(c.type, [c.type] * 3)
    name = f"llvm.fmuladd.v{c.type.count}f{bits}"
    return builder.call(cgutils.get_or_insert_function(builder.module, kind, name), [a, b, c])


def _spread(builder: Any, value: Any, lanes: int) -> Any:
    """A vector of one value."""
    empty = ir.Constant(_vector(value.type, lanes), ir.Undefined)
    one = builder.insert_element(empty, value, I32(0))
    return builder.shuffle_vector(one, empty, ir.Constant(_vector(I32, lanes), [0] * lanes))


def _read(builder: Any, place: Any, lanes: int) -> Any:
    """``lanes`` neighbours in memory, aligned as one of them is."""
    loaded = builder.load(builder.bitcast(place, _vector(place.type.pointee, lanes).as_pointer()))
    loaded.align = _octets(place.type.pointee)
    return loaded


def _write(builder: Any, vector: Any, place: Any) -> None:
    stored = builder.store(vector, builder.bitcast(place, vector.type.as_pointer()))
    stored.align = _octets(vector.type.element)


def _octets(element: Any) -> int:
    return {"float": 4, "double": 8}[str(element)]


def _arrays(context: Any, builder: Any, signature: Any, arguments: Any) -> list[Any]:
    return [
        context.make_array(kind)(context, builder, value) if isinstance(kind, types.Array) else value
        for kind, value in zip(signature.args, arguments, strict=True)
    ]


def _contiguous(*arrays: Any) -> None:
    """Places are reckoned from shapes alone."""
    for array in arrays:
        if array.layout != "C":
            raise TypingError(f"{array} must be contiguous")


def _length(builder: Any, array: Any, axis: int = 0) -> Any:
    return builder.extract_value(array.shape, axis)


def _sum(builder: Any, values: list[Any]) -> Any:
    """By pairs."""
    while len(values) > 1:
        values = [builder.fadd(a, b) for a, b in zip(values[::2], values[1::2], strict=True)]
    return values[0]


def _four_indices(builder: Any, data: Any, j: Any) -> list[Any]:
    """Indices j … j + 3, from as few loads of 64 bits as they fit in (little-endian)."""
    width = data.type.pointee.width
    many, mask, out = 64 // width, (1 << width) - 1, []
    for low in range(0, LANES, many):
        word = builder.load(builder.bitcast(builder.gep(data, [builder.add(j, I64(low))]), I64.as_pointer()))
        word.align = width // 8
        out += [builder.and_(builder.lshr(word, I64(width * z)), I64(mask)) for z in range(many)]
    return out


def _dot(typing: Any, values: Any, indices: Any, x: Any) -> Any:
    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        v, i, inputs = _arrays(context, builder, signature, arguments)
        count, element = _length(builder, v), v.data.type.pointee
        zero = ir.Constant(_vector(element, LANES), [0.0] * LANES)
        sums = [cgutils.alloca_once_value(builder, zero) for _ in range(CHAINS)]
        rest = cgutils.alloca_once_value(builder, ir.Constant(element, 0.0))

        def four(j: Any, total: Any) -> None:
            picked = ir.Constant(_vector(element, LANES), ir.Undefined)
            for z, index in enumerate(_four_indices(builder, i.data, j)):
                picked = builder.insert_element(
                    picked, builder.load(builder.gep(inputs.data, [index])), I32(z)
                )
            weights = _read(builder, builder.gep(v.data, [j]), LANES)
            builder.store(_add_product(builder, weights, picked, builder.load(total)), total)

        block = LANES * CHAINS
        in_blocks = builder.and_(count, I64(-block))
        in_fours = builder.and_(count, I64(-LANES))
        with cgutils.for_range_slice(builder, I64(0), in_blocks, I64(block), intp=I64) as (j, _):
            for chain, total in enumerate(sums):
                four(builder.add(j, I64(LANES * chain)), total)
        with cgutils.for_range_slice(builder, in_blocks, in_fours, I64(LANES), intp=I64) as (j, _):
            four(j, sums[0])
        with cgutils.for_range_slice(builder, in_fours, count, I64(1), intp=I64) as (j, _):
            index = builder.zext(builder.load(builder.gep(i.data, [j])), I64)
            picked = builder.load(builder.gep(inputs.data, [index]))
            product = builder.fmul(builder.load(builder.gep(v.data, [j])), picked)
            builder.store(builder.fadd(builder.load(rest), product), rest)
        whole = _sum(builder, [builder.load(total) for total in sums])
        lanes = [builder.extract_element(whole, I32(z)) for z in range(LANES)]
        return builder.fadd(builder.load(rest), _sum(builder, lanes))

    _contiguous(values, indices, x)
    return x.dtype(values, indices, x), generate


def _blend(lanes: int, chains: int) -> Any:
    def make(typing: Any, values: Any, indices: Any, tile: Any, start: Any, out: Any) -> Any:
        def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            v, i, rows, first, target = _arrays(context, builder, signature, arguments)
            count, element = _length(builder, v), v.data.type.pointee
            zero = ir.Constant(_vector(element, lanes), [0.0] * lanes)
            begin = [_spread(builder, first, lanes)] + [zero] * (chains - 1)
            sums = [cgutils.alloca_once_value(builder, value) for value in begin]

            def step(j: Any, total: Any) -> None:
                weight = _spread(builder, builder.load(builder.gep(v.data, [j])), lanes)
                index = builder.zext(builder.load(builder.gep(i.data, [j])), I64)
                row = _read(builder, builder.gep(rows.data, [builder.mul(index, I64(lanes))]), lanes)
                builder.store(_add_product(builder, weight, row, builder.load(total)), total)

            whole = builder.and_(count, I64(-chains))
            with cgutils.for_range_slice(builder, I64(0), whole, I64(chains), intp=I64) as (j, _):
                for chain, total in enumerate(sums):
                    step(builder.add(j, I64(chain)), total)
            with cgutils.for_range_slice(builder, whole, count, I64(1), intp=I64) as (j, _):
                step(j, sums[0])
            _write(builder, _sum(builder, [builder.load(total) for total in sums]), target.data)
            return context.get_dummy_value()

        _contiguous(values, indices, tile, out)
        return types.void(values, indices, tile, tile.dtype, out), generate

    return make


def _turn(typing: Any, source: Any, row: Any, column: Any, target: Any, to_row: Any, to_column: Any) -> Any:
    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        a, r, c, b, to_r, to_c = _arrays(context, builder, signature, arguments)

        def place(array: Any, i: Any, j: Any) -> Any:
            return builder.gep(array.data, [builder.add(builder.mul(i, _length(builder, array, 1)), j)])

        rows = [_read(builder, place(a, builder.add(r, I64(z)), c), SIDE) for z in range(SIDE)]
        half, masks = SIDE // 2, []
        for low in (0, half):  # interleave the lower, the upper halves of two vectors
            pairs = [k for z in range(low, low + half) for k in (z, z + SIDE)]
            masks.append(ir.Constant(_vector(I32, SIDE), pairs))
        for _ in range(SIDE.bit_length() - 1):
            rows = [
                builder.shuffle_vector(rows[z // 2], rows[z // 2 + half], masks[z % 2]) for z in range(SIDE)
            ]
        for z, vector in enumerate(rows):
            _write(builder, vector, place(b, builder.add(to_r, I64(z)), to_c))
        return context.get_dummy_value()

    _contiguous(source, target)
    size = types.int64
    return types.void(source, size, size, target, size, size), generate


def _plain_dot(values: Any, indices: Any, x: Any) -> Any:
    total = x.dtype.type(0)
    for j in range(len(values)):
        total += values[j] * x[indices[j]]
    return total


def _plain_blend(values: Any, indices: Any, tile: Any, start: Any, out: Any) -> None:
    out[:] = start
    for j in range(len(values)):
        out += values[j] * tile[indices[j]]


def _plain_turn(source: Any, row: int, column: int, target: Any, to_row: int, to_column: int) -> None:
    block = source[row : row + SIDE, column : column + SIDE]
    target[to_row : to_row + SIDE, to_column : to_column + SIDE] = block.T


_plain = bool(vars(numba.config)["DISABLE_JIT"])
dot: Any = _plain_dot if _plain else intrinsic(_dot)
blend16: Any = _plain_blend if _plain else intrinsic(_blend(16, 2))
blend32: Any = _plain_blend if _plain else intrinsic(_blend(32, 2))
turn: Any = _plain_turn if _plain else intrinsic(_turn)
