"""Data sets: sources, tables, splits, scaling, batches and augmentation."""
