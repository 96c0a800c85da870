"""A model as data: its cells and parameters, its autograd graph, and its cost."""
