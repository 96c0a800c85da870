"""Optimizers over the trainable parameters."""
