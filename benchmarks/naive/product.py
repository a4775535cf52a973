"""Rate of numpy's matrix product for the shape `ROWSxDIMxCENTERS`, per second of processor time: best of five samples."""

import json
import sys
import time

import numpy as np

SAMPLE_SECS = 0.5

m, d, k = map(int, sys.argv[1].split("x"))
rng = np.random.default_rng(0)
left, right = (rng.standard_normal((rows, d), dtype=np.float32) for rows in (m, k))
out = np.empty((m, k), np.float32)
best = 0.0
for _ in range(5):
    runs, began = 0, time.process_time()
    while (secs := time.process_time() - began) < SAMPLE_SECS:
        np.matmul(left, right.T, out=out)
        runs += 1
    best = max(best, 2e-9 * m * d * k * runs / secs)
print(json.dumps({"gflops": best}))
