"""The suite behind `scripts/bench`: this trainer against loops by hand, PyTorch, Lightning, fastai.

`plan` says what is measured, `process` starts each measurement, `work` is what runs in it;
`report`, `goals` and `picture` show what came of it.
"""
