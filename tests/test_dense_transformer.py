"""Dense layers and transformers: counts against loops, published numbers, and laws."""

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hdspike import dense, substrate
from hdspike.dense import SHAPES, Shape
from hdspike.energy import price
from hdspike.vocabulary import COUNTERS
from tests.naive import dense as naive

LLAMA, GPT2 = SHAPES["llama3-8b"], SHAPES["gpt2-small"]
PRECISIONS = st.sampled_from(dense.PRECISIONS)


@settings(max_examples=40, deadline=None)
@given(
    inputs=st.integers(1, 6),
    outputs=st.integers(1, 6),
    precision=PRECISIONS,
    batch=st.sampled_from([1, 2, 63, 64, 65]),
    resident=st.booleans(),
    on_chip=st.booleans(),
    data=st.data(),
)
def test_linear_against_the_naive_twin(inputs, outputs, precision, batch, resident, on_chip, data):
    number = inputs * outputs
    nonzero = data.draw(st.lists(st.booleans(), min_size=number, max_size=number))
    cost = dense.linear(
        inputs,
        outputs,
        precision=precision,
        batch=batch,
        resident=resident,
        on_chip=on_chip,
        nonzero=sum(nonzero) / number,
    )
    expected = naive.matrices(
        [(inputs, outputs)],
        precision,
        batch,
        resident=resident,
        outside=(0, 0) if on_chip else (inputs, outputs),
        read=inputs,
        written=outputs,
        nonzero=nonzero,
    )
    assert cost.totals == expected
    assert cost.macs == batch * number
    assert cost.flops == 2 * number


@settings(max_examples=40, deadline=None)
@given(
    dim=st.integers(1, 5),
    hidden=st.integers(1, 6),
    gated=st.booleans(),
    precision=st.sampled_from(["fp32", "bf16", "int4"]),
    batch=st.sampled_from([1, 2, 64, 65]),
    resident=st.booleans(),
    on_chip=st.booleans(),
)
def test_feed_forward_against_the_naive_twin(dim, hidden, gated, precision, batch, resident, on_chip):
    cost = dense.feed_forward(
        dim, hidden, gated=gated, precision=precision, batch=batch, resident=resident, on_chip=on_chip
    )
    assert cost.totals == naive.feed_forward(dim, hidden, gated, precision, batch, resident, on_chip)


@settings(max_examples=40, deadline=None)
@given(
    size=st.integers(1, 3),
    kv_heads=st.integers(1, 2),
    group=st.integers(1, 3),
    hidden=st.integers(1, 5),
    gated=st.booleans(),
    context=st.integers(1, 6),
    precision=st.sampled_from(["fp32", "bf16", "int8", "int4"]),
    batch=st.integers(1, 3),
    decode=st.booleans(),
    resident=st.booleans(),
)
def test_a_layer_against_the_naive_twin(
    size, kv_heads, group, hidden, gated, context, precision, batch, decode, resident
):
    heads = kv_heads * group
    shape = Shape(1, heads * size, heads, kv_heads=kv_heads, hidden=hidden, gated=gated)
    cost = dense.transformer_layer(
        shape,
        context=context,
        precision=precision,
        batch=batch,
        phase="decode" if decode else "prefill",
        resident=resident,
    )
    assert cost.totals == naive.transformer_layer(
        shape.dim, heads, kv_heads, hidden, gated, context, precision, batch, decode, resident
    )
    assert set(cost.totals) <= set(COUNTERS)
    assert cost.units == (batch if decode else batch * context)


@settings(max_examples=30, deadline=None)
@given(
    layers=st.integers(1, 3),
    size=st.integers(1, 4),
    kv_heads=st.integers(1, 3),
    group=st.integers(1, 3),
    hidden=st.integers(1, 9),
    vocabulary=st.integers(0, 9),
    gated=st.booleans(),
)
def test_parameters_against_the_naive_twin(layers, size, kv_heads, group, hidden, vocabulary, gated):
    heads = kv_heads * group
    shape = Shape(layers, heads * size, heads, kv_heads, hidden, vocabulary, gated)
    assert shape.parameters == naive.parameters(
        layers, heads * size, heads, kv_heads, hidden, vocabulary, gated
    )


# Published numbers


def test_parameters_of_published_models():
    assert LLAMA.parameters == 8_030_261_248
    assert GPT2.parameters == 124_439_808


def test_cache_of_a_published_model():
    assert LLAMA.cache_bytes(1, precision="bf16") == 131_072  # 32 layers × 8 heads × 128 × 2 × 2 bytes
    assert LLAMA.cache_bytes(8192) == 2**30
    assert GPT2.cache_bytes(1, precision="fp32") == 12 * 768 * 2 * 4


@pytest.mark.parametrize("shape", SHAPES.values(), ids=list(SHAPES))
def test_two_operations_for_every_parameter(shape):
    """Kaplan et al. 2020: 2 · parameters operations a token, those that a token is multiplied with."""
    table = 0 if shape.tied else shape.vocabulary * shape.dim
    multiplied = shape.parameters - table - shape.positions * shape.dim
    flops = dense.transformer(shape, context=1).flops
    assert flops == pytest.approx(2 * multiplied, rel=2e-3)  # biases, norms: less; attention to itself: more
    assert dense.transformer(shape, context=1001).flops - flops == 4 * 1000 * shape.layers * shape.queries


def test_a_step_of_one_sequence_reads_every_weight_and_its_cache():
    context = 8192
    counts = dense.transformer(LLAMA, context=context, precision="bf16").counts
    read = 2 * (LLAMA.layers * LLAMA.layer_weights + LLAMA.vocabulary * LLAMA.dim + LLAMA.dim)
    assert counts["dram_bits"] / 8 == read + LLAMA.cache_bytes(context)
    assert counts["dram_bits_written"] / 8 == LLAMA.cache_bytes(1)
    assert LLAMA.weight_bytes() == 2 * (LLAMA.parameters - (2 * LLAMA.layers + 1) * LLAMA.dim)  # no norms


def test_tables_are_bytes_where_weights_are_ternary():
    matrices = LLAMA.layers * LLAMA.layer_weights
    assert LLAMA.weight_bytes(precision="ternary") == matrices // 4 + 2 * LLAMA.vocabulary * LLAMA.dim
    assert GPT2.weight_bytes(precision="int8") == 12 * GPT2.layer_weights + (50_257 + 1024) * 768


def test_learnt_positions_are_read_beside_the_embedding():
    """GPT-2: a row of both tables, for every token."""
    read = dense.transformer(GPT2, context=3, batch=5, precision="int8").parts["embedding"].totals
    assert read == {"dram_bits": 5 * 8 * 2 * 768}


def test_decoding_is_bound_by_memory_and_reading_a_prompt_by_arithmetic():
    """A100, bf16: 16.06 GB + cache over 1.555 TB/s is some 10 ms a token (Pope et al. 2022)."""
    chip = substrate.load("a100-circuit")
    step = dense.transformer(LLAMA, context=1024).roofline(chip)
    assert (step.bound, step.pipe) == ("dram", "dram")
    assert step.seconds == pytest.approx((2 * 7.5e9 + 1024 * 131_072) / 1.555e12, rel=0.01)
    prompt = dense.transformer(LLAMA, context=1024, phase="prefill").roofline(chip)
    assert prompt.bound == "compute"
    assert step.intensity < 2 < 200 < prompt.intensity


# Laws


@settings(max_examples=25, deadline=None)
@given(
    layers=st.integers(1, 5),
    precision=PRECISIONS,
    phase=st.sampled_from(["decode", "prefill"]),
    batch=st.integers(1, 70),
    context=st.integers(1, 300),
    resident=st.booleans(),
)
def test_linear_in_layers_and_equal_to_the_sum_of_parts(layers, precision, phase, batch, context, resident):
    shape = Shape(1, 12, 4, kv_heads=2, hidden=20, gated=True)
    given = {"precision": precision, "phase": phase, "batch": batch, "context": context, "resident": resident}
    one = dense.transformer(shape, **given)
    many = dense.transformer(replace(shape, layers=layers), **given)
    assert many.totals == {name: layers * total for name, total in one.totals.items()}
    assert many.macs == layers * one.macs
    for name, total in many.totals.items():
        assert total == sum(part.totals.get(name, 0) for part in many.parts.values())
    with_head = dense.transformer(replace(shape, vocabulary=50), **given)
    assert with_head.parts["head"].macs == batch * 12 * 50
    assert with_head.parts["embedding"].totals["dram_bits"] == with_head.units * 12 * dense.BITS[precision]


@settings(max_examples=25, deadline=None)
@given(batch=st.integers(1, 200), more=st.integers(1, 200), precision=PRECISIONS, context=st.integers(1, 500))
def test_a_batch_shares_weights_but_no_cache(batch, more, precision, context):
    shape = Shape(2, 24, 4, vocabulary=30)
    one, other = (
        dense.transformer(shape, context=context, precision=precision, batch=b) for b in (batch, batch + more)
    )
    assert other.counts["dram_bits"] < one.counts["dram_bits"]
    assert other.flops == one.flops
    caches = [cost.parts["attention"] for cost in (one, other)]
    assert caches[0].counts == caches[1].counts
    floor = 8 * shape.cache_bytes(context, precision=precision)
    assert one.counts["dram_bits"] > floor


@settings(max_examples=25, deadline=None)
@given(tiles=st.integers(0, 4), context=st.integers(1, 200))
def test_a_longer_prompt_costs_less_a_weight_but_more_attention(tiles, context):
    shape = Shape(1, 16, 2)
    short, long = (
        dense.transformer_layer(shape, context=n, phase="prefill") for n in (context, context + 1 + tiles)
    )
    assert long.parts["attention"].flops > short.parts["attention"].flops
    assert long.parts["feed_forward"].counts["dram_bits"] < short.parts["feed_forward"].counts["dram_bits"]


ENERGIES = """format = 1
name = "mine"
title = "Arithmetic of Jouppi et al., int4 assumed"
kind = "processor"
node = "7 nm"
ledger = "circuit"
notes = "one sheet for every precision"
[energy]
"""
PICOJOULES = {
    "macs_fp32": 1.69,
    "macs_fp16": 0.5,
    "macs_bf16": 0.32,
    "macs_int8": 0.1,
    "macs_int4": 0.05,
    "adds_int32": 0.03,
    "exps": 13.5,
    "dram_bits": 3.92,
    "dram_bits_written": 3.92,
    "sram_bits": 0.13,
    "sram_bits_written": 0.13,
}


@pytest.fixture(scope="module")
def sheet(tmp_path_factory):
    lines = [
        f'{name} = {{ value = {pj}, unit = "{"pJ/bit" if "bits" in name else "pJ"}", low = {pj}, high = {pj}, '
        'verified = false, source = "me (assumed)" }'
        for name, pj in PICOJOULES.items()
    ]
    path = tmp_path_factory.mktemp("sheet") / "mine.toml"
    path.write_text(ENERGIES + "\n".join(lines), encoding="utf-8")
    return substrate.load(path)


@pytest.mark.parametrize("phase", ["decode", "prefill"])
@pytest.mark.parametrize("batch", [1, 16])
def test_fewer_bits_cost_less_on_one_sheet(sheet, phase, batch):
    joules = {
        precision: price(cost.counts, sheet, seconds=0.0).nominal
        for precision in dense.PRECISIONS
        for cost in [dense.transformer(LLAMA, context=512, precision=precision, phase=phase, batch=batch)]
    }
    assert joules["ternary"] < joules["int8"] < joules["bf16"] < joules["fp16"] < joules["fp32"]
    assert joules["int4"] < joules["int8"]


def test_ternary_weights_cost_additions_alone():
    cost = dense.feed_forward(96, 384, precision="ternary", nonzero=0.5, batch=3, activation="relu")
    assert cost.totals["adds_int32"] == 3 * 96 * 384
    assert not [name for name in cost.totals if name.startswith("macs") or name == "exps"]
    assert cost.totals["dram_bits"] == 2 * 2 * 96 * 384 + 3 * 8 * 96
    assert cost.macs == 3 * 2 * 96 * 384


def test_int4_on_a_chip_without_a_counter_for_it():
    """a100-circuit prices bit products: 16 of them and an addition are less than a product of bytes."""
    chip = substrate.load("a100-circuit")
    costs = {p: dense.transformer(LLAMA, context=512, precision=p, batch=64) for p in ("int4", "int8")}
    bits = costs["int4"].as_bits()
    macs = costs["int4"].totals["macs_int4"]
    assert (bits.totals["bit_products"], bits.totals["adds_int32"]) == (16 * macs, macs)
    assert {n: t for n, t in bits.totals.items() if n in costs["int4"].totals} == {
        n: t for n, t in costs["int4"].totals.items() if n != "macs_int4"
    }
    assert sum(part.totals.get("bit_products", 0) for part in bits.parts.values()) == 16 * macs
    compute = [price(cost.counts, chip, seconds=0.0).components["compute"] for cost in (bits, costs["int8"])]
    assert compute[0] < compute[1]
    assert bits.seconds(chip) == pytest.approx(costs["int4"].seconds(chip))
    both = dense.transformer(LLAMA, context=512, precision="ternary").as_bits()  # attention is int8 there
    assert both.totals["bit_products"] == 64 * both.parts["attention"].macs + 64 * both.parts["head"].macs
    assert costs["int8"].as_bits().macs == costs["int8"].macs


def test_what_a_100_times_as_long_context_costs(sheet):
    """At a long context the cache is the bill: the feed-forward block does not know the context."""
    short, long = (dense.transformer_layer(LLAMA, context=n, batch=64) for n in (1000, 100_000))
    for name in ("projections", "feed_forward"):
        assert short.parts[name].counts == long.parts[name].counts
    bills = [price(long.parts[name].counts, sheet, seconds=0).nominal for name in long.parts]
    assert bills[1] > 10 * (bills[0] + bills[2])


SHAPE = Shape(2, 8, 2)


@pytest.mark.parametrize(
    ("call", "error", "text"),
    [
        (lambda: Shape(0, 8, 2), ValueError, "layers must be at least 1, got 0"),
        (lambda: Shape(1, 8.0, 2), TypeError, "dim must be an integer"),
        (lambda: Shape(1, 8, 3), ValueError, "heads must divide dim = 8 .* got 3"),
        (lambda: Shape(1, 8, 4, kv_heads=3), ValueError, "kv_heads must divide heads = 4, got 3"),
        (lambda: Shape(1, 8, 4, hidden=-1), ValueError, "hidden must be at least 0, got -1"),
        (lambda: Shape(1, 8, 4, norm="none"), ValueError, "norm must be one of rms, layer, got 'none'"),
        (lambda: Shape(1, 8, 4, activation="tanh"), ValueError, "activation must be one of"),
        (lambda: SHAPE.cache_bytes(-1), ValueError, "tokens must be at least 0, got -1"),
        (lambda: SHAPE.weight_bytes(precision="fp8"), ValueError, "precision must be one of .* got 'fp8'"),
        (lambda: dense.transformer("gpt2", context=1), TypeError, "shape must be a Shape, not str"),
        (lambda: dense.transformer(SHAPE, context=0), ValueError, "context must be at least 1, got 0"),
        (lambda: dense.transformer(SHAPE, context=1, batch=0), ValueError, "batch must be at least 1, got 0"),
        (
            lambda: dense.transformer(SHAPE, context=1, phase="training"),
            ValueError,
            "phase must be one of decode, prefill, got 'training'",
        ),
        (lambda: dense.projections(None), TypeError, "shape must be a Shape, not NoneType"),
        (lambda: dense.linear(0, 1), ValueError, "inputs must be at least 1, got 0"),
        (lambda: dense.linear(1, True), TypeError, "outputs must be an integer"),
        (lambda: dense.linear(1, 1, nonzero=1.5), ValueError, r"nonzero must be in \[0, 1\], got 1.5"),
        (lambda: dense.linear(1, 1, nonzero="all"), TypeError, "nonzero must be a number"),
        (lambda: dense.linear(1, 1, nonzero=float("nan")), ValueError, "nonzero must be in .* got nan"),
        (lambda: dense.feed_forward(4, 0), ValueError, "hidden must be at least 1, got 0"),
        (lambda: dense.feed_forward(4, 4, activation="x"), ValueError, "activation must be one of"),
    ],
)
def test_errors_name_the_argument(call, error, text):
    with pytest.raises(error, match=text):
        call()
