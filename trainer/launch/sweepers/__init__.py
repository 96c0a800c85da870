"""Which jobs a sweep consists of."""
