"""The page that `tailtune audit --page` writes."""
