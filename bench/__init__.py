"""Benchmarks that anyone can run: `make bench`. Every figure is a ratio of one run on one core."""
