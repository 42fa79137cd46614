#!/usr/bin/env python
"""Random settings files on random small images, by PyRadiomics and by `radloom step run extract-features`, feature by feature.

usage: compare.py RADLOOM FIRST LAST     seeds FIRST to LAST − 1; needs pyradiomics 3, SimpleITK 2.5, PyWavelets, trimesh
Prints a line a seed, and what lies outside the bars of docs/parity-radiomics.md, where the known causes stand too.
"""
import csv
import json
import logging
import math
import os
import random
import subprocess
import sys
import tempfile

for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "ITK_GLOBAL_DEFAULT_NUMBER_OF_THREADS"):
    os.environ[name] = "1"
import numpy as np  # noqa: E402  (the variables above must be set first)
import SimpleITK as sitk  # noqa: E402
from radiomics import featureextractor  # noqa: E402

logging.getLogger("radiomics").setLevel(logging.CRITICAL)
CLASSES = ["shape", "firstorder", "glcm", "glrlm", "glszm", "gldm", "ngtdm"]
INTERPOLATORS = ["BSpline", "Linear", "NearestNeighbor", "Gaussian"] + [
    f"{window}WindowedSinc" for window in ("Hamming", "Cosine", "Welch", "Lanczos", "Blackman")
]


def turned(draws):
    """A rotation, by rows."""
    quaternion = draws.normal(size=4)
    w, i, j, k = quaternion / np.linalg.norm(quaternion)
    return [1 - 2 * (j * j + k * k), 2 * (i * j - k * w), 2 * (i * k + j * w), 2 * (i * j + k * w), 1 - 2 * (i * i + k * k),
            2 * (j * k - i * w), 2 * (i * k - j * w), 2 * (j * k + i * w), 1 - 2 * (i * i + j * j)]


def phantom(rng):
    """Waves and noise in six pixel types; an ellipsoid with crumbs, at the border, in a thin image or in one slice; any direction."""
    draws = np.random.default_rng(rng.randrange(1 << 30))
    kind = rng.choice(["plain", "plain", "oblique", "border", "thin", "slab"])
    shape = [rng.randint(14, 24) for _ in range(3)]
    if kind == "thin":
        shape[0] = rng.choice([3, 4, 5])
    z, y, x = np.meshgrid(*[np.arange(n) for n in shape], indexing="ij")
    values = 200 + 80 * np.sin(x / 3.1) + 60 * np.cos(y / 2.3 + z / 4) + 30 * np.sin(z * y / 9) + draws.normal(0, 15, shape)
    pixel = rng.choice(["i2", "u1", "f4", "f8", "u2", "i4"])
    values = {"u1": np.clip(values / 2, 0, 255), "i2": values - 150, "u2": np.clip(values, 0, None)}.get(pixel, values)
    if pixel[0] != "f":
        values = np.rint(values)
    parts = [((axis - n / 2 - rng.uniform(-2, 2)) / (n * rng.uniform(0.22, 0.4))) ** 2 for axis, n in zip((z, y, x), shape)]
    inside = (sum(parts) <= 1) | (draws.random(shape) < 0.004)
    if kind == "border":
        inside[:, :5, :6] = True
    if kind == "slab":
        inside[: shape[0] // 2] = inside[shape[0] // 2 + 1 :] = False
    label = rng.choice([1, 1, 2])
    direction = turned(draws) if kind == "oblique" else np.diag([rng.choice([1.0, -1.0]), rng.choice([1.0, -1.0]), 1.0]).ravel().tolist()
    in_plane = rng.choice([0.5, 0.7, 1.0, 1.3])
    spacing = [in_plane, in_plane if rng.random() < 0.7 else rng.choice([0.6, 1.1]), rng.choice([1.0, 2.5, 3.0])]
    origin = [rng.uniform(-50, 50) for _ in range(3)]
    images = [sitk.GetImageFromArray(values.astype(pixel)), sitk.GetImageFromArray(inside.astype("u1") * label)]
    for image in images:
        image.SetSpacing(spacing), image.SetOrigin(origin), image.SetDirection(direction)
    return images, label, f"{kind} {pixel}"


def settings(rng, label):
    """About a third of the keys of PyRadiomics' schema at a time."""
    setting = {"label": label, **({"binCount": rng.choice([4, 16, 32, 64])} if rng.random() < 0.4 else {"binWidth": rng.choice([3, 5.5, 10, 25, 40])})}
    some = {
        "normalize": [True], "normalizeScale": [50, 100.0], "removeOutliers": [2.0, 3], "interpolator": ["sitk" + i for i in INTERPOLATORS],
        "padDistance": [0, 1, 3, 8], "preCrop": [True], "distances": [[1], [1, 2], [2], [1, 2, 3], [3, 1]], "symmetricalGLCM": [True, False],
        "weightingNorm": ["manhattan", "euclidean", "infinity", "no_weighting", None], "gldm_a": [0, 1, 2, 3], "voxelArrayShift": [0, 100, 1000],
        "force2D": [True], "force2Ddimension": [0, 1, 2], "minimumROIDimensions": [1, 2, 3], "minimumROISize": [5, 50], "geometryTolerance": [1e-4],
        "correctMask": [True], "additionalInfo": [True, False], "gradientUseSpacing": [True, False], "lbp2DRadius": [1, 1.5, 2],
        "lbp2DSamples": [6, 8, 9, 12], "lbp2DMethod": ["default", "ror", "uniform", "var"], "lbp3DLevels": [1, 2, 3],
        "lbp3DIcosphereRadius": [1, 1.5], "lbp3DIcosphereSubdivision": [0, 1, 2], "level": [2], "start_level": [1],
        "wavelet": ["haar", "db3", "sym4", "coif2", "bior2.2", "rbio3.1"],
    }
    setting.update({key: rng.choice(values) for key, values in some.items() if rng.random() < 0.3})
    if rng.random() < 0.4:
        setting["resampledPixelSpacing"] = [rng.choice([0.8, 1, 1.5, 0]), rng.choice([0.9, 1, 0]), rng.choice([1, 2.0, 0, 3])]
    if rng.random() < 0.3:
        mode, ranges = rng.choice([("absolute", [[50, 260], [60], [300, 80]]), ("relative", [[0.2, 0.9], [0.3]]), ("sigma", [[-2, 2], [-1.5]])])
        setting.update(resegmentMode=mode, resegmentRange=rng.choice(ranges), resegmentShape=rng.random() < 0.4)
    types = {"Original": {}}
    filters = ["Wavelet", "LoG", "Square", "SquareRoot", "Logarithm", "Exponential", "Gradient", "LBP2D", "LBP3D"]
    types.update({name: {} for name in rng.sample(filters, rng.choice([1, 2, 3]))})
    if "LoG" in types:
        types["LoG"]["sigma"] = rng.choice([[1.0], [1.5, 3.0], [2.0]])
    own = {"binWidth": [2, 7.5], "binCount": [12, 24], "distances": [[1, 2]], "gldm_a": [1]}
    for custom in types.values():
        custom.update({key: rng.choice(values) for key, values in own.items() if rng.random() < 0.12})
    return {"setting": setting, "imageType": types, "featureClass": {name: [] for name in CLASSES}}


def theirs(image, mask, file):
    try:
        found = featureextractor.RadiomicsFeatureExtractor(file).execute(image, mask)
    except Exception as error:
        return None, f"{type(error).__name__}: {error}"
    return {name: float(value) for name, value in found.items() if not name.startswith("diagnostics")}, "ok"


def ours(radloom, folder):
    ports = ["--in", f"image={folder}/image.nrrd", "--in", f"mask={folder}/mask.nrrd", "--set", f"settings={folder}/p.json", "--out", f"{folder}/out"]
    said = subprocess.run([radloom, "step", "run", "extract-features", *ports], capture_output=True, text=True)
    if said.returncode:
        return None, said.stderr.strip()
    with open(f"{folder}/out/features.csv") as file:
        rows = list(csv.reader(line for line in file if not line.startswith("#")))[1:]
    return {name: float(value) if value else math.nan for name, value in rows}, "ok"


def outside(name, a, b):
    bar = 2e-4 if name.startswith("log-sigma") else 1e-4 if name.startswith(("gradient", "lbp-3D")) else 1e-6
    if math.isnan(a) or math.isnan(b):
        return math.isnan(a) != math.isnan(b)
    return abs(a - b) > 1e-9 and abs(a - b) > bar * abs(a)


def main(radloom, first, last):
    n, n_outside, n_one_sided = 0, 0, 0
    for seed in range(first, last):
        rng = random.Random(seed)
        (image, mask), label, kind = phantom(rng)
        params = settings(rng, label)
        with tempfile.TemporaryDirectory() as folder:
            with open(f"{folder}/p.json", "w") as file:
                json.dump(params, file)
            sitk.WriteImage(image, f"{folder}/image.nrrd"), sitk.WriteImage(mask, f"{folder}/mask.nrrd")
            (a, said), (b, answered) = theirs(image, mask, f"{folder}/p.json"), ours(radloom, folder)
        if a is None or b is None:
            n_one_sided += (a is None) != (b is None)
            print(f"{seed} {kind} refused; theirs: {said} | ours: {answered} | {json.dumps(params)}", flush=True)
            continue
        bad = [name for name in a if name in b and outside(name, a[name], b[name])]
        bad += [name for name in a.keys() ^ b.keys() if not math.isnan(a.get(name, b.get(name)))]
        n, n_outside = n + len(a), n_outside + len(bad)
        print(f"{seed} {kind} {len(a)} features, {len(bad)} outside {json.dumps(params) if bad else ''}", flush=True)
        for name in bad[:4]:
            print(f"    {name} theirs {a.get(name)} ours {b.get(name)}", flush=True)
    print(f"{n} features, {n_outside} outside, {n_one_sided} refused by one side")


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))
