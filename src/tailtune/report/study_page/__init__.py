"""The page of a study: every arm against the baseline."""
