"""Sweeps: jobs, launchers, sweepers, results."""
