"""Freezing: from rules to a frozen model."""
