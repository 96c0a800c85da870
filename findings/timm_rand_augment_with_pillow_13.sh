#!/usr/bin/env bash
# timm's usual RandAugment, rand-m9-mstd0.5-inc1, with Pillow 13.
# Expected: every call returns an image, as with Pillow 12: this string is in most of timm's training recipes.
# Happens:  some two calls of a thousand raise a ValueError in the middle of an epoch: a magnitude drawn above 10 is clipped to
#           10, "increasing" posterization then keeps 4 - 4 = 0 bits, and Pillow 13 accepts 1 to 8 bits only.
# Versions: timm 1.0.31, pillow 13.0.0 and 12.0.0, numpy 2.2.6, Python 3.11.
# Source:   https://huggingface.co/docs/timm/en/training_script (recipes with --aa rand-m9-mstd0.5-inc1),
#           https://pillow.readthedocs.io/en/stable/reference/ImageOps.html#PIL.ImageOps.posterize
set -euo pipefail
folder="$(mktemp -d)"
trap 'rm -rf "$folder"' EXIT
cat > "$folder/augment.py" <<'PY'
import importlib.metadata
import importlib.util
import random

import numpy as np
from PIL import Image

# The module alone: the rest of timm needs PyTorch, this does not.
path = importlib.metadata.distribution("timm").locate_file("timm/data/auto_augment.py")
spec = importlib.util.spec_from_file_location("auto_augment", path)
auto_augment = importlib.util.module_from_spec(spec)
spec.loader.exec_module(auto_augment)

image = Image.fromarray(np.random.default_rng(0).integers(0, 256, (32, 32, 3), np.uint8))
augment = auto_augment.rand_augment_transform("rand-m9-mstd0.5-inc1", {})
errors = []
for seed in range(5000):
    random.seed(seed)
    np.random.seed(seed)
    try:
        augment(image)
    except ValueError as error:
        errors.append(str(error))
print(len(errors), *sorted(set(errors)))
PY
raised() { # PILLOW: the number of calls that raise with this version
    python3 -m venv "$folder/$1"
    "$folder/$1/bin/pip" install -q --disable-pip-version-check --no-deps timm==1.0.31 "pillow==$1" numpy==2.2.6
    "$folder/$1/bin/python" "$folder/augment.py"
}
old="$(raised 12.0.0)"
new="$(raised 13.0.0)"
echo "calls of 5,000 that raise: Pillow 12.0.0 $old; Pillow 13.0.0 $new"
[[ ${old%% *} == 0 && ${new%% *} != 0 ]]
