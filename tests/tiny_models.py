"""Tiny random models as files: a Llama-family GGUF and a BERT folder, so that tests need nothing fetched."""

import json

import numpy as np

LLAMA = {"layers": 2, "dim": 32, "hidden": 64, "heads": 4, "key_heads": 2, "epsilon": 1e-5, "base": 10_000.0}
MERGES = ("t h", "th e", "Ġ the")
END = "<|end|>"
BERT = {"layers": 2, "dim": 16, "hidden": 32, "heads": 4, "epsilon": 1e-12}
WORDS = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "a", "cat", "dog", "sat", "##s", ".")


def vocabulary():
    """256 bytes in GGUF's way of writing them, what the merges make, and a control token."""
    from tokenizers import pre_tokenizers

    return [*sorted(pre_tokenizers.ByteLevel.alphabet()), *("".join(m.split()) for m in MERGES), END]


def llama_weights(rng, *, own_readout=False, factors=False, tokens=260):
    """Tensors by their GGUF names."""
    size = LLAMA
    dim, hidden = size["dim"], size["hidden"]
    narrow = dim // size["heads"] * size["key_heads"]
    shapes = {"token_embd.weight": (tokens, dim), "output_norm.weight": (dim,)}
    for i in range(size["layers"]):
        shapes |= {
            f"blk.{i}.{name}.weight": shape
            for name, shape in {
                "attn_norm": (dim,), "attn_q": (dim, dim), "attn_k": (narrow, dim), "attn_v": (narrow, dim),
                "attn_output": (dim, dim), "ffn_norm": (dim,), "ffn_gate": (hidden, dim), "ffn_up": (hidden, dim),
                "ffn_down": (dim, hidden),
            }.items()
        }  # fmt: skip
    if own_readout:
        shapes["output.weight"] = (tokens, dim)
    out = {name: (rng.normal(size=shape) * 0.3).astype(np.float32) for name, shape in shapes.items()}
    for name in out:
        if "norm" in name:
            out[name] += 1
    if factors:
        out["rope_freqs.weight"] = np.linspace(1, 8, dim // size["heads"] // 2, dtype=np.float32)
    return out


def write_llama(
    path, weights, *, family="llama", kinds=None, changed=None, pre="smollm", bos=False, merges=MERGES
):
    """A GGUF file; ``changed`` replaces or (with None) leaves out metadata, ``kinds`` quantises tensors by name."""
    import gguf

    writer = gguf.GGUFWriter(str(path), family)
    metadata = {
        "llama.block_count": LLAMA["layers"],
        "llama.context_length": 64,
        "llama.embedding_length": LLAMA["dim"],
        "llama.feed_forward_length": LLAMA["hidden"],
        "llama.attention.head_count": LLAMA["heads"],
        "llama.attention.head_count_kv": LLAMA["key_heads"],
        "llama.attention.layer_norm_rms_epsilon": LLAMA["epsilon"],
        "llama.rope.freq_base": LLAMA["base"],
        "tokenizer.ggml.model": "gpt2",
        "tokenizer.ggml.pre": pre,
        "tokenizer.ggml.tokens": vocabulary(),
        "tokenizer.ggml.merges": list(merges),
        "tokenizer.ggml.token_type": [1] * 259 + [3],
        "tokenizer.ggml.add_bos_token": bos,
        "tokenizer.ggml.bos_token_id": 259,
    } | (changed or {})
    for key, value in metadata.items():
        if key == "general.alignment":
            writer.add_custom_alignment(value)
        elif isinstance(value, bool):
            writer.add_bool(key, value)
        elif isinstance(value, int):
            writer.add_uint32(key, value)
        elif isinstance(value, float):
            writer.add_float32(key, value)
        elif isinstance(value, str):
            writer.add_string(key, value)
        elif value is not None:
            writer.add_array(key, value)
    for name, tensor in weights.items():
        kind = (kinds or {}).get(name)
        if kind is None:
            writer.add_tensor(name, tensor)
        else:
            writer.add_tensor(name, gguf.quants.quantize(tensor, kind), raw_dtype=kind)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


def bert_weights(rng):
    """Tensors by their names."""
    dim, hidden = BERT["dim"], BERT["hidden"]
    e = "embeddings"
    shapes = {
        f"{e}.word_embeddings.weight": (len(WORDS), dim),
        f"{e}.position_embeddings.weight": (12, dim),
        f"{e}.token_type_embeddings.weight": (2, dim),
        f"{e}.LayerNorm.weight": (dim,),
        f"{e}.LayerNorm.bias": (dim,),
    }
    for i in range(BERT["layers"]):
        p = f"encoder.layer.{i}"
        for name, shape in {
            "attention.self.query": (dim, dim), "attention.self.key": (dim, dim), "attention.self.value": (dim, dim),
            "attention.output.dense": (dim, dim), "attention.output.LayerNorm": (dim,),
            "intermediate.dense": (hidden, dim), "output.dense": (dim, hidden), "output.LayerNorm": (dim,),
        }.items():  # fmt: skip
            shapes |= {f"{p}.{name}.weight": shape, f"{p}.{name}.bias": shape[:1]}
    return {name: (rng.normal(size=shape) * 0.5).astype(np.float32) for name, shape in shapes.items()}


def config(**changed):
    return {
        "model_type": "bert", "hidden_act": "gelu", "num_hidden_layers": BERT["layers"], "hidden_size": BERT["dim"],
        "intermediate_size": BERT["hidden"], "num_attention_heads": BERT["heads"], "max_position_embeddings": 12,
        "type_vocab_size": 2, "vocab_size": len(WORDS), "layer_norm_eps": BERT["epsilon"],
    } | changed  # fmt: skip


def write_bert(folder, weights, **changed):
    """``config.json`` (``changed`` replaces entries), ``model.safetensors`` and ``tokenizer.json`` in ``folder``."""
    from safetensors.numpy import save_file
    from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors

    tokenizer = Tokenizer(models.WordPiece({word: i for i, word in enumerate(WORDS)}, unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer()
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", special_tokens=[("[CLS]", 2), ("[SEP]", 3)]
    )
    tokenizer.enable_padding(length=9)  # which must not come into the mean
    folder.mkdir(exist_ok=True)
    tokenizer.save(str(folder / "tokenizer.json"))
    save_file(weights, str(folder / "model.safetensors"))
    (folder / "config.json").write_text(json.dumps(config(**changed)), encoding="utf-8")
    return folder
