"""The suite of `scripts/bench`: this trainer, hand-written loops, PyTorch, Lightning and fastai.

`plan` lists the measurements, `process` starts each of them, `work` runs in its process; `report`,
`goals` and `picture` show the results.
"""
