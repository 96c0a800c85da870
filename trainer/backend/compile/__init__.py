"""MindSpore's compiled graphs on disk, and the fingerprint of what a graph depends on."""
