"""The one room in which private names of TensorFlow, TFP and Keras are touched: each has a test that names it."""
