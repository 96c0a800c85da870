#!/usr/bin/env bash
# Training-mode batch normalisation of a batch of one sample.
# Expected: an error, as PyTorch's BatchNorm1d raises ("Expected more than 1 value per channel when training"),
#           or statistics that stay finite.
# Happens:  nn.BatchNorm1d returns zeros without an error or a warning, and its moving variance becomes NaN, so that
#           the model is ruined for inference though every training loss is finite.
# Versions: mindspore 2.10.0, numpy 2.2.6, CPU, Python 3.11.
# Source:   https://www.mindspore.cn/docs/en/master/api_python/nn/mindspore.nn.BatchNorm1d.html (the moving variance is
#           said to be a moving average of the batch's; nothing is said of batches of one).
set -euo pipefail
folder="$(mktemp -d)"
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q --disable-pip-version-check mindspore==2.10.0 numpy==2.2.6
cd "$folder"
GLOG_v=3 "$folder/venv/bin/python" - <<'PY' 2>/dev/null
import numpy as np
import mindspore as ms
from mindspore import Tensor, nn

ms.set_device("CPU")
ms.set_context(mode=ms.GRAPH_MODE)
layer = nn.BatchNorm1d(4).set_train(True)
output = layer(Tensor(np.arange(4, dtype=np.float32).reshape(1, 4))).asnumpy()
variance = layer.moving_variance.asnumpy()
print("output", output.ravel(), "moving variance", variance)
raise SystemExit(0 if np.isfinite(output).all() and np.isnan(variance).all() else 1)
PY
