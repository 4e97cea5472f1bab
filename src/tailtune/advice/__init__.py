"""Coded advice on a data set and a run, and what `tailtune inspect` shows."""
