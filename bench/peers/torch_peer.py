#!/usr/bin/env python3
"""The shapes of bench/shapes.json in PyTorch, for `./build.sh bench --compare`, which starts this and talks to it.

    torch_peer.py SHAPES --device cpu|cuda --threads N [--compile]

Standard output is one JSON object a line. The first says what runs: {"engine", "version", "threads", "details"}. Then each line of
standard input, {"name", "pass", "type", "seconds"}, is answered by {"results": [{"variant", "samples_ms"}, ...]} or {"skip": reason}.
Variants are contiguous and channels-last; on GPUs the work is captured in a CUDA graph. Passes mean what bench/README.md says.
By hand: --try NAME PASS prints the medians of one pass and ends.

PyTorch 1.13 on CPUs, 2.x on GPUs. Random data, never zeros. TF32 is off: float32 means float32.
"""
import argparse
import contextlib
import json
import statistics
import sys
import time

import torch
import torch.nn.functional as F

ATEN = torch.ops.aten

# The reference BLAS reaches 5 on a fast core, OpenBLAS 30 and more on a slow one.
LEAST_GFLOPS = 12


def convolution_backward(dy, x, w, case, mask):
    stride, padding, dilation = ([case.get(key, default)] * 2 for key, default in (("stride", 1), ("padding", 0), ("dilation", 1)))
    return ATEN.convolution_backward(dy, x, w, [w.shape[0]], stride, padding, dilation, False, [0, 0], 1, mask)


class Case:
    """One pass of one shape, as a function without arguments. Everything it reads exists before it is called."""

    def __init__(self, shape, kind, dtype, device, layout, compiled=False):
        self.shape, self.kind, self.device, self.layout, self.dtype, self.compiled = shape, kind, device, layout, dtype, compiled
        torch.manual_seed(1)
        self.run = getattr(self, shape["operator"].replace("-", "_"))()

    def tensor(self, *extents, scale=1.0, dtype=None):
        t = ((torch.rand(*extents, device=self.device) * 2 - 1) * scale).to(dtype or self.dtype)
        return t.contiguous(memory_format=self.layout) if t.dim() == 4 else t

    def input(self):
        s = self.shape
        return s["batch"], s["channels"], s["height"], s["width"]

    def labels(self, batch, height, width, classes):
        return torch.randint(classes, (batch, height, width), device=self.device)

    def conv2d(self):
        s = self.shape
        x = self.tensor(*self.input())
        w = self.tensor(s["out"], s["channels"], s["kernel"], s["kernel"], scale=(6 / (s["channels"] * s["kernel"] ** 2)) ** 0.5)
        b = self.tensor(s["out"])
        relu = s.get("relu", False)

        def forward():
            y = F.conv2d(x, w, b, s.get("stride", 1), s.get("padding", 0), s.get("dilation", 1))
            return torch.relu_(y) if relu else y

        y = forward()
        dy = self.tensor(*y.shape)
        masked = lambda out: ATEN.threshold_backward(dy, out, 0) if relu else dy
        if self.kind == "forward":
            return forward
        if self.kind == "input-gradient":
            return lambda: convolution_backward(masked(y), x, w, s, [True, False, False])
        if self.kind == "weight-gradient":
            return lambda: convolution_backward(dy, x, w, s, [False, True, True])
        return lambda: convolution_backward(masked(forward()), x, w, s, [True, True, True])

    def upsample(self):
        n, c, h, w = self.input()
        size = [h * self.shape["scale"], w * self.shape["scale"]]
        x, dy = self.tensor(n, c, h, w), self.tensor(n, c, *size)
        forward = lambda: F.interpolate(x, size=size, mode="bilinear", align_corners=False)
        backward = lambda: ATEN.upsample_bilinear2d_backward(dy, size, [n, c, h, w], False, None, None)
        return {"forward": forward, "input-gradient": backward, "training": lambda: (forward(), backward())}[self.kind]

    def max_pool(self):
        n, c, h, w = self.input()
        k = self.shape["kernel"]
        x = self.tensor(n, c, h, w)
        forward = lambda: ATEN.max_pool2d_with_indices(x, [k, k], [k, k])
        y, indices = forward()
        dy = self.tensor(*y.shape)
        backward = lambda i: ATEN.max_pool2d_with_indices_backward(dy, x, [k, k], [k, k], [0, 0], [1, 1], False, i)
        if self.kind == "forward":
            return lambda: F.max_pool2d(x, k)
        return (lambda: backward(indices)) if self.kind == "input-gradient" else (lambda: backward(forward()[1]))

    def softmax(self):
        x = self.tensor(*self.input(), scale=4)
        return lambda: torch.softmax(x, 1)

    def loss_and_gradient(self, scores, labels, upsampled=None):
        scores.requires_grad_(True)

        def loss():
            large = F.interpolate(scores, size=upsampled, mode="bilinear", align_corners=False) if upsampled else scores
            return F.cross_entropy(large.float(), labels)

        if self.compiled:
            loss = torch.compile(loss, mode="max-autotune-no-cudagraphs")
        return lambda: torch.autograd.grad(loss(), scores)

    def cross_entropy(self):
        n, c, h, w = self.input()
        return self.loss_and_gradient(self.tensor(n, c, h, w, scale=4), self.labels(n, h, w, c))

    def upsample_cross_entropy(self):
        n, c, h, w = self.input()
        size = [h * self.shape["scale"], w * self.shape["scale"]]
        return self.loss_and_gradient(self.tensor(n, c, h, w, scale=4), self.labels(n, *size, c), size)

    def optimizer(self, name, parameters):
        cuda = self.device == "cuda"
        if name == "sgd":
            return torch.optim.SGD(parameters, 1e-5, momentum=0.9, weight_decay=5e-4, foreach=True)
        return torch.optim.Adam(parameters, 1e-5, weight_decay=5e-4, **({"fused": True, "capturable": True} if cuda else {"foreach": True}))

    def update(self, name):
        parameters = [torch.nn.Parameter(self.tensor(size)) for size in self.shape["parameters"]]
        for p in parameters:
            p.grad = self.tensor(p.numel())
        optimizer = self.optimizer(name, parameters)
        return lambda: optimizer.step()

    def sgd(self):
        return self.update("sgd")

    def adam(self):
        return self.update("adam")

    def network(self):
        s = self.shape
        layers, channels = [], s["channels"]
        for layer in s["layers"]:
            if "pool" in layer:
                layers.append(torch.nn.MaxPool2d(layer["pool"]))
                continue
            layers.append(torch.nn.Conv2d(channels, layer["out"], layer["kernel"], padding=layer.get("padding", 0), dilation=layer.get("dilation", 1)))
            torch.nn.init.kaiming_uniform_(layers[-1].weight, nonlinearity="relu")
            channels = layer["out"]
            if layer.get("relu"):
                layers.append(torch.nn.ReLU(inplace=True))
        model = torch.nn.Sequential(*layers).to(self.device).to(memory_format=self.layout)
        x = self.tensor(*self.input(), dtype=torch.float32)
        half = self.dtype != torch.float32
        compute = torch.compile(model, mode="max-autotune-no-cudagraphs") if self.compiled else model

        def forward():
            with torch.autocast(self.device, dtype=self.dtype) if half else contextlib.nullcontext():
                return compute(x)

        if self.kind == "forward":
            return forward
        with torch.no_grad():
            n, c, h, w = forward().shape
        labels = self.labels(n, h, w, c)
        parameters = list(model.parameters())
        optimizer = self.optimizer(s["optimizer"], parameters) if self.kind == "step" else None

        def train():
            # Gradients live on between calls, as a captured graph needs; the first backward pass writes them anew.
            for p in parameters:
                p.grad = None
            F.cross_entropy(forward().float(), labels).backward()
            if optimizer:
                optimizer.step()

        return train


def captured(run):
    """The work as a CUDA graph, after the warm-up on a side stream that capturing asks for."""
    stream = torch.cuda.Stream()
    stream.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(stream):
        for _ in range(3):
            run()
    torch.cuda.current_stream().wait_stream(stream)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        # What it returns is held, so that its memory is the graph's own for as long as the graph lives.
        kept = run()
    return lambda: (graph.replay(), kept)[0]


def time_cpu(run, count):
    start = time.perf_counter()
    for _ in range(count):
        run()
    return (time.perf_counter() - start) * 1000


def time_cuda(run, count):
    start, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
    start.record()
    for _ in range(count):
        run()
    end.record()
    end.synchronize()
    return start.elapsed_time(end)


def sample(run, clock, warm_up, seconds, minimum=5, maximum=200, group_ms=1.0):
    """As the library's own Measurer: warm-up, groups of at least a millisecond, at least five samples."""
    begin, runs, least = time.perf_counter(), 0, float("inf")
    while runs < 3 or time.perf_counter() - begin < warm_up:
        least = min(least, clock(run, 1))
        runs += 1
    count = max(1, min(10_000, -int(-group_ms // max(least, 1e-4))))
    begin, samples = time.perf_counter(), []
    while len(samples) < minimum or (len(samples) < maximum and time.perf_counter() - begin < seconds):
        samples.append(clock(run, count) / count)
    return samples


class Peer:
    def __init__(self, shapes, device, compile_too):
        self.shapes = {shape["name"]: shape for shape in shapes}
        self.device, self.compile_too = device, compile_too
        self.key, self.variants, self.skipped = None, {}, {}

    def prepare(self, name, kind, dtype, only):
        self.variants, self.skipped = {}, {}
        shape = self.shapes[name]
        layouts = {"": torch.contiguous_format} if "parameters" in shape else {"contiguous": torch.contiguous_format, "channels-last": torch.channels_last}
        layouts = {layout: layouts[layout] for layout in layouts if only in (None, layout)}
        gradients = kind in ("training", "step") and shape["operator"] in ("network", "cross-entropy", "upsample-cross-entropy")
        can_compile = self.compile_too and shape["operator"] in ("network", "cross-entropy", "upsample-cross-entropy")
        for layout_name, layout in layouts.items():
            for compiled in (False, True) if can_compile else (False,):
                variant = " ".join(filter(None, (layout_name, "compiled" if compiled else "", "graph" if self.device == "cuda" else "")))
                try:
                    with torch.set_grad_enabled(gradients):
                        run = Case(shape, kind, dtype, self.device, layout, compiled).run
                        run()
                        self.variants[variant] = captured(run) if self.device == "cuda" else run
                except (RuntimeError, NotImplementedError, TypeError) as error:
                    self.skipped[variant] = str(error).split("\n")[0]
        return gradients

    def answer(self, request):
        name, kind, kind_type, seconds = request["name"], request["pass"], request["type"], request["seconds"]
        if name not in self.shapes:
            return {"skip": f"there is no shape {name}"}
        key = (name, kind, kind_type, request.get("layout"))
        if self.key != key:
            self.gradients = self.prepare(name, kind, {"float32": torch.float32, "bfloat16": torch.bfloat16}[kind_type], request.get("layout"))
            self.key = key
        if not self.variants:
            return {"skip": "; ".join(f"{variant}: {why}" for variant, why in self.skipped.items())}
        clock = time_cuda if self.device == "cuda" else time_cpu
        with torch.set_grad_enabled(self.gradients):
            return {"results": [{"variant": variant, "samples_ms": sample(run, clock, seconds / 2, seconds)} for variant, run in self.variants.items()]}


def check_matrix_product():
    """Ends the program where PyTorch multiplies matrices by the reference BLAS, beside which anything is fast."""
    a = torch.rand(512, 512)
    seconds = []
    for _ in range(5):
        start = time.perf_counter()
        a @ a
        seconds.append(time.perf_counter() - start)
    gflops = 2 * 512 ** 3 / min(seconds) / 1e9
    if gflops < LEAST_GFLOPS:
        sys.exit(f"torch_peer.py: this PyTorch multiplies matrices at {gflops:.0f} GFLOP/s, less than {LEAST_GFLOPS}: its BLAS is not an optimised one "
                 "(Debian: install libopenblas0-pthread).")


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("shapes")
    parser.add_argument("--device", choices=("cpu", "cuda"), default="cpu")
    parser.add_argument("--threads", type=int, required=True)
    parser.add_argument("--compile", action="store_true")
    parser.add_argument("--tf32", action="store_true", help="TF32 on a GPU, where it is off otherwise")
    parser.add_argument("--try", nargs=2, metavar=("NAME", "PASS"), dest="attempt")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    if options.device == "cuda":
        if not torch.cuda.is_available():
            sys.exit("torch_peer.py: this PyTorch finds no CUDA device.")
        torch.backends.cuda.matmul.allow_tf32 = options.tf32
        torch.backends.cudnn.allow_tf32 = options.tf32
        torch.backends.cudnn.benchmark = True
    else:
        check_matrix_product()
    with open(options.shapes) as file:
        peer = Peer(json.load(file)["shapes"], options.device, options.compile)
    if options.attempt:
        reply = peer.answer({"name": options.attempt[0], "pass": options.attempt[1], "type": "float32", "seconds": 0.5})
        for result in reply.get("results", []):
            print(f"{result['variant']}: {statistics.median(result['samples_ms']):.4f} ms")
        return print(reply["skip"]) if "skip" in reply else None

    details = {"cudnn": str(torch.backends.cudnn.version()), "cuda": str(torch.version.cuda), "gpu": torch.cuda.get_device_name()} if options.device == "cuda" else {
        "parallel": next((line.strip() for line in torch.__config__.parallel_info().split("\n") if "OpenMP" in line), "")}
    print(json.dumps({"engine": "PyTorch", "version": torch.__version__, "threads": torch.get_num_threads(), "details": details}), flush=True)
    for line in sys.stdin:
        print(json.dumps(peer.answer(json.loads(line))), flush=True)


if __name__ == "__main__":
    main()
