"""A substrate: one chip or one table of costs, read from one TOML file with a source beside every number.

A file states ``format = 1``, ``name``, ``title``, ``kind``, ``node``, ``ledger`` and ``notes``, and the tables

========== ================================================ ==============================
table      what it holds                                    kinds of unit
========== ================================================ ==============================
topology   sizes: tiles, cores, neurons, memory             count, information
timing     how long one event takes                         time
energy     what one event costs; the keys are counters      energy; energy per bit (of bits)
power      ``static`` while it works, ``board``: all of it; power
           ``idle``, ``full``: at rest, at most; in no bill
peak       the roofline: operations and bytes a second      rate, bandwidth
errors     how often an array computes a bit wrongly        count, in [0, 1]
========== ================================================ ==============================

One entry is ``{value, unit, source, verified}`` and, for energies and powers, ``low`` and ``high``: the 5th
and the 95th percentile of what the constant may be. ``node``, ``ledger`` and ``includes_leakage`` may be given
too and else are the file's node, the file's ledger and false. ``verified`` is false for what was derived, recalled or
assumed; ``source`` is ``"citation; how"``. The **ledger** says what a joule contains: ``circuit`` (the gates or the
memory array alone), ``path`` (measured on a whole chip, wires and control included), ``board`` (all that the
board draws). Ledgers differ by a factor of 3 to 5, so one file is one ledger.

``quantity``   one number, one substrate, their units
``reading``    a file, checked rule by rule
``sheet``      the numbers as tables, citations numbered
"""

from hdspike.substrate.quantity import KINDS, LEDGERS, UNITS, Quantity, Substrate
from hdspike.substrate.reading import FOLDER, TABLES, available, load
from hdspike.substrate.sheet import markdown

__all__ = [
    "FOLDER", "KINDS", "LEDGERS", "TABLES", "UNITS", "Quantity", "Substrate", "available", "load", "markdown",
]  # fmt: skip
