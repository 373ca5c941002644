"""asv's benchmarks: sizes, errors, times and memory that no change of the code makes worse without being noticed."""
