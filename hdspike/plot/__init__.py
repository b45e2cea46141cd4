"""Figures: arrays in, axes out. No simulation happens in here."""
