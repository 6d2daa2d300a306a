# The .npy files of tests/reference/npy, as NumPy writes them: python3 tests/reference/make_npy.py (needs NumPy 2)
import os

import numpy as np

folder = os.path.join(os.path.dirname(os.path.abspath(__file__)), "npy")
os.makedirs(folder, exist_ok=True)


def write(name, array, version=None):
    with open(os.path.join(folder, name + ".npy"), "wb") as file:
        np.lib.format.write_array(file, array, version=version)


# Element k of every "numbers" array: tests/unit/npy_test.cpp has the same formulas.
def numbers(dtype, shape):
    dtype = np.dtype(dtype)
    k = np.arange(int(np.prod(shape)))
    if dtype.kind == "b":
        values = k % 3 == 0
    elif dtype.kind in "iu":
        values = k * 21 - 5
    elif dtype.kind == "f":
        values = k * 0.75 - 2.5
    else:
        values = (k * 0.75 - 2.5) + 1j * (k - 4)
    return values.astype(dtype).reshape(shape)


types = ["|b1", "|i1", "<i2", "<i4", "<i8", "|u1", "<u2", "<u4", "<u8", "<f2", "<f4", "<f8", "<c8", "<c16"]
for name in types:
    plain = name[1:]
    write("numbers_" + plain, numbers(name, (3, 4)))
    write("numbers_" + plain + "_fortran", np.asfortranarray(numbers(name, (3, 4))))
    if np.dtype(name).itemsize > 1:
        write("numbers_" + plain + "_big", numbers(">" + plain, (3, 4)))
write("rank_0", numbers("<f8", ()))
write("rank_1", numbers("<f8", (5,)))
write("rank_3_fortran", np.asfortranarray(numbers("<f4", (2, 3, 4))))
write("rank_8", numbers("<i2", (1, 2, 1, 3, 1, 2, 1, 1)))
write("rank_9", numbers("<i2", (1,) * 9))
write("empty", numbers("<f8", (0, 3)))
write("empty_fortran", np.zeros((3, 0, 2), order="F"))
write("version_2", numbers("<i4", (3, 4)), version=(2, 0))
write("version_3", numbers("<i4", (3, 4)), version=(3, 0))

write("refused_text", np.array(["a", "bc"]))
write("refused_bytes", np.array([b"a", b"bc"]))
write("refused_object", np.array([1, "a", None], dtype=object))
write("refused_structured", np.zeros(3, dtype=[("x", "<f8"), ("n", "<i4")]))
write("refused_dates", np.array(["2024-01-01"], dtype="datetime64[D]"))
write("refused_long_double", np.zeros(3, dtype=np.longdouble))


# The tutorial function, with the types that NumPy's scalars have.
def a_plus_tr_tanh_a(a):
    total = np.result_type(np.tanh(a[:1, :1]), a.dtype).type(0)
    for i in range(a.shape[0]):
        total += np.tanh(a[i, i])
    return a + total


generator = np.random.default_rng(7)
for rows, columns in [(6, 6), (4, 7)]:
    for name in ["<i4", "<i8", "<f4", "<f8", ">i4", ">f8"]:
        values = generator.normal(0, 2, (rows, columns)) * (10 if name[1] == "i" else 1)
        for order in "CF":
            a = np.array(values.astype(name), order=order)
            label = f"tutorial_{'big' if name[0] == '>' else 'little'}_{name[1:]}_{rows}x{columns}_{order}"
            write(label, a)
            write(label + "_result", np.ascontiguousarray(a_plus_tr_tanh_a(a).astype(a_plus_tr_tanh_a(a).dtype.newbyteorder("="))))
