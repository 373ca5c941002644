"""asv's benchmarks: what a change of the code must not make larger or slower without being noticed."""
