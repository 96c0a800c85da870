"""Last batch of a pipeline: its size."""

import mindspore.dataset as ds


def last_batch_size(pipeline: ds.Dataset) -> int | None:
    """Return the size of a pipeline's last batch; None: it is not known without reading it all."""
    while not isinstance(pipeline, ds.BatchDataset):
        if len(pipeline.children) != 1 or not isinstance(pipeline, ds.MapDataset):
            return None
        (pipeline,) = pipeline.children
    size = pipeline.batch_size
    if pipeline.drop_remainder or not isinstance(size, int):
        return size if isinstance(size, int) else None
    return pipeline.children[0].get_dataset_size() % size or size
