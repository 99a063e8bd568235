"""Data: benchmarks and their readers, decoded images, and what each stage may see."""
