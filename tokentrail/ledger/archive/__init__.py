"""Whole months of the ledger in Parquet: written, proved, searched like the rest, and pruned past the retention."""
