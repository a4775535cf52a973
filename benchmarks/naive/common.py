"""What every naive implementation shares: arguments in, picks and timings out."""

import argparse
import json
import time

import numpy as np


def main(variants):
    """Runs `variants[name](X, n, args)` on a pool read as f32; writes the picks and prints timings as JSON."""
    parser = argparse.ArgumentParser()
    parser.add_argument("variant", choices=sorted(variants))
    parser.add_argument("pool", help="npy file, (n, d)")
    parser.add_argument("-n", type=int, required=True, help="number of picks")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--start", type=int, default=0, help="first row of k-center")
    parser.add_argument("-o", "--output", required=True, help="npy file for the picks")
    args = parser.parse_args()

    began = time.perf_counter()
    X = np.load(args.pool).astype(np.float32)
    loaded, cpu = time.perf_counter(), time.process_time()
    picks = variants[args.variant](X, args.n, args)
    timings = {
        "load_secs": loaded - began,
        "select_secs": time.perf_counter() - loaded,
        "select_cpu_secs": time.process_time() - cpu,
    }
    np.save(args.output, np.asarray(picks, dtype=np.int64))
    print(json.dumps(timings))
