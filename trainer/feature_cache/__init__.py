"""Outputs of the frozen part, computed once per sample and stored."""
