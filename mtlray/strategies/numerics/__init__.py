"""What several strategies compute with: solvers, averages and projections. No file here is a method."""
