"""`hdspike params`: published counts to the parameter, a twin that lists every tensor, and configs that are refused."""

import doctest
import importlib
import json
import math
import pkgutil
import tomllib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hdspike import cli
from hdspike.sparsity import parameters
from hdspike.sparsity.parameters import published
from hdspike.sparsity.parameters.count import CONVENTIONS, prediction_parts
from hdspike.sparsity.parameters.screen import size
from tests.naive import sparse_parameters as naive

GOLDEN = {
    "mixtral-8x7b": (46_702_792_704, 12_879_925_248),
    "gpt-oss-120b": (116_829_156_672, 5_132_849_472),
    "gpt-oss-20b": (20_914_757_184, 3_608_307_264),
    "deepseek-v3": (671_026_419_200, 37_552_297_472),
    "deepseek-r1": (671_026_419_200, 37_552_297_472),
    "kimi-k2": (1_026_408_232_448, 32_861_500_928),
    "gpt-3-175b": (174_604_259_328, 174_604_259_328),
    "llama-3-405b": (405_853_388_800, 405_853_388_800),
    "llama-3-70b": (70_553_706_496, 70_553_706_496),
    "llama-3-8b": (8_030_261_248, 8_030_261_248),
}


def config_of(name: str) -> dict[str, Any]:
    """The bare keys of a model's file."""
    path = published.FOLDER / f"{parameters.find(name).name}.toml"
    return tomllib.loads(path.read_text(encoding="utf-8"))["config"]


def small(family: str, **changed: Any) -> dict[str, Any]:
    """A config of a few parameters."""
    if family == "gpt2":
        base: dict[str, Any] = {"n_embd": 6, "n_layer": 2, "n_head": 3, "n_positions": 9, "vocab_size": 11}
        return {"model_type": family, "torch_dtype": "float32", **base, **changed}
    base = {
        "hidden_size": 6, "intermediate_size": 7, "num_hidden_layers": 3, "num_attention_heads": 4,
        "num_key_value_heads": 2, "head_dim": 5, "vocab_size": 11, "torch_dtype": "bfloat16",
    }  # fmt: skip
    mixture = {"num_local_experts": 4, "num_experts_per_tok": 2}
    if family == "gpt_oss":
        base |= mixture | {"sliding_window": 3}
    elif family == "mixtral":
        base |= mixture
    elif family in ("deepseek_v3", "kimi_k2"):
        del base["head_dim"]
        base |= {
            "num_key_value_heads": 4, "moe_intermediate_size": 3, "first_k_dense_replace": 1, "q_lora_rank": 5,
            "kv_lora_rank": 4, "qk_rope_head_dim": 2, "qk_nope_head_dim": 3, "v_head_dim": 5, "n_routed_experts": 4,
            "n_shared_experts": 1, "num_experts_per_tok": 2,
        }  # fmt: skip
    return {"model_type": family, **base, **changed}


# --- golden numbers ------------------------------------------------------------------------------------


@pytest.mark.parametrize(("name", "row"), GOLDEN.items(), ids=GOLDEN)
def test_published_models_to_the_parameter(name: str, row: tuple[int, int]) -> None:
    found = parameters.answer(name)
    assert (found["total"], found["active"]) == row
    assert found["share"] == row[1] / row[0]


@pytest.mark.parametrize("name", [name for name in GOLDEN if name != "deepseek-r1"])
def test_every_tensor_of_a_published_model(name: str) -> None:
    config, model = config_of(name), parameters.find(name)
    counted = parameters.count(model.architecture)
    assert counted.total == naive.total(config)
    assert counted.active == {each: naive.active(config, each) for each in CONVENTIONS}


def test_checkpoints_have_the_bytes_that_they_state() -> None:
    """The total_size of their indices; DeepSeek's files hold 91,991 tensors' headers besides."""
    for name, total in {
        "mixtral-8x7b": 93_405_585_408,
        "gpt-oss-120b": 65_248_815_744,
        "gpt-oss-20b": 13_761_264_768,
    }.items():
        assert parameters.answer(name)["bytes"]["published"]["stored"] == total
    shape = parameters.find("deepseek-v3").architecture
    module = prediction_parts(shape)
    tables = 2 * 2 * shape.vocabulary * shape.dim  # the module's copies of embedding and head
    everything = parameters.stored(parameters.parts(shape) + module, "fp8") + tables
    assert 0 < 688_586_727_753 - everything < 150 * 91_991
    assert sum(part.copies * part.size for part in module) == 11_610_068_224


def test_conventions_differ_by_the_tables_alone() -> None:
    """What the publishers' figures hold: 12.9, 5.13, 3.61; and 36.6 where 36.7 is printed."""
    shown = {
        name: {
            each: entry["active"] for each, entry in parameters.answer(name)["active_by_convention"].items()
        }
        for name in parameters.available()
    }
    for name, active in shown.items():
        shape = parameters.find(name).architecture
        tables = shape.dim * (shape.positions if shape.tied else shape.vocabulary)
        assert active["tables"] - active["head"] == tables
        assert active["row"] - active["head"] == shape.dim
    assert round(shown["mixtral-8x7b"]["row"] / 1e9, 1) == 12.7
    assert round(shown["gpt-oss-20b"]["tables"] / 1e9, 2) == 4.19
    assert round(shown["deepseek-v3"]["head"] / 1e9, 1) == 36.6
    assert parameters.find("gpt-oss-20b").convention == "head"


def test_the_cache_of_latent_attention() -> None:
    deepseek = parameters.answer("deepseek-v3", context=1)["cache"]
    assert deepseek["kind"] == "MLA"
    assert (deepseek["values_per_token"], deepseek["values_per_token_every_head"]) == (35_136, 2_498_560)
    assert parameters.answer("llama-3-8b")["cache"]["bytes_per_token"] == 131_072


def test_windows_bound_the_cache() -> None:
    """Half of gpt-oss' layers keep 128 tokens."""
    one = parameters.answer("gpt-oss-120b", context=1)["cache"]["values"]
    assert one == 36 * 2 * 8 * 64
    assert parameters.answer("gpt-oss-120b", context=128)["cache"]["values"] == 128 * one
    assert parameters.answer("gpt-oss-120b", context=131_072)["cache"]["values"] == (128 + 131_072) * one // 2


def test_operations_are_two_per_weight_passed() -> None:
    """The dense rule of thumb (Kaplan et al. 2020), the table of an untied embedding left out."""
    found = parameters.answer("llama-3-8b", context=1)
    operations = found["flops_per_token"]
    assert operations["weights"] == 2 * (8_030_261_248 - 128_256 * 4096 - 65 * 4096)
    assert operations["attention"] == 4 * 32 * 4096
    assert operations["total"] == operations["weights"] + operations["attention"]


# --- against the twin ----------------------------------------------------------------------------------

sizes = st.integers(1, 9)
flags = st.booleans()


@st.composite
def configs(draw: Any) -> dict[str, Any]:
    """A random small config of any family, keys left out where they may be."""
    family = draw(
        st.sampled_from(["llama", "mistral", "mixtral", "gpt_oss", "deepseek_v3", "kimi_k2", "gpt2"])
    )
    heads = draw(st.sampled_from([1, 2, 4]))
    dtype = draw(st.sampled_from(["bfloat16", "float16", "float32"]))
    if family == "gpt2":
        made = small(
            family, n_head=heads, n_embd=heads * draw(sizes), n_layer=draw(sizes), n_positions=draw(sizes),
            vocab_size=draw(sizes), n_inner=draw(st.none() | sizes), torch_dtype=dtype,
        )  # fmt: skip
        return made | ({"tie_word_embeddings": draw(flags)} if draw(flags) else {})
    made = small(
        family, num_attention_heads=heads, num_hidden_layers=draw(st.integers(1, 4)), hidden_size=heads * draw(sizes),
        intermediate_size=draw(sizes), vocab_size=draw(sizes), tie_word_embeddings=draw(flags), torch_dtype=dtype,
        num_key_value_heads=heads,
    )  # fmt: skip
    if "head_dim" in made:
        made |= {
            "num_key_value_heads": draw(st.sampled_from([1, heads])),
            "head_dim": draw(st.none() | sizes),
        }
    if family in ("llama", "gpt_oss", "deepseek_v3", "kimi_k2"):
        made["attention_bias"] = draw(flags)
    if family == "llama":
        made["mlp_bias"] = draw(flags)
    if family in ("mistral", "mixtral"):
        made["sliding_window"] = draw(st.none() | sizes)
    experts = draw(st.integers(1, 4))
    if family in ("mixtral", "gpt_oss"):
        made |= {"num_local_experts": experts, "num_experts_per_tok": draw(st.integers(1, experts))}
    if family == "gpt_oss":
        kinds = st.sampled_from(["sliding_attention", "full_attention"])
        layers = made["num_hidden_layers"]
        made["sliding_window"] = draw(sizes)
        made["layer_types"] = draw(st.lists(kinds, min_size=layers, max_size=layers))
        if draw(flags):
            made |= {
                "hidden_size": 32 * heads, "intermediate_size": 64, "quantization_config": {"quant_method": "mxfp4"}
            }  # fmt: skip
    if family in ("deepseek_v3", "kimi_k2"):
        made |= {
            "n_routed_experts": experts, "num_experts_per_tok": draw(st.integers(1, experts)),
            "n_shared_experts": draw(st.integers(0, 2)), "moe_intermediate_size": draw(sizes),
            "first_k_dense_replace": draw(st.integers(0, made["num_hidden_layers"])),
            "moe_layer_freq": draw(st.integers(1, 3)), "q_lora_rank": draw(st.none() | sizes),
            "kv_lora_rank": draw(sizes), "qk_rope_head_dim": draw(sizes), "qk_nope_head_dim": draw(sizes),
            "v_head_dim": draw(sizes), "topk_method": draw(st.sampled_from(["noaux_tc", "greedy"])),
            "num_nextn_predict_layers": draw(st.integers(0, 2)),
        }  # fmt: skip
        if draw(flags):
            block = {"quant_method": "fp8", "weight_block_size": [128, 128]}
            made |= {"quantization_config": block, "vocab_size": 200, "moe_intermediate_size": 130}
    return made


@given(configs(), st.integers(1, 9), st.integers(1, 3))
def test_counts_and_costs_agree_with_naive(config: dict[str, Any], context: int, batch: int) -> None:
    shape = parameters.architecture(config)
    made = parameters.count(shape)
    assert made.total == naive.total(config)
    assert made.active == {each: naive.active(config, each) for each in CONVENTIONS}
    assert sum(total for total, _ in made.components.values()) == made.total
    assert sum(read for _, read in made.components.values()) == made.active["row"]
    module = sum(math.prod(shape) for _, shape in naive.prediction_module(config))
    assert sum(part.copies * part.size for part in prediction_parts(shape)) == module
    assert parameters.stored(parameters.parts(shape), shape.storage) == naive.stored(config)
    read = parameters.loaded(shape, batch=batch, storage=shape.storage)
    assert read == pytest.approx(naive.loaded(config, batch), rel=1e-12)
    context = min(context, shape.positions or context)
    assert parameters.cache(shape, context=context).held == naive.cached(config, context)
    done = parameters.flops(shape, context=context)
    assert done.weights == 2 * naive.multiplied(config)
    assert done.attention == 2 * naive.attended(config, context)


@given(st.integers(1, 4), st.data())
def test_distinct_experts_over_all_ways_to_choose(experts: int, data: st.DataObject) -> None:
    active, batch = data.draw(st.integers(1, experts)), data.draw(st.integers(1, 4))
    found = parameters.distinct_experts(experts, active, batch)
    assert found == pytest.approx(naive.distinct(experts, active, batch), rel=1e-12)


def test_distinct_experts_of_simulated_routers() -> None:
    """256 experts of which 64 tokens choose 8 each, drawn 400 times: within four standard errors."""
    rng, drawn = np.random.default_rng(0), []
    for _ in range(400):
        chosen = rng.random((64, 256)).argpartition(8, axis=1)[:, :8]
        drawn.append(len(np.unique(chosen)))
    law = parameters.distinct_experts(256, 8, 64)
    assert abs(np.mean(drawn) - law) < 4 * np.std(drawn) / 20
    assert law == pytest.approx(256 * (1 - (248 / 256) ** 64))


def test_a_large_batch_reads_everything() -> None:
    for name in parameters.available():
        many = parameters.answer(name, batch=1_000_000)["bytes"]["given"]
        assert many["share_loaded"] == pytest.approx(1, abs=1e-4)
    one, more = (
        parameters.answer("mixtral-8x7b", batch=batch)["bytes"]["given"]["loaded_per_token"]
        for batch in (1, 64)
    )
    assert one == 2 * parameters.answer("mixtral-8x7b")["active_by_convention"]["row"]["active"]
    assert more < one / 15


# --- reading -------------------------------------------------------------------------------------------


def test_a_config_as_transformers_writes_it(tmp_path: Path) -> None:
    """With all that does not matter: the same counts as by name."""
    extra = {
        "architectures": ["GptOssForCausalLM"], "attention_dropout": 0.0, "eos_token_id": 200002, "hidden_act": "silu",
        "experts_per_token": 4, "initial_context_length": 4096, "initializer_range": 0.02, "rms_norm_eps": 1e-05,
        "max_position_embeddings": 131072, "output_router_logits": False, "pad_token_id": 199999, "rope_theta": 150000,
        "rope_scaling": {"rope_type": "yarn", "factor": 32.0}, "router_aux_loss_coef": 0.9, "swiglu_limit": 7.0,
        "transformers_version": "4.55.0.dev0", "use_cache": True,
        "layer_types": ["sliding_attention", "full_attention"] * 12,
    }  # fmt: skip
    file = tmp_path / "config.json"
    file.write_text(json.dumps(config_of("gpt-oss-20b") | extra), encoding="utf-8")
    found, known = parameters.answer(file, batch=3), parameters.answer("gpt-oss-20b", batch=3)
    for key in (
        "total",
        "active",
        "components",
        "bytes",
        "cache",
        "flops_per_token",
        "experts",
        "convention",
    ):
        assert found[key] == known[key]
    assert (found["name"], found["published"]) == ("config.json", None)


BAD = [
    (small("mixtral", num_experts_per_tok=5), "num_experts_per_tok must be at most num_local_experts = 4, got 5"),
    (small("deepseek_v3", num_experts_per_tok=5), "num_experts_per_tok must be at most n_routed_experts = 4"),
    (small("gpt_oss", num_local_experts=0), r"num_local_experts must be in \[1, "),
    (small("llama", hidden_size=6.0), "hidden_size must be a whole number, got 6.0"),
    (small("llama", hidden_size=True), "hidden_size must be a whole number, got True"),
    (small("llama", hidden_size="6"), "hidden_size must be a whole number, got '6'"),
    (small("llama", hidden_size=None), "hidden_size must be a whole number, got None"),
    (small("llama", num_hidden_layers=-1), r"num_hidden_layers must be in \[1, "),
    (small("llama", vocab_size=10**10), "vocab_size must be in .* got 10000000000"),
    (small("llama", num_key_value_heads=3), "num_key_value_heads must divide num_attention_heads = 4, got 3"),
    (small("llama", head_dim=None, hidden_size=7), "num_attention_heads must divide hidden_size = 7"),
    (small("llama", mlp_bias=1), "mlp_bias must be true or false, got 1"),
    (small("llama", num_local_experts=8), "num_local_experts must be left out: not a known key of llama"),
    (small("llama", num_expert=8, zzz=1), "num_expert, zzz must be left out"),
    (small("llama", dtype="float32"), "torch_dtype must be dtype = 'float32', got 'bfloat16'"),
    (small("llama", quantization_config=8), "quantization_config must be an object, got 8"),
    (small("gpt_oss", experts_per_token=3), "experts_per_token must be num_experts_per_tok = 2, got 3"),
    (small("gpt_oss", layer_types=["full_attention"]), "layer_types must be a list of num_hidden_layers = 3"),
    (small("gpt_oss", layer_types=["full"] * 3), "layer_types must be a list"),
    (small("gpt_oss", sliding_window=0), r"sliding_window must be in \[1, "),
    (small("gpt_oss", sliding_window=None), "sliding_window must be a whole number, got None"),
    (small("kimi_k2", num_key_value_heads=2), "num_key_value_heads must be num_attention_heads"),
    (small("kimi_k2", qk_head_dim=4), r"qk_head_dim must be qk_nope_head_dim \+ qk_rope_head_dim = 5, got 4"),
    (small("kimi_k2", first_k_dense_replace=4), "first_k_dense_replace must be at most num_hidden_layers = 3"),
    (small("kimi_k2", n_group=3), "n_group must divide n_routed_experts = 4, got 3"),
    (small("kimi_k2", topk_group=2), "topk_group must be at most n_group = 1, got 2"),
    (small("kimi_k2", n_group=4), "num_experts_per_tok must be at most the 1 experts of topk_group = 1 groups"),
    (small("kimi_k2", topk_method="best"), "topk_method must be noaux_tc"),
    (small("gpt2", n_head=4), "n_head must divide n_embd = 6, got 4"),
    (small("gpt2", n_ctx=5), "n_ctx must be n_positions = 9, got 5"),
    (small("bert"), "model_type must be one of llama, .*, got 'bert'"),
    ({"model_type": ["llama"]}, "model_type must be one of"),
    ({}, "model_type must be given"),
]  # fmt: skip


@pytest.mark.parametrize(("config", "rule"), BAD, ids=[str(number) for number in range(len(BAD))])
def test_bad_configs_are_refused(config: dict[str, Any], rule: str) -> None:
    with pytest.raises(ValueError, match=f"^{rule}"):
        parameters.architecture(config)


@pytest.mark.parametrize("key", ["hidden_size", "num_local_experts", "num_experts_per_tok", "vocab_size"])
def test_a_missing_key_is_named(key: str) -> None:
    config = small("mixtral")
    del config[key]
    with pytest.raises(ValueError, match=f"^{key} must be given"):
        parameters.architecture(config)


@pytest.mark.parametrize("family", ["mistral", "mixtral", "gpt_oss"])
def test_families_with_a_default_of_their_own_must_name_their_heads(family: str) -> None:
    """Eight key and value heads in transformers, however many queries there are."""
    config = small(family)
    del config["num_key_value_heads"]
    with pytest.raises(ValueError, match=r"^num_key_value_heads must be given"):
        parameters.architecture(config)


@pytest.mark.parametrize("family", ["gpt_oss", "deepseek_v3"])
def test_hostile_numbers_of_layers_take_no_memory(family: str) -> None:
    made = parameters.architecture(small(family, num_hidden_layers=10**9))
    assert (made.windowed, made.dense_layers) == ((5 * 10**8, 0) if family == "gpt_oss" else (0, 1))


def test_names_of_keys_cannot_write_to_a_terminal() -> None:
    with pytest.raises(ValueError, match=r"^'x\\x1b\[31m' must be left out") as caught:
        parameters.architecture(small("llama", **{"x\x1b[31m": 1}))
    assert str(caught.value).isprintable()


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        ('{"model_type": "llama", "model_type": "gpt2"}', "model_type must be given once"),
        ('{"model_type": NaN}', "numbers must be finite, got NaN"),
        ('{"model_type"', "Expecting"),
        ("[1]", "the file must hold one object, got list"),
        ("[" * 100_000, "RecursionError|maximum recursion"),
        ("\xff", ""),
        (" " * 2_000_000, "the file must be at most 1,048,576 bytes"),
    ],
)
def test_bad_files_are_refused(text: str, rule: str, tmp_path: Path) -> None:
    file = tmp_path / "c.json"
    file.write_bytes(text.encode("latin-1"))
    with pytest.raises(ValueError, match=f"^c.json: .*({rule})"):
        parameters.read_config(file)


@pytest.mark.parametrize(
    ("call", "error", "rule"),
    [
        (lambda: parameters.find("gpt-5"), ValueError, "NAME must be a .json file or one of kimi-k2, .*deepseek-r1"),
        (lambda: parameters.answer("none.json"), ValueError, "config must be an existing file"),
        (lambda: parameters.answer("llama-3-8b", context=0), ValueError, "context must be at least 1"),
        (lambda: parameters.answer("llama-3-8b", context=2.0), TypeError, "context must be an integer"),  # type: ignore[arg-type]
        (lambda: parameters.answer("gpt-3", context=2049), ValueError, "context must be at most the 2048 positions"),
        (lambda: parameters.answer("llama-3-8b", batch=0), ValueError, "batch must be at least 1"),
        (lambda: parameters.answer("llama-3-8b", bits=0), ValueError, "bits must be above 0"),
        (lambda: parameters.answer("llama-3-8b", bits=math.nan), ValueError, "bits must be above 0"),
        (lambda: parameters.answer("llama-3-8b", bits="8"), TypeError, "bits must be a number"),  # type: ignore[arg-type]
        (lambda: parameters.distinct_experts(4, 5, 1), ValueError, "active must be at most 4"),
        (lambda: parameters.Experts(4, 5, 3), ValueError, "active experts must be at most the 4 experts"),
        (lambda: parameters.Latent(1, 1, 0, 1), ValueError, "plain must be at least 1"),
        (lambda: parameters.Architecture(2, 4, 2, 2, 2, 9), ValueError, "dense_layers must be layers = 2"),
        (lambda: parameters.Architecture(2, 4, 3, 2, 2, 9), ValueError, "kv_heads must divide heads = 3"),
        (lambda: parameters.Architecture(2, 4, 2, 2, 2, 9, dense_layers=3), ValueError, "dense_layers must be at most"),
        (lambda: parameters.Architecture(2, 4, 2, 2, 2, 9, dense_layers=2), ValueError, "hidden must be at least 1"),
        (lambda: parameters.Architecture(2, 4, 2, 2, 2, 9, 8, 2, windowed=1), ValueError, "window must be given"),
        (lambda: parameters.Architecture(2, 4, 2, 2, 2, 9, 8, 2, windowed=3), ValueError, "windowed must be at most"),
        (lambda: parameters.Architecture(2, 4, 2, 2, 2, 9, 8, 2, norm="none"), ValueError, "norm must be one of"),
        (
            lambda: parameters.stored(parameters.parts(parameters.find("gpt-3").architecture), "int3"),
            ValueError, "storage must be a number of bits or one of",
        ),
        (lambda: parameters.architecture([1]), TypeError, "config must be an object"),  # type: ignore[arg-type]
    ],
)  # fmt: skip
def test_bad_arguments_are_refused(call: Any, error: type[Exception], rule: str) -> None:
    with pytest.raises(error, match=f"^{rule}"):
        call()


def test_the_files_say_where_they_are_from() -> None:
    for model in parameters.available().values():
        assert "arXiv:" in model.source and model.notes and model.publisher


# --- the command ---------------------------------------------------------------------------------------


def run(capsys: pytest.CaptureFixture[str], *words: Any) -> tuple[int, str, str]:
    code = 0
    try:
        cli.main(["params", *map(str, words)])
    except SystemExit as stop:
        code = int(stop.code or 0)
    shown = capsys.readouterr()
    return code, shown.out, shown.err


def test_the_command_writes_json(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    file = tmp_path / "p.json"
    code, out, _ = run(capsys, "mixtral-8x7b", "--json", file, "--batch", "2")
    assert code == 0
    found = json.loads(file.read_text(encoding="utf-8"))
    assert (found["total"], found["active"]) == GOLDEN["mixtral-8x7b"]
    assert found["experts"]["distinct"] == 3.5
    for shown in ("46,702,792,704", "12,879,925,248", "27.58 %", "3.50 of 8", "dense inside"):
        assert shown in out
    assert run(capsys, "mixtral-8x7b", "--json", "-", "--batch", "2")[1] == file.read_text(encoding="utf-8")


@pytest.mark.parametrize("name", list(GOLDEN))
def test_the_command_shows_every_model(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, error = run(capsys, name)
    assert (code, error) == (0, "")
    for number in GOLDEN[name]:
        assert f"{number:,}" in out
    assert "source: " in out


def test_without_a_name_all_are_listed(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")  # names are whole on a narrow screen too
    narrow = run(capsys)[1]
    monkeypatch.setenv("COLUMNS", "118")
    code, out, _ = run(capsys)
    assert code == 0
    for name in parameters.available():
        assert f" {name} " in narrow
        assert f" {name} " in out and f"{GOLDEN[name][0]:,}" in out
    models = json.loads(run(capsys, "--json", "-")[1])["models"]
    assert [model["name"] for model in models] == list(parameters.available())
    shares = [model["share"] for model in models]
    assert shares == sorted(shares)


def test_the_command_refuses(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    bad = tmp_path / "bad.json"
    bad.write_text(json.dumps(small("mixtral", num_experts_per_tok=9)), encoding="utf-8")
    for words, rule in (
        (("gpt-5",), "NAME must be"),
        ((bad,), "bad.json: num_experts_per_tok must be at most num_local_experts = 4, got 9"),
        (("gpt-3", "--context", "4096"), "context must be at most the 2048 positions"),
        (("llama-3-8b", "--bits", "-1"), "bits must be"),
        (("llama-3-8b", "--json", tmp_path / "no" / "x.json"), "json must be a file in an existing folder"),
    ):
        code, out, error = run(capsys, *words)
        assert (code, out, error.count("\n")) == (2, "", 1)
        assert rule in error


def test_sizes_have_prefixes() -> None:
    assert [size(x) for x in (0, 999, 1000, 2.5e15, 1e18)] == ["0 B", "999 B", "1 kB", "2.5 PB", "1000 PB"]


@pytest.mark.parametrize("name", [name for _, name, _ in pkgutil.iter_modules(parameters.__path__)])
def test_doctests(name: str) -> None:
    module = importlib.import_module(f"hdspike.sparsity.parameters.{name}")
    assert doctest.testmod(module).failed == 0
