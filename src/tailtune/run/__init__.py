"""The life of one run: its folder, its result, how it is carried out and how it predicts."""
