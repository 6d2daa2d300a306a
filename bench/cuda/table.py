#!/usr/bin/env python3
"""The GPU's tables of docs/performance.md, from what the benchmark wrote.

    table.py BENCH.json [--peers PEERS.json] [--write docs/performance.md]

Without --write they go to standard output; with it, between the two comments that name this file. Of a simulated GPU the
rows are there, and each says "not measured".
"""
import argparse
import json
import re

begin_mark, end_mark = "<!-- bench/cuda/table.py writes from here -->", "<!-- to here -->"
peer_names = {"cupy": "CuPy", "torch": "PyTorch", "jax": "JAX", "numba": "numba-cuda"}


def duration(seconds):
    for unit, factor in (("s", 1), ("ms", 1e3), ("µs", 1e6)):
        if seconds * factor >= 1:
            return f"{seconds * factor:.3g} {unit}"
    return f"{seconds * 1e9:.3g} ns"


def name_of(row, measured):
    """Extents are those of the memory there was: where nothing was measured only the shape is told."""
    found = re.fullmatch(r"(sum_axis\d)_(\d+)x(\d+)", row["bench"])
    if not found or measured:
        return f"`{row['bench']}`"
    rows, columns = int(found[2]), int(found[3])
    return f"`{found[1]}`, " + ("16 columns" if columns == 16 else "16 rows" if rows == 16 else "square")


def figure_of(target):
    variant, against = target["variant"], target["against"]
    return {"ratio": f"{variant} / {against}", "difference": f"{variant} − {against}", "seconds": variant,
            "share": f"bandwidth of {variant} / {against}"}[target["kind"]]


def value_of(target, value):
    if value is None:
        return "not measured"
    return {"ratio": lambda: f"{value:.2f}", "share": lambda: f"{100 * value:.0f} %"}.get(
        target["kind"], lambda: duration(value))()


def limit_of(target):
    word = "at least" if target["kind"] == "share" else "at most"
    return f"{word} {value_of(target, target['limit'])}"


def targets_table(bench):
    measured = "simulated" not in bench
    lines = ["| bench | dtype | n | figure | must be | measured | |" if measured else
             "| bench | dtype | figure | must be | measured |",
             "|---|---|---|---|---|---|---|" if measured else "|---|---|---|---|---|"]
    for target in bench["targets"]:
        cells = [name_of(target, measured), target["dtype"]]
        cells += [str(target["n"])] if measured else []
        cells += [figure_of(target), limit_of(target), value_of(target, target["value"])]
        cells += ["" if target["reached"] else "**missed**"] if measured else []
        lines.append("| " + " | ".join(cells) + " |")
    return lines


def rate(record):
    """Seconds of an element, so that sizes may differ."""
    return record["seconds_median"] / max(record["n"], 1)


def peers_table(bench, peers):
    kiln = {(r["bench"], r["dtype"]): r for r in bench["records"] if r["variant"] == "kiln"}
    columns = {p["records"][0]["variant"]: {(r["bench"], r["dtype"]): r for r in p["records"]}
               for p in peers["peers"] if p["records"]}
    versions = ", ".join(f"{p['peer']} {p['version']}" for p in peers["peers"])
    lines = [f"Beside {versions or 'no peer'}; " +
             "".join(f"{p['peer']} was absent ({p['why']}); " for p in peers["absent"]) +
             "a call of theirs as a multiple of Kiln's, below 1 they are faster:", "",
             "| bench | dtype | kiln | " + " | ".join(peer_names.get(c, c) for c in columns) + " |",
             "|---|---|---|" + "---|" * len(columns)]
    for key, ours in kiln.items():
        theirs = [column.get(key) for column in columns.values()]
        if not any(theirs):
            continue
        cells = [f"{rate(t) / rate(ours):.2f}" if t else "—" for t in theirs]
        lines.append(f"| `{key[0]}` | {key[1]} | {duration(ours['seconds_median'])} | " + " | ".join(cells) + " |")
    return lines


def section(bench, peers):
    if "simulated" in bench:
        lines = ["Nothing of this has run on a GPU yet: every figure is **not measured**.", ""]
    else:
        lines = [f"Measured on {bench['date'][:10]} on {bench['gpu']}; {bench['gpu_driver']}; NVRTC {bench['nvrtc']}.", ""]
        context = [r for r in bench["records"] if r["bench"] == "context"]
        lines += [f"Making the context, which no figure below has in it: {duration(context[0]['seconds_median'])}.", ""] \
            if context else []
    lines += targets_table(bench) + [""]
    if "simulated" in bench or not peers:
        lines.append("Beside CuPy, PyTorch, JAX and numba-cuda: not measured.")
    else:
        lines += peers_table(bench, peers)
    return "\n".join(lines)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("bench")
    parser.add_argument("--peers")
    parser.add_argument("--write")
    options = parser.parse_args()
    bench = json.load(open(options.bench))
    peers = json.load(open(options.peers)) if options.peers else None
    text = section(bench, peers)
    if not options.write:
        print(text)
        return
    page = open(options.write).read()
    head, rest = page.split(begin_mark)
    tail = rest.split(end_mark)[1]
    with open(options.write, "w") as out:
        out.write(f"{head}{begin_mark}\n\n{text}\n\n{end_mark}{tail}")


if __name__ == "__main__":
    main()
