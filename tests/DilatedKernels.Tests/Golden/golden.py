"""Inputs made from a counter, and summaries of results small enough to keep.

Neither side stores inputs: Counter.cs makes the same numbers from (seed, tensor, index). Of a result up to WHOLE elements
every value is kept, as float32; of a larger one SAMPLES values at hashed positions, PROJECTIONS dot products with vectors of
hashed signs, and the Euclidean norm. The squared error of a projection is, on average over signs, the squared norm of the
error of the whole tensor, so a fault that the samples miss still shows.
"""

import base64
import json
import math
import pathlib

import numpy as np
import torch

WHOLE, SAMPLES, PROJECTIONS = 256, 64, 8
FOLDER = pathlib.Path(__file__).resolve().parent.parent / "Data" / "golden"

# What a tensor's counter is keyed by, besides the case's seed. The same list is in Counter.cs.
TENSORS = {name: key for key, name in enumerate(
    ["x", "w", "b", "dy", "labels", "void", "y", "dx", "dw", "db", "loss", "choice"]
    + [f"p{i}" for i in range(64)])}


def mix(z):
    """A bijection of 64-bit words whose output bits each depend on every input bit."""
    z = z + np.uint64(0x9E3779B97F4A7C15)
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return z ^ (z >> np.uint64(31))


def words(seed, tensor, count):
    with np.errstate(over="ignore"):
        key = mix(np.uint64(seed * 256 + TENSORS[tensor]))
        return mix(key + np.arange(count, dtype=np.uint64))


def values(seed, tensor, shape, scale=1.0):
    """Multiples of 2^-23 in [-1, 1), times a power of two: the same in float32 and float64."""
    steps = (words(seed, tensor, math.prod(shape)) >> np.uint64(40)).astype(np.int64) - (1 << 23)
    return torch.from_numpy(steps.astype(np.float64) / (1 << 23) * scale).reshape(shape)


def integers(seed, tensor, shape, below):
    return torch.from_numpy((words(seed, tensor, math.prod(shape)) % np.uint64(below)).astype(np.int64)).reshape(shape)


def labels(seed, scores, void_one_in):
    """A class for every position of [N, C, H, W] scores, with 255 at one position in `void_one_in` (0: nowhere)."""
    shape = (scores[0], scores[2], scores[3])
    classes = integers(seed, "labels", shape, scores[1])
    return torch.where(integers(seed, "void", shape, void_one_in) == 0, 255, classes) if void_one_in else classes


def relative_error(a, b):
    norm = torch.linalg.vector_norm(b.double())
    error = torch.linalg.vector_norm(a.double() - b.double())
    return float(error / norm) if norm > 0 else float(error)


def encode(array):
    return base64.b64encode(array.tobytes()).decode("ascii")


def summary(seed, tensor, exact, single, whole=WHOLE, samples=SAMPLES):
    """What is kept of a float64 result, with the error of PyTorch's own float32 result."""
    flat = exact.detach().double().contiguous().reshape(-1).numpy()
    kept = {"shape": list(exact.shape), "float32Error": float(f"{relative_error(single.detach(), exact.detach()):.2e}")}
    if flat.size <= whole:
        return kept | {"values": encode(flat.astype("<f4"))}
    hashed = words(seed, tensor, flat.size)
    signs = [1.0 - 2.0 * ((hashed >> np.uint64(bit)) & np.uint64(1)).astype(np.float64) for bit in range(PROJECTIONS)]
    positions = (hashed[:samples] >> np.uint64(PROJECTIONS)) % np.uint64(flat.size)
    return kept | {
        "samples": encode(flat[positions.astype(np.int64)].astype("<f4")),
        "projections": encode(np.array([math.fsum(sign * flat) for sign in signs], dtype="<f8")),
        "norm": float(np.linalg.norm(flat)),
    }


def run(function, seed, inputs, gradient_of=("x",), upstream="dy"):
    """Runs `function` in both precisions on named inputs; returns summaries of y and of the gradients asked for.

    A scalar result starts its own backward pass; any other takes a hashed upstream gradient.
    """
    results = []
    for dtype in (torch.float64, torch.float32):
        leaves = {name: value.to(dtype, copy=True).requires_grad_(name in gradient_of) for name, value in inputs.items()}
        y = function(**leaves)
        if y.ndim == 0:
            y.backward()
        else:
            y.backward(values(seed, upstream, y.shape).to(dtype))
        results.append({"y": y} | {f"d{name}": leaves[name].grad for name in gradient_of})
    exact, single = results
    return {name: summary(seed, name, exact[name], single[name]) for name in exact}


def write(name, cases):
    """One case a line, so that a change of one shows as one."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    lines = ",\n".join(json.dumps(case, separators=(",", ":")) for case in cases)
    (FOLDER / name).write_text(f'{{"source":"PyTorch {torch.__version__}, float64","cases":[\n{lines}\n]}}\n', encoding="ascii")
    print(f"{name}: {len(cases)} cases, {(FOLDER / name).stat().st_size} bytes")
