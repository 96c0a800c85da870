"""Losses, and how much each batch weighs in a mean over several."""
