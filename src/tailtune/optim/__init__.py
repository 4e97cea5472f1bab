"""Sharpness-aware optimisers, weight averaging and schedules, usable alone in any PyTorch loop."""
