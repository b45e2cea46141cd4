"""The closed form of a recall by design: which error of which device changes the distances how."""

from hdspike.in_memory.logic import xor_errors
from hdspike.in_memory.recall import recall_law
from hdspike.in_memory.search import crossbar_law

__all__ = ["design_law"]


def design_law(design: str, dim: int, items: int, changed: float, error: float) -> float | None:
    """Expected share of right answers of a design whose device errs by ``error``; None where no form is known.

    ``error`` is σ of the conductances of a ``crossbar``, the chance of a wrong activation in ``dram`` rows and
    ``columns`` (no closed form, but without errors), the share of columns that always write the same (``"stuck"``),
    and the share of inverted bits elsewhere.
    """
    if design == "crossbar":
        return crossbar_law(dim, items, changed, error)
    if design == "columns" and error:
        return None
    if design == "stuck":
        return recall_law(dim, items, changed, stuck=error)
    errors = xor_errors(error) if design == "dram" else (error, error)
    return recall_law(dim, items, changed, errors=errors)
