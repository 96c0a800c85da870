"""From pipelines to batches."""
