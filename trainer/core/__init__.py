"""Errors, exit codes, signals, files, locks, logs: what every room may import. No MindSpore."""
