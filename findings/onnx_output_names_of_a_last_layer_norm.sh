#!/usr/bin/env bash
# mindspore.onnx.export with output_names, of a model whose last layer is nn.LayerNorm.
# Expected: the file that is written without output_names, with that name for its output.
# Happens:  the export ends without an error or a warning, and onnxruntime refuses the file: one of the nodes that the
#           exporter writes for a LayerNorm reads a tensor that no node writes. Without output_names, or with another layer
#           at the end, the file is right.
# Versions: mindspore 2.10.0, onnxruntime 1.23.2, numpy 2.2.6, CPU, Python 3.11.
# Source:   https://www.mindspore.cn/docs/en/master/api_python/mindspore/mindspore.onnx.export.html
set -euo pipefail
folder="$(mktemp -d)"
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q --disable-pip-version-check mindspore==2.10.0 onnxruntime==1.23.2 numpy==2.2.6
cat > "$folder/export.py" <<'PY'
import numpy as np
import mindspore as ms
import onnxruntime
from mindspore import Tensor, nn

ms.set_device("CPU")
ms.set_context(mode=ms.GRAPH_MODE)
rows = np.linspace(-1, 1, 12, dtype=np.float32).reshape(3, 4)


def is_right(title, *cells, **names):
    net = nn.SequentialCell(*cells)
    net.set_train(False)
    expected = net(Tensor(rows)).asnumpy()
    ms.onnx.export(net, Tensor(rows), file_name="model.onnx", **names)
    try:
        session = onnxruntime.InferenceSession("model.onnx", providers=["CPUExecutionProvider"])
    except Exception as error:
        print(f"{title}: {str(error).splitlines()[0][:150]}")
        return False
    (result,) = session.run(None, {session.get_inputs()[0].name: rows})
    print(f"{title}: output {session.get_outputs()[0].name}, largest difference {np.abs(result - expected).max():.1e}")
    return bool(np.allclose(result, expected, atol=1e-5))


named = {"output_names": ["output"]}
unnamed_last = is_right("LayerNorm last", nn.Dense(4, 4), nn.LayerNorm((4,)))
named_last = is_right("LayerNorm last, output named", nn.Dense(4, 4), nn.LayerNorm((4,)), **named)
named_first = is_right("LayerNorm first, output named", nn.LayerNorm((4,)), nn.Dense(4, 4), **named)
raise SystemExit(not (unnamed_last and named_first and not named_last))
PY
cd "$folder"
"$folder/venv/bin/python" export.py
