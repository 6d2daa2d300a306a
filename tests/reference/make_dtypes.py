# The result dtypes of every NumPy ufunc, from NumPy 2 and ml_dtypes: python3 tests/reference/make_dtypes.py
#
# ufuncs.txt has a paragraph for each ufunc of NumPy's namespace: its name and numbers of operands and results, then the
# dtype of its first result for one operand of each dtype, or a row of such for each dtype of the first operand; "-" where
# NumPy refuses. Rows and columns are in the order of Kiln's dtypes; bf16 is ml_dtypes', which says nothing ("?") where it
# has no loop and no rule for the pair. tests/conformance/ufuncs_test.cpp reads it.
import os

import ml_dtypes
import numpy as np

np.seterr(all="ignore")
names = ["bool", "i8", "i16", "i32", "i64", "u8", "u16", "u32", "u64", "f16", "bf16", "f32", "f64", "c64", "c128"]
types = [np.dtype(t) for t in ["?", "i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8", "f2", ml_dtypes.bfloat16, "f4", "f8", "c8", "c16"]]
name_of = dict(zip(types, names))


def result(ufunc, operands):
    try:
        r = ufunc(*[np.ones(1, t) for t in operands])
    except TypeError:
        return "?" if any(name_of[t] == "bf16" for t in operands) else "-"
    r = r[0] if isinstance(r, tuple) else r
    return name_of.get(r.dtype, "?")


lines = ["# " + " ".join(names)]
for name in sorted(n for n in dir(np) if isinstance(getattr(np, n), np.ufunc)):
    ufunc = getattr(np, name)
    if ufunc.signature is not None:  # of matrices and vectors
        lines.append(f"{name} core dimensions")
        continue
    lines.append(f"{name} {ufunc.nin} {ufunc.nout}")
    if ufunc.nin == 1:
        lines.append(" ".join(result(ufunc, [t]) for t in types))
    else:
        lines += [" ".join(result(ufunc, [a, b]) for b in types) for a in types]
path = os.path.join(os.path.dirname(os.path.abspath(__file__)), "ufuncs.txt")
with open(path, "w") as file:
    file.write("\n".join(lines) + "\n")
print(path, os.path.getsize(path))
