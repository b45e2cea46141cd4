"""Learners on hypervectors with scikit-learn's estimator contract: classify, cluster, regress.

scikit-learn is the extra ``learn``: ``pip install hdspike[learn]``.
"""

from importlib.util import find_spec

if find_spec("sklearn") is None:
    raise ImportError("hdspike.learn needs scikit-learn: pip install hdspike[learn]")

from hdspike.learn.centroid import CentroidClassifier
from hdspike.learn.cluster import HDCluster
from hdspike.learn.encoder import HypervectorEncoder
from hdspike.learn.lehdc import LeHDCClassifier
from hdspike.learn.model import load
from hdspike.learn.online import OnlineHDClassifier
from hdspike.learn.regressor import HDRegressor
from hdspike.learn.retraining import RetrainingClassifier

__all__ = [
    "CentroidClassifier",
    "HDCluster",
    "HDRegressor",
    "HypervectorEncoder",
    "LeHDCClassifier",
    "OnlineHDClassifier",
    "RetrainingClassifier",
    "load",
]
