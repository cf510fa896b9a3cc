"""What all messages, tables and files have in common: credentials are masked, numbers and names keep apart what differs."""
