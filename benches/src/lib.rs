//! Benchmarks of nono.
