"""Benchmarks, discovered and run by asv."""
