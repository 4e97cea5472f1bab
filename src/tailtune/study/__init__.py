"""Run folders and the runs that fill them."""
