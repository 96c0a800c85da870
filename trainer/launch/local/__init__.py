"""Jobs of a sweep in processes on this machine."""
