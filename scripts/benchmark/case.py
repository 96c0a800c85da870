"""One measurement, and the models that can be measured. Imports no framework."""

from dataclasses import dataclass

SEED = 0
RATE, MOMENTUM, DECAY = 0.001, 0.9, 0.0001
CLASSES = 10
EXTENTS = "nothing", "first half", "all but the head"


@dataclass(frozen=True)
class Net:
    """A model, the same in MindSpore and PyTorch, including the names of its parts.

    Attributes:
        title: its usual name.
        model: the trainer's overrides for it.
        channels: channels of its images.
        parts: all cells with parameters except the head, in the order of the forward pass.
        half: number of parts in the first half of its layers.
    """

    title: str
    model: tuple[str, ...]
    channels: int
    parts: tuple[str, ...]
    half: int


def _mindcv(title: str, name: str, parts: tuple[str, ...], half: int) -> Net:
    return Net(title, ("model=mindcv", f"model.name={name}"), 3, parts, half)


_LAYERS = ("conv1", "bn1", "layer1", "layer2", "layer3", "layer4")
_FEATURES = tuple(f"features.{at}" for at in range(23) if at not in (2, 22))  # these are ReLU6
NETS = {
    "lenet5": Net("LeNet-5", ("model=lenet5",), 1, ("conv1", "conv2", "fc1", "fc2"), 2),
    "resnet18": _mindcv("ResNet-18", "resnet18", _LAYERS, 4),
    "mobilenet_v2_100": _mindcv("MobileNetV2", "mobilenet_v2_100", _FEATURES, 11),
    "files": Net("JPEG files", (), 3, (), 0),  # no model: they are only loaded
}


@dataclass(frozen=True)
class Task:
    """A model and its images.

    Attributes:
        net: a key of `NETS`.
        size: height and width of the images.
        batch: images per step.
        images: images per epoch.
        few: images for MindSpore with default settings, which is slow; 0: not measured.
        files: whether the images are JPEG files, which are decoded in each epoch.
    """

    net: str
    size: int
    batch: int
    images: int
    few: int = 0
    files: bool = False

    def __str__(self) -> str:
        source = " from JPEG files" if self.files and NETS[self.net].model else ""
        return f"{NETS[self.net].title} at {self.size}x{self.size}{source}"


@dataclass(frozen=True)
class Case:
    """One measurement, which has its own process.

    Attributes:
        task: model and images.
        frozen: number of frozen parts of the model, from its input.
        method: `stop_gradient` or `requires_grad`; empty if nothing is frozen.
        contender: a key of `contenders.TITLES`.
        epochs: epochs to train.
    """

    task: Task
    frozen: int
    method: str
    contender: str
    epochs: int

    @property
    def net(self) -> Net:
        """The model."""
        return NETS[self.task.net]

    @property
    def parts(self) -> tuple[str, ...]:
        """The frozen parts."""
        return self.net.parts[: self.frozen]

    @property
    def only_head(self) -> bool:
        """Whether all but the head is frozen."""
        return self.frozen == len(self.net.parts)

    @property
    def images(self) -> int:
        """Images per epoch."""
        return self.task.few if self.contender == "native" else self.task.images

    @property
    def extent(self) -> str:
        """Which share of the model is frozen, in words."""
        if not self.frozen:
            return EXTENTS[0]
        names = dict(zip((0, self.net.half, len(self.net.parts)), EXTENTS, strict=True))
        return names.get(self.frozen) or f"up to {self.parts[-1]}"

    @property
    def steps(self) -> int:
        """Steps of the whole measurement."""
        return self.epochs * (self.images // self.task.batch)
