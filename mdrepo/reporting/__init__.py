"""Values to text: pure functions, which print nothing."""
