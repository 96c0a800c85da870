"""What a finished run has left, read back and checked."""
