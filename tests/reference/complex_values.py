# Reference values of complex numbers: arithmetic as Kiln defines it, functions by mpmath with 60 digits, rounded once.
# Where an operand is zero in a part or not finite NumPy says which zeros, infinities and signs the result has.
import mpmath
import numpy as np

mpmath.mp.dps = 60


def part_dtype(dtype):
    return np.dtype("f4") if dtype == np.dtype("c8") else np.dtype("f8")


def joined(re, im, dtype):
    result = np.empty(np.broadcast(re, im).shape, dtype=dtype)
    result.real, result.imag = re, im
    return result


def product(a, b):
    return joined(a.real * b.real - a.imag * b.imag, a.real * b.imag + a.imag * b.real, a.dtype)


# Rounded from long double, whose range also holds the squares of f64.
def magnitude(z):
    return np.hypot(z.real.astype("g"), z.imag.astype("g"))


def angle(z):
    return np.arctan2(z.imag.astype("g"), z.real.astype("g")).astype(part_dtype(z.dtype))


def sign(z):
    special = np.sign(z)
    size = magnitude(z)
    usual = joined((z.real / size).astype("f8"), (z.imag / size).astype("f8"), z.dtype)
    return np.where(np.isfinite(size) & (size != 0), usual, special).astype(z.dtype)


def arithmetic(name, *x):
    x = [v.astype(np.result_type(*x)) for v in x]
    if name == "multiply":
        return product(*x)
    if name == "square":
        return product(x[0], x[0])
    if name == "abs":
        return magnitude(x[0]).astype(part_dtype(x[0].dtype))
    if name == "sqrt":
        return function("sqrt", x[0])
    return sign(x[0])


# The angle, im log 2, is rounded: Kiln's rule, and NumPy's.
def power_of_two(z):
    angle = mpmath.mpf(float(z.imag) * 0.69314718055994530942)
    return mpmath.power(2, z.real) * mpmath.mpc(mpmath.cos(angle), mpmath.sin(angle))


def numpy_function(name, operands):
    if name == "expm1":  # NumPy's own is NaN at infinities where exp is not
        e = np.exp(operands[0])
        return np.where(np.isfinite(operands[0]), np.expm1(operands[0]), joined(e.real - 1, e.imag, e.dtype))
    return getattr(np, name)(*operands)


# C's and NumPy's names, and mpmath's function.
functions = {
    "sqrt": ("sqrt", mpmath.sqrt), "exp": ("exp", mpmath.exp), "exp2": ("exp2", power_of_two),
    "expm1": ("expm1", mpmath.expm1), "log": ("log", mpmath.log), "log2": ("log2", lambda z: mpmath.log(z) / mpmath.log(2)),
    "log10": ("log10", lambda z: mpmath.log(z) / mpmath.log(10)), "log1p": ("log1p", lambda z: mpmath.log(1 + z)),
    "sin": ("sin", mpmath.sin), "cos": ("cos", mpmath.cos), "tan": ("tan", mpmath.tan), "sinh": ("sinh", mpmath.sinh),
    "cosh": ("cosh", mpmath.cosh), "tanh": ("tanh", mpmath.tanh), "arcsin": ("arcsin", mpmath.asin),
    "arccos": ("arccos", mpmath.acos), "arctan": ("arctan", mpmath.atan), "arcsinh": ("arcsinh", mpmath.asinh),
    "arccosh": ("arccosh", mpmath.acosh), "arctanh": ("arctanh", mpmath.atanh), "pow": ("power", mpmath.power),
}


def to_float(x):
    try:
        return float(x)
    except OverflowError:
        return float("inf") if x > 0 else float("-inf")


# One value; `numpy_value` is NumPy's.
def exact(f, operands, numpy_value):
    parts = [p for z in operands for p in (z.real, z.imag)]
    if not all(np.isfinite(p) for p in parts) or operands[0] == 0:
        return numpy_value
    try:
        value = mpmath.mpc(f(*[mpmath.mpc(float(z.real), float(z.imag)) for z in operands]))
    except (ZeroDivisionError, ValueError, OverflowError):
        return numpy_value
    result = []
    for ours, theirs in ((value.real, numpy_value.real), (value.imag, numpy_value.imag)):
        x = to_float(ours)
        # A zero part of an operand says on which side of a cut it is: mpmath has no zeros of different sign.
        known = not np.isnan(theirs) and (0 in parts or x == 0)
        result.append(float(np.copysign(x, theirs)) if known else x)
    return complex(*result)


def function(name, *operands):
    if name not in functions:
        raise TypeError(name + " takes no complex numbers")
    numpy_name, f = functions[name]
    dtype = np.result_type(*operands)
    wide = [v.astype(dtype).astype("c16") for v in operands]
    theirs = numpy_function(numpy_name, wide)
    values = [exact(f, z, theirs[k]) for k, z in enumerate(zip(*wide))]
    return np.array(values, dtype="c16").astype(dtype)
