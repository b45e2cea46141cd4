"""Counts × substrate → joules, with an honest range. Simulations count, this room alone multiplies.

``price``        one bill: components, low / nominal / high
``by_unit``      what every unit of a chip spent
"""

from hdspike.energy.bill import COMPONENTS, Bill, price
from hdspike.energy.unit import by_unit

__all__ = ["COMPONENTS", "Bill", "by_unit", "price"]
