"""Metrics, calibration and intervals on held-out data."""
