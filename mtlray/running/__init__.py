"""From specs to committed results: starts, failures, retries, stops. Knows nothing of Ray."""
