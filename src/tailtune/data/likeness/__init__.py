"""Which rows and pictures are the same as others, or nearly so."""
