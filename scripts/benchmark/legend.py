"""Legend: what the numbers of the suite mean."""

TEXT = """\
## What is what

step: from the end of one step to the end of the next, with the wait for data and the fetch of the
  loss; the median of all steps but the first, with a store the mean of the last epoch's. Numbers
  are the median of the repeats (least..most), each a process of its own (runs: how many, by the
  half hour that there is; 1 where a run is long, or shows how the cost grows).
10 epochs: the training of ten, the filling of a feature store included. Where fewer were trained,
  the later of them stand for those that are left. Not in it: the compile (first s: what the first
  step takes longer) and the rest of the process (rest s: start-up, validation, files).
step x, 10 epochs x: as many times this trainer's without a store, in the same repeat.
wait: what an epoch's end takes before training goes on: fetching and comparing the weights, and
  what the end before has left to write. The files are written beside the training.
peak MB: most memory of the process while it trains, the images included.
This trainer: `python -m trainer` with its proof, checks and files; numbers are from these files.
  device.threads=free in runs of less than 100 steps, which its trial of placements would fill.
MindSpore by hand, tuned: nn.TrainOneStepCell in a loop, ONEDNN_MAX_CPU_ISA=AVX2, flags of frozen
  parameters cleared, with stop_gradient behind the last frozen cell too if that is the method.
MindSpore Model.train: as it comes, without that setting; once, for a few steps, and only
  where these do not take minutes.
PyTorch: requires_grad_(False); torch.compile with nothing in its cache.
Lightning: BaseFinetuning.freeze(train_bn=False), which leaves batch statistics in use there.
fastai: Learner.freeze, which goes on training batch normalisation there, its default.
All others: batch normalisation of the frozen part in inference mode. All: the same images from
  memory in batches gathered by NumPy; SGD with momentum 0.9, lr 0.001, weight decay 0.0001.
LeNet-5 learns Fashion-MNIST, the others noise, on which a step takes as long."""
