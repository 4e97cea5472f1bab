"""The page of `tailtune inspect`."""
