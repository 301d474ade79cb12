"""The fast parts: training many compiled steps at a time, and prediction over whole data sets."""
