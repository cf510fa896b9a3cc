"""From Parquet to cells: one number for each strategy, fraction, task, metric and seed, beside the published ones."""
