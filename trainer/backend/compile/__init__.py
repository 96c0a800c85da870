"""MindSpore's compiled graphs on disk, and the fingerprint of what one depends on."""
