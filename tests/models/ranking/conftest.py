"""What tests that export networks share."""

import functools

import pytest


@pytest.fixture(scope="session")
def quick_exports():
    """One table of the exporter's functions for all graphs, which it would otherwise read from its own source for each.

    It only looks things up in it. That takes `deepfm` from 5.2 s to 4.2 s on a busy core; every graph is
    still proved against torch when it is written.
    """
    from torch.onnx._internal.exporter._registration import ONNXRegistry

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ONNXRegistry, "from_torchlib", staticmethod(functools.cache(ONNXRegistry.from_torchlib)))
        yield
