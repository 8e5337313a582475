"""What every two-layer system shares: the clock, the field that moves neurons, samples, noise, and the flows made of them."""
