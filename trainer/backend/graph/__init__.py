"""What a model looks like: its modules, its autograd graph, its cost."""
