"""What `mtlray data` lists, imports, verifies and draws."""
