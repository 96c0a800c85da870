"""What the suite measures, and how often, within half an hour on two cores."""

from dataclasses import dataclass

from scripts.benchmark import from_files, loading, modes, recipe
from scripts.benchmark.case import NETS, Case, Task

PARTS = {
    "head": "The head alone, ten epochs: features computed in every step, and read from a store",
    "nets": "Models with a growing frozen part, by method, without and with the feature store",
    "starts": "The first step, with an empty and a filled compile cache",
    "others": "Other libraries, each with its own method of freezing",
    recipe.PART: "The parts of a recipe: what each adds to the time per batch, here and in PyTorch",
    modes.PART: "The execution modes: a graph, PyNative with a compiled step, and eager PyNative",
    loading.PART: "Loading of JPEG files: decoded, randomly cropped, resized, flipped, normalised",
    from_files.PART: "Training from JPEG files, which are decoded and randomly prepared meanwhile",
    "ends": "The wait at the end of an epoch, for proof, a full snapshot and a checkpoint",
    "images": "How the cost grows with the number of images",
    "share": "How the cost falls with the frozen share",
    "epochs": "How the cost grows with the number of epochs",
}
METHODS = "stop_gradient", "requires_grad"


@dataclass(frozen=True)
class Race:
    """Cases that are measured directly one after the other, so that their ratios are meaningful.

    Attributes:
        part: part of the suite, a key of `PARTS`.
        task: model and images, the same for all.
        frozen: number of frozen parts of the model.
        method: method of freezing in MindSpore; PyTorch has only one.
        repeats: number of measurements.
        epochs: epochs of each; one for MindSpore with default settings.
        contenders: keys of `contenders.TITLES`.
    """

    part: str
    task: Task
    frozen: int
    method: str
    repeats: int
    epochs: int
    contenders: tuple[str, ...]

    def cases(self, repeat: int = 0) -> list[Case]:
        """The cases of the contenders; the slow `Model.train` is measured only once."""
        return [
            Case(self.task, self.frozen, self.method, who, 1 if who == "native" else self.epochs)
            for who in self.contenders
            if repeat == 0 or who != "native"
        ]


def race(part: str, task: Task, row: str, repeats: int, epochs: int, contenders: str) -> Race:
    """Return the race of a row such as `half stop_gradient`."""
    name, _, method = row.partition(" ")
    net = NETS[task.net]
    counts = {"nothing": 0, "half": net.half, "head": len(net.parts)}
    frozen = int(name) if name.isdigit() else counts[name]
    return Race(part, task, frozen, method, repeats, epochs, tuple(contenders.split()))


LENET = Task("lenet5", 32, 64, images=3000, few=1920)
RESNET = Task("resnet18", 64, 32, images=320, few=96)
RESNET_LONG = Task("resnet18", 64, 32, images=1280)
RESNET_LARGE = Task("resnet18", 224, 8, images=48)
MOBILE = Task("mobilenet_v2_100", 64, 32, images=320)
FILES = Task("files", 224, 32, images=2000, files=True)
MOBILE_FILES = Task("mobilenet_v2_100", 224, 8, images=160, files=True)
RESNET_FILES = Task("resnet18", 224, 8, images=160, files=True)
MOBILE_LARGE = Task("mobilenet_v2_100", 224, 8, images=48)

SIZES = (9408, 128, 147_968, 525_568, 2_099_712, 8_393_728, 5130)  # values of ResNet-18 by part

_RIVALS = "trainer store eager"
_OTHERS = "compile lightning fastai"

# In addition to its steps, a process of the trainer takes about 6 s for LeNet-5, 10 for ResNet-18
# and 17 for MobileNetV2; a hand-written loop 4, 6 and 9; PyTorch 3, compiled 30. So start-up takes
# most of the half hour: after all is measured, the rows of the goals against PyTorch are repeated
# as often as the rest of it permits.
MANY = 10
RACES = [
    race("head", RESNET_LONG, "head stop_gradient", 3, 10, "trainer store auto eager"),
    race("nets", RESNET, "nothing", MANY, 2, "trainer hand eager"),
    race("nets", RESNET, "half stop_gradient", 1, 2, "trainer hand eager store"),
    race("nets", RESNET, "head stop_gradient", MANY, 2, "trainer hand eager"),
    race("nets", RESNET, "head requires_grad", 1, 2, "trainer hand"),
    race("nets", LENET, "nothing", MANY, 3, "trainer hand eager native"),
    race("nets", LENET, "half stop_gradient", 1, 3, "trainer hand eager store"),
    race("nets", LENET, "half requires_grad", 1, 3, "trainer hand"),
    race("nets", LENET, "head stop_gradient", 2, 3, "trainer hand eager store auto native"),
    race("nets", LENET, "head requires_grad", 1, 3, "trainer hand store"),
    race("nets", MOBILE, "nothing", MANY, 2, "trainer hand eager"),
    race("nets", MOBILE, "half stop_gradient", 1, 2, "trainer hand eager"),
    race("nets", MOBILE, "head stop_gradient", 1, 2, "trainer hand eager store auto"),
    race("nets", RESNET_LARGE, "nothing", MANY, 2, "trainer hand eager"),
    race("nets", RESNET_LARGE, "half stop_gradient", 1, 2, "trainer hand eager"),
    race("nets", RESNET_LARGE, "head stop_gradient", MANY, 2, "trainer hand eager"),
    race("nets", MOBILE_LARGE, "nothing", 1, 2, "trainer hand eager"),
    race("nets", MOBILE_LARGE, "head stop_gradient", 1, 2, "trainer hand eager store"),
    race("starts", Task("resnet18", 64, 32, 96), "half stop_gradient", 2, 1, "cold warm"),
    race(recipe.PART, RESNET, "nothing", 2, 2, recipe.CONTENDERS),
    race(recipe.PART, LENET, "nothing", 2, 3, recipe.CONTENDERS),
    race(modes.PART, RESNET, "nothing", 2, 2, modes.CONTENDERS),
    race(modes.PART, LENET, "nothing", 2, 3, modes.CONTENDERS),
    race(loading.PART, FILES, "nothing", 3, 2, loading.CONTENDERS),
    race(from_files.PART, MOBILE_FILES, "nothing", 1, 2, from_files.CONTENDERS),
    race(from_files.PART, RESNET_FILES, "nothing", 1, 2, from_files.CONTENDERS),
    race("ends", RESNET, "nothing", 2, 2, "snapshots"),
    race("ends", RESNET, "head stop_gradient", 1, 3, "snapshots"),
    race("others", RESNET, "nothing", 1, 2, "trainer eager compile"),
    race("others", RESNET, "head requires_grad", 1, 2, f"trainer eager {_OTHERS} native"),
    *(
        race("images", Task("lenet5", 32, 64, count), "head stop_gradient", 1, 2, _RIVALS)
        for count in (1000, 8000, 60000)
    ),
    *(
        race("share", RESNET, f"{parts} stop_gradient", 1, 2, "trainer eager")
        for parts in (2, 3, 5)  # up to bn1, layer1, layer3; the part `nets` has the others
    ),
    race("epochs", Task("resnet18", 64, 32, 96), "head stop_gradient", 1, 50, _RIVALS),
]

# The rows of the README's table.
QUICK = [
    race("nets", RESNET, "nothing", 2, 2, "trainer hand eager"),
    race("nets", RESNET, "head stop_gradient", 2, 2, "trainer hand eager"),
    race("head", RESNET_LONG, "head stop_gradient", 1, 10, "trainer auto eager"),
    race("others", RESNET, "head requires_grad", 1, 2, "native"),
]


def find(part: str, task: Task | None = None, row: str = "", contender: str = "") -> list[Race]:
    """Return the races of a part, on a task and row, and with a contender if these are named."""
    races = [each for each in RACES if each.part == part and task in (None, each.task)]
    if task and row:
        wanted = race(part, task, row, 1, 1, "")
        key = wanted.frozen, wanted.method
        races = [each for each in races if (each.frozen, each.method) == key]
    return [each for each in races if not contender or contender in each.contenders]
