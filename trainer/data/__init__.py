"""From pipelines and map-style datasets to batches."""
