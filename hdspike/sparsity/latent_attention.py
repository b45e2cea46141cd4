r"""Multi-head latent attention: keys and values of all heads out of one short vector, the only thing that is cached.

For the token t with state h_t (DeepSeek-V2, arXiv:2405.04434; V3, arXiv:2412.19437): a latent ``c_t = W_dkv h_t`` of a
few hundred numbers, keys ``k_t = W_uk c_t`` and values ``v_t = W_uv c_t`` of each head, and one rotary key k^R_t shared
by the heads, with a query of two parts. The keys need not be made: with

.. math:: q^\top (W_{uk} c) = (W_{uk}^\top q)^\top c, \qquad \sum_t a_t W_{uv} c_t = W_{uv} \sum_t a_t c_t

the up-projections are *absorbed* by query and output. Low rank of keys and values is thus paid with longer products per
cached token (the latent's length instead of the head's), not with quality by approximation: the model is trained so.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hdspike import check

__all__ = ["DEEPSEEK_V3", "LatentShape", "absorbed", "expanded"]

Array = NDArray[np.float64]


@dataclass(frozen=True)
class LatentShape:
    """Sizes of such an attention; ``key`` is a head's key without the rotary part."""

    dim: int
    layers: int
    heads: int
    key: int
    value: int
    rope: int
    latent: int
    query_latent: int

    def __post_init__(self) -> None:
        for name in self.__dataclass_fields__:
            check.integer(name, getattr(self, name), low=1)

    @property
    def cached(self) -> int:
        """Numbers cached for each token: ``layers·(latent + rope)``."""
        return self.layers * (self.latent + self.rope)

    def cached_unfolded(self, groups: int | None = None) -> int:
        """Numbers cached for each token by as many key heads of the same sizes: ``layers·groups·(key + rope + value)``.

        One for each head by default (multi-head attention); fewer are shared (grouped queries, Ainslie et al. 2023; a
        single one: Shazeer 2019).
        """
        each = self.heads if groups is None else check.integer("groups", groups, low=1, high=self.heads)
        if self.heads % each:
            raise ValueError(f"groups must divide {self.heads} heads, got {each}")
        return self.layers * each * (self.key + self.rope + self.value)

    @property
    def parameters(self) -> int:
        """Of one layer's attention, with the gains of the norms on both latents."""
        query = self.dim * self.query_latent + self.query_latent * self.heads * (self.key + self.rope)
        down = self.dim * (self.latent + self.rope)
        up = self.latent * self.heads * (self.key + self.value)
        return query + down + up + self.heads * self.value * self.dim + self.query_latent + self.latent

    @property
    def parameters_unfolded(self) -> int:
        """Of one layer of multi-head attention with heads of the same sizes: queries, keys, values, output."""
        return self.dim * self.heads * (2 * (self.key + self.rope) + 2 * self.value)

    @property
    def macs_per_token(self) -> int:
        """Multiplications for one query token and one cached token, all layers and heads, absorbed."""
        return self.layers * self.heads * (self.latent + self.rope + self.latent)

    @property
    def macs_per_token_unfolded(self) -> int:
        """The same for multi-head attention that has its keys and values cached."""
        return self.layers * self.heads * (self.key + self.rope + self.value)


DEEPSEEK_V3 = LatentShape(
    dim=7168, layers=61, heads=128, key=128, value=128, rope=64, latent=512, query_latent=1536
)
"""The sizes of DeepSeek-V3 and R1 (``config.json`` of deepseek-ai/DeepSeek-V3)."""


def _checked(
    queries: Any, rotary: Any, latents: Any, rotary_keys: Any, up_keys: Any, up_values: Any
) -> tuple[Array, ...]:
    q, qr, c, kr, uk, uv = (
        np.asarray(a, dtype=np.float64) for a in (queries, rotary, latents, rotary_keys, up_keys, up_values)
    )
    if q.ndim != 3 or c.ndim != 2 or 0 in q.shape or 0 in c.shape:
        raise ValueError(
            "queries must be (heads, n, key) and latents (tokens, latent), none of them empty, got "
            f"{q.shape} and {c.shape}"
        )
    heads, n, key = q.shape
    for name, array, shape in (
        ("rotary", qr, (heads, n, kr.shape[-1] if kr.ndim == 2 else -1)),
        ("rotary_keys", kr, (len(c), kr.shape[-1] if kr.ndim else -1)),
        ("up_keys", uk, (heads, key, c.shape[1])),
        ("up_values", uv, (heads, uv.shape[1] if uv.ndim == 3 else -1, c.shape[1])),
    ):
        if array.shape != shape:
            raise ValueError(f"{name} must have shape {shape}, got {array.shape}")
    return q, qr, c, kr, uk, uv


def _softmax(scores: Array) -> Array:
    weights = np.exp(scores - scores.max(axis=-1, keepdims=True))
    return np.asarray(weights / weights.sum(axis=-1, keepdims=True))


def expanded(
    queries: Any, rotary: Any, latents: Any, rotary_keys: Any, up_keys: Any, up_values: Any
) -> Array:
    """Attention with the keys and values of every head written out; (heads, n, value).

    Args:
        queries: (heads, n, key). rotary: (heads, n, rope), the part that is already rotated.
        latents: c (tokens, latent). rotary_keys: (tokens, rope), rotated, shared by the heads. All tokens are seen.
        up_keys: W_uk (heads, key, latent). up_values: W_uv (heads, value, latent).
    """
    q, qr, c, kr, uk, uv = _checked(queries, rotary, latents, rotary_keys, up_keys, up_values)
    keys, values = c @ uk.transpose(0, 2, 1), c @ uv.transpose(0, 2, 1)
    scores = q @ keys.transpose(0, 2, 1) + qr @ kr.T
    return np.asarray(_softmax(scores / np.sqrt(q.shape[2] + kr.shape[1])) @ values)


def absorbed(
    queries: Any, rotary: Any, latents: Any, rotary_keys: Any, up_keys: Any, up_values: Any
) -> Array:
    """The same from the latents alone: no key and no value is ever made.

    >>> rng = np.random.default_rng(0)
    >>> given = [rng.normal(size=s) for s in ((2, 3, 4), (2, 3, 2), (9, 5), (9, 2), (2, 4, 5), (2, 4, 5))]
    >>> bool(np.allclose(absorbed(*given), expanded(*given), rtol=0, atol=1e-12))
    True
    """
    q, qr, c, kr, uk, uv = _checked(queries, rotary, latents, rotary_keys, up_keys, up_values)
    scores = (q @ uk) @ c.T + qr @ kr.T
    read = _softmax(scores / np.sqrt(q.shape[2] + kr.shape[1])) @ c
    return np.asarray(read @ uv.transpose(0, 2, 1))
