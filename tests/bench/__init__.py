"""The benchmark, `./dev bench`. docs/benchmarks.md says what it measures and keeps its figures."""
