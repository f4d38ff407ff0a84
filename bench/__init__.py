"""Figures that Milepost keeps: ratios and counts, printed by `make bench`, never timed in a test."""
