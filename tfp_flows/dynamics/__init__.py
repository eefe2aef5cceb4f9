"""Differential equations: solvers with gradients, divergences, and paths of probability. They know of no flow."""

from tfp_flows.dynamics import diffusion, langevin, paths, transport
from tfp_flows.dynamics.saved import solve_at
from tfp_flows.dynamics.solve import Solution, Solver, solve
from tfp_flows.dynamics.status import SolverError, require_reached
from tfp_flows.dynamics.tableau import METHODS, Tableau

__all__ = [
    "METHODS", "Solution", "Solver", "SolverError", "Tableau", "diffusion", "langevin", "paths", "require_reached",
    "solve", "solve_at", "transport",
]  # fmt: skip
