"""CPU seconds and peak memory of the original on one thread.

usage: original.py features IMAGE MASK CONFIG REPEATS     CONFIG: original | 1409 | full
       original.py n4 IMAGE SHRINK
Prints one line of JSON. The least of the repeats counts: a shared machine only ever adds.
"""
import json
import logging
import os
import resource
import sys
import time

for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "ITK_GLOBAL_DEFAULT_NUMBER_OF_THREADS"):
    os.environ[name] = "1"
import SimpleITK as sitk  # noqa: E402  (the variables above must be set first)

sitk.ProcessObject.SetGlobalDefaultNumberOfThreads(1)

TYPES = {
    "original": ["Original"],
    "1409": ["Original", "Wavelet", "Square", "SquareRoot", "Logarithm", "Exponential", "Gradient", "LBP2D"],
    "full": [
        "Original", "Wavelet", "LoG", "Square", "SquareRoot", "Logarithm", "Exponential", "Gradient", "LBP2D", "LBP3D",
    ],
}


def features(image, mask, config, repeats):
    from radiomics import featureextractor

    logging.getLogger("radiomics").setLevel(logging.CRITICAL)
    extractor = featureextractor.RadiomicsFeatureExtractor(binWidth=25, minimumROIDimensions=2)
    extractor.disableAllImageTypes()
    custom = {"LoG": {"sigma": [1.0, 2.0, 3.0, 4.0, 5.0]}}
    extractor.enableImageTypes(**{name: custom.get(name, {}) for name in TYPES[config]})
    extractor.enableAllFeatures()
    extractor.enabledFeatures.pop("shape2D", None)
    image, mask = sitk.ReadImage(image), sitk.ReadImage(mask)
    return least(repeats, lambda: sum(not k.startswith("diag") for k in extractor.execute(image, mask)))


def n4(image, shrink):
    image = sitk.Cast(sitk.ReadImage(image), sitk.sitkFloat32)
    otsu = sitk.OtsuThresholdImageFilter()
    otsu.SetInsideValue(0)
    otsu.SetOutsideValue(1)
    otsu.SetNumberOfHistogramBins(200)
    mask = sitk.Cast(otsu.Execute(image), sitk.sitkUInt8)
    small, small_mask = sitk.Shrink(image, [shrink] * 3), sitk.Shrink(mask, [shrink] * 3)

    def correct():
        n4 = sitk.N4BiasFieldCorrectionImageFilter()
        n4.SetMaximumNumberOfIterations([50, 40, 30])
        n4.SetConvergenceThreshold(1e-4)
        n4.SetMaskLabel(1)
        n4.Execute(small, small_mask)
        image / sitk.Exp(n4.GetLogBiasFieldAsImage(image))
        return 1

    return least(1, correct)


def least(repeats, work):
    spent = []
    for _ in range(repeats):
        began = time.process_time()
        n = work()
        spent.append(time.process_time() - began)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return {"n": n, "cpu_s": min(spent), "peak_mib": peak}


if sys.argv[1] == "n4":
    print(json.dumps(n4(sys.argv[2], int(sys.argv[3]))))
else:
    print(json.dumps(features(sys.argv[2], sys.argv[3], sys.argv[4], int(sys.argv[5]))))
