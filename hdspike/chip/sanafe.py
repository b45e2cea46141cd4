"""Chips and networks from the YAML files of SANA-FE (Boyle et al., IEEE TCAD 2025), with its built-in models.

>>> from hdspike.chip.sanafe import read_architecture, read_network

``read_architecture(path)`` gives an :class:`hdspike.chip.Architecture`, ``read_network(path, architecture)`` a network
and its placement, for :func:`hdspike.chip.simulate`: spikes and energies are then those of the tool, and with
``noc="simple"`` its times. What is not run is refused, with the line and what is supported. Nothing but text, lists and
mappings is ever made of a file. Needs PyYAML (``pip install "hdspike[sanafe]"``).
"""

from hdspike.chip.sanafe_architecture import read_architecture
from hdspike.chip.sanafe_network import read_network

__all__ = ["read_architecture", "read_network"]
