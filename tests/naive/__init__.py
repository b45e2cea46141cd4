"""Slow, readable twins of the kernels: plain Python loops over lists of zeros and ones."""
