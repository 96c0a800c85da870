"""Program: three steps of plain MindSpore with its compile cache; prints what moved of a layer."""

import sys

import mindspore as ms

from scripts.ascend_check_steps.marked_lines import mark


def main() -> None:
    """Select the device by MindSpore itself, because the trainer would switch the cache off."""
    target, device_id, method = sys.argv[1:]
    if target == "ascend":
        ms.set_device("Ascend", int(device_id))
    else:
        ms.set_device("CPU")
    ms.set_context(mode=ms.GRAPH_MODE)

    from scripts.ascend_check_steps import freezing_attempts
    from scripts.ascend_check_steps.nets import TwoConvs

    net = TwoConvs()
    if method == "stop_gradient":
        net.conv1.register_forward_hook(freezing_attempts.cut)
    step = freezing_attempts.plain_step(net, freezing_attempts.MOMENTUM(net.trainable_params()))
    mark("RESULT", freezing_attempts.moved_of(net, step, "conv1") or "nothing")


if __name__ == "__main__":
    main()
