"""Proposal: new names for a file's tensors, found by the structure of file and model."""
