# Random expressions as NumPy text, with what NumPy gives: python3 tests/reference/make_expressions.py (numpy and ml_dtypes)
#
# values/expressions.bin is a list of tensors as make_values.py describes it: three operands of each of the fifteen dtypes,
# named f32_0 and so on, then results, each named by the text of its expression. Numbers in the text are weak, as Python's
# are. Only what is exact in NumPy on every machine is drawn, so that results are compared bit for bit; functions are
# compared by make_values.py.
import os
import random
import struct

import ml_dtypes
import numpy as np

np.seterr(all="ignore")
random.seed(20261127)

names = ["bool", "i8", "i16", "i32", "i64", "u8", "u16", "u32", "u64", "f16", "bf16", "f32", "f64", "c64", "c128"]  # TypeCode's order
dtypes = {"bool": "?", "i8": "i1", "i16": "i2", "i32": "i4", "i64": "i8", "u8": "u1", "u16": "u2", "u32": "u4", "u64": "u8",
          "f16": "f2", "bf16": ml_dtypes.bfloat16, "f32": "f4", "f64": "f8", "c64": "c8", "c128": "c16"}
dtypes = {name: np.dtype(dtype) for name, dtype in dtypes.items()}
code_of = {dtypes[name]: code for code, name in enumerate(names)}
length = 13


def operand(name, which):
    dtype = dtypes[name]
    if dtype.kind == "b":
        return np.array([random.random() < 0.5 for _ in range(length)])
    if dtype.kind in "iu":
        limits = np.iinfo(dtype)
        small = [int(limits.min), int(limits.max), 0, 1]
        draw = lambda: random.choice([random.randint(limits.min, limits.max), random.randint(max(limits.min, -9), 9)])
        return np.array(small + [draw() for _ in range(length - 4)], dtype=dtype)
    special = [0.0, -0.0, float("inf"), float("-inf"), float("nan"), 1.0, 0.5]
    draw = lambda: random.choice([random.uniform(-4, 4), float(random.randint(-9, 9)), random.uniform(-1, 1) * 10 ** random.randint(-4, 4)])
    values = [random.choice(special) if random.random() < 0.25 else draw() for _ in range(length)]
    if name.startswith("c"):
        return np.array([complex(v, random.choice([draw(), random.choice(special)])) for v in values], dtype=dtype)
    return np.array(values).astype(dtype)


operands = {f"{name}_{which}": operand(name, which) for name in names for which in range(3)}

unary = ["negative", "absolute", "sign", "square", "sqrt", "floor", "ceil", "trunc", "rint", "isnan", "isinf", "isfinite",
         "signbit", "invert", "logical_not"]
binary = ["add", "subtract", "multiply", "true_divide", "floor_divide", "remainder", "fmod", "minimum", "maximum", "fmin", "fmax",
          "copysign", "less", "less_equal", "greater", "greater_equal", "equal", "not_equal", "logical_and", "logical_or",
          "bitwise_and", "bitwise_or", "bitwise_xor", "left_shift", "right_shift"]
comparisons = {"less", "less_equal", "greater", "greater_equal", "equal", "not_equal"}
bitwise = {"bitwise_and", "bitwise_or", "bitwise_xor"}
# Of complex numbers: what no machine rounds in another way (NumPy multiplies with fma where there is one).
complex_ones = comparisons | {"negative", "isnan", "isinf", "isfinite", "logical_not", "add", "subtract", "minimum", "maximum", "fmin",
                              "fmax", "logical_and", "logical_or", "where"}


class Refused(Exception):
    pass


def is_bool(x):
    return isinstance(x, (bool, np.bool_)) or (isinstance(x, np.ndarray) and x.dtype == bool)


def checked(name, function, *x):
    """What NumPy gives, or Refused: by NumPy, or because Kiln refuses it on purpose."""
    if name in comparisons | bitwise and is_bool(x[0]) != is_bool(x[1]):
        raise Refused  # a < b < c, and a & b == c
    arrays = [v for v in x if isinstance(v, np.ndarray)]
    if not arrays:
        raise Refused  # of numbers alone NumPy makes strong ones
    if any(v.dtype.kind == "c" for v in arrays) and name not in complex_ones:
        raise Refused
    # ml_dtypes rounds twice, by way of f32, what NumPy's own dtypes round once; and its modulo is C's.
    if any(v.dtype == dtypes["bf16"] for v in arrays) and name in {"remainder", "floor_divide", "fmod", "sqrt", "square", "signbit",
                                                                  "copysign", "fmin", "fmax", "where", "sign", "rint"}:
        raise Refused
    try:
        result = function(*x)
    except (TypeError, OverflowError, ValueError):
        raise Refused
    if result.dtype not in code_of:
        raise Refused
    return result


def as_dtype(name, x):
    if not isinstance(x, np.ndarray):
        raise Refused
    if x.dtype.kind == "c" and not name.startswith("c"):
        raise Refused
    if dtypes[name].kind in "iu" and x.dtype.kind not in "biu":
        limits = np.iinfo(dtypes[name])
        wide = x.astype("f8")
        if not np.all(np.isfinite(wide)) or np.any(wide < float(limits.min)) or np.any(wide >= float(limits.max)):
            raise Refused  # undefined in NumPy, saturated in Kiln
    if name == "bf16" and x.dtype.kind in "iuf" and x.dtype.itemsize > 4:
        raise Refused  # ml_dtypes rounds by way of f32
    return x.astype(dtypes[name])


environment = dict(operands)
for each in unary + binary:
    environment[each] = (lambda name: lambda *x: checked(name, getattr(np, name), *x))(each)


def where(c, x, y):
    if not is_bool(c):
        raise Refused
    result = checked("where", np.where, c, x, y)
    if result.dtype.kind in "iu":  # no ufunc: it wraps a number that does not fit
        limits = np.iinfo(result.dtype)
        if any(isinstance(v, int) and not limits.min <= v <= limits.max for v in (x, y)):
            raise Refused
    return result


environment["where"] = where
for each in names:
    environment[each] = (lambda name: lambda x: as_dtype(name, x))(each)


def draw(depth, palette):
    if depth == 0:
        if random.random() < 0.15:
            return random.choice(["2", "3", "-1", "7", "0.5", "2.25", "-1.5"])
        return f"{random.choice(palette)}_{random.randrange(3)}"
    kind = random.random()
    if kind < 0.3:
        return f"{random.choice(unary)}({draw(depth - 1, palette)})"
    if kind < 0.85:
        return f"{random.choice(binary)}({draw(depth - 1, palette)}, {draw(random.randrange(depth), palette)})"
    if kind < 0.93:
        condition = f"{random.choice(sorted(comparisons))}({draw(0, palette)}, {draw(0, palette)})"
        return f"where({condition}, {draw(depth - 1, palette)}, {draw(random.randrange(depth), palette)})"
    return f"{random.choice(names)}({draw(depth - 1, palette)})"


def evaluated(text):
    try:
        result = eval(text, {"__builtins__": {}}, environment)
    except Refused:
        return None
    return result if isinstance(result, np.ndarray) and result.shape == (length,) else None


def tensor(name, array):
    assert len(name) < 256
    header = struct.pack("<B", len(name)) + name.encode()
    header += struct.pack("<BB", code_of[array.dtype], array.ndim) + struct.pack(f"<{array.ndim}i", *array.shape)
    return header + np.ascontiguousarray(array).tobytes()


parts = [tensor(name, array) for name, array in operands.items()]
seen = set()
wanted = 1200
while len(seen) < wanted:
    # One dtype, a few, or all of them; every dtype in turn.
    palette = [names[len(seen) % len(names)]]
    palette += random.choice([[], [random.choice(names)], names])
    text = draw(random.choice([1, 2, 2, 3]), palette)
    if text in seen or len(text) > 255 or not any(f"{palette[0]}_{k}" in text for k in range(3)):
        continue
    result = evaluated(text)
    if result is None:
        continue
    seen.add(text)
    parts.append(tensor(text, result))
folder = os.path.join(os.path.dirname(os.path.abspath(__file__)), "values")
with open(os.path.join(folder, "expressions.bin"), "wb") as file:
    file.write(b"".join(parts))
