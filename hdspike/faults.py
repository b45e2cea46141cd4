"""Bits that are stuck or flipped, seeded."""
