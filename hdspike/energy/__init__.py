"""Counts × substrate → joules, with an honest range. Simulations count, this room alone multiplies.

``price``        one bill: components, low / nominal / high
``rank``         which constant a bill hangs on
``compare``      which constant decides between two bills of one ledger
``by_unit``      what every unit of a chip spent
"""

from hdspike.energy.bill import WORK, Bill, price
from hdspike.energy.sensitivity import compare, rank
from hdspike.energy.terms import COMPONENTS
from hdspike.energy.unit import by_unit

__all__ = ["COMPONENTS", "WORK", "Bill", "by_unit", "compare", "price", "rank"]
