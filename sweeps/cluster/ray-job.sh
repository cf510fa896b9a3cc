#!/bin/bash
# Made by: mtlray launch-script ray-job sweeps/quickstart.py --results s3://bucket/results
# Run:     bash THIS_FILE    (needs `pip install 'ray[default]'` here, mtlray on every node, and access to the dashboard)
# A cluster with a token: export RAY_AUTH_MODE=token and RAY_AUTH_TOKEN or RAY_AUTH_TOKEN_PATH first.
# If the cluster goes away, the job ends. Run this script again to continue with what is left.
set -eu
ray job submit --address http://127.0.0.1:8265 \
  --working-dir sweeps \
  --runtime-env-json '{"excludes": ["results/", ".git/", ".venv/", "*.parquet", "*.pt"]}' \
  -- mtlray run quickstart.py --yes --results s3://bucket/results --device cpu --address auto
