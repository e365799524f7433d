"""Long work, run offline: training and publishing, comparisons, lists over a text file."""
