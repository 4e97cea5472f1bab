"""Losses and target matrices, usable alone in any PyTorch loop."""
