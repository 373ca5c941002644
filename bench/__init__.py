"""The harness: suites, trials, tasks, measuring, records, reports and the command line."""
