"""Every tensor of a language model, one by one, by the names and shapes that its published checkpoint has.

From the bare keys of a config.json, without looking at the package's own idea of an architecture.
"""

from collections import deque
from itertools import combinations, product
from math import ceil, prod


def tensors(config):
    """[(name, shape)] of all parameters, the experts one by one."""
    return {
        "llama": llama,
        "mistral": llama,
        "mixtral": mixtral,
        "gpt_oss": gpt_oss,
        "deepseek_v3": deepseek,
        "kimi_k2": deepseek,
        "gpt2": gpt2,
    }[config["model_type"]](config)


def ends(c):
    d, v = c["hidden_size"], c["vocab_size"]
    held = [("model.embed_tokens.weight", (v, d)), ("model.norm.weight", (d,))]
    if not c.get("tie_word_embeddings", False):
        held.append(("lm_head.weight", (v, d)))
    return held


def grouped(c, i, bias):
    d, h, g = c["hidden_size"], c["num_attention_heads"], c["num_key_value_heads"]
    a = c.get("head_dim") or d // h
    at = f"model.layers.{i}"
    held = [(f"{at}.input_layernorm.weight", (d,)), (f"{at}.post_attention_layernorm.weight", (d,))]
    for name, out, into in (("q", h * a, d), ("k", g * a, d), ("v", g * a, d), ("o", d, h * a)):
        held.append((f"{at}.self_attn.{name}_proj.weight", (out, into)))
        if bias:
            held.append((f"{at}.self_attn.{name}_proj.bias", (out,)))
    return held


def swiglu(at, d, f, bias=False):
    held = []
    for name, out, into in (("gate", f, d), ("up", f, d), ("down", d, f)):
        held.append((f"{at}.{name}_proj.weight", (out, into)))
        if bias:
            held.append((f"{at}.{name}_proj.bias", (out,)))
    return held


def llama(c):
    held = ends(c)
    for i in range(c["num_hidden_layers"]):
        held += grouped(c, i, c.get("attention_bias", False))
        held += swiglu(
            f"model.layers.{i}.mlp", c["hidden_size"], c["intermediate_size"], c.get("mlp_bias", False)
        )
    return held


def mixtral(c):
    d, f = c["hidden_size"], c["intermediate_size"]
    held = ends(c)
    for i in range(c["num_hidden_layers"]):
        at = f"model.layers.{i}.block_sparse_moe"
        held += grouped(c, i, False)
        held.append((f"{at}.gate.weight", (c["num_local_experts"], d)))
        for e in range(c["num_local_experts"]):
            held.append((f"{at}.experts.{e}.w1.weight", (f, d)))
            held.append((f"{at}.experts.{e}.w2.weight", (d, f)))
            held.append((f"{at}.experts.{e}.w3.weight", (f, d)))
    return held


def gpt_oss(c):
    """The checkpoint has one tensor for all experts; here each expert's slice of it."""
    d, f = c["hidden_size"], c["intermediate_size"]
    held = ends(c)
    for i in range(c["num_hidden_layers"]):
        held += grouped(c, i, c.get("attention_bias", True))
        held.append((f"model.layers.{i}.self_attn.sinks", (c["num_attention_heads"],)))
        at = f"model.layers.{i}.mlp"
        held.append((f"{at}.router.weight", (c["num_local_experts"], d)))
        held.append((f"{at}.router.bias", (c["num_local_experts"],)))
        for e in range(c["num_local_experts"]):
            held.append((f"{at}.experts.{e}.gate_up_proj", (2 * f, d)))
            held.append((f"{at}.experts.{e}.gate_up_proj_bias", (2 * f,)))
            held.append((f"{at}.experts.{e}.down_proj", (d, f)))
            held.append((f"{at}.experts.{e}.down_proj_bias", (d,)))
    return held


def latent(c, i):
    d, h, bias = c["hidden_size"], c["num_attention_heads"], c.get("attention_bias", False)
    key = c["qk_nope_head_dim"] + c["qk_rope_head_dim"]
    rank, value, query = c["kv_lora_rank"], c["v_head_dim"], c.get("q_lora_rank")
    at = f"model.layers.{i}.self_attn"
    held = [
        (f"model.layers.{i}.input_layernorm.weight", (d,)),
        (f"model.layers.{i}.post_attention_layernorm.weight", (d,)),
        (f"{at}.kv_a_proj_with_mqa.weight", (rank + c["qk_rope_head_dim"], d)),
        (f"{at}.kv_a_layernorm.weight", (rank,)),
        (f"{at}.kv_b_proj.weight", (h * (c["qk_nope_head_dim"] + value), rank)),
        (f"{at}.o_proj.weight", (d, h * value)),
    ]
    if query:
        held.append((f"{at}.q_a_proj.weight", (query, d)))
        held.append((f"{at}.q_a_layernorm.weight", (query,)))
        held.append((f"{at}.q_b_proj.weight", (h * key, query)))
    else:
        held.append((f"{at}.q_proj.weight", (h * key, d)))
    if bias:
        held.append((f"{at}.kv_a_proj_with_mqa.bias", (rank + c["qk_rope_head_dim"],)))
        held.append((f"{at}.o_proj.bias", (d,)))
        if query:
            held.append((f"{at}.q_a_proj.bias", (query,)))
    return held


def deepseek(c):
    held = ends(c)
    for i in range(c["num_hidden_layers"]):
        held += deepseek_block(c, i)
    return held


def deepseek_block(c, i):
    d, f = c["hidden_size"], c["moe_intermediate_size"]
    at = f"model.layers.{i}.mlp"
    held = latent(c, i)
    if i < c["first_k_dense_replace"] or i % c.get("moe_layer_freq", 1):
        return held + swiglu(at, d, c["intermediate_size"])
    held.append((f"{at}.gate.weight", (c["n_routed_experts"], d)))
    if c.get("topk_method", "noaux_tc") == "noaux_tc":
        held.append((f"{at}.gate.e_score_correction_bias", (c["n_routed_experts"],)))
    for e in range(c["n_routed_experts"]):
        held += swiglu(f"{at}.experts.{e}", d, f)
    if c.get("n_shared_experts"):
        held += swiglu(f"{at}.shared_experts", d, f * c["n_shared_experts"])
    return held


def prediction_module(c):
    """What `num_nextn_predict_layers` adds, the shared tables apart (every block there has experts)."""
    held = []
    for j in range(c.get("num_nextn_predict_layers", 0)):
        i = c["num_hidden_layers"] + j
        as_sparse = {**c, "first_k_dense_replace": 0, "moe_layer_freq": 1}
        held += deepseek_block(as_sparse, i)
        at, d = f"model.layers.{i}", c["hidden_size"]
        held.append((f"{at}.eh_proj.weight", (d, 2 * d)))
        held += [(f"{at}.{name}.weight", (d,)) for name in ("enorm", "hnorm", "shared_head.norm")]
    return held


def gpt2(c):
    d, f = c["n_embd"], c.get("n_inner") or 4 * c["n_embd"]
    held = [("wte.weight", (c["vocab_size"], d)), ("wpe.weight", (c["n_positions"], d))]
    held += [("ln_f.weight", (d,)), ("ln_f.bias", (d,))]
    if not c.get("tie_word_embeddings", True):
        held.append(("lm_head.weight", (c["vocab_size"], d)))
    for i in range(c["n_layer"]):
        for norm in ("ln_1", "ln_2"):
            held += [(f"h.{i}.{norm}.weight", (d,)), (f"h.{i}.{norm}.bias", (d,))]
        for name, into, out in (
            ("attn.c_attn", d, 3 * d),
            ("attn.c_proj", d, d),
            ("mlp.c_fc", d, f),
            ("mlp.c_proj", f, d),
        ):
            held += [(f"h.{i}.{name}.weight", (into, out)), (f"h.{i}.{name}.bias", (out,))]
    return held


def expert_of(name):
    """The number of the routed expert that a tensor belongs to; None: to none."""
    words = name.split(".")
    return int(words[words.index("experts") + 1]) if "experts" in words else None


def layer_of(name):
    words = name.split(".")
    return int(words[words.index("layers") + 1]) if "layers" in words else None


def is_table(name, tied):
    """Is only one row of it looked up?"""
    return name == "wpe.weight" or (name in ("model.embed_tokens.weight", "wte.weight") and not tied)


def is_tied(config):
    return config.get("tie_word_embeddings", config["model_type"] == "gpt2")


def total(config):
    return sum(prod(shape) for _, shape in tensors(config))


def active(config, convention):
    """A token passes the experts 0 … k − 1 of every layer: which ones does not matter, they are alike."""
    passed = 0
    for name, shape in tensors(config):
        expert = expert_of(name)
        if expert is not None and expert >= config["num_experts_per_tok"]:
            continue
        if is_table(name, is_tied(config)) and convention != "tables":
            passed += {"head": 0, "row": shape[1]}[convention]
        else:
            passed += prod(shape)
    return passed


def tensor_bytes(config, name, shape):
    """Bytes of one tensor in the checkpoint, its scales included."""
    method = config.get("quantization_config", {}).get("quant_method")
    if method is None:
        return {"bfloat16": 2, "float16": 2, "float32": 4}[config["torch_dtype"]] * prod(shape)
    if name.endswith("e_score_correction_bias") and method == "fp8":
        return 4 * prod(shape)
    if method == "mxfp4" and expert_of(name) is not None and not name.endswith("_bias"):
        blocks = ceil(shape[1] / 32)  # 16 bytes of numbers and one of a scale, for 32 numbers
        assert shape[1] % 32 == 0
        return shape[0] * blocks * 17
    if (
        method == "fp8"
        and (".self_attn." in name or ".mlp." in name)
        and len(shape) == 2
        and ".gate." not in name
    ):
        return prod(shape) + 4 * ceil(shape[0] / 128) * ceil(shape[1] / 128)
    return 2 * prod(shape)


def stored(config):
    return sum(tensor_bytes(config, name, shape) for name, shape in tensors(config))


def choices(experts, active, batch):
    """Every way in which ``batch`` tokens may choose ``active`` experts each."""
    return product(combinations(range(experts), active), repeat=batch)


def distinct(experts, active, batch):
    """Experts chosen by somebody, the mean over all ways."""
    sizes = [len(set().union(*chosen)) for chosen in choices(experts, active, batch)]
    return sum(sizes) / len(sizes)


def loaded(config, batch):
    """Bytes of weights that a step reads, the mean over all ways to choose."""
    experts = config.get("num_local_experts", config.get("n_routed_experts"))
    read = 0.0
    for name, shape in tensors(config):
        whole = tensor_bytes(config, name, shape)
        expert = expert_of(name)
        if is_table(name, is_tied(config)):
            read += whole * min(batch, shape[0]) / shape[0]
        elif expert is None:
            read += whole
        else:
            ways = list(choices(experts, config["num_experts_per_tok"], batch))
            read += whole * sum(any(expert in one for one in way) for way in ways) / len(ways)
    return read


def cached(config, context):
    """Numbers in the cache after ``context`` tokens, written one by one into every layer."""
    layers = config.get("num_hidden_layers", config.get("n_layer"))
    heads = config.get("num_attention_heads", config.get("n_head"))
    held = [deque(maxlen=span) for span in spans(config, layers)]
    for _ in range(context):
        for kept in held:
            if "kv_lora_rank" in config:
                kept.append(config["kv_lora_rank"] + config["qk_rope_head_dim"])
            elif "n_embd" in config:
                kept.append(2 * config["n_embd"])
            else:
                a = config.get("head_dim") or config["hidden_size"] // heads
                kept.append(2 * config["num_key_value_heads"] * a)
    return sum(sum(kept) for kept in held)


def spans(config, layers):
    """How far back each layer looks; None: to the beginning."""
    window = config.get("sliding_window")
    if config["model_type"] == "gpt_oss":
        kinds = config.get("layer_types") or ["sliding_attention", "full_attention"] * layers
        return [window if kind == "sliding_attention" else None for kind in kinds[:layers]]
    return [window or None] * layers


def multiplied(config):
    """Multiply-accumulates of one token with weights: every entry of every matrix that it passes."""
    done = 0
    for name, shape in tensors(config):
        expert = expert_of(name)
        skipped = expert is not None and expert >= config["num_experts_per_tok"]
        if len(shape) == 2 and not skipped and not is_table(name, is_tied(config)):
            done += prod(shape)
    return done


def attended(config, context):
    """Multiply-accumulates of the newest of ``context`` tokens with the cache, key by key."""
    layers = config.get("num_hidden_layers", config.get("n_layer"))
    heads = config.get("num_attention_heads", config.get("n_head"))
    done = 0
    for span in spans(config, layers):
        for _head in range(heads):
            for key in range(context):
                if span is not None and context - key > span:
                    continue
                if "kv_lora_rank" in config:
                    done += config["kv_lora_rank"] + config["qk_rope_head_dim"]  # the score
                    done += config["kv_lora_rank"]  # the weighted sum
                else:
                    width = config.get("hidden_size", config.get("n_embd"))
                    done += 2 * (config.get("head_dim") or width // heads)
    return done
