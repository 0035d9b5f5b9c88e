"""The evaluation of models: predictions (a process of its own with TensorFlow), metrics and comparison (numpy)."""
