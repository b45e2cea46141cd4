"""Tokenizers of models: byte-level BPE out of GGUF metadata, and ``tokenizer.json`` files.

The merging is done by the package ``tokenizers`` (extra ``models``); here is only how a file is read into it.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from tokenizers import Tokenizer

__all__ = ["byte_level_bpe", "read_tokenizer"]

LARGEST = 1 << 28  # bytes of a tokenizer.json
CONTROL, USER = 3, 4  # kinds of token that are matched whole, before the text is split
GPT2 = ("gpt-2", "mpt", "olmo", "jais")
DIGITS = ("smollm", "starcoder", "refact", "command-r", "codeshell")
LLAMA3 = ("llama-bpe", "llama3", "llama-v3")
LLAMA3_PATTERN = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*"
    r"|\s*[\r\n]+|\s+(?!\S)|\s+"
)


def _splitter(kind: str, name: str) -> Any:
    """How text is cut into words before merging: GPT-2's way, the same after single digits, or that of Llama 3."""
    from tokenizers import Regex, pre_tokenizers

    if kind in GPT2:
        return pre_tokenizers.ByteLevel(add_prefix_space=False)
    if kind in DIGITS:
        return pre_tokenizers.Sequence(
            [pre_tokenizers.Digits(individual_digits=True), pre_tokenizers.ByteLevel(add_prefix_space=False)]
        )
    if kind in LLAMA3:
        return pre_tokenizers.Sequence(
            [
                pre_tokenizers.Split(Regex(LLAMA3_PATTERN), "isolated"),
                pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
            ]
        )
    known = ", ".join((*GPT2, *DIGITS, *LLAMA3))
    raise ValueError(f"path must split text in a known way ({known}), {name} has {kind!r:.80}")


def byte_level_bpe(fields: Mapping[str, Any], *, name: str) -> "Tokenizer":
    """The tokenizer that the metadata ``fields`` of a GGUF file describe; ``name`` is that of the file.

    Control tokens of the vocabulary are matched whole and left out by ``decode``, as the model's authors do.

    Raises:
        ValueError: another kind of tokenizer, an unknown way to split text, or merges that do not fit the tokens.
        ImportError: the extra ``models`` is not installed.
    """
    try:
        from tokenizers import AddedToken, Tokenizer, decoders, models, processors
    except ImportError as error:
        raise ImportError("tokenizers need the extra 'models': pip install 'hdspike[models]'") from error
    kind = fields.get("tokenizer.ggml.model")
    if kind != "gpt2":
        raise ValueError(f"path must hold a byte-level BPE tokenizer ('gpt2'), {name} has {kind!r:.80}")
    tokens, merges = fields.get("tokenizer.ggml.tokens"), fields.get("tokenizer.ggml.merges")
    if not isinstance(tokens, list) or not isinstance(merges, list):
        raise ValueError(f"path must list tokens and merges, {name} does not")
    vocabulary = {token: i for i, token in enumerate(tokens)}
    if len(vocabulary) != len(tokens):
        raise ValueError(f"path must list each token once, {name} has {len(tokens) - len(vocabulary)} again")
    split = str(fields.get("tokenizer.ggml.pre", "gpt-2"))
    pairs = [tuple(merge.split(" ", 1)) for merge in merges]
    if any(len(pair) != 2 for pair in pairs):
        raise ValueError(f"path must list merges of two parts, {name} does not")
    try:
        model = models.BPE(vocab=vocabulary, merges=pairs, ignore_merges=split in LLAMA3)
    except Exception as error:  # the package raises a bare Exception
        raise ValueError(f"path must list merges of its own tokens, {name} does not: {error}") from error
    tokenizer = Tokenizer(model)
    tokenizer.pre_tokenizer = _splitter(split, name)
    tokenizer.decoder = decoders.ByteLevel()
    kinds = fields.get("tokenizer.ggml.token_type", [])
    if not isinstance(kinds, np.ndarray | list) or any(isinstance(kind, str) for kind in kinds):
        raise ValueError(f"path must state the kind of each token as a number, {name} does not")
    whole = [
        (token, int(k)) for token, k in zip(tokens, kinds, strict=False) if k in (CONTROL, USER) and token
    ]
    tokenizer.add_special_tokens(
        [AddedToken(t, normalized=False, special=True) for t, k in whole if k == CONTROL]
    )
    tokenizer.add_tokens([AddedToken(t, normalized=False) for t, k in whole if k == USER])
    if fields.get("tokenizer.ggml.add_bos_token", False):
        first = fields.get("tokenizer.ggml.bos_token_id")
        if not isinstance(first, int) or not 0 <= first < len(tokens):
            raise ValueError(f"path must state the token that begins a text, {name} has {first!r:.80}")
        tokenizer.post_processor = processors.TemplateProcessing(
            single=[tokens[first], "$A"], special_tokens=[(tokens[first], first)]
        )
    return tokenizer


def read_tokenizer(path: str | Path, *, most: int) -> "Tokenizer":
    """The ``tokenizer.json`` at ``path``, without padding, cutting texts to ``most`` tokens.

    Raises:
        ValueError: the file is missing, too large, or not such a file.
        ImportError: the extra ``models`` is not installed.
    """
    try:
        from tokenizers import Tokenizer
    except ImportError as error:
        raise ImportError("tokenizers need the extra 'models': pip install 'hdspike[models]'") from error
    place = Path(path)
    if not place.is_file() or place.stat().st_size > LARGEST:
        raise ValueError(f"path must hold a {place.name} of at most {LARGEST} bytes, got {str(place)!r}")
    try:
        tokenizer = Tokenizer.from_str(place.read_text(encoding="utf-8"))
    except Exception as error:  # the package raises a bare Exception
        raise ValueError(f"path must hold a whole {place.name}, it is not: {error}") from error
    tokenizer.no_padding()
    tokenizer.enable_truncation(max_length=most)
    return tokenizer
