"""Classifier and regressor with scikit-learn's conventions; scikit-learn is imported only here.

parameters   what an estimator is set to, and the config that this means
rows         arrays and data frames as a data set
recording    the rows of a fit as a file, for a run folder
base         fit, partial_fit and the outputs, for both
classifier   classes, probabilities and decisions
regressor    numbers
"""
