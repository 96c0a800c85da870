"""Launch blocking: whether PyNative waits for each operator before it goes on.

``ms.set_context(pynative_synchronize=...)`` is deprecated. ``ms.runtime.launch_blocking``, which
replaces it, cannot be switched off again. So the parameter of the context is set directly.
"""

from mindspore._c_expression import MSContext, ms_ctx_param


def is_enabled() -> bool:
    """Return whether each operator is waited for."""
    return bool(MSContext.get_instance().get_param(ms_ctx_param.pynative_synchronize))


def set_enabled(enabled: bool) -> None:
    """Set whether each operator is waited for."""
    MSContext.get_instance().set_param(ms_ctx_param.pynative_synchronize, enabled)
