"""Readers, splits and preprocessing: from a user's files to a `Dataset`."""
