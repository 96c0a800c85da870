"""The phases of a run: parts of it, each under a plan of its own."""
