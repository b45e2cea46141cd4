"""How well a share is known that was counted."""

from math import sqrt

from hdspike.theory.interval import number

__all__ = ["wilson"]


def wilson(hits: float, trials: float, *, z: float = 1.959964) -> tuple[float, float]:
    r"""The interval of a share that was counted: ``hits`` of ``trials``.

    .. math:: \frac{\hat p + z^2/2n \pm z\sqrt{\hat p(1-\hat p)/n + z^2/4n^2}}{1 + z^2/n}

    where p̂ = hits/trials, n = ``trials`` > 0 (an effective number may be fractional), z = 1.96 for 95 %. It
    stays inside [0, 1] and has a width at p̂ = 0 and 1 too. Source: Wilson 1927.

    >>> [round(edge, 3) for edge in wilson(0, 100)]
    [0.0, 0.037]
    """
    n = number("trials", trials, 0, 1e18, open_=True)
    share = number("hits", hits, 0, n) / n
    width = z * sqrt(share * (1 - share) / n + z * z / (4 * n * n))
    centre = share + z * z / (2 * n)
    scale = 1 + z * z / n
    return max(0.0, (centre - width) / scale), min(1.0, (centre + width) / scale)
