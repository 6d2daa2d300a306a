# The reference values of tests/reference/values, from NumPy 2 and mpmath: python3 tests/reference/make_values.py
#
# Where Kiln differs on purpose (total integer operations, saturating casts, integer powers with negative exponents) the
# value is computed here by Kiln's rule. Mathematical functions are evaluated in NumPy's next wider type (longdouble for
# f64) and rounded once, so that NumPy's own error does not add to the one allowed; those of complex numbers by mpmath
# (complex_values.py).
#
# A file is a list of tensors: length of the name (u8), name, dtype code (u8), rank (u8), extents (i32 each), elements in
# C order. tests/conformance/reference.cpp reads it.
import ctypes
import math
import os
import struct
from fractions import Fraction

import numpy as np

import complex_values

np.seterr(all="ignore")
folder = os.path.join(os.path.dirname(os.path.abspath(__file__)), "values")
os.makedirs(folder, exist_ok=True)

# In the order of Kiln's TypeCode; bf16 is not NumPy's.
codes = {"bool": 0, "i8": 1, "i16": 2, "i32": 3, "i64": 4, "u8": 5, "u16": 6, "u32": 7, "u64": 8, "f16": 9, "f32": 11, "f64": 12,
         "c64": 13, "c128": 14}
dtypes = {"bool": np.dtype("?"), "i8": np.dtype("i1"), "i16": np.dtype("i2"), "i32": np.dtype("i4"), "i64": np.dtype("i8"),
          "u8": np.dtype("u1"), "u16": np.dtype("u2"), "u32": np.dtype("u4"), "u64": np.dtype("u8"), "f16": np.dtype("f2"),
          "f32": np.dtype("f4"), "f64": np.dtype("f8"), "c64": np.dtype("c8"), "c128": np.dtype("c16")}
names = {dtype: name for name, dtype in dtypes.items()}
real_dtypes = {name: dtype for name, dtype in dtypes.items() if dtype.kind != "c"}


class File:
    def __init__(self, name):
        self.path = os.path.join(folder, name + ".bin")
        self.parts = []

    def add(self, name, array):
        array = np.asarray(array)
        header = struct.pack("<B", len(name)) + name.encode()
        header += struct.pack("<BB", codes[names[array.dtype]], array.ndim) + struct.pack(f"<{array.ndim}i", *array.shape)
        self.parts.append(header + np.ascontiguousarray(array).tobytes())

    def write(self):
        with open(self.path, "wb") as file:
            file.write(b"".join(self.parts))


# ---- Operands -------------------------------------------------------------------------------------------------------


def hashed(count, seed):  # splitmix64, as u64
    out = []
    for k in range(count):
        x = ((k + seed * 1000003 + 1) * 0x9E3779B97F4A7C15) & (2**64 - 1)
        x = ((x ^ (x >> 30)) * 0xBF58476D1CE4E5B9) & (2**64 - 1)
        x = ((x ^ (x >> 27)) * 0x94D049BB133111EB) & (2**64 - 1)
        out.append(x ^ (x >> 31))
    return out


def wrapped(numbers, dtype):
    bits = dtype.itemsize * 8
    return np.array([n & (2**bits - 1) for n in numbers], dtype=np.dtype(f"u{dtype.itemsize}")).view(dtype)


def floats(numbers, dtype):
    return np.array(numbers, dtype=np.float64).astype(dtype)


# Magnitudes from 2^-low to 2^high, both signs.
def hashed_floats(count, seed, low, high):
    return [(1 if h & 1 else -1) * 2.0 ** (-low + (h >> 11) / 2**53 * (low + high)) for h in hashed(count, seed)]


def limits(dtype):
    f = np.finfo(dtype)
    return float(f.smallest_subnormal), float(f.tiny), float(f.max)


def paired(re, im, dtype):
    return complex_values.joined(np.array(re, dtype="f8"), np.array(im, dtype="f8"), dtype)


def unary_operands(name):
    dtype = dtypes[name]
    if dtype.kind == "c":
        return complex_operands(dtype)
    if name == "bool":
        return np.array([False, True])
    if dtype.kind in "iu":
        bits = dtype.itemsize * 8
        low = -(2 ** (bits - 1)) if dtype.kind == "i" else 0
        high = 2 ** (bits - 1) - 1 if dtype.kind == "i" else 2**bits - 1
        special = [0, 1, -1, 2, -2, 3, 5, 7, 10, 100, low, low + 1, high, high - 1, high // 2, high // 2 + 1]
        return wrapped(special + hashed(12, 1) + [h % 41 for h in hashed(4, 2)], dtype)
    subnormal, tiny, largest = limits(dtype)
    special = [0.0, -0.0, 1, -1, 0.5, -0.5, 1.5, -1.5, 2.5, -2.5, 3.5, math.inf, -math.inf, math.nan, subnormal, -subnormal, tiny,
               tiny - subnormal, largest, -largest, 0.1, 2, 3, -7, 10, 100, 1e-3, math.pi, 20000.5, -20000.5]
    if name != "f16":
        special += [2.0**24 + 1, 1e10, -1e10, 1e30]
    return floats(special + hashed_floats(10, 3, 3, 3) + hashed_floats(6, 4, 12, 12), dtype)


# Every pair of special parts, and hashed ones near 0, near 1 and far.
def complex_operands(dtype):
    largest = float(np.finfo(dtype).max)
    special = [0.0, -0.0, 1, -1.5, 0.5, math.inf, -math.inf, math.nan]
    re = [x for x in special for _ in special] + [1e-30, 1e-3, 3, -2, largest, -20000.5, 30, -90, 1 + 2.0**-20]
    im = [y for _ in special for y in special] + [1e-30, -2, 1e-3, 2, largest / 2, 10, -1, 40, 2.0**-12]
    for seed, (low, high) in enumerate([(3, 3), (1, 1), (0, 1), (20, 2), (6, 5)]):
        re += hashed_floats(12, 100 + seed, low, high)
        im += hashed_floats(12, 110 + seed, low, high)
    angles = [h / 2**64 * 2 * math.pi for h in hashed(12, 120)]
    near_one = [1 + x * 2.0**-10 for x in hashed_floats(12, 121, 20, 0)]
    re += [r * math.cos(t) for r, t in zip(near_one, angles)]
    im += [r * math.sin(t) for r, t in zip(near_one, angles)]
    return paired(re, im, dtype)


def complex_pair_operands(dtype, seed):
    special = [0.0, -0.0, 1, -2, math.inf, math.nan]
    numbers = [(x, y) for x in special for y in special][::3] + [(0.5, -1.5), (3, 0.0), (-7, 0.0), (1e-20, 1e-20)]
    pairs = [(a, b) for a in numbers for b in numbers]
    a, b = [x for x, _ in pairs], [y for _, y in pairs]
    for low, high in [(3, 3), (1, 1), (20, 2)]:
        parts = [hashed_floats(10, seed + k, low, high) for k in range(4)]
        a += list(zip(parts[0], parts[1]))
        b += list(zip(parts[2], parts[3]))
    return paired(*zip(*a), dtype), paired(*zip(*b), dtype)


def pair_operands(name, seed):
    dtype = dtypes[name]
    if dtype.kind == "c":
        return complex_pair_operands(dtype, seed)
    if name == "bool":
        a = np.array([False, False, True, True])
        b = np.array([False, True, False, True])
        return a, b
    if dtype.kind in "iu":
        bits = dtype.itemsize * 8
        low = -(2 ** (bits - 1)) if dtype.kind == "i" else 0
        high = 2 ** (bits - 1) - 1 if dtype.kind == "i" else 2**bits - 1
        special = [0, 1, -1, 2, low, high, bits - 1, bits]
        a = [x for x in special for _ in special] + hashed(12, seed) + [h % 23 - 5 for h in hashed(12, seed + 1)]
        b = [y for _ in special for y in special] + hashed(12, seed + 2) + [h % 11 for h in hashed(12, seed + 3)]
        return wrapped(a, dtype), wrapped(b, dtype)
    subnormal, _, largest = limits(dtype)
    special = [0.0, -0.0, 1, -1.5, math.inf, -math.inf, math.nan, subnormal, largest]
    a = [x for x in special for _ in special] + hashed_floats(21, seed, 3, 3) + hashed_floats(10, seed + 1, 10, 10)
    b = [y for _ in special for y in special] + hashed_floats(21, seed + 2, 3, 3) + hashed_floats(10, seed + 3, 10, 10)
    return floats(a, dtype), floats(b, dtype)


# ---- Operations -----------------------------------------------------------------------------------------------------

library = ctypes.CDLL("libm.so.6")


# NumPy has no erf: the C library's in long double, rounded to f64 on the way back.
def c_function(name):
    f = library[name]
    f.argtypes, f.restype = [ctypes.c_longdouble], ctypes.c_longdouble
    return lambda x: np.array([f(float(v)) for v in x], dtype=np.float64)


def fused(x, y, z, dtype):
    if not (np.isfinite(x) and np.isfinite(y) and np.isfinite(z)):
        return dtype.type(np.longdouble(x) * np.longdouble(y) + np.longdouble(z))
    exact = Fraction(float(x)) * Fraction(float(y)) + Fraction(float(z))
    if exact == 0:
        return dtype.type(np.float64(x) * np.float64(y) + np.float64(z)) if float(x) * float(y) == 0 else dtype.type(0)
    info = np.finfo(dtype)
    bits, lowest = info.nmant + 1, int(info.minexp)
    size = abs(exact)
    exponent = size.numerator.bit_length() - size.denominator.bit_length()
    while Fraction(2) ** exponent > size:
        exponent -= 1
    while Fraction(2) ** (exponent + 1) <= size:
        exponent += 1
    unit = Fraction(2) ** (max(exponent, lowest) - bits + 1)
    rounded = round(size / unit) * unit  # Fraction rounds half to even
    if rounded > Fraction(float(info.max)):
        result = math.inf
    else:
        result = float(rounded)
    return dtype.type(-result if exact < 0 else result)


def fma(x, y, z):
    dtype = x.dtype
    if dtype == dtypes["f16"]:  # f16 computes in f32 and rounds
        return fma(x.astype("f4"), y.astype("f4"), z.astype("f4")).astype(dtype)
    return np.array([fused(*v, dtype) for v in zip(x, y, z)], dtype=dtype)


def power(x, y):
    if x.dtype.kind == "f":
        return wide(np.power)(x, y)
    if x.dtype.kind == "c":
        return complex_values.function("pow", x, y)
    if x.dtype.kind == "b":
        x, y = x.astype("i1"), y.astype("i1")
    out = []
    for base, exponent in zip(x.tolist(), y.tolist()):
        if exponent >= 0:
            out.append(pow(base, exponent, 2**64) if exponent > 64 else base**exponent)
        else:
            out.append(1 if base == 1 else (-1) ** (exponent % 2) if base == -1 else 0)
    return wrapped(out, x.dtype)


def wide(f):
    def evaluate(*operands):
        if operands[0].dtype.kind == "c":
            return complex_values.function(f.__name__, *operands)
        dtype = f(*[np.ones(1, o.dtype) for o in operands]).dtype
        near = [o.astype(dtype) for o in operands]
        return f(*[o.astype(np.longdouble) for o in near]).astype(dtype)
    return evaluate


def wide_c(f):
    def evaluate(x):
        dtype = np.sqrt(np.ones(1, x.dtype)).dtype
        if dtype.kind == "c":
            raise TypeError("the C library's function takes real numbers")
        return f(x.astype(dtype)).astype(dtype)
    return evaluate


def rounding(f):
    return lambda x: f(x) if x.dtype.kind in "fc" else x


def complex_or(name, f):
    return lambda *x: complex_values.arithmetic(name, *x) if x[-1].dtype.kind == "c" else f(*x)


# 1 / 0 of integers is 0.
def reciprocal(x):
    result = np.reciprocal(x)
    return np.where(x == 0, 0, result).astype(result.dtype) if result.dtype.kind in "iu" else result


# Away from zero, for f16 as for the others.
def spacing(x):
    dtype = np.spacing(np.ones(1, x.dtype)).dtype
    if dtype != dtypes["f16"]:
        return np.spacing(x)
    x = x.astype("f2")
    return (np.nextafter(x, np.where(x < 0, -np.inf, np.inf).astype("f2")).astype("f4") - x.astype("f4")).astype("f2")


def make_complex(re, im):
    common = np.arctan2(np.ones(1, re.dtype), np.ones(1, im.dtype)).dtype
    part = np.dtype("f8") if common == np.dtype("f8") else np.dtype("f4")
    return complex_values.joined(re.astype(part), im.astype(part), np.result_type(part, np.complex64))


# a where a <= b or a is NaN; NumPy's sign of a zero depends on its vector width.
def smallest(a, b):
    return np.where((a <= b) | np.isnan(a), a, b) if a.dtype.kind == "f" else np.minimum(a, b)


def largest(a, b):
    return np.where((a >= b) | np.isnan(a), a, b) if a.dtype.kind == "f" else np.maximum(a, b)


# As C's fmin and fmax: the number where one of the two is NaN.
def smallest_number(a, b):
    return np.where((a <= b) | np.isnan(b), a, b) if a.dtype.kind == "f" else np.fmin(a, b)


def largest_number(a, b):
    return np.where((a >= b) | np.isnan(b), a, b) if a.dtype.kind == "f" else np.fmax(a, b)


# Of equal numbers C's nextafter gives the second, NumPy's of f16 the first: they differ in zeros of different sign.
def next_after(a, b):
    result = np.nextafter(a, b)
    return np.where(a == b, b, result).astype(result.dtype)


unary = {
    "negative": np.negative, "real": lambda x: np.real(x).copy(), "imag": lambda x: np.imag(x).copy(), "conj": np.conjugate,
    "angle": lambda x: np.angle(x) if x.dtype.kind != "c" else complex_values.angle(x), "reciprocal": reciprocal,
    "spacing": spacing, "deg2rad": np.deg2rad, "rad2deg": np.rad2deg, "popcount": np.bitwise_count,
    "lgamma": wide_c(c_function("lgammal")), "tgamma": wide_c(c_function("tgammal")), "bit_not": np.invert, "logical_not": np.logical_not, "abs": complex_or("abs", np.absolute), "sign": complex_or("sign", np.sign),
    "square": complex_or("square", np.square), "sqrt": complex_or("sqrt", np.sqrt), "floor": rounding(np.floor), "ceil": rounding(np.ceil), "trunc": rounding(np.trunc),
    "round": rounding(np.rint), "rint": np.rint, "fabs": np.fabs, "isnan": np.isnan, "isinf": np.isinf, "isfinite": np.isfinite, "signbit": np.signbit,
    "erf": wide_c(c_function("erfl")), "erfc": wide_c(c_function("erfcl")),
}
for name in ["exp", "exp2", "expm1", "log", "log2", "log10", "log1p", "sin", "cos", "tan", "sinh", "cosh", "tanh", "cbrt"]:
    unary[name] = wide(getattr(np, name))
for name in ["sin", "cos", "tan", "sinh", "cosh", "tanh"]:
    unary["a" + name if name.endswith("h") else "a" + name] = wide(getattr(np, "arc" + name))

binary = {
    "add": np.add, "subtract": np.subtract, "multiply": complex_or("multiply", np.multiply), "divide": np.true_divide, "mod": np.remainder,
    "bit_and": np.bitwise_and, "bit_or": np.bitwise_or, "bit_xor": np.bitwise_xor, "left_shift": np.left_shift,
    "right_shift": np.right_shift, "less": np.less, "less_equal": np.less_equal, "greater": np.greater,
    "greater_equal": np.greater_equal, "equal": np.equal, "not_equal": np.not_equal, "logical_and": np.logical_and,
    "logical_or": np.logical_or, "floordiv": np.floor_divide, "minimum": smallest, "maximum": largest,
    "fmin": smallest_number, "fmax": largest_number, "nextafter": next_after,
    "copysign": np.copysign, "fmod": np.fmod, "logical_xor": np.logical_xor, "heaviside": np.heaviside, "gcd": np.gcd,
    "lcm": np.lcm, "logaddexp": wide(np.logaddexp), "logaddexp2": wide(np.logaddexp2), "complex": make_complex, "pow": power, "atan2": wide(np.arctan2), "hypot": wide(np.hypot),
}

# The NumPy function whose result dtype is that of the operation for operands of two dtypes.
promotion = dict(binary)
del promotion["complex"]  # no ufunc
promotion.update({"multiply": np.multiply, "logaddexp": np.logaddexp, "logaddexp2": np.logaddexp2, "minimum": np.minimum, "maximum": np.maximum, "fmin": np.fmin, "fmax": np.fmax, "nextafter": np.nextafter, "pow": np.power, "atan2": np.arctan2, "hypot": np.hypot})


# Whether NumPy refuses is told from its answer to ones; Kiln refuses a bool compared with a number as well.
def refused(f, *operands):
    try:
        f(*[np.ones(1, o.dtype) if isinstance(o, np.ndarray) else o for o in operands])
        return False
    except TypeError:
        return True


# The first operands only where integers become floats: the floats have their own rows.
def shortened(x, result):
    return result[:16] if x.dtype.kind not in "fc" and result.dtype.kind == "f" and result.dtype.itemsize == 8 else result


def write_operations():
    file = File("operations")
    for name in dtypes:
        x = unary_operands(name)
        a, b = pair_operands(name, 10)
        c = np.roll(a, 5)[::-1].copy()
        for label, operand in {"x": x, "a": a, "b": b, "c": c}.items():
            file.add(f"{label}/{name}", operand)
        for op, f in unary.items():
            if not refused(f, x):
                file.add(f"{op}/{name}", shortened(x, f(x)))
        for op, f in binary.items():
            if not refused(f, a, b):
                file.add(f"{op}/{name}", f(a, b) if op == "divide" else shortened(a, f(a, b)))
        condition = np.array([h & 4 != 0 for h in hashed(len(a), 30)])
        file.add(f"condition/{name}", condition)
        file.add(f"select/{name}", np.where(condition, a, b))
        if dtypes[name].kind == "f":
            file.add(f"fma/{name}", fma(a, b, c))
    file.write()


# ---- Two dtypes -----------------------------------------------------------------------------------------------------


def mixed_operand(name, side):
    a, b = pair_operands(name, 10)
    if name == "bool":
        return (a, b)[side]
    if dtypes[name].kind == "c":
        return (a, b)[side][[100, 33, 260, 265, 270, 281]]
    picked = [80, 40, 81, 66, 70, 30] if side == 0 else [82, 44, 83, 67, 71, 2]
    return (a, b)[side][picked]


def write_mixed():
    file = File("mixed")
    for name in dtypes:
        file.add(f"a/{name}", mixed_operand(name, 0))
        file.add(f"b/{name}", mixed_operand(name, 1))
    # The sharpest comparison: equal once both are f64.
    file.add("sharp/i64", np.array([2**63 - 1, 2**53 + 1, -1, 0], dtype="i8"))
    file.add("sharp/u64", np.array([2**63, 2**53, 2**64 - 1, 0], dtype="u8"))
    for op in ["less", "less_equal", "greater", "greater_equal", "equal", "not_equal"]:
        x, y = np.array([2**63 - 1, 2**53 + 1, -1, 0], dtype="i8"), np.array([2**63, 2**53, 2**64 - 1, 0], dtype="u8")
        file.add(f"sharp/{op}", binary[op](x, y))
    for op in promotion:
        table = np.full((len(dtypes), len(dtypes)), 255, dtype="u1")
        for i, left in enumerate(dtypes.values()):
            for j, right in enumerate(dtypes.values()):
                one, two = np.ones(1, left), np.ones(1, right)
                if not refused(promotion[op], one, two):
                    table[i, j] = codes[names[promotion[op](one, two).dtype]]
        file.add(f"dtype/{op}", table)
    # With a Python int or float, which are weak.
    for op in promotion:
        for label, weak in {"int": 1, "float": 1.5, "complex": 1.5j}.items():
            column = [255 if refused(promotion[op], np.ones(1, x), weak) else codes[names[promotion[op](np.ones(1, x), weak).dtype]]
                      for x in dtypes.values()]
            file.add(f"weak_{label}/{op}", np.array(column, dtype="u1"))
    for op in ["add", "divide", "minimum", "less", "copysign"]:
        for left in dtypes:
            for right in dtypes:
                if left == right or (op in ("less",) and "bool" in (left, right)):
                    continue
                x, y = mixed_operand(left, 0), mixed_operand(right, 1)
                n = min(len(x), len(y))
                x, y = x[:n], y[:n]
                if refused(promotion[op], x, y):
                    continue
                if op == "minimum":
                    common = np.result_type(x, y)
                    file.add(f"{op}/{left}/{right}", smallest(x.astype(common), y.astype(common)))
                else:
                    file.add(f"{op}/{left}/{right}", binary[op](x, y))
    file.write()


# ---- Casts ----------------------------------------------------------------------------------------------------------


def cast(x, to):
    if x.dtype.kind != "f" or to.kind not in "iu":
        return x.astype(to)
    info = np.iinfo(to)
    return np.array([0 if math.isnan(v) else info.max if v >= float(info.max) + 1 else info.min if v <= info.min else int(v)
                     for v in x.astype("f8").tolist()], dtype=to)


def write_casts():
    file = File("casts")
    for left in dtypes:
        x = unary_operands(left)[:48] if dtypes[left].kind == "c" else unary_operands(left)
        if dtypes[left].kind == "f":
            edges = [127.5, 128, -128.9, -129, 255.9, 256, -0.9, 32767.9, 65504]
            if left != "f16":
                edges += [65519.9, 65520, 2.0**31, -(2.0**31) - 1, 2.0**32, 2.0**63, -(2.0**63), 2.0**64, 1 + 2.0**-11 + 2.0**-24]
            x = np.concatenate([x, floats(edges, dtypes[left])])
        file.add(f"x/{left}", x)
        for right in dtypes:
            if dtypes[left].kind != "c" or dtypes[right].kind in "bc":  # else Kiln refuses: the imaginary part is lost
                file.add(f"{left}/{right}", cast(x, dtypes[right]))
    file.write()


# ---- Reductions -----------------------------------------------------------------------------------------------------

shape = (3, 4, 7)
# Axes by name: "all" is every axis.
axes = {"all": None, "0": 0, "1": 1, "2": 2, "02": (0, 2)}


def reduction_input(name):
    dtype = dtypes[name]
    count = int(np.prod(shape))
    if name == "bool":
        return np.array([h & 7 != 0 for h in hashed(count, 50)]).reshape(shape)
    if dtype.kind in "iu":
        return wrapped(hashed(count, 51), dtype).reshape(shape)
    if dtype.kind == "c":
        return paired(hashed_floats(count, 52, 2, 1), hashed_floats(count, 53, 2, 1), dtype).reshape(shape)
    return floats(hashed_floats(count, 52, 2, 1), dtype).reshape(shape)


def write_reductions():
    file = File("reductions")
    for name in dtypes:
        x = reduction_input(name)
        file.add(f"x/{name}", x)
        with_nan = x.copy()
        if x.dtype.kind in "fc":
            with_nan[1, 2, 3] = np.nan
            file.add(f"nan/{name}", with_nan)
        for label, axis in axes.items():
            wider = {"f": np.longdouble, "c": np.clongdouble}.get(x.dtype.kind)
            double = "c16" if x.dtype.kind == "c" else "f8"
            exact = x.astype(wider) if wider else x
            total, product = np.sum(exact, axis=axis), np.prod(exact, axis=axis)
            if wider:
                total, product = total.astype(double), product.astype(double)
                file.add(f"sum_abs/{name}/{label}", np.sum(np.abs(exact), axis=axis).astype("f8"))
            file.add(f"sum/{name}/{label}", total)
            file.add(f"prod/{name}/{label}", product)
            file.add(f"mean/{name}/{label}", np.mean(x.astype(wider or np.longdouble), axis=axis).astype(double))
            file.add(f"min/{name}/{label}", np.min(x, axis=axis))
            file.add(f"max/{name}/{label}", np.max(x, axis=axis))
            file.add(f"any/{name}/{label}", np.any(x, axis=axis))
            file.add(f"all/{name}/{label}", np.all(x, axis=axis))
            if wider:
                file.add(f"nan_min/{name}/{label}", np.min(with_nan, axis=axis))
                file.add(f"nan_max/{name}/{label}", np.max(with_nan, axis=axis))
    file.write()


# ---- Creation, slices, broadcasting ---------------------------------------------------------------------------------


def write_shapes():
    file = File("shapes")
    for k, args in enumerate([(5,), (0,), (-3,), (2, 9), (9, 2), (9, 2, -2), (0, 10, 3), (0, 9, 3), (1, -8, -3)]):
        file.add(f"arange_integer/{k}", np.arange(*args, dtype="i8"))
    for k, args in enumerate([(4.0,), (0.1, 1.0, 0.3), (0.0, 1.0, 0.1), (1.0, 0.0, -0.25), (0.5, 0.5, 1.0), (-1e10, 1e10, 3.3e9),
                              (2.5,), (0.3, 7.0, 0.7)]):
        file.add(f"arange_floating/{k}", np.arange(*args))
    for k, args in enumerate([(0.0, 1.0, 11), (1.0, -1.0, 7), (0.1, 0.7, 5), (3.0, 4.0, 1), (3.0, 4.0, 0), (0.0, 1e300, 4), (-1.0, 2.0, 50)]):
        file.add(f"linspace/{k}", np.linspace(*args))
    for n in [0, 1, 4]:
        file.add(f"eye/{n}", np.eye(n))
        file.add(f"eye_i32/{n}", np.eye(n, dtype="i4"))
    # Every slice of short axes: length and first index of what remains; 99 stands for an open end.
    ends = [99] + list(range(-7, 8))
    slices = []
    for n in range(7):
        x = np.arange(n)
        for low in ends:
            for high in ends:
                for step in [1, 2, 3, -1, -2]:
                    y = x[slice(None if low == 99 else low, None if high == 99 else high, step)]
                    slices.append([len(y), y[0] if len(y) else 0])
    file.add("slices", np.array(slices, dtype="u1"))
    # Broadcasting of shapes: the sum of two aranges, one scaled.
    pairs = [((3, 4), (4,)), ((3, 4), (3, 1)), ((3, 1), (1, 4)), ((2, 3, 4), (3, 1)), ((4,), ()), ((), ()), ((1,), (5,)),
             ((2, 1, 4), (1, 3, 1)), ((0, 3), (1, 3)), ((1, 3), (0, 1)), ((5, 1, 2, 1), (3, 1, 4))]
    for k, (left, right) in enumerate(pairs):
        x = np.arange(int(np.prod(left)), dtype="i8").reshape(left)
        y = 1000 * np.arange(int(np.prod(right)), dtype="i8").reshape(right)
        file.add(f"broadcast/{k}", x + y)
        file.add(f"broadcast_left/{k}", x)
        file.add(f"broadcast_right/{k}", y)
    file.write()


# ---- Functions of arrays --------------------------------------------------------------------------------------------

tolerances = [(1e-5, 1e-8), (0.1, 0.0), (0.0, 1.0), (0.5, 0.25)]


def close(a, b):
    return np.array([[np.allclose(x, y, *t) for x, y in zip(a, b)] for t in tolerances])


def write_functions():
    file = File("functions")
    for name in dtypes:
        dtype = dtypes[name]
        m = reduction_input(name).reshape(12, 7)
        file.add(f"m/{name}", m)
        for label, x in {"whole": m, "transposed": m.T, "slices": m[::-2, 1::2]}.items():
            file.add(f"diagonal/{name}/{label}", np.diagonal(x))
            file.add(f"trace/{name}/{label}", np.trace(x.astype("g")).astype("f8") if dtype.kind == "f" else np.trace(x.astype("G")).astype("c16") if dtype.kind == "c" else np.trace(x))
        fortran = np.asfortranarray(m)
        file.add(f"reshape/{name}/fortran", fortran.reshape(7, 12))
        file.add(f"reshape/{name}/transposed", fortran.T.reshape(4, 3, 7))
        file.add(f"reshape/{name}/slices", fortran[::-1, ::2].reshape(-1, 6))
        file.add(f"reshape/{name}/ravel", fortran.ravel())
        file.add(f"item/{name}", np.array(fortran[4:5, 5:6].item(), dtype=dtype))
        file.add(f"zeros_like/{name}", np.zeros_like(fortran))
        file.add(f"ones_like/{name}", np.ones_like(fortran))
        file.add(f"full_like/{name}", np.full_like(fortran, 3))
        if name != "bool":
            low, high = np.roll(m, 1), np.roll(m, 5)
            file.add(f"clip_arrays/{name}", np.clip(m, low, high))
            file.add(f"clip_rows/{name}", np.clip(m, low[0], high[:, :1]))
            file.add(f"clip_numbers/{name}", np.clip(m, 1, 3))
        a, b = pair_operands(name, 60)
        near = a.copy() if name == "bool" else a + dtype.type(1)
        a, b = np.concatenate([a, a]), np.concatenate([b, near])
        file.add(f"a/{name}", a)
        file.add(f"b/{name}", b)
        file.add(f"allclose/{name}", close(a, b))
        file.add(f"array_equal/{name}", np.array([np.array_equal(x, y) for x, y in zip(a[:, None], b[:, None])]))
    for left in dtypes:
        for right in dtypes:
            x, y = mixed_operand(left, 0), mixed_operand(right, 1)
            n = min(len(x), len(y))
            x, y = x[:n], y[:n]
            file.add(f"allclose/{left}/{right}", close(x, y))
            file.add(f"array_equal/{left}/{right}", np.array([np.array_equal(u, v) for u, v in zip(x[:, None], y[:, None])]))
    file.write()


if __name__ == "__main__":
    write_operations()
    write_mixed()
    write_casts()
    write_reductions()
    write_shapes()
    write_functions()
    for name in sorted(os.listdir(folder)):
        print(name, os.path.getsize(os.path.join(folder, name)))
