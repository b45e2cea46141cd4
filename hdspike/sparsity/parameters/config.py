"""Reading a ``config.json`` as Hugging Face's transformers writes it: its keys → an :class:`Architecture`.

Every key must be known: one that changes no parameter is passed over, one that is unknown, missing, of the wrong type
or at odds with another is refused by name, because a guess would be a wrong count. Families, by ``model_type``:

``llama``, ``mistral``        dense, RMS norms, gated, grouped queries
``mixtral``                   the same with experts in every block
``gpt_oss``                   experts, biases, attention sinks, a window in every other block
``deepseek_v3``, ``kimi_k2``  latent attention, routed and shared experts after the leading dense blocks
``gpt2``                      dense, layer norms, biases, learnt positions (GPT-2 and GPT-3)
"""

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from hdspike.sparsity.parameters.architecture import LARGEST, Architecture, Experts, Latent

__all__ = ["FAMILIES", "architecture", "convention", "read_config"]

LARGEST_FILE = 1024 * 1024
PASSED = frozenset({
    "_name_or_path", "activation_function", "architectures", "attention_dropout", "attn_pdrop", "auto_map",
    "aux_loss_alpha", "bos_token_id", "chunk_size_feed_forward", "do_sample", "embd_pdrop", "eos_token_id",
    "ep_size", "gradient_checkpointing", "hidden_act", "id2label", "initial_context_length",
    "initializer_range", "label2id", "layer_norm_epsilon", "max_length", "max_position_embeddings",
    "norm_topk_prob", "original_max_position_embeddings", "output_attentions", "output_hidden_states",
    "output_router_logits", "pad_token_id", "pretraining_tp", "reorder_and_upcast_attn", "resid_pdrop",
    "return_dict", "rms_norm_eps", "rope_interleave", "rope_parameters", "rope_scaling", "rope_theta",
    "routed_scaling_factor", "router_aux_loss_coef", "router_jitter_noise",
    "scale_attn_by_inverse_layer_idx", "scale_attn_weights", "scoring_func", "seq_aux",
    "summary_activation", "summary_first_dropout", "summary_proj_to_labels", "summary_type",
    "summary_use_proj", "swiglu_limit", "task_specific_params", "transformers_version", "unsloth_fixed",
    "unsloth_version", "use_cache", "use_return_dict",
})  # fmt: skip
"""Keys that change no parameter."""
DTYPES = {"bfloat16": "bf16", "float16": "fp16", "float32": "fp32"}
NEEDED: Any = object()


class _Keys:
    """The keys of one config, each asked for once, with its type and rule."""

    def __init__(self, given: Mapping[str, Any]) -> None:
        self.given, self.asked = given, set(PASSED)

    def get(self, key: str, default: Any = NEEDED) -> Any:
        self.asked.add(key)
        if key in self.given:
            return self.given[key]
        if default is NEEDED:
            raise ValueError(f"{key} must be given, got no such key")
        return default

    def whole(self, key: str, default: Any = NEEDED, *, low: int = 1) -> int:
        """A whole number; ``null`` is a missing key."""
        value = self.get(key, default)
        if value is None and default is not NEEDED:
            value = default
        if isinstance(value, bool) or not isinstance(value, int):
            raise ValueError(f"{key} must be a whole number, got {value!r}")
        if not low <= value <= LARGEST:
            raise ValueError(f"{key} must be in [{low}, {LARGEST:,}], got {value}")
        return value

    def flag(self, key: str, default: bool) -> bool:
        value = self.get(key, default)
        if not isinstance(value, bool):
            raise ValueError(f"{key} must be true or false, got {value!r}")
        return value

    def same(self, key: str, expected: int, meaning: str) -> None:
        """If ``key`` is given, it must say what others say already."""
        value = self.get(key, None)
        if value is not None and value != expected:
            raise ValueError(f"{key} must be {meaning} = {expected}, got {value!r}")

    def no_others(self, family: str) -> None:
        unknown = sorted(set(self.given) - self.asked)
        if unknown:
            named = ", ".join(key if key.isprintable() else ascii(key) for key in unknown)
            raise ValueError(
                f"{named[:200]} must be left out: not a known key of {family}; does it change a tensor?"
            )


def _storage(keys: _Keys) -> str:
    """The publisher's format, from the data type and the quantisation; empty where it is none that is known here."""
    given = [keys.get("torch_dtype", None), keys.get("dtype", None)]
    named = {value for value in given if value is not None}
    if len(named) > 1:
        raise ValueError(f"torch_dtype must be dtype = {given[1]!r}, got {given[0]!r}")
    plain = DTYPES.get(str(named.pop()), "") if named else ""
    scheme = keys.get("quantization_config", None)
    if scheme is None:
        return plain
    if not isinstance(scheme, dict):
        raise ValueError(f"quantization_config must be an object, got {scheme!r}")
    method = scheme.get("quant_method")
    if method == "mxfp4" or (method == "fp8" and scheme.get("weight_block_size") == [128, 128]):
        return str(method)
    return ""


def _common(keys: _Keys) -> dict[str, Any]:
    """What all families but GPT-2 share."""
    heads = keys.whole("num_attention_heads")
    dim = keys.whole("hidden_size")
    return {
        "layers": keys.whole("num_hidden_layers"),
        "dim": dim,
        "heads": heads,
        "vocabulary": keys.whole("vocab_size"),
        "tied": keys.flag("tie_word_embeddings", False),
        "storage": _storage(keys),
    }


def _grouped(keys: _Keys, common: dict[str, Any], *needed: str) -> dict[str, Any]:
    """Query, key and value heads; ``needed`` keys, left out, would mean a number of the family's own."""
    for key in needed:
        keys.get(key)
    heads, dim = common["heads"], common["dim"]
    groups = keys.whole("num_key_value_heads", heads)
    if heads % groups:
        raise ValueError(f"num_key_value_heads must divide num_attention_heads = {heads}, got {groups}")
    if keys.get("head_dim", None) is None and dim % heads:
        raise ValueError(
            f"num_attention_heads must divide hidden_size = {dim} where head_dim is not given, got {heads}"
        )
    return common | {"kv_heads": groups, "head_dim": keys.whole("head_dim", dim // heads)}


def _experts(keys: _Keys, count: str) -> tuple[int, int]:
    """How many there are by the key ``count``, and how many a token passes."""
    experts, active = keys.whole(count), keys.whole("num_experts_per_tok")
    if active > experts:
        raise ValueError(f"num_experts_per_tok must be at most {count} = {experts}, got {active}")
    return experts, active


def _window(keys: _Keys, layers: int) -> dict[str, Any]:
    """A window that all layers have, or none."""
    span = keys.whole("sliding_window", 0, low=0)
    return {"window": span, "windowed": layers if span else 0}


def _llama(keys: _Keys) -> Architecture:
    shape = _grouped(keys, _common(keys))
    return Architecture(
        **shape,
        dense_layers=shape["layers"],
        hidden=keys.whole("intermediate_size"),
        attention_bias=keys.flag("attention_bias", False),
        hidden_bias=keys.flag("mlp_bias", False),
    )


def _mistral(keys: _Keys) -> Architecture:
    shape = _grouped(keys, _common(keys), "num_key_value_heads")
    return Architecture(
        **shape,
        **_window(keys, shape["layers"]),
        dense_layers=shape["layers"],
        hidden=keys.whole("intermediate_size"),
    )


def _mixtral(keys: _Keys) -> Architecture:
    shape = _grouped(keys, _common(keys), "num_key_value_heads")
    experts, active = _experts(keys, "num_local_experts")
    mixture = Experts(experts, active, keys.whole("intermediate_size"))
    return Architecture(**shape, **_window(keys, shape["layers"]), experts=mixture)


def _gpt_oss(keys: _Keys) -> Architecture:
    shape = _grouped(keys, _common(keys), "num_key_value_heads", "head_dim")
    experts, active = _experts(keys, "num_local_experts")
    keys.same("experts_per_token", active, "num_experts_per_tok")
    layers = shape["layers"]
    kinds = ("sliding_attention", "full_attention")
    each = keys.get("layer_types", None)
    if each is not None and (
        not isinstance(each, list) or len(each) != layers or not all(kind in kinds for kind in each)
    ):
        raise ValueError(
            f"layer_types must be a list of num_hidden_layers = {layers} of {' or '.join(kinds)}, got {str(each)[:60]}"
        )
    windowed = (layers + 1) // 2 if each is None else each.count(kinds[0])
    span = keys.whole("sliding_window", *(() if windowed else (0,)), low=1 if windowed else 0)
    return Architecture(
        **shape,
        experts=Experts(experts, active, keys.whole("intermediate_size"), router_bias=True),
        attention_bias=keys.flag("attention_bias", True),
        hidden_bias=True,
        sinks=True,
        window=span if windowed else 0,
        windowed=windowed,
    )


def _deepseek(keys: _Keys) -> Architecture:
    shape = _common(keys)
    layers, heads = shape["layers"], shape["heads"]
    keys.same("num_key_value_heads", heads, "num_attention_heads (all share the latent)")
    experts, active = _experts(keys, "n_routed_experts")
    groups, chosen = keys.whole("n_group", 1), keys.whole("topk_group", 1)
    if experts % groups:
        raise ValueError(f"n_group must divide n_routed_experts = {experts}, got {groups}")
    if chosen > groups:
        raise ValueError(f"topk_group must be at most n_group = {groups}, got {chosen}")
    if active > chosen * (experts // groups):
        raise ValueError(
            f"num_experts_per_tok must be at most the {chosen * (experts // groups)} experts of topk_group = {chosen} "
            f"groups, got {active}"
        )
    method = keys.get("topk_method", "noaux_tc")
    if method not in ("noaux_tc", "greedy", "group_limited_greedy"):
        raise ValueError(f"topk_method must be noaux_tc, greedy or group_limited_greedy, got {method!r}")
    first, every = keys.whole("first_k_dense_replace", low=0), keys.whole("moe_layer_freq", 1)
    sparse = len(
        range(-(-first // every) * every, layers, every)
    )  # of the layers from `first` on, every `every`-th
    latent = Latent(
        rank=keys.whole("kv_lora_rank"),
        rope=keys.whole("qk_rope_head_dim"),
        plain=keys.whole("qk_nope_head_dim"),
        value=keys.whole("v_head_dim"),
        query_rank=keys.whole("q_lora_rank", 0, low=0),
    )
    keys.same("qk_head_dim", latent.plain + latent.rope, "qk_nope_head_dim + qk_rope_head_dim")
    keys.get("head_dim", None)  # the rotated entries, in later files
    if first > layers:
        raise ValueError(f"first_k_dense_replace must be at most num_hidden_layers = {layers}, got {first}")
    mixture = Experts(
        experts,
        active,
        keys.whole("moe_intermediate_size"),
        shared=keys.whole("n_shared_experts", 0, low=0),
        correction=method == "noaux_tc",
    )
    return Architecture(
        **shape,
        kv_heads=heads,
        head_dim=latent.value,
        hidden=keys.whole("intermediate_size"),
        dense_layers=layers - sparse,
        experts=mixture,
        latent=latent,
        attention_bias=keys.flag("attention_bias", False),
        prediction_layers=keys.whole("num_nextn_predict_layers", 0, low=0),
    )


def _gpt2(keys: _Keys) -> Architecture:
    dim, heads, layers = keys.whole("n_embd"), keys.whole("n_head"), keys.whole("n_layer")
    if dim % heads:
        raise ValueError(f"n_head must divide n_embd = {dim}, got {heads}")
    positions = keys.whole("n_positions")
    keys.same("n_ctx", positions, "n_positions")
    return Architecture(
        layers=layers,
        dim=dim,
        heads=heads,
        kv_heads=heads,
        head_dim=dim // heads,
        vocabulary=keys.whole("vocab_size"),
        hidden=keys.whole("n_inner", 4 * dim),
        dense_layers=layers,
        gated=False,
        tied=keys.flag("tie_word_embeddings", True),
        positions=positions,
        norm="layer",
        attention_bias=True,
        hidden_bias=True,
        storage=_storage(keys),
    )


FAMILIES: dict[str, Callable[[_Keys], Architecture]] = {
    "llama": _llama,
    "mistral": _mistral,
    "mixtral": _mixtral,
    "gpt_oss": _gpt_oss,
    "deepseek_v3": _deepseek,
    "kimi_k2": _deepseek,
    "gpt2": _gpt2,
}


def convention(model_type: str) -> str:
    """How the publisher of this family counts active parameters (:data:`CONVENTIONS`)."""
    return "head" if model_type == "gpt_oss" else "tables"


def architecture(config: Mapping[str, Any]) -> Architecture:
    """The architecture that the keys of a config describe.

    Raises:
        ValueError: an unknown family or key, a missing key, a value that is no whole number, fewer experts than a token
            passes, keys that contradict one another.
    """
    if not isinstance(config, Mapping):
        raise TypeError(f"config must be an object with keys, not {type(config).__name__}")
    keys = _Keys(config)
    family = keys.get("model_type")
    if not isinstance(family, str) or family not in FAMILIES:
        raise ValueError(f"model_type must be one of {', '.join(FAMILIES)}, got {family!r}")
    made = FAMILIES[family](keys)
    keys.no_others(family)
    return made


def read_config(path: str | Path) -> tuple[str, Architecture]:
    """The model type and the architecture of a ``config.json``; errors begin with the file's name."""
    file = Path(path)
    if not file.is_file():
        raise ValueError(f"config must be an existing file, got {str(path)!r}")
    with file.open("rb") as stream:
        data = stream.read(LARGEST_FILE + 1)
    if len(data) > LARGEST_FILE:
        raise ValueError(f"{file.name}: the file must be at most {LARGEST_FILE:,} bytes, got more")
    try:
        config = json.loads(data.decode("utf-8"), object_pairs_hook=_once, parse_constant=_finite)
        if not isinstance(config, dict):
            raise ValueError(f"the file must hold one object, got {type(config).__name__}")
        return str(config.get("model_type")), architecture(config)
    except (ValueError, RecursionError) as error:
        raise ValueError(f"{file.name}: {error or type(error).__name__}") from error


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """An object whose keys differ."""
    made = dict(pairs)
    if len(made) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise ValueError(f"{twice} must be given once, got it twice")
    return made


def _finite(word: str) -> float:
    raise ValueError(f"numbers must be finite, got {word}")
