"""CPU seconds of one piece of work by the package that is the reference for it: python peers.py WORK CSV"""

import csv
import os
import sys
import time

for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[name] = "1"
import numpy as np

work, path = sys.argv[1:3]
with open(path) as lines:
    rows = list(csv.reader(lines))[1:]
table = np.array([[float(v) for v in row] for row in rows])
t, e, x = table[:, 0], table[:, 1] == 1, table[:, 2:]
n, p = x.shape


def rsf():
    from sksurv.ensemble import RandomSurvivalForest
    from sksurv.util import Surv

    forest = RandomSurvivalForest(n_estimators=100, min_samples_leaf=3, max_features="sqrt", n_jobs=1, random_state=1)
    forest.fit(x, Surv.from_arrays(e, t)).predict(x)


def svm():
    from sksurv.svm import FastSurvivalSVM
    from sksurv.util import Surv

    FastSurvivalSVM(alpha=1, rank_ratio=1, max_iter=1000, tol=1e-5, random_state=0).fit(z, Surv.from_arrays(e, t)).predict(z)


def xgb():
    import xgboost

    matrix = xgboost.DMatrix(x, np.where(e, t, -t))
    settings = {"objective": "survival:cox", "tree_method": "exact", "eta": 0.1, "max_depth": 3, "nthread": 1}
    xgboost.train(settings, matrix, 100).predict(matrix)


def loss_of(score, event):
    """-log partial likelihood of scores in descending time, a mean over events."""
    import torch

    return -((score - torch.logcumsumexp(score, 0)) * event).sum() / event.sum()


def deepsurv():
    import torch

    torch.set_num_threads(1)
    layers = []
    for width in (p, 32):
        layers += [torch.nn.Linear(width, 32), torch.nn.ReLU(), torch.nn.BatchNorm1d(32), torch.nn.Dropout(0.4)]
    net = torch.nn.Sequential(*layers, torch.nn.Linear(32, 1, bias=False))
    steps = torch.optim.Adam(net.parameters(), lr=0.01)
    order = np.argsort(-t, kind="stable")
    inputs = torch.tensor(z[order], dtype=torch.float32)
    event = torch.tensor(e[order], dtype=torch.float32)
    for _ in range(100):
        shuffled = torch.randperm(n)
        for start in range(0, n, 256):
            rows = shuffled[start : start + 256].sort().values
            steps.zero_grad()
            loss_of(net(inputs[rows]).view(-1), event[rows]).backward()
            steps.step()
    net.eval()
    net(inputs)


def pycox():
    import torch, torchtuples
    from pycox.models import CoxPH

    torch.set_num_threads(1)
    net = torchtuples.practical.MLPVanilla(p, [32, 32], 1, batch_norm=True, dropout=0.4, output_bias=False)
    model = CoxPH(net, torch.optim.Adam(net.parameters(), lr=0.01))
    inputs = z.astype("float32")
    model.fit(inputs, (t.astype("float32"), e.astype("float32")), 256, 100, verbose=False)
    model.predict(inputs)


def dnnsurv():
    import torch

    torch.set_num_threads(1)
    cuts = np.unique(np.quantile(t[e], np.arange(0.1, 0.95, 0.1)))
    starts = np.concatenate([[0.0], cuts[:-1]])
    who, interval = np.nonzero(t[:, None] > starts[None, :])
    inputs = torch.tensor(np.hstack([z[who], np.eye(len(cuts))[interval]]), dtype=torch.float32)
    # survived the interval: as many values as pseudo-values, which are not timed here
    value = torch.tensor((t[who] > cuts[interval]).astype("float32"))[:, None]
    a, b = torch.nn.Linear(p + len(cuts), 8), torch.nn.Linear(8, 4)
    net = torch.nn.Sequential(a, torch.nn.Tanh(), b, torch.nn.Tanh(), torch.nn.Linear(4, 1), torch.nn.Sigmoid())
    steps = torch.optim.Adam(net.parameters(), lr=0.0025, eps=1e-7)
    for _ in range(30):
        shuffled = torch.randperm(len(inputs))
        for rows in shuffled.split(64):
            steps.zero_grad()
            error = ((net(inputs[rows]) - value[rows]) ** 2).mean()
            (error + 1e-4 * (a.weight**2).sum() + 1e-2 * (b.weight**2).sum()).backward()
            steps.step()


z = (x - x.mean(0)) / x.std(0)
run = {"rsf-100": rsf, "svm": svm, "xgboost": xgb, "deepsurv": deepsurv, "deepsurv-pycox": pycox, "dnnsurv": dnnsurv}[work]
run()
began, times = time.process_time(), 0
while time.process_time() - began < 0.3:
    run()
    times += 1
each = (time.process_time() - began) / times
package = {"rsf-100": "sksurv", "svm": "sksurv", "xgboost": "xgboost", "deepsurv-pycox": "pycox"}.get(work, "torch")
print(each, sys.modules[package].__version__)
