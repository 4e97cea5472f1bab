"""Tuning the whole pipeline on rows that are not the test rows, and saying honestly what it gained."""
