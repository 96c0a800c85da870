"""MindSpore: how it is configured, worked around, patched and examined."""
