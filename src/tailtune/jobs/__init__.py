"""Tasks that any process may carry out once: claims on them, workers, shards. Nothing here knows what they do."""
