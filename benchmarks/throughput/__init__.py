"""The parts of benchmarks/vision_throughput.py."""
