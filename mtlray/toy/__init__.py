"""The toy problem of CAGrad and Nash-MTL: two losses of two numbers, and the way of each strategy through them."""
