"""Learners with scikit-learn's estimator contract. Needs the extra ``learn``."""
