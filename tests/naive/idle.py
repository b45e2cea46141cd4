"""The mean power of a chip that sleeps between events, slot by slot, in fractions."""

from fractions import Fraction


def watts(rate, most, *, idle, awake, event, slots):
    """The mean power of a second cut in ``slots``: awake in the share rate ÷ most of them, each event paid for."""
    share = Fraction(rate) / Fraction(most) * slots
    total = Fraction(0)
    for slot in range(slots):
        busy = min(max(share - slot, 0), 1)
        total += busy * Fraction(awake) + (1 - busy) * Fraction(idle)
    return float(total / slots + Fraction(event) * Fraction(rate))
