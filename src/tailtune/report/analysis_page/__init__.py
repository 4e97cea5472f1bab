"""The page that `tailtune analyse` writes."""
