"""Measurements: ratios taken side by side in one run, and quality over many splits."""
