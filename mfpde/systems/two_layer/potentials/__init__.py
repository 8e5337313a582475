"""What the dynamics need to know of the data: Psi, its gradient and the risk, in closed form or over data points."""
