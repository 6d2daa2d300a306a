#!/usr/bin/env python3
"""What CuPy, PyTorch, JAX and numba-cuda take for the rows of `kiln-bench --device cuda`, where they are installed.

    peers.py [--sizes bench.json] [--out peers.json] [--seconds N] [--quick] [--peers cupy,torch,jax,numba]

Each peer runs in a process of its own. Sizes are those of the benchmark's JSON, or smaller ones where it is not given. As
there, a sample is a batch of calls and one wait for the GPU, and the median of the samples counts; of `call_4` the clock
stops before the wait. A peer that is not there, or a row that it cannot do, says so in "absent".
"""
import argparse
import json
import math
import os
import statistics
import subprocess
import sys
import tempfile
import time

names = {"cupy": "CuPy", "torch": "PyTorch", "jax": "JAX", "numba": "numba-cuda"}
default_sizes = [("copy", 1 << 26), ("triad", 1 << 26), ("chain6", 1 << 26), ("sum", 1 << 27), ("dot", 1 << 27),
                 ("sum_axis0_8192x8192", 1 << 26), ("sum_axis1_8192x8192", 1 << 26), ("black_scholes", 1 << 24),
                 ("mandelbrot", 4096), ("nbody", 16384), ("call_4", 1)]


# ---- The rows, in terms of a peer's arrays ----------------------------------------------------------------------------

def inputs_of(row):
    """How many inputs, and their ranges."""
    if row.startswith("sum_axis") or row == "sum":
        return [(0, 1)]
    return {"copy": [(1, 2)], "triad": [(1, 2)] * 2, "chain6": [(1, 2)] * 4, "dot": [(0, 1)] * 2,
            "black_scholes": [(10, 100), (10, 100), (0.2, 2)], "nbody": [(-1, 1)] * 3 + [(0.5, 1.5)],
            "call_4": [(1, 2)] * 4, "mandelbrot": []}[row]


def expected(row, numpy, arrays, axis):
    """What is right, from NumPy arrays, in f64."""
    a = [x.astype("f8") for x in arrays]
    if row == "copy":
        return [a[0]]
    if row == "triad":
        return [a[0] + 3 * a[1]]
    if row == "chain6":
        return [((a[0] + a[1]) * a[2] - a[3]) * a[0] + a[1] * a[3]]
    if row == "sum":
        return [a[0].sum()]
    if row == "dot":
        return [(a[0] * a[1]).sum()]
    if row.startswith("sum_axis"):
        return [a[0].sum(axis=axis)]
    if row == "call_4":
        return [a[0] + a[1] + a[2] + a[3]]
    if row == "black_scholes":
        erfc = numpy.vectorize(math.erfc)
        spot, strike, years = a
        root = numpy.sqrt(years)
        d1 = (numpy.log(spot / strike) + (0.02 + 0.045) * years) / (0.3 * root)
        d2 = d1 - 0.3 * root
        cdf = lambda x: 0.5 * erfc(-x / math.sqrt(2))
        discounted = strike * numpy.exp(-0.02 * years)
        return [spot * cdf(d1) - discounted * cdf(d2), discounted * cdf(-d2) - spot * cdf(-d1)]
    if row == "nbody":
        x, y, z, mass = a
        sums = []
        dx, dy, dz = (v[None, :] - v[:, None] for v in (x, y, z))
        weight = mass[None, :] * (dx * dx + dy * dy + dz * dz + 0.01) ** -1.5
        for d in (dx, dy, dz):
            sums.append((d * weight).sum(axis=1))
        return sums
    if row == "mandelbrot":
        side = arrays_side
        c = (-2 + 2.5 * numpy.arange(side) / side)[None, :] + 1j * (-1.25 + 2.5 * numpy.arange(side) / side)[:, None]
        z, steps = numpy.zeros_like(c), numpy.zeros(c.shape)
        for _ in range(200):
            inside = z.real ** 2 + z.imag ** 2 < 4
            z = numpy.where(inside, z * z + c, z)
            steps += inside
        return [steps]
    raise KeyError(row)


arrays_side = 0
small = {"mandelbrot": 64, "nbody": 256, "call_4": 1}  # sizes at which results are compared


# ---- Peers: functions by row, on arrays of their own --------------------------------------------------------------------

class NumPy:
    """On the host: to test this script."""

    def __init__(self):
        import numpy
        self.numpy = self.xp = numpy
        self.version = numpy.__version__

    def array(self, host):
        return host.copy()

    def repeated(self, host, times):
        """The array so many times, one after the other."""
        return self.xp.tile(self.array(host), times)

    def host(self, array):
        return self.numpy.asarray(array)

    def synchronize(self):
        pass

    def function(self, row, dtype, axis, side):
        xp = self.xp
        scalar = xp.dtype(dtype).type
        return {
            "copy": lambda b: b.copy(),
            "triad": lambda b, c: b + scalar(3) * c,
            "chain6": lambda a, b, c, d: ((a + b) * c - d) * a + b * d,
            "sum": lambda x: x.sum(),
            "dot": lambda x, y: xp.dot(x, y),
            "sum_axis": lambda x: x.sum(axis=axis),
            "call_4": lambda x, y, z, w: x + y + z + w,
        }.get(row)


class CuPy(NumPy):
    def __init__(self):
        import cupy
        import numpy
        self.numpy, self.xp = numpy, cupy
        self.version = cupy.__version__
        cupy.zeros(1)

    def array(self, host):
        return self.xp.asarray(host)

    def host(self, array):
        return self.xp.asnumpy(array)

    def synchronize(self):
        self.xp.cuda.Device().synchronize()

    def function(self, row, dtype, axis, side):
        cupy = self.xp
        scalar = self.numpy.dtype(dtype).type
        if row == "triad":
            three = scalar(3)
            fused = cupy.fuse()(lambda b, c, s: b + s * c)
            return lambda b, c: fused(b, c, three)
        if row == "chain6":
            return cupy.fuse()(lambda a, b, c, d: ((a + b) * c - d) * a + b * d)
        if row == "call_4":
            return cupy.fuse()(lambda x, y, z, w: x + y + z + w)
        if row == "black_scholes":
            return cupy.ElementwiseKernel("T spot, T strike, T years", "T call, T put", """
                T root = sqrt(years), d1 = (log(spot / strike) + T(0.065) * years) / (T(0.3) * root);
                T d2 = d1 - T(0.3) * root, discounted = strike * exp(T(-0.02) * years), r = T(1.4142135623730951);
                call = spot * (T(0.5) * erfc(-d1 / r)) - discounted * (T(0.5) * erfc(-d2 / r));
                put = discounted * (T(0.5) * erfc(d2 / r)) - spot * (T(0.5) * erfc(d1 / r));""", "black_scholes")
        if row == "mandelbrot":
            kernel = cupy.ElementwiseKernel("int64 side", "T steps", """
                T cr = T(-2) + T(2.5) * T(i % side) / T(side), ci = T(-1.25) + T(2.5) * T(i / side) / T(side);
                T zr = 0, zi = 0;
                int n = 0;
                while (zr * zr + zi * zi < T(4) && n < 200) {
                  T t = zr * zr - zi * zi + cr;
                  zi = T(2) * zr * zi + ci;
                  zr = t;
                  ++n;
                }
                steps = T(n);""", "mandelbrot")
            return lambda: kernel(side, cupy.empty((side, side), dtype))
        if row == "nbody":
            return None  # a kernel in CUDA C++, as the native
        return super().function(row, dtype, axis, side)


class PyTorch(NumPy):
    def __init__(self):
        import numpy
        import torch
        self.numpy, self.torch = numpy, torch
        self.version = torch.__version__
        if not torch.cuda.is_available():
            raise RuntimeError("PyTorch sees no GPU")
        torch.zeros(1, device="cuda")

    def array(self, host):
        return self.torch.from_numpy(host).cuda()

    def repeated(self, host, times):
        return self.array(host).repeat(times)

    def host(self, array):
        return array.cpu().numpy()

    def synchronize(self):
        self.torch.cuda.synchronize()

    def function(self, row, dtype, axis, side):
        torch = self.torch
        if row == "copy":
            return lambda b: b.clone()
        if row == "dot":
            return torch.dot
        if row == "mandelbrot":
            return None  # no loop in an element

        def black_scholes(spot, strike, years):
            root = torch.sqrt(years)
            d1 = (torch.log(spot / strike) + 0.065 * years) / (0.3 * root)
            d2 = d1 - 0.3 * root
            discounted = strike * torch.exp(-0.02 * years)
            cdf = lambda x: 0.5 * torch.erfc(-x / 1.4142135623730951)
            return spot * cdf(d1) - discounted * cdf(d2), discounted * cdf(-d2) - spot * cdf(-d1)

        def nbody(x, y, z, mass):
            dx, dy, dz = (v[None, :] - v[:, None] for v in (x, y, z))
            inverse = torch.rsqrt(dx * dx + dy * dy + dz * dz + 0.01)
            weight = mass[None, :] * (inverse * inverse * inverse)
            return (dx * weight).sum(1), (dy * weight).sum(1), (dz * weight).sum(1)

        plain = {
            "triad": lambda b, c: b + 3 * c,
            "chain6": lambda a, b, c, d: ((a + b) * c - d) * a + b * d,
            "sum": lambda x: x.sum(),
            "sum_axis": lambda x: x.sum(axis),
            "call_4": lambda x, y, z, w: x + y + z + w,
            "black_scholes": black_scholes,
            "nbody": nbody,
        }[row]
        return plain if row in ("sum", "sum_axis") else torch.compile(plain, dynamic=True)


class Jax(NumPy):
    def __init__(self):
        os.environ.setdefault("XLA_PYTHON_CLIENT_PREALLOCATE", "false")
        import jax
        import numpy
        jax.config.update("jax_enable_x64", True)
        self.numpy, self.jax = numpy, jax
        self.version = jax.__version__
        if jax.default_backend() != "gpu":
            raise RuntimeError("JAX sees no GPU")
        self.last = jax.numpy.zeros(1)

    def array(self, host):
        return self.jax.device_put(host)

    def repeated(self, host, times):
        return self.jax.numpy.tile(self.array(host), times)

    def host(self, array):
        return self.numpy.asarray(array)

    def synchronize(self):
        self.jax.block_until_ready(self.last)

    def function(self, row, dtype, axis, side):
        jax, jnp = self.jax, self.jax.numpy

        def black_scholes(spot, strike, years):
            root = jnp.sqrt(years)
            d1 = (jnp.log(spot / strike) + 0.065 * years) / (0.3 * root)
            d2 = d1 - 0.3 * root
            discounted = strike * jnp.exp(-0.02 * years)
            cdf = lambda x: 0.5 * jax.scipy.special.erfc(-x / 1.4142135623730951)
            return spot * cdf(d1) - discounted * cdf(d2), discounted * cdf(-d2) - spot * cdf(-d1)

        def nbody(x, y, z, mass):
            dx, dy, dz = (v[None, :] - v[:, None] for v in (x, y, z))
            inverse = 1 / jnp.sqrt(dx * dx + dy * dy + dz * dz + 0.01)
            weight = mass[None, :] * (inverse * inverse * inverse)
            return (dx * weight).sum(1), (dy * weight).sum(1), (dz * weight).sum(1)

        def mandelbrot():
            at = jnp.arange(side, dtype=dtype)
            cr = (-2 + 2.5 * at / side).astype(dtype)[None, :]
            ci = (-1.25 + 2.5 * at / side).astype(dtype)[:, None]

            def turn(_, state):
                zr, zi, steps = state
                inside = zr * zr + zi * zi < 4
                return (jnp.where(inside, zr * zr - zi * zi + cr, zr), jnp.where(inside, 2 * zr * zi + ci, zi),
                        steps + inside)
            zero = jnp.zeros((side, side), dtype)
            return jax.lax.fori_loop(0, 200, turn, (zero, zero, zero))[2]

        compiled = jax.jit({
            "copy": lambda b: jnp.copy(b),
            "triad": lambda b, c: b + 3 * c,
            "chain6": lambda a, b, c, d: ((a + b) * c - d) * a + b * d,
            "sum": lambda x: x.sum(),
            "dot": jnp.dot,
            "sum_axis": lambda x: x.sum(axis),
            "call_4": lambda x, y, z, w: x + y + z + w,
            "black_scholes": black_scholes,
            "nbody": nbody,
            "mandelbrot": mandelbrot,
        }[row])

        def call(*arguments):
            self.last = compiled(*arguments)
            return self.last
        return call


class Numba(NumPy):
    def __init__(self):
        global cuda  # a kernel looks the name up among the module's
        import numba
        import numpy
        from numba import cuda
        self.numpy = numpy
        self.version = numba.__version__
        if not cuda.is_available():
            raise RuntimeError("numba-cuda sees no GPU")
        cuda.to_device(numpy.zeros(1))

    def array(self, host):
        return cuda.to_device(host)

    def repeated(self, host, times):
        base, whole = self.array(host), cuda.device_array(host.size * times, host.dtype)
        for k in range(times):
            whole[k * host.size:(k + 1) * host.size].copy_to_device(base)
        return whole

    def host(self, array):
        return array.copy_to_host() if hasattr(array, "copy_to_host") else self.numpy.asarray(array)

    def synchronize(self):
        cuda.synchronize()

    def function(self, row, dtype, axis, side):
        numpy = self.numpy
        scalar = numpy.dtype(dtype).type

        def elementwise(kernel, outputs=1):
            compiled = cuda.jit(kernel)

            def call(*arguments):
                results = [cuda.device_array(arguments[0].shape, dtype) for _ in range(outputs)]
                blocks = (arguments[0].size + 255) // 256
                compiled[blocks, 256](*arguments, *results)
                return tuple(results) if outputs > 1 else results[0]
            return call

        if row == "copy":
            def copy(b, out):
                i = cuda.grid(1)
                if i < out.size:
                    out[i] = b[i]
            return elementwise(copy)
        if row == "triad":
            s = scalar(3)

            def triad(b, c, out):
                i = cuda.grid(1)
                if i < out.size:
                    out[i] = b[i] + s * c[i]
            return elementwise(triad)
        if row == "chain6":
            def chain6(a, b, c, d, out):
                i = cuda.grid(1)
                if i < out.size:
                    out[i] = ((a[i] + b[i]) * c[i] - d[i]) * a[i] + b[i] * d[i]
            return elementwise(chain6)
        if row == "call_4":
            def add(x, y, z, w, out):
                i = cuda.grid(1)
                if i < out.size:
                    out[i] = x[i] + y[i] + z[i] + w[i]
            return elementwise(add)
        if row == "sum":
            reduce = cuda.reduce(lambda a, b: a + b)
            result = cuda.device_array(1, dtype)

            def total(x):
                reduce(x, res=result)
                return result
            return total
        if row == "black_scholes":
            half, root_of_2, rate, drift, volatility = map(scalar, (0.5, math.sqrt(2), 0.02, 0.065, 0.3))

            def black_scholes(spot, strike, years, call, put):
                i = cuda.grid(1)
                if i < call.size:
                    root = math.sqrt(years[i])
                    d1 = (math.log(spot[i] / strike[i]) + drift * years[i]) / (volatility * root)
                    d2 = d1 - volatility * root
                    discounted = strike[i] * math.exp(-rate * years[i])
                    call[i] = (spot[i] * (half * math.erfc(-d1 / root_of_2)) -
                               discounted * (half * math.erfc(-d2 / root_of_2)))
                    put[i] = (discounted * (half * math.erfc(d2 / root_of_2)) -
                              spot[i] * (half * math.erfc(d1 / root_of_2)))
            return elementwise(black_scholes, 2)
        if row == "nbody":
            one, softening, zero = map(scalar, (1, 0.01, 0))

            def nbody(x, y, z, mass, ax, ay, az):
                i = cuda.grid(1)
                if i < x.size:
                    sx, sy, sz = zero, zero, zero
                    for j in range(x.size):
                        dx, dy, dz = x[j] - x[i], y[j] - y[i], z[j] - z[i]
                        inverse = one / math.sqrt(dx * dx + dy * dy + dz * dz + softening)
                        weight = mass[j] * (inverse * inverse * inverse)
                        sx += dx * weight
                        sy += dy * weight
                        sz += dz * weight
                    ax[i], ay[i], az[i] = sx, sy, sz
            return elementwise(nbody, 3)
        if row == "mandelbrot":
            xmin, width, ymin, two, four, zero, extent = map(scalar, (-2, 2.5, -1.25, 2, 4, 0, side))

            @cuda.jit
            def mandelbrot(image):
                column, line = cuda.grid(2)
                if column < image.shape[1] and line < image.shape[0]:
                    cr = xmin + width * scalar(column) / extent
                    ci = ymin + width * scalar(line) / extent
                    zr, zi, steps = zero, zero, 0
                    while zr * zr + zi * zi < four and steps < 200:
                        t = zr * zr - zi * zi + cr
                        zi = two * zr * zi + ci
                        zr = t
                        steps += 1
                    image[line, column] = steps

            def picture():
                image = cuda.device_array((side, side), dtype)
                mandelbrot[((side + 31) // 32, (side + 7) // 8), (32, 8)](image)
                return image
            return picture
        return None  # sums along an axis and dot: numba-cuda has none


peers = {"numpy": NumPy, "cupy": CuPy, "torch": PyTorch, "jax": Jax, "numba": Numba}


# ---- Measuring ----------------------------------------------------------------------------------------------------------

def split(bench):
    """("sum_axis", 1, (rows, columns)) of sum_axis1_4096x4096; else the name itself."""
    if not bench.startswith("sum_axis"):
        return bench, 0, None
    head, extents = bench.split("_")[1:]
    return "sum_axis", int(head[-1]), tuple(int(x) for x in extents.split("x"))


def random_arrays(peer, bench, n, dtype):
    random = peer.numpy.random.default_rng(1)
    scalar = peer.numpy.dtype(dtype).type
    return [random.random(n, dtype=dtype) * scalar(high - low) + scalar(low) for low, high in inputs_of(bench)]


def arguments_of(peer, bench, n, extents, dtype):
    """Of large arrays the first numbers are random and repeat: making more takes longer than all that is measured."""
    base = min(n, 1 << 24)
    arrays = [peer.repeated(x, n // base) for x in random_arrays(peer, bench, base, dtype)]
    return [x.reshape(extents) if extents else x for x in arrays]


def check(peer, bench, row, axis, dtype):
    """At a small size: the rows are the same functions there."""
    global arrays_side
    n = small.get(row, 4096)
    arrays_side = n
    extents = (64, 64) if row == "sum_axis" else None
    host = [x.reshape(extents) if extents else x for x in random_arrays(peer, bench, n, dtype)]
    function = peer.function(row, dtype, axis, n)
    if function is None:
        raise NotImplementedError("it has no such function")
    results = function(*[peer.array(x) for x in host])
    peer.synchronize()
    results = results if isinstance(results, (tuple, list)) else (results,)
    for got, want in zip(results, expected(bench, peer.numpy, host, axis), strict=True):
        got = peer.host(got).astype("f8").reshape(-1)
        want = peer.numpy.asarray(want).reshape(-1)
        error = peer.numpy.abs(got - want)
        bound = (2e-5 if dtype == "f4" else 1e-10) * max(1.0, float(peer.numpy.abs(want).max()))
        wrong = int((error > bound).sum())
        # Contraction moves pixels at the edge of the set.
        if got.shape != want.shape or wrong > (0.02 * want.size if row == "mandelbrot" else 0):
            raise ValueError(f"{wrong} of {want.size} results are wrong")


def samples_of(peer, call, launches, rounds):
    """Seconds of a call, in each round."""
    def batch(count):
        begin = time.perf_counter()
        for _ in range(count):
            result = call()
        if not launches:
            peer.synchronize()
        seconds = time.perf_counter() - begin
        peer.synchronize()
        del result
        return seconds
    batch(2)
    if launches:
        count = 100
    else:
        count = max(1, min(10000, int(20e-3 / max(batch(1), 1e-6)) + 1))
    batch(count)
    return [batch(count) / count for _ in range(rounds)], count


def measure(name, sizes, seconds, quick):
    begin = time.perf_counter()
    peer = peers[name]()
    context = time.perf_counter() - begin
    output = {"peer": names.get(name, name), "version": peer.version, "import_and_context_seconds": context,
              "records": [], "absent": []}
    for bench, dtype, n in sizes:
        row, axis, extents = split(bench)
        try:
            if time.perf_counter() - begin > seconds:
                raise TimeoutError("no time was left")
            check(peer, bench, row, axis, dtype)
            arguments = arguments_of(peer, bench, n, extents, dtype)
            function = peer.function(row, dtype, axis, n)
            samples, count = samples_of(peer, lambda: function(*arguments), row == "call_4", 3 if quick else 9)
            output["records"].append({
                "bench": bench, "variant": name, "dtype": {"f4": "f32", "f8": "f64"}[dtype], "n": n,
                "seconds_median": statistics.median(samples), "seconds_min": min(samples),
                "runs": count * len(samples), "checked": True})
        except Exception as error:  # whatever a peer raises is what it says of the row
            output["absent"].append({"bench": bench, "dtype": dtype, "why": f"{type(error).__name__}: {error}"[:300]})
        arguments = function = None
    print(json.dumps(output))


def sizes_from(file, quick):
    if not file:
        return [(bench, dtype, n) for dtype in ("f4", "f8") for bench, n in default_sizes]
    sizes = []
    for record in json.load(open(file))["records"]:
        known = record["bench"].startswith("sum_axis") or any(record["bench"] == bench for bench, _ in default_sizes)
        entry = (record["bench"], {"f32": "f4", "f64": "f8"}[record["dtype"]], record["n"])
        if record["variant"] == "kiln" and known and entry not in sizes:
            sizes.append(entry)
    return sorted(sizes, key=lambda entry: entry[1])


def run_peer(name, options, seconds):
    command = [sys.executable, __file__, "--measure", name, "--seconds", str(seconds * 0.9)]
    command += ["--quick"] if options.quick else []
    command += ["--sizes", options.sizes] if options.sizes else []
    with tempfile.TemporaryDirectory() as caches:
        # What an earlier run compiled must not stand in for it.
        environment = dict(os.environ, CUPY_CACHE_DIR=caches + "/cupy", TORCHINDUCTOR_CACHE_DIR=caches + "/inductor",
                           TRITON_CACHE_DIR=caches + "/triton")
        try:
            done = subprocess.run(command, capture_output=True, text=True, timeout=seconds, env=environment)
        except subprocess.TimeoutExpired:
            return {"peer": names.get(name, name), "why": f"took more than {seconds:.0f} s"}
    if done.returncode == 0:
        return json.loads(done.stdout.splitlines()[-1])
    return {"peer": names.get(name, name), "why": (done.stderr.strip().splitlines() or ["no message"])[-1][:300]}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sizes")
    parser.add_argument("--out")
    parser.add_argument("--seconds", type=float, default=240)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--peers", default=",".join(names))
    parser.add_argument("--measure", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.measure:
        return measure(options.measure, sizes_from(options.sizes, options.quick), options.seconds, options.quick)

    document = {"peers": [], "absent": []}
    chosen, begin = options.peers.split(","), time.perf_counter()
    for index, name in enumerate(chosen):
        left = options.seconds - (time.perf_counter() - begin)
        result = run_peer(name, options, max(5.0, left / (len(chosen) - index)))
        document["absent" if "why" in result else "peers"].append(result)
        if "why" in result:
            print(f"{result['peer']:<12} absent: {result['why']}")
        else:
            print(f"{result['peer']:<12} {result['version']}: {len(result['records'])} rows")
            for missing in result["absent"]:
                print(f"    {missing['bench']} {missing['dtype']}: {missing['why']}")
    if options.out:
        with open(options.out, "w") as out:
            json.dump(document, out, indent=1)


if __name__ == "__main__":
    main()
