"""Why a finished run works or does not: each file is one analysis, over plain functions on arrays and modules."""
