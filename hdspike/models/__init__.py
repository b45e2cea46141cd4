"""Real pretrained transformers, run in NumPy, with attention as a plug.

``gguf_file``   a Llama-family model out of one GGUF file: sizes, weights, tokenizer (``gguf_header``, ``tokens``)
``llama``       the decoder: tokens → states, logits, losses, attention given; ``cache`` for one token at a time
``feed_forward`` the feed-forward of the decoder as a plug
``generate``    text out of it, greedy or drawn
``quality``     windows of a text, and the perplexity of their second halves
``bert``        a sentence encoder out of a safetensors folder
``attention``   the plug's contract, and exact softmax as its reference
``kwta``        exact k-winner-take-all (``winners``: the k highest of each row, softmax over them)
``coded``       winners among ``candidates`` that codes of ``signs`` find
``evented``     winners among candidates that events find: inverted lists of the lines of a learned ``product`` codebook
``stream``      the keys of a context that only grows, searchable as they arrive (``stream_code``, ``stream_keys``)
``bundled``     winners, and ``bundles`` of all other keys, which a ``codebook`` learned elsewhere sorts
``sampled``     keys drawn by their weights, a yardstick; ``deviation`` measures the scores of every head
``rules``       these by name, built from what a user asks; ``paired`` compares two on the same tokens

The extra ``models`` brings the packages that read the files. No deep-learning framework is used.
"""

from hdspike.models.attention import Attention, softmax
from hdspike.models.bert import Encoder
from hdspike.models.bundled import Bundled
from hdspike.models.cache import Cache
from hdspike.models.codebook import Codebook, learn_codebook, load_codebook
from hdspike.models.generate import generate
from hdspike.models.gguf_file import LlamaFile, Shape
from hdspike.models.kwta import KWTA
from hdspike.models.llama import Llama
from hdspike.models.quality import perplexity, second_half, windows
from hdspike.models.stream import KeyStream
from hdspike.models.stream_code import StreamCode, learn_stream

__all__ = [
    "KWTA",
    "Attention",
    "Bundled",
    "Cache",
    "Codebook",
    "Encoder",
    "KeyStream",
    "Llama",
    "LlamaFile",
    "Shape",
    "StreamCode",
    "generate",
    "learn_codebook",
    "learn_stream",
    "load_codebook",
    "perplexity",
    "second_half",
    "softmax",
    "windows",
]
