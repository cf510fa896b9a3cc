"""Multi-MNIST: two digits on one canvas."""
