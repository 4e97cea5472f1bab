"""The page of a finished run."""
