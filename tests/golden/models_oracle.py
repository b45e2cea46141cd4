"""What the package ``transformers`` makes of the fetched models: tokens, logits, losses, embeddings → ``models.json``.

Run: ``python -m tests.golden.models_oracle [FILE]`` with ``transformers<5``, ``torch``, ``accelerate``, ``gguf`` and
``safetensors`` installed and ``hdspike data fetch smollm2 minilm`` done. ``LlamaForCausalLM`` reads the same GGUF file:
it undoes the permutation of Q and K and turns halves, hdspike leaves it and turns adjacent pairs. Both run in float32.
"""

import json
import os
import sys
from pathlib import Path
from typing import Any

import numpy as np

TEXT = (
    "A city council met on the 14th of March 1961 to hear of 2,300 new houses. The mayor said that nobody had asked "
    'the people who live there.\nOne of them, Anna Bell, stood up: "We don\'t want a road here; we want a school!" '
    "It was past nine o'clock (21:07) when the vote was taken -- 7 to 5.\n\tNaïve façades cost €40, she wrote. "
)
SENTENCES = (
    "A man is playing the guitar.",
    "Someone plays an instrument.",
    "The stock market fell by 3.2% on Friday.",
    "Café Müller's re-opening isn't until tomorrow!",
    "",
    "word " * 300,
)
SHOWN = (0, 5, -1)  # positions whose logits are kept
NUMBERS = slice(0, 49_152, 4_001)


def folder(name: str) -> Path:
    """Where hdspike keeps a fetched set."""
    from hdspike import datasets

    return datasets.path(name)


def llama(path: Path) -> dict[str, Any]:
    """Tokens of the text, a few logits, and every loss of it."""
    import torch
    from transformers import AutoTokenizer, LlamaForCausalLM

    kept = {"pretrained_model_name_or_path": str(path.parent), "gguf_file": path.name}
    tokenizer = AutoTokenizer.from_pretrained(**kept)
    model = LlamaForCausalLM.from_pretrained(**kept, dtype=torch.float32, attn_implementation="eager").eval()
    ids = tokenizer(TEXT, add_special_tokens=False, return_tensors="pt").input_ids
    chat = tokenizer("<|im_start|>user\nHi 42<|im_end|>\n", add_special_tokens=False).input_ids
    with torch.no_grad():
        logits = model(ids).logits[0].double()
        follow = model.generate(ids[:, :40], max_new_tokens=12, do_sample=False, eos_token_id=-1)[0, 40:]
    losses = torch.nn.functional.cross_entropy(logits[:-1], ids[0, 1:], reduction="none")
    return {
        "tokens": ids[0].tolist(),
        "chat": chat,
        "logits": np.round(logits[list(SHOWN), NUMBERS].numpy(), 5).tolist(),
        "losses": np.round(losses.numpy(), 5).tolist(),
        "greedy": follow.tolist(),
    }


def bert(path: Path) -> dict[str, Any]:
    """Tokens of each sentence, and its embedding: mean pooling over the mask, unit length, as sentence-transformers."""
    import torch
    from transformers import BertModel, BertTokenizerFast

    tokenizer = BertTokenizerFast(tokenizer_file=str(path / "tokenizer.json"))
    model = BertModel.from_pretrained(str(path), dtype=torch.float32, attn_implementation="eager").eval()
    batch = tokenizer(
        list(SENTENCES), padding="longest", truncation=True, max_length=256, return_tensors="pt"
    )
    with torch.no_grad():
        states = model(**batch).last_hidden_state
    mask = batch.attention_mask[..., None].float()
    mean = torch.nn.functional.normalize((states * mask).sum(1) / mask.sum(1))
    return {
        "tokens": [
            row[keep.bool()].tolist() for row, keep in zip(batch.input_ids, batch.attention_mask, strict=True)
        ],
        "embeddings": np.round(mean.numpy().astype(float), 6)[:, ::16].tolist(),
        "cosines": np.round((mean @ mean.T).numpy().astype(float), 6).tolist(),
    }


def main(out: Path) -> None:
    """Run the package and write what it says."""
    os.environ["TRANSFORMERS_OFFLINE"] = os.environ["HF_HUB_OFFLINE"] = "1"
    import torch
    import transformers

    (model,) = folder("smollm2").glob("*.gguf")
    numbers = {
        "transformers": transformers.__version__,
        "torch": torch.__version__,
        "smollm2": llama(model),
        "minilm": bert(folder("minilm")),
    }
    out.write_text(json.dumps(numbers) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).with_name("models.json"))
