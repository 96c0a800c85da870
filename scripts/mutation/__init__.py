"""Mutation audit: which small changes of the code the tests do not notice."""
