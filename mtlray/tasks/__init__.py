"""What is predicted: tasks, their losses and metrics, and what a strategy may look at."""
