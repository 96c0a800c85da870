"""The training loop, its steps, and the callback protocol."""
