"""State to resume from, weights by epoch, and first weights from elsewhere."""
