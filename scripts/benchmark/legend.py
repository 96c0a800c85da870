"""The legend: what the numbers of the suite mean."""

TEXT = """\
## Legend

step: time from the end of one step to the end of the next, including the wait for data and the
  fetch of the loss; the median of all steps except the first, with a store the mean of the last
  epoch. Numbers are the median of the repeats (least..most), each a separate process (runs: the
  number of repeats, as the half hour permits; 1 where a run is long, or shows how the cost grows).
10 epochs: training of ten epochs, including the filling of a feature store. Where fewer epochs were
  trained, the missing ones count as the later ones. Not included: the compilation (first s: the
  additional time of the first step) and the rest of the process (rest s: start-up, validation,
  files).
Goals: times are medians of the repeats; the ratio is the median of the ratios within the repeats,
  with its 95 % confidence interval (from two of the ratios, in order of size; least..most if there
  are fewer than 6). A goal is met if the median meets it.
step x, 10 epochs x: relative to this trainer without a store, in the same repeat.
wait: time at the end of an epoch before training continues: fetching and comparing the weights, and
  what is not yet written of the epoch before. A background thread writes the files.
peak MB: peak memory of the process during training, including the images.
This trainer: `python -m trainer` with its proof, checks and files, which give the numbers.
  device.threads=free in runs of less than 100 steps: a trial of thread placements would fill them.
The trainer of --against: another checkout, which runs its own code with its own settings.
MindSpore, hand-written loop: nn.TrainOneStepCell in a loop, with the trainer's convolutions, flags
  of frozen parameters cleared, and stop_gradient after the last frozen cell if that is the method.
MindSpore Model.train: default settings, with MindSpore's convolutions; once, for a few steps, and
  only where these do not take minutes.
PyTorch: requires_grad_(False); torch.compile with an empty cache.
Lightning: BaseFinetuning.freeze(train_bn=False), which keeps batch statistics in use there.
fastai: Learner.freeze, which continues to train batch normalisation there, its default.
All others: batch normalisation of the frozen part in inference mode. All: the same images from
  memory in batches gathered by NumPy; SGD with momentum 0.9, lr 0.001, weight decay 0.0001.
Loading: files of 500x375 pixels, a part of a photograph each. Workers are threads here and in
  mindspore.dataset, processes in torchvision; random crops are each library's own. The second epoch
  counts: the first includes the start of the workers.
LeNet-5 learns Fashion-MNIST; the others learn noise, with which a step takes the same time."""
