# The reference values of tests/reference/values/{reduce,cumulative}.bin, from NumPy 2: python3 tests/reference/make_reductions.py
#
# Every reduction with every option, in the cases that tests/conformance/numpy_reductions_test.cpp names. Sums and products
# are of small multiples of 1/4 and of powers of two, so that they are exact in any order, and NumPy's result is the only
# one. Means and variances are computed in long double and rounded once. Kiln's exceptions to NumPy: sums of halves are
# kept in f32, nanargmin of nothing but NaN is -1.
import warnings

import numpy as np

from complex_values import part_dtype
from make_values import File, dtypes, hashed

warnings.simplefilter("ignore")
np.seterr(all="ignore")

shape = (3, 4, 7)
axes = {"all": (0, 1, 2), "0": (0,), "1": (1,), "2": (2,), "02": (0, 2)}
masks = {
    "m0": np.array([h % 3 != 0 for h in hashed(84, 71)]).reshape(shape),
    "m1": np.array([h % 3 != 0 for h in hashed(4, 72)]).reshape(4, 1),
    "m2": np.array([True, False, True, True, False, False, True]),
    "none": np.zeros(shape, dtype=bool),
}
INITIAL = 3
option_dtypes = {"sum": ["bool", "u8", "i32", "i64", "f16", "f32", "f64", "c64", "c128"],
                 "mean": ["i32", "f16", "f32", "f64", "c64", "c128"], "variance": ["f16", "f32", "f64", "c64", "c128"]}
option_dtypes["prod"] = option_dtypes["sum"]
option_dtypes["stddev"] = option_dtypes["variance"]


# Multiples of 1/4 from -4 to 4, integers in place of them, NaN in a few places and along a whole row where `nan`.
def operand(name, nan):
    dtype = dtypes[name]
    h = np.array([h % 33 for h in hashed(84, 73)]).astype(np.int64)
    if name == "bool":
        x = h % 3 != 0
    elif dtype.kind == "u":
        x = h
    elif dtype.kind == "i":
        x = h - 16
    elif dtype.kind == "f":
        x = (h - 16) / 4
    else:
        x = (h % 9 - 4) / 4 + 1j * np.array([h % 33 for h in hashed(84, 75)]) / 4
    x = x.astype(dtype).reshape(shape)
    if nan:
        x.reshape(-1)[[2, 17, 40, 41, 66]] = np.nan
        x[1, 2, :] = np.nan
        x[:, 3, 5] = np.nan
    return x


# Factors whose product is exact: powers of two, few of them not 1.
def factors(name, nan):
    dtype = dtypes[name]
    if name == "bool":
        return operand(name, False)
    h = np.array([h % 17 for h in hashed(84, 74)])
    x = np.where(h == 1, 2, 1).astype(np.float64)
    if dtype.kind == "i":
        x = np.where(h == 2, -1, x)
    if dtype.kind in "fc":
        x = np.where(h == 2, -0.5, np.where(h == 3, 0.5, x))
    if dtype.kind == "c":
        x = np.where(h == 4, 1j, np.where(h == 5, -2j, x))
    x = x.astype(dtype).reshape(shape)
    if nan:
        x[1, 2, :] = np.nan
        x.reshape(-1)[[2, 17, 40]] = np.nan
    return x


def result_of_mean(x, given):
    return given if given is not None else x.dtype if x.dtype.kind in "fc" else np.dtype("f8")


def longest(dtype):
    return np.clongdouble if dtype.kind == "c" else np.longdouble


def mean(x, axis, dtype=None, where=True, nan=False):
    result = result_of_mean(x, dtype)
    if result.kind not in "fc":
        return np.mean(x, axis=axis, dtype=dtype, where=where)
    wide = x.astype(result).astype(longest(result))
    where = np.broadcast_to(where, x.shape)
    if nan:
        where = where & ~np.isnan(x)
    return (np.sum(wide, axis=axis, where=where) / np.sum(where, axis=axis)).astype(result)


def variance(x, axis, dtype=None, where=True, ddof=0, nan=False):
    result = result_of_mean(x, dtype)
    wide = x.astype(result).astype(longest(result))
    where = np.broadcast_to(where, x.shape)
    if nan:
        where = where & ~np.isnan(x)
    n = np.sum(where, axis=axis)
    middle = np.sum(wide, axis=axis, where=where, keepdims=True) / np.sum(where, axis=axis, keepdims=True)
    squares = np.sum((wide - middle).real ** 2 + (wide - middle).imag ** 2, axis=axis, where=where)
    found = squares / np.maximum(n - ddof, 0)
    if nan and x.dtype.kind in "fc":
        found = np.where(n - ddof <= 0, np.nan, found)
    return found.astype(part_dtype(result) if result in (np.dtype("c8"), np.dtype("c16")) else result.type(0).real.dtype)


def stddev(x, axis, dtype=None, nan=False, **options):
    result = result_of_mean(x, dtype)
    wide = variance(x.astype(result).astype(longest(result)), axis, dtype=np.dtype(longest(result)),
                    nan=nan and x.dtype.kind in "fc", **options)
    return np.sqrt(wide).astype(part_dtype(result) if result.kind == "c" else result)


def position(f, ignores):
    def find(x, axis):
        if not ignores:
            return f(x, axis=axis)
        fill = np.inf if f is np.argmin else -np.inf
        if x.dtype.kind == "c":
            fill = complex(fill, fill)
        is_nan = np.isnan(x)
        # The first element that is one where all are infinite: none of the operands has infinities.
        found = f(np.where(is_nan, fill, x), axis=axis)
        return np.where(np.all(is_nan, axis=axis), -1, found)
    return find


# What NumPy's sum of halves is kept in: Kiln keeps it in f32 and rounds once, exact here.
def total(f, nan):
    def compute(x, axis, dtype=None, where=True, initial=None):
        y = x if dtype is None else x.astype(dtype)
        if nan and x.dtype.kind in "fc":
            where = np.broadcast_to(where, x.shape) & ~np.isnan(x)
        result = f(y[:1], axis=None).dtype if dtype is None else np.dtype(dtype)
        wide = {"f": np.dtype("f8"), "c": np.dtype("c16")}.get(result.kind)
        if wide:
            y = y.astype(wide)
        options = {} if initial is None else {"initial": initial}
        return f(y, axis=axis, where=where, dtype=wide or result, **options).astype(result)
    return compute


def extreme(f, ignoring, nan):
    def compute(x, axis, where=True, initial=None):
        g = ignoring if nan and x.dtype.kind in "fc" else f
        options = {} if initial is None else {"initial": x.dtype.type(initial)}
        return g.reduce(x, axis=axis, where=where, **options)
    return compute


def functions(nan):
    return {
        "sum": total(np.sum, nan), "prod": total(np.prod, nan), "min": extreme(np.minimum, np.fmin, nan),
        "max": extreme(np.maximum, np.fmax, nan), "mean": lambda *a, **o: mean(*a, nan=nan, **o),
        "variance": lambda *a, **o: variance(*a, nan=nan, **o), "stddev": lambda *a, **o: stddev(*a, nan=nan, **o),
        "argmin": position(np.argmin, nan), "argmax": position(np.argmax, nan),
        **({} if nan else {"any": np.any, "all": np.all, "count_nonzero": np.count_nonzero, "ptp": np.ptp}),
    }


file = File("reduce")
for label, mask in masks.items():
    file.add(label, mask)

takes = {
    "sum": {"where", "initial", "dtype"}, "prod": {"where", "initial", "dtype"}, "min": {"where", "initial"},
    "max": {"where", "initial"}, "mean": {"where", "dtype"}, "variance": {"where", "dtype", "ddof"},
    "stddev": {"where", "dtype", "ddof"}, "any": {"where"}, "all": {"where"}, "argmin": set(), "argmax": set(),
    "count_nonzero": set(), "ptp": set(),
}


def cases(function, name):
    options = takes[function]
    yield "", {}
    extremes = function in ("min", "max")
    if "where" in options:
        for label, mask in masks.items():
            yield "/" + label, {"where": mask, **({"initial": INITIAL} if extremes else {})}
    if "initial" in options:
        yield "/initial", {"initial": INITIAL}
    if "ddof" in options:
        yield "/ddof1", {"ddof": 1}
        yield "/ddof5", {"ddof": 5}
        yield "/ddof1/m1", {"ddof": 1, "where": masks["m1"]}
    if "dtype" in options:
        for given in option_dtypes[function]:
            yield "/as " + given, {"dtype": dtypes[given]}


for nan in (False, True):
    for name in dtypes:
        inexact = dtypes[name].kind in "fc"
        if nan and not inexact and name != "i32":
            continue
        plain, product = operand(name, nan and inexact), factors(name, nan and inexact)
        prefix = "nan" if nan else ""
        file.add(f"{prefix}x/{name}", plain)
        file.add(f"{prefix}factors/{name}", product)
        for function, compute in functions(nan).items():
            if function == "ptp" and name == "bool":
                continue
            x = product if function == "prod" else plain
            for axis_label, axis in axes.items():
                if function in ("argmin", "argmax"):
                    if axis_label == "02":
                        continue
                    axis = None if axis_label == "all" else axis[0]
                    if nan and not inexact:
                        compute = position(np.argmin if function == "argmin" else np.argmax, False)
                for suffix, options in cases(function, name):
                    # A NaN has no integer; NumPy's cast of it depends on the machine.
                    given = options.get("dtype")
                    if given is not None and given.kind not in "fc" and x.dtype.kind == "f" and (nan or given.kind == "u"):
                        continue
                    # Nor has a complex number a real one.
                    if given is not None and given.kind != "c" and x.dtype.kind == "c":
                        continue
                    # Of booleans initial 3 is true.
                    if "initial" in options and name == "bool" and function in ("min", "max"):
                        options = {**options, "initial": True}
                    file.add(f"{prefix}{function}/{name}/{axis_label}{suffix}", compute(x, axis=axis, **options))
    # NaN wins in extremes and their positions.
    if not nan:
        for name in ("f16", "f32", "f64", "c64", "c128"):
            x = operand(name, True)
            for function in ("min", "max", "argmin", "argmax", "ptp", "sum", "mean", "any", "count_nonzero"):
                for axis_label, axis in axes.items():
                    if function.startswith("arg"):
                        if axis_label == "02":
                            continue
                        axis = None if axis_label == "all" else axis[0]
                    file.add(f"{function}/{name}/{axis_label}/nan", functions(False)[function](x, axis=axis))
file.write()

# Cumulative sums and products; halves are added in f32, exact here.
file = File("cumulative")
for name in dtypes:
    for function, f, x in (("cumsum", np.cumsum, operand(name, False)), ("cumprod", np.cumprod, factors(name, False))):
        file.add(f"{function}/{name}/x", x)
        for axis_label, axis in {"none": None, "0": 0, "1": 1, "2": 2}.items():
            for given in (None, "i64", "f32"):
                if given is not None and x.dtype.kind == "c":
                    continue  # refused: the imaginary part would be dropped
                y = x if given is None else x.astype(dtypes[given])
                result = f(y[:1]).dtype if given is None else dtypes[given]
                wide = y.astype(np.float64) if result.kind == "f" else y
                found = f(wide, axis=axis, dtype=np.dtype("f8") if result.kind == "f" else result).astype(result)
                file.add(f"{function}/{name}/{axis_label}" + ("" if given is None else "/as " + given), found)
file.write()
