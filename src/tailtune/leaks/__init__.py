"""Leakage: what of the test rows training has seen already, and columns and names that ask for another split."""
