"""What tests of blocks work out by hand with: a block's numbers in double precision, and layers in numpy."""

import numpy as np
import torch


def answer(block, *inputs):
    """What the block gives, in double precision, every weight drawn anew so that nothing is zero by chance."""
    generator = torch.Generator().manual_seed(3)
    block = block.double().eval()
    with torch.no_grad():
        for p in block.parameters():
            p.copy_(torch.randn(p.shape, generator=generator, dtype=torch.float64) * 0.5)
        found = block(*(None if each is None else torch.as_tensor(each) for each in inputs))
    return tuple(w(each) for each in found) if isinstance(found, tuple) else w(found)


def w(parameter):
    return parameter.detach().numpy()


def linear(layer, x):
    y = x @ w(layer.weight).T
    return y if layer.bias is None else y + w(layer.bias)


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def relu(x):
    return np.maximum(x, 0)


def softmax(x, axis=-1):
    e = np.exp(x - x.max(axis, keepdims=True))
    return e / e.sum(axis, keepdims=True)
