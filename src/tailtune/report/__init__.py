"""Figures and the HTML pages of runs and comparisons."""
