"""Four ways to the same pictures, measured in one run: `python -m benchmarks`. See docs/benchmarks.md."""
