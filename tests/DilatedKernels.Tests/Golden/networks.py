"""The networks of the field built layer by layer in PyTorch: scores and the gradients of every parameter, for hashed weights.

FCN is written as its authors released it, with unpadded deconvolutions and crops at 5, 9 and 31, and DeepLab's multi-scale
classifier as one on the concatenated maps; the library computes the same in other ways.
"""

import math

import torch
import torch.nn.functional as F

from golden import relative_error, summary, values

CLASSES = 3
WIDTH = 1 / 32
VGG = [(2, 64), (2, 128), (3, 256), (3, 512), (3, 512)]


def channels(full):
    return max(1, math.floor(full * WIDTH + 0.5))


class Weights:
    """Makes every parameter on its first use: the number of its hashed values is its position in this order."""

    def __init__(self, seed, dtype):
        self.seed, self.dtype, self.made = seed, dtype, {}

    def __call__(self, name, *shape):
        # About what keeps the size of activations through ReLUs.
        scale = 2.0 ** round(math.log2(math.sqrt(6 / math.prod(shape[1:])))) if len(shape) > 1 else 1 / 16
        self.made[name] = values(self.seed, f"p{len(self.made)}", shape, scale).to(self.dtype, copy=True).requires_grad_()
        return self.made[name]

    def conv(self, x, name, out, kernel, dilation=1, padding=0, stride=1, relu=True):
        y = F.conv2d(x, self(f"{name}.weight", out, x.shape[1], kernel, kernel), self(f"{name}.bias", out), stride, padding, dilation)
        return F.relu(y) if relu else y


def front_end(w, x):
    for stage, (convolutions, full) in enumerate(VGG, start=1):
        for i in range(1, convolutions + 1):
            x = w.conv(x, f"conv{stage}_{i}", channels(full), 3, dilation=2 if stage == 5 else 1)
        x = F.max_pool2d(x, 2) if stage <= 3 else x
    x = w.conv(x, "fc6", channels(4096), 7, dilation=4)
    x = w.conv(x, "fc7", channels(4096), 1)
    return w.conv(x, "final", CLASSES, 1, relu=False)


def context(w, x, multipliers):
    for i, (multiplier, dilation) in enumerate(zip(multipliers, [1, 1, 2, 4, 8, 16, 1]), start=1):
        x = w.conv(x, f"context.conv{i}", multiplier * CLASSES, 3, dilation=dilation, padding=33 if i == 1 else 0)
    return w.conv(x, "context.conv8", CLASSES, 1, relu=False)


def bilinear(scale, dtype):
    line = torch.tensor([1 - abs(i - scale + 0.5) / scale for i in range(2 * scale)], dtype=dtype)
    return torch.outer(line, line).expand(CLASSES, 1, -1, -1)


def fcn_8s(w, image, learned):
    x, pools = image, []
    for stage, (convolutions, full) in enumerate(VGG, start=1):
        for i in range(1, convolutions + 1):
            x = w.conv(x, f"conv{stage}_{i}", channels(full), 3, padding=100 if (stage, i) == (1, 1) else 1)
        x = F.max_pool2d(x, 2, ceil_mode=True)
        pools.append(x)
    x = w.conv(x, "fc6", channels(4096), 7)
    x = w.conv(x, "fc7", channels(4096), 1)
    x = w.conv(x, "score_fr", CLASSES, 1, relu=False)
    for name, skip, pool, cut in [("upscore2", "score_pool4", pools[3], 5), ("upscore_pool4", "score_pool3", pools[2], 9)]:
        if learned:
            x = F.conv_transpose2d(x, w(f"{name}.weight", CLASSES, CLASSES, 4, 4), stride=2)
        else:
            x = F.conv_transpose2d(x, bilinear(2, x.dtype), stride=2, groups=CLASSES)
        fine = w.conv(pool, skip, CLASSES, 1, relu=False)
        x = x + fine[:, :, cut:cut + x.shape[2], cut:cut + x.shape[3]]
    x = F.conv_transpose2d(x, bilinear(8, x.dtype), stride=8, groups=CLASSES)
    return x[:, :, 31:31 + image.shape[2], 31:31 + image.shape[3]]


def deeplab_largefov(w, image, multi_scale):
    x, branches, stride = image, [], 1

    def branch(name, x, stride):
        y = w.conv(x, f"msc_{name}_1", channels(128), 3, padding=1, stride=stride)
        branches.append(w.conv(y, f"msc_{name}_2", channels(128), 1))

    if multi_scale:
        branch("image", image, 8)
    for stage, (convolutions, full) in enumerate(VGG, start=1):
        dilation = 2 if stage == 5 else 1
        for i in range(1, convolutions + 1):
            x = w.conv(x, f"conv{stage}_{i}", channels(full), 3, dilation=dilation, padding=dilation)
        step = 2 if stage <= 3 else 1
        stride *= step
        x = F.max_pool2d(x, 3, step, 1)
        if multi_scale and stage <= 4:
            branch(f"pool{stage}", x, 8 // stride)
    x = F.avg_pool2d(x, 3, 1, 1)
    x = w.conv(x, "fc6", channels(1024), 3, dilation=12, padding=12)
    x = w.conv(x, "fc7", channels(1024), 1)
    weight, bias = w("fc8.weight", CLASSES, x.shape[1], 1, 1), w("fc8.bias", CLASSES)
    if multi_scale:
        x = torch.cat([x, *branches], 1)
        weight = torch.cat([weight, w("fc8_msc.weight", CLASSES, 5 * channels(128), 1, 1)], 1)
        bias = bias + w("fc8_msc.bias", CLASSES)
    return F.conv2d(x, weight, bias)


# With these seeds no ReLU or pooling stands so near to a tie that single precision decides it otherwise.
NETWORKS = [
    (8101, "front-end + basic", (1, 3, 388, 396), lambda w, x: context(w, front_end(w, x), [1] * 7)),
    (8114, "front-end + large", (1, 3, 396, 388), lambda w, x: context(w, front_end(w, x), [2, 2, 4, 8, 16, 32, 32])),
    (8002, "fcn-8s", (1, 3, 20, 45), lambda w, x: fcn_8s(w, x, learned=False)),
    (8003, "fcn-8s, learned upsampling", (1, 3, 33, 18), lambda w, x: fcn_8s(w, x, learned=True)),
    (8004, "deeplab-largefov", (2, 3, 41, 50), lambda w, x: deeplab_largefov(w, x, multi_scale=False)),
    (8005, "deeplab-msc-largefov", (2, 3, 50, 41), lambda w, x: deeplab_largefov(w, x, multi_scale=True)),
]


def compute(network, shape, seed, dtype):
    w, x = Weights(seed, dtype), values(seed, "x", shape).to(dtype, copy=True).requires_grad_()
    y = network(w, x)
    y.backward(values(seed, "dy", y.shape).to(dtype))
    return list(w.made), {"y": y, "dx": x.grad} | {f"p{i}": p.grad for i, p in enumerate(w.made.values())}


def network_cases():
    for seed, name, shape, network in NETWORKS:
        (names, exact), (_, single) = (compute(network, shape, seed, dtype) for dtype in (torch.float64, torch.float32))
        print(name, "largest float32 error:", max((relative_error(single[key], exact[key]), key) for key in exact))
        # Of the many gradients norms and projections are enough.
        results = {key: summary(seed, key, exact[key], single[key], **({} if key in ("y", "dx") else dict(whole=0, samples=0))) for key in exact}
        yield {"name": name, "seed": seed, "x": shape, "parameters": names, "results": results}
