"""Writes the golden files in Data/golden: python3 generate.py (PyTorch 1.13 or newer, NumPy).

The reference is PyTorch in float64. PyTorch's own float32 error is noted beside each result, so that the tests can ask
that ours is no worse.
"""

import math

import torch
import torch.nn.functional as F

import golden
from golden import run, values, words
from networks import network_cases
from training import training_cases

KERNELS = [(1, 1), (3, 3), (5, 5), (7, 7), (2, 2), (1, 3), (3, 1), (3, 5), (7, 1), (1, 7)]
# The last two reach past every map unless the padding lets them in.
DILATIONS = [(1, 1), (2, 2), (3, 3), (4, 4), (8, 8), (16, 16), (2, 5), (70, 70)]
PADDINGS = ["none", "same", "odd"]
STRIDES = [(1, 1), (1, 1), (2, 2), (1, 2)]
CHANNELS = [1, 3, 8, 11, 21, 64]
MAPS = [(1, 1), (1, 7), (5, 1), (3, 4), (7, 5), (9, 16), (13, 17), (19, 16), (28, 24), (33, 20), (41, 50), (66, 47), (66, 66)]
MULTIPLY_ADDS = 3_000_000  # a case, so that the slowest device under test gets through them all

# Layers of the paper's networks at small maps: the context module's with 21 classes, the front end's, and a dense prediction layer.
PAPER = [
    dict(x=(1, 21, 32, 32), w=(21, 21, 3, 3), dilation=(d, d), padding=(d, d)) for d in (1, 2, 4, 8, 16)
] + [
    dict(x=(1, 64, 24, 24), w=(64, 64, 3, 3), dilation=(2, 2), padding=(0, 0)),
    dict(x=(1, 64, 33, 33), w=(64, 64, 3, 3), dilation=(4, 4), padding=(0, 0)),
    dict(x=(3, 64, 14, 14), w=(64, 64, 7, 7), dilation=(4, 4), padding=(12, 12)),
    dict(x=(3, 3, 66, 66), w=(64, 3, 3, 3), dilation=(1, 1), padding=(1, 1)),
    dict(x=(3, 64, 17, 23), w=(11, 64, 1, 1), dilation=(1, 1), padding=(0, 0)),
]


def out_extent(extent, kernel, stride, dilation, padding):
    return (extent + 2 * padding - (kernel - 1) * dilation - 1) // stride + 1


def padding_of(kind, kernel, dilation, pick):
    if kind == "none":
        return 0, 0
    if kind == "same":
        return tuple(d * (k - 1) // 2 for k, d in zip(kernel, dilation))
    return [(1, 3), (5, 2), (3, 0), (7, 9)][pick % 4]


def sweep():
    """Every kernel at every dilation with every padding that leaves an output; the rest chosen by hash."""
    seed = 0
    for kernel in KERNELS:
        for dilation in DILATIONS:
            for kind in PADDINGS:
                seed += 1
                pick = [int(p) >> 8 for p in words(seed, "choice", 64)]
                padding, stride = padding_of(kind, kernel, dilation, pick[0]), STRIDES[pick[1] % len(STRIDES)]
                # The first of a hashed list of sizes that the kernel fits on and the budget allows.
                for p in pick[2:]:
                    (h, w), batch = MAPS[p % len(MAPS)], (1, 3)[p // 16 % 2]
                    c, k = CHANNELS[p // 32 % 6], CHANNELS[p // 256 % 6]
                    oh, ow = (out_extent(*axis) for axis in zip((h, w), kernel, stride, dilation, padding))
                    if oh > 0 and ow > 0 and batch * k * oh * ow * c * math.prod(kernel) <= MULTIPLY_ADDS:
                        yield dict(x=(batch, c, h, w), w=(k, c, *kernel), stride=stride, dilation=dilation, padding=padding)
                        break


def conv2d_cases():
    for seed, case in enumerate([*sweep(), *PAPER], start=1000):
        case = {"stride": (1, 1)} | case
        options = {key: case[key] for key in ("stride", "dilation", "padding")}
        inputs = {name: values(seed, name, case[name]) for name in ("x", "w")} | {"b": values(seed, "b", case["w"][:1])}
        results = run(lambda x, w, b: F.conv2d(x, w, b, **options), seed, inputs, gradient_of=("x", "w", "b"))
        (n, c, h, w), (k, _, kh, kw) = case["x"], case["w"]
        name = f"{n}x{c}x{h}x{w} to {k}, kernel {kh}x{kw}, " + ", ".join(f"{key} {a}x{b}" for key, (a, b) in options.items())
        yield {"name": name, "seed": seed} | case | {"results": results}


def upsample_cases():
    sizes = [((1, 1, 1, 1), (3, 4)), ((1, 2, 2, 3), (4, 6)), ((2, 3, 5, 4), (40, 32)), ((1, 11, 9, 7), (33, 25)), ((1, 3, 7, 6), (7, 6)),
             ((3, 1, 4, 9), (5, 31)), ((1, 8, 1, 6), (8, 48)), ((1, 2, 13, 11), (5, 3)), ((1, 2, 6, 5), (1, 1)), ((1, 21, 12, 15), (96, 120))]
    for number, (shape, size) in enumerate(sizes):
        for corners in (False, True):
            seed = 2000 + 2 * number + corners
            results = run(lambda x: F.interpolate(x, size, mode="bilinear", align_corners=corners), seed, {"x": values(seed, "x", shape)})
            name = f"{'x'.join(map(str, shape))} to {size[0]}x{size[1]}, {'corners aligned' if corners else 'half-pixel'}"
            yield {"name": name, "seed": seed, "x": shape, "size": size, "alignCorners": corners, "results": results}


def bilinear_kernel(scale):
    """The filler of the field's fixed deconvolutions: a triangle of 2s taps (2s - 1 for odd s) along each axis."""
    size = 2 * scale - scale % 2
    centre = (size - 1) / 2
    line = torch.tensor([1 - abs(i - centre) / scale for i in range(size)], dtype=torch.float64)
    return torch.outer(line, line)


def deconvolution_cases():
    shapes = [(1, 1, 1, 1), (2, 3, 5, 4), (1, 11, 7, 9), (1, 2, 1, 8)]
    for seed, (shape, scale) in enumerate([(shape, scale) for shape in shapes for scale in (1, 2, 3, 4, 8)], start=2500):
        kernel = bilinear_kernel(scale).expand(shape[1], 1, -1, -1).contiguous()
        results = run(
            lambda x: F.conv_transpose2d(x, kernel.to(x.dtype), stride=scale, padding=scale // 2, groups=x.shape[1]),
            seed, {"x": values(seed, "x", shape)})
        yield {"name": f"{'x'.join(map(str, shape))} times {scale}", "seed": seed, "x": shape, "scale": scale, "results": results}


def max_pool_cases():
    windows = [((2, 2), (2, 2), (0, 0)), ((3, 3), (2, 2), (1, 1)), ((3, 3), (1, 1), (1, 1)), ((2, 3), (2, 1), (0, 1)), ((3, 2), (3, 3), (0, 0))]
    shapes = [(1, 1, 3, 3), (1, 3, 7, 8), (2, 11, 13, 10), (1, 64, 16, 17)]
    cases = [(shape, *window, ceil) for shape in shapes for window in windows for ceil in (False, True)]
    for seed, (shape, kernel, stride, padding, ceil) in enumerate(cases, start=3000):
        results = run(lambda x: F.max_pool2d(x, kernel, stride, padding, ceil_mode=ceil), seed, {"x": values(seed, "x", shape)})
        name = f"{'x'.join(map(str, shape))}, window {kernel[0]}x{kernel[1]}, stride {stride[0]}x{stride[1]}, padding {padding[0]}x{padding[1]}, {'ceiling' if ceil else 'floor'}"
        yield {"name": name, "seed": seed, "x": shape, "kernel": kernel, "stride": stride, "padding": padding, "ceiling": ceil, "results": results}


def softmax_cases():
    for seed, (shape, scale) in enumerate([((1, 1, 2, 3), 1.0), ((2, 3, 4, 5), 4.0), ((1, 11, 9, 7), 16.0), ((1, 21, 13, 16), 64.0), ((1, 64, 3, 3), 0.25)], start=4000):
        results = run(lambda x: F.softmax(x, 1), seed, {"x": values(seed, "x", shape, scale)})
        yield {"name": f"{'x'.join(map(str, shape))}, scores up to {scale:g}", "seed": seed, "x": shape, "scale": scale, "results": results}


def cross_entropy_cases():
    cases = [((1, 2, 1, 1), 1.0, 0), ((2, 3, 4, 5), 4.0, 0), ((2, 3, 4, 5), 4.0, 2), ((1, 11, 9, 7), 16.0, 5), ((3, 21, 13, 16), 64.0, 3), ((1, 64, 8, 8), 0.25, 2)]
    for seed, (shape, scale, void_one_in) in enumerate(cases, start=5000):
        labels = golden.labels(seed, shape, void_one_in)
        results = run(lambda x: F.cross_entropy(x, labels, ignore_index=255), seed, {"x": values(seed, "x", shape, scale)})
        name = f"{'x'.join(map(str, shape))}, scores up to {scale:g}" + (f", one in {void_one_in} void" if void_one_in else "")
        yield {"name": name, "seed": seed, "x": shape, "scale": scale, "voidOneIn": void_one_in, "results": results}


def upsample_cross_entropy_cases():
    cases = [((1, 2, 1, 1), (3, 4), 1.0, 0), ((2, 3, 5, 4), (40, 32), 4.0, 2), ((1, 11, 9, 7), (33, 25), 16.0, 5), ((2, 21, 6, 8), (48, 64), 4.0, 3),
             ((1, 33, 4, 3), (31, 29), 4.0, 2), ((1, 64, 5, 5), (40, 40), 0.25, 2), ((1, 150, 3, 3), (24, 24), 4.0, 4)]
    for number, (shape, size, scale, void_one_in) in enumerate(cases):
        for corners in (False, True):
            seed = 5500 + 2 * number + corners
            labels = golden.labels(seed, (shape[0], shape[1], *size), void_one_in)
            results = run(
                lambda x: F.cross_entropy(F.interpolate(x, size, mode="bilinear", align_corners=corners), labels, ignore_index=255),
                seed, {"x": values(seed, "x", shape, scale)})
            name = f"{'x'.join(map(str, shape))} to {size[0]}x{size[1]}, {'corners aligned' if corners else 'half-pixel'}, scores up to {scale:g}"
            name += f", one in {void_one_in} void" if void_one_in else ""
            yield {"name": name, "seed": seed, "x": shape, "size": size, "alignCorners": corners, "scale": scale, "voidOneIn": void_one_in, "results": results}


def reflection_pad_cases():
    # left, right, top, bottom, as PyTorch orders them
    cases = [((1, 1, 2, 2), (1, 1, 1, 1)), ((2, 3, 5, 4), (3, 0, 2, 4)), ((1, 11, 9, 12), (8, 11, 7, 8)), ((1, 3, 1, 6), (2, 5, 0, 0)), ((1, 64, 6, 5), (1, 2, 3, 4))]
    for seed, (shape, amounts) in enumerate(cases, start=6000):
        results = run(lambda x: F.pad(x, amounts, mode="reflect"), seed, {"x": values(seed, "x", shape)})
        left, right, top, bottom = amounts
        name = f"{'x'.join(map(str, shape))}, top {top}, bottom {bottom}, left {left}, right {right}"
        yield {"name": name, "seed": seed, "x": shape, "top": top, "bottom": bottom, "left": left, "right": right, "results": results}


if __name__ == "__main__":
    torch.set_num_threads(1)
    for file, cases in [
        ("conv2d", conv2d_cases()), ("upsample", upsample_cases()), ("deconvolution", deconvolution_cases()), ("max-pool", max_pool_cases()),
        ("softmax", softmax_cases()), ("cross-entropy", cross_entropy_cases()), ("upsample-cross-entropy", upsample_cross_entropy_cases()), ("reflection-pad", reflection_pad_cases()), ("training", training_cases()), ("networks", network_cases()),
    ]:
        golden.write(f"{file}.json", list(cases))
