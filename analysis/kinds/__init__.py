"""The kinds of table beside the cells: leaderboard, comparison, cost, and the price of selection."""
